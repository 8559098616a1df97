// Limits and quotas as two nodes without Redis keep them: each allows its share, the sum is the limit, and what is refused costs nothing.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { newSecret } from "@/lib/keys/secret";
import { eventually } from "@/lib/testing/eventually";
import { PASSWORD, roomInMinute, tokenMailedTo } from "../api/client";
import { asOperator, createKey, newCustomer, newKey, revokeKey, use } from "./customers";
import { judge } from "./judge";
import { background, Journal, type Sent, type TestKey, workers } from "./load";
import { type Node, startRig, together } from "./nodes";
import { many, rounds, trial } from "./rounds";

const rig = await startRig(2);
const { nodes, database } = rig;
const [a, b] = nodes as [Node, Node];
const journal = new Journal();
afterAll(() => journal.close());
const { master } = await newCustomer(journal, a);
const alternate = (i: number) => (i % 2 === 0 ? a : b);

const counts = (sent: readonly Sent[]): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const { status, code } of sent) {
    const name = code === null ? `${status}` : `${status} ${code}`;
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
};

const utcMinute = () => Math.floor(Date.now() / 60_000);

/** Does something within one minute of the limits' clock: again, from the start, when it took longer than `seconds`. */
async function inOneMinute<T>(seconds: number, work: () => Promise<T>): Promise<T> {
  for (;;) {
    await roomInMinute(seconds);
    const minute = utcMinute();
    const result = await work();
    if (utcMinute() === minute) return result;
  }
}

test("LIM-1: two nodes let pass what the limit says together, and not one request more", async () => {
  const t = trial("LIM-1", journal, rig);
  const LIMITS = [1, 10, 100, 500];
  const figures: string[] = [];
  for (let round = 0; round < rounds(1, 5); round++) {
    const passed = await inOneMinute(15, async () => {
      const keys = await Promise.all(LIMITS.map((rate_limit_rpm) => newKey(journal, t.pick(nodes), master, { rate_limit_rpm })));
      const passing = async (key: TestKey, limit: number) => {
        const answers: Sent[] = [];
        await workers(100 / LIMITS.length, limit * 3, async (i) => answers.push(await use(journal, alternate(i), key)));
        expect(Object.keys(counts(answers)).filter((name) => name !== "200" && name !== "429 rate_limit_exceeded")).toEqual([]);
        for (const { retryAfter, status } of answers) if (status === 429) expect(Number(retryAfter)).toBeLessThanOrEqual(60);
        return answers.filter(({ status }) => status === 200).length;
      };
      return Promise.all(keys.map((key, k) => passing(key, LIMITS[k] as number)));
    });
    for (const [k, limit] of LIMITS.entries()) {
      expect(passed[k]).toBeLessThanOrEqual(limit);
      expect(passed[k]).toBeGreaterThanOrEqual(limit * 0.99);
    }
    figures.push(LIMITS.map((limit, k) => `${passed[k]} of ${limit}`).join(", "));
  }
  t.report(`passed ${figures.join("; ")}; ${await judge(journal, nodes, database)}`);
});

test("LIM-2: of 1,000 requests at once, over two nodes and under a limit of 1, exactly one passes", async () => {
  const t = trial("LIM-2", journal, rig);
  const all: Record<string, number>[] = [];
  for (let round = 0; round < rounds(1, 10); round++) {
    const found = await inOneMinute(15, async () => {
      const key = await newKey(journal, t.pick(nodes), master, { rate_limit_rpm: 1 });
      return counts(await Promise.all(Array.from({ length: 1_000 }, (_, i) => use(journal, alternate(i), key))));
    });
    expect(found).toEqual({ "200": 1, "429 rate_limit_exceeded": 999 });
    all.push(found);
  }
  t.report(`${all.length} rounds, 1 of 1,000 passed in each; ${await judge(journal, nodes, database)}`);
});

/** What a key sees of its limits; asking is free. */
async function limitsOf(node: Node, key: TestKey): Promise<{ rate: number; quota: number; credits: number }> {
  const { status, body } = await journal.send(node, "GET", "/v1/limits", { key });
  expect(status).toBe(200);
  return { rate: body.rate_limit.remaining, quota: body.quota.remaining, credits: body.credits.available };
}

