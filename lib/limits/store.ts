import { type Limit, type LimitState, stateOf, windowStart } from "@/lib/limits/window";
import { once } from "@/lib/runtime";

export interface Taken {
  /** Whether every limit had room; then, and only then, all of them were counted. */
  allowed: boolean;
  states: LimitState[];
}

/** Counts requests against limits: all of a request's limits or none. A store that spans processes answers with a promise. */
export interface LimitStore {
  take(limits: Limit[], nowMs: number): Taken | Promise<Taken>;
  /** The limits as they stand, nothing counted. */
  peek(limits: Limit[], nowMs: number): LimitState[] | Promise<LimitState[]>;
  /** Takes back what `take` counted, for a request that another check refused. */
  give(limits: Limit[], nowMs: number): void | Promise<void>;
}

/** One process's counters. Bounded by what called in the last two windows: finished windows are swept. */
export class MemoryStore implements LimitStore {
  #counters = new Map<string, { start: number; used: number }>();
  #sweptAt = 0;

  take(limits: Limit[], nowMs: number): Taken {
    this.#sweep(nowMs);
    const counters = limits.map((limit) => this.#counter(limit, nowMs));
    const allowed = limits.every((limit, i) => (counters[i]?.used ?? 0) < limit.limit);
    if (allowed) for (const counter of counters) counter.used += 1;
    return { allowed, states: limits.map((limit, i) => stateOf(limit, counters[i]?.used ?? 0, nowMs)) };
  }

  peek(limits: Limit[], nowMs: number): LimitState[] {
    return limits.map((limit) => {
      const found = this.#counters.get(nameOf(limit));
      return stateOf(limit, found?.start === windowStart(nowMs, limit.windowSeconds) ? found.used : 0, nowMs);
    });
  }

  give(limits: Limit[], nowMs: number): void {
    for (const limit of limits) {
      const counter = this.#counter(limit, nowMs);
      counter.used = Math.max(0, counter.used - 1);
    }
  }

  #counter(limit: Limit, nowMs: number): { start: number; used: number } {
    const start = windowStart(nowMs, limit.windowSeconds);
    const name = nameOf(limit);
    const found = this.#counters.get(name);
    // A request that comes late over the turn of the window counts in the new one: a fresh counter would let the limit pass twice.
    if (found !== undefined && (found.start === start || found.start === start + limit.windowSeconds)) return found;
    const fresh = { start, used: 0 };
    this.#counters.set(name, fresh);
    return fresh;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAt < 60_000) return;
    this.#sweptAt = nowMs;
    for (const [name, counter] of this.#counters) {
      if (counter.start + Number(name.slice(0, name.indexOf(":"))) < nowMs / 1000) this.#counters.delete(name);
    }
  }
}

function nameOf(limit: Limit): string {
  return `${limit.windowSeconds}:${limit.subject}`;
}

export function limitStore(): LimitStore {
  return once<LimitStore>("limits", () => new MemoryStore());
}
