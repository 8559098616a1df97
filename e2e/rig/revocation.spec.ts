// What a customer is told with the answer to a revocation: from now on no node accepts this key. Sent after the answer means sent after it
// arrived at the same client.
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { asOperator, createKey, newCustomer, newKey, revokeKey, use } from "./customers";
import { judge } from "./judge";
import { background, Journal, quantile, type Sent, type TestKey, tookMs } from "./load";
import { type Node, startRig, together } from "./nodes";
import { full, many, ms, rounds, trial } from "./rounds";

/** The worst that contract §9 allows, and a moment for the way. */
const WORST_MS = 4_500;

const rig = await startRig(2);
const { nodes, database } = rig;
const [a, b] = nodes as [Node, Node];
const journal = new Journal();
afterAll(() => journal.close());
const { master } = await newCustomer(journal, a);
const other = (node: Node) => (node === a ? b : a);

/** Requests with this key that were sent after `at`. */
const after = (key: TestKey, at: number) => journal.where(({ keyId, sentAt }) => keyId === key.id && sentAt > at);
const accepted = (sent: Sent[]) => sent.filter(({ status }) => status >= 200 && status < 300);

async function warm(key: TestKey): Promise<void> {
  for (const node of [a, b, a, b]) expect((await use(journal, node, key)).status).toBe(200);
}

/** Revokes, and asks both nodes at once and for a while longer. Gives back the answer to the revocation. */
async function revokeAndTry(key: TestKey, through: Node, forMs = 120): Promise<Sent> {
  const answer = await revokeKey(journal, through, master, key);
  expect([answer.status, answer.body.status]).toEqual([200, "revoked"]);
  const tries = [a, b, a, b, a, b].map((node) => use(journal, node, key));
  await Promise.all([...tries, sleep(forMs)]);
  return answer;
}

