import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Limit, minuteLimit, monthEnd, monthOf, monthStart, secondsUntil, stateOf, windowStart } from "@/lib/limits/window";

const at = (text: string) => Date.parse(text);
const unix = (text: string) => Date.parse(text) / 1000;

describe("a window", () => {
  test.each([
    ["2026-11-20T12:00:00.000Z", 60, "2026-11-20T12:00:00Z"],
    ["2026-11-20T12:00:59.999Z", 60, "2026-11-20T12:00:00Z"],
    ["2026-11-20T12:01:00.000Z", 60, "2026-11-20T12:01:00Z"],
    ["2026-11-20T11:59:59.999Z", 60, "2026-11-20T11:59:00Z"],
    ["2026-12-31T23:59:59.999Z", 60, "2026-12-31T23:59:00Z"],
    ["2027-01-01T00:00:00.000Z", 60, "2027-01-01T00:00:00Z"],
    ["2026-11-20T12:14:59.999Z", 900, "2026-11-20T12:00:00Z"],
    ["2026-11-20T12:15:00.000Z", 900, "2026-11-20T12:15:00Z"],
  ])("that holds %s (%d s) began at %s", (now, seconds, start) => {
    expect(windowStart(at(now), seconds)).toBe(unix(start));
  });

  test("of a minute begins where the UTC minute does, holds its own instant, and is followed by the next one", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date("1970-01-01Z"), max: new Date("2200-01-01Z"), noInvalidDate: true }), (date) => {
        const start = windowStart(date.getTime(), 60);
        expect(new Date(start * 1000).toISOString()).toBe(`${date.toISOString().slice(0, 16)}:00.000Z`);
        expect(windowStart((start + 60) * 1000, 60)).toBe(start + 60);
        expect(windowStart((start + 60) * 1000 - 1, 60)).toBe(start);
      }),
    );
  });

  const limit: Limit = { name: "key", subject: "key:1", limit: 3, windowSeconds: 60 };
  test.each([
    [0, 3],
    [2, 1],
    [3, 0],
    [9, 0],
  ])("with %d used has %d remaining, and says when it is fresh again", (used, remaining) => {
    expect(stateOf(limit, used, at("2026-11-20T12:00:30Z"))).toEqual({
      name: "key",
      limit: 3,
      remaining,
      windowSeconds: 60,
      resetAt: unix("2026-11-20T12:01:00Z"),
    });
  });

  test.each([
    [100, 40_000, 60],
    [100, 99_001, 1],
    [100, 98_999, 2],
    [100, 100_000, 1],
    [100, 500_000, 1],
  ])("that resets at %d s is %d ms later %d whole seconds away", (resetAt, now, seconds) => {
    expect(secondsUntil(resetAt, now)).toBe(seconds);
  });
});

describe("the month of a quota", () => {
  test.each([
    ["2026-11-20T12:00:00Z", "2026-11", "2026-12-01T00:00:00Z"],
    ["2026-11-01T00:00:00.000Z", "2026-11", "2026-12-01T00:00:00Z"],
    ["2026-10-31T23:59:59.999Z", "2026-10", "2026-11-01T00:00:00Z"],
    ["2026-12-31T23:59:59.999Z", "2026-12", "2027-01-01T00:00:00Z"],
    ["2027-01-01T00:00:00Z", "2027-01", "2027-02-01T00:00:00Z"],
    ["2026-02-28T23:59:59.999Z", "2026-02", "2026-03-01T00:00:00Z"],
    ["2028-02-28T23:59:59.999Z", "2028-02", "2028-03-01T00:00:00Z"],
    ["2028-02-29T00:00:00Z", "2028-02", "2028-03-01T00:00:00Z"],
    ["2028-02-29T23:59:59.999Z", "2028-02", "2028-03-01T00:00:00Z"],
    ["2028-03-01T00:00:00Z", "2028-03", "2028-04-01T00:00:00Z"],
    ["2026-01-31T23:59:59Z", "2026-01", "2026-02-01T00:00:00Z"],
    ["2026-04-30T23:59:59Z", "2026-04", "2026-05-01T00:00:00Z"],
    // Seen from Kiribati (+14) and Baker Island (-12) it is another month already or still.
    ["2026-11-01T01:00:00+14:00", "2026-10", "2026-11-01T00:00:00Z"],
    ["2026-10-31T23:00:00-12:00", "2026-11", "2026-12-01T00:00:00Z"],
  ])("at %s is %s and ends at %s", (now, month, end) => {
    expect(monthOf(at(now))).toBe(month);
    expect(monthStart(at(now))).toBe(unix(`${month}-01T00:00:00Z`));
    expect(monthEnd(at(now))).toBe(unix(end));
  });

  test("holds every instant in exactly one month: it begins where the one before it ends", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date("1970-02-01Z"), max: new Date("2200-01-01Z"), noInvalidDate: true }), (date) => {
        const now = date.getTime();
        const [start, end] = [monthStart(now), monthEnd(now)];
        expect(start * 1000).toBeLessThanOrEqual(now);
        expect(now).toBeLessThan(end * 1000);
        expect([monthStart(start * 1000), monthStart(end * 1000 - 1), monthStart(end * 1000)]).toEqual([start, start, end]);
        expect(monthEnd(start * 1000 - 1)).toBe(start);
      }),
    );
  });

  test("ends in another month than it holds, one second after its last second", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date("1970-01-01Z"), max: new Date("2200-01-01Z"), noInvalidDate: true }), (date) => {
        const end = monthEnd(date.getTime());
        expect(end * 1000).toBeGreaterThan(date.getTime());
        expect(monthOf(end * 1000)).not.toBe(monthOf(date.getTime()));
        expect(monthOf(end * 1000 - 1)).toBe(monthOf(date.getTime()));
      }),
    );
  });
});

describe("the minute limit of a key", () => {
  test.each<[string, Omit<Parameters<typeof minuteLimit>[0], "environment">, number, number]>([
    ["the plan's", { plan: 60, org: null, group: null, key: null }, 60, 30],
    ["what the operator gave the organization, above the plan", { plan: 60, org: 500, group: null, key: null }, 500, 250],
    ["what the operator gave the organization, below the plan", { plan: 60, org: 10, group: null, key: null }, 10, 5],
    ["its group's, if lower", { plan: 60, org: null, group: 20, key: null }, 20, 10],
    ["not its group's, if higher", { plan: 60, org: null, group: 600, key: null }, 60, 30],
    ["its own, if lower", { plan: 60, org: null, group: 20, key: 7 }, 7, 3],
    ["not its own, if higher", { plan: 60, org: null, group: null, key: 6_000 }, 60, 30],
    ["lowest of all", { plan: 60, org: 40, group: 30, key: 35 }, 30, 15],
    ["at least one for a test key", { plan: 60, org: null, group: null, key: 1 }, 1, 1],
  ])("is %s; a test key has half", (_, limits, live, test) => {
    expect(minuteLimit({ ...limits, environment: "live" })).toBe(live);
    expect(minuteLimit({ ...limits, environment: "test" })).toBe(test);
  });
});
