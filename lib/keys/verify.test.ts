import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Access, accesses, authorize, type Environment, type Permission } from "@/lib/access/permissions";
import type { Action } from "@/lib/audit/actions";
import { change } from "@/lib/audit/change";
import { setClock } from "@/lib/clock";
import { creditsOf } from "@/lib/credits/credits";
import { db, verifyPool, writer } from "@/lib/db";
import { env } from "@/lib/env";
import { newId } from "@/lib/ids";
import { createKey, revokeKey } from "@/lib/keys/keys";
import { newSecret, parseSecret, type Secret, withChecksum } from "@/lib/keys/secret";
import { cacheState, type Need, type RefusalCode, type Verdict, verify } from "@/lib/keys/verify";
import { lease, openLease } from "@/lib/leases";
import { quotaAccount } from "@/lib/limits/quota";
import { limitStore } from "@/lib/limits/store";
import { eventually } from "@/lib/testing/eventually";
import { newGroup, newKey, newMember, newOrg, newPerson, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

// The middle of a minute in the middle of a month; every test gets a minute of its own.
let minute = Date.parse("2026-11-20T12:00:30.000Z");
let NOW = minute;
beforeEach(() => {
  minute += 60_000;
  NOW = minute;
  setClock(() => NOW);
});
afterAll(() => setClock(() => Date.now()));

const IP = "203.0.113.7";
const needOf = (need: Partial<Need> = {}): Need => ({
  permission: "data.read",
  scopes: ["status"],
  accesses: [],
  ip: IP,
  within: null,
  asker: null,
  free: false,
  route: null,
  cost: 0,
  requestId: newId("req"),
  ...need,
});
const ask = async (secret: string, need: Partial<Need> = {}, at = NOW): Promise<Verdict> => verify(secret, needOf(need), at);
const codeOf = (verdict: Verdict) => (verdict.valid ? "valid" : verdict.code);
const month = (at = NOW) => new Date(at).toISOString().slice(0, 7);

/** As if others had used so much of the month: this node holds nothing of it. */
async function setUsed(org: TestOrg, used: number, environment: Environment = "live", at = NOW): Promise<void> {
  await quotaAccount(org.id, environment).tidy(at, true, false);
  const id = { orgId: org.id, environment, month: month(at) };
  await writer().quotaPeriod.upsert({ where: { orgId_environment_month: id }, create: { ...id, used }, update: { used } });
}

/** What was used of the month: handed out, but for what goes back unused. */
async function usedOf(org: TestOrg, environment: Environment = "live", at = NOW): Promise<number> {
  await quotaAccount(org.id, environment).tidy(at, true, false);
  return (await db.quotaPeriod.findFirst({ where: { orgId: org.id, environment, month: month(at) } }))?.used ?? 0;
}

async function left(subject: string, limit: number): Promise<number> {
  const [state] = await limitStore().peek([{ name: "", subject, limit, windowSeconds: 60 }], NOW);
  return state?.remaining ?? -1;
}
const rateLeft = (key: TestKey, limit: number) => left(`key:${key.id}`, limit);
const ROUTE = { name: "/v1/extractions", limit: 20 };
const routeLeft = (key: TestKey, limit = ROUTE.limit) => left(`route:${ROUTE.name}:${key.id}`, limit);

/** Leaves the organization with exactly so many credits. */
async function setCredits(org: TestOrg, credits: number): Promise<void> {
  const amount = credits - (await creditsOf(org.id));
  if (amount !== 0)
    await writer().creditEntry.create({
      data: { id: newId("crd"), orgId: org.id, kind: amount > 0 ? "grant" : "charge", amount, reason: "test" },
    });
}

/** All that a call can cost: quota, rate, the route's limit, credits, entries of the ledger. */
const costs = async ({ org, key }: { org: TestOrg; key: TestKey }) => [
  await usedOf(org),
  await usedOf(org, "test"),
  await rateLeft(key, 60),
  await routeLeft(key),
  await creditsOf(org.id),
  await db.creditEntry.count({ where: { orgId: org.id } }),
];

describe("a good key", () => {
  test("is known by everything a caller needs, counted once against rate and quota", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    const verdict = await ask(key.secret);
    expect(verdict).toEqual({
      valid: true,
      key: {
        keyId: key.id,
        secretId: expect.stringMatching(/^sec_/),
        prefix: key.prefix,
        name: expect.any(String),
        orgId: org.id,
        orgName: org.name,
        groupId: key.groupId,
        environment: "live",
        access: "full",
        scopes: ["status"],
        owner: { type: "organization", id: org.id, name: org.name },
        metadata: {},
        minuteLimit: 60,
        monthLimit: 1_000,
      },
      counted: true,
      charged: 0,
      limits: {
        rate: { name: "key", limit: 60, remaining: 59, windowSeconds: 60, resetAt: Math.ceil(NOW / 60_000) * 60 },
        route: null,
        quota: {
          name: "month",
          limit: 1_000,
          remaining: 999,
          windowSeconds: 2_592_000,
          resetAt: Date.parse("2026-12-01T00:00:00Z") / 1000,
        },
      },
    });
    expect(await usedOf(org)).toBe(1);
  });

  test("of a member names the member, and what its owner wrote about it", async () => {
    const org = await newOrg();
    const person = await newPerson();
    const key = await newKey(org, { ownerId: person.id, metadata: { customer: "42", ü: "" } });
    expect(await ask(key.secret)).toMatchObject({
      key: { owner: { type: "member", id: person.id, name: person.name }, metadata: { customer: "42", ü: "" } },
    });
  });

  test("that makes a free call sees its limits and counts against none", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    await ask(key.secret);
    for (let i = 0; i < 3; i++)
      expect(await ask(key.secret, { free: true })).toMatchObject({
        valid: true,
        counted: false,
        limits: { rate: { remaining: 59 }, quota: { remaining: 999 } },
      });
    expect([await usedOf(org), await rateLeft(key, 60)]).toEqual([1, 59]);
  });

  test("reads its limits also when they are used up", async () => {
    const org = await newOrg({ requestsPerMonth: 1 });
    const key = await newKey(org, { requestsPerMinute: 1 });
    await ask(key.secret);
    expect(await ask(key.secret, { free: true })).toMatchObject({
      valid: true,
      limits: { rate: { limit: 1, remaining: 0 }, quota: { limit: 1, remaining: 0 } },
    });
  });

  test("has no scope that its organization lost", async () => {
    const org = await newOrg();
    const key = await newKey(org, { scopes: ["status", "search"] });
    expect(await ask(key.secret)).toMatchObject({ valid: true, key: { scopes: ["status", "search"] } });
    await writer().org.update({ where: { id: org.id }, data: { scopes: ["search"] } });
    expect(codeOf(await ask(key.secret))).toBe("insufficient_scope");
    expect(await ask(key.secret, { scopes: ["search"] })).toMatchObject({ valid: true, key: { scopes: ["search"] } });
  });
});

