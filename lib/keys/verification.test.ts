import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type Access, type Actor, authorize, type Can, type Environment } from "@/lib/access/permissions";
import { setClock } from "@/lib/clock";
import { creditsOf } from "@/lib/credits/credits";
import { db, writer } from "@/lib/db";
import type { Caller } from "@/lib/endpoint";
import { newId } from "@/lib/ids";
import { getKey } from "@/lib/keys/keys";
import { Verification, VerifyKey } from "@/lib/keys/schema";
import { newSecret } from "@/lib/keys/secret";
import { verifyKey } from "@/lib/keys/verification";
import { quotaAccount } from "@/lib/limits/quota";
import { limitStore } from "@/lib/limits/store";
import {
  eventsOf,
  newGroup,
  newKey,
  newOrg,
  newPerson,
  operator,
  origin,
  refusal,
  type TestKey,
  type TestOrg,
  useDatabase,
} from "@/lib/testing/factories";
import { flushUsage } from "@/lib/usage/record";

await useDatabase();

// A minute of its own for every test, of today: that is where usage is kept.
let NOW = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000 + 30_000;
beforeEach(() => {
  NOW += 60_000;
  setClock(() => NOW);
});
afterAll(() => setClock(() => Date.now()));

const nobody: Caller = { sessionId: null, email: null, key: null };
const left = { limit: 60, remaining: 60, resetAt: 0 };

/** A back end of the organization: its key as the actor, with what its own verification found. */
function backEnd(key: TestKey, scopes: string[] = ["status"]): [Can<"keys.verify">, Caller] {
  const actor: Actor = { ...key.actor, request: origin() };
  return [authorize(actor, "keys.verify"), { ...nobody, key: { scopes, limits: { rate: left, quota: left } } }];
}
const byOperator = (): [Can<"keys.verify">, Caller] => [operator("keys.verify"), nobody];
const ask = ([actor, caller]: [Can<"keys.verify">, Caller], input: VerifyKey) => verifyKey(actor, input, caller);

async function rowsOf(org: TestOrg) {
  await flushUsage();
  return db.usageEvent.findMany({ where: { orgId: org.id }, orderBy: { requestId: "asc" } });
}

/** All that a verification can cost the organization of the key. */
async function costs(org: TestOrg, key: TestKey) {
  const month = new Date(NOW).toISOString().slice(0, 7);
  for (const environment of ["live", "test"]) await quotaAccount(org.id, environment).tidy(NOW, true, false);
  const [state] = await limitStore().peek([{ name: "", subject: `key:${key.id}`, limit: 60, windowSeconds: 60 }], NOW);
  return {
    quota: (await db.quotaPeriod.findMany({ where: { orgId: org.id, month } })).reduce((sum, { used }) => sum + used, 0),
    rate: state?.remaining,
    credits: await creditsOf(org.id),
    rows: (await rowsOf(org)).length,
  };
}
const NOTHING = { quota: 0, rate: 60, credits: 50, rows: 0 };

async function scene(): Promise<{ org: TestOrg; key: TestKey }> {
  const org = await newOrg();
  return { org, key: await newKey(org) };
}

const UNKNOWN: Verification = {
  valid: false,
  code: "not_found",
  key_id: null,
  organization_id: null,
  group_id: null,
  environment: null,
  access: null,
  scopes: [],
  owner: null,
  metadata: {},
  rate_limit: null,
  quota: null,
};