const usedBy = async (orgId: string): Promise<{ used: number; held: number }> => {
  const [row] = await database.rows<{ used: number; held: number }>(
    `select q."used", coalesce((select sum("held") from "QuotaBlock" b where b."orgId" = q."orgId"), 0)::int as "held" from "QuotaPeriod" q where q."orgId" = $1`,
    [orgId],
  );
  return row ?? { used: 0, held: 0 };
};

test("LIM-4: a request that one limit refuses costs nothing under any other", async () => {
  const t = trial("LIM-4", journal, rig);
  const { orgId, master: owner } = await newCustomer(journal, a, { tier: "free" });
  await inOneMinute(10, async () => {
    const key = await newKey(journal, a, owner, { rate_limit_rpm: 10 });
    const half = [use(journal, a, key), use(journal, a, key), use(journal, a, key), use(journal, a, key), use(journal, a, key)];
    expect(counts(await Promise.all(half))).toEqual({ "200": 5 });
    const before = await limitsOf(a, key);
    expect(before.rate).toBe(0);
    const refused: Sent[] = [];
    await workers(50, 500, async () => refused.push(await use(journal, a, key)));
    expect(counts(refused)).toEqual({ "429 rate_limit_exceeded": 500 });
    expect(await limitsOf(a, key)).toEqual(before);
  });
  // A key without the scope, one that is revoked, and a month that is used up.
  const blind = await newKey(journal, a, owner, { scopes: ["search"] });
  const good = await newKey(journal, a, owner);
  const revoked = await newKey(journal, a, owner);
  await revokeKey(journal, a, owner, revoked);
  await inOneMinute(10, async () => {
    const before = { good: await limitsOf(a, good), blind: await limitsOf(a, blind) };
    const refused: Sent[] = [];
    await workers(20, 200, async (i) => refused.push(await use(journal, a, i % 2 === 0 ? blind : revoked)));
    expect(counts(refused)).toEqual({ "403 insufficient_scope": 100, "401 unauthorized": 100 });
    expect({ good: await limitsOf(a, good), blind: await limitsOf(a, blind) }).toEqual(before);
  });
  await workers(20, 1_100, (i) => use(journal, alternate(i), good));
  await inOneMinute(10, async () => {
    const before = await limitsOf(a, good);
    expect(before.quota).toBe(0);
    const refused: Sent[] = [];
    await workers(20, 100, async () => refused.push(await use(journal, a, good)));
    expect(counts(refused)).toEqual({ "429 quota_exceeded": 100 });
    expect(await limitsOf(a, good)).toEqual(before);
  });
  const figures = await judge(journal, nodes, database);
  expect((await usedBy(orgId)).used).toBe(1_000);
  t.report(`500 calls over the minute limit, 100 without scope, 100 revoked, 100 over the quota: nothing else moved; ${figures}`);
});

test("LIM-5: on every route a request counts once, and 429, 401 and 403 are never mixed up", async () => {
  const t = trial("LIM-5", journal, rig);
  const document = await journal.send(a, "GET", "/openapi.json");
  const gets = Object.entries<Record<string, unknown>>(document.body.paths).flatMap(([path, methods]) =>
    methods.get === undefined || path.includes("{") || !path.startsWith("/v1/") ? [] : [path],
  );
  const calls = gets.map((path) => ({ method: "GET", path, json: undefined as unknown }));
  calls.push({ method: "POST", path: "/v1/api-keys", json: { nonsense: true } }, { method: "GET", path: "/v1/nowhere", json: undefined });
  const key = await newKey(journal, a, master);
  await use(journal, a, key);
  let passing = 0;
  await inOneMinute(10, async () => {
    passing = 0;
    for (const { method, path, json } of calls) {
      // What is left as an ordinary call before and after sees it: a route may show a limit of its own.
      const before = (await use(journal, a, key)).remaining;
      const statuses = new Set<number>();
      for (let i = 0; i < 5; i++)
        statuses.add((await journal.send(a, method, path, { key, ...(json === undefined ? {} : { json }) })).status);
      const cost = before - (await use(journal, a, key)).remaining - 1;
      // A call that a key may not make costs nothing; reading one's limits neither.
      const free = path === "/v1/limits" || statuses.has(401) || statuses.has(403);
      expect([path, [...statuses].length, cost]).toEqual([path, 1, free ? 0 : 5]);
      if (!free) passing += 1;
    }
  });
  expect(passing).toBeGreaterThanOrEqual(8);

  const kinds = {
    "200": await newKey(journal, a, master),
    "401 unauthorized": await newKey(journal, a, master),
    "403 insufficient_scope": await newKey(journal, a, master, { scopes: ["search"] }),
    "429 rate_limit_exceeded": await newKey(journal, a, master, { rate_limit_rpm: 2 }),
  };
  await revokeKey(journal, b, master, kinds["401 unauthorized"]);
  const unknown = { id: "", secret: newSecret("lk_live_").text };
  await inOneMinute(10, async () => {
    await Promise.all([0, 1, 2, 3].map((i) => use(journal, alternate(i), kinds["429 rate_limit_exceeded"])));
    await workers(40, 400, async (i) => {
      const [expected, key] = t.pick(Object.entries(kinds));
      expect(Object.keys(counts([await use(journal, alternate(i), key)]))).toEqual([expected]);
    });
    const strangers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        journal.send(alternate(i), "GET", "/v1/status", { headers: { Authorization: `Bearer ${unknown.secret}` }, from: "192.0.2.5" }),
      ),
    );
    expect(counts(strangers)).toEqual({ "401 unauthorized": 20 });
  });
  t.report(
    `${passing} routes count one for one, 420 calls of five kinds each had its own status; ${await judge(journal, nodes, database)}`,
  );
});