/**
 * What can be wrong with a key that makes a call of one credit, in the order in which contract §4 asks. Each is set up alone and together
 * with all that follow.
 */
const FAULTS: { code: RefusalCode; set: (scene: { org: TestOrg; key: TestKey }) => Promise<unknown> }[] = [
  { code: "revoked", set: ({ key }) => writer().key.update({ where: { id: key.id }, data: { revokedAt: new Date(NOW - 1) } }) },
  { code: "expired", set: ({ key }) => writer().key.update({ where: { id: key.id }, data: { expiresAt: new Date(NOW) } }) },
  { code: "paused", set: ({ key }) => writer().key.update({ where: { id: key.id }, data: { pausedAt: new Date(NOW - 1) } }) },
  { code: "scheduled", set: ({ key }) => writer().key.update({ where: { id: key.id }, data: { notBefore: new Date(NOW + 1) } }) },
  {
    code: "account_deactivated",
    set: ({ org }) => writer().org.update({ where: { id: org.id }, data: { deactivatedAt: new Date(NOW - 1) } }),
  },
  { code: "ip_not_allowed", set: ({ org }) => writer().org.update({ where: { id: org.id }, data: { allowedIps: ["198.51.100.0/24"] } }) },
  { code: "insufficient_scope", set: ({ key }) => writer().key.update({ where: { id: key.id }, data: { scopes: ["search"] } }) },
  { code: "quota_exceeded", set: ({ org }) => setUsed(org, 1_000) },
  {
    code: "rate_limit_exceeded",
    set: async ({ key }) => {
      for (let i = 0; i < 60; i++) await limitStore().take([{ name: "key", subject: `key:${key.id}`, limit: 60, windowSeconds: 60 }], NOW);
    },
  },
  { code: "insufficient_credits", set: ({ org }) => setCredits(org, 0) },
];
const CHARGED: Partial<Need> = { cost: 1, route: ROUTE };

async function scene(): Promise<{ org: TestOrg; key: TestKey }> {
  const org = await newOrg();
  return { org, key: await newKey(org) };
}

describe("a refusal", () => {
  test.each(FAULTS)("$code is told when nothing else is wrong", async ({ code, set }) => {
    const it = await scene();
    expect(codeOf(await ask(it.key.secret, CHARGED))).toBe("valid");
    await set(it);
    expect(codeOf(await ask(it.key.secret, CHARGED))).toBe(code);
  });

  test.each(FAULTS.map((fault, i) => [fault.code, FAULTS.slice(i)] as const))(
    "%s is told first of all that follow it in the order of checks",
    async (code, faults) => {
      const it = await scene();
      for (const { set } of faults) await set(it);
      expect(codeOf(await ask(it.key.secret, CHARGED))).toBe(code);
    },
  );

  test.each(FAULTS)("$code costs nothing, 500 times: neither quota nor rate, the route's limit nor a credit", async ({ code, set }) => {
    const it = await scene();
    await set(it);
    const before = await costs(it);
    for (let i = 0; i < 50; i++) {
      // Ten at a time: a call that waits for its credits holds its place until it is refused.
      const codes = (await Promise.all(Array.from({ length: 10 }, () => ask(it.key.secret, CHARGED)))).map(codeOf);
      expect(new Set(codes)).toEqual(new Set([code]));
    }
    expect(await costs(it)).toEqual(before);
  });

  test("by the route's own limit costs nothing, 500 times: neither quota nor the key's rate nor a credit", async () => {
    const it = await scene();
    for (let i = 0; i < ROUTE.limit; i++) expect(codeOf(await ask(it.key.secret, CHARGED))).toBe("valid");
    const before = await costs(it);
    expect(before).toEqual([20, 0, 40, 0, 30, 21]);
    for (let i = 0; i < 500; i++) expect(codeOf(await ask(it.key.secret, CHARGED))).toBe("rate_limit_exceeded");
    expect(await costs(it)).toEqual(before);
  });

  test.each(FAULTS)("$code shows the key's limits exactly where the key is named by it", async ({ code, set }) => {
    const it = await scene();
    await set(it);
    const verdict = await ask(it.key.secret, CHARGED);
    const hidden = ["revoked", "expired", "paused", "scheduled"].includes(code);
    if (verdict.valid) throw new Error("It was accepted");
    expect(verdict.limits === null).toBe(hidden);
    expect(verdict.limits?.route?.limit ?? ROUTE.limit).toBe(ROUTE.limit);
    expect(verdict.key?.keyId).toBe(it.key.id);
  });

  test.each<[string, Partial<Need>, object]>([
    ["permission", { permission: "groups.write" }, { permission: "groups.write" }],
    ["access", { permission: null, accesses: ["read", "admin"] }, { access: "admin" }],
    ["scope", { scopes: ["status", "chat", "search"] }, { scope: "chat" }],
    [
      "permission before access and scope",
      { permission: "groups.write", accesses: ["admin"], scopes: ["chat"] },
      { permission: "groups.write" },
    ],
    ["access before scope", { accesses: ["admin"], scopes: ["chat"] }, { access: "admin" }],
  ])("names the first %s that is missing", async (_, need, needed) => {
    const { key } = await scene();
    expect(await ask(key.secret, need)).toMatchObject({ valid: false, code: "insufficient_scope", needed });
  });
});

