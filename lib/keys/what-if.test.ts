import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Access, type Actor, accesses, authorize } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { grantCredits } from "@/lib/credits/credits";
import { writer } from "@/lib/db";
import type { Api, Demand, Destination } from "@/lib/endpoint";
import { newId } from "@/lib/ids";
import { WhatIfAnswer } from "@/lib/keys/schema";
import { type Need, type Rehearsed, readEntry, verify } from "@/lib/keys/verify";
import { rehearse, whatIf } from "@/lib/keys/what-if";
import { newGroup, newKey, newMember, newOrg, refusal, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

const DAY = 86_400_000;
const reader = (actor: Actor) => authorize(actor, "keys.read");
const ANY: Demand = { permission: null, scopes: [], accesses: [], free: false, route: null, cost: 0 };
const apiOf = (to: Destination): Api => ({ scopes: new Map(), find: () => to });
const route = (demand: Partial<Demand> = {}): Api =>
  apiOf({ kind: "route", route: "GET /v1/things", status: 200, demand: { ...ANY, ...demand } });
const CALL = { ip: "203.0.113.7", method: "GET", path: "/v1/things" } as const;

async function setting(org: Parameters<typeof newOrg>[0] = {}, group: Parameters<typeof newGroup>[1] = {}) {
  const of = await newOrg(org);
  const made = await newGroup(of, group);
  return { org: of, group: made, actor: reader(await newMember(of, "viewer")) };
}

const CHECKS = [
  ...["state", "organization", "key_addresses", "group_addresses", "organization_addresses"],
  ...["access", "scope", "quota", "rate_limit", "credits", "route"],
];

describe("a call that would pass", () => {
  test("passes every check in the order of the contract, each with a sentence; nothing is counted or written", async () => {
    const { org, group, actor } = await setting();
    const key = await newKey(org, { group, insert: { allowedIps: ["203.0.113.0/24"], scopes: ["status", "search"] } });
    const api = route({ permission: "data.read", scopes: ["search"] });
    const tables = () =>
      owner.query(`select (select count(*) from "AuditEvent") as audit, (select count(*) from "UsageEvent") as usage,
        (select count(*) from "QuotaPeriod" where "orgId" = '${org.id}') as quota`);
    const before = (await tables()).rows;
    for (let i = 0; i < 3; i++) {
      const answer = await whatIf(actor, key.id, CALL, api);
      expect(WhatIfAnswer.parse(answer)).toEqual(answer);
      expect(answer).toMatchObject({ passes: true, status: 200, code: "valid", decided_by: null });
      expect(answer.checks.map(({ check }) => check)).toEqual(CHECKS);
      expect(answer.checks.every(({ passes }) => passes === true)).toBe(true);
      expect(answer.checks.map(({ message }) => message)).toEqual([
        "It is active.",
        "The organization is active.",
        "203.0.113.7 is on the list of addresses: 203.0.113.0/24.",
        "Its group has no list of addresses: every address may call.",
        "The organization has no list of addresses: every address may call.",
        "Its access, full, allows the call.",
        "It has the scope search.",
        "1,000 of this month's 1,000 live requests are left.",
        "60 of its 60 calls a minute are left.",
        "The call costs no credits.",
        "GET /v1/things takes the call.",
      ]);
    }
    expect((await tables()).rows).toEqual(before);
  });

  test("to a free route asks for no quota, and is limited by the route alone", async () => {
    const { org, group, actor } = await setting({ requestsPerMonth: 0 });
    const key = await newKey(org, { group, insert: { environment: "test" } });
    const answer = await whatIf(actor, key.id, CALL, route({ free: true, route: { name: "/v1/things", limit: 20 } }));
    expect(answer.passes).toBe(true);
    expect(answer.checks.slice(7, 9).map(({ message }) => message)).toEqual([
      "Calls here are free: they do not count.",
      "10 of the route's 10 calls a minute are left.",
    ]);
  });
});

describe("a call that would not pass is told the first check that refuses it", () => {
  const far = new Date(now() + 30 * DAY);
  const past = new Date("2026-01-02T03:04:05Z");

  test.each<[string, object, number, string, string]>([
    ["a revoked key", { revokedAt: past, pausedAt: past }, 401, "revoked", "It was revoked."],
    ["an expired key", { expiresAt: past }, 401, "expired", "It expired: 2 Jan 2026, 03:04:05 UTC."],
    ["a paused key", { pausedAt: past, notBefore: far }, 401, "paused", "It is paused."],
    [
      "a key that is not valid yet",
      { notBefore: new Date("2099-01-02T03:04:05Z") },
      401,
      "scheduled",
      "It is not valid before 2 Jan 2099, 03:04:05 UTC.",
    ],
  ])("%s", async (_, data, status, code, message) => {
    const { org, group, actor } = await setting();
    const answer = await whatIf(actor, (await newKey(org, { group, ...data })).id, CALL, route());
    expect(answer).toMatchObject({ passes: false, status, code, decided_by: "state" });
    expect(answer.checks[0]).toEqual({ check: "state", passes: false, message });
    expect(answer.checks.slice(1).every(({ passes, message: m }) => passes === null && m === "Not reached.")).toBe(true);
  });

  test("a key of an archived group", async () => {
    const { org, group, actor } = await setting({}, { archivedAt: past });
    const answer = await whatIf(actor, (await newKey(org, { group })).id, CALL, route());
    expect(answer).toMatchObject({ code: "revoked", decided_by: "state" });
    expect(answer.checks[0]?.message).toBe("Its group is archived, and with it its keys.");
  });

  test("each list of addresses is a check of its own", async () => {
    const lists = { key: ["203.0.113.0/24"], group: ["203.0.113.0/28"], organization: ["203.0.113.0/30"] };
    const { org, group, actor } = await setting({ allowedIps: lists.organization }, { allowedIps: lists.group });
    const key = await newKey(org, { group, insert: { allowedIps: lists.key } });
    const from = async (ip: string | null) => whatIf(actor, key.id, { ...CALL, ip }, route());
    const said = async (ip: string | null, by: string) => {
      const answer = await from(ip);
      expect(answer).toMatchObject({ passes: false, status: 403, code: "ip_not_allowed", decided_by: by });
      return answer.checks.find(({ passes }) => passes === false)?.message;
    };
    expect((await from("203.0.113.3")).passes).toBe(true);
    expect((await from("::ffff:203.0.113.3")).passes).toBe(true);
    expect(await said("203.0.113.4", "organization_addresses")).toBe(
      "The organization has a list of addresses, and 203.0.113.4 is not on it.",
    );
    expect(await said("203.0.113.16", "group_addresses")).toBe("Its group has a list of addresses, and 203.0.113.16 is not on it.");
    expect(await said("198.51.100.1", "key_addresses")).toBe("The key has a list of addresses, and 198.51.100.1 is not on it.");
    expect(await said(null, "key_addresses")).toBe("The key has a list of addresses, and an unknown address is not on it.");
  });

  test("access and scope, in plain words", async () => {
    const { org, group, actor } = await setting();
    const key = await newKey(org, { group, insert: { access: "read", scopes: ["status", "upload"] } });
    const said = async (demand: Partial<Demand>) => {
      const { decided_by, status, checks } = await whatIf(actor, key.id, CALL, route(demand));
      return [status, decided_by, checks.find(({ passes }) => passes === false)?.message];
    };
    expect(await said({ permission: "keys.create" })).toEqual([
      ...[403, "access", "This key's access is too small: the call needs access full or admin."],
    ]);
    expect(await said({ permission: "members.read" })).toEqual([
      403,
      "access",
      "This key's access is too small: the call needs a signed-in person.",
    ]);
    expect(await said({ accesses: ["write"] })).toEqual([403, "access", "Its access, read, does not hold write."]);
    expect(await said({ scopes: ["status", "search"] })).toEqual([403, "scope", "It does not have the scope search."]);
    expect(await said({ scopes: ["upload"] })).toEqual([403, "scope", "It has the scope upload, but its organization no longer does."]);
  });

  test("quota, rate limit and credits", async () => {
    const { org, group, actor } = await setting({ requestsPerMonth: 1 });
    const [one, two] = [await newKey(org, { group }), await newKey(org, { group, insert: { environment: "test", requestsPerMinute: 2 } })];
    const need = { ...ANY, ip: null, asker: null, within: null, requestId: "req_1" };
    const decided = async (id: string, demand: Partial<Demand> = {}) => {
      const { decided_by, status } = await whatIf(actor, id, CALL, route(demand));
      return [decided_by, status];
    };
    // The plan begins with 50.
    expect(await decided(one.id, { cost: 51 })).toEqual(["credits", 402]);
    await writer().$transaction((tx) => grantCredits(tx, org.id, 5, "test"));
    expect(await decided(one.id, { cost: 55 })).toEqual([null, 200]);
    expect(await decided(one.id, { cost: 56 })).toEqual(["credits", 402]);
    // A test key has a month of its own, and half of the limit.
    expect((await verify(two.secret, need, now())).valid).toBe(true);
    expect(await decided(two.id, { cost: 56 })).toEqual(["quota", 429]);
    await writer().org.update({ where: { id: org.id }, data: { requestsPerMonth: 9 } });
    expect(await decided(two.id)).toEqual(["rate_limit", 429]);
    expect(await decided(one.id)).toEqual([null, 200]);
  });

  test("a path that is not there comes last: the key is looked at first", async () => {
    const { org, group, actor } = await setting();
    const [good, paused] = [await newKey(org, { group }), await newKey(org, { group, pausedAt: past })];
    const error = { status: 404, type: "not_found" as const, message: "Nothing is here." };
    const nowhere = apiOf({ kind: "none", demand: { ...ANY, permission: "self.read" }, error });
    expect(await whatIf(actor, good.id, CALL, nowhere)).toMatchObject({
      passes: false,
      status: 404,
      code: "not_found",
      decided_by: "route",
    });
    expect(await whatIf(actor, paused.id, CALL, nowhere)).toMatchObject({
      passes: false,
      status: 401,
      code: "paused",
      decided_by: "state",
    });
  });

  test("a path that no key opens, and one that asks for none", async () => {
    const { org, group, actor } = await setting();
    const { id } = await newKey(org, { group, revokedAt: past });
    expect(await whatIf(actor, id, CALL, apiOf({ kind: "operator", route: "POST /x" }))).toMatchObject({
      status: 401,
      decided_by: "route",
    });
    expect(await whatIf(actor, id, CALL, apiOf({ kind: "open", route: "POST /x", status: 202 }))).toMatchObject({
      passes: true,
      status: 202,
    });
  });
});

test("another's key is not there, and what is no address is said to be none", async () => {
  const [mine, theirs] = [await setting(), await setting()];
  const { id } = await newKey(theirs.org, { group: theirs.group });
  for (const each of [id, newId("key"), "x"]) expect((await refusal(whatIf(mine.actor, each, CALL, route()))).type).toBe("not_found");
  expect((await refusal(whatIf(theirs.actor, id, { ...CALL, ip: "1.2.3" }, route()))).details).toEqual({ ip: "is not an address" });
});

test("for random keys and calls it says what verification then does", { timeout: 60_000 }, async () => {
  const at = now();
  // Most keys are well, so that the later checks are reached too.
  const mostly = <T>(usual: T, ...others: T[]) =>
    fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
  const instant = (...days: number[]) => mostly<Date | null>(null, ...days.map((each) => new Date(at + each * DAY)));
  const list = mostly<string[]>([], ["203.0.113.0/24"], ["203.0.113.7", "2001:db8::/32"], ["198.51.100.1"]);
  const limit = fc.constantFrom(null, 1, 2);
  const scenes = fc.record({
    org: fc.record({
      deactivatedAt: instant(-1),
      allowedIps: list,
      requestsPerMinute: limit,
      requestsPerMonth: fc.constantFrom(null, null, 0, 1, 3),
    }),
    group: fc.record({ archivedAt: instant(-1), allowedIps: list, requestsPerMinute: limit }),
    key: fc.record({
      ...{ revokedAt: instant(-1), expiresAt: instant(-1, 1), pausedAt: instant(-1), notBefore: instant(-1, 1) },
      ...{ allowedIps: list, requestsPerMinute: limit },
    }),
    environment: fc.constantFrom("live" as const, "test" as const),
    access: mostly<Access>("admin", ...accesses),
    scopes: mostly(["status", "search"], ["status"], ["upload"], []),
    calls: fc.array(
      fc.record({
        ip: fc.constantFrom(null, "203.0.113.7", "203.0.113.8", "2001:db8::1", "198.51.100.1", "::ffff:198.51.100.1"),
        permission: fc.constantFrom(null, "data.read" as const, "keys.create" as const, "self.read" as const),
        accesses: mostly<Access[]>([], ["read"], ["write"], ["full"], ["admin"]),
        scopes: fc.subarray(["status", "search"]),
        free: fc.boolean(),
        route: fc.constantFrom(null, null, { name: "/v1/things", limit: 2 }),
        cost: fc.constantFrom(0, 0, 30),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(scenes, async ({ org: ofOrg, group: ofGroup, key: ofKey, environment, access, scopes, calls }) => {
      const { org, group } = await setting(ofOrg, ofGroup);
      const key = await newKey(org, { group, insert: { environment, access, scopes }, ...ofKey });
      for (const call of calls) {
        // One instant for both, so that no minute turns between them.
        const nowMs = now();
        // What is free is not charged either.
        const need: Need = { ...call, cost: call.free ? 0 : call.cost, asker: null, within: null, requestId: newId("req") };
        const rehearsed = (await readEntry(key.id, nowMs)) as Rehearsed;
        const expected = (await rehearse(rehearsed, need, nowMs)).find(({ code }) => code !== null)?.code ?? "valid";
        const verdict = await verify(key.secret, need, nowMs);
        expect(verdict.valid ? "valid" : verdict.code).toBe(expected);
        seen.add(expected);
      }
    }),
    { numRuns: 150, seed: 4 },
  );
  expect([...seen].toSorted()).toEqual([
    ...["account_deactivated", "expired", "insufficient_credits", "insufficient_scope", "ip_not_allowed", "paused", "quota_exceeded"],
    ...["rate_limit_exceeded", "revoked", "scheduled", "valid"],
  ]);
});
