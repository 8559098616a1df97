import { createDecipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashOfToken, newToken, seal, unseal } from "@/lib/keys/seal";

const token = newToken();
const bound = "hov_1 org_1 key_1";
const sealed = seal("lk_live_secret", token, bound);

test("a token is 256 bits, as a URL takes them, and no two are the same", () => {
  expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(Buffer.from(token, "base64url")).toHaveLength(32);
  expect(new Set(Array.from({ length: 1000 }, newToken)).size).toBe(1000);
});

test("any text opens with its token and beside what it belongs to", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 500 }), fc.string({ maxLength: 80 }), (text, to) => {
      const own = newToken();
      expect(unseal(seal(text, own, to), own, to)).toBe(text);
    }),
  );
});

describe("it stays shut", () => {
  test.each<[string, Uint8Array, string, string]>([
    ["with another token", sealed, newToken(), bound],
    ["with a token cut short", sealed, token.slice(0, -1), bound],
    ["with no token", sealed, "", bound],
    ["with the hash by which the token is found", sealed, hashOfToken(token), bound],
    ["beside another row", sealed, token, "hov_2 org_1 key_1"],
    ["cut to its length without text", sealed.subarray(0, 28), token, bound],
    ["cut short", sealed.subarray(0, -1), token, bound],
    ["empty", new Uint8Array(), token, bound],
  ])("%s", (_, seal, with_, beside) => {
    expect(unseal(seal, with_, beside)).toBeNull();
  });

  test("after any one bit of it was changed", () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(unseal(changed, token, bound), `bit ${bit}`).toBeNull();
    }
  });
});

test("the stored hash is not the key of the seal: who has the whole row cannot open it", () => {
  const { length } = sealed;
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(hashOfToken(token), "hex"), sealed.subarray(0, 12));
  decipher.setAAD(Buffer.from(bound)).setAuthTag(sealed.subarray(length - 16));
  decipher.update(sealed.subarray(12, length - 16));
  expect(() => decipher.final()).toThrow();
});

test("what is stored says nothing of the text: no part of it, and never the same twice", () => {
  expect(sealed.includes("secret")).toBe(false);
  expect(seal("lk_live_secret", token, bound).equals(sealed)).toBe(false);
  expect(hashOfToken(token)).toMatch(/^[0-9a-f]{64}$/);
  expect(hashOfToken(token)).not.toContain(token);
});
