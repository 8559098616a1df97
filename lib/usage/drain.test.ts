import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { authorize } from "@/lib/access/permissions";
import { db } from "@/lib/db";
import { newId } from "@/lib/ids";
import { getKey, keyActivity } from "@/lib/keys/keys";
import { eventsOf, newCall, newKey, newMember, newOrg, refusal, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";
import { closeDrainPool, drain, drainLines, settleSpool, spoolPosition } from "@/lib/usage/drain";
import { toLine } from "@/lib/usage/line";
import { listLogs } from "@/lib/usage/logs";
import type { UsageRecord } from "@/lib/usage/record";
import type { LogFilter, UsageQuery } from "@/lib/usage/schema";
import { beginning, type Position } from "@/lib/usage/spool";
import { usageSeries } from "@/lib/usage/usage";

const { owner, dataDir } = await useDatabase();
afterAll(closeDrainPool);

/** Hourly sums with another number of calls than their rows, or keys with another count. */
const CONTRADICTIONS = `
  select "orgId", "keyId", sum("rows") as "rows", sum("summed") as "summed", sum("binned") as "binned" from (
    select "orgId", date_trunc('hour', "createdAt", 'UTC') as "start", "keyId", "groupId", "environment", "route", "outcome", "calls" as "rows", 0 as "summed", 0 as "binned" from "UsageEvent"
    union all
    select "orgId", "start", "keyId", "groupId", "environment", "route", "outcome", 0, "requests", (select sum(n) from unnest("latency") n) from "UsageBucket"
  ) as t group by "orgId", "start", "keyId", "groupId", "environment", "route", "outcome" having sum("rows") <> sum("summed") or sum("rows") <> sum("binned")
  union all
  select "orgId", "id", "requestCount", coalesce((select sum("calls") from "UsageEvent" where "keyId" = k."id"), 0), 0 from "Key" k
  where "requestCount" <> coalesce((select sum("calls") from "UsageEvent" where "keyId" = k."id"), 0)`;

afterEach(async () => {
  expect((await owner.query(CONTRADICTIONS)).rows).toEqual([]);
});

const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR - 10 * HOUR;

const recordOf = (org: TestOrg, key: TestKey, changed: Partial<UsageRecord> = {}) => newCall(org, key, { at: NOW, ...changed });

/** Lines as a process that recorded these would have left them. */
const bytesOf = (records: readonly UsageRecord[], isSum = false) => Buffer.from(records.map((r) => `${toLine(r, isSum)}\n`).join(""));

let spools = 0;
function newSpool(): { name: string; folder: string; done: boolean } {
  const name = `spl_test${++spools}`;
  const folder = path.join(dataDir, name);
  fs.mkdirSync(folder);
  return { name, folder, done: false };
}

const at = (offset: number): Position => ({ segment: 0, offset });

async function scene(): Promise<{ org: TestOrg; key: TestKey }> {
  const org = await newOrg();
  return { org, key: await newKey(org) };
}

describe("a secret that is running out", () => {
  const secretOf = (key: TestKey) => db.keySecret.findFirstOrThrow({ where: { keyId: key.id } });
  const endIn = (key: TestKey, ms: number) =>
    owner.query('update "KeySecret" set "endsAt" = $2 where "keyId" = $1', [key.id, new Date(NOW + ms)]);

  test("keeps the instant of its last call, whoever drains what in which order", async () => {
    const { org, key } = await scene();
    await endIn(key, HOUR);
    const secretId = (await secretOf(key)).id;
    for (const seconds of [5, 2, 9]) await drain([recordOf(org, key, { secretId, at: NOW + seconds * 1_000 })]);
    expect((await secretOf(key)).lastUsedAt).toEqual(new Date(NOW + 9_000));
  });

  test("is not told of calls with the key's other secret", async () => {
    const { org, key } = await scene();
    await endIn(key, HOUR);
    await drain([recordOf(org, key, { secretId: "sec_other" })]);
    expect((await secretOf(key)).lastUsedAt).toBeNull();
  });

  test("counts refusals that were summed", async () => {
    const { org, key } = await scene();
    await endIn(key, HOUR);
    const secretId = (await secretOf(key)).id;
    await drainLines(bytesOf([recordOf(org, key, { secretId, at: NOW + 61_500, outcome: "rate_limit_exceeded", status: 429 })], true));
    expect((await secretOf(key)).lastUsedAt).toEqual(new Date(NOW + 60_000));
  });

  test("is left alone once it has ended, and so is one that lasts", async () => {
    const [ended, lasts] = [await scene(), await scene()];
    await endIn(ended.key, -1);
    for (const { org, key } of [ended, lasts]) {
      await drain([recordOf(org, key, { secretId: (await secretOf(key)).id })]);
      expect((await secretOf(key)).lastUsedAt).toBeNull();
    }
  });
});

async function countsOf(org: TestOrg, key: TestKey): Promise<{ rows: number; summed: number; requestCount: number }> {
  const [rows, sum, row] = await Promise.all([
    db.usageEvent.count({ where: { orgId: org.id } }),
    db.usageBucket.aggregate({ where: { orgId: org.id }, _sum: { requests: true } }),
    db.key.findUniqueOrThrow({ where: { id: key.id } }),
  ]);
  return { rows, summed: sum._sum.requests ?? 0, requestCount: Number(row.requestCount) };
}

describe("draining", () => {
  test("writes the row, the hourly sum, and the key's last use, and no audit event", async () => {
    const { org, key } = await scene();
    await drain([recordOf(org, key, { at: NOW + 1, latencyUs: 2_000, credits: 3 })]);
    expect(await countsOf(org, key)).toEqual({ rows: 1, summed: 1, requestCount: 1 });
    expect(await db.key.findUniqueOrThrow({ where: { id: key.id } })).toMatchObject({
      lastUsedAt: new Date(NOW + 1),
      lastUsedIp: "203.0.113.7",
      lastUsedAgent: "tests/1",
    });
    expect(await db.usageBucket.findMany({ where: { orgId: org.id } })).toEqual([
      expect.objectContaining({ start: new Date(NOW), requests: 1, credits: 3, outcome: "accepted", route: "/v1/status" }),
    ]);
    expect(await eventsOf(org)).toEqual([]);
  });

  test("nothing does nothing", async () => {
    await expect(drain([])).resolves.toBeUndefined();
  });

  test("the same batch twice counts once", async () => {
    const { org, key } = await scene();
    const batch = Array.from({ length: 20 }, (_, i) => recordOf(org, key, { at: NOW + i }));
    await drain(batch);
    await drain(batch);
    expect(await countsOf(org, key)).toEqual({ rows: 20, summed: 20, requestCount: 20 });
  });

  test("a batch that overlaps one before counts what is new", async () => {
    const { org, key } = await scene();
    const records = Array.from({ length: 15 }, (_, i) => recordOf(org, key, { at: NOW + i }));
    await drain(records.slice(0, 10));
    await drain(records.slice(5));
    expect(await countsOf(org, key)).toEqual({ rows: 15, summed: 15, requestCount: 15 });
  });

  test("a record that stands twice in one batch counts once", async () => {
    const { org, key } = await scene();
    const record = recordOf(org, key);
    await drain([record, record]);
    expect(await countsOf(org, key)).toEqual({ rows: 1, summed: 1, requestCount: 1 });
  });

  test("the same batch five times at once counts once", async () => {
    const { org, key } = await scene();
    const batch = Array.from({ length: 50 }, (_, i) => recordOf(org, key, { at: NOW + i }));
    await Promise.all(Array.from({ length: 5 }, () => drain(batch)));
    expect(await countsOf(org, key)).toEqual({ rows: 50, summed: 50, requestCount: 50 });
  });

  test("different batches of the same keys at once lose nothing, whatever their order", async () => {
    const { org, key } = await scene();
    const other = await newKey(org);
    const batches = Array.from({ length: 8 }, (_, b) =>
      Array.from({ length: 25 }, (_, i) => recordOf(org, (b + i) % 2 === 0 ? key : other, { at: NOW + b * 100 + i })),
    );
    await Promise.all(batches.map((batch, b) => drain(b % 2 === 0 ? batch : batch.toReversed())));
    expect((await countsOf(org, key)).rows).toBe(200);
    expect((await countsOf(org, key)).summed).toBe(200);
    expect((await countsOf(org, key)).requestCount + (await countsOf(org, other)).requestCount).toBe(200);
  });

  test("of an older batch after a newer one moves the count on and the last use not back", async () => {
    const { org, key } = await scene();
    await drain([recordOf(org, key, { at: NOW + 1_000, ip: "203.0.113.9", userAgent: "new" })]);
    await drain([recordOf(org, key, { at: NOW, ip: "203.0.113.1", userAgent: "old" })]);
    const row = await db.key.findUniqueOrThrow({ where: { id: key.id } });
    expect([Number(row.requestCount), row.lastUsedAt, row.lastUsedIp, row.lastUsedAgent]).toEqual([
      2,
      new Date(NOW + 1_000),
      "203.0.113.9",
      "new",
    ]);
  });

  test("of a batch out of order takes the last use from its latest record", async () => {
    const { org, key } = await scene();
    await drain([
      recordOf(org, key, { at: NOW + 5, ip: "203.0.113.5" }),
      recordOf(org, key, { at: NOW + 9, ip: "203.0.113.9" }),
      recordOf(org, key, { at: NOW + 1, ip: "203.0.113.1" }),
    ]);
    expect((await db.key.findUniqueOrThrow({ where: { id: key.id } })).lastUsedIp).toBe("203.0.113.9");
  });

  test("of a batch over midnight, New Year and a month that nobody prepared finds its partitions", async () => {
    const { org, key } = await scene();
    const turn = Date.UTC(2027, 0, 1);
    await drain([
      recordOf(org, key, { at: turn - 1 }),
      recordOf(org, key, { at: turn }),
      recordOf(org, key, { at: turn + 40 * 86_400_000 }),
    ]);
    expect(await countsOf(org, key)).toEqual({ rows: 3, summed: 3, requestCount: 3 });
  });

  test("keeps rows of a key that is gone, and of texts that look like SQL or JSON", async () => {
    const { org, key } = await scene();
    const strange = `'"; drop table "Key"; -- \\ {"a":1} ü 👩‍👩‍👧‍👦`;
    await drain([recordOf(org, key, { keyId: newId("key"), userAgent: strange, ip: null, country: null })]);
    expect(await db.usageEvent.findFirstOrThrow({ where: { orgId: org.id } })).toMatchObject({
      userAgent: strange,
      ip: null,
      country: null,
    });
  });

  test("that fails half way leaves nothing", async () => {
    const { org, key } = await scene();
    await owner.query(`alter table "UsageBucket" add constraint refused check ("route" <> '/refused')`);
    try {
      await expect(drain([recordOf(org, key), recordOf(org, key, { route: "/refused" })])).rejects.toThrow();
    } finally {
      await owner.query(`alter table "UsageBucket" drop constraint refused`);
    }
    expect(await countsOf(org, key)).toEqual({ rows: 0, summed: 0, requestCount: 0 });
  });
});

describe("draining a spool", () => {
  test("writes what stands between two positions once, however often it is asked", async () => {
    const { org, key } = await scene();
    const spool = newSpool();
    const first = bytesOf([recordOf(org, key), recordOf(org, key, { at: NOW + 1 })]);
    const span = { ...spool, from: beginning, to: at(first.length) };
    expect(await drainLines(first, span)).toEqual({ lines: 2, written: true });
    // The answer to the commit was lost: the process asks again for the same.
    expect(await drainLines(first, span)).toEqual({ lines: 2, written: false });
    expect(await spoolPosition(spool.name)).toEqual(span.to);
    const second = bytesOf([recordOf(org, key, { at: NOW + 2 })]);
    const next = { ...spool, from: span.to, to: at(first.length + second.length) };
    expect(await drainLines(second, next)).toEqual({ lines: 1, written: true });
    expect(await drainLines(second, next)).toEqual({ lines: 1, written: false });
    expect(await countsOf(org, key)).toEqual({ rows: 3, summed: 3, requestCount: 3 });
  });

  test("by five at once writes each line once, sums too", async () => {
    const { org, key } = await scene();
    const spool = newSpool();
    const refused = { status: 429, outcome: "rate_limit_exceeded" };
    const bytes = Buffer.concat([
      bytesOf(Array.from({ length: 50 }, (_, i) => recordOf(org, key, { at: NOW + i }))),
      bytesOf([recordOf(org, key, { ...refused, calls: 7 })], true),
    ]);
    const span = { ...spool, from: beginning, to: at(bytes.length) };
    const tries = await Promise.all(Array.from({ length: 5 }, () => drainLines(bytes, span)));
    expect(tries.filter(({ written }) => written)).toHaveLength(1);
    expect(await countsOf(org, key)).toEqual({ rows: 51, summed: 57, requestCount: 57 });
  });

  test("that was settled, or whose position is elsewhere, changes nothing and leaves no position", async () => {
    const { org, key } = await scene();
    const bytes = bytesOf([recordOf(org, key)]);
    const settled = newSpool();
    await drainLines(bytes, { ...settled, from: beginning, to: at(bytes.length) });
    expect(await settleSpool(settled, at(bytes.length), true)).toBe(true);
    for (const from of [beginning, at(bytes.length)])
      expect(await drainLines(bytes, { ...settled, from, to: at(2 * bytes.length) })).toEqual({ lines: 1, written: false });
    expect(await spoolPosition(settled.name)).toBeNull();
    expect(await countsOf(org, key)).toEqual({ rows: 1, summed: 1, requestCount: 1 });
  });

  test("leaves out a line that was torn and a record that PostgreSQL cannot store, and keeps all others", async () => {
    const { org, key } = await scene();
    const spool = newSpool();
    const good = Array.from({ length: 40 }, (_, i) => recordOf(org, key, { at: NOW + i }));
    const bad = [recordOf(org, key, { status: 1.5 }), recordOf(org, key, { latencyUs: 0.5 }), good[7] as UsageRecord];
    const bytes = Buffer.concat([
      bytesOf(good.slice(0, 20)),
      Buffer.from("\0\0\0\0\0\n"),
      bytesOf(bad),
      bytesOf([recordOf(org, key, { status: 429, outcome: "rate_limit_exceeded", calls: 3 })], true),
      bytesOf(good.slice(20)),
      Buffer.from(`${toLine(recordOf(org, key)).slice(0, 70)}\n`),
      Buffer.from(
        `${toLine(recordOf(org, key, { outcome: "revoked" }), true)
          .split("\t")
          .slice(0, 13)
          .join("\t")}\n`,
      ),
    ]);
    expect(await drainLines(bytes, { ...spool, from: beginning, to: at(bytes.length) })).toEqual({ lines: 47, written: true });
    expect(await countsOf(org, key)).toEqual({ rows: 41, summed: 43, requestCount: 43 });
  });

  test("finds a day's partition again that was dropped meanwhile", async () => {
    const { org, key } = await scene();
    const day = Date.UTC(2025, 0, 3);
    await drain([recordOf(org, key, { at: day })]);
    await owner.query('drop table "UsageEvent_20250103"');
    await owner.query('delete from "UsageBucket" where "orgId" = $1', [org.id]);
    await owner.query('update "Key" set "requestCount" = 0 where "id" = $1', [key.id]);
    const batch = [recordOf(org, key, { at: day + 1 })];
    await expect(drain(batch)).rejects.toThrow(/no partition/);
    await drain(batch);
    expect((await countsOf(org, key)).rows).toBe(1);
  });

  test("takes a day of each record, however far apart they are", async () => {
    const { org, key } = await scene();
    await drain([recordOf(org, key, { at: Date.UTC(2024, 1, 29) }), recordOf(org, key, { at: Date.UTC(2027, 5, 1) })]);
    expect((await countsOf(org, key)).rows).toBe(2);
  });

  test("gives every text back, but for what PostgreSQL cannot hold", async () => {
    const { org, key } = await scene();
    const anyText = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc
        .array(fc.constantFrom("\\", "\t", "\n", "\r", "\0", "\\N", "\\.", '"', "'", "\ud800", "\udc00", "é", "👩‍👩‍👧‍👦"), { maxLength: 6 })
        .map((p) => p.join("")),
    );
    const texts = fc.sample(fc.tuple(anyText, anyText, anyText, fc.option(anyText)), 400);
    const records = texts.map(([route, method, ip, userAgent], i) => recordOf(org, key, { at: NOW + i, route, method, ip, userAgent }));
    await drain(records);
    const stored = (text: string | null) => (text === null ? null : Buffer.from(text.replaceAll("\0", "\ufffd")).toString());
    const rows = await db.usageEvent.findMany({ where: { orgId: org.id }, orderBy: { createdAt: "asc" } });
    expect(rows.map(({ route, method, ip, userAgent }) => [route, method, ip, userAgent])).toEqual(texts.map((each) => each.map(stored)));
    expect((await db.key.findUniqueOrThrow({ where: { id: key.id } })).lastUsedAgent).toBe(stored(texts.at(-1)?.[3] ?? null));
  });
});