describe("the state of a key is decided to the millisecond", () => {
  test.each<[string, object, number, string]>([
    ["expires then", { expiresAt: 0 }, -1, "valid"],
    ["expires then", { expiresAt: 0 }, 0, "expired"],
    ["begins then", { notBefore: 0 }, -1, "scheduled"],
    ["begins then", { notBefore: 0 }, 0, "valid"],
  ])("%s: %j at %d ms is %s", async (_, state, offset, code) => {
    const key = await newKey(await newOrg(), Object.fromEntries(Object.entries(state).map(([name, at]) => [name, new Date(NOW + at)])));
    expect(codeOf(await ask(key.secret, {}, NOW + offset))).toBe(code);
  });

  test("a retired secret works until its end, the new one at once and on", async () => {
    const { key } = await scene();
    const fresh = newSecret("lk_live_");
    await writer().keySecret.updateMany({ where: { keyId: key.id }, data: { endsAt: new Date(NOW + 1) } });
    await writer().keySecret.create({
      data: { id: `${key.id}-2`, keyId: key.id, hash: Buffer.from(fresh.hash, "hex"), prefix: fresh.prefix },
    });
    expect([codeOf(await ask(key.secret)), codeOf(await ask(fresh.text))]).toEqual(["valid", "valid"]);
    expect([codeOf(await ask(key.secret, {}, NOW + 1)), codeOf(await ask(fresh.text, {}, NOW + 1))]).toEqual(["revoked", "valid"]);
  });

  test("a key of an archived group is refused", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    const key = await newKey(org, { group });
    await writer().group.update({ where: { id: group.id }, data: { archivedAt: new Date(NOW - 1) } });
    expect(codeOf(await ask(key.secret))).toBe("revoked");
  });
});

describe("addresses", () => {
  test.each<[string, string[], string[], string[], string | null, boolean]>([
    ["no list", [], [], [], null, true],
    ["the key's", ["203.0.113.0/24"], [], [], IP, true],
    ["the key's", ["198.51.100.0/24"], [], [], IP, false],
    ["the group's", [], ["203.0.113.0/24"], [], IP, true],
    ["the group's", [], ["198.51.100.0/24"], [], IP, false],
    ["the organization's", [], [], ["203.0.113.0/24"], IP, true],
    ["the organization's", [], [], ["198.51.100.0/24"], IP, false],
    ["all agree", ["203.0.113.7"], ["203.0.113.0/24"], ["203.0.0.0/16"], IP, true],
    ["one of three does not", ["203.0.113.7"], ["198.51.100.1"], ["203.0.0.0/16"], IP, false],
    ["the address is unknown", ["203.0.113.7"], [], [], null, false],
    ["IPv4 through IPv6", ["203.0.113.7"], [], [], "::ffff:203.0.113.7", true],
    ["an IPv6 range", ["2001:db8::/32"], [], [], "2001:db8::1", true],
  ])("%s: key %j, group %j, organization %j, %s → %s", async (_, keyIps, groupIps, orgIps, ip, passes) => {
    const org = await newOrg({ allowedIps: orgIps });
    const key = await newKey(org, { group: await newGroup(org, { allowedIps: groupIps }), allowedIps: keyIps });
    expect(codeOf(await ask(key.secret, { ip }))).toBe(passes ? "valid" : "ip_not_allowed");
  });
});

describe("access", () => {
  test.each<[Access, Permission, boolean]>([
    ["read", "data.read", true],
    ["read", "data.write", false],
    ["write", "data.read", false],
    ["write", "data.write", true],
    ["full", "data.read", true],
    ["full", "data.write", true],
    ["full", "groups.write", false],
    ["admin", "groups.write", true],
    ["admin", "members.write", false],
    ["admin", "orgs.enable", false],
    ["read", "self.read", true],
    ["write", "keys.revoke", true],
    ["write", "keys.create", false],
  ])("%s for %s: %s", async (access, permission, passes) => {
    const key = await newKey(await newOrg(), { insert: { access } });
    expect(codeOf(await ask(key.secret, { permission }))).toBe(passes ? "valid" : "insufficient_scope");
  });
});

describe("accesses that are demanded by name", () => {
  test.each(accesses.flatMap((own) => accesses.map((demanded) => [own, demanded] as const)))("%s for %s", async (own, demanded) => {
    const key = await newKey(await newOrg(), { insert: { access: own } });
    const passes = own === demanded || own === "admin" || (own === "full" && demanded !== "admin");
    expect(codeOf(await ask(key.secret, { permission: null, accesses: [demanded] }))).toBe(passes ? "valid" : "insufficient_scope");
  });

  test("must all be held: read and write stand side by side", async () => {
    const org = await newOrg();
    const of = async (access: Access) => {
      const key = await newKey(org, { insert: { access } });
      return codeOf(await ask(key.secret, { permission: null, accesses: ["read", "write"] }));
    };
    expect([await of("read"), await of("write"), await of("full")]).toEqual(["insufficient_scope", "insufficient_scope", "valid"]);
  });

  test("none demanded: any key may, with any access and no scope", async () => {
    const key = await newKey(await newOrg(), { insert: { access: "write" }, scopes: [] });
    expect(codeOf(await ask(key.secret, { permission: null, scopes: [] }))).toBe("valid");
  });
});

test("scopes that are demanded must all be held", async () => {
  const key = await newKey(await newOrg(), { scopes: ["status", "search"] });
  expect(codeOf(await ask(key.secret, { scopes: ["status", "search"] }))).toBe("valid");
  expect(codeOf(await ask(key.secret, { scopes: ["search", "chat"] }))).toBe("insufficient_scope");
  expect(codeOf(await ask(key.secret, { scopes: [""] }))).toBe("insufficient_scope");
});

describe("the rate limit", () => {
  test.each<[string, { org?: number; group?: number; key?: number; environment?: Environment }, number]>([
    ["the plan's", {}, 60],
    ["half of it for a test key", { environment: "test" }, 30],
    ["the organization's", { org: 7 }, 7],
    ["the group's", { group: 5 }, 5],
    ["the key's own", { key: 3 }, 3],
  ])(
    "%s lets exactly that many parallel calls pass",
    async (_, { org: orgRpm, group: groupRpm, key: keyRpm, environment = "live" }, limit) => {
      const org = await newOrg({ requestsPerMinute: orgRpm ?? null });
      const group = await newGroup(org, { requestsPerMinute: groupRpm ?? null });
      const key = await newKey(org, { group, requestsPerMinute: keyRpm ?? null, insert: { environment } });
      const verdicts = await Promise.all(Array.from({ length: limit + 10 }, () => ask(key.secret)));
      expect(verdicts.filter(({ valid }) => valid)).toHaveLength(limit);
      expect(new Set(verdicts.filter(({ valid }) => !valid).map(codeOf))).toEqual(new Set(["rate_limit_exceeded"]));
      expect(await usedOf(org, environment)).toBe(limit);
      expect(codeOf(await ask(key.secret, {}, NOW + 29_999))).toBe("rate_limit_exceeded");
      expect(codeOf(await ask(key.secret, {}, NOW + 30_000))).toBe("valid");
    },
  );

  test("is each key's own", async () => {
    const org = await newOrg();
    const [one, two] = [await newKey(org, { requestsPerMinute: 1 }), await newKey(org, { requestsPerMinute: 1 })];
    expect([codeOf(await ask(one.secret)), codeOf(await ask(one.secret)), codeOf(await ask(two.secret))]).toEqual([
      "valid",
      "rate_limit_exceeded",
      "valid",
    ]);
  });
});

