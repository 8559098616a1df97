import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Access, Environment, Permission } from "@/lib/access/permissions";
import { db, verifyPool, writer } from "@/lib/db";
import { newSecret, parseSecret, withChecksum } from "@/lib/keys/secret";
import { type Need, type RefusalCode, type Verdict, verify } from "@/lib/keys/verify";
import { limitStore } from "@/lib/limits/store";
import { newGroup, newKey, newOrg, type TestKey, type TestOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

// The middle of a minute in the middle of a month; every test gets a minute of its own.
let minute = Date.parse("2026-11-20T12:00:30.000Z");
let NOW = minute;
beforeEach(() => {
  minute += 60_000;
  NOW = minute;
});

const IP = "203.0.113.7";
const NEED: Need = { permission: "data.read", scope: "status", ip: IP, free: false };
const ask = (secret: string, need: Partial<Need> = {}, at = NOW): Promise<Verdict> => verify(secret, { ...NEED, ...need }, at);
const codeOf = (verdict: Verdict) => (verdict.valid ? "valid" : verdict.code);
const month = (at = NOW) => new Date(at).toISOString().slice(0, 7);
const setUsed = (org: TestOrg, used: number, environment: Environment = "live", at = NOW) =>
  writer().quotaPeriod.create({ data: { orgId: org.id, environment, month: month(at), used } });
const usedOf = async (org: TestOrg, environment: Environment = "live", at = NOW) =>
  (await db.quotaPeriod.findFirst({ where: { orgId: org.id, environment, month: month(at) } }))?.used ?? 0;

async function rateLeft(key: TestKey, limit: number): Promise<number> {
  const [state] = await limitStore().peek([{ name: "key", subject: `key:${key.id}`, limit, windowSeconds: 60 }], NOW);
  return state?.remaining ?? -1;
}

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
        minuteLimit: 60,
        monthLimit: 1_000,
      },
      limits: {
        rate: { name: "key", limit: 60, remaining: 59, windowSeconds: 60, resetAt: Math.ceil(NOW / 60_000) * 60 },
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

  test("that makes a free call sees its limits and counts against none", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    await ask(key.secret);
    for (let i = 0; i < 3; i++)
      expect(await ask(key.secret, { free: true })).toMatchObject({
        valid: true,
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
    expect(await ask(key.secret, { scope: "search" })).toMatchObject({ valid: true, key: { scopes: ["search"] } });
  });
});

/** What can be wrong with a key, in the order in which contract §4 asks. Each is set up alone and together with all that follow. */
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
];

async function scene(): Promise<{ org: TestOrg; key: TestKey }> {
  const org = await newOrg();
  return { org, key: await newKey(org) };
}

describe("a refusal", () => {
  test.each(FAULTS)("$code is told when nothing else is wrong", async ({ code, set }) => {
    const it = await scene();
    expect(codeOf(await ask(it.key.secret))).toBe("valid");
    if (code === "quota_exceeded") await writer().quotaPeriod.deleteMany({ where: { orgId: it.org.id } });
    await set(it);
    expect(codeOf(await ask(it.key.secret))).toBe(code);
  });

  test.each(FAULTS.map((fault, i) => [fault.code, FAULTS.slice(i)] as const))(
    "%s is told first of all that follow it in the order of checks",
    async (code, faults) => {
      const it = await scene();
      for (const { set } of faults) await set(it);
      expect(codeOf(await ask(it.key.secret))).toBe(code);
    },
  );

  test.each(FAULTS)("$code costs nothing: neither quota nor rate", async ({ set }) => {
    const it = await scene();
    await set(it);
    const before = [await usedOf(it.org), await rateLeft(it.key, 60)];
    for (let i = 0; i < 20; i++) expect((await ask(it.key.secret)).valid).toBe(false);
    expect([await usedOf(it.org), await rateLeft(it.key, 60)]).toEqual(before);
  });

  test.each(FAULTS)("$code shows the key's limits exactly where the key is named by it", async ({ code, set }) => {
    const it = await scene();
    await set(it);
    const verdict = await ask(it.key.secret);
    const hidden = ["revoked", "expired", "paused", "scheduled"].includes(code);
    if (verdict.valid) throw new Error("It was accepted");
    expect(verdict.limits === null).toBe(hidden);
    expect(verdict.key?.keyId).toBe(it.key.id);
  });

  test("names the scope or the access that is missing", async () => {
    const { key } = await scene();
    expect(await ask(key.secret, { scope: "chat" })).toMatchObject({
      valid: false,
      code: "insufficient_scope",
      needed: { permission: "data.read", scope: "chat" },
    });
    expect(await ask(key.secret, { permission: "groups.write" })).toMatchObject({
      valid: false,
      code: "insufficient_scope",
      needed: { permission: "groups.write" },
    });
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
    await writer().keySecret.create({ data: { id: `${key.id}-2`, keyId: key.id, hash: new Uint8Array(fresh.hash), prefix: fresh.prefix } });
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
      good.slice(0, -1),
      `${good}x`,
      good.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
      `sk_${good}`,
      '\'; drop table "Key"; --',
      "\0",
      "ü".repeat(46),
      "x".repeat(1_000_000),
    ];
    for (const text of bad) {
      expect(parseSecret(text, ["lk_live_", "lk_test_"])).toBeNull();
      expect(await ask(text)).toEqual({ valid: false, code: "not_found", key: null, limits: null, needed: null, unknownLimit: null });
    }
    expect(verifyPool().waitingCount).toBe(0);
  });

  test("is told from a well-formed one, which does ask", async () => {
    await expect(ask(newSecret("lk_live_").text)).rejects.toThrow(/timeout/);
  });
});
