import { type ChildProcess, spawn } from "node:child_process";
import { once as eventOf } from "node:events";
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { db } from "@/lib/db";
import { env, provideEnv } from "@/lib/env";
import { newId } from "@/lib/ids";
import { eventually } from "@/lib/testing/eventually";
import { newKey, newOrg, SECRET, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";
import { closeDrainPool, spoolPosition } from "@/lib/usage/drain";
import { toLine } from "@/lib/usage/line";
import { flushUsage, recordUsage, startDraining, type UsageRecord, usageBacklog } from "@/lib/usage/record";
import { MOST_REFUSALS } from "@/lib/usage/refusals";
import { Spool } from "@/lib/usage/spool";

const { owner, dataDir } = await useDatabase();
const spools = path.join(dataDir, "spool");
const root = fileURLToPath(new URL("../../", import.meta.url));

/** A process of its own, as the server is one: says its spool's name, records when it is told to, and says what was acknowledged. */
const PROGRAM = `
  import fs from "node:fs";
  import { parseEnv, provideEnv } from "@/lib/env";
  import { recordUsage, startDraining, stopRecording } from "@/lib/usage/record";
  provideEnv(parseEnv(process.env));
  const say = (text) => fs.writeSync(1, text + "\\n");
  process.on("SIGTERM", () => void stopRecording().then(() => process.exit(0)));
  say(startDraining());
  const { record, count } = JSON.parse(process.argv[2]);
  process.stdin.once("data", async () => {
    for (let i = 0; i < count; i++) {
      const requestId = "req_" + process.pid + "_" + i;
      const made = recordUsage({ ...record, requestId, at: Date.now() }).then(() => say(requestId));
      if (i % 10 === 9) await made;
    }
    say("end");
  });`;
const program = path.join(dataDir, "program.cjs");
const processes: ChildProcess[] = [];

beforeAll(async () => {
  await build({
    stdin: { contents: PROGRAM, resolveDir: root },
    ...{ bundle: true, platform: "node", format: "cjs", outfile: program, logLevel: "error", external: ["pg-native"] },
    alias: { "@": root.slice(0, -1), "server-only": path.join(root, "node_modules/server-only/empty.js") },
  });
});
afterEach(() => {
  for (const each of processes.splice(0)) each.kill("SIGKILL");
});
afterAll(closeDrainPool);

interface Recording {
  process: ChildProcess;
  name: string;
  /** What it said since. */
  said: () => string[];
}

async function startRecording(record: UsageRecord, count: number): Promise<Recording> {
  const child = spawn(process.execPath, [program, JSON.stringify({ record, count })], {
    env: { ...process.env, DATABASE_URL: env().databaseUrl ?? "", LATCHKEY_SECRET: SECRET, DATA_DIR: dataDir, LOG_LEVEL: "silent" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  processes.push(child);
  let text = "";
  child.stdout.on("data", (more) => {
    text += more;
  });
  const said = () => text.split("\n").slice(0, -1);
  return { process: child, name: await eventually(() => said()[0]), said: () => said().slice(1) };
}

async function end({ process }: Recording, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const ended = eventOf(process, "exit");
  process.kill(signal);
  await ended;
}

let org: TestOrg;
let key: TestKey;
beforeEach(async () => {
  org = await newOrg();
  key = await newKey(org);
});

function recordOf(changed: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ...{
      requestId: newId("req"),
      at: Date.now(),
      orgId: org.id,
      groupId: key.groupId,
      keyId: key.id,
      secretId: "sec_1",
      keyPrefix: key.prefix,
    },
    ...{
      environment: "live",
      method: "GET",
      route: "/v1/status",
      status: 200,
      outcome: "accepted",
      latencyUs: 1_500,
      credits: 0,
      counted: false,
    },
    ...{ ip: "203.0.113.7", country: "NL", userAgent: "tests/1" },
    ...changed,
  };
}
const refused = { status: 429, outcome: "rate_limit_exceeded" };

async function countsOf(): Promise<{ rows: number; calls: number; summed: number; requestCount: number }> {
  const where = { orgId: org.id };
  const [rows, calls, buckets, { requestCount }] = await Promise.all([
    db.usageEvent.count({ where }),
    db.usageEvent.aggregate({ where, _sum: { calls: true } }),
    db.usageBucket.aggregate({ where, _sum: { requests: true } }),
    db.key.findUniqueOrThrow({ where: { id: key.id } }),
  ]);
  return { rows, calls: calls._sum.calls ?? 0, summed: buckets._sum.requests ?? 0, requestCount: Number(requestCount) };
}
const each = (count: number) => ({ rows: count, calls: count, summed: count, requestCount: count });

/** What a process of this machine leaves when it is killed. */
async function leaveSpool(lines: readonly string[]): Promise<Spool> {
  const spool = new Spool(spools);
  await Promise.all(lines.map((line) => spool.append(line)));
  spool.close();
  fs.writeFileSync(path.join(spool.folder, "owner.json"), JSON.stringify({ host: os.hostname(), pid: 2 ** 22 + 1, startedAt: "1" }));
  return spool;
}

async function hold(spool: string, held: number): Promise<void> {
  const month = new Date().toISOString().slice(0, 7);
  await owner.query(`insert into "QuotaPeriod" values ($1, 'live', $2, $3)`, [org.id, month, held]);
  await owner.query(`insert into "QuotaBlock" values ($1, $2, 'live', $3, $4)`, [spool, org.id, month, held]);
}
const used = async () => (await db.quotaPeriod.findFirstOrThrow({ where: { orgId: org.id } })).used;
const isGone = (name: string) => eventually(() => !fs.readdirSync(spools).some((entry) => entry.startsWith(name)) || undefined, 15);

/** The database behind a connection that breaks when `breaks` says so of what is sent, once the database has answered it. */
async function throughProxy(breaks: (sent: string) => boolean, work: () => Promise<void>): Promise<void> {
  const direct = env();
  const target = new URL(direct.databaseUrl ?? "");
  const { hostname, port } = target;
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), hostname);
    let isBroken = false;
    client.on("data", (bytes) => {
      isBroken ||= breaks(bytes.toString("latin1"));
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => (isBroken ? client.destroy() : client.write(bytes)));
    for (const [one, other] of [[client, upstream] as const, [upstream, client] as const])
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  target.port = String((server.address() as AddressInfo).port);
  await closeDrainPool();
  provideEnv({ ...direct, databaseUrl: target.href });
  try {
    await work();
  } finally {
    await closeDrainPool();
    provideEnv(direct);
    server.close();
  }
}

describe("recording", () => {
  test("keeps what could not be written, says how much and how old it is, and writes it once when it can", async () => {
    const at = Date.now() - 60_000;
    for (let i = 0; i < 5; i++) await recordUsage(recordOf({ at: at + i }));
    await owner.query(`alter table "UsageBucket" add constraint refused check (false) not valid`);
    try {
      await flushUsage();
      expect(usageBacklog()).toMatchObject({ waiting: 5, lost: 0, oldestWaitingAt: at });
      expect(usageBacklog().lagSeconds).toBeGreaterThanOrEqual(60);
    } finally {
      await owner.query(`alter table "UsageBucket" drop constraint refused`);
    }
    await recordUsage(recordOf());
    await Promise.all([flushUsage(), flushUsage(), flushUsage()]);
    expect(usageBacklog()).toEqual({ waiting: 0, lost: 0, lagSeconds: 0, oldestWaitingAt: null });
    expect(await countsOf()).toEqual(each(6));
  });

  test("writes a batch once although the answer to its commit got lost", async () => {
    let lost = 0;
    const breaks = (sent: string) => sent.includes("commit") && ++lost === 1;
    await throughProxy(breaks, async () => {
      for (let i = 0; i < 3; i++) await recordUsage(recordOf());
      await flushUsage();
      expect(usageBacklog().waiting).toBe(3);
      await recordUsage(recordOf());
      await flushUsage();
    });
    expect(lost).toBeGreaterThan(1);
    expect(usageBacklog().waiting).toBe(0);
    expect(await countsOf()).toEqual(each(4));
  });

  test("survives a connection that breaks at any moment of a batch", async () => {
    const moments = ["SpoolPosition", "copy", "UsageBucket", "requestCount"];
    for (const moment of moments) {
      let broken = false;
      const breaks = (sent: string) => {
        const isMoment = !broken && sent.includes(moment);
        broken ||= isMoment;
        return isMoment;
      };
      await throughProxy(breaks, async () => {
        await recordUsage(recordOf());
        await flushUsage();
      });
      expect([moment, broken, usageBacklog().waiting]).toEqual([moment, true, 1]);
      await flushUsage();
    }
    expect(await countsOf()).toEqual(each(moments.length));
  }, 120_000);

  test("goes on when somebody removed the spool's folder", async () => {
    await recordUsage(recordOf());
    await flushUsage();
    for (const entry of fs.readdirSync(spools)) fs.rmSync(path.join(spools, entry), { recursive: true });
    await recordUsage(recordOf()); // into a file that has no name any more
    await flushUsage();
    expect(usageBacklog().waiting).toBe(0);
    for (let i = 0; i < 3; i++) await recordUsage(recordOf());
    await flushUsage();
    expect(await countsOf()).toEqual(each(4));
  });
});

describe("refusals past 600 a minute", () => {
  test("are one row that counts them, and the minute after begins anew", async () => {
    const minute = Math.floor(Date.now() / 60_000) * 60_000 - 120_000;
    const refuse = (count: number, changed: Partial<UsageRecord>) =>
      Promise.all(Array.from({ length: count }, () => recordUsage(recordOf({ ...refused, ...changed }))));
    await refuse(MOST_REFUSALS, { at: minute + 10 });
    await recordUsage(recordOf({ at: minute + 11 }));
    for (let i = 0; i < 3; i++) await refuse(100, { at: minute + 20 + i });
    await refuse(50, { at: minute + 60_000 });
    const { waiting } = usageBacklog();
    expect(waiting).toBe(MOST_REFUSALS + 1 + 3 + 50);
    await flushUsage();
    const calls = MOST_REFUSALS + 1 + 300 + 50;
    expect(await countsOf()).toEqual({ rows: MOST_REFUSALS + 1 + 1 + 50, calls, summed: calls, requestCount: calls });
    expect(await db.usageEvent.findMany({ where: { orgId: org.id, calls: { gt: 1 } } })).toMatchObject([
      { createdAt: new Date(minute), calls: 300, status: 429, route: "/v1/status", ip: "203.0.113.7" },
    ]);
  });

  test("are kept when their process is killed, and added to those of the process after it", async () => {
    const at = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
    const sum = (calls: number) => toLine(recordOf({ ...refused, at: at + calls, calls, requestId: "" }), true);
    const spool = await leaveSpool([toLine(recordOf(refused)), sum(20), sum(5)]);
    await Promise.all(Array.from({ length: MOST_REFUSALS + 7 }, () => recordUsage(recordOf({ ...refused, at: at + 1 }))));
    startDraining();
    await flushUsage();
    await isGone(spool.name);
    const calls = 1 + 25 + MOST_REFUSALS + 7;
    expect(await countsOf()).toEqual({ rows: 1 + 1 + MOST_REFUSALS, calls, summed: calls, requestCount: calls });
  });
});

describe("a process that is killed", () => {
  test("loses none of what it acknowledged, and what it held of quota and did not use goes back", async () => {
    const killed = await startRecording(recordOf({ counted: true }), 1_000_000);
    await hold(killed.name, 500_000);
    // Its lease has yet to run out.
    await owner.query(`insert into "Node" ("id", "leaseUntil", "confirmed") values ($1, clock_timestamp() + interval '1 second', 0)`, [
      killed.name,
    ]);
    killed.process.stdin?.write("go");
    await eventually(() => killed.said().length > 1_000 || undefined);
    await end(killed, "SIGKILL");
    startDraining();
    await isGone(killed.name);
    const rows = (await db.usageEvent.findMany({ where: { orgId: org.id }, select: { requestId: true } })).map(
      ({ requestId }) => requestId,
    );
    expect(killed.said().filter((id) => !rows.includes(id))).toEqual([]);
    expect(await countsOf()).toEqual(each(new Set(rows).size));
    expect(await used()).toBe(rows.length);
    expect(await spoolPosition(killed.name)).toBeNull();
    expect((await owner.query('select from "Node" where "id" = $1', [killed.name])).rowCount).toBe(0);
  }, 120_000);

  test("is drained once by all who find its spool at the same time", async () => {
    const spool = await leaveSpool(Array.from({ length: 20_000 }, () => toLine(recordOf({ counted: true }))));
    await hold(spool.name, 20_100);
    await Promise.all(Array.from({ length: 3 }, () => startRecording(recordOf(), 0)));
    await isGone(spool.name);
    expect(await countsOf()).toEqual(each(20_000));
    expect(await used()).toBe(20_000);
  }, 120_000);
});

test("a process that stops leaves nothing behind, and keeps no quota", async () => {
  const stopped = await startRecording(recordOf({ counted: true }), 250);
  await hold(stopped.name, 1_000);
  stopped.process.stdin?.write("go");
  await eventually(() => stopped.said().includes("end") || undefined);
  await end(stopped, "SIGTERM");
  expect(fs.existsSync(path.join(spools, stopped.name))).toBe(false);
  expect(await countsOf()).toEqual(each(250));
  expect(await used()).toBe(250);
  expect(await db.quotaBlock.count({ where: { spool: stopped.name } })).toBe(0);
  expect(await spoolPosition(stopped.name)).toBeNull();
});