test("LIM-9: more than 30 unknown keys a minute from one address are refused with 429, and good keys from there pass", async () => {
  const t = trial("LIM-9", journal, rig);
  const good = await newKey(journal, a, master);
  const revoked = await newKey(journal, a, master);
  await revokeKey(journal, a, master, revoked);
  const from = `198.51.100.${t.between(1, 250)}`;
  const guess = (node: Node, address = from) =>
    journal.send(node, "GET", "/v1/status", { headers: { "X-API-Key": newSecret(t.pick(["lk_live_", "lk_test_"])).text }, from: address });
  await inOneMinute(10, async () => {
    const guesses: Sent[] = [];
    await workers(20, 120, async (i) => guesses.push(await guess(alternate(i))));
    expect(counts(guesses)).toEqual({ "401 unauthorized": 30, "429 rate_limit_exceeded": 90 });
    for (const node of nodes) {
      expect((await journal.send(node, "GET", "/v1/status", { key: good, from })).status).toBe(200);
      expect((await journal.send(node, "GET", "/v1/status", { key: revoked, from })).status).toBe(401);
      expect((await guess(node)).status).toBe(429);
      expect((await guess(node, "198.51.100.251")).status).toBe(401);
      expect((await guess(node, "not-checked")).status).toBe(401); // a text without any form costs nothing
    }
  });
  t.report("30 of 120 unknown keys from one address were looked up, 90 refused; a good key from there passed on both nodes");
});

test("QUO-1: of 3,000 calls over two nodes under a quota of 1,000, exactly 1,000 pass", async () => {
  const t = trial("QUO-1", journal, rig);
  for (let round = 0; round < rounds(1, 10); round++) {
    const { orgId, master: key } = await newCustomer(journal, t.pick(nodes), { tier: "free" });
    await workers(100, 3_000, () => use(journal, t.pick(nodes), key));
    const found = counts(journal.where(({ keyId }) => keyId === key.id));
    expect(found).toEqual({ "200": 1_000, "429 quota_exceeded": 2_001 }); // the first was GET /v1/me
    await judge(journal, nodes, database);
    expect(await usedBy(orgId)).toEqual({ used: 1_000, held: 0 });
  }
  t.report(`${rounds(1, 10)} rounds, 1,000 of 3,001 passed in each; ${await judge(journal, nodes, database)}`);
});

