import { addHistogram, emptyHistogram, percentile } from "@/lib/usage/histogram";
import type { UsagePoint } from "@/lib/usage/schema";

/** Buckets of time from rows of counts: every bucket of the span is there, also the empty ones. Pure. */

export interface CountRow {
  start: Date;
  outcome: string;
  requests: number;
  credits: number;
  latency: readonly number[];
  /** The values of the group-by fields, by field. */
  group: Record<string, string>;
}

export type Interval = "1m" | "1h" | "1d";
export const intervalMs: Record<Interval, number> = { "1m": 60_000, "1h": 3_600_000, "1d": 86_400_000 };

/** The most buckets one answer may have. */
export const MAX_BUCKETS = 1_500;

/** `from` lowered to its bucket's start; days are UTC days. */
export function bucketStart(atMs: number, interval: Interval): number {
  return Math.floor(atMs / intervalMs[interval]) * intervalMs[interval];
}

/** How an outcome counts: our no is `refused`, a fault (5xx) is `errors`, all else was accepted. */
export function kindOf(outcome: string): "accepted" | "refused" | "errors" {
  return outcome === "accepted" ? "accepted" : outcome === "error" ? "errors" : "refused";
}

/** One point per bucket and group in [from, to); without groups every bucket appears. */
export function seriesOf(rows: readonly CountRow[], from: number, to: number, interval: Interval): UsagePoint[] {
  const step = intervalMs[interval];
  const cells = new Map<
    string,
    {
      start: number;
      group: Record<string, string>;
      requests: number;
      credits: number;
      accepted: number;
      refused: number;
      errors: number;
      latency: number[];
    }
  >();
  const cell = (start: number, group: Record<string, string>) => {
    const name = `${start}\n${Object.values(group).join("\n")}`;
    const found = cells.get(name) ?? {
      start,
      group,
      requests: 0,
      credits: 0,
      accepted: 0,
      refused: 0,
      errors: 0,
      latency: emptyHistogram(),
    };
    cells.set(name, found);
    return found;
  };
  if (rows.every((row) => Object.keys(row.group).length === 0))
    for (let start = bucketStart(from, interval); start < to; start += step) cell(start, {});
  for (const row of rows) {
    const c = cell(bucketStart(row.start.getTime(), interval), row.group);
    c.requests += row.requests;
    c.credits += row.credits;
    c[kindOf(row.outcome)] += row.requests;
    addHistogram(c.latency, row.latency);
  }
  return [...cells.values()]
    .sort((a, b) => a.start - b.start)
    .map(({ start, group, latency, ...counts }) => ({
      start: new Date(start).toISOString(),
      end: new Date(start + step).toISOString(),
      ...group,
      ...counts,
      latency_ms: { p50: percentile(latency, 0.5), p95: percentile(latency, 0.95), p99: percentile(latency, 0.99) },
    }));
}
