// Whether the server's memory stays where it is: its resident set every 10 s over 10 minutes of load at 16 connections.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { say, step } from "../scripts/prepare.mjs";
import { fixed, median, whole } from "./figures.mjs";
import { refuseUnless200 } from "./flat.mjs";
import { authRequests, organizationWithKeys } from "./keys.mjs";
import { load } from "./load.mjs";

const KEYS = 1000;
const CONNECTIONS = 16;

export async function measure(stand, { quick }) {
  const [seconds, every, warm] = quick ? [60, 1, 6] : [600, 10, 60];
  const server = await stand.latchkey("memory");
  const { secrets } = await organizationWithKeys(server, "memory", KEYS, KEYS);
  const requests = authRequests(secrets);
  await refuseUnless200(server.url, requests[0]);

  const samples = [];
  let loaded;
  await step(`Loading for ${seconds} s`, async () => {
    const begun = performance.now();
    const running = load(server.url, requests, { connections: CONNECTIONS, seconds });
    for (let at = every; at < seconds; at += every) {
      await sleep(begun + at * 1000 - performance.now());
      samples.push({ at, megabytes: residentMegabytes(server.pid), waiting: await server.waiting() });
    }
    loaded = await running;
  });

  for (const { at, megabytes, waiting } of samples)
    say(`${String(at).padStart(4)} s  ${fixed(megabytes, 1).padStart(7)} MB  ${whole(waiting).padStart(9)} records waiting`);
  const counted = samples.filter(({ at }) => at > warm);
  const sizes = counted.map(({ megabytes }) => megabytes);
  const third = Math.floor(sizes.length / 3);
  const [first, last] = [median(sizes.slice(0, third)), median(sizes.slice(-third))];
  say(`${whole(loaded.perSecond)} requests a second, ${whole(loaded.total)} in all, ${whole(loaded.failed)} of them not 200`);
  say(
    `After the first ${warm} s: ${fixed(Math.min(...sizes), 1)} to ${fixed(Math.max(...sizes), 1)} MB, slope ${fixed(slope(counted) * 60)} MB a minute`,
  );
  const flat = Math.abs(last / first - 1) <= 0.1;
  say(
    `${flat ? "Flat" : "NOT FLAT"}: the last third's median is ${fixed(last, 1)} MB, the first third's ${fixed(first, 1)} MB (${fixed((last / first - 1) * 100, 1)} %)`,
  );
}

function residentMegabytes(pid) {
  // Linux keeps it here; elsewhere this measurement does not exist.
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(kilobytes) / 1024;
}

/** Of the straight line nearest to the samples, in megabytes a second. */
function slope(samples) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [at, megabytes] = [mean(samples.map((s) => s.at)), mean(samples.map((s) => s.megabytes))];
  const above = samples.reduce((sum, s) => sum + (s.at - at) * (s.megabytes - megabytes), 0);
  return above / samples.reduce((sum, s) => sum + (s.at - at) ** 2, 0);
}
