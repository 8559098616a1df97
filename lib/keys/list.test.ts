import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { needsAttention } from "@/lib/keys/health";
import { keyInsights } from "@/lib/keys/insight";
import { countAttention, countKeys, listKeys } from "@/lib/keys/list";
import { healthCodes, KeyFilter, type KeySort, keySorts, keyStatuses } from "@/lib/keys/schema";
import { newCall, newGroup, newKey, newMember, newOrg, refusal, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";
import { drain } from "@/lib/usage/drain";
import type { UsageRecord } from "@/lib/usage/record";

await useDatabase();

const DAY = 86_400_000;
const HOUR = 3_600_000;
const reader = (actor: Actor) => authorize(actor, "keys.read");

async function setting() {
  const org = await newOrg();
  return { org, group: await newGroup(org), actor: reader(await newMember(org, "viewer")) };
}

type Rotating = { endsAt: Date; leakedAt?: Date | null };
async function retire(key: TestKey, { endsAt, leakedAt = null }: Rotating): Promise<void> {
  const id = newId("sec");
  await writer().keySecret.create({ data: { id, keyId: key.id, hash: Buffer.from(id), prefix: "lk_live_oldone", endsAt, leakedAt } });
}

/** All pages of a list, two keys at a time. */
async function walk(actor: Parameters<typeof listKeys>[0], filter: Partial<KeyFilter>): Promise<string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await listKeys(actor, { limit: 2, ...filter, ...(cursor === undefined ? {} : { cursor }) });
    names.push(...page.data.map(({ name }) => name));
    if (page.next_cursor === null) return names;
    cursor = page.next_cursor;
  }
}

describe("sorted", () => {
  const at = (hours: number) => new Date(Date.UTC(2026, 10, 1) + hours * HOUR);

  test.each<[KeySort, string[]]>([
    ["-created", ["e", "d", "c", "B", "a"]],
    ["created", ["a", "B", "c", "d", "e"]],
    ["name", ["a", "B", "c", "d", "e"]],
    ["-last_used", ["d", "c", "B", "e", "a"]],
    ["last_used", ["B", "c", "d", "a", "e"]],
    ["-calls", ["d", "c", "B", "e", "a"]],
    ["expires", ["e", "B", "c", "a", "d"]],
  ])("by %s, keys without a value last, page by page", async (sort, expected) => {
    const { org, group, actor } = await setting();
    const make = (name: string, data: object) => newKey(org, { group, insert: { name }, ...data });
    await make("a", { createdAt: at(1), requestCount: 0 });
    await make("B", { createdAt: at(2), lastUsedAt: at(5), requestCount: 3, expiresAt: at(9_000) });
    // Two with one value: their ids decide.
    await make("c", { createdAt: at(3), lastUsedAt: at(7), requestCount: 3, expiresAt: at(9_000) });
    await make("d", { createdAt: at(4), lastUsedAt: at(7), requestCount: 12 });
    await make("e", { createdAt: at(5), requestCount: 0, expiresAt: at(8_000) });
    const names = await walk(actor, { sort });
    expect(names).toEqual(expected);
    expect(await walk(actor, { sort, limit: 50 })).toEqual(names);
  });

  test("whatever the keys, every sort shows each once, and the same in pages of any size", async () => {
    const { org, group, actor } = await setting();
    const maybe = fc.option(fc.nat({ max: 2 }).map(at), { nil: null });
    const [many] = fc.sample(
      fc.array(
        fc.record({ name: fc.constantFrom("x", "X", "y", "ä", "z z"), lastUsedAt: maybe, expiresAt: maybe, calls: fc.nat({ max: 2 }) }),
        {
          minLength: 17,
          maxLength: 17,
        },
      ),
      { numRuns: 1, seed: 7 },
    );
    for (const { name, calls, ...data } of many ?? [])
      await newKey(org, { group, insert: { name }, requestCount: calls, createdAt: at(calls), ...data });
    const all = (await listKeys(actor, { limit: 50 })).data.map(({ id }) => id).toSorted();
    expect(all).toHaveLength(17);
    for (const sort of keySorts) {
      const whole = await listKeys(actor, { limit: 50, sort });
      expect(whole.data.map(({ id }) => id).toSorted()).toEqual(all);
      for (const limit of [1, 4, 16]) expect(await walk(actor, { sort, limit }), sort).toEqual(whole.data.map(({ name }) => name));
    }
  });
});

