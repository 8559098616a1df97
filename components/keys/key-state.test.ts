import { describe, expect, it } from "vitest";
import type { Health, HealthCode, Key } from "@/lib/keys/schema";
import { furtherHealth, healthWords, mayChange, mayRevoke } from "./key-state";

const key = (change: object = {}) =>
  ({ status: "active", created_by: { id: "usr_maker" }, owner: { type: "member", id: "usr_owner" }, ...change }) as Key;
const found = (...codes: HealthCode[]): Health[] => codes.map((code) => ({ code, message: code, at: null }));

describe("who is offered to change or end a key", () => {
  it.each([
    ["organization", "usr_any", true],
    ["own", "usr_maker", true],
    ["own", "usr_owner", true],
    ["own", "usr_any", false],
    ["own", null, false],
    [null, "usr_maker", false],
  ] as const)("reach %s as %s: %s", (reach, personId, expected) => {
    expect(mayChange(key(), { reach, personId })).toBe(expected);
    expect(mayRevoke(key(), { reach, personId })).toBe(expected);
  });

  it("nobody is offered anything for a revoked key; an expired one can still be changed", () => {
    const whole = { reach: "organization", personId: "usr_any" } as const;
    expect(mayChange(key({ status: "revoked" }), whole)).toBe(false);
    expect(mayRevoke(key({ status: "revoked" }), whole)).toBe(false);
    expect(mayChange(key({ status: "expired" }), whole)).toBe(true);
  });
});

describe("what else is so, besides what the badge says", () => {
  it.each<[string, Key["status"], HealthCode[], HealthCode[]]>([
    ["the badge takes the worst", "active", ["expires_soon", "many_refusals"], ["many_refusals"]],
    ["a paused key's badge says paused, so nothing of its health is said yet", "paused", ["no_expiry"], ["no_expiry"]],
    ["but a leak comes before a pause", "paused", ["leaked", "no_expiry"], ["no_expiry"]],
    ["what is over has nothing to mend", "revoked", ["leaked"], []],
    ["healthy", "active", [], []],
  ])("%s", (_, status, codes, expected) => {
    expect(furtherHealth(key({ status }), found(...codes)).map(({ code }) => code)).toEqual(expected);
  });
});

it("every finding has a word of its own", () => {
  const words = Object.values(healthWords);
  expect(new Set(words).size).toBe(words.length);
});
