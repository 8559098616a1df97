import { describe, expect, test } from "vitest";
import { z } from "zod";
import { DateOrInstant, Instant, PageQuery, PlainText, rangeOf } from "@/lib/schema";

const Name = PlainText(100);
const named = (...codes: number[]) => `a${String.fromCodePoint(...codes)}b`;

describe("a name is only text", () => {
  test.each([
    "Invoice intake",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '\'; drop table "Key"; --',
    "{{7*7}} %s %n <%= 7*7 %>",
    '=HYPERLINK("http://x")',
    "../../etc/passwd",
    "Grüße, 你好, مرحبا, नमस्ते, Ελλάδα",
    "👩‍👩‍👧‍👦 family",
    "می‌خواهم",
    "é (combining)",
    "__proto__",
    "null",
  ])("%s is taken as it is", (text) => {
    expect(Name.parse(text)).toBe(text);
  });

  test("is trimmed", () => {
    expect(Name.parse("  Invoices\n ")).toBe("Invoices");
  });

  test.each([
    ["NUL", 0x00],
    ["tab", 0x09],
    ["line feed", 0x0a],
    ["carriage return", 0x0d],
    ["escape", 0x1b],
    ["DEL", 0x7f],
    ["next line", 0x85],
    ["the last C1 control", 0x9f],
    ["Arabic letter mark", 0x061c],
    ["zero width space", 0x200b],
    ["left-to-right mark", 0x200e],
    ["right-to-left mark", 0x200f],
    ["line separator", 0x2028],
    ["paragraph separator", 0x2029],
    ["left-to-right embedding", 0x202a],
    ["pop directional formatting", 0x202c],
    ["right-to-left override", 0x202e],
    ["word joiner", 0x2060],
    ["left-to-right isolate", 0x2066],
    ["pop directional isolate", 0x2069],
    ["byte order mark inside", 0xfeff],
    ["interlinear annotation", 0xfff9],
    ["half of a character", 0xd800],
    ["the other half", 0xdc00],
  ])("%s is refused", (_, code) => {
    const text = code >= 0xd800 && code < 0xe000 ? `a${String.fromCharCode(code)}b` : named(code);
    expect(Name.safeParse(text).success).toBe(false);
  });

  test.each([
    ["nothing", ""],
    ["blanks", "   "],
    ["one character too many", "x".repeat(101)],
    ["a number", 7],
    ["an object", { not: "" }],
    ["a list", ["a"]],
    ["null", null],
  ])("%s is refused", (_, value) => {
    expect(Name.safeParse(value).success).toBe(false);
  });

  test.each([
    ["a zero width non-joiner", 0x200c],
    ["a zero width joiner", 0x200d],
    ["a soft hyphen", 0xad],
    ["a Hangul filler", 0x3164],
    ["a Hangul choseong filler", 0x115f],
    ["a half-width Hangul filler", 0xffa0],
    ["a tag", 0xe0041],
    ["a variation selector", 0xfe0f],
    ["an empty Braille cell", 0x2800],
  ])("of %s alone there would be nothing to see", (_, code) => {
    const [alone, many] = [String.fromCodePoint(code), String.fromCodePoint(code, 0x20, code)];
    for (const text of [alone, many]) expect(Name.safeParse(text).error?.issues[0]?.message).toBe("needs a character that can be seen");
    expect(Name.safeParse(`a${alone}`).success).toBe(true);
  });

  test("may be as long as it says", () => {
    expect(Name.safeParse("x".repeat(100)).success).toBe(true);
  });
});

describe("an instant", () => {
  test.each([
    ["2026-12-31T23:59:59Z", true],
    ["2026-12-31T23:59:59.123Z", true],
    ["2026-12-31T23:59:59+02:00", true],
    ["1970-01-01T00:00:00Z", true],
    ["2028-02-29T00:00:00Z", true],
    ["2026-02-29T00:00:00Z", false],
    ["1969-12-31T23:59:59Z", false],
    ["2026-12-31T23:59:59", false],
    ["2026-12-31", false],
    ["2026-13-01T00:00:00Z", false],
    ["2026-12-31T24:00:00Z", false],
    // PostgreSQL and JavaScript say years of five digits each in their own way, or not at all.
    ["9999-12-31T23:59:59.999Z", true],
    ["9999-12-31T23:59:59+00:01", true],
    ["9999-12-31T23:59:59-00:01", false],
    ["9999-12-31T23:59:59-14:00", false],
    ["+010000-01-01T00:00:00Z", false],
    ["tomorrow", false],
    ["1767225599", false],
    ["", false],
  ])("%s: %s", (text, good) => {
    expect(Instant.safeParse(text).success).toBe(good);
  });
});