describe("a route's own limit", () => {
  const route = { name: ROUTE.name, limit: 5 };

  test("is counted beside the key's, and shown", async () => {
    const { key } = await scene();
    expect(await ask(key.secret, { route })).toMatchObject({
      limits: { rate: { remaining: 59 }, route: { name: "route", limit: 5, remaining: 4, windowSeconds: 60 } },
    });
    expect(await ask(key.secret)).toMatchObject({ limits: { rate: { remaining: 58 }, route: null } });
    // A free call counts against the route alone, so that it is not asked without end.
    expect(await ask(key.secret, { route, free: true })).toMatchObject({ limits: { rate: { remaining: 58 }, route: null } });
    expect(await ask(key.secret, { route })).toMatchObject({ limits: { route: { remaining: 2 } } });
  });

  test("and the key's are counted both or neither, whichever refuses", async () => {
    const org = await newOrg();
    const key = await newKey(org, { requestsPerMinute: 8 });
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => ask(key.secret, { route })));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(5);
    expect([await rateLeft(key, 8), await routeLeft(key, 5), await usedOf(org)]).toEqual([3, 0, 5]);
    expect((await Promise.all(Array.from({ length: 50 }, () => ask(key.secret)))).filter(({ valid }) => valid)).toHaveLength(3);
    const other = { name: "/v1/other", limit: 5 };
    for (let i = 0; i < 50; i++) expect(await ask(key.secret, { route: other })).toMatchObject({ code: "rate_limit_exceeded" });
    expect([await left(`route:/v1/other:${key.id}`, 5), await usedOf(org)]).toEqual([5, 8]);
  });

  test("is half for a test key, at least one", async () => {
    const org = await newOrg();
    for (const [limit, passes] of [
      [20, 10],
      [5, 2],
      [1, 1],
    ] as const) {
      const key = await newKey(org, { insert: { environment: "test" } });
      const verdicts = await Promise.all(Array.from({ length: 30 }, () => ask(key.secret, { route: { name: ROUTE.name, limit } })));
      expect(verdicts.filter(({ valid }) => valid)).toHaveLength(passes);
      expect(verdicts[0]?.limits?.route?.limit).toBe(passes);
    }
  });

  test("is each key's and each route's own", async () => {
    const org = await newOrg();
    const [one, two] = [await newKey(org), await newKey(org)];
    const first = { name: ROUTE.name, limit: 1 };
    const codes = [];
    for (const [key, need] of [
      [one, first],
      [one, first],
      [two, first],
      [one, { name: "/v1/other", limit: 1 }],
    ] as const)
      codes.push(codeOf(await ask(key.secret, { route: need })));
    expect(codes).toEqual(["valid", "rate_limit_exceeded", "valid", "valid"]);
  });

  test("is fresh with the next minute", async () => {
    const { key } = await scene();
    const one = { name: ROUTE.name, limit: 1 };
    expect(codeOf(await ask(key.secret, { route: one }, NOW + 29_999))).toBe("valid");
    expect(codeOf(await ask(key.secret, { route: one }, NOW + 29_999))).toBe("rate_limit_exceeded");
    expect(codeOf(await ask(key.secret, { route: one }, NOW + 30_000))).toBe("valid");
  });
});

describe("what a call costs", () => {
  test("is charged once to a live key's organization, under the request's id", async () => {
    const { org, key } = await scene();
    const requestId = newId("req");
    expect(await ask(key.secret, { cost: 3, requestId })).toMatchObject({ valid: true, charged: 3, counted: true });
    expect(await creditsOf(org.id)).toBe(47);
    expect(await db.creditEntry.findMany({ where: { orgId: org.id, kind: "charge" } })).toEqual([
      expect.objectContaining({ amount: -3, requestId }),
    ]);
  });

  test("is never charged to a test key, however few credits there are", async () => {
    const { org } = await scene();
    const key = await newKey(org, { insert: { environment: "test" } });
    await setCredits(org, 0);
    expect(await ask(key.secret, { cost: 3 })).toMatchObject({ valid: true, charged: 0, counted: true });
    expect(await creditsOf(org.id)).toBe(0);
  });

  test("of nothing asks for no credits", async () => {
    const { org, key } = await scene();
    await setCredits(org, 0);
    expect(await ask(key.secret, { cost: 0 })).toMatchObject({ valid: true, charged: 0 });
  });

  test("is not charged for a free call", async () => {
    const { org, key } = await scene();
    expect(await ask(key.secret, { cost: 3, free: true })).toMatchObject({ valid: true, charged: 0 });
    expect(await creditsOf(org.id)).toBe(50);
  });

  test.each([
    [0, 1],
    [2, 3],
  ])("more than the %d credits that are left: refused, and rate, route and quota given back", async (credits, cost) => {
    const it = await scene();
    await setCredits(it.org, credits);
    const before = await costs(it);
    expect(await ask(it.key.secret, { cost, route: ROUTE })).toMatchObject({
      code: "insufficient_credits",
      key: { keyId: it.key.id },
      limits: { rate: { remaining: 60 }, route: { remaining: 20 }, quota: { remaining: 1_000 } },
    });
    expect(await costs(it)).toEqual(before);
    expect(codeOf(await ask(it.key.secret, { cost: credits }))).toBe("valid");
  });

  test("of forty parallel calls by two keys is paid by exactly as many as there are credits for", async () => {
    const org = await newOrg();
    const keys = [await newKey(org), await newKey(org)];
    await setCredits(org, 26);
    const verdicts = await Promise.all(Array.from({ length: 40 }, (_, i) => ask((keys[i % 2] as TestKey).secret, { cost: 2 })));
    expect(verdicts.map(codeOf).toSorted()).toEqual([...Array(27).fill("insufficient_credits"), ...Array(13).fill("valid")]);
    expect([await creditsOf(org.id), await usedOf(org)]).toEqual([0, 13]);
    expect((await rateLeft(keys[0] as TestKey, 60)) + (await rateLeft(keys[1] as TestKey, 60))).toBe(120 - 13);
  });

  test("is not charged when the database fails in the middle, and rate and quota are given back", async () => {
    const it = await scene();
    const before = await costs(it);
    await expect(ask(it.key.secret, { cost: 2 ** 31, route: ROUTE })).rejects.toThrow();
    expect(await costs(it)).toEqual(before);
  });
});