describe("filtered", () => {
  test("by several statuses at once", async () => {
    const { org, group, actor } = await setting();
    await newKey(org, { group, insert: { name: "active" } });
    await newKey(org, { group, insert: { name: "paused" }, pausedAt: new Date() });
    await newKey(org, { group, insert: { name: "revoked" }, revokedAt: new Date() });
    const parsed = KeyFilter.parse({ status: "active,paused", limit: "1" });
    expect(await walk(actor, parsed)).toEqual(["paused", "active"]);
    expect(KeyFilter.safeParse({ status: "active,gone" }).success).toBe(false);
    expect(KeyFilter.safeParse({ status: "," }).success).toBe(false);
  });

  test("by the key that made them, and by an id as it is", async () => {
    const { org, group, actor } = await setting();
    const parent = await newKey(org, { group });
    const child = await newKey(org, { group, insert: { name: "child", parentId: parent.id } });
    expect(await walk(actor, { parent_id: parent.id })).toEqual(["child"]);
    expect(await walk(actor, { q: child.id })).toEqual(["child"]);
    expect(await walk(actor, { q: child.id.slice(0, -1) })).toEqual([]);
    const stranger = await setting();
    expect(await walk(stranger.actor, { q: child.id })).toEqual([]);
    expect(await walk(stranger.actor, { parent_id: parent.id })).toEqual([]);
  });

  test("with a cursor that belongs to its sort and its filters alone", async () => {
    const { org, group, actor } = await setting();
    for (let i = 0; i < 3; i++) await newKey(org, { group });
    const cursor = (await listKeys(actor, { limit: 1, sort: "name" })).next_cursor as string;
    expect((await listKeys(actor, { limit: 1, sort: "name", cursor })).data).toHaveLength(1);
    const others: Partial<KeyFilter>[] = [
      {},
      { sort: "created" },
      { sort: "name", health: "no_expiry" },
      { sort: "name", parent_id: newId("key") },
    ];
    for (const filter of others)
      expect((await refusal(listKeys(actor, { limit: 1, cursor, ...filter }))).details).toEqual({ cursor: "does not belong to this list" });
  });
});

test("every status is counted, and the sums with them, of what the caller sees", async () => {
  const { org, group, actor } = await setting();
  const other = await newGroup(org);
  const soon = new Date(Date.now() + 3 * DAY);
  const past = new Date(Date.now() - DAY);
  const states: Record<(typeof keyStatuses)[number], object> = {
    ...{ revoked: { revokedAt: past }, expired: { expiresAt: past }, paused: { pausedAt: past }, scheduled: { notBefore: soon } },
    ...{ rotating: {}, expiring: { expiresAt: soon }, active: {} },
  };
  const one = await newKey(org, { group: other, insert: { environment: "test" } });
  for (const status of keyStatuses) {
    const key = await newKey(org, { group, ...states[status] });
    if (status === "rotating") await retire(key, { endsAt: soon });
    // An old secret that has ended makes no rotation.
    if (status === "active") await retire(key, { endsAt: past });
  }
  const each = Object.fromEntries(keyStatuses.map((status) => [status, 1]));
  expect(await countKeys(actor)).toEqual({ ...each, active: 2, all: 8, live: 6, ended: 2 });
  expect(await countKeys(reader({ ...one.actor, role: "full" }))).toMatchObject({ all: 1, live: 1, active: 1, revoked: 0 });
});

describe("what needs somebody", () => {
  test("is told of the caller's own keys, by their most urgent state", async () => {
    const { org, group, actor } = await setting();
    const other = await newGroup(org);
    const soon = new Date(Date.now() + 3 * DAY);
    const later = new Date(Date.now() + 300 * DAY);
    const made = async (name: string, data: object) => newKey(org, { group, insert: { name }, expiresAt: later, ...data });
    await made("well", {});
    await made("ends soon", { expiresAt: soon });
    await made("has no end", { expiresAt: null });
    await made("lies unused", { createdAt: new Date(Date.now() - 100 * DAY) });
    const leaked = await made("leaked", { pausedAt: new Date() });
    await writer().keySecret.updateMany({ where: { keyId: leaked.id }, data: { leakedAt: new Date() } });
    await retire(await made("rotates", {}), { endsAt: soon });
    await made("paused, no end", { expiresAt: null, pausedAt: new Date() });
    await made("not valid yet, ends soon", { notBefore: new Date(Date.now() + DAY), expiresAt: soon });
    await made("revoked", { expiresAt: null, revokedAt: new Date() });
    await made("expired", { expiresAt: new Date(Date.now() - DAY) });
    await newKey(org, { group: other, insert: { name: "elsewhere" } });
    const names = ["elsewhere", "leaked", "lies unused", "has no end", "ends soon"];
    expect((await walk(actor, { health: "attention" })).toSorted()).toEqual(names.toSorted());
    expect(await countAttention(actor)).toBe(5);
    expect(await walk(actor, { health: "attention", group_id: other.id })).toEqual(["elsewhere"]);
    expect(await walk(actor, { health: "attention", status: ["paused"] })).toEqual(["leaked"]);
    const narrow = await newKey(org, { group: other, insert: { name: "asks" }, expiresAt: later });
    const byKey = reader({ ...narrow.actor, role: "full" });
    expect([await walk(byKey, { health: "attention" }), await countAttention(byKey)]).toEqual([["elsewhere"], 1]);
    expect(await countAttention((await setting()).actor)).toBe(0);
  });
});