describe("a date or an instant", () => {
  test.each([
    ["2026-11-20", true],
    ["2028-02-29", true],
    ["2026-11-20T12:00:00Z", true],
    ["2026-11-20T12:00:00.000+05:30", true],
    ["2026-11-20T12:00:00", true],
    ["9999-12-31", true],
    ["9999-12-31T23:59:59-14:00", false],
    ["2026-02-29", false],
    ["2026-02-30", false],
    ["2026-11-31", false],
    ["2026-02-30T00:00:00Z", false],
    ["2026-13-01", false],
    ["2026-00-10", false],
    ["26-11-20", false],
    ["20/11/2026", false],
    ["2026-11-20 12:00", false],
    ["2026-11-20Tnoon", false],
    ["+012026-11-20", false],
    ["1969-12-31", false],
    ["now", false],
    ["", false],
  ])("%s: %s", (text, good) => {
    expect(DateOrInstant.safeParse(text).success).toBe(good);
  });
});

describe("a range", () => {
  const refuse = (message: string): never => {
    throw new Error(message);
  };
  const range = (query: Parameters<typeof rangeOf>[0]) => {
    const { from, to } = rangeOf(query, refuse);
    return [from?.toISOString() ?? null, to?.toISOString() ?? null];
  };

  test.each<[Parameters<typeof rangeOf>[0], (string | null)[]]>([
    [{}, [null, null]],
    [{ start_date: "2026-11-20" }, ["2026-11-20T00:00:00.000Z", null]],
    [{ end_date: "2026-11-20" }, [null, "2026-11-21T00:00:00.000Z"]],
    [{ start_date: "2026-11-20", end_date: "2026-11-20" }, ["2026-11-20T00:00:00.000Z", "2026-11-21T00:00:00.000Z"]],
    [{ start: "2026-12-31", end: "2026-12-31" }, ["2026-12-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z"]],
    [{ start: "2028-02-28", end: "2028-02-29" }, ["2028-02-28T00:00:00.000Z", "2028-03-01T00:00:00.000Z"]],
    [{ start: "2026-11-20T10:00:00+02:00", end: "2026-11-20T10:00:00Z" }, ["2026-11-20T08:00:00.000Z", "2026-11-20T10:00:00.000Z"]],
    [{ start_date: "2026-11-20", end: "2026-11-21T12:00:00Z" }, ["2026-11-20T00:00:00.000Z", "2026-11-21T12:00:00.000Z"]],
    [{ start: "9999-12-31", end: "9999-12-31" }, ["9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]],
    // Without a zone: UTC, as a day is, wherever the server stands.
    [{ start: "2026-11-20T10:00:00" }, ["2026-11-20T10:00:00.000Z", null]],
    [{ start: "2026-11-20T10:00" }, ["2026-11-20T10:00:00.000Z", null]],
  ])("%j is %j", (query, expected) => {
    const zone = process.env.TZ;
    process.env.TZ = "America/St_Johns";
    try {
      expect(range(query)).toEqual(expected);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  test.each([
    [{ start: "2026-11-21", end: "2026-11-20" }],
    [{ start_date: "2026-11-20T12:00:00Z", end_date: "2026-11-20T12:00:00Z" }],
    [{ start_date: "2026-11-20T12:00:00Z", end: "2026-11-20T11:59:59Z" }],
  ])("%j is refused: it ends before it begins", (query) => {
    expect(() => range(query)).toThrow(/ends before it begins/);
  });
});

describe("a page's size", () => {
  const { limit } = PageQuery;
  const read = (value: unknown) => z.object({ limit }).safeParse({ limit: value });

  test.each([
    [undefined, 50],
    ["1", 1],
    ["1000", 1_000],
  ])("%s is %d", (text, size) => {
    expect(read(text).data).toEqual({ limit: size });
  });

  test.each(["0", "-1", "1001", "1.5", "abc", "", "NaN", "Infinity", "1e2", "0x10", "+5", " 5", "5.0", "٥"])("%s is refused", (text) => {
    expect(read(text).success).toBe(false);
  });
});
