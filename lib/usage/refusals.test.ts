import { describe, expect, test } from "vitest";
import type { UsageRecord } from "@/lib/usage/record";
import { MOST_REFUSALS, Refusals } from "@/lib/usage/refusals";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 21, 9, 30);

function refusal(changed: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ...{ requestId: "req_1", at: NOW, orgId: "org_1", groupId: "grp_1", keyId: "key_1", secretId: "sec_1", keyPrefix: "lk_live_abc" },
    ...{ environment: "live", method: "GET", route: "/v1/status", status: 429, outcome: "rate_limit_exceeded", latencyUs: 100, credits: 0 },
    ...{ counted: false, ip: "203.0.113.7", country: "NL", userAgent: "tests/1" },
    ...changed,
  };
}

/** How many of so many were taken into a sum. */
function takenOf(refusals: Refusals, count: number, changed: Partial<UsageRecord> = {}): number {
  return Array.from({ length: count }, () => refusals.takes(refusal(changed))).filter(Boolean).length;
}

describe("refusals of a key", () => {
  test("are written one by one up to 600 in a UTC minute, and summed from the 601st on", () => {
    const refusals = new Refusals();
    expect(takenOf(refusals, MOST_REFUSALS, { at: NOW + 100 })).toBe(0);
    expect(takenOf(refusals, 5, { at: NOW + 59_999 })).toBe(5);
    expect(refusals.takeSums()).toMatchObject([{ calls: 5, at: NOW + 59_999, status: 429, requestId: "" }]);
    expect(refusals.takeSums()).toEqual([]);
  });

  test("begin anew with the next minute, while late ones of the last still count there", () => {
    const refusals = new Refusals();
    takenOf(refusals, MOST_REFUSALS + 1);
    expect(takenOf(refusals, 1, { at: NOW + MINUTE })).toBe(0);
    expect(takenOf(refusals, 1, { at: NOW + MINUTE - 1 })).toBe(1);
    expect(takenOf(refusals, MOST_REFUSALS, { at: NOW + MINUTE })).toBe(1);
  });

  test("are counted apart for each key, whatever they were refused for", () => {
    const refusals = new Refusals();
    takenOf(refusals, MOST_REFUSALS - 1);
    expect(takenOf(refusals, 1, { outcome: "quota_exceeded" })).toBe(0);
    expect(takenOf(refusals, 1)).toBe(1);
    expect(takenOf(refusals, 1, { keyId: "key_2" })).toBe(0);
  });

  test.each(["accepted", "error"])("are not what was %s: those are always written", (outcome) => {
    const refusals = new Refusals();
    takenOf(refusals, MOST_REFUSALS);
    expect(takenOf(refusals, 2_000, { outcome, status: 200 })).toBe(0);
  });

  test("become one sum for each key, minute, method, route, status and outcome", () => {
    const refusals = new Refusals();
    takenOf(refusals, MOST_REFUSALS);
    takenOf(refusals, MOST_REFUSALS, { keyId: "key_2" });
    takenOf(refusals, MOST_REFUSALS, { at: NOW + MINUTE });
    const kinds = [
      {},
      { keyId: "key_2" },
      { at: NOW + MINUTE },
      { method: "POST" },
      { route: "/v1/me" },
      { status: 403 },
      { outcome: "quota_exceeded" },
    ];
    for (const kind of kinds) takenOf(refusals, 3, kind);
    const sums = refusals.takeSums();
    expect(sums).toHaveLength(kinds.length);
    for (const [i, kind] of kinds.entries()) expect(sums[i]).toMatchObject({ ...kind, calls: 3 });
  });

  test("keep what all of a sum share, and the mean of their latencies", () => {
    const refusals = new Refusals();
    takenOf(refusals, MOST_REFUSALS);
    refusals.takes(refusal({ latencyUs: 100 }));
    refusals.takes(refusal({ latencyUs: 201, ip: "203.0.113.8", country: "NL", userAgent: null }));
    expect(refusals.takeSums()).toMatchObject([{ calls: 2, latencyUs: 151, ip: null, country: "NL", userAgent: null }]);
  });

  test("are summed as well when the clock was set back", () => {
    const refusals = new Refusals();
    for (let minute = 10; minute >= 0; minute--) expect(takenOf(refusals, MOST_REFUSALS + 2, { at: NOW - minute * MINUTE })).toBe(2);
    for (let minute = 1; minute <= 10; minute++)
      expect(takenOf(refusals, MOST_REFUSALS + 2, { at: NOW - minute * MINUTE })).toBeGreaterThanOrEqual(2);
  });
});