describe("the operator", () => {
  test("is told everything a back end needs of any organization's key", async () => {
    const org = await newOrg();
    const person = await newPerson();
    const key = await newKey(org, { ownerId: person.id, metadata: { customer: "42" } });
    const answer = await ask(byOperator(), { key: key.secret });
    expect(answer).toEqual({
      valid: true,
      code: "valid",
      key_id: key.id,
      organization_id: org.id,
      group_id: key.groupId,
      environment: "live",
      access: "full",
      scopes: ["status"],
      owner: { type: "member", id: person.id, name: person.name },
      metadata: { customer: "42" },
      rate_limit: { limit: 60, remaining: 59, reset: Math.ceil(NOW / 60_000) * 60 },
      quota: { limit: 1_000, remaining: 999, reset: expect.any(Number) },
    });
    expect(Verification.strict().parse(answer)).toEqual(answer);
    expect(JSON.stringify(answer)).not.toContain(key.secret.slice(14));
    const other = await scene();
    expect(await ask(byOperator(), { key: other.key.secret })).toMatchObject({ valid: true, organization_id: other.org.id });
  });

  test("asks about live and test keys alike", async () => {
    const org = await newOrg();
    const key = await newKey(org, { insert: { environment: "test" } });
    expect(await ask(byOperator(), { key: key.secret })).toMatchObject({ valid: true, environment: "test", rate_limit: { limit: 30 } });
  });
});

describe("a key with the scope verify", () => {
  test.each<Access>(["read", "write", "full", "admin"])("asks about everybody's keys, with access %s", async (access) => {
    const [own, other] = [await newOrg(), await scene()];
    const asker = await newKey(own, { insert: { access } });
    expect(await ask(backEnd(asker, ["verify"]), { key: other.key.secret })).toMatchObject({ valid: true, organization_id: other.org.id });
  });

  test("has it only where its verification found it: the scope of the row alone is not enough", async () => {
    const [own, other] = [await newOrg(), await scene()];
    const asker = await newKey(own, { scopes: ["verify"] });
    expect((await refusal(ask(backEnd(asker, []), { key: other.key.secret }))).type).toBe("insufficient_scope");
    expect(await costs(other.org, other.key)).toEqual(NOTHING);
  });
});

describe("an organization's admin key", () => {
  test("asks about every key of its organization, in whatever group", async () => {
    const org = await newOrg();
    const [asker, key] = [await newKey(org, { insert: { access: "admin" } }), await newKey(org, { group: await newGroup(org) })];
    expect(await ask(backEnd(asker), { key: key.secret })).toMatchObject({ valid: true, key_id: key.id });
    expect(await ask(backEnd(asker), { key: asker.secret })).toMatchObject({ valid: true, key_id: asker.id });
  });

  test("is told of another organization's key what it is told of none: not found, nothing charged, nothing recorded", async () => {
    const [own, other] = [await newOrg(), await scene()];
    const asker = await newKey(own, { insert: { access: "admin" } });
    for (const input of [{}, { cost: 5 }, { scope: "chat" }, { access: "admin" as const }, { ip: "203.0.113.9" }])
      expect(await ask(backEnd(asker), { key: other.key.secret, ...input })).toEqual(UNKNOWN);
    expect(await ask(backEnd(asker), { key: newSecret("lk_live_").text })).toEqual(UNKNOWN);
    expect(await costs(other.org, other.key)).toEqual(NOTHING);
    expect(await costs(own, asker)).toEqual(NOTHING);
  });

  test.each<[Environment, Environment, boolean]>([
    ["live", "live", true],
    ["live", "test", true],
    ["test", "test", true],
    ["test", "live", false],
  ])("that is %s sees a %s key of its organization: %s", async (its, environment, sees) => {
    const org = await newOrg();
    const asker = await newKey(org, { insert: { access: "admin", environment: its } });
    const key = await newKey(org, { insert: { environment } });
    const answer = await ask(backEnd(asker), { key: key.secret });
    if (sees) return expect(answer).toMatchObject({ valid: true, key_id: key.id });
    expect(answer).toEqual(UNKNOWN);
    expect(await costs(org, key)).toEqual(NOTHING);
  });
});

