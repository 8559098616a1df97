import { lease } from "@/lib/leases";
import { type Limit, type LimitState, stateOf, windowStart } from "@/lib/limits/window";
import { once } from "@/lib/runtime";

export interface Taken {
  /** Whether every limit had room; then, and only then, all of them were counted. */
  allowed: boolean;
  states: LimitState[];
}

/** Counts requests against limits: all of a request's limits or none. A store that spans processes answers with a promise. */
export interface LimitStore {
  readonly kind: "memory" | "redis";
  /** Counters it holds, as far as it knows. */
  readonly size: number;
  take(limits: Limit[], nowMs: number): Taken | Promise<Taken>;
  /** The limits as they stand, nothing counted. */
  peek(limits: Limit[], nowMs: number): LimitState[] | Promise<LimitState[]>;
  /** Takes back what `take` counted, for a request that another check refused. */
  give(limits: Limit[], nowMs: number): void | Promise<void>;
}

/** Which of how many nodes this is: `rank` from 0 to `nodes - 1`. */
export interface Share {
  nodes: number;
  rank: number;
}

/**
 * One process's counters. Beside other nodes each allows its share, and the shares add up to the limit; what does not divide falls to other
 * nodes for other subjects. Bounded by what called in the last two windows: finished windows are swept.
 */
export class MemoryStore implements LimitStore {
  readonly kind = "memory";
  #counters = new Map<string, { start: number; used: number }>();
  #sweptAt = 0;
  readonly #share: () => Share;

  constructor(share: () => Share = () => ({ nodes: 1, rank: 0 })) {
    this.#share = share;
  }

  get size(): number {
    return this.#counters.size;
  }

  take(limits: Limit[], nowMs: number): Taken {
    this.#sweep(nowMs);
    const counters = limits.map((limit) => this.#counter(limit, nowMs));
    const elsewhere = limits.map((limit) => this.#elsewhere(limit));
    const allowed = limits.every((limit, i) => (counters[i]?.used ?? 0) + (elsewhere[i] ?? 0) < limit.limit);
    if (allowed) for (const counter of counters) counter.used += 1;
    return { allowed, states: limits.map((limit, i) => stateOf(limit, (counters[i]?.used ?? 0) + (elsewhere[i] ?? 0), nowMs)) };
  }

  peek(limits: Limit[], nowMs: number): LimitState[] {
    return limits.map((limit) => {
      const found = this.#counters.get(nameOf(limit));
      const used = found?.start === windowStart(nowMs, limit.windowSeconds) ? found.used : 0;
      return stateOf(limit, used + this.#elsewhere(limit), nowMs);
    });
  }

  give(limits: Limit[], nowMs: number): void {
    for (const limit of limits) {
      const counter = this.#counters.get(nameOf(limit));
      // Of another window by now: what it counted is over, and giving it back would make room twice.
      if (counter?.start === windowStart(nowMs, limit.windowSeconds)) counter.used = Math.max(0, counter.used - 1);
    }
  }

  /** The other nodes' part of a limit: counts as used here. */
  #elsewhere({ limit, subject }: Limit): number {
    const { nodes, rank } = this.#share();
    if (nodes <= 1) return 0;
    const turn = (rank + hashOf(subject)) % nodes;
    return limit - Math.floor(limit / nodes) - (turn < limit % nodes ? 1 : 0);
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

/** FNV-1a: the same on every node. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

function nameOf(limit: Limit): string {
  return `${limit.windowSeconds}:${limit.subject}`;
}

export function limitStore(): LimitStore {
  return once<LimitStore>("limits", () => new MemoryStore(ownShare));
}

function ownShare(): Share {
  const own = lease();
  const rank = own?.nodes.indexOf(own.id) ?? -1;
  return own === null || rank === -1 ? { nodes: 1, rank: 0 } : { nodes: own.nodes.length, rank };
}
