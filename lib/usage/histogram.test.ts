import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addHistogram, BINS, binBoundsUs, binOf, emptyHistogram, percentile } from "@/lib/usage/histogram";

function histogramOf(latencies: readonly number[]): number[] {
  const histogram = emptyHistogram();
  for (const latency of latencies) {
    const one = emptyHistogram();
    one[binOf(latency)] = 1;
    addHistogram(histogram, one);
  }
  return histogram;
}

describe("a latency falls into", () => {
  test.each([
    [0, 0],
    [100, 0],
    [101, 1],
    [150, 1],
    [151, 2],
    [1e12, BINS - 1],
  ])("%d µs → bin %d", (latency, bin) => {
    expect(binOf(latency)).toBe(bin);
  });

  test("the bin whose bounds hold it; the last one has none", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2_000_000_000 }), (latency) => {
        const bin = binOf(latency);
        if (bin > 0) expect(latency).toBeGreaterThan(binBoundsUs[bin - 1] as number);
        if (bin < BINS - 1) expect(latency).toBeLessThanOrEqual(binBoundsUs[bin] as number);
      }),
    );
  });

  test("a bin of its own also when it took five minutes", () => {
    expect(binOf(300_000_000)).toBeLessThan(BINS - 1);
  });
});

describe("a percentile", () => {
  test("of nothing is unknown", () => {
    expect(percentile(emptyHistogram(), 0.5)).toBeNull();
  });

  test("lies within a bin of the true one and never falls as p grows", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 200, max: 60_000_000 }), { minLength: 1, maxLength: 300 }), (latencies) => {
        const histogram = histogramOf(latencies);
        const sorted = latencies.toSorted((a, b) => a - b);
        let before = 0;
        for (const p of [0.5, 0.95, 0.99, 1]) {
          const real = (sorted[Math.ceil(p * sorted.length) - 1] as number) / 1000;
          const told = percentile(histogram, p) as number;
          expect(told).toBeGreaterThanOrEqual(real / 1.5 - 0.01);
          expect(told).toBeLessThanOrEqual(real * 1.5 + 0.01);
          expect(told).toBeGreaterThanOrEqual(before);
          before = told;
        }
      }),
    );
  });

  test("of sums is that of all requests together", () => {
    const some = fc.array(fc.nat({ max: 10_000_000 }), { maxLength: 50 });
    fc.assert(
      fc.property(some, some, (a, b) => {
        const sum = histogramOf(a);
        addHistogram(sum, histogramOf(b));
        expect(sum).toEqual(histogramOf([...a, ...b]));
      }),
    );
  });

  test("of requests beyond the last bound is that bound, not nothing", () => {
    expect(percentile(histogramOf([1e12]), 0.5)).toBeGreaterThan(100_000);
  });
});
