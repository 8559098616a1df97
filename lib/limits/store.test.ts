import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryStore, type Share } from "@/lib/limits/store";
import type { Limit } from "@/lib/limits/window";

const NOW = Date.parse("2026-11-20T12:00:30.000Z");
const limitOf = (subject: string, limit: number, windowSeconds = 60): Limit => ({ name: subject, subject, limit, windowSeconds });
const remaining = (store: MemoryStore, ...limits: Limit[]) => store.peek(limits, NOW).map((state) => state.remaining);

test.each([1, 10, 100, 500])("exactly %d of three times as many parallel requests pass", async (limit) => {
  const store = new MemoryStore();
  const one = limitOf("key:1", limit);
  const taken = await Promise.all(Array.from({ length: 3 * limit }, async () => store.take([one], NOW)));
  expect(taken.filter(({ allowed }) => allowed)).toHaveLength(limit);
  expect(taken.at(-1)?.states).toEqual([expect.objectContaining({ limit, remaining: 0 })]);
});

test("a request that one limit refuses counts against none of the others", () => {
  const store = new MemoryStore();
  const [tight, wide] = [limitOf("tight", 1), limitOf("wide", 100)];
  store.take([tight, wide], NOW);
  for (let i = 0; i < 500; i++) expect(store.take([wide, tight], NOW).allowed).toBe(false);
  expect(remaining(store, tight, wide)).toEqual([0, 99]);
});

test("a look counts nothing, also at something nobody took from", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 5);
  for (let i = 0; i < 10; i++) expect(remaining(store, one)).toEqual([5]);
});

test("what is given back can be taken again, and never more than was taken", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 2);
  store.take([one], NOW);
  store.take([one], NOW);
  store.give([one], NOW);
  expect(store.take([one], NOW).allowed).toBe(true);
  expect(store.take([one], NOW).allowed).toBe(false);
  for (let i = 0; i < 5; i++) store.give([one], NOW);
  expect(remaining(store, one)).toEqual([2]);
});

test("what is given back of several limits goes back to each of them, and what was never counted nowhere", () => {
  const store = new MemoryStore();
  const [one, two, other] = [limitOf("key:1", 3), limitOf("route:1", 2), limitOf("key:2", 1)];
  store.take([one, two], NOW);
  store.take([one, two], NOW);
  store.give([one, two], NOW);
  store.give([other], NOW);
  expect(remaining(store, one, two, other)).toEqual([2, 1, 1]);
});

test("what is given back after its window has ended makes no room in the next one", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 2);
  const end = Date.parse("2026-11-20T12:01:00.000Z");
  expect(store.take([one], end - 1).allowed).toBe(true);
  expect([store.take([one], end).allowed, store.take([one], end).allowed]).toEqual([true, true]);
  store.give([one], end - 1); // it waited for its credits over the turn of the minute
  expect(store.take([one], end).allowed).toBe(false);
});

test("what is given back more than a window later leaves the counter of now alone", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 1);
  expect(store.take([one], NOW).allowed).toBe(true);
  expect(store.take([one], NOW + 180_000).allowed).toBe(true);
  store.give([one], NOW);
  expect(store.take([one], NOW + 180_000).allowed).toBe(false);
});

test("a refusal names every limit as it stands, the used-up one with nothing left", () => {
  const store = new MemoryStore();
  const [tight, wide] = [limitOf("tight", 1), limitOf("wide", 100)];
  store.take([tight, wide], NOW);
  const { allowed, states } = store.take([wide, tight], NOW);
  expect([allowed, states.map(({ name, limit, remaining }) => [name, limit, remaining])]).toEqual([
    false,
    [
      ["wide", 100, 99],
      ["tight", 1, 0],
    ],
  ]);
});

test("subjects and window lengths have counters of their own", () => {
  const store = new MemoryStore();
  store.take([limitOf("key:1", 1)], NOW);
  expect(remaining(store, limitOf("key:1", 1), limitOf("key:2", 1), limitOf("key:1", 1, 900))).toEqual([0, 1, 1]);
});

test("limits of one subject and one length share a counter", () => {
  const store = new MemoryStore();
  store.take([limitOf("key:1", 5)], NOW);
  expect(remaining(store, limitOf("key:1", 3))).toEqual([2]);
});

test("the window before is forgotten at the very instant the next one begins, and not a millisecond earlier", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 1);
  const end = Date.parse("2026-11-20T12:01:00.000Z");
  expect(store.take([one], end - 1).allowed).toBe(true);
  expect(store.take([one], end - 1).allowed).toBe(false);
  expect(store.take([one], end).allowed).toBe(true);
});

test("requests that overtake each other at the turn of a window do not make room twice", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 2);
  const end = Date.parse("2026-11-20T12:01:00.000Z");
  const passed = [end, end - 1, end, end - 1, end, end - 1, end].filter((now) => store.take([one], now).allowed);
  expect(passed).toHaveLength(2);
});

test("a clock that was put back by an hour does not refuse for an hour", () => {
  const store = new MemoryStore();
  const one = limitOf("key:1", 1);
  store.take([one], NOW);
  expect(store.take([one], NOW - 3_600_000).allowed).toBe(true);
});

