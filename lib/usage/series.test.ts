import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { binOf, emptyHistogram } from "@/lib/usage/histogram";
import { bucketStart, type CountRow, intervalMs, kindOf, seriesOf } from "@/lib/usage/series";

const at = (text: string) => Date.parse(text);

function row(start: string, requests: number, outcome = "accepted", group: Record<string, string> = {}, latencyUs = 1_000): CountRow {
  const latency = emptyHistogram();
  latency[binOf(latencyUs)] = requests;
  return { start: new Date(start), outcome, requests, credits: requests, latency, group };
}

describe("a bucket starts at", () => {
  test.each([
    ["2026-11-20T12:34:56.789Z", "1m", "2026-11-20T12:34:00.000Z"],
    ["2026-11-20T12:34:56.789Z", "1h", "2026-11-20T12:00:00.000Z"],
    ["2026-11-20T12:34:56.789Z", "1d", "2026-11-20T00:00:00.000Z"],
    ["2026-12-31T23:59:59.999Z", "1d", "2026-12-31T00:00:00.000Z"],
    ["2027-01-01T00:00:00.000Z", "1d", "2027-01-01T00:00:00.000Z"],
    ["2028-02-29T13:00:00.000Z", "1d", "2028-02-29T00:00:00.000Z"],
  ] as const)("%s, %s: %s", (instant, interval, start) => {
    expect(new Date(bucketStart(at(instant), interval)).toISOString()).toBe(start);
  });
});

test.each([
  ["accepted", "accepted"],
  ["error", "errors"],
  ["revoked", "refused"],
  ["rate_limit_exceeded", "refused"],
  ["quota_exceeded", "refused"],
])("the outcome %s counts as %s", (outcome, kind) => {
  expect(kindOf(outcome)).toBe(kind);
});

describe("a series", () => {
  test("has every bucket of its span, also the empty and the unfinished ones, and no other", () => {
    const points = seriesOf([row("2026-11-20T11:00:00Z", 3)], at("2026-11-20T10:00:00Z"), at("2026-11-20T12:30:00Z"), "1h");
    expect(points.map(({ start, end, requests }) => [start, end, requests])).toEqual([
      ["2026-11-20T10:00:00.000Z", "2026-11-20T11:00:00.000Z", 0],
      ["2026-11-20T11:00:00.000Z", "2026-11-20T12:00:00.000Z", 3],
      ["2026-11-20T12:00:00.000Z", "2026-11-20T13:00:00.000Z", 0],
    ]);
    expect(points[0]?.latency_ms).toEqual({ p50: null, p95: null, p99: null });
  });

  test("ends before `to`: its instant belongs to the next one", () => {
    expect(seriesOf([], at("2026-11-20T10:00:00Z"), at("2026-11-20T11:00:00Z"), "1h")).toHaveLength(1);
    expect(seriesOf([], at("2026-11-20T10:00:00Z"), at("2026-11-20T10:00:00Z"), "1h")).toHaveLength(0);
  });

  test("puts hours into their day and adds up outcomes, credits and latencies", () => {
    const rows = [
      row("2026-11-20T00:00:00Z", 2),
      row("2026-11-20T23:00:00Z", 3, "revoked", {}, 90_000),
      row("2026-11-20T05:00:00Z", 1, "error"),
    ];
    const [day, ...more] = seriesOf(rows, at("2026-11-20T00:00:00Z"), at("2026-11-21T00:00:00Z"), "1d");
    expect(more).toEqual([]);
    expect(day).toMatchObject({ requests: 6, accepted: 2, refused: 3, errors: 1, credits: 6 });
    expect(day?.latency_ms.p99).toBeGreaterThan(50);
    expect(day?.latency_ms.p50).toBeLessThan(2);
  });

  test("by groups has a point per group and bucket in which something happened", () => {
    const rows = [
      row("2026-11-20T10:00:00Z", 1, "accepted", { key_id: "a" }),
      row("2026-11-20T10:00:00Z", 2, "accepted", { key_id: "b" }),
      row("2026-11-20T11:00:00Z", 4, "revoked", { key_id: "a" }),
    ];
    const points = seriesOf(rows, at("2026-11-20T10:00:00Z"), at("2026-11-20T12:00:00Z"), "1h");
    expect(points.map(({ key_id, start, requests }) => [key_id, start.slice(11, 13), requests])).toEqual([
      ["a", "10", 1],
      ["b", "10", 2],
      ["a", "11", 4],
    ]);
  });

  test("loses and invents no request, whatever the interval", () => {
    const from = at("2026-11-20T00:00:00Z");
    const outcomes = fc.constantFrom("accepted", "error", "revoked", "quota_exceeded");
    const rows = fc.array(fc.record({ minute: fc.nat({ max: 1_439 }), requests: fc.integer({ min: 1, max: 9 }), outcome: outcomes }));
    fc.assert(
      fc.property(rows, fc.constantFrom("1m", "1h", "1d" as const), (list, interval) => {
        const counts = list.map(({ minute, requests, outcome }) => row(new Date(from + minute * 60_000).toISOString(), requests, outcome));
        const points = seriesOf(counts, from, from + 86_400_000, interval);
        expect(points).toHaveLength(86_400_000 / intervalMs[interval]);
        const sum = (pick: (p: (typeof points)[number]) => number) => points.reduce((total, point) => total + pick(point), 0);
        expect(sum((p) => p.requests)).toBe(list.reduce((total, { requests }) => total + requests, 0));
        expect(sum((p) => p.accepted + p.refused + p.errors)).toBe(sum((p) => p.requests));
        expect(points.map((p) => p.start)).toEqual(points.map((p) => p.start).toSorted());
      }),
      { numRuns: 30 },
    );
  });

  test("does not mix up the latencies of its buckets", () => {
    const points = seriesOf(
      [row("2026-11-20T10:00:00Z", 1, "accepted", {}, 900_000), row("2026-11-20T11:00:00Z", 1)],
      at("2026-11-20T10:00:00Z"),
      at("2026-11-20T12:00:00Z"),
      "1h",
    );
    expect(points[0]?.latency_ms.p50).toBeGreaterThan(500);
    expect(points[1]?.latency_ms.p50).toBeLessThan(2);
  });
});
