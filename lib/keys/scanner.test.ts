import { describe, expect, test } from "vitest";
import { describeForms, gitleaksRules, patternOf, securityText, trufflehogRules } from "@/lib/keys/scanner";
import { hashSecret, newSecret, ownForm, withChecksum } from "@/lib/keys/secret";

const URL = "https://keys.example.com";
const PREFIXES = ["lk_live_", "lk_test_", "pplx-", "sk_", "x", "-odd-", "_under", "a-very-long-prefix_of_24c"];
const scanned = { forms: PREFIXES.map(ownForm), publicUrl: URL };
const matchIn = (text: string, prefix: string) => new RegExp(patternOf(ownForm(prefix))).exec(text)?.[0] ?? null;

/** What the expressions of a file are, as its format writes them. */
const inToml = [...gitleaksRules(scanned).matchAll(/^regex = '''(.+)'''$/gm)].map(([, text]) => text ?? "");
const inYaml = [...trufflehogRules(scanned).matchAll(/^ {6}key: '(.+)'$/gm)].map(([, text]) => text ?? "");
const inJson = (describeForms(scanned) as { secrets: { regex: string }[] }).secrets.map(({ regex }) => regex);

describe("the expression of a prefix", () => {
  test.each(PREFIXES)("%s: finds a thousand new secrets, each whole, wherever they stand", (prefix) => {
    for (let i = 0; i < 1_000; i++) {
      const { text } = newSecret(prefix);
      expect(matchIn(text, prefix)).toBe(text);
      for (const around of [
        `KEY="${text}"`,
        `key: ${text}\n`,
        `https://x.example/?k=${text}&b=1`,
        `(${text}).`,
        `Bearer ${text},`,
        `=${text}=`,
      ])
        expect(matchIn(around, prefix), around).toBe(text);
    }
  });

  test.each(PREFIXES)("%s: passes near misses by", (prefix) => {
    const { text } = newSecret(prefix);
    const misses = [
      text.slice(0, -1),
      `${text}a`,
      text.slice(prefix.length),
      `${text.slice(0, -10)}-${text.slice(-9)}`,
      `${prefix}${"ä".repeat(38)}`,
      hashSecret(text).slice(0, 30),
      `key_${text.slice(-26).toLowerCase()}`,
      newSecret("other_prefix_").text.slice(0, 30),
    ];
    for (const miss of misses) expect(matchIn(miss, prefix), miss).toBeNull();
  });

  test("is not fooled by a word that ends like the prefix", () => {
    expect(matchIn(`ta${newSecret("sk_").text}`, "sk_")).toBeNull();
    expect(matchIn(`9${newSecret("lk_live_").text}`, "lk_live_")).toBeNull();
  });
});

describe("every file", () => {
  test("has the same expressions", () => {
    expect(inJson).toEqual(PREFIXES.map((prefix) => patternOf(ownForm(prefix))));
    expect(inToml).toEqual(inJson);
    expect(inYaml).toEqual(inJson);
  });

  test("uses nothing that RE2 does not know", () => {
    for (const expression of inJson) expect(expression).not.toMatch(/\(\?|\\[1-9]|[*+?}]\+/);
  });

  test("says where to report", () => {
    expect(describeForms(scanned)).toMatchObject({ report: { page: `${URL}/leaked`, url: `${URL}/v1/leaks`, method: "POST" } });
    for (const text of [gitleaksRules(scanned), trufflehogRules(scanned)]) expect(text).toContain(`${URL}/leaked`);
  });

  test("has keywords that stand in every key, in the case that the scanner compares", () => {
    const keywords = [...gitleaksRules(scanned).matchAll(/^keywords = \["(.+)"\]$/gm)].map(([, text]) => text);
    expect(keywords).toEqual(PREFIXES.map((prefix) => prefix.toLowerCase()));
  });
});

test("the checksum is as it is described: who follows the description tells a key from a look-alike", () => {
  const { checksum } = describeForms(scanned) as { checksum: { alphabet: string; length: number } };
  // By the book, bit by bit: ISO 3309, reflected polynomial.
  const crc = (text: string) => {
    let sum = 0xffffffff;
    for (const byte of Buffer.from(text)) {
      sum ^= byte;
      for (let i = 0; i < 8; i++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
    return (sum ^ 0xffffffff) >>> 0;
  };
  const inBase62 = (value: number): string =>
    value === 0 ? "" : inBase62(Math.floor(value / checksum.alphabet.length)) + checksum.alphabet[value % checksum.alphabet.length];
  for (let i = 0; i < 500; i++) {
    const { text } = newSecret("lk_live_");
    const start = text.slice(0, -checksum.length);
    expect(inBase62(crc(start)).padStart(checksum.length, "0")).toBe(text.slice(-checksum.length));
    expect(withChecksum(start)).toBe(text);
  }
});

test("security.txt has what RFC 9116 demands, and expires within a year", () => {
  const now = Date.parse("2026-11-20T12:34:56.789Z");
  const fields = Object.fromEntries(
    securityText(URL, now)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(/: (.*)/s).slice(0, 2)),
  );
  expect(fields).toEqual({
    Contact: `${URL}/leaked`,
    Expires: "2027-05-21T00:00:00Z",
    Canonical: `${URL}/.well-known/security.txt`,
    "Preferred-Languages": "en",
  });
});