describe("a sum of refusals", () => {
  const refused = { status: 429, outcome: "rate_limit_exceeded" };
  const MINUTE = 60_000;

  test("is one row for each key, minute, method, route, status and outcome, whoever adds to it and in how many batches", async () => {
    const { org, key } = await scene();
    const sum = (changed: Partial<UsageRecord>) => recordOf(org, key, { ...refused, calls: 10, requestId: "", ...changed });
    await drainLines(
      bytesOf([sum({ at: NOW + 17, latencyUs: 100 }), sum({ at: NOW + 59_999, latencyUs: 300 }), sum({ at: NOW + MINUTE })], true),
    );
    await Promise.all(
      Array.from({ length: 4 }, () => drainLines(bytesOf([sum({ at: NOW + 5_000, latencyUs: 200 }), sum({ route: "/v1/me" })], true))),
    );
    const rows = await db.usageEvent.findMany({ where: { orgId: org.id }, orderBy: [{ createdAt: "asc" }, { route: "asc" }] });
    expect(rows.map(({ createdAt, route, calls, latencyUs }) => [createdAt.getTime(), route, calls, latencyUs])).toEqual([
      [NOW, "/v1/me", 40, 1_500],
      [NOW, "/v1/status", 60, 200],
      [NOW + MINUTE, "/v1/status", 10, 1_500],
    ]);
    for (const { requestId } of rows) expect(requestId).toMatch(/^sum_[0-9a-v]{26}$/);
    expect(await countsOf(org, key)).toEqual({ rows: 3, summed: 110, requestCount: 110 });
    expect((await db.key.findUniqueOrThrow({ where: { id: key.id } })).lastUsedAt).toEqual(new Date(NOW + MINUTE));
  });

  test("says an address, country or agent only when all its calls had the same", async () => {
    const { org, key } = await scene();
    const sum = (changed: Partial<UsageRecord>) => bytesOf([recordOf(org, key, { ...refused, calls: 2, ...changed })], true);
    await drainLines(sum({}));
    await drainLines(sum({ ip: "203.0.113.9", userAgent: null }));
    expect(await db.usageEvent.findFirstOrThrow({ where: { orgId: org.id } })).toMatchObject({
      calls: 4,
      ip: null,
      country: "NL",
      userAgent: null,
    });
  });

  test("counts as its calls in the log, in minutes, hours and days, and in what a key did", async () => {
    const { org, key } = await scene();
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    await drain([
      recordOf(org, key, { at: now, ip: "203.0.113.1", route: "/v1/me" }),
      recordOf(org, key, { at: now, ip: "203.0.113.1", route: "/v1/me" }),
    ]);
    await drainLines(bytesOf([recordOf(org, key, { ...refused, at: now + 5, calls: 1_204, ip: "203.0.113.2" })], true));
    const viewer = await newMember(org, "viewer");
    const rows = (await listLogs(authorize(viewer, "logs.read"), { limit: 10 })).data;
    expect(rows.map(({ calls }) => calls).sort((a, b) => a - b)).toEqual([1, 1, 1_204]);
    for (const interval of ["1m", "1h", "1d"] as const) {
      const span = { start: new Date(now - MINUTE).toISOString(), end: new Date(now + MINUTE).toISOString() };
      const { data } = await usageSeries(authorize(viewer, "usage.read"), { interval, ...span });
      expect(data.map(({ requests, refused }) => [requests, refused]).filter(([requests]) => requests !== 0)).toEqual([[1_206, 1_204]]);
    }
    expect(await keyActivity(authorize(viewer, "keys.read"), key.id)).toMatchObject({
      ...{ calls: 1_206, refused: 1_204, address_count: 2 },
      addresses: [
        { ip: "203.0.113.2", calls: 1_204 },
        { ip: "203.0.113.1", calls: 2 },
      ],
      routes: [
        { route: "/v1/status", calls: 1_204 },
        { route: "/v1/me", calls: 2 },
      ],
    });
  });
});

