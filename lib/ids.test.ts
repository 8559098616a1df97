import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clientIdOf, isFormOfId, isId, newId, orgIdFrom } from "@/lib/ids";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Milliseconds that the id's first ten characters say. */
const timeOf = (id: string) => [...id.slice(4, 14)].reduce((sum, c) => sum * 32 + ALPHABET.indexOf(c), 0);

describe("new ids", () => {
  test("ascend and never repeat, also within a millisecond", () => {
    const ids = Array.from({ length: 20_000 }, () => newId("req"));
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("ascend when the clock goes back", () => {
    const later = newId("req", Date.now() + 1_000);
    expect(newId("req", Date.now()) > later).toBe(true);
  });

  test("say their type and their time, and are recognised", () => {
    for (const type of ["org", "usr", "grp", "key", "sec", "ses", "req", "aud", "crd"] as const) {
      const at = Date.now() + 60_000;
      const id = newId(type, at);
      expect(id).toMatch(new RegExp(`^${type}_[0-7][0-9a-hjkmnp-tv-z]{25}$`));
      expect(timeOf(id)).toBeGreaterThanOrEqual(at);
      expect(isId(type, id)).toBe(true);
    }
  });

  test("cannot be guessed from one another across milliseconds", () => {
    const tails = Array.from({ length: 500 }, (_, i) => newId("key", Date.now() + 120_000 + i).slice(14));
    expect(new Set(tails.map((tail) => tail.slice(0, 8))).size).toBeGreaterThan(495);
  });
});

describe("what is no id of a key", () => {
  const good = newId("key");
  test.each([
    ["nothing", ""],
    ["another type's", newId("org")],
    ["upper case", good.toUpperCase()],
    ["the body alone", good.slice(4)],
    ["one character short", good.slice(0, -1)],
    ["one character long", `${good}0`],
    ["a letter that ULIDs leave out", `${good.slice(0, -1)}u`],
    ["more than 48 bits of time", `key_8${good.slice(5)}`],
    ["a line break", `${good}\n`],
    ["a blank", ` ${good}`],
    ["SQL", "key_' or '1'='1"],
    ["a path", "key_../../etc/passwd"],
  ])("%s", (_, text) => {
    expect(isId("key", good)).toBe(true);
    expect(isId("key", text)).toBe(false);
  });

  test("any text at all", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !isId("key", text) && !isId("key", `key_${text}`)));
  });
});

describe("cli_… is an alias of org_…", () => {
  test("there and back", () => {
    const org = newId("org");
    expect(clientIdOf(org)).toBe(`cli_${org.slice(4)}`);
    expect(orgIdFrom(clientIdOf(org))).toBe(org);
    expect(orgIdFrom(org)).toBe(org);
  });

  test("and nothing else is one", () => {
    expect(orgIdFrom("a-slug")).toBe("a-slug");
    expect(orgIdFrom("CLI_x")).toBe("CLI_x");
  });
});

test.each<[string, number, boolean]>([
  ["key_", 30, true],
  ["grp_01m7", 30, true],
  ["k", 30, true],
  ["key_", 31, false],
  ["acme_", 30, false],
  ["lk_live_", 30, false],
])("texts that begin with %s and have %i characters could be ids: %s", (prefix, length, could) =>
  expect(isFormOfId(prefix, length)).toBe(could),
);
