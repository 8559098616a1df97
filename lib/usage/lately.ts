import "server-only";
import { db, Prisma } from "@/lib/db";
import { intervalMs } from "@/lib/usage/series";

/** What keys were called lately, for many keys at once: from the hourly sums, and from the request log only where minutes matter. */

export const DAY = intervalMs["1d"];
const HOUR = intervalMs["1h"];

/** The key passed every check, whatever came of the call then. */
export const PASSED = Prisma.sql`"outcome" in ('accepted', 'error')`;

/** The hour from which on the last 24 hours are counted: the one that runs and the 23 before. */
export function lastDayFrom(at: number): Date {
  return new Date((Math.floor(at / HOUR) - 23) * HOUR);
}

export interface DaySum {
  start: string;
  accepted: number;
  refused: number;
}

/** Calls of each of the last `count` UTC days, the newest last, by key. Every key has all days. */
export async function daysOf(orgId: string, keyIds: string[], at: number, count: number): Promise<Map<string, DaySum[]>> {
  const from = (Math.floor(at / DAY) - count + 1) * DAY;
  const rows = await db.$queryRaw<{ keyId: string; day: Date; accepted: number; refused: number }[]>`
    select "keyId", date_bin('1 day', "start", ${new Date(from)}) as "day",
      coalesce(sum("requests") filter (where ${PASSED}), 0)::int as "accepted",
      coalesce(sum("requests") filter (where not ${PASSED}), 0)::int as "refused"
    from "UsageBucket" where "orgId" = ${orgId} and "keyId" = any(${keyIds}) and "start" >= ${new Date(from)} group by 1, 2`;
  const empty = () => Array.from({ length: count }, (_, i) => ({ start: new Date(from + i * DAY).toISOString(), accepted: 0, refused: 0 }));
  const days = new Map(keyIds.map((id) => [id, empty()]));
  for (const { keyId, day, accepted, refused } of rows) {
    const sum = days.get(keyId)?.[(day.getTime() - from) / DAY];
    if (sum !== undefined) Object.assign(sum, { accepted, refused });
  }
  return days;
}

export interface Refusals {
  calls: number;
  refused: number;
  /** The most frequent outcome among the refused. */
  reason: string | null;
  /** Refused by the minute limit. */
  limited: number;
}

/** Keys without a call are left out. */
export async function refusalsOf(orgId: string, keyIds: string[], from: Date): Promise<Map<string, Refusals>> {
  const rows = await db.$queryRaw<{ keyId: string; outcome: string; passed: boolean; calls: number }[]>`
    select "keyId", "outcome", ${PASSED} as "passed", sum("requests")::int as "calls"
    from "UsageBucket" where "orgId" = ${orgId} and "start" >= ${from} and "keyId" = any(${keyIds}) group by 1, 2 order by 4 desc, 2`;
  const found = new Map<string, Refusals>();
  for (const { keyId, outcome, passed, calls } of rows) {
    const sum = found.get(keyId) ?? { calls: 0, refused: 0, reason: null, limited: 0 };
    found.set(keyId, sum);
    sum.calls += calls;
    if (passed) continue;
    sum.refused += calls;
    sum.reason ??= outcome;
    if (outcome === "rate_limit_exceeded") sum.limited += calls;
  }
  return found;
}

export interface Peak {
  at: Date;
  calls: number;
}

/** Rows of the request log that are looked through for one key. */
const MOST_ROWS = 5_000;

/**
 * A busy minute of each key since `from`, of calls that passed: the busiest of its busiest hour, or that hour's average where it has too
 * many rows to look through. `floors` says below how many calls a key's minute is of no interest: an hour with fewer has no such minute.
 */
export async function peaksOf(orgId: string, floors: ReadonlyMap<string, number>, from: Date): Promise<Map<string, Peak>> {
  const hours = await db.$queryRaw<{ keyId: string; at: Date; calls: number }[]>`
    select distinct on (b."keyId") b."keyId", b."start" as "at", sum(b."requests")::int as "calls"
    from "UsageBucket" b join unnest(${[...floors.keys()]}::text[], ${[...floors.values()]}::float8[]) as f("keyId", "floor") on f."keyId" = b."keyId"
    where b."orgId" = ${orgId} and b."start" >= ${from} and b.${PASSED}
    group by 1, 2, f."floor" having sum(b."requests") >= f."floor" order by 1, 3 desc, 2 desc`;
  const read = hours.filter(({ calls }) => calls <= MOST_ROWS);
  const minutes = await db.$queryRaw<{ keyId: string; at: Date; calls: number }[]>`
    select h."keyId", m."at", m."calls"
    from unnest(${read.map(({ keyId }) => keyId)}::text[], ${read.map(({ at }) => at)}::timestamptz[]) as h("keyId", "start")
    cross join lateral (
      select date_trunc('minute', e."createdAt") as "at", sum(e."calls")::int as "calls" from "UsageEvent" e
      where e."orgId" = ${orgId} and e."keyId" = h."keyId" and e."createdAt" >= h."start" and e."createdAt" < h."start" + interval '1 hour'
        and e.${PASSED}
      group by 1 order by 2 desc, 1 desc limit 1
    ) m`;
  const averages = hours.map(({ keyId, at, calls }) => [keyId, { at, calls: Math.ceil(calls / 60) }] as const);
  return new Map([...averages, ...minutes.map(({ keyId, at, calls }) => [keyId, { at, calls }] as const)]);
}