describe("keys beyond those that may be known", () => {
  test.each<[string, boolean, (own: TestOrg, other: TestOrg) => Need["within"], Environment]>([
    ["one's own", true, (own) => ({ orgId: own.id, environment: null }), "live"],
    ["one's own, of the same environment", true, (own) => ({ orgId: own.id, environment: "test" }), "test"],
    ["another organization's", false, (_, other) => ({ orgId: other.id, environment: null }), "live"],
    ["of the other environment", false, (own) => ({ orgId: own.id, environment: "test" }), "live"],
    ["of the other environment", false, (own) => ({ orgId: own.id, environment: "live" }), "test"],
    ["no organization's", false, () => ({ orgId: "", environment: null }), "live"],
  ])("%s: known: %s", async (_, known, within, environment) => {
    const [org, other] = [await newOrg(), await newOrg()];
    const key = await newKey(org, { insert: { environment } });
    const before = await costs({ org, key });
    const verdict = await ask(key.secret, { within: within(org, other), cost: 1, route: ROUTE });
    expect(codeOf(verdict)).toBe(known ? "valid" : "not_found");
    if (known) return;
    expect(verdict).toMatchObject({ valid: false, key: null, limits: null, needed: null });
    expect(await costs({ org, key })).toEqual(before);
  });

  test("are not found whatever their state: no reason is told", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const states = [{ revokedAt: new Date(NOW - 1) }, { expiresAt: new Date(NOW - 1) }, { pausedAt: new Date(NOW - 1) }];
    for (const state of states) {
      const key = await newKey(org, state);
      expect(await ask(key.secret, { within: { orgId: other.id, environment: null } })).toMatchObject({
        code: "not_found",
        key: null,
        limits: null,
      });
    }
  });

  test("look like keys that nobody made, also to somebody who asks a hundred times", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const key = await newKey(org);
    const within = { orgId: other.id, environment: null };
    const codes = async (secret: string, ip: string) =>
      (await Promise.all(Array.from({ length: 60 }, () => ask(secret, { within, ip })))).map(codeOf).toSorted();
    expect(await codes(key.secret, "192.0.2.101")).toEqual(await codes(newSecret("lk_live_").text, "192.0.2.102"));
  });
});

describe("two hundred parallel calls, each asking the database", () => {
  test.each([1, 10, 100])("with a limit of %d: exactly that many pass", async (limit) => {
    const org = await newOrg({ requestsPerMinute: limit });
    const key = await newKey(org);
    const verdicts = [];
    // Past a hundred that wait for a connection, the next is turned away.
    for (let half = 0; half < 2; half++) verdicts.push(...(await Promise.all(Array.from({ length: 100 }, () => ask(key.secret)))));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(limit);
    expect(new Set(verdicts.map(codeOf))).toEqual(new Set(["valid", "rate_limit_exceeded"]));
    expect([await usedOf(org), await rateLeft(key, limit)]).toEqual([limit, 0]);
  });

  test.each([1, 10, 100])("with a quota of %d: exactly that many pass, whichever key they are made with", async (limit) => {
    const org = await newOrg({ requestsPerMinute: 1_000, requestsPerMonth: limit });
    const keys = await Promise.all(Array.from({ length: 5 }, () => newKey(org)));
    const verdicts = [];
    for (let half = 0; half < 2; half++)
      verdicts.push(...(await Promise.all(Array.from({ length: 100 }, (_, i) => ask((keys[i % 5] as TestKey).secret)))));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(limit);
    expect(await usedOf(org)).toBe(limit);
  });

  test("all at once: those that would wait too long are turned away as unavailable, cost nothing, and the limit holds", async () => {
    const org = await newOrg();
    const key = await newKey(org, { requestsPerMinute: 10 });
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, () => ask(key.secret).then(codeOf, ({ type }: { type: string }) => type)),
    );
    expect(outcomes.filter((outcome) => outcome === "valid")).toHaveLength(10);
    expect(new Set(outcomes)).toEqual(new Set(["valid", "rate_limit_exceeded", "unavailable"]));
    expect([await usedOf(org), await rateLeft(key, 10)]).toEqual([10, 0]);
  });
});

describe("the monthly quota", () => {
  test("lets exactly what is left of it pass, of a hundred parallel calls by two keys", async () => {
    const org = await newOrg({ requestsPerMinute: 1_000, requestsPerMonth: 40 });
    const keys = [await newKey(org), await newKey(org)];
    const verdicts = await Promise.all(Array.from({ length: 100 }, (_, i) => ask((keys[i % 2] as TestKey).secret)));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(40);
    expect(await usedOf(org)).toBe(40);
    // Those that the quota refused gave their place in the minute back.
    expect((await rateLeft(keys[0] as TestKey, 1_000)) + (await rateLeft(keys[1] as TestKey, 1_000))).toBe(2_000 - 40);
  });

  test("is apart for live and test", async () => {
    const org = await newOrg({ requestsPerMonth: 1 });
    const [live, sandbox] = [await newKey(org), await newKey(org, { insert: { environment: "test" } })];
    expect([
      codeOf(await ask(live.secret)),
      codeOf(await ask(live.secret)),
      codeOf(await ask(sandbox.secret)),
      codeOf(await ask(sandbox.secret)),
    ]).toEqual(["valid", "quota_exceeded", "valid", "quota_exceeded"]);
  });

  test("begins anew with the UTC month, at its first millisecond", async () => {
    const org = await newOrg({ requestsPerMonth: 1 });
    const key = await newKey(org);
    const turn = Date.parse("2027-01-01T00:00:00.000Z");
    expect(codeOf(await ask(key.secret, {}, turn - 2))).toBe("valid");
    expect(await ask(key.secret, {}, turn - 1)).toMatchObject({
      code: "quota_exceeded",
      limits: { quota: { remaining: 0, resetAt: turn / 1000 } },
    });
    expect(await ask(key.secret, {}, turn)).toMatchObject({
      valid: true,
      limits: { quota: { remaining: 0, resetAt: Date.parse("2027-02-01T00:00:00Z") / 1000 } },
    });
    expect([await usedOf(org, "live", turn - 1), await usedOf(org, "live", turn)]).toEqual([1, 1]);
  });

  test("that the operator raises lets on at once, one that is lowered refuses at once", async () => {
    const org = await newOrg({ requestsPerMonth: 3 });
    const key = await newKey(org);
    const codes = async (calls: number) => {
      const told = [];
      for (let i = 0; i < calls; i++) told.push(codeOf(await ask(key.secret)));
      return told;
    };
    expect(await codes(4)).toEqual(["valid", "valid", "valid", "quota_exceeded"]);
    await writer().org.update({ where: { id: org.id }, data: { requestsPerMonth: 5 } });
    expect(await codes(3)).toEqual(["valid", "valid", "quota_exceeded"]);
    await writer().org.update({ where: { id: org.id }, data: { requestsPerMonth: 1_000 } });
    expect(await codes(1)).toEqual(["valid"]);
    await writer().org.update({ where: { id: org.id }, data: { requestsPerMonth: 6 } });
    expect(await ask(key.secret)).toMatchObject({ code: "quota_exceeded", limits: { quota: { limit: 6, remaining: 0 } } });
    expect(await usedOf(org)).toBe(6);
  });

  test("of nothing lets nobody pass", async () => {
    const key = await newKey(await newOrg({ requestsPerMonth: 0 }));
    expect(codeOf(await ask(key.secret))).toBe("quota_exceeded");
  });
});