test.each<Access>(["read", "write", "full"])(
  "any other key, with access %s, may ask about none, not even itself, and is told what it takes",
  async (access) => {
    const org = await newOrg();
    const asker = await newKey(org, { insert: { access } });
    for (const key of [asker.secret, (await newKey(org)).secret, "nonsense"]) {
      const error = await refusal(ask(backEnd(asker), { key, ip: "no address" }));
      expect(error).toMatchObject({ type: "insufficient_scope", details: { access: "admin", scope: "verify" } });
    }
    expect(await costs(org, asker)).toEqual(NOTHING);
  },
);

/** What is wrong with the key → what the back end is told, and what its log says. */
const STATES: [
  string,
  (it: { org: TestOrg; key: TestKey }) => Promise<unknown>,
  Partial<VerifyKey>,
  Verification["code"],
  string,
  number,
][] = [
  ["nothing", async () => {}, {}, "valid", "accepted", 200],
  ["revoked", ({ key }) => update(key, { revokedAt: new Date(NOW - 1) }), {}, "revoked", "revoked", 401],
  ["expired", ({ key }) => update(key, { expiresAt: new Date(NOW) }), {}, "expired", "expired", 401],
  ["paused", ({ key }) => update(key, { pausedAt: new Date(NOW - 1) }), {}, "paused", "paused", 401],
  ["not valid yet", ({ key }) => update(key, { notBefore: new Date(NOW + 1) }), {}, "paused", "scheduled", 401],
  [
    "of a deactivated organization",
    ({ org }) => writer().org.update({ where: { id: org.id }, data: { deactivatedAt: new Date(NOW - 1) } }),
    {},
    "account_deactivated",
    "account_deactivated",
    403,
  ],
  [
    "from elsewhere",
    ({ key }) => update(key, { allowedIps: ["198.51.100.0/24"] }),
    { ip: "203.0.113.9" },
    "ip_not_allowed",
    "ip_not_allowed",
    403,
  ],
  ["from nobody knows where", ({ key }) => update(key, { allowedIps: ["198.51.100.0/24"] }), {}, "ip_not_allowed", "ip_not_allowed", 403],
  ["without the scope", async () => {}, { scope: "chat" }, "insufficient_scope", "insufficient_scope", 403],
  ["without the access", async () => {}, { access: "admin" }, "insufficient_scope", "insufficient_scope", 403],
  [
    "of an organization whose month is used up",
    ({ org }) =>
      writer().quotaPeriod.create({
        data: { orgId: org.id, environment: "live", month: new Date(NOW).toISOString().slice(0, 7), used: 1_000 },
      }),
    {},
    "quota_exceeded",
    "quota_exceeded",
    429,
  ],
  [
    "too often",
    async ({ key }) => {
      for (let i = 0; i < 60; i++) await limitStore().take([{ name: "key", subject: `key:${key.id}`, limit: 60, windowSeconds: 60 }], NOW);
    },
    {},
    "rate_limit_exceeded",
    "rate_limit_exceeded",
    429,
  ],
  ["that costs more than there is", async () => {}, { cost: 51 }, "insufficient_credits", "insufficient_credits", 402],
];
const update = (key: TestKey, data: object) => writer().key.update({ where: { id: key.id }, data });

