/** The spans of the usage page; the shorter ones in hours, the longest in days of UTC. */
export const spans = {
  "24h": { label: "24 hours", words: "the last 24 hours", interval: "1h", buckets: 24 },
  "7d": { label: "7 days", words: "the last 7 days", interval: "1h", buckets: 168 },
  "4w": { label: "4 weeks", words: "the last 4 weeks", interval: "1d", buckets: 28 },
} as const;

export type Span = keyof typeof spans;

export function isSpan(text: string | undefined): text is Span {
  return text !== undefined && text in spans;
}

/** Where a span begins: so many whole buckets, of which the last is still open. `now` in milliseconds. */
export function spanStart(span: Span, now: number): string {
  const { interval, buckets } = spans[span];
  const step = interval === "1h" ? 3_600_000 : 86_400_000;
  return new Date((Math.floor(now / step) - buckets + 1) * step).toISOString();
}