describe("well-formed secrets that nobody made", () => {
  const guess = (ip: string | null) => ask(newSecret("lk_live_").text, { ip });

  test("are limited to 30 a minute per address, and valid keys from there still pass", async () => {
    const ip = "198.51.100.30";
    const codes = (await Promise.all(Array.from({ length: 40 }, () => guess(ip)))).map(codeOf);
    expect(codes.filter((code) => code === "not_found")).toHaveLength(30);
    expect(codes.filter((code) => code === "rate_limit_exceeded")).toHaveLength(10);
    const { key } = await scene();
    expect(codeOf(await ask(key.secret, { ip }))).toBe("valid");
    expect(codeOf(await guess("198.51.100.31"))).toBe("not_found");
    expect(codeOf(await ask(newSecret("lk_live_").text, { ip }, NOW + 60_000))).toBe("not_found");
  });

  test("count a whole IPv6 /64 as one address", async () => {
    for (let i = 0; i < 30; i++) expect(codeOf(await guess(`2001:db8:0:9::${i.toString(16)}`))).toBe("not_found");
    expect(codeOf(await guess("2001:db8:0:9:ffff::1"))).toBe("rate_limit_exceeded");
    expect(codeOf(await guess("2001:db8:0:a::1"))).toBe("not_found");
  });

  test("count an IPv4 address and its IPv6 writing as one", async () => {
    for (let i = 0; i < 30; i++) expect(codeOf(await guess(i % 2 === 0 ? "198.51.100.77" : "::ffff:198.51.100.77"))).toBe("not_found");
    expect(codeOf(await guess("198.51.100.77"))).toBe("rate_limit_exceeded");
  });

  test("are not limited where the address is not known: strangers share nothing", async () => {
    for (let i = 0; i < 50; i++) expect(await guess(null)).toMatchObject({ code: "not_found", unknownLimit: null });
  });

  test("show what is left to the address, and no key", async () => {
    expect(await guess("198.51.100.88")).toEqual({
      valid: false,
      code: "not_found",
      key: null,
      limits: null,
      needed: null,
      unknownLimit: expect.objectContaining({ name: "unknown", limit: 30, remaining: 29 }),
    });
  });

  test("from an address that has used its tries up cost nothing, and the keys that others own are still found", async () => {
    const ip = "198.51.100.99";
    const it = await scene();
    const before = await costs(it);
    for (let i = 0; i < 40; i++) await guess(ip);
    expect(await costs(it)).toEqual(before);
    for (let i = 0; i < 60; i++) expect(codeOf(await ask(it.key.secret, { ip }))).toBe("valid");
  });

  test("that belong to a revoked or expired key never turn into a 429", async () => {
    const { org, key } = await scene();
    const expired = await newKey(org, { expiresAt: new Date(NOW - 1) });
    await writer().key.update({ where: { id: key.id }, data: { revokedAt: new Date(NOW - 1) } });
    for (let i = 0; i < 100; i++) {
      expect(codeOf(await ask(key.secret))).toBe("revoked");
      expect(codeOf(await ask(expired.secret))).toBe("expired");
    }
  });
});

describe("what is not stored is no credential", () => {
  test("the stored hash in any writing", async () => {
    const { key } = await scene();
    const { rows } = await owner.query<{ hash: Buffer }>(`select "hash" from "KeySecret" where "keyId" = $1`, [key.id]);
    const hash = rows[0]?.hash as Buffer;
    const writings = [
      hash.toString("hex"),
      hash.toString("base64"),
      hash.toString("base64url"),
      hash.toString("latin1"),
      `lk_live_${hash.toString("hex").slice(0, 38)}`,
      withChecksum(`lk_live_${hash.toString("hex").slice(0, 32)}`),
    ];
    for (const text of writings) expect(codeOf(await ask(text))).toBe("not_found");
  });

  test("the secret in another case, or of another environment", async () => {
    const { key } = await scene();
    expect(codeOf(await ask(key.secret.toUpperCase()))).toBe("not_found");
    expect(codeOf(await ask(withChecksum(`lk_test_${key.secret.slice(8, 40)}`)))).toBe("not_found");
  });
});

describe("a malformed secret", () => {
  // Without a connection left, whoever asks the database hangs until the pool gives up.
  let held: { release(): void }[] = [];
  beforeEach(async () => {
    held = await Promise.all(Array.from({ length: verifyPool().options.max ?? 10 }, () => verifyPool().connect()));
  });
  afterEach(() => {
    for (const connection of held) connection.release();
  });

  test("is refused without a query, and counts against nothing", async () => {
    const good = newSecret("lk_live_").text;
    const bad = [
      "",
      "x",
      "lk_live_",
      good.slice(0, 15),
      good.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
      `${good}${"x".repeat(500)}`,
      '\'; drop table "Key"; --',
      "\0",
      "ü".repeat(46),
      "x".repeat(1_000_000),
    ];
    for (const text of bad) {
      expect(parseSecret(text, ["lk_live_", "lk_test_"])).toBeNull();
      const verdict = verify(text, needOf(), NOW);
      expect(verdict).not.toBeInstanceOf(Promise);
      expect(verdict).toEqual({ valid: false, code: "not_found", key: null, limits: null, needed: null, unknownLimit: null });
    }
    expect(verifyPool().waitingCount).toBe(0);
  });

  test("is told from a well-formed one, which does ask", async () => {
    await expect(ask(newSecret("lk_live_").text)).rejects.toThrow(/timeout/);
  });
});

