// The database restarts, is away, hangs, or goes away in the very middle of a change: calls are answered 503 in time, nothing passes
// unchecked, nothing is half done, and all is well again within seconds.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { apiOf, type Person } from "../api/client";
import { createKey, newCustomer, newKey, revokeKey, use } from "./customers";
import { judge } from "./judge";
import { Journal, pace, quantile, type Sent, type TestKey, tookMs } from "./load";
import { type Node, startRig, together } from "./nodes";
import { full, many, ms, rounds, trial } from "./rounds";
import { expectOrder, LONGEST_MS, newTraffic } from "./traffic";

const WELL_AGAIN_MS = 5_000;
/** A lease's two seconds, what a request takes, and a moment. */
const CLOSED_AFTER_MS = 2_500;
const MEGABYTE = 1024 * 1024;

const rig = await startRig(2);
const { nodes, database } = rig;
const [a] = nodes as [Node, Node];
const journal = new Journal();
afterAll(() => journal.close());
const { master } = await newCustomer(journal, a);
const traffic = await newTraffic(journal, a, master);
const person: Person = await (await apiOf(a.server)).signUp("faults");

/** Waits until all nodes answer a good key, and gives back how long after `since` that was. Throws after half a minute. */
async function wellAgain(since: number): Promise<number> {
  for (let good = 0; good < 10; ) {
    const answers = await Promise.all(nodes.map((node) => use(journal, node, traffic.good[0] as TestKey)));
    good = answers.every(({ status }) => status === 200) ? good + 1 : 0;
    if (performance.now() - since > 30_000) throw new Error(`After half a minute it still answers ${answers.map(({ status }) => status)}.`);
  }
  return performance.now() - since;
}

/** Everything a request may need of the database: a key that is known, one that is not, reads, changes, and a page. */
async function everyKind(node: Node, fresh: TestKey): Promise<Sent[]> {
  const known = traffic.good[0] as TestKey;
  return Promise.all([
    use(journal, node, known),
    use(journal, node, fresh),
    journal.send(node, "GET", "/v1/api-keys", { key: known }),
    journal.send(node, "GET", "/v1/audit-logs", { key: master }),
    createKey(journal, node, master),
    revokeKey(journal, node, master, fresh),
    journal.send(node, "POST", "/v1/sign-in", { json: { email: person.email, password: "not the right one" } }),
  ]);
}

