// Every answer is recorded once and every change is whole, also when processes are killed, restarted one after the other, or hammer one key.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { createKey, newCustomer, newKey, use } from "./customers";
import { judge } from "./judge";
import { background, Journal, pace, quantile, type Sent, tookMs } from "./load";
import { type Node, startRig, together } from "./nodes";
import { many, ms, rounds, trial } from "./rounds";
import { expectOrder, newTraffic } from "./traffic";

const READY_MS = 5_000;

const rig = await startRig(2);
const { nodes, database } = rig;
const [a] = nodes as [Node, Node];
const journal = new Journal();
afterAll(() => journal.close());
const { master } = await newCustomer(journal, a);
const traffic = await newTraffic(journal, a, master);

test("F01, USE-1, USE-4: a node is killed under load: the other serves on, nothing that was answered is lost or counted twice", async () => {
  const t = trial("F01 USE-1", journal, rig);
  const ready: number[] = [];
  const begun = journal.entries.length;
  let unanswered = 0;
  for (let round = 0; round < rounds(3, 100); round++) {
    const victim = t.pick(nodes);
    const survivor = nodes.find((node) => node !== victim) as Node;
    const first = journal.entries.length;
    const load = traffic.start(300, nodes);
    await sleep(t.between(200, 900));
    const killedAt = performance.now();
    await victim.kill();
    await sleep(t.between(0, 300));
    ready.push(await victim.start());
    await sleep(200);
    await load.stop();
    const sent = journal.entries.slice(first);
    // What was on its way to or from the killed node came to nothing, in any way.
    expectOrder(
      sent.filter(({ node, status }) => node === survivor.name || status !== 0),
      traffic.revoked,
    );
    const meanwhile = sent.filter(({ node, sentAt }) => node === survivor.name && sentAt > killedAt);
    expect(meanwhile.filter(({ status }) => status === 0 || status === 503)).toEqual([]);
    expect(meanwhile.filter(({ status }) => status === 200).length).toBeGreaterThan(50);
    unanswered += sent.filter(({ status, fault }) => status === 0 && fault !== "ECONNREFUSED").length;
    await together(nodes);
  }
  const figures = await judge(journal, nodes, database);
  expect(Math.max(...ready)).toBeLessThan(READY_MS);
  t.report(
    `${ready.length} kills, ${many(journal.entries.length - begun)} requests, ${many(unanswered)} died with their node; ready again in p50 ${ms(quantile(ready, 0.5))}, max ${ms(Math.max(...ready))}; ${figures}`,
  );
});

test("USE-5: 200 calls a second on one key: no deadlock, and its last use follows within a minute and never goes back", async () => {
  const t = trial("USE-5", journal, rig);
  const seconds = rounds(5, 60);
  const key = await newKey(journal, a, master);
  const before = database.log().length;
  const unloaded: Sent[] = [];
  for (let i = 0; i < 40; i++) unloaded.push(await use(journal, nodes[i % 2] as Node, key));
  const seen: { at: number; usedAt: number | null }[] = [];
  const read = async () => {
    const [row] = await database.rows<{ used: string | null; now: string }>(
      `select extract(epoch from "lastUsedAt") * 1000 as "used", extract(epoch from clock_timestamp()) * 1000 as "now" from "Key" where "id" = $1`,
      [key.id],
    );
    seen.push({ at: Number(row?.now), usedAt: row?.used ? Number(row.used) : null });
  };
  const watch = background(5, read);
  const sent: Sent[] = [];
  const until = performance.now() + seconds * 1_000;
  await pace(
    200,
    () => performance.now() < until,
    async (i) => sent.push(await use(journal, nodes[i % 2] as Node, key)),
  );
  await watch.stop();
  expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
  expect(sent.length).toBeGreaterThan(seconds * 190);
  const firstAt = seen[0]?.at ?? 0;
  const lags = seen
    .filter(({ at }) => at > firstAt + 2_000)
    .map(({ at, usedAt }) => (usedAt === null ? Number.POSITIVE_INFINITY : at - usedAt));
  expect(lags.length).toBeGreaterThan(5);
  expect(Math.max(...lags)).toBeLessThan(60_000);
  const marks = seen.flatMap(({ usedAt }) => usedAt ?? []);
  expect(marks).toEqual([...marks].sort((x, y) => x - y));
  expect(database.log().slice(before)).not.toMatch(/deadlock/i);
  const p99 = [unloaded, sent].map((each) => quantile(each.map(tookMs), 0.99));
  const figures = await judge(journal, nodes, database);
  t.report(
    `${many(sent.length)} calls in ${seconds} s, last use at most ${ms(Math.max(...lags))} behind, p99 ${ms(p99[1] as number)} (alone ${ms(p99[0] as number)}); ${figures}`,
  );
});

/** Does what a load balancer does: the next node when one refuses, or resets a call that may be repeated, and none that is out. */
class Balancer {
  resent = 0;
  readonly #out = new Set<Node>();
  #next = 0;

  out(node: Node): void {
    this.#out.add(node);
  }

  in(node: Node): void {
    this.#out.delete(node);
  }

  /** `repeatable`: also when nobody knows what became of the first try. */
  async send(repeatable: boolean, work: (node: Node) => Promise<Sent>): Promise<Sent> {
    for (let left = nodes.length * 2; ; left--) {
      const there = nodes.filter((node) => !this.#out.has(node));
      const node = there[this.#next++ % there.length] as Node;
      const sent = await work(node);
      if (sent.status !== 0 || left === 0 || (!repeatable && sent.fault !== "ECONNREFUSED")) return sent;
      this.resent += 1;
      if (sent.fault === "ECONNREFUSED") this.out(node);
    }
  }
}

test("F23: nodes are restarted one after the other under load: every call is answered, every answer recorded, nothing left in a spool", async () => {
  const t = trial("F23", journal, rig);
  const balancer = new Balancer();
  const begun = journal.entries.length;
  const answers: Sent[] = [];
  const changes: Sent[] = [];
  const load = background(200, async (i) => {
    if (i % 50 === 0) changes.push(await balancer.send(false, (node) => createKey(journal, node, master)));
    else answers.push(await balancer.send(true, (node) => use(journal, node, traffic.good[i % 5] as (typeof traffic.good)[0])));
  });
  const took: number[] = [];
  const all = rounds(1, 50);
  for (let round = 0; round < all; round++) {
    for (const node of nodes) {
      await sleep(t.between(100, 400));
      const told = performance.now();
      expect(await node.stop()).toBe(0);
      took.push(performance.now() - told);
      balancer.out(node);
      expect(fs.readdirSync(path.join(node.dataDir, "spool"))).toEqual([]);
      await node.start();
      balancer.in(node);
      await together(nodes);
    }
  }
  await load.stop();
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  // A change whose connection was closed as it was sent is not answered, and made whole or not at all: judge looks.
  expect(changes.filter(({ status }) => status !== 201 && status !== 0)).toEqual([]);
  expect(changes.filter(({ status }) => status === 0).length).toBeLessThan(all);
  expect(answers.length).toBeGreaterThan(all * 400);
  expect(journal.entries.slice(begun).filter(({ fault }) => fault === "the answer broke off" || fault === "hangs")).toEqual([]);
  const figures = await judge(journal, nodes, database);
  t.report(
    `${took.length} restarts, ${many(answers.length)} calls and ${changes.filter(({ status }) => status === 201).length} of ${changes.length} changes answered, ${balancer.resent} sent again to the other node; stopped in at most ${ms(Math.max(...took))}; ${figures}`,
  );
});
