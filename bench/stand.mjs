// The stand: one PostgreSQL server, and the processes that are measured on it. Everything it starts, and every file, ends with it.
import { fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { bundle, Failure, root } from "../scripts/prepare.mjs";

const START_SECONDS = 60;
const STOP_SECONDS = 5;
const SETTLE_SECONDS = 300;
/** What no load of ours reaches. */
const NO_LIMIT = 2_000_000_000;

export async function openStand() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-bench-"));
  fs.chmodSync(dir, 0o711); // Started by root, the database runs as another user below it.
  const ends = [async () => fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 })];
  let closing;
  const close = () => {
    closing ??= (async () => {
      for (const end of ends.reverse()) await end().catch((error) => console.error(error.message));
    })();
    return closing;
  };
  try {
    const { startEmbedded } = await ours("lib/embedded.ts");
    // Durable, as a deployment's own is: who writes per request pays for it.
    const postgres = await startEmbedded({ dataDir: dir, log: () => {} });
    ends.push(() => postgres.stop());
    const stand = { dir, close, start, database, latchkey: (name) => latchkey(stand, name) };
    return stand;

    /** Starts a process; resolves with its address (and whatever else it announces) once it answers. */
    async function start(name, launch) {
      const process_ = await started(name, launch);
      ends.push(() => stop(process_.child));
      return process_;
    }

    /** A database of its own on the stand's server. */
    async function database(name) {
      const owner = new URL(postgres.ownerUrl);
      const app = new URL(postgres.appUrl);
      await query(owner.href, `create database "bench_${name}"`);
      owner.pathname = app.pathname = `/bench_${name}`;
      return { ownerUrl: owner.href, appUrl: app.href };
    }
  } catch (error) {
    await close();
    throw error;
  }

  /** Latchkey itself: the built server, as `npm start` runs it, with a database and an operator's token. */
  async function latchkey(stand, name) {
    const { ownerUrl, appUrl } = await stand.database(name);
    const adminToken = randomBytes(24).toString("hex");
    const { url, child } = await stand.start(
      "Latchkey",
      listening([path.join(root, ".build/server.mjs")], "/api/health/live", {
        HOST: "127.0.0.1",
        DATA_DIR: path.join(dir, name),
        DATABASE_URL: appUrl,
        DATABASE_OWNER_URL: ownerUrl,
        LATCHKEY_SECRET: randomBytes(32).toString("hex"),
        ADMIN_TOKEN: adminToken,
        LOG_LEVEL: "error",
      }),
    );
    const owner = new pg.Client({ connectionString: ownerUrl });
    owner.on("error", () => {}); // the server is stopped at the end
    await owner.connect();
    ends.push(() => owner.end());
    const sql = async (text, values) => (await owner.query(text, values)).rows;
    const waiting = async () => (await (await fetch(`${url}/api/health`)).json()).usage_waiting;
    return {
      url,
      pid: child.pid,
      ownerUrl,
      adminToken,
      sql,
      waiting,
      /** Resolves when every record is in the database: what one measurement leaves behind may not slow the next one down. */
      async settled() {
        const deadline = Date.now() + SETTLE_SECONDS * 1000;
        for (let left = await waiting(); left > 0; left = await waiting()) {
          if (Date.now() > deadline) throw new Failure(`${left} usage records did not reach the database within ${SETTLE_SECONDS} s.`);
          await sleep(100);
        }
      },
      /** An organization whose limits nothing here reaches, with its first key. */
      async organization(company) {
        const answer = await fetch(`${url}/api/access/enable`, {
          method: "POST",
          headers: { "X-Admin-Token": adminToken, "Content-Type": "application/json" },
          body: JSON.stringify({ email: `${company}@bench.example`, company, tier: "enterprise", scopes: ["status"] }),
        });
        if (answer.status !== 201) throw new Failure(`POST /api/access/enable answered ${answer.status}.`, await answer.text());
        const { api_key: secret } = await answer.json();
        // Beyond what the operator may set over HTTP, and before the key's first call: no cache has heard of it yet.
        const [org] = await sql(
          `update "Org" set "requestsPerMinute" = $2, "requestsPerMonth" = $2 where "name" = $1
           returning "id", (select "id" from "Key" where "orgId" = "Org"."id") as "keyId"`,
          [company, NO_LIMIT],
        );
        return { secret, orgId: org.id, keyId: org.keyId };
      },
    };
  }
}

/** Where a module of the product lies once it is bundled as the product is. */
export async function bundled(entry) {
  const file = path.join(root, ".build", `bench-${path.basename(entry, ".ts")}.mjs`);
  await bundle(entry, file);
  return pathToFileURL(file).href;
}

export const ours = async (entry) => import(await bundled(entry));

/** One of ours or theirs that says by itself where it listens (rivals/announce.mjs). */
export function announcing(file, more = {}) {
  return (env) => ({ child: fork(file, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe", "ipc"] }) });
}

/** A server that is told its port, and has started when `probe` answers. */
export function listening(args, probe, more = {}) {
  return async (env) => {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const child = spawn(process.execPath, args, { cwd: root, env: { ...env, ...more, PORT: port }, stdio: ["ignore", "pipe", "pipe"] });
    return { child, url, probe: url + probe };
  };
}

async function started(name, launch) {
  // What the machine needs, and nothing that a developer has set for servers of their own.
  const machine = ["PATH", "HOME", "TMPDIR", "LANG"].filter((variable) => process.env[variable] !== undefined);
  const env = { ...Object.fromEntries(machine.map((variable) => [variable, process.env[variable]])), NODE_ENV: "production" };
  const { child, probe, url } = await launch(env);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output = (output + text).slice(-20_000);
    });
  }
  let announced = probe === undefined ? undefined : { url };
  child.once("message", (message) => {
    announced = message;
  });
  for (const deadline = Date.now() + START_SECONDS * 1000; Date.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (announced !== undefined && (probe === undefined || (await answers(probe)))) return { child, ...announced };
  }
  await stop(child);
  throw new Failure(`${name} did not start.`, output);
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  // What is still in its spool is of no interest to anybody.
  const left = await Promise.race([exit.then(() => true), sleep(STOP_SECONDS * 1000, false, { ref: false })]);
  if (!left) child.kill("SIGKILL");
  await exit;
}

const answers = (url) =>
  fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  );

async function query(connectionString, text) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