describe("quota that a node holds", () => {
  const MONTH = new Date(NOW).toISOString().slice(0, 7);

  async function hold(org: TestOrg, spool: string, held: number, { environment = "live", month = MONTH, used = held } = {}): Promise<void> {
    await owner.query(
      'insert into "QuotaPeriod" values ($1, $2, $3, $4) on conflict ("orgId", "environment", "month") do update set "used" = "QuotaPeriod"."used" + excluded."used"',
      [org.id, environment, month, used],
    );
    await owner.query('insert into "QuotaBlock" values ($1, $2, $3, $4, $5)', [spool, org.id, environment, month, held]);
  }
  const heldBy = async (spool: string) =>
    (await db.quotaBlock.findMany({ where: { spool }, orderBy: { environment: "asc" } })).map(({ environment, held }) => [
      environment,
      held,
    ]);
  const usedOf = async (org: TestOrg) =>
    (await db.quotaPeriod.findMany({ where: { orgId: org.id }, orderBy: { environment: "asc" } })).map(({ environment, used }) => [
      environment,
      used,
    ]);

  test("shrinks by what was charged and is recorded, by environment and UTC month, while the month's use stays", async () => {
    const { org, key } = await scene();
    const spool = newSpool();
    await hold(org, spool.name, 10);
    await hold(org, spool.name, 5, { environment: "test" });
    const bytes = bytesOf([
      ...Array.from({ length: 3 }, (_, i) => recordOf(org, key, { at: NOW + i, counted: true })),
      recordOf(org, key, { counted: true, environment: "test" }),
      recordOf(org, key, { counted: true, at: Date.UTC(2025, 3, 1) }), // of a month of which nothing is held
      recordOf(org, key),
    ]);
    await drainLines(bytes, { ...spool, from: beginning, to: at(bytes.length) });
    expect(await heldBy(spool.name)).toEqual([
      ["live", 7],
      ["test", 4],
    ]);
    expect(await usedOf(org)).toEqual([
      ["live", 10],
      ["test", 5],
    ]);
  });

  test("never falls below zero, and another node's stays", async () => {
    const { org, key } = await scene();
    const [spool, other] = [newSpool(), newSpool()];
    await hold(org, spool.name, 2);
    await hold(org, other.name, 2);
    const bytes = Buffer.concat([
      bytesOf([recordOf(org, key, { counted: true })]),
      bytesOf([recordOf(org, key, { counted: true, calls: 4, status: 402, outcome: "insufficient_credits" })], true),
    ]);
    await drainLines(bytes, { ...spool, from: beginning, to: at(bytes.length) });
    expect(await heldBy(spool.name)).toEqual([["live", 0]]);
    expect(await heldBy(other.name)).toEqual([["live", 2]]);
  });

  test("goes back once when its process is dead and its spool drained: what is left of it, and all trace of the node", async () => {
    const { org, key } = await scene();
    const spool = newSpool();
    await hold(org, spool.name, 10);
    await hold(org, "spl_another", 6);
    await owner.query(`insert into "Node" ("id", "leaseUntil", "confirmed") values ($1, clock_timestamp() - interval '1 minute', 0)`, [
      spool.name,
    ]);
    const bytes = bytesOf([recordOf(org, key, { counted: true }), recordOf(org, key, { counted: true })]);
    await drainLines(bytes, { ...spool, from: beginning, to: at(bytes.length) });
    const settled = await Promise.all(Array.from({ length: 4 }, () => settleSpool(spool, at(bytes.length), true)));
    expect(settled.filter(Boolean)).toHaveLength(1);
    expect(await usedOf(org)).toEqual([["live", 2 + 6]]);
    expect(await heldBy(spool.name)).toEqual([]);
    expect(await spoolPosition(spool.name)).toBeNull();
    expect((await owner.query('select from "Node" where "id" = $1', [spool.name])).rowCount).toBe(0);
    expect(fs.existsSync(spool.folder)).toBe(false);
  });

  test("stays with a node whose lease is not over, or whose spool goes on", async () => {
    const { org, key } = await scene();
    const spool = newSpool();
    await hold(org, spool.name, 10);
    await owner.query(`insert into "Node" ("id", "leaseUntil", "confirmed") values ($1, clock_timestamp() + interval '1 minute', 0)`, [
      spool.name,
    ]);
    const bytes = bytesOf([recordOf(org, key)]);
    await drainLines(bytes, { ...spool, from: beginning, to: at(bytes.length) });
    expect(await settleSpool(spool, at(bytes.length), true)).toBe(false);
    await owner.query(`update "Node" set "leaseUntil" = clock_timestamp() where "id" = $1`, [spool.name]);
    expect(await settleSpool(spool, at(bytes.length), true)).toBe(false); // what it had sent to the database may still be running
    await owner.query(`update "Node" set "leaseUntil" = clock_timestamp() - interval '1 minute' where "id" = $1`, [spool.name]);
    expect(await settleSpool(spool, beginning, true)).toBe(false);
    expect([await usedOf(org), await heldBy(spool.name), fs.existsSync(spool.folder)]).toEqual([[["live", 10]], [["live", 10]], true]);
  });

  test("goes back also when whoever settled it died before the folder was removed", async () => {
    const org = await newOrg();
    const spool = newSpool();
    await hold(org, spool.name, 10);
    fs.renameSync(spool.folder, `${spool.folder}.done`);
    expect(await settleSpool({ ...spool, folder: `${spool.folder}.done`, done: true }, beginning, true)).toBe(true);
    expect(await usedOf(org)).toEqual([["live", 0]]);
    expect(fs.existsSync(`${spool.folder}.done`)).toBe(false);
  });
});

