import { describe, expect, test } from "vitest";
import { authorize } from "@/lib/access/permissions";
import { db } from "@/lib/db";
import { newId } from "@/lib/ids";
import { getKey, keyActivity } from "@/lib/keys/keys";
import { eventsOf, newKey, newMember, newOrg, refusal, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";
import { drain } from "@/lib/usage/drain";
import { listLogs } from "@/lib/usage/logs";
import { flushUsage, recordUsage, type UsageRecord, usageBacklog } from "@/lib/usage/record";
import type { LogFilter, UsageQuery } from "@/lib/usage/schema";
import { usageSeries } from "@/lib/usage/usage";

const { owner } = await useDatabase();

const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR - 10 * HOUR;

function recordOf(org: TestOrg, key: TestKey, changed: Partial<UsageRecord> = {}): UsageRecord {
  return {
    requestId: newId("req"),
    at: NOW,
    orgId: org.id,
    groupId: key.groupId,
    keyId: key.id,
    secretId: "sec_1",
    keyPrefix: key.prefix,
    environment: key.actor.environment ?? "live",
    method: "GET",
    route: "/v1/status",
    status: 200,
    outcome: "accepted",
    latencyUs: 1_500,
    credits: 0,
    ip: "203.0.113.7",
    country: "NL",
    userAgent: "tests/1",
    ...changed,
  };
}

async function scene(): Promise<{ org: TestOrg; key: TestKey }> {
  const org = await newOrg();
  return { org, key: await newKey(org) };
}

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

describe("recording", () => {
  test("keeps what could not be written, and writes it once when it can", async () => {
    const { org, key } = await scene();
    for (let i = 0; i < 5; i++) recordUsage(recordOf(org, key, { at: NOW + i }));
    await owner.query(`alter table "UsageBucket" add constraint refused check (false) not valid`);
    try {
      await flushUsage();
      expect(usageBacklog()).toEqual({ waiting: 5, lost: 0 });
    } finally {
      await owner.query(`alter table "UsageBucket" drop constraint refused`);
    }
    recordUsage(recordOf(org, key, { at: NOW + 9 }));
    await Promise.all([flushUsage(), flushUsage(), flushUsage()]);
    expect(usageBacklog()).toEqual({ waiting: 0, lost: 0 });
    expect(await countsOf(org, key)).toEqual({ rows: 6, summed: 6, requestCount: 6 });
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