/** A page that needs the database says so in time, without a word of how we are built. */
async function expectErrorPage(node: Node): Promise<void> {
  const begun = performance.now();
  const page = await fetch(`${node.url}/orgs/${person.slug}`, { headers: { Cookie: person.cookie }, redirect: "manual" });
  const html = await page.text();
  expect(performance.now() - begun).toBeLessThan(LONGEST_MS);
  expect([page.status >= 500, page.headers.get("content-type")]).toEqual([true, expect.stringMatching(/^text\/html/)]);
  expect(html).not.toMatch(/ECONN|postgresql:|prisma|select "|127\.0\.0\.1:\d/i);
}

const lines = (text: string) => text.split("\n").filter((line) => line.trim() !== "").length;
const expectAway = (sent: readonly Sent[]) =>
  expect(sent.filter(({ status }) => status !== 503).map(({ call, node, status, fault }) => [call, node, status, fault])).toEqual([]);

test("F02, USE-2: PostgreSQL is restarted or killed under load: 503 in time, no process dies, nothing is lost, well again in 5 s", async () => {
  const t = trial("F02 USE-2", journal, rig);
  const away: number[] = [];
  const well: number[] = [];
  const begun = journal.entries.length;
  const runs = rounds(3, 150);
  for (let round = 0; round < runs; round++) {
    const how = (["kill", "fast", "kill", "immediate", "kill", "kill"] as const)[round % 6] as "kill";
    const first = journal.entries.length;
    const load = traffic.start(200, nodes);
    await sleep(t.between(200, 700));
    away.push(await database.restart(how));
    const back = performance.now();
    well.push(await wellAgain(back));
    const calm = performance.now();
    await sleep(300);
    await load.stop();
    const sent = journal.entries.slice(first);
    expectOrder(sent, traffic.revoked);
    expect(sent.filter(({ status }) => status === 0)).toEqual([]);
    expect(sent.filter(({ sentAt, status }) => sentAt > calm && status === 503)).toEqual([]);
    expect(nodes.map((node) => node.isAlive())).toEqual([true, true]);
    await together(nodes);
  }
  expect(Math.max(...well)).toBeLessThan(WELL_AGAIN_MS);
  const sent = journal.entries.slice(begun);
  const refused = sent.filter(({ status }) => status === 503);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${runs} restarts, ${many(sent.length)} requests, ${many(refused.length)} answered 503 in at most ${ms(Math.max(0, ...refused.map(tookMs)))}; away at most ${ms(Math.max(...away))}, well again in at most ${ms(Math.max(...well))}; ${figures}`,
  );
});

test("F03: PostgreSQL refuses connections: keys fail closed, liveness green, readiness red, little memory, few lines of log", async () => {
  const t = trial("F03", journal, rig);
  const seconds = rounds(6, 60);
  const fresh = await newKey(journal, a, master);
  const warmUp = traffic.start(100, nodes);
  await sleep(full ? 10_000 : 1_500);
  await warmUp.stop();
  const before = nodes.map((node) => ({ memory: node.memory(), lines: lines(node.logs()) }));
  const first = journal.entries.length;
  const load = traffic.start(100, nodes);
  const from = performance.now();
  await Promise.all(nodes.map((node) => node.proxy.refuse()));
  await sleep(CLOSED_AFTER_MS);
  const steady = nodes.map((node) => ({ at: performance.now(), lines: lines(node.logs()) }));
  for (const node of nodes) {
    expectAway(await everyKind(node, fresh));
    expect((await journal.send(node, "GET", "/api/health/live")).status).toBe(200);
    const ready = await journal.send(node, "GET", "/api/health");
    expect([ready.status, ready.body.status, ready.body.database]).toEqual([503, "unavailable", false]);
    expect((await journal.send(node, "GET", "/v1/status", { headers: { "X-API-Key": "lk_live_x" } })).status).toBe(401); // needs no database
    await expectErrorPage(node);
  }
  await sleep(seconds * 1_000 - (performance.now() - from));
  const during = nodes.map((node, i) => ({
    grown: node.memory() - (before[i]?.memory ?? 0),
    atOnce: (steady[i]?.lines ?? 0) - (before[i]?.lines ?? 0),
    perSecond: (lines(node.logs()) - (steady[i]?.lines ?? 0)) / ((performance.now() - (steady[i]?.at ?? 0)) / 1_000),
  }));
  await Promise.all(nodes.map((node) => node.proxy.heal()));
  const well = await wellAgain(performance.now());
  await load.stop();
  const sent = journal.entries.slice(first);
  expectOrder(sent, traffic.revoked);
  expect(
    sent
      .filter(({ sentAt, status }) => status === 200 && sentAt > from + CLOSED_AFTER_MS && sentAt < from + seconds * 1_000 - 50)
      .filter(({ call }) => call !== "GET /api/health/live"),
  ).toEqual([]);
  const perSecond = Math.max(...during.map((each) => each.perSecond));
  const atOnce = Math.max(...during.map((each) => each.atOnce));
  expect(atOnce).toBeLessThan(50); // a line for each connection that was lost
  expect(perSecond).toBeLessThan(1.5);
  expect(Math.max(...during.map(({ grown }) => grown))).toBeLessThan(50 * MEGABYTE);
  expect(well).toBeLessThan(WELL_AGAIN_MS);
  const figures = await judge(journal, nodes, database);
  t.report(
    `refused for ${seconds} s, ${many(sent.filter(({ status }) => status === 503).length)} answers 503; memory +${during.map(({ grown }) => Math.round(grown / MEGABYTE)).join(" and +")} MB, ${atOnce} lines of log at once, then ${perSecond.toFixed(1)} a second; well again in ${ms(well)}; ${figures}`,
  );
});

const SILENCES: Record<string, { begin(): void; end(): Promise<void> | void }> = {
  "stopped by SIGSTOP": { begin: () => database.freeze(), end: () => database.thaw() },
  "frozen on the way": {
    begin: () => {
      for (const { proxy } of nodes) proxy.set({ kind: "freeze" });
    },
    end: async () => void (await Promise.all(nodes.map(({ proxy }) => proxy.heal()))),
  },
  "a black hole": {
    begin: () => {
      for (const { proxy } of nodes) proxy.set({ kind: "drop" });
    },
    end: async () => void (await Promise.all(nodes.map(({ proxy }) => proxy.heal()))),
  },
};

test.each(Object.keys(SILENCES))(
  "F04: PostgreSQL is %s: every request ends within 3 s with 503, and all is well again by itself",
  async (silence) => {
    const t = trial(`F04 ${silence}`, journal, rig);
    const seconds = rounds(5, 30);
    const fresh = await newKey(journal, a, master);
    const first = journal.entries.length;
    const load = traffic.start(100, nodes);
    await sleep(t.between(100, 600));
    const from = performance.now();
    SILENCES[silence]?.begin();
    let well = Number.NaN;
    try {
      await sleep(CLOSED_AFTER_MS);
      const kinds = Promise.all(nodes.map((node) => everyKind(node, fresh)));
      await Promise.all(nodes.map(expectErrorPage));
      for (const answers of await kinds) expectAway(answers);
      await sleep(Math.max(0, seconds * 1_000 - (performance.now() - from)));
    } finally {
      await SILENCES[silence]?.end();
      well = await wellAgain(performance.now());
    }
    const until = performance.now();
    await load.stop();
    const sent = journal.entries.slice(first);
    expectOrder(sent, traffic.revoked);
    expect(sent.filter(({ status }) => status === 0)).toEqual([]);
    const silent = sent.filter(({ sentAt }) => sentAt > from && sentAt < until - well);
    expect(
      silent.filter(({ status, sentAt, endedAt }) => status === 200 && sentAt > from + CLOSED_AFTER_MS && endedAt < until - well - 50),
    ).toEqual([]);
    expect(well).toBeLessThan(WELL_AGAIN_MS);
    await together(nodes);
    const figures = await judge(journal, nodes, database);
    t.report(
      `${seconds} s, ${many(silent.length)} requests meanwhile, the slowest took ${ms(Math.max(...silent.map(tookMs)))}; well again in ${ms(well)}; ${figures}`,
    );
  },
);

test("F04: changes that were under way when the database fell silent are made whole or not at all, also when their connections are used again", async () => {
  const t = trial("F04 changes", journal, rig);
  const found = { answered: 0, "answered 503": 0 };
  let runs = 0;
  for (const silence of full ? Object.keys(SILENCES) : ["frozen on the way"]) {
    for (let round = 0; round < rounds(1, 10); round++) {
      runs += 1;
      // At any of a change's statements: after BEGIN, and before its COMMIT was answered.
      const underWay = t.pick([
        /insert into "public"."Key"/i,
        /insert into "public"."KeySecret"/i,
        /insert into "AuditHead"/i,
        /"AuditEvent"/i,
        /^commit/i,
      ]);
      const seen = Promise.race(nodes.map(({ proxy }) => proxy.seen(underWay)));
      const changes = Array.from({ length: 16 }, (_, i) => createKey(journal, nodes[i % nodes.length] as Node, master));
      await seen;
      SILENCES[silence]?.begin();
      try {
        // Beyond the time-outs of a statement and of the ROLLBACK after it, or short of one of them.
        await sleep(t.pick(full ? [500, 2_000, 3_000, 4_500, 5_500, 8_000] : [5_500]));
      } finally {
        await SILENCES[silence]?.end();
      }
      const silentUntil = performance.now();
      for (const { status, sentAt, endedAt } of await Promise.all(changes)) {
        expect([201, 503]).toContain(status);
        expect(endedAt - sentAt).toBeLessThan(LONGEST_MS);
        found[status === 201 ? "answered" : "answered 503"] += 1;
      }
      await wellAgain(silentUntil);
      // Enough at once to come by every connection that was in use.
      for (let again = 0; again < 3; again++) {
        const more = await Promise.all(Array.from({ length: 24 }, (_, i) => createKey(journal, nodes[i % nodes.length] as Node, master)));
        expect(more.filter(({ status }) => status !== 201)).toEqual([]);
      }
      await together(nodes);
    }
  }
  const figures = await judge(journal, nodes, database);
  t.report(
    `${runs} silences amid 16 changes: ${found.answered} made, ${found["answered 503"]} answered 503 and made whole or not; ${figures}`,
  );
});

test("F05: a connection that is lost around COMMIT leaves a change whole or not made, and a revocation that went through holds", async () => {
  const t = trial("F05", journal, rig);
  const found = { "made, said so": 0, "made, answered 503": 0, "not made, answered 503": 0 };
  const ended: { key: TestKey; answer: Sent }[] = [];
  const runs = rounds(12, 200);
  let atOnce = 0;
  for (let round = 0; round < runs; round++) {
    // The first is the one that matters most: a revocation that is made and not answered.
    const when = round === 0 ? "after" : t.pick(["before", "after"] as const);
    const node = t.pick(nodes);
    const revoke = round === 0 || t.random() < 0.5;
    const key = await newKey(journal, t.pick(nodes), master);
    for (const each of nodes) expect((await use(journal, each, key)).status).toBe(200);
    const trap = node.proxy.cutAtCommit(when, /"AuditEvent"/);
    const name = `Cut ${t.seed} ${round}`;
    const answer = revoke ? await revokeKey(journal, node, master, key) : await createKey(journal, node, master, { name });
    expect(await Promise.race([trap.done.then(() => "cut"), sleep(1_000, "not cut")])).toBe("cut");
    expect([200, 201, 503]).toContain(answer.status);
    expect(tookMs(answer)).toBeLessThan(LONGEST_MS);
    const [there] = await database.rows<{ n: string }>(
      revoke
        ? `select count(*) as "n" from "Key" where "id" = $1 and "revokedAt" is not null`
        : `select count(*) as "n" from "Key" where "name" = $1`,
      [revoke ? key.id : name],
    );
    const made = there?.n === "1";
    // Its event, and only then: judge looks at all of them.
    expect([when, made]).toEqual([when, when === "after"]);
    if (answer.status < 300) expect(made).toBe(true);
    found[answer.status < 300 ? "made, said so" : made ? "made, answered 503" : "not made, answered 503"] += 1;
    if (revoke && made) {
      ended.push({ key, answer });
      const statuses = await Promise.all(nodes.map(async (each) => (await use(journal, each, key)).status));
      atOnce += statuses.every((status) => status === 401) ? 1 : 0;
      // Asked again, as the 503 says, it is answered, and then it holds.
      expect((await revokeKey(journal, t.pick(nodes), master, key)).status).toBe(200);
      for (const each of nodes) expect((await use(journal, each, key)).status).toBe(401);
    } else {
      for (const each of nodes) expect((await use(journal, each, key)).status).toBe(200);
    }
  }
  await sleep(2_100); // the longest that any node may answer from what it knew
  for (const { key } of ended) for (const node of nodes) expect((await use(journal, node, key)).status).toBe(401);
  expect(ended.length).toBeGreaterThan(0);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${runs} cuts: ${Object.entries(found)
      .map(([what, times]) => `${times} ${what}`)
      .join(", ")}; ${ended.length} revocations went through unanswered, ${atOnce} held at once, all hold; ${figures}`,
  );
});