describe("the request log", () => {
  const logs = async (actor: Parameters<typeof listLogs>[0], filter: Partial<LogFilter> = {}) => listLogs(actor, { limit: 50, ...filter });

  test("is newest first, page by page, each row once, also of one instant", async () => {
    const { org, key } = await scene();
    const records = Array.from({ length: 7 }, (_, i) => recordOf(org, key, { at: NOW + Math.floor(i / 3) }));
    await drain(records);
    const actor = authorize(await newMember(org, "viewer"), "logs.read");
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await logs(actor, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.data.map(({ request_id }) => request_id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(records.map(({ requestId }) => requestId).toReversed());
  });

  test("filters by key, group, status, class, route, request and dates", async () => {
    const { org, key } = await scene();
    const other = await newKey(org);
    const day = new Date(NOW).toISOString().slice(0, 10);
    const made = {
      ok: recordOf(org, key),
      limited: recordOf(org, key, { status: 429, outcome: "rate_limit_exceeded" }),
      broken: recordOf(org, key, { status: 500, outcome: "error", route: "/v1/me" }),
      other: recordOf(org, other),
      older: recordOf(org, key, { at: NOW - 3 * 86_400_000 }),
    };
    await drain(Object.values(made));
    const actor = authorize(await newMember(org, "viewer"), "logs.read");
    const names = async (filter: Partial<LogFilter>) => {
      const ids = (await logs(actor, filter)).data.map(({ request_id }) => request_id);
      return Object.entries(made)
        .filter(([, { requestId }]) => ids.includes(requestId))
        .map(([name]) => name);
    };
    expect(await names({ key_id: other.id })).toEqual(["other"]);
    expect(await names({ group_id: other.groupId })).toEqual(["other"]);
    expect(await names({ status: "429" })).toEqual(["limited"]);
    expect(await names({ status: "5xx" })).toEqual(["broken"]);
    expect(await names({ status: "2xx" })).toEqual(["ok", "other", "older"]);
    expect(await names({ route: "/v1/me" })).toEqual(["broken"]);
    expect(await names({ request_id: made.ok.requestId })).toEqual(["ok"]);
    expect(await names({ start_date: day })).toEqual(["ok", "limited", "broken", "other"]);
    expect(await names({ end: new Date(NOW).toISOString() })).toEqual(["older"]);
    expect(await names({ end_date: day })).toEqual(Object.keys(made));
    expect((await refusal(logs(actor, { start: "2026-11-20", end: "2026-11-19" }))).type).toBe("invalid_request");
  });

  test("shows nothing of another organization, whatever is asked for", async () => {
    const [{ org }, other] = [await scene(), await scene()];
    const record = recordOf(other.org, other.key);
    await drain([record]);
    const actor = authorize(await newMember(org, "owner"), "logs.read");
    for (const filter of [{}, { key_id: other.key.id }, { group_id: other.key.groupId }, { request_id: record.requestId }])
      expect((await logs(actor, filter)).data).toEqual([]);
    expect(
      (
        await usageSeries(authorize(actor, "usage.read"), {
          interval: "1h",
          start: new Date(NOW).toISOString(),
          end: new Date(NOW + HOUR).toISOString(),
          key_id: other.key.id,
        })
      ).data[0]?.requests,
    ).toBe(0);
  });

  test.each<["read" | "full" | "admin", "live" | "test", string[]]>([
    ["read", "live", ["self", "sameGroup", "sandbox"]],
    ["full", "live", ["self", "sameGroup", "sandbox"]],
    ["full", "test", ["self", "sandbox"]],
    ["admin", "live", ["self", "sameGroup", "sandbox", "otherGroup"]],
    ["admin", "test", ["self", "sandbox"]],
  ])("a key of %s access, %s, sees the calls of %j", async (access, environment, expected) => {
    const org = await newOrg();
    const self = await newKey(org, { insert: { access, environment } });
    const group = { id: self.groupId };
    const keys = {
      self,
      sameGroup: await newKey(org, { group }),
      sandbox: await newKey(org, { group, insert: { environment: "test" } }),
      otherGroup: await newKey(org),
    };
    await drain(Object.values(keys).map((key) => recordOf(org, key)));
    const rows = (await logs(authorize(self.actor, "logs.read"))).data.map(({ key_id }) => key_id);
    expect(
      Object.entries(keys)
        .filter(([, { id }]) => rows.includes(id))
        .map(([name]) => name),
    ).toEqual(expected);
    const { data } = await usageSeries(authorize(self.actor, "usage.read"), {
      interval: "1h",
      start: new Date(NOW).toISOString(),
      end: new Date(NOW + HOUR).toISOString(),
    });
    expect(data.map(({ requests }) => requests)).toEqual([expected.length]);
  });
});

describe("usage", () => {
  test.each<UsageQuery["interval"]>(["1m", "1h", "1d"])("by %s adds up to what was recorded, by group too", async (interval) => {
    const { org, key } = await scene();
    const other = await newKey(org);
    await drain([
      recordOf(org, key, { latencyUs: 1_000 }),
      recordOf(org, key, { at: NOW + 61_000, status: 429, outcome: "rate_limit_exceeded" }),
      recordOf(org, other, { at: NOW + 2 * HOUR, status: 500, outcome: "error", latencyUs: 900_000 }),
    ]);
    const actor = authorize(await newMember(org, "viewer"), "usage.read");
    const span = { start: new Date(NOW).toISOString(), end: new Date(NOW + 3 * HOUR).toISOString() };
    const { data } = await usageSeries(actor, { interval, ...span });
    const sum = (pick: (point: (typeof data)[number]) => number) => data.reduce((total, point) => total + pick(point), 0);
    expect([sum((p) => p.requests), sum((p) => p.accepted), sum((p) => p.refused), sum((p) => p.errors)]).toEqual([3, 1, 1, 1]);
    expect(Math.max(...data.map(({ latency_ms }) => latency_ms.p99 ?? 0))).toBeGreaterThan(600);
    const grouped = (await usageSeries(actor, { interval, ...span, group_by: ["key", "outcome"] })).data;
    expect(grouped.map(({ key_id, outcome, requests }) => [key_id, outcome, requests])).toEqual(
      expect.arrayContaining([
        [key.id, "accepted", 1],
        [key.id, "rate_limit_exceeded", 1],
        [other.id, "error", 1],
      ]),
    );
    expect(grouped).toHaveLength(3);
    expect(
      (await usageSeries(actor, { interval, ...span, key_id: key.id })).data.reduce((total, { requests }) => total + requests, 0),
    ).toBe(2);
  });

  test("minutes and hours of the same span agree in their percentiles", async () => {
    const { org, key } = await scene();
    await drain(Array.from({ length: 50 }, (_, i) => recordOf(org, key, { at: NOW + i, latencyUs: 100 * i * i })));
    const actor = authorize(await newMember(org, "viewer"), "usage.read");
    const of = async (interval: "1m" | "1h") =>
      (await usageSeries(actor, { interval, start: new Date(NOW).toISOString(), end: new Date(NOW + 60_000).toISOString() })).data[0]
        ?.latency_ms;
    expect(await of("1m")).toEqual(await of("1h"));
  });

  test("of more than 1,500 buckets is refused", async () => {
    const actor = authorize(await newMember(await newOrg(), "viewer"), "usage.read");
    expect(await refusal(usageSeries(actor, { interval: "1m", start: "2026-11-01", end: "2026-11-30" }))).toMatchObject({
      type: "invalid_request",
      details: { interval: expect.any(String) },
    });
  });

  test("of the last day without a range ends in the unfinished hour", async () => {
    const actor = authorize(await newMember(await newOrg(), "viewer"), "usage.read");
    const { data } = await usageSeries(actor, { interval: "1h" });
    expect(data.length).toBe(25);
    expect(Date.parse(data.at(-1)?.end ?? "")).toBeGreaterThan(Date.now());
  });
});

test("what a key did in the last day: calls, refusals, addresses and routes by how often, the last call", async () => {
  const { org, key } = await scene();
  const at = Date.now() - 60_000;
  await drain([
    recordOf(org, key, { at, ip: "203.0.113.1" }),
    recordOf(org, key, { at: at + 1, ip: "203.0.113.2" }),
    recordOf(org, key, { at: at + 2, ip: "203.0.113.2", route: "/v1/me" }),
    recordOf(org, key, { at: at + 3, ip: "203.0.113.2", status: 429, outcome: "rate_limit_exceeded" }),
    recordOf(org, key, { at: at - 2 * 86_400_000 }),
  ]);
  const actor = authorize(await newMember(org, "viewer"), "keys.read");
  expect(await keyActivity(actor, key.id)).toMatchObject({
    calls: 4,
    refused: 1,
    address_count: 2,
    addresses: [
      { ip: "203.0.113.2", calls: 3 },
      { ip: "203.0.113.1", calls: 1 },
    ],
    routes: [
      { method: "GET", route: "/v1/status", calls: 3 },
      { method: "GET", route: "/v1/me", calls: 1 },
    ],
    last_call: { status: 429, created_at: new Date(at + 3).toISOString() },
  });
  expect(await getKey(actor, key.id)).toMatchObject({ request_count: 5, last_used_ip: "203.0.113.2" });
});
