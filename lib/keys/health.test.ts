import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asks, CLOSE, type Day, type Facts, healthOf, MANY_CALLS, needsAttention, QUIET_DAY } from "@/lib/keys/health";
import { type HealthCode, healthCodes, type KeyStatus, keyStatuses } from "@/lib/keys/schema";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 21, 12, 0);
const at = (days: number) => new Date(NOW + days * DAY);

/** Nothing to say about: used a moment ago, ends in a year, far from its limit. */
const WELL: Facts = {
  createdAt: at(-200),
  notBefore: null,
  expiresAt: at(365),
  revokedAt: null,
  leakedAt: null,
  oldLeakedAt: null,
  lastUsedAt: at(-0.01),
  rotationEndsAt: null,
  minuteLimit: 60,
  day: QUIET_DAY,
};
const codes = (changed: Partial<Facts>) => healthOf({ ...WELL, ...changed }, NOW).map(({ code }) => code);
const of = (changed: Partial<Facts>, code: HealthCode) => healthOf({ ...WELL, ...changed }, NOW).find((each) => each.code === code);
const day = (changed: Partial<Day>): { day: Day } => ({ day: { ...QUIET_DAY, ...changed } });
const peak = (calls: number) => day({ calls, peak: { at: at(-0.5), calls } });

test("a key in good order has nothing to say", () => expect(codes({})).toEqual([]));

test.each<[string, Partial<Facts>, HealthCode[]]>([
  ["was leaked", { leakedAt: at(-1) }, ["leaked"]],
  ["was leaked, its old secret too", { leakedAt: at(-1), oldLeakedAt: at(-2) }, ["leaked"]],
  ["rotates", { rotationEndsAt: at(1) }, ["rotating"]],
  ["rotated until this instant", { rotationEndsAt: at(0) }, []],
  ["ends in 14 days", { expiresAt: at(14) }, ["expires_soon"]],
  ["ends a millisecond after 14 days", { expiresAt: new Date(NOW + 14 * DAY + 1) }, []],
  ["never ends", { expiresAt: null }, ["no_expiry"]],
  ["last called 90 days ago", { lastUsedAt: at(-90) }, ["unused"]],
  ["last called a millisecond less than 90 days ago", { lastUsedAt: new Date(NOW - 90 * DAY + 1) }, []],
  ["made 90 days ago and never called", { lastUsedAt: null, createdAt: at(-90) }, ["unused"]],
  ["made 89 days ago and never called", { lastUsedAt: null, createdAt: at(-89) }, []],
  ["made long ago, valid for a week and never called", { lastUsedAt: null, notBefore: at(-7) }, []],
  ["made long ago and not valid yet", { lastUsedAt: null, notBefore: at(7) }, []],
  ["had a twentieth of 60 calls refused", day({ calls: 60, refused: 3 }), ["many_refusals"]],
  ["had less than a twentieth refused", day({ calls: 61, refused: 3 }), []],
  ["had all of 49 calls refused", day({ calls: 49, refused: 49 }), []],
  ["had a minute of 90 % of its limit", peak(54), ["close_to_limit"]],
  ["had a minute of less", peak(53), []],
  ["was refused once by its limit", day({ calls: 1_000, refused: 1, limited: 1 }), ["close_to_limit"]],
  ["was revoked, whatever else", { revokedAt: at(-1), leakedAt: at(-2), expiresAt: null }, []],
  ["expired at this instant, whatever else", { expiresAt: at(0), leakedAt: at(-2), lastUsedAt: at(-100) }, []],
])("a key that %s", (_, changed, expected) => expect(codes(changed)).toEqual(expected));