test("a long window survives the sweeps that clear short ones", () => {
  const store = new MemoryStore();
  const start = Date.parse("2026-11-20T12:00:00.000Z");
  const long = limitOf("sign-in", 1, 900);
  store.take([long], start);
  for (let minute = 1; minute < 15; minute++) {
    store.take([limitOf(`other:${minute}`, 1)], start + minute * 60_000);
    expect(store.take([long], start + minute * 60_000).allowed).toBe(false);
  }
  expect(store.take([long], start + 900_000).allowed).toBe(true);
});

test("holds no more counters than subjects called in the last two minutes", () => {
  const store = new MemoryStore();
  for (let minute = 0; minute < 20; minute++)
    for (let i = 0; i < 100; i++) store.take([limitOf(`key:${minute}-${i}`, 1)], NOW + minute * 60_000);
  expect(store.size).toBeLessThanOrEqual(200);
});

describe("beside other nodes each allows its share", () => {
  const subjects = ["key:key_01", "key:key_02", "unknown:203.0.113.7", "route:/v1/extractions:key_01", "", "ü", "x".repeat(300)];
  const nodesOf = (nodes: number) => Array.from({ length: nodes }, (_, rank) => new MemoryStore(() => ({ nodes, rank })));
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

  test.each([1, 2, 3, 4, 5])("the shares of %d nodes add up to exactly the limit, whatever the limit and the subject", (nodes) => {
    const stores = nodesOf(nodes);
    for (let limit = 0; limit <= 200; limit++) {
      for (const subject of subjects) {
        const shares = stores.map((store) => remaining(store, limitOf(subject, limit))[0] ?? -1);
        expect(sum(shares)).toBe(limit);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }
    }
  });

  test("any number of nodes, any limit, any subject", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.nat({ max: 1_000_000 }), fc.string(), (nodes, limit, subject) => {
        expect(sum(nodesOf(nodes).flatMap((store) => remaining(store, limitOf(subject, limit))))).toBe(limit);
      }),
    );
  });

  test.each([
    [2, 1],
    [2, 7],
    [3, 10],
    [5, 3],
    [5, 100],
  ])("%d nodes together let exactly %d pass, wherever the requests go", (nodes, limit) => {
    const stores = nodesOf(nodes);
    const one = limitOf("key:1", limit);
    let passed = 0;
    for (let i = 0; i < 3 * limit * nodes; i++) if (stores[i % nodes]?.take([one], NOW).allowed) passed += 1;
    expect(passed).toBe(limit);
  });

  test("what does not divide falls to another node for another subject", () => {
    const stores = nodesOf(3);
    const winners = Array.from({ length: 300 }, (_, i) =>
      stores.findIndex((store) => (remaining(store, limitOf(`key:${i}`, 1))[0] ?? 0) > 0),
    );
    for (const rank of [0, 1, 2]) expect(winners.filter((winner) => winner === rank).length).toBeGreaterThan(50);
  });

  test("a node that gets company in the middle of a window counts what it has accepted against its smaller share", () => {
    let share: Share = { nodes: 1, rank: 0 };
    const store = new MemoryStore(() => share);
    const one = limitOf("key:1", 10);
    for (let i = 0; i < 5; i++) expect(store.take([one], NOW).allowed).toBe(true);
    share = { nodes: 2, rank: 0 };
    expect(store.take([one], NOW).allowed).toBe(false);
    share = { nodes: 1, rank: 0 };
    expect(remaining(store, one)).toEqual([5]);
  });
});

describe("whatever is asked in whatever order", () => {
  test("takes, gives and looks of several limits never let more than a limit pass, and refuse only while one is used up", () => {
    const limits = [limitOf("a", 2), limitOf("b", 3), limitOf("c", 5)];
    const some = fc.subarray(limits, { minLength: 1 });
    const step = fc.oneof(
      fc.record({ does: fc.constant("take" as const), which: some }),
      fc.record({ does: fc.constant("give" as const), which: fc.constant(limits.slice(0, 0)) }),
      fc.record({ does: fc.constant("peek" as const), which: some }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = new MemoryStore();
        const held: Limit[][] = [];
        const used = (limit: Limit) => held.filter((each) => each.includes(limit)).length;
        for (const { does, which } of steps) {
          if (does === "take") {
            const { allowed } = store.take(which, NOW);
            expect(allowed).toBe(which.every((limit) => used(limit) < limit.limit));
            if (allowed) held.push(which);
          } else if (does === "give") {
            const back = held.pop();
            if (back !== undefined) store.give(back, NOW);
          } else store.peek(which, NOW);
          expect(remaining(store, ...limits)).toEqual(limits.map((limit) => limit.limit - used(limit)));
        }
      }),
    );
  });

  test("no window lets more than its limit pass, and none refuses while it has room", () => {
    const call = fc.record({ subject: fc.constantFrom("a", "b"), after: fc.nat({ max: 20_000 }) });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (calls, limit) => {
        const store = new MemoryStore();
        const passed = new Map<string, number>();
        let now = NOW;
        for (const { subject, after } of calls) {
          now += after;
          const window = `${subject} ${new Date(now).toISOString().slice(0, 16)}`;
          const before = passed.get(window) ?? 0;
          const { allowed, states } = store.take([limitOf(subject, limit)], now);
          expect(allowed).toBe(before < limit);
          if (allowed) passed.set(window, before + 1);
          expect(states[0]?.remaining).toBe(limit - (passed.get(window) ?? 0));
        }
      }),
    );
  });
});