test("F07: fifty slow reads at once take no connection from verification", async () => {
  const t = trial("F07", journal, rig);
  const seconds = rounds(3, 20);
  const perSecond = 100;
  const unseen: TestKey[] = [];
  while (unseen.length < 60) unseen.push(...(await Promise.all(Array.from({ length: 10 }, () => newKey(journal, a, master)))));
  const known = traffic.good[0] as TestKey;
  const verify = async (keys: readonly TestKey[], forMs: number) => {
    const sent: Sent[] = [];
    const until = performance.now() + forMs;
    // Of two calls one is by a key that the node has to look up.
    let next = 0;
    await pace(
      perSecond,
      () => performance.now() < until,
      async (i) => sent.push(await use(journal, a, i % 5 === 0 ? (keys[next++ % keys.length] as TestKey) : known)),
    );
    return sent;
  };
  const alone = await verify(unseen.slice(0, 30), 1_000);
  const unlock = await database.lock("AuditEvent");
  let slow: Sent[] = [];
  let beside: Sent[] = [];
  try {
    const until = performance.now() + seconds * 1_000;
    const readers = Array.from({ length: 50 }, async () => {
      const sent: Sent[] = [];
      while (performance.now() < until) sent.push(await journal.send(a, "GET", "/v1/audit-logs", { key: master }));
      return sent;
    });
    await sleep(100);
    beside = await verify(unseen.slice(30), seconds * 1_000 - 200);
    slow = (await Promise.all(readers)).flat();
  } finally {
    await unlock();
  }
  expect(slow.filter(({ status }) => status !== 503).map(({ status, fault }) => [status, fault])).toEqual([]);
  expect(Math.max(...slow.map(tookMs))).toBeLessThan(LONGEST_MS);
  expect([...alone, ...beside].filter(({ status }) => status !== 200)).toEqual([]);
  const at = (sent: Sent[], share: number) => quantile(sent.map(tookMs), share);
  expect(at(beside, 0.99)).toBeLessThan(1_000);
  await together(nodes);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${many(slow.length)} slow reads, all 503 in at most ${ms(Math.max(...slow.map(tookMs)))}; verification alone p50 ${ms(at(alone, 0.5))}, p99 ${ms(at(alone, 0.99))}, beside them p50 ${ms(at(beside, 0.5))}, p99 ${ms(at(beside, 0.99))}; ${figures}`,
  );
});