describe("a filter by health finds the keys of which their insight says it", () => {
  const now = Date.now();
  const instant = (days: number) => new Date(now + days * DAY);
  const maybe = (...days: number[]) => fc.constantFrom(null, ...days.map(instant));
  const state = fc.record({
    ...{ revokedAt: maybe(), expiresAt: maybe(-1, 5, 20, 300), lastUsedAt: maybe(-100, -91, -89, -1) },
    ...{ createdAt: fc.constantFrom(-200, -91, -10).map(instant), notBefore: maybe(-95, -3, 3), pausedAt: maybe(-1) },
    ...{ rotation: maybe(-1, 1), leakedAt: maybe(-1), oldLeakedAt: maybe(-1) },
    requestsPerMinute: fc.constantFrom(null, 10, 20),
    environment: fc.constantFrom("live" as const, "test" as const),
    /** Calls of one minute: how many hours ago, how many passed, how many were refused why. */
    calls: fc.array(
      fc.record({ hours: fc.constantFrom(0, 5, 22, 30), passed: fc.constantFrom(0, 7, 8, 16, 47, 48), refused: fc.constantFrom(0, 9, 40) }),
      { maxLength: 2 },
    ),
    reason: fc.constantFrom("ip_not_allowed", "rate_limit_exceeded", "paused"),
  });

  async function callsOf(org: TestOrg, key: TestKey, calls: { hours: number; passed: number; refused: number }[], reason: string) {
    const records = calls.flatMap(({ hours, passed, refused }): UsageRecord[] => {
      const minute = Math.floor((now - hours * HOUR) / 60_000) * 60_000;
      const made = (count: number, changed: Partial<UsageRecord>) =>
        Array.from({ length: count }, () => newCall(org, key, { at: minute, ...changed }));
      return [...made(passed, {}), ...made(refused, { outcome: reason, status: 403 })];
    });
    await drain(records);
  }

  test("for random keys", async () => {
    const { org, group, actor } = await setting();
    for (const { rotation, leakedAt, oldLeakedAt, calls, reason, environment, lastUsedAt, ...data } of fc.sample(state, {
      numRuns: 60,
      seed: 42,
    })) {
      const key = await newKey(org, { group, insert: { environment }, ...data, ...(lastUsedAt === null ? {} : { lastUsedAt }) });
      await writer().keySecret.updateMany({ where: { keyId: key.id }, data: { leakedAt } });
      if (rotation !== null) await retire(key, { endsAt: rotation, leakedAt: oldLeakedAt });
      await callsOf(org, key, calls, reason);
    }
    const ids = (await listKeys(actor, { limit: 100 })).data.map(({ id }) => id);
    const insights = (await keyInsights(actor, ids)).data;
    expect(insights).toHaveLength(60);
    for (const code of healthCodes) {
      const said = insights.filter(({ health }) => health.some((each) => each.code === code)).map(({ key_id }) => key_id);
      const listed = (await listKeys(actor, { limit: 100, health: code })).data.map(({ id }) => id);
      expect(listed.toSorted(), code).toEqual(said.toSorted());
      expect(said.length, code).toBeGreaterThan(0);
      expect(said.length, code).toBeLessThan(60);
    }
    // What needs somebody: the list, its pages, its number and the rule say the same of each.
    const all = (await listKeys(actor, { limit: 100 })).data;
    const healthOf = new Map(insights.map(({ key_id, health }) => [key_id, health]));
    const asking = all.filter((key) => needsAttention(key, healthOf.get(key.id) ?? [])).map(({ name }) => name);
    expect(await walk(actor, { health: "attention" })).toEqual(asking);
    expect(await countAttention(actor)).toBe(asking.length);
    expect(asking.length).toBeGreaterThan(5);
    const calm = all.filter(({ status, name }) => !["revoked", "expired"].includes(status) && !asking.includes(name));
    expect(calm.map(({ status }) => status)).toEqual(expect.arrayContaining(["paused", "scheduled"]));
  });
});