describe("a key that is presented", () => {
  test.each(STATES)("%s", async (_, set, input, code, outcome, status) => {
    const it = await scene();
    await set(it);
    const before = await costs(it.org, it.key);
    const answer = await ask(byOperator(), { key: it.key.secret, ...input });
    expect(answer).toMatchObject({ valid: code === "valid", code, key_id: it.key.id, organization_id: it.org.id });
    expect(Verification.strict().parse(answer)).toEqual(answer);
    const hidden = status === 401;
    expect([answer.rate_limit === null, answer.quota === null]).toEqual([hidden, hidden]);
    expect(await rowsOf(it.org)).toEqual([expect.objectContaining({ keyId: it.key.id, outcome, status, credits: 0 })]);
    if (code !== "valid") expect(await costs(it.org, it.key)).toEqual({ ...before, rows: 1 });
  });

  test("that nobody made is not found, and leaves no row anywhere", async () => {
    const rows = await db.usageEvent.count();
    for (const key of ["", "nonsense", newSecret("lk_live_").text, newSecret("lk_test_").text])
      expect(await ask(byOperator(), { key })).toEqual(UNKNOWN);
    await flushUsage();
    expect(await db.usageEvent.count()).toBe(rows);
  });

  test("of the many that nobody made, from one address: says so after thirty a minute, and good keys from there still pass", async () => {
    const ip = "198.51.100.44";
    const codes = [];
    for (let i = 0; i < 35; i++) codes.push((await ask(byOperator(), { key: newSecret("lk_live_").text, ip })).code);
    expect(codes).toEqual([...Array(30).fill("not_found"), ...Array(5).fill("rate_limit_exceeded")]);
    expect(await ask(byOperator(), { key: newSecret("lk_live_").text, ip })).toEqual({ ...UNKNOWN, code: "rate_limit_exceeded" });
    const { key } = await scene();
    expect(await ask(byOperator(), { key: key.secret, ip })).toMatchObject({ valid: true });
  });
});

describe("what was asked for", () => {
  test("counts against the key's own limits, as if it had called itself", async () => {
    const org = await newOrg({ requestsPerMonth: 5 });
    const key = await newKey(org, { requestsPerMinute: 3 });
    const codes = [];
    for (let i = 0; i < 5; i++) codes.push((await ask(byOperator(), { key: key.secret })).code);
    NOW += 60_000;
    for (let i = 0; i < 4; i++) codes.push((await ask(byOperator(), { key: key.secret })).code);
    expect(codes).toEqual([
      ...["valid", "valid", "valid", "rate_limit_exceeded", "rate_limit_exceeded"],
      ...["valid", "valid", "quota_exceeded", "quota_exceeded"],
    ]);
    expect(await rowsOf(org)).toHaveLength(9);
  });

  test("charges a live key with its cost, a test key with nothing", async () => {
    const { org, key } = await scene();
    const sandbox = await newKey(org, { insert: { environment: "test" } });
    expect(await ask(byOperator(), { key: key.secret, cost: 7 })).toMatchObject({ valid: true });
    expect(await ask(byOperator(), { key: sandbox.secret, cost: 7 })).toMatchObject({ valid: true });
    expect(await creditsOf(org.id)).toBe(43);
    expect((await rowsOf(org)).map(({ environment, credits }) => [environment, credits])).toEqual(
      expect.arrayContaining([
        ["live", 7],
        ["test", 0],
      ]),
    );
  });

  test.each<[string, () => Promise<[Can<"keys.verify">, Caller]>]>([
    ["the operator", async () => byOperator()],
    ["a key", async () => backEnd(await newKey(await newOrg()), ["verify"])],
  ])("by %s is recorded once, for the key that was asked about, under the id that its charge is booked under", async (who, make) => {
    const { org, key } = await scene();
    const asker = await make();
    await ask(asker, { key: key.secret, cost: 2, ip: "::ffff:203.0.113.77" });
    const [row, ...more] = await rowsOf(org);
    expect(more).toEqual([]);
    expect(row).toMatchObject({
      keyId: key.id,
      groupId: key.groupId,
      keyPrefix: key.prefix,
      environment: "live",
      method: "POST",
      route: "/v1/keys/verify",
      status: 200,
      outcome: "accepted",
      credits: 2,
      ip: "203.0.113.77",
      userAgent: null,
      createdAt: new Date(NOW),
    });
    expect(row?.requestId).toMatch(/^req_/);
    // A key's own call has a row of its own under the request's id.
    expect(row?.requestId === asker[0].request.id).toBe(who === "the operator");
    const charges = await db.creditEntry.findMany({ where: { orgId: org.id, kind: "charge" } });
    expect(charges).toEqual([expect.objectContaining({ amount: -2, requestId: row?.requestId })]);
  });

  test("shows in the key's own count of requests and its last use", async () => {
    const { org, key } = await scene();
    const actor = authorize({ ...key.actor, role: "admin" }, "keys.read");
    await ask(byOperator(), { key: key.secret, ip: "2001:DB8::1" });
    await ask(byOperator(), { key: key.secret, scope: "chat", ip: "2001:DB8::1" });
    await rowsOf(org);
    expect(await getKey(actor, key.id)).toMatchObject({ request_count: 2, last_used_ip: "2001:db8::1" });
  });

  test("leaves no audit event: it changes nothing", async () => {
    const { org, key } = await scene();
    await ask(byOperator(), { key: key.secret });
    expect(await eventsOf(org)).toEqual([]);
  });
});

