/** Fixed windows aligned to the UTC minute (Unix time has no leap seconds, so every window starts at a multiple of its length). Pure. */

export interface Limit {
  /** Names the policy in the RateLimit headers. */
  name: string;
  /** What is counted, e.g. "key:key_01…". Limits with one subject and one length share a counter. */
  subject: string;
  limit: number;
  windowSeconds: number;
}

export interface LimitState {
  name: string;
  limit: number;
  remaining: number;
  windowSeconds: number;
  /** Unix seconds at which the counter is fresh again. */
  resetAt: number;
}

/** Unix seconds at which the window that holds `nowMs` began. */
export function windowStart(nowMs: number, windowSeconds: number): number {
  return Math.floor(nowMs / 1000 / windowSeconds) * windowSeconds;
}

export function stateOf(limit: Limit, used: number, nowMs: number): LimitState {
  return {
    name: limit.name,
    limit: limit.limit,
    remaining: Math.max(0, limit.limit - used),
    windowSeconds: limit.windowSeconds,
    resetAt: windowStart(nowMs, limit.windowSeconds) + limit.windowSeconds,
  };
}

/** Whole seconds until `resetAt`, at least 1: what Retry-After says. */
export function secondsUntil(resetAt: number, nowMs: number): number {
  return Math.max(1, Math.ceil(resetAt - nowMs / 1000));
}

/** The UTC month of an instant, `2026-11`: the name of a quota period. */
export function monthOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 7);
}

/** Unix seconds at which the month that holds `nowMs` began. */
export function monthStart(nowMs: number): number {
  const date = new Date(nowMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / 1000;
}

/** Unix seconds at which the month after `nowMs` begins. */
export function monthEnd(nowMs: number): number {
  const date = new Date(nowMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / 1000;
}

/** Half of the minute limit for a test key, never below 1. */
export function minuteLimit(limits: {
  plan: number;
  org: number | null;
  group: number | null;
  key: number | null;
  environment: string;
}): number {
  const base = limits.org ?? limits.plan; // the operator alone sets the organization's, up or down
  const lowered = Math.min(base, limits.group ?? base, limits.key ?? base);
  return limits.environment === "test" ? Math.max(1, Math.floor(lowered / 2)) : lowered;
}