test("REV-1: no request that is sent after the answer to a revocation is accepted, by neither of two nodes under load", async () => {
  const t = trial("REV-1", journal, rig);
  const times: number[] = [];
  let late = 0;
  let before = 0;
  for (let round = 0; round < rounds(10, 200); round++) {
    const key = await newKey(journal, t.pick(nodes), master);
    await warm(key);
    const load = background(100, (i) => use(journal, i % 2 === 0 ? a : b, key));
    await sleep(t.between(20, 150));
    const answer = await revokeAndTry(key, t.pick(nodes));
    await load.stop();
    times.push(tookMs(answer));
    const sent = after(key, answer.endedAt);
    expect(accepted(sent)).toEqual([]);
    late += sent.length;
    before += accepted(journal.where(({ keyId }) => keyId === key.id)).length;
  }
  expect(late).toBeGreaterThan(times.length * 10);
  expect(before).toBeGreaterThan(times.length * 4);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${times.length} rounds, ${many(late)} requests after the answer, 0 accepted; revoked in p50 ${ms(quantile(times, 0.5))}, max ${ms(Math.max(...times))}; ${figures}`,
  );
});

test("REV-2: a revoked key makes no key, lists none, revokes none and is valid for nobody; what it makes meanwhile was sent before", async () => {
  const t = trial("REV-2", journal, rig);
  let tried = 0;
  let made = 0;
  for (let round = 0; round < rounds(10, 200); round++) {
    const key = await newKey(journal, a, master, { access: "full" });
    const child = await newKey(journal, b, key);
    const through = t.pick(nodes);
    const acts = (node: Node) => [
      createKey(journal, node, key),
      journal.send(node, "GET", "/v1/api-keys", { key }),
      journal.send(node, "GET", `/v1/api-keys/${key.id}`, { key }),
      journal.send(node, "GET", "/v1/auth", { key }),
    ];
    const racing = [...acts(a), ...acts(b)];
    const answer = await revokeAndTry(key, through, 0);
    const late = [a, b].flatMap((node) => [...acts(node), revokeKey(journal, node, key, child)]);
    for (const sent of await Promise.all(late)) expect([sent.call, sent.status, sent.code]).toEqual([sent.call, 401, "unauthorized"]);
    for (const node of [a, b]) {
      const verdict = await journal.send(node, "POST", "/v1/keys/verify", { headers: asOperator, json: { key: key.secret } });
      expect([verdict.status, verdict.body.valid, verdict.body.code]).toEqual([200, false, "revoked"]);
      verdict.keyId = key.id; // the call is the verified key's
      verdict.status = 401;
    }
    tried += late.length;
    made += (await Promise.all(racing)).filter(({ call, status }) => call === "POST /v1/api-keys" && status === 201).length;
    expect(accepted(after(key, answer.endedAt))).toEqual([]);
    expect((await use(journal, other(through), child)).status).toBe(200); // a key outlives the one that made it
  }
  const figures = await judge(journal, nodes, database);
  t.report(
    `${rounds(10, 200)} rounds, ${many(tried)} acts after the answer, 0 done (${made} keys made while it was being revoked); ${figures}`,
  );
});

// Edits, rotations, pauses and expiry beside these: lifecycle.spec.ts.
const ACTS = ["use", "use", "use", "create", "list", "revoke"] as const;

test("REV-4: whatever is done at the same time on two nodes, a key whose revocation was answered never passes again", async () => {
  const t = trial("REV-4", journal, rig);
  let acts = 0;
  let revoked = 0;
  let late = 0;
  const step = fc.record({ act: fc.constantFrom(...ACTS), node: fc.constantFrom(a, b), key: fc.nat(2), pauseMs: fc.nat(4) });
  const script = fc.array(step, { minLength: 8, maxLength: 20 });
  const runs = rounds(25, 1_000);
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      const keys: TestKey[] = await Promise.all([a, b, a].map((node) => newKey(journal, node, master)));
      const revocations: { key: TestKey; answer: Promise<Sent> }[] = [];
      const done: Promise<unknown>[] = [];
      for (const { act, node, key: at, pauseMs } of steps) {
        const key = keys[at] as TestKey;
        acts += 1;
        if (act === "use") done.push(use(journal, node, key));
        if (act === "list") done.push(journal.send(node, "GET", "/v1/api-keys?limit=3", { key }));
        if (act === "create") done.push(createKey(journal, node, key));
        if (act === "revoke") revocations.push({ key, answer: revokeKey(journal, node, master, key) });
        if (pauseMs > 0) await sleep(pauseMs);
      }
      const ended = new Set<TestKey>();
      for (const { key, answer } of revocations) {
        const { status, endedAt } = await answer;
        expect(status).toBe(200);
        await Promise.all([use(journal, a, key), use(journal, b, key)]);
        const sent = after(key, endedAt);
        expect(accepted(sent)).toEqual([]);
        late += sent.length;
        ended.add(key);
      }
      await Promise.all(done);
      for (const key of keys) {
        const statuses = await Promise.all([a, b].map(async (node) => (await use(journal, node, key)).status));
        expect(statuses).toEqual(ended.has(key) ? [401, 401] : [200, 200]);
      }
      revoked += ended.size;
    }),
    { seed: t.seed, numRuns: runs, endOnFailure: true },
  );
  expect(revoked).toBeGreaterThan(runs / 4);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${many(runs)} scripts of ${many(acts)} acts, ${many(revoked)} keys revoked, ${many(late)} requests after, 0 accepted; ${figures}`,
  );
});

test("F20: a revocation that finds the key revoked already is answered only when that holds on every node, too", async () => {
  const t = trial("F20", journal, rig);
  let late = 0;
  const runs = rounds(4, 50);
  for (let round = 0; round < runs; round++) {
    const key = await newKey(journal, a, master);
    await warm(key);
    // What is announced reaches one of the nodes late.
    const slow = t.pick(nodes);
    slow.proxy.set({ kind: "delay", ms: 300, direction: "down" }, "lease");
    await sleep(t.between(0, 400));
    const answers = Array.from({ length: 4 }, async (_, i) => {
      await sleep(i * t.between(25, 90));
      return revokeAndTry(key, t.pick(nodes), 50);
    });
    for (const answer of await Promise.all(answers)) {
      const sent = after(key, answer.endedAt);
      expect(accepted(sent)).toEqual([]);
      late += sent.length;
    }
    await slow.proxy.heal();
  }
  await together(nodes);
  const figures = await judge(journal, nodes, database);
  t.report(`${runs} rounds of 4 revocations of one key, ${many(late)} requests after an answer, 0 accepted; ${figures}`);
});

