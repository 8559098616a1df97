// Load on one server: a number of connections that each send the next request as soon as the last one is answered.
import { execFile, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import autocannon from "autocannon";

const SCRIPT = fileURLToPath(new URL("load.lua", import.meta.url));

/** wrk where there is one: it costs a tenth of a load generator written in JavaScript, and that would be measured as well. */
export const loadTool = spawnSync("wrk", ["--version"]).error === undefined ? "wrk" : "autocannon";

/**
 * Sends `requests` ({ method, path, headers, body? }) in turn. Resolves with requests a second, latencies in milliseconds, the number
 * of answers, and how many of them were no success (or never came).
 */
export function load(url, requests, { connections, seconds }) {
  return loadTool === "wrk" ? byWrk(url, requests, connections, seconds) : byAutocannon(url, requests, connections, seconds);
}

async function byWrk(url, requests, connections, seconds) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-load-"));
  const file = path.join(dir, "requests");
  try {
    // Whole requests, each after its length: all that is left for the script to do is to take the next one.
    const whole = requests.map((request) => Buffer.from(wireForm(new URL(url).host, request)));
    fs.writeFileSync(file, Buffer.concat(whole.flatMap((bytes) => [Buffer.from(`${bytes.length}\n`), bytes, Buffer.from("\n")])));
    const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", SCRIPT, url, "--", file];
    const { stdout } = await promisify(execFile)("wrk", args);
    const { total, failed, micros, p50, p99 } = JSON.parse(stdout.trim().split("\n").at(-1));
    return { perSecond: (total / micros) * 1e6, p50: p50 / 1000, p99: p99 / 1000, total, failed };
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function wireForm(host, { method, path: target, headers, body = "" }) {
  const length = body === "" ? {} : { "Content-Length": Buffer.byteLength(body) };
  const lines = Object.entries({ Host: host, ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

async function byAutocannon(url, requests, connections, seconds) {
  const {
    requests: sent,
    latency,
    duration,
    non2xx,
    errors,
  } = await autocannon({ url, connections, duration: seconds, requests, timeout: 10 });
  return { perSecond: sent.total / duration, p50: latency.p50, p99: latency.p99, total: sent.total, failed: non2xx + errors };
}
