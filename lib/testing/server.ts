// The built server as its users meet it: a process of its own, spoken to over HTTP. For the public-API specs and the browser journeys.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface ServerOptions {
  /** Added to the few variables that a server needs; `DATABASE_URL` makes it use that server instead of an embedded one. */
  env?: Record<string, string>;
  /** A data directory to use again, such as that of a server that was killed. Without it: an empty one, removed by `stop`. */
  dataDir?: string;
}

export interface TestServer {
  /** Without a slash at the end. */
  url: string;
  dataDir: string;
  env: Record<string, string>;
  /** All that it has printed. */
  logs(): string;
  /** SIGTERM, and resolves with the exit code when it has left (after 20 s by force). */
  stop(): Promise<number | null>;
  /** SIGKILL: nothing is tidied up. The data directory stays for another server; call `stop` in the end. */
  kill(): Promise<void>;
}

const READY_SECONDS = 60;
const STOP_SECONDS = 20;

/** Starts `.build/server.mjs` on a free port of 127.0.0.1. Resolves when it answers; throws with its output when it exits or takes over 60 s. */
export async function startServer({ env: extra = {}, dataDir: given }: ServerOptions = {}): Promise<TestServer> {
  const bundle = path.resolve(".build/server.mjs");
  if (!fs.existsSync(bundle)) throw new Error('There is no .build/server.mjs: run "npm run build" first.');
  const dataDir = given ?? fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-server-"));
  if (given === undefined) fs.chmodSync(dataDir, 0o711); // Started by root, the database runs as another user below it.
  const env: Record<string, string> = { ...inherited(), HOST: "127.0.0.1", PORT: String(await freePort()), DATA_DIR: dataDir, ...extra };
  const child = spawn(process.execPath, ["--enable-source-maps", bundle], {
    env: { ...env, NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let logs = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      logs += text;
    });
  }
  const url = `http://127.0.0.1:${env.PORT}`;

  async function stop(): Promise<number | null> {
    if (isRunning(child)) {
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      const left = await Promise.race([exit.then(() => true), sleep(STOP_SECONDS * 1000, false, { ref: false })]);
      if (!left) {
        child.kill("SIGKILL");
        await exit;
      }
    }
    await stopDatabase(dataDir);
    if (given === undefined) fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    return child.exitCode;
  }

  async function kill(): Promise<void> {
    if (!isRunning(child)) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  const deadline = Date.now() + READY_SECONDS * 1000;
  while (!(await answers(`${url}/api/health/live`))) {
    if (isRunning(child) && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    const what = isRunning(child) ? `did not answer within ${READY_SECONDS} s` : `exited with code ${child.exitCode}`;
    await stop();
    throw new Error(`The server ${what}. It printed:\n${logs}`);
  }
  return { url, dataDir, env, logs: () => logs, stop, kill };
}

/** What the machine needs, and nothing that a developer has set for a server of their own. */
function inherited(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "LANG", "SystemRoot", "LATCHKEY_TEST_MOUNT"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null;

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

/** The embedded database that a killed server left behind. */
async function stopDatabase(dataDir: string): Promise<void> {
  const cluster = fs.existsSync(dataDir) ? fs.readdirSync(dataDir).find((name) => /^pg\d+$/.test(name)) : undefined;
  if (cluster === undefined) return;
  const lockFile = path.join(dataDir, cluster, "postmaster.pid");
  for (let waited = 0; fs.existsSync(lockFile) && waited < 10_000; waited += 50) {
    try {
      if (waited === 0) process.kill(Number(fs.readFileSync(lockFile, "utf8").split("\n")[0]), "SIGINT"); // Its fast shutdown.
    } catch {
      return;
    }
    await sleep(50);
  }
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("No free port was found.");
  return address.port;
}
