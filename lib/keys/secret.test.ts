import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutSecrets, hashSecret, looksLikeSecret, newSecret, parseSecret, withChecksum } from "@/lib/keys/secret";

const LIVE = "lk_live_";
const TEST = "lk_test_";
const PREFIXES = [LIVE, TEST];
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const replaced = (text: string, at: number, by: string) => text.slice(0, at) + by + text.slice(at + 1);
// 32 characters of one's own choice with the right checksum.
const good = withChecksum(`${LIVE}${"aB3".repeat(11).slice(0, 32)}`);

describe("a new secret", () => {
  const made = Array.from({ length: 10_000 }, (_, i) => newSecret(i % 2 === 0 ? LIVE : TEST));

  test("is read back with its hash and its showable prefix, ten thousand times", () => {
    for (const secret of made) expect(parseSecret(secret.text, PREFIXES)).toEqual(secret);
  });

  test("is prefix, 32 body and 6 checksum characters of the alphabet", () => {
    for (const { text } of made) expect(text).toMatch(/^lk_(live|test)_[0-9A-Za-z]{38}$/);
  });

  test("is never made twice", () => {
    expect(new Set(made.map(({ text }) => text)).size).toBe(made.length);
  });

  test("shows the configured prefix and six characters of the body, and is stored as the SHA-256 of the whole text", () => {
    for (const { text, prefix, hash } of made.slice(0, 100)) {
      expect(prefix).toBe(text.slice(0, 14));
      expect(hash).toEqual(hashSecret(text));
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test("uses every character of the alphabet about equally at every place of the body", () => {
    const total = made.length * 32;
    const counts = new Map<string, number>();
    for (const { text } of made) for (const c of text.slice(8, 40)) counts.set(c, (counts.get(c) ?? 0) + 1);
    const expected = total / 62;
    const chiSquare = [...ALPHABET].reduce((sum, c) => sum + ((counts.get(c) ?? 0) - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(130); // 61 degrees of freedom: a fair source is above it once in about two million runs
    for (let place = 8; place < 40; place++) expect(new Set(made.map(({ text }) => text[place])).size).toBe(62);
  });
});

describe("a text that is not quite a secret is refused without I/O", () => {
  test("every other character at every place of body and checksum", () => {
    for (const { text } of [newSecret(LIVE), newSecret(LIVE), newSecret(TEST)]) {
      const passed = [];
      for (let at = 8; at < text.length; at++)
        for (const c of ALPHABET) if (c !== text[at] && parseSecret(replaced(text, at, c), PREFIXES) !== null) passed.push([at, c]);
      expect(passed).toEqual([]);
    }
  });

  test("any single replaced character of any secret, also outside the alphabet", () => {
    fc.assert(
      fc.property(fc.nat({ max: 45 }), fc.string({ unit: "binary", minLength: 1, maxLength: 1 }), (at, c) => {
        const { text } = newSecret(LIVE);
        fc.pre(text[at] !== c);
        return parseSecret(replaced(text, at, c), PREFIXES) === null;
      }),
      { numRuns: 3_000 },
    );
  });

  test("any two neighbours swapped", () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 44 }), (at) => {
        const { text } = newSecret(LIVE);
        fc.pre(text[at] !== text[at + 1]);
        return parseSecret(text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2), PREFIXES) === null;
      }),
      { numRuns: 2_000 },
    );
  });

  test("random text of the right form", () => {
    const body = fc.array(fc.constantFrom(...ALPHABET), { minLength: 38, maxLength: 38 }).map((cs) => LIVE + cs.join(""));
    fc.assert(
      fc.property(body, (text) => parseSecret(text, PREFIXES) === null),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ["nothing", ""],
    ["the prefix alone", LIVE],
    ["a prefix that is not configured", withChecksum(`pk_live_${"a".repeat(32)}`)],
    ["the other case of the prefix", withChecksum(`LK_LIVE_${"a".repeat(32)}`)],
    ["no prefix at all", withChecksum("a".repeat(32))],
    ["a body one character short, with its own right checksum", withChecksum(`${LIVE}${"a".repeat(31)}`)],
    ["a body one character long, with its own right checksum", withChecksum(`${LIVE}${"a".repeat(33)}`)],
    ["a character outside the alphabet, with its own right checksum", withChecksum(`${LIVE}${"a".repeat(31)}-`)],
    ["a letter beyond ASCII, with its own right checksum", withChecksum(`${LIVE}${"a".repeat(31)}é`)],
    ["a checksum of zeros", `${good.slice(0, -6)}000000`],
    ["the last character missing", good.slice(0, -1)],
    ["something appended", `${good}x`],
    ["a line break appended", `${good}\n`],
    ["a blank in front", ` ${good}`],
    ["the other environment's prefix before the same body", `${TEST}${good.slice(8)}`],
    ["the hash in hex", hashSecret(good)],
    ["the hash under the prefix", LIVE + hashSecret(good).slice(0, 38)],
  ])("%s", (_, text) => {
    expect(parseSecret(good, PREFIXES)).not.toBeNull();
    expect(parseSecret(text, PREFIXES)).toBeNull();
  });
});

describe("the configured prefix", () => {
  test.each(["pp_live_", "pk_live_", "pplx-", "sk_", "x", "a-very-long-prefix_of_24c"])("may be %s", (prefix) => {
    const { text } = newSecret(prefix);
    expect(parseSecret(text, ["other_", prefix])?.prefix).toBe(text.slice(0, prefix.length + 6));
  });

  test("may be the beginning of the other one", () => {
    const [short, long] = [newSecret("sk_"), newSecret("sk_test_")];
    expect(parseSecret(short.text, ["sk_", "sk_test_"])).toEqual(short);
    expect(parseSecret(long.text, ["sk_", "sk_test_"])).toEqual(long);
  });

  test("stays valid beside a new one", () => {
    const { text } = newSecret("old_");
    expect(parseSecret(text, ["new_", "old_"])).not.toBeNull();
    expect(parseSecret(text, ["new_"])).toBeNull();
  });
});

describe("a text that looks like a secret", () => {
  test.each([
    ["a secret", good, true],
    ["a secret with a typo", replaced(good, 20, "-").replace("-", "Z"), true],
    ["a cut one with 20 characters of the body", good.slice(0, 28), true],
    ["a test secret", newSecret(TEST).text, true],
    ["the showable prefix", good.slice(0, 14), false],
    ["an id", "key_01k9z3v5w8x2y4z6a8b0c2d4e6", false],
    ["a secret of somebody else", `sk_live_${good.slice(8)}`, false],
    ["words", "lk_live_ is how our keys begin", false],
    ["nothing", "", false],
  ])("%s", (_, text, looks) => {
    expect(looksLikeSecret(text, PREFIXES)).toBe(looks);
  });

  test("includes every secret", () => {
    for (let i = 0; i < 1_000; i++) expect(looksLikeSecret(newSecret(TEST).text, PREFIXES)).toBe(true);
  });
});

test("of keys in an address only the start is left", () => {
  const secret = newSecret("lk_live_");
  expect(cutSecrets(`/orgs/a/keys?q=${secret.text}&x=/${secret.text}/`, ["lk_live_", "lk_test_"])).toBe(
    `/orgs/a/keys?q=${secret.prefix}&x=/${secret.prefix}/`,
  );
  for (const plain of ["/orgs/lk_live_ab/keys", `/orgs/a/keys?q=${secret.prefix}`, "/"])
    expect(cutSecrets(plain, ["lk_live_"])).toBe(plain);
});
