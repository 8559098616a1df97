import { describe, expect, test } from "vitest";
import { Password } from "@/lib/auth/schema";
import { Email } from "@/lib/orgs/schema";

describe("an e-mail address is compared in one form", () => {
  test.each([
    ["maya@example.com", "maya@example.com"],
    ["Maya@Example.COM", "maya@example.com"],
    ["  maya@example.com\n", "maya@example.com"],
    ["ｍａｙａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "maya@example.com"],
    ["maya@ｅxample.com", "maya@example.com"],
    ["ﬁn@example.com", "fin@example.com"],
    ["maya+keys@example.com", "maya+keys@example.com"],
    ["m.lindqvist-x_1@sub.example.co.uk", "m.lindqvist-x_1@sub.example.co.uk"],
    ["o'brien@example.com", "o'brien@example.com"],
    ["a@xn--bcher-kva.example", "a@xn--bcher-kva.example"],
  ])("%j is %s", (text, email) => {
    expect(Email.parse(text)).toBe(email);
  });

  test.each([
    "",
    "maya",
    "@example.com",
    "maya@",
    "maya@localhost",
    "maya@example",
    "maya@@example.com",
    "maya@evil.com@example.com",
    "maya@example.com,evil@evil.com",
    "maya@example.com;evil@evil.com",
    "maya@example.com evil@evil.com",
    "maya@example.com\nbcc: evil@evil.com",
    "maya@example.com\r\nBcc:evil@evil.com",
    "maya@example.com\0",
    '"maya"@example.com',
    "Maya <maya@example.com>",
    "<maya@example.com>",
    "mailto:maya@example.com",
    "maya@[127.0.0.1]",
    "maya@127.0.0.1",
    ".maya@example.com",
    "maya.@example.com",
    "ma..ya@example.com",
    "maya@.example.com",
    "maya@example..com",
    "maya@-example.com",
    "maya@exa_mple.com",
    "maya@exаmple.com", // a Cyrillic а
    "mаya@example.com", // a Cyrillic а
    "maya@bücher.example",
    "maya@example.com\u202e",
    "may\u200ba@example.com",
    "ma ya@example.com",
    "maya%evil.com@example.com",
    "maya!x@example.com",
    "maya(x)@example.com",
    `${"a".repeat(250)}@example.com`,
  ])("%j is refused", (text) => {
    expect(Email.safeParse(text).success).toBe(false);
  });

  test.each([{ not: "" }, { contains: "" }, ["maya@example.com"], 7, null, true])("%j is refused", (value) => {
    expect(Email.safeParse(value).success).toBe(false);
  });
});

describe("a password", () => {
  test.each(["a short sentence works", "correct horse", "pässwörter!!", "1234567890a", "    ten  blanks", "日本語のパスワードです。"])(
    "%j is taken",
    (text) => {
      expect(Password.parse(text)).toBe(text);
    },
  );

  test.each([
    ["nine characters", "123456789"],
    ["one character ten times", "aaaaaaaaaa"],
    ["three characters in turn", "abcabcabcabc"],
    ["the first anybody would guess", "Password123"],
    ["257 characters", "abcd".repeat(65)],
    ["NUL", "correct\0horse"],
    ["half of a character", "correct horse\ud800"],
    ["an object", { not: "" }],
  ])("%s is refused", (_, value) => {
    expect(Password.safeParse(value).success).toBe(false);
  });
});
