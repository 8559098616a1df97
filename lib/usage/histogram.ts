/** Latency counted in logarithmic bins, so that hours, keys and nodes can be added up and still give percentiles. Pure. */

export const BINS = 40;
const FIRST_US = 100;
const GROWTH = 1.5;

/** Upper bounds in microseconds; the last bin has none. */
export const binBoundsUs: readonly number[] = Array.from({ length: BINS }, (_, i) => FIRST_US * GROWTH ** i);

export function emptyHistogram(): number[] {
  return Array<number>(BINS).fill(0);
}

export function binOf(latencyUs: number): number {
  let bin = 0;
  while (bin < BINS - 1 && latencyUs > (binBoundsUs[bin] as number)) bin++;
  return bin;
}

/** Adds `b` into `a`. */
export function addHistogram(a: number[], b: readonly number[]): void {
  for (let i = 0; i < BINS; i++) a[i] = (a[i] ?? 0) + (b[i] ?? 0);
}

/** Milliseconds below which the share `p` (0–1) of requests lies, interpolated within its bin; null for none. Within ±20 % of the true value. */
export function percentile(histogram: readonly number[], p: number): number | null {
  const total = histogram.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  let rank = p * total;
  for (let i = 0; i < BINS; i++) {
    const count = histogram[i] ?? 0;
    if (count > 0 && rank <= count) {
      const from = i === 0 ? 0 : (binBoundsUs[i - 1] as number);
      const to = binBoundsUs[i] as number;
      return Math.round((from + ((to - from) * rank) / count) / 10) / 100;
    }
    rank -= count;
  }
  return Math.round((binBoundsUs[BINS - 1] as number) / 10) / 100;
}
