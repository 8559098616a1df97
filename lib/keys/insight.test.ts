import { afterEach, describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { now, setClock } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { keyInsights, rotationView, suggestions } from "@/lib/keys/insight";
import { KeyInsight, KeyInsightQuery, RotationView, Suggestions } from "@/lib/keys/schema";
import { newCall, newGroup, newKey, newMember, newOrg, refusal, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";
import { drain } from "@/lib/usage/drain";
import type { UsageRecord } from "@/lib/usage/record";

const { owner } = await useDatabase();

const DAY = 86_400_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;
/** A moment within a minute, an hour and a day. */
const NOW = Math.floor(Date.now() / DAY) * DAY + 14 * HOUR + 30 * MINUTE + 12_345;
const reader = (actor: Actor) => authorize(actor, "keys.read");

afterEach(() => setClock(Date.now));

async function setting(): Promise<{ org: TestOrg; group: { id: string }; actor: ReturnType<typeof reader>; key: TestKey }> {
  setClock(() => NOW);
  const org = await newOrg();
  const group = await newGroup(org);
  return { org, group, actor: reader(await newMember(org, "viewer")), key: await newKey(org, { group }) };
}

const repeat = (count: number, org: TestOrg, key: TestKey, changed: Partial<UsageRecord>) =>
  Array.from({ length: count }, () => newCall(org, key, { at: NOW, ...changed }));

describe("the insight of keys", () => {
  test("has 30 UTC days, the last use with its country, and what asks for attention", async () => {
    const { org, actor, key } = await setting();
    const refused = { outcome: "ip_not_allowed", status: 403 };
    await drain([
      ...repeat(3, org, key, {}),
      ...repeat(1, org, key, { outcome: "error", status: 500 }),
      ...repeat(2, org, key, refused),
      ...repeat(4, org, key, { at: NOW - 29 * DAY }),
      ...repeat(5, org, key, { ...refused, at: NOW - 28 * DAY - 14 * HOUR }),
      ...repeat(6, org, key, { at: NOW - 30 * DAY }),
    ]);
    const [insight, ...others] = (await keyInsights(actor, [key.id])).data;
    expect(others).toEqual([]);
    expect(KeyInsight.parse(insight)).toEqual(insight);
    expect(insight?.key_id).toBe(key.id);
    expect(insight?.last_used).toEqual({ at: new Date(NOW).toISOString(), ip: "203.0.113.7", country: null, user_agent: "tests/1" });
    expect(insight?.health.map(({ code }) => code)).toEqual(["no_expiry"]);
    expect(insight?.days).toHaveLength(30);
    const today = new Date(NOW).toISOString().slice(0, 10);
    expect(insight?.days.at(-1)).toEqual({ start: `${today}T00:00:00.000Z`, accepted: 4, refused: 2 });
    expect(insight?.days.slice(0, 2).map(({ accepted, refused }) => [accepted, refused])).toEqual([
      [4, 0],
      [0, 5],
    ]);
    expect(insight?.days.slice(2, -1).every(({ accepted, refused }) => accepted + refused === 0)).toBe(true);
  });

  test("comes in the order asked, each once, and leaves out what the caller does not see", async () => {
    const { org, group, actor, key } = await setting();
    const two = await newKey(org, { group });
    const test = await newKey(org, { group, insert: { environment: "test" } });
    const foreign = await setting();
    const ids = [two.id, foreign.key.id, newId("key"), "nonsense", key.id, two.id, test.id];
    const of = async (who: typeof actor) => (await keyInsights(who, ids)).data.map(({ key_id }) => key_id);
    expect(await of(actor)).toEqual([two.id, key.id, test.id]);
    expect(await of(reader(test.actor))).toEqual([test.id]);
    expect(await of(reader({ ...key.actor, role: "read" }))).toEqual([key.id]);
    expect(await of(foreign.actor)).toEqual([foreign.key.id]);
  });

  test("of a key that was never called is empty, not missing", async () => {
    const { actor, key } = await setting();
    expect((await keyInsights(actor, [key.id])).data[0]).toMatchObject({ last_used: null, days: expect.any(Array) });
    expect(KeyInsightQuery.safeParse({ ids: "," }).success).toBe(false);
    expect(KeyInsightQuery.safeParse({ ids: Array(201).fill("x").join() }).success).toBe(false);
  });

  test("counts the calls of one key, organization and span only", async () => {
    const { org, group, actor, key } = await setting();
    const other = await newKey(org, { group });
    await drain([...repeat(60, org, other, { outcome: "paused", status: 401 }), ...repeat(1, org, key, {})]);
    const [one, two] = (await keyInsights(actor, [key.id, other.id])).data;
    expect(one?.days.at(-1)).toMatchObject({ accepted: 1, refused: 0 });
    expect(two?.days.at(-1)).toMatchObject({ accepted: 0, refused: 60 });
    expect(one?.health.map(({ code }) => code)).toEqual(["no_expiry"]);
    expect(two?.health[0]).toMatchObject({ code: "many_refusals", message: expect.stringContaining("because it was paused") });
  });
});

describe("a busy minute", () => {
  const closeOf = async (actor: ReturnType<typeof reader>, key: TestKey) =>
    (await keyInsights(actor, [key.id])).data[0]?.health.find(({ code }) => code === "close_to_limit") ?? null;
  const minute = new Date(Math.floor((NOW - 3 * HOUR) / MINUTE) * MINUTE);

  test("is told when it comes near the limit that really holds", async () => {
    const { org, actor, key } = await setting();
    await writer().group.update({ where: { id: key.groupId }, data: { requestsPerMinute: 50 } });
    await drain([...repeat(44, org, key, { at: minute.getTime() }), ...repeat(44, org, key, { at: minute.getTime() + MINUTE })]);
    expect(await closeOf(actor, key)).toBeNull();
    await drain(repeat(1, org, key, { at: minute.getTime() + 59_999 }));
    expect(await closeOf(actor, key)).toEqual({
      code: "close_to_limit",
      at: minute.toISOString(),
      message: "A minute of the last 24 hours had 45 calls, and its limit is 50 a minute. Raise its limit, or spread its calls.",
    });
  });

  test("is of the last 24 hours, and of calls that passed", async () => {
    const { org, actor, key } = await setting();
    await drain([
      ...repeat(60, org, key, { at: NOW - 24 * HOUR }),
      ...repeat(60, org, key, { at: minute.getTime(), outcome: "ip_not_allowed", status: 403 }),
    ]);
    expect(await closeOf(actor, key)).toBeNull();
  });

  test("of an hour with too many calls to look through is its average", async () => {
    const { org, actor, key } = await setting();
    await writer().org.update({ where: { id: org.id }, data: { requestsPerMinute: 125 } });
    await drain(repeat(1, org, key, { at: minute.getTime(), calls: 6_720 }));
    expect(await closeOf(actor, key)).toBeNull();
    await drain(repeat(1, org, key, { at: minute.getTime(), calls: 1 }));
    const message = "A minute of the last 24 hours had 113 calls, and its limit is 125 a minute. Raise its limit, or spread its calls.";
    expect(await closeOf(actor, key)).toMatchObject({ message });
  });
});

describe("a rotation shows", () => {
  /** A key whose old secret was made two days and whose new one two hours ago. */
  async function rotating() {
    const made = await setting();
    const newest = await db.keySecret.findFirstOrThrow({ where: { keyId: made.key.id } });
    await writer().keySecret.update({ where: { id: newest.id }, data: { createdAt: new Date(NOW - 2 * HOUR) } });
    const old = { id: newId("sec"), prefix: "lk_live_oldone", createdAt: new Date(NOW - 2 * DAY), endsAt: new Date(NOW + HOUR) };
    await writer().keySecret.create({ data: { ...old, keyId: made.key.id, hash: Buffer.from(old.id) } });
    return { ...made, old, newest };
  }

  test("who calls with the old secret and who with the new, since it began", async () => {
    const { org, actor, key, old, newest } = await rotating();
    await drain([
      ...repeat(3, org, key, { secretId: old.id, at: NOW - 30 * MINUTE, ip: "198.51.100.1", userAgent: "old/1" }),
      ...repeat(1, org, key, { secretId: old.id, at: NOW - 90 * MINUTE, ip: "198.51.100.2", route: "/v1/search", method: "POST" }),
      ...repeat(1, org, key, { secretId: old.id, at: NOW - 3 * HOUR }),
      ...repeat(2, org, key, { secretId: newest.id, at: NOW, userAgent: "new/1" }),
      ...repeat(1, org, key, { secretId: newest.id, at: NOW - 59 * MINUTE, ip: null, userAgent: null }),
      ...repeat(9, org, key, { secretId: "sec_of_long_ago", at: NOW }),
    ]);
    const view = await rotationView(actor, key.id);
    expect(RotationView.parse(view)).toEqual(view);
    const at = (ms: number) => new Date(ms).toISOString();
    expect(view.rotation).toMatchObject({ old_key_prefix: "lk_live_oldone", ends_at: old.endsAt.toISOString() });
    expect(view.since).toBe(at(NOW - 2 * HOUR));
    expect(view.old).toMatchObject({
      key_prefix: "lk_live_oldone",
      calls: 4,
      last_used_at: at(NOW - 30 * MINUTE),
      addresses: [
        { ip: "198.51.100.1", country: "NL", calls: 3, last_at: at(NOW - 30 * MINUTE) },
        { ip: "198.51.100.2", country: "NL", calls: 1, last_at: at(NOW - 90 * MINUTE) },
      ],
      agents: [
        { user_agent: "old/1", calls: 3, last_at: at(NOW - 30 * MINUTE) },
        { user_agent: "tests/1", calls: 1, last_at: at(NOW - 90 * MINUTE) },
      ],
      routes: [
        { method: "GET", route: "/v1/status", calls: 3, last_at: at(NOW - 30 * MINUTE) },
        { method: "POST", route: "/v1/search", calls: 1, last_at: at(NOW - 90 * MINUTE) },
      ],
    });
    expect(view.new).toMatchObject({ key_prefix: key.prefix, calls: 3, last_used_at: at(NOW) });
    expect(view.new.addresses).toContainEqual({ ip: null, country: "NL", calls: 1, last_at: at(NOW - 59 * MINUTE) });
    const minutes = (filled: Record<number, number>) => Array.from({ length: 60 }, (_, i) => filled[i] ?? 0);
    expect(view.old?.per_minute).toEqual(minutes({ 29: 3 }));
    expect(view.new.per_minute).toEqual(minutes({ 59: 2, 0: 1 }));
  });

  test("the busiest twenty of many", async () => {
    const { org, actor, key, newest } = await rotating();
    const calls = Array.from({ length: 25 }, (_, i) => repeat(i + 1, org, key, { secretId: newest.id, at: NOW, ip: `198.51.100.${i}` }));
    await drain(calls.flat());
    const { addresses, calls: all } = (await rotationView(actor, key.id)).new;
    expect(all).toBe(325);
    expect(addresses.map(({ calls: each }) => each)).toEqual(Array.from({ length: 20 }, (_, i) => 25 - i));
  });

  test("when the old secret was last used, also when that was before it began", async () => {
    const { org, actor, key, old } = await rotating();
    expect((await rotationView(actor, key.id)).old).toMatchObject({ calls: 0, last_used_at: null });
    await drain(repeat(1, org, key, { secretId: old.id, at: NOW - 5 * HOUR }));
    expect((await rotationView(actor, key.id)).old).toMatchObject({ calls: 0, last_used_at: new Date(NOW - 5 * HOUR).toISOString() });
  });

  test("one secret alone where none runs, and where it has run out", async () => {
    const { actor, key } = await setting();
    expect(await rotationView(actor, key.id)).toMatchObject({
      rotation: null,
      old: null,
      new: { key_prefix: key.prefix, calls: 0, addresses: [] },
    });
    const over = await rotating();
    setClock(() => over.old.endsAt.getTime());
    expect(await rotationView(over.actor, over.key.id)).toMatchObject({ rotation: null, old: null });
  });
});

describe("what the calls of 30 days suggest", () => {
  const api = {
    scopes: new Map([
      ["GET /v1/status", "status"],
      ["GET /v1/search", "search"],
    ]),
  };

  test("is the addresses seen as a list, and the scopes really used", async () => {
    const { org, actor, key } = await setting();
    await writer().key.update({ where: { id: key.id }, data: { scopes: ["status", "search", "tagging"] } });
    await drain([
      ...repeat(2, org, key, { ip: "198.51.100.9" }),
      ...repeat(1, org, key, { ip: "2001:db8::7", country: null, method: "HEAD", at: NOW - 29 * DAY }),
      ...repeat(1, org, key, { ip: null }),
      // Not of 30 days, or refused: they suggest nothing.
      ...repeat(1, org, key, { ip: "192.0.2.1", route: "/v1/search", at: NOW - 31 * DAY }),
      ...repeat(1, org, key, { ip: "192.0.2.2", route: "/v1/search", outcome: "ip_not_allowed", status: 403 }),
    ]);
    const found = await suggestions(actor, key.id, api);
    expect(Suggestions.parse(found)).toEqual(found);
    expect(found).toEqual({
      since: new Date(NOW - 29 * DAY).toISOString(),
      calls: 4,
      enough: false,
      addresses: [
        { ip: "198.51.100.9", country: "NL", calls: 2, last_at: new Date(NOW).toISOString() },
        { ip: "2001:db8::7", country: null, calls: 1, last_at: new Date(NOW - 29 * DAY).toISOString() },
      ],
      address_count: 2,
      allowed_ips: ["198.51.100.9", "2001:db8::7"],
      scopes: { used: ["status"], unused: ["search"], not_judged: ["tagging"] },
    });
  });

  test("is to be followed only once there were calls enough, for long enough", async () => {
    const { org, actor, key } = await setting();
    await drain([...repeat(48, org, key, {}), ...repeat(1, org, key, { at: NOW - 7 * DAY })]);
    expect((await suggestions(actor, key.id, api)).enough).toBe(false);
    await drain(repeat(1, org, key, {}));
    expect(await suggestions(actor, key.id, api)).toMatchObject({ enough: true, since: new Date(NOW - 7 * DAY).toISOString() });
    const young = await setting();
    await drain(repeat(50, young.org, young.key, { at: NOW - 6 * DAY }));
    expect((await suggestions(young.actor, young.key.id, api)).enough).toBe(false);
  });

  test("is nothing where there was no call", async () => {
    const { actor, key } = await setting();
    expect(await suggestions(actor, key.id, api)).toMatchObject({
      ...{ calls: 0, enough: false, addresses: [], address_count: 0, allowed_ips: [] },
      scopes: { used: [], unused: [], not_judged: ["status"] },
    });
  });
});

test("of more calls than can be looked through the newest count, and it is said from when", async () => {
  const { org, actor, key } = await setting();
  const secret = await writer().keySecret.update({
    where: { id: (await db.keySecret.findFirstOrThrow({ where: { keyId: key.id } })).id },
    data: { createdAt: new Date(NOW - DAY) },
  });
  await drain(repeat(1, org, key, { secretId: secret.id, at: NOW - 2 * HOUR, ip: "198.51.100.1" }));
  await owner.query(
    `insert into "UsageEvent" ("requestId", "createdAt", "orgId", "groupId", "keyId", "secretId", "keyPrefix", "environment", "method", "route",
       "status", "outcome", "latencyUs", "ip")
     select 'req_' || i, $1::timestamptz - i * interval '50 ms', $2, $3, $4, $5, 'x', 'live', 'GET', '/v1/status', 200, 'accepted', 1, '203.0.113.7'
     from generate_series(0, 49999) i`,
    [new Date(NOW), org.id, key.groupId, key.id, secret.id],
  );
  const since = new Date(NOW - 49_999 * 50).toISOString();
  expect(await rotationView(actor, key.id)).toMatchObject({
    since,
    new: { calls: 50_000, addresses: [{ ip: "203.0.113.7", calls: 50_000 }] },
  });
  expect(await suggestions(actor, key.id, { scopes: new Map() })).toMatchObject({
    ...{ since, calls: 50_000, allowed_ips: ["203.0.113.7"] },
    // The key is as new as they are.
    enough: false,
  });
  await writer().key.update({ where: { id: key.id }, data: { createdAt: new Date(NOW - 7 * DAY) } });
  expect(await suggestions(actor, key.id, { scopes: new Map() })).toMatchObject({ since, enough: true });
});

test("another's key is not there", async () => {
  const [mine, theirs] = [await setting(), await setting()];
  for (const id of [theirs.key.id, newId("key"), "x"]) {
    expect((await refusal(rotationView(mine.actor, id))).type).toBe("not_found");
    expect((await refusal(suggestions(mine.actor, id, { scopes: new Map() }))).type).toBe("not_found");
  }
});

test("nothing of this is written down", async () => {
  const { actor, key } = await setting();
  const counts = () => owner.query('select (select count(*) from "UsageEvent") as usage, (select count(*) from "AuditEvent") as audit');
  const before = (await counts()).rows;
  await Promise.all([keyInsights(actor, [key.id]), rotationView(actor, key.id), suggestions(actor, key.id, { scopes: new Map() })]);
  expect((await counts()).rows).toEqual(before);
  expect(now()).toBe(NOW);
});
