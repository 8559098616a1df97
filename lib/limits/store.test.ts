import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryStore } from "@/lib/limits/store";
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

describe("whatever is asked in whatever order", () => {
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