describe("under a lease", () => {
  let close: () => Promise<void>;
  let queries = 0;
  const count = () => {
    queries += 1;
  };
  beforeAll(async () => {
    close = await openLease(newId("spl"));
    verifyPool().on("acquire", count);
  });
  afterAll(async () => {
    verifyPool().off("acquire", count);
    await close();
  });
  beforeEach(() => {
    queries = 0;
    expect(lease()?.held()).toBe(true);
  });

  /** Runs a change that is announced when its action is one of those that are. */
  async function announce(
    org: TestOrg,
    action: Action,
    target: { type: string; id: string },
    write: () => Promise<unknown>,
  ): Promise<void> {
    const actor = authorize(await newMember(org, "owner"), "keys.revoke");
    await change(actor, async () => {
      await write();
      return { result: null, events: [{ action, target: { ...target, name: null } }] };
    });
  }

  const insertSecret = (key: TestKey, secret: Secret) =>
    writer().keySecret.create({ data: { id: newId("sec"), keyId: key.id, hash: Buffer.from(secret.hash, "hex"), prefix: secret.prefix } });

  /** Lets every look-up wait until it is released. */
  async function holdLookUps(): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: env().databaseUrl ?? "" });
    await client.connect();
    await client.query("begin");
    await owner.query(`grant all on table "KeySecret" to ${new URL(env().databaseUrl ?? "").username}`);
    await client.query('lock table "KeySecret" in access exclusive mode');
    return async () => {
      await client.query("commit");
      await client.end();
    };
  }

  test("the second verification makes no query and answers at once", async () => {
    const { key } = await scene();
    const { hits, misses } = cacheState();
    expect(codeOf(await ask(key.secret))).toBe("valid");
    expect(queries).toBe(1);
    const verdict = verify(key.secret, needOf(), NOW);
    expect(verdict).not.toBeInstanceOf(Promise);
    expect(verdict).toMatchObject({ valid: true, key: { keyId: key.id }, limits: { rate: { remaining: 58 }, quota: { remaining: 998 } } });
    expect(queries).toBe(1);
    expect(cacheState()).toMatchObject({ hits: hits + 1, misses: misses + 1 });
  });

  test("a refusal that needs nothing but the snapshot is answered from memory too", async () => {
    const { key } = await scene();
    await ask(key.secret);
    for (const need of [{ scopes: ["chat"] }, { accesses: ["admin"] as const }, { permission: "groups.write" as const }])
      expect(verify(key.secret, needOf(need), NOW)).toMatchObject({ code: "insufficient_scope" });
    expect(verify(key.secret, needOf({ within: { orgId: "org_other", environment: null } }), NOW)).toMatchObject({ code: "not_found" });
    expect(queries).toBe(1);
  });

  test.each([1, 10, 100])("of two hundred at once with a limit of %d exactly that many pass, by one query", async (limit) => {
    const org = await newOrg({ requestsPerMinute: limit });
    const key = await newKey(org);
    for (const expected of [limit, 0]) {
      const verdicts = await Promise.all(Array.from({ length: 200 }, () => ask(key.secret)));
      expect(verdicts.filter(({ valid }) => valid)).toHaveLength(expected);
    }
    expect(queries).toBe(1);
    expect([await usedOf(org), await rateLeft(key, limit)]).toEqual([limit, 0]);
  });

  test.each([1, 10, 100])("of two hundred at once with a quota of %d exactly that many pass", async (limit) => {
    const org = await newOrg({ requestsPerMinute: 1_000, requestsPerMonth: limit });
    const keys = await Promise.all(Array.from({ length: 5 }, () => newKey(org)));
    const verdicts = await Promise.all(Array.from({ length: 200 }, (_, i) => ask((keys[i % 5] as TestKey).secret)));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(limit);
    expect(queries).toBe(5);
    expect(await usedOf(org)).toBe(limit);
  });

  test.each(FAULTS)("$code is told from memory as it is from the database, and costs nothing there either", async ({ code, set }) => {
    const it = await scene();
    expect(codeOf(await ask(it.key.secret, CHARGED))).toBe("valid");
    await announce(it.org, "api_key.revoke", { type: "api_key", id: it.key.id }, () => set(it));
    expect(codeOf(await ask(it.key.secret, CHARGED))).toBe(code);
    const before = await costs(it);
    queries = 0;
    for (let i = 0; i < 50; i++) expect(codeOf(await ask(it.key.secret, CHARGED))).toBe(code);
    expect(queries).toBeLessThanOrEqual(1); // the notification of one's own change comes late
    expect(await costs(it)).toEqual(before);
  });

  test("a revoked key is refused by the very next verification", async () => {
    const org = await newOrg();
    const actor = await newMember(org, "owner");
    for (let i = 0; i < 20; i++) {
      const key = await newKey(org);
      expect(codeOf(await ask(key.secret))).toBe("valid");
      expect(verify(key.secret, needOf(), NOW)).toMatchObject({ valid: true });
      await revokeKey(authorize(actor, "keys.revoke"), key.id, {});
      expect(codeOf(await ask(key.secret))).toBe("revoked");
    }
  });

  test("and by every verification that begins after the answer, while others go on all the time", async () => {
    const org = await newOrg({ requestsPerMinute: 1_000_000, requestsPerMonth: 1_000_000 });
    const actor = await newMember(org, "owner");
    for (let round = 0; round < 10; round++) {
      const key = await newKey(org);
      let answered = false;
      let stop = false;
      const late: string[] = [];
      const caller = async () => {
        while (!stop) {
          const after = answered;
          const code = codeOf(await ask(key.secret));
          if (after) late.push(code);
          await new Promise((done) => setImmediate(done));
        }
      };
      const callers = Array.from({ length: 5 }, caller);
      await sleep(5);
      await revokeKey(authorize(actor, "keys.revoke"), key.id, {});
      answered = true;
      await eventually(() => late.length >= 5 || undefined);
      stop = true;
      await Promise.all(callers);
      expect(new Set(late)).toEqual(new Set(["revoked"]));
    }
  });

  test("a change of the group or of the organization is seen by the very next verification of each of its keys", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    const [inside, outside] = [await newKey(org, { group }), await newKey(org)];
    for (const key of [inside, outside]) expect(codeOf(await ask(key.secret))).toBe("valid");
    queries = 0;
    await announce(org, "api_key.revoke", { type: "api_group", id: group.id }, () =>
      writer().group.update({ where: { id: group.id }, data: { archivedAt: new Date(NOW - 1) } }),
    );
    expect([codeOf(await ask(inside.secret)), codeOf(await ask(outside.secret)), queries]).toEqual(["revoked", "valid", 1]);
    await announce(org, "organization.remove", { type: "organization", id: org.id }, () =>
      writer().org.update({ where: { id: org.id }, data: { deactivatedAt: new Date(NOW - 1) } }),
    );
    expect(codeOf(await ask(outside.secret))).toBe("account_deactivated");
  });

  test("a change of another key leaves what is known alone", async () => {
    const org = await newOrg();
    const [one, two] = [await newKey(org), await newKey(org)];
    for (const key of [one, two]) await ask(key.secret);
    await revokeKey(authorize(await newMember(org, "owner"), "keys.revoke"), two.id, {});
    queries = 0;
    expect(codeOf(await ask(one.secret))).toBe("valid");
    expect(queries).toBe(0);
  });

  test("a change that is rolled back is not announced and changes nothing", async () => {
    const { org, key } = await scene();
    await ask(key.secret);
    await expect(
      announce(org, "api_key.revoke", { type: "api_key", id: key.id }, () => Promise.reject(new Error("rolled back"))),
    ).rejects.toThrow("rolled back");
    queries = 0;
    expect(codeOf(await ask(key.secret))).toBe("valid");
    expect(queries).toBe(0);
  });

  test("a look-up that began before a change is not kept, and nobody who comes after the change waits for it", async () => {
    const { key } = await scene();
    const { size } = cacheState();
    const release = await holdLookUps();
    const early = ask(key.secret);
    await sleep(20);
    expect(queries).toBe(1);
    lease()?.forget([key.id]); // what an announcement does
    const late = ask(key.secret);
    await sleep(20);
    expect(queries).toBe(2);
    await release();
    expect([codeOf(await early), codeOf(await late)]).toEqual(["valid", "valid"]);
    expect(cacheState().size).toBe(size + 1); // the later one
    lease()?.forget([key.id]);

    const again = await holdLookUps();
    const alone = ask(key.secret);
    await sleep(20);
    lease()?.forget(["key_other"]);
    await again();
    expect(codeOf(await alone)).toBe("valid");
    expect(cacheState().size).toBe(size);
  });

  test("those who ask for one unknown secret at once share a query", async () => {
    const { key } = await scene();
    const release = await holdLookUps();
    const asked = Promise.all(Array.from({ length: 500 }, () => ask(key.secret, { free: true })));
    await sleep(20);
    await release();
    expect(new Set((await asked).map(codeOf))).toEqual(new Set(["valid"]));
    expect(queries).toBe(1);
  });

  test("a digest that nobody made is remembered, and its tries are limited all the same", async () => {
    const { unknown } = cacheState();
    const secret = newSecret("lk_live_").text;
    const codes = [];
    for (let i = 0; i < 40; i++) codes.push(codeOf(await ask(secret, { ip: "198.51.100.201" })));
    expect(codes).toEqual([...Array(30).fill("not_found"), ...Array(10).fill("rate_limit_exceeded")]);
    expect(queries).toBe(1);
    expect(cacheState().unknown).toBe(unknown + 1);
  });

  test("a digest that was remembered as nobody's is asked about again after anything was announced", async () => {
    const { org, key } = await scene();
    const secret = newSecret("lk_live_");
    expect(codeOf(await ask(secret.text))).toBe("not_found");
    await announce(org, "api_key.revoke", { type: "api_key", id: key.id }, () => insertSecret(key, secret));
    expect(codeOf(await ask(secret.text))).toBe("valid");
  });

  test("a key that was just created is found by the next verification", async () => {
    const org = await newOrg();
    await newGroup(org);
    const actor = authorize(await newMember(org, "owner"), "keys.create");
    for (let i = 0; i < 5; i++) expect(codeOf(await ask((await createKey(actor, { name: "Fresh" })).secret))).toBe("valid");
  });

  test("what is remembered goes by the instant it is asked at: a key expires in memory too", async () => {
    const key = await newKey(await newOrg(), { expiresAt: new Date(NOW + 5), notBefore: new Date(NOW - 5) });
    expect([codeOf(await ask(key.secret)), codeOf(await ask(key.secret, {}, NOW + 5)), codeOf(await ask(key.secret, {}, NOW - 6))]).toEqual(
      ["valid", "expired", "scheduled"],
    );
    expect(queries).toBe(1);
  });

  test("a lease that is lost is no lease: everything is forgotten and the database asked each time, until there is one again", async () => {
    const { org, key } = await scene();
    await ask(key.secret);
    const joining = new pg.Client({ connectionString: env().databaseUrl ?? "" });
    await joining.connect();
    await joining.query("begin; select pg_advisory_xact_lock(hashtext('latchkey.announcement'))"); // whoever wants a lease waits for it
    await owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'latchkey lease' and datname = current_database()`,
    );
    for (let i = 0; i < 100 && lease()?.held(); i++) await sleep(5);
    expect(lease()?.held()).toBe(false);
    expect(cacheState().size).toBe(0);
    queries = 0;
    // Changed behind everybody's back, which no announcement tells.
    await writer().key.update({ where: { id: key.id }, data: { pausedAt: new Date(NOW - 1) } });
    expect(codeOf(await ask(key.secret))).toBe("paused");
    await writer().key.update({ where: { id: key.id }, data: { pausedAt: null } });
    expect(codeOf(await ask(key.secret))).toBe("valid");
    expect(queries).toBe(2);
    await joining.end();
    await eventually(() => lease()?.held() || undefined);
    await ask(key.secret);
    queries = 0;
    expect(codeOf(await ask(key.secret))).toBe("valid");
    expect(queries).toBe(0);
    expect(await usedOf(org)).toBe(4);
  });
});
