import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cache, LookUps, type Origins } from "@/lib/keys/cache";

interface Entry {
  key: Origins;
  version: number;
}

const entry = (key: number, version = 0): Entry => ({
  key: { keyId: `key_${key}`, groupId: `grp_${key % 3}`, orgId: `org_${key % 2}` },
  version,
});
const digest = (number: number) => number.toString(16).padStart(64, "0");

describe("what is known by heart", () => {
  test("two digests never meet, however much of them is the same", () => {
    const cache = new Cache<Entry>(100, 100);
    const digests = [digest(1), digest(2), `1${digest(1).slice(1)}`, digest(1).slice(0, 63), digest(1).slice(0, 20), `${digest(1)}0`];
    for (const [place, hash] of digests.entries()) {
      expect(cache.get(hash)).toBeUndefined();
      cache.put(hash, entry(place));
    }
    for (const [place, hash] of digests.entries()) expect(cache.get(hash)).toEqual(entry(place));
  });

  test("memory is bounded, however many keys are asked for", () => {
    const cache = new Cache<Entry>(1_000, 100);
    let most: [number, number] = [0, 0];
    for (let number = 0; number < 10_000; number++) {
      cache.put(digest(number), entry(number));
      cache.put(digest(1_000_000 + number), null);
      if (number % 7 === 0) cache.get(digest(number - (number % 1_000)));
      most = [Math.max(most[0], cache.size), Math.max(most[1], cache.unknownSize)];
    }
    expect(most).toEqual([1_000, 100]);
    expect([cache.size, cache.keys, cache.unknownSize]).toEqual([1_000, 1_000, 100]);
  });

  test("a flood of keys asked for once does not drive out those in use", () => {
    const cache = new Cache<Entry>(100, 10);
    for (let number = 0; number < 50; number++) cache.put(digest(number), entry(number));
    for (let flood = 1_000; flood < 2_000; flood++) {
      if (flood % 40 === 0) for (let number = 0; number < 50; number++) cache.get(digest(number));
      cache.put(digest(flood), entry(flood));
    }
    for (let number = 0; number < 50; number++) expect(cache.get(digest(number))).toEqual(entry(number));
  });

  test("when all of it is in use, the next key still gets in", () => {
    const cache = new Cache<Entry>(3_000, 10);
    for (let number = 0; number < 3_000; number++) cache.put(digest(number), entry(number));
    for (let number = 0; number < 3_000; number++) cache.get(digest(number));
    cache.put(digest(3_000), entry(3_000));
    expect(cache.get(digest(3_000))).toEqual(entry(3_000));
    expect(cache.size).toBe(3_000);
  });

  test("guesses do not drive out keys, nor keys what nobody made", () => {
    const cache = new Cache<Entry>(10, 10);
    cache.put(digest(1), entry(1));
    for (let guess = 100; guess < 200; guess++) cache.put(digest(guess), null);
    expect(cache.get(digest(1))).toEqual(entry(1));
    for (let number = 2; number < 100; number++) cache.put(digest(number), entry(number));
    expect(cache.get(digest(199))).toBeNull();
  });

  test("all that was made from a key, a group or an organization is forgotten with it, and nothing else", () => {
    const remaining = (stale: string[] | null) => {
      const cache = new Cache<Entry>(100, 100);
      for (let number = 0; number < 6; number++) cache.put(digest(number), entry(number));
      cache.put(digest(6), entry(0)); // the other secret of a key that rotates
      cache.forget(stale);
      return [0, 1, 2, 3, 4, 5, 6].filter((number) => cache.get(digest(number)) !== undefined);
    };
    expect(remaining(["key_0"])).toEqual([1, 2, 3, 4, 5]);
    expect(remaining(["grp_0"])).toEqual([1, 2, 4, 5]);
    expect(remaining(["org_1"])).toEqual([0, 2, 4, 6]);
    expect(remaining(["key_1", "grp_2", "key_99"])).toEqual([0, 3, 4, 6]);
    expect(remaining([])).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(remaining(null)).toEqual([]);
  });

  test("a digest that nobody had made is asked for again after any change", () => {
    const cache = new Cache<Entry>(100, 100);
    for (const stale of [["key_77"], ["grp_77"], null]) {
      cache.put(digest(1), null);
      expect(cache.get(digest(1))).toBeNull();
      cache.forget(stale);
      expect(cache.get(digest(1))).toBeUndefined();
    }
  });

  test("every question is counted as a hit or a miss", () => {
    const cache = new Cache<Entry>(100, 100);
    cache.get(digest(1));
    cache.put(digest(1), entry(1));
    cache.put(digest(2), null);
    for (const number of [1, 1, 2, 3]) cache.get(digest(number));
    expect([cache.hits, cache.misses]).toEqual([3, 2]);
  });

  /** The same by lists, which are looked through from the front. */
  class Naive {
    slots: { hash: string; value: Entry; asked: boolean }[] = [];
    unknown: string[] = [];

    get(hash: string): Entry | null | undefined {
      const slot = this.slots.find((each) => each.hash === hash);
      if (slot !== undefined) slot.asked = true;
      return slot?.value ?? (this.unknown.includes(hash) ? null : undefined);
    }

    put(hash: string, value: Entry | null): void {
      this.slots = this.slots.filter((each) => each.hash !== hash);
      this.unknown = this.unknown.filter((each) => each !== hash);
      if (value === null) this.unknown = [...this.unknown, hash].slice(-3);
      else this.slots.push({ hash, value, asked: false });
      while (this.slots.length > 5) {
        const first = this.slots.shift() as (typeof this.slots)[number];
        if (first.asked) this.slots.push({ ...first, asked: false });
      }
    }

    forget(stale: string[] | null): void {
      this.unknown = [];
      this.slots = this.slots.filter(({ value: { key } }) =>
        stale === null ? false : ![key.keyId, key.groupId, key.orgId].some((id) => stale.includes(id)),
      );
    }
  }

  test("after any history it knows what a list would know, and keeps no trace of what it forgot", () => {
    const hash = fc.nat(9).map(digest);
    const thing = fc.oneof(
      fc.nat(7).map((number) => `key_${number}`),
      fc.nat(2).map((number) => `grp_${number}`),
      fc.nat(1).map((number) => `org_${number}`),
    );
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ put: hash, key: fc.option(fc.nat(7), { freq: 4 }) }) },
      { weight: 4, arbitrary: fc.record({ get: hash }) },
      { weight: 1, arbitrary: fc.record({ forget: fc.option(fc.array(thing, { maxLength: 3 }), { freq: 6 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const cache = new Cache<Entry>(5, 3);
        const naive = new Naive();
        for (const [version, does] of steps.entries()) {
          if ("put" in does) {
            const value = does.key === null ? null : entry(does.key, version);
            cache.put(does.put, value);
            naive.put(does.put, value);
          } else if ("get" in does) expect(cache.get(does.get)).toBe(naive.get(does.get));
          else {
            cache.forget(does.forget);
            naive.forget(does.forget);
          }
          const keys = new Set(naive.slots.map(({ value }) => value.key.keyId));
          expect([cache.size, cache.keys, cache.unknownSize]).toEqual([naive.slots.length, keys.size, naive.unknown.length]);
        }
        for (const number of Array(10).keys()) expect(cache.get(digest(number))).toBe(naive.get(digest(number)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("a look-up", () => {
  function setting() {
    const cache = new Cache<Entry>(10, 10);
    const lease = { epoch: 1, isHeld: true, held: () => lease.isHeld };
    const lookUps = new LookUps<Entry>();
    const answers: ((value: Entry | null | Promise<never>) => void)[] = [];
    const query = () => new Promise<Entry | null>((done) => answers.push(done));
    const find = (under: typeof lease | null = lease) => lookUps.find(digest(1), under, () => cache, query);
    return { cache, lease, answers, find };
  }

  test("is one query for all that ask meanwhile, and its answer is known from then on", async () => {
    const { cache, answers, find } = setting();
    const found = [find(), find(), find()];
    answers[0]?.(entry(1));
    expect(await Promise.all(found)).toEqual([entry(1), entry(1), entry(1)]);
    expect(answers.length).toBe(1);
    expect(cache.get(digest(1))).toEqual(entry(1));
  });

  test("that found nobody is known, too", async () => {
    const { cache, answers, find } = setting();
    const found = find();
    answers[0]?.(null);
    expect(await found).toBeNull();
    expect(cache.get(digest(1))).toBeNull();
  });

  test("is not joined by a request that came after a change, and what it read before that is not kept", async () => {
    const { cache, lease, answers, find } = setting();
    const before = find();
    lease.epoch += 1;
    const after = find();
    answers[0]?.(entry(1, 1));
    await before;
    expect(cache.get(digest(1))).toBeUndefined();
    const joined = find();
    answers[1]?.(entry(1, 2));
    expect([await after, await joined]).toEqual([entry(1, 2), entry(1, 2)]);
    expect(answers.length).toBe(2);
    expect(cache.get(digest(1))).toEqual(entry(1, 2));
  });

  test("is shared and kept only under a lease, from its start to its end", async () => {
    const { cache, lease, answers, find } = setting();
    const found = [find(null)];
    lease.isHeld = false;
    found.push(find(), find());
    lease.isHeld = true;
    found.push(find());
    expect(answers.length).toBe(4);
    for (const answer of answers.slice(0, 3)) answer(entry(1));
    await Promise.all(found.slice(0, 3));
    expect(cache.get(digest(1))).toBeUndefined();
    lease.isHeld = false;
    answers[3]?.(entry(1));
    await found[3];
    expect(cache.get(digest(1))).toBeUndefined();
  });

  test("that failed is tried again by the next request", async () => {
    const { cache, answers, find } = setting();
    const failed = find();
    answers[0]?.(Promise.reject(new Error("away")));
    await expect(failed).rejects.toThrow("away");
    const found = find();
    answers[1]?.(entry(1));
    expect(await found).toEqual(entry(1));
    expect(cache.get(digest(1))).toEqual(entry(1));
  });
});