describe("what it says", () => {
  test.each<[Partial<Facts>, HealthCode, string]>([
    [{ leakedAt: at(-1) }, "leaked", "Its secret was found in the open. Rotate the key now and end the old secret at once, or revoke it."],
    [
      { oldLeakedAt: at(-1), rotationEndsAt: at(3) },
      "leaked",
      "Its old secret was found in the open. Finish the rotation now, which ends that secret, or revoke the key.",
    ],
    [{ rotationEndsAt: at(3) }, "rotating", "Its old secret still works. Move its callers to the new one, then finish the rotation."],
    [{ expiresAt: at(3) }, "expires_soon", "It is refused from its expiry on. Set a later one, or replace the key."],
    [
      day({ calls: 1_200, refused: 516, reason: "ip_not_allowed" }),
      "many_refusals",
      "43 % of its 1,200 calls in the last 24 hours were refused, most of them because they came from addresses that are not allowed. Compare its allowlist with the addresses in the request log.",
    ],
    [
      day({ calls: 100, refused: 100, reason: "something_new" }),
      "many_refusals",
      "100 % of its 100 calls in the last 24 hours were refused. Look at them in the request log.",
    ],
    [
      peak(58),
      "close_to_limit",
      "A minute of the last 24 hours had 58 calls, and its limit is 60 a minute. Raise its limit, or spread its calls.",
    ],
    [
      day({ calls: 100, limited: 1 }),
      "close_to_limit",
      "Its limit of 60 a minute refused 1 call in the last 24 hours. Raise its limit, or spread its calls.",
    ],
    [
      { lastUsedAt: at(-120) },
      "unused",
      "Nobody has called with it for 120 days. Pause it to see whether anybody misses it, or revoke it.",
    ],
    [
      { lastUsedAt: null },
      "unused",
      "It was never used in the 200 days it could be. Pause it to see whether anybody misses it, or revoke it.",
    ],
    [{ expiresAt: null }, "no_expiry", "It never expires. Give it an expiry, so that it ends by itself when it is forgotten."],
  ])("%j", (changed, code, message) => {
    // Spaces of typography are spaces.
    expect(of(changed, code)?.message.replace(/\s/gu, " ")).toBe(message);
  });

  test("names the instant it is about", () => {
    expect(of({ leakedAt: at(-1) }, "leaked")?.at).toBe(at(-1).toISOString());
    expect(of({ rotationEndsAt: at(1) }, "rotating")?.at).toBe(at(1).toISOString());
    expect(of({ expiresAt: at(1) }, "expires_soon")?.at).toBe(at(1).toISOString());
    expect(of({ lastUsedAt: null, createdAt: at(-100), notBefore: at(-95) }, "unused")?.at).toBe(at(-95).toISOString());
    expect(of(peak(60), "close_to_limit")?.at).toBe(at(-0.5).toISOString());
    expect(of({ expiresAt: null }, "no_expiry")?.at).toBeNull();
  });
});

test("which findings need somebody, by the key's status", () => {
  const working = ["leaked", "expires_soon", "many_refusals", "close_to_limit", "no_expiry", "unused"];
  const off = ["leaked", "many_refusals"];
  const expected: Record<KeyStatus, string[]> = {
    ...{ active: working, expiring: working, rotating: working },
    ...{ paused: off, scheduled: off, revoked: [], expired: [] },
  };
  expect(Object.fromEntries(keyStatuses.map((status) => [status, healthCodes.filter((code) => asks(status, code))]))).toEqual(expected);
  const needs = (status: KeyStatus, ...found: HealthCode[]) =>
    needsAttention(
      { status },
      found.map((code) => ({ code })),
    );
  expect([needs("active"), needs("rotating", "rotating"), needs("paused", "no_expiry", "unused")]).toEqual([false, false, false]);
  expect([needs("rotating", "rotating", "no_expiry"), needs("paused", "no_expiry", "leaked")]).toEqual([true, true]);
});

test("the most urgent comes first, each at most once, and none of a key that has ended", () => {
  const instant = fc.option(
    fc.integer({ min: -400, max: 400 }).map((days) => at(days)),
    { nil: null },
  );
  const days = fc.record({
    calls: fc.nat({ max: 3 * MANY_CALLS }),
    refused: fc.nat({ max: 3 * MANY_CALLS }),
    reason: fc.constantFrom(null, "paused"),
    limited: fc.nat({ max: 2 }),
    peak: fc.option(
      fc.nat({ max: 120 }).map((calls) => ({ at: at(-0.2), calls })),
      { nil: null },
    ),
  });
  const facts = fc.record({
    ...{ createdAt: fc.integer({ min: -400, max: 0 }).map(at), notBefore: instant, expiresAt: instant, revokedAt: instant },
    ...{
      leakedAt: instant,
      oldLeakedAt: instant,
      lastUsedAt: instant,
      rotationEndsAt: instant,
      minuteLimit: fc.integer({ min: 1, max: 120 }),
      day: days,
    },
  });
  fc.assert(
    fc.property(facts, (each) => {
      const found = healthOf(each, NOW).map(({ code }) => healthCodes.indexOf(code));
      expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b));
      if (each.revokedAt !== null || (each.expiresAt !== null && each.expiresAt.getTime() <= NOW)) expect(found).toEqual([]);
      else if (each.day.peak !== null && each.day.peak.calls >= CLOSE * each.minuteLimit)
        expect(found).toContain(healthCodes.indexOf("close_to_limit"));
    }),
    { numRuns: 500 },
  );
});