/** What may become of a node's lease connection, and how long it lasts. */
const TROUBLES: Record<string, (node: Node, random: number) => void> = {
  frozen: ({ proxy }) => proxy.set({ kind: "freeze" }, "lease"),
  "cut off": ({ proxy }) => void proxy.cut("lease"),
  "deaf to the database": ({ proxy }) => proxy.set({ kind: "drop", direction: "down" }, "lease"),
  mute: ({ proxy }) => proxy.set({ kind: "drop", direction: "up" }, "lease"),
  slow: ({ proxy }, random) => proxy.set({ kind: "delay", ms: 100 + random * 800, direction: "both" }, "lease"),
};

test.each(Object.keys(TROUBLES).filter((trouble) => full || trouble !== "mute"))(
  "F22: with the connection that announces revocations %s, no request that is sent to that node after the answer is accepted",
  async (trouble) => {
    const t = trial(`F22 ${trouble}`, journal, rig);
    const times: number[] = [];
    let late = 0;
    let away = 0;
    for (let round = 0; round < rounds(1, 15); round++) {
      const key = await newKey(journal, a, master);
      await warm(key);
      expect(b.proxy.open("lease")).toBe(1);
      const load = background(100, () => use(journal, b, key));
      // At any moment of the lease's second.
      await sleep(t.between(0, 1_000));
      TROUBLES[trouble]?.(b, t.random());
      await sleep(t.pick([0, 0, 5, 200, 900]));
      const answer = await revokeAndTry(key, t.pick([a, a, b]), 300);
      await b.proxy.heal();
      await load.stop();
      times.push(tookMs(answer));
      const sent = after(key, answer.endedAt);
      expect(accepted(sent)).toEqual([]);
      expect(sent.length).toBeGreaterThan(0);
      late += sent.length;
      away += journal.where(({ keyId, status }) => keyId === key.id && status === 503).length;
      await together(nodes);
    }
    expect(Math.max(...times)).toBeLessThan(WORST_MS);
    const figures = await judge(journal, nodes, database);
    t.report(
      `${times.length} rounds, ${many(late)} requests after the answer, 0 accepted (${many(away)} in all were answered 503); revoked in at most ${ms(Math.max(...times))}; ${figures}`,
    );
  },
);

test("a node that stands still for five seconds refuses, when it goes on, what was sent to it after a revocation on another node", async () => {
  const t = trial("F22 stopped", journal, rig);
  const times: number[] = [];
  let late = 0;
  for (let round = 0; round < rounds(1, 20); round++) {
    const key = await newKey(journal, b, master);
    await warm(key);
    await sleep(t.between(0, 1_000));
    b.freeze();
    const stopped = performance.now();
    const answer = await revokeKey(journal, a, master, key);
    expect(answer.status).toBe(200);
    times.push(tookMs(answer));
    // These wait in the socket and are the first that it reads.
    const waiting = Array.from({ length: 20 }, () => use(journal, b, key));
    await sleep(5_000 - (performance.now() - stopped));
    b.thaw();
    const first = await Promise.all(waiting);
    await Promise.all(Array.from({ length: 20 }, () => use(journal, b, key)));
    expect(accepted(after(key, answer.endedAt))).toEqual([]);
    late += first.length;
    await together(nodes);
  }
  expect(Math.max(...times)).toBeLessThan(WORST_MS);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${times.length} rounds, ${many(late)} requests waited in a stopped node, 0 accepted; revoked in at most ${ms(Math.max(...times))}; ${figures}`,
  );
});