describe("an address", () => {
  test.each([
    "",
    "no address",
    "203.0.113.7:80",
    "203.0.113.0/24",
    "[2001:db8::1]",
    "fe80::1%eth0",
    "010.0.0.1",
    "203.0.113.7, 198.51.100.1",
  ])("%j is none: 400, and the key is charged nothing", async (ip) => {
    const { org, key } = await scene();
    expect(await refusal(ask(byOperator(), { key: key.secret, ip, cost: 1 }))).toMatchObject({
      type: "invalid_request",
      details: { ip: expect.any(String) },
    });
    expect(await costs(org, key)).toEqual(NOTHING);
  });

  test.each([
    ["203.0.113.7", true],
    ["::ffff:203.0.113.7", true],
    ["203.0.113.8", false],
    ["2001:DB8:0:0::1", true],
    ["2001:db8::2", false],
  ])("%s is held against the allowlist in whatever writing: %s", async (ip, allowed) => {
    const org = await newOrg();
    const key = await newKey(org, { allowedIps: ["203.0.113.7", "2001:db8::1"] });
    expect((await ask(byOperator(), { key: key.secret, ip })).valid).toBe(allowed);
  });
});

describe("an input", () => {
  test.each<[string, object]>([
    ["no key", {}],
    ["a key that is no text", { key: 1 }],
    ["a key as an object", { key: { not: "" } }],
    ["a key longer than any", { key: "x".repeat(1_001) }],
    ["an access that is none", { key: "x", access: "root" }],
    ["an empty scope", { key: "x", scope: "" }],
    ["a list of scopes", { key: "x", scope: ["chat"] }],
    ["half a credit", { key: "x", cost: 0.5 }],
    ["a negative cost", { key: "x", cost: -1 }],
    ["a cost beyond all sense", { key: "x", cost: 1_000_001 }],
    ["an endless address", { key: "x", ip: "1".repeat(65) }],
    ["what is no field", { key: "x", organization_id: "org_1" }],
  ])("with %s is none", (_, input) => {
    expect(VerifyKey.safeParse(input).success).toBe(false);
  });

  test.each([{ key: "" }, { key: "x", scope: "chat", access: "read", ip: "::1", cost: 0 }, { key: "x", cost: 1_000_000 }])(
    "%j is one",
    (input) => {
      expect(VerifyKey.safeParse(input).success).toBe(true);
    },
  );
});

test("hundreds of back ends that ask at once about one key let exactly its limit pass, and each asking is recorded once", async () => {
  const org = await newOrg({ requestsPerMonth: 1_000 });
  const key = await newKey(org, { requestsPerMinute: 25 });
  const answers = [];
  for (let wave = 0; wave < 2; wave++)
    answers.push(
      ...(await Promise.all(
        Array.from({ length: 100 }, () =>
          ask([{ ...operator("keys.verify"), request: origin({ id: newId("req") }) }, nobody], { key: key.secret }),
        ),
      )),
    );
  expect(answers.filter(({ valid }) => valid)).toHaveLength(25);
  const rows = await rowsOf(org);
  expect(rows).toHaveLength(200);
  expect(rows.filter(({ outcome }) => outcome === "accepted")).toHaveLength(25);
});