test("QUO-1: with a node killed in the middle never more than 1,000 pass, and at last every unit that nobody was answered for is spent", async () => {
  const t = trial("QUO-1 killed", journal, rig);
  let lost = 0;
  for (let round = 0; round < rounds(1, 20); round++) {
    const { orgId, master: key } = await newCustomer(journal, a, { tier: "free" });
    const victim = t.pick(nodes);
    const survivor = victim === a ? b : a;
    const load = background(600, () => use(journal, t.pick(nodes), key));
    await sleep(t.between(200, 1_200));
    await victim.kill();
    await sleep(t.between(0, 500));
    await victim.start();
    await load.stop();
    const ofKey = () => journal.where(({ keyId }) => keyId === key.id);
    const unanswered = ofKey().filter(({ status }) => status === 0).length;
    // What the dead node held comes back when its spool was drained; what a lost answer left in doubt, after half a minute.
    await eventually(async () => {
      await workers(10, 40, (i) => use(journal, i % 2 === 0 ? victim : survivor, key));
      const { used, held } = await usedBy(orgId);
      return used === 1_000 && held === 0 ? true : undefined;
    }, 75);
    await together(nodes);
    const passed = ofKey().filter(({ status }) => status === 200).length;
    expect(passed).toBeLessThanOrEqual(1_000);
    expect(passed).toBeGreaterThanOrEqual(1_000 - unanswered);
    lost += 1_000 - passed;
    await judge(journal, nodes, database);
  }
  t.report(
    `${rounds(1, 20)} rounds, never more than 1,000 passed; ${lost} were counted and their answers died with the node; ${await judge(journal, nodes, database)}`,
  );
});

test("F21: the same e-mail signed up, and the same invitation accepted, on two nodes at once: exactly one succeeds", async () => {
  const t = trial("F21", journal, rig);
  let tries = 0;
  for (let round = 0; round < rounds(2, 20); round++) {
    const email = `twice-${t.seed}-${round}@people.example`;
    const from = (i: number) => `203.0.113.${(round * 24 + i) % 250}`;
    const signUps = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        journal.send(alternate(i), "POST", "/v1/sign-up", { json: { email, password: PASSWORD, organization: "Twice" }, from: from(i) }),
      ),
    );
    expect(counts(signUps)).toEqual({ "201": 1, "409 conflict": 11 });

    const claimant = `claims-${t.seed}-${round}@clients.example`;
    const enabled = await journal.send(a, "POST", "/api/access/enable", {
      headers: asOperator,
      json: { email: claimant, company: "Claimed", tier: "free" },
    });
    expect(enabled.status).toBe(201);
    const token = await tokenMailedTo(a.server, claimant, "invites");
    const accepted = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        journal.send(alternate(i), "POST", "/v1/invites/accept", { json: { token, password: PASSWORD }, from: from(12 + i) }),
      ),
    );
    const { "200": won, "404 not_found": late = 0, "409 conflict": taken = 0 } = counts(accepted);
    expect([won, late + taken]).toEqual([1, 11]);
    const people = await database.rows<{ users: string; members: string; orgs: string; events: string }>(
      `select (select count(*) from "User" where "email" = any($1)) as "users",
        (select count(*) from "Member" m join "User" u on u."id" = m."userId" where u."email" = any($1)) as "members",
        (select count(distinct m."orgId") from "Member" m join "User" u on u."id" = m."userId" where u."email" = any($1)) as "orgs",
        (select count(*) from "AuditEvent" e join "User" u on u."id" = e."targetId" where u."email" = any($1) and e."action" in ('user.create', 'member.add')) as "events"`,
      [[email, claimant]],
    );
    expect(people).toEqual([{ users: "2", members: "2", orgs: "2", events: "2" }]);
    tries += 24;
  }
  t.report(`${rounds(2, 20)} rounds, ${many(tries)} tries: one account and one member of each`);
});

test("F21: the same customer enabled, and the same key revoked, on two nodes at once: one organization, one event", async () => {
  const t = trial("F21 operator", journal, rig);
  for (let round = 0; round < rounds(2, 20); round++) {
    const json = { email: `once-${t.seed}-${round}@clients.example`, company: "Once", tier: "free" };
    const enabled = await Promise.all(
      Array.from({ length: 10 }, (_, i) => journal.send(alternate(i), "POST", "/api/access/enable", { headers: asOperator, json })),
    );
    expect(counts(enabled)).toEqual({ "201": 1, "409 conflict": 9 });
    const key = (await createKey(journal, a, master)).body;
    const revoked = await Promise.all(Array.from({ length: 10 }, (_, i) => revokeKey(journal, alternate(i), master, key)));
    expect(counts(revoked)).toEqual({ "200": 10 });
    const [events] = await database.rows<{ n: string }>(
      `select count(*) as "n" from "AuditEvent" where "action" = 'api_key.revoke' and "targetId" = $1`,
      [key.id],
    );
    expect(events?.n).toBe("1");
  }
  t.report(`${rounds(2, 20)} rounds of 10 tries each: one organization, one revocation; ${await judge(journal, nodes, database)}`);
});
