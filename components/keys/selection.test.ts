import { describe, expect, it } from "vitest";
import type { Key } from "@/lib/keys/schema";
import { MOST_SELECTED, rangeTo, type Selection, tick } from "./selection";

const key = (id: string) => ({ id }) as Key;
const rows = ["a", "b", "c", "d", "e"].map(key);
const ids = (keys: Iterable<Key>) => [...keys].map(({ id }) => id).join("");
const none: Selection = new Map();

describe("ticking keys", () => {
  it("adds, takes away, and leaves the selection it was given as it is", () => {
    const some = tick(none, rows.slice(0, 3), true);
    expect(ids(some.values())).toBe("abc");
    expect(ids(tick(some, [key("b"), key("e")], false).values())).toBe("ac");
    expect(ids(some.values())).toBe("abc");
    expect(none.size).toBe(0);
  });

  it("stops at as many as one call takes", () => {
    const many = Array.from({ length: MOST_SELECTED + 5 }, (_, index) => key(`k${index}`));
    const full = tick(none, many, true);
    expect(full.size).toBe(MOST_SELECTED);
    expect(tick(full, [key("one more")], true).size).toBe(MOST_SELECTED);
    expect(tick(full, [key("k0")], true).size).toBe(MOST_SELECTED);
  });
});

describe("a range of rows", () => {
  it.each([
    ["b", "d", "bcd"],
    ["d", "b", "bcd"],
    ["c", "c", "c"],
    [null, "c", "c"],
    ["on another page", "c", "c"],
    ["b", "gone", ""],
  ])("from %s to %s is %s", (from, to, expected) => {
    expect(ids(rangeTo(rows, from, to))).toBe(expected);
  });
});
