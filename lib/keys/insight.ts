import "server-only";
import type { Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { countryOf } from "@/lib/country";
import { db, Prisma } from "@/lib/db";
import type { Api } from "@/lib/endpoint";
import { isId } from "@/lib/ids";
import { CLOSE, closeToLimit, type Day, healthOf, MANY_CALLS, MANY_REFUSED, manyRefusals, QUIET_DAY } from "@/lib/keys/health";
import type { KeyInsight, RotationView, Suggestions } from "@/lib/keys/schema";
import { isEnough, judgeScopes, suggestAllowlist } from "@/lib/keys/suggestion";
import { findKey, toKey, visible, visibleSql } from "@/lib/keys/view";
import { minuteLimit } from "@/lib/limits/window";
import { DAY, daysOf, lastDayFrom, PASSED, peaksOf, type Refusals, refusalsOf } from "@/lib/usage/lately";

/** What people see about keys beyond the keys themselves: made from usage, never part of a decision. */

const SPARK_DAYS = 30;

/** Of those of `ids` that the actor may see, in their order. */
export async function keyInsights(actor: Can<"keys.read">, ids: readonly string[]): Promise<{ data: KeyInsight[] }> {
  const at = now();
  const rows = await db.key.findMany({
    where: { AND: [visible(actor), { id: { in: ids.filter((id) => isId("key", id)) } }] },
    include: {
      secrets: { where: { OR: [{ endsAt: null }, { endsAt: { gt: new Date(at) } }] }, select: { endsAt: true, leakedAt: true } },
      group: { select: { requestsPerMinute: true } },
      org: { select: { requestsPerMinute: true, plan: { select: { requestsPerMinute: true } } } },
    },
  });
  const found = new Map(rows.map((row) => [row.id, row]));
  const limits = new Map(
    rows.map((row) => {
      const { org, group, environment } = row;
      const of = {
        plan: org.plan.requestsPerMinute,
        org: org.requestsPerMinute,
        group: group.requestsPerMinute,
        key: row.requestsPerMinute,
      };
      return [row.id, minuteLimit({ ...of, environment })];
    }),
  );
  const [days, lastDays] = await Promise.all([daysOf(actor.orgId, [...found.keys()], at, SPARK_DAYS), lastDayOf(actor.orgId, limits, at)]);
  const data = [...new Set(ids)].flatMap((id): KeyInsight[] => {
    const row = found.get(id);
    if (row === undefined) return [];
    const [lasting, old] = [row.secrets.find(({ endsAt }) => endsAt === null), row.secrets.find(({ endsAt }) => endsAt !== null)];
    const facts = {
      ...row,
      rotationEndsAt: old?.endsAt ?? null,
      leakedAt: lasting?.leakedAt ?? null,
      oldLeakedAt: old?.leakedAt ?? null,
      minuteLimit: limits.get(id) ?? 0,
      day: lastDays.get(id) ?? QUIET_DAY,
    };
    const { lastUsedAt, lastUsedIp, lastUsedAgent } = row;
    return [
      {
        key_id: id,
        days: days.get(id) ?? [],
        last_used:
          lastUsedAt === null
            ? null
            : { at: lastUsedAt.toISOString(), ip: lastUsedIp, country: countryOf(lastUsedIp), user_agent: lastUsedAgent },
        health: healthOf(facts, at),
      },
    ];
  });
  return { data };
}

async function lastDayOf(orgId: string, limits: ReadonlyMap<string, number>, at: number): Promise<Map<string, Day>> {
  const from = lastDayFrom(at);
  const floors = new Map([...limits].map(([id, limit]) => [id, CLOSE * limit]));
  const [refusals, peaks] = await Promise.all([refusalsOf(orgId, [...limits.keys()], from), peaksOf(orgId, floors, from)]);
  return new Map([...refusals].map(([id, sum]) => [id, { ...sum, peak: peaks.get(id) ?? null }]));
}

/** What only the usage of the last 24 hours tells. */
type UsageCode = "many_refusals" | "close_to_limit";
type Busy = Omit<Refusals, "reason"> & { id: string; busiest: number; limits: Parameters<typeof minuteLimit>[0] };

/**
 * The keys of which health says one of `codes`, by code. `among`: only of these rows of "Key" named k. The database narrows thousands of
 * keys to those that may be meant; what is meant is decided where health is.
 */
export async function keysInTrouble(
  actor: Can<"keys.read">,
  codes: readonly UsageCode[],
  at: number,
  among = Prisma.sql`true`,
): Promise<Record<UsageCode, string[]>> {
  const from = lastDayFrom(at);
  const rows = await db.$queryRaw<Busy[]>`
    with "hours" as (
      select b."keyId", sum(b."requests")::int as "calls", coalesce(sum(b."requests") filter (where b.${PASSED}), 0)::int as "passed",
        coalesce(sum(b."requests") filter (where b."outcome" = 'rate_limit_exceeded'), 0)::int as "limited"
      from "Key" k join "UsageBucket" b on b."keyId" = k."id"
      where ${visibleSql(actor)} and k."revokedAt" is null and (k."expiresAt" is null or k."expiresAt" > ${new Date(at)}) and ${among}
        and k."lastUsedAt" >= ${from} and b."orgId" = ${actor.orgId} and b."start" >= ${from}
      group by b."keyId", b."start"
    ), "days" as (
      select "keyId", sum("calls")::int as "calls", sum("calls" - "passed")::int as "refused", sum("limited")::int as "limited",
        max("passed") as "busiest"
      from "hours" group by 1
    )
    select d."keyId" as "id", d."calls", d."refused", d."limited", d."busiest", json_build_object('environment', k."environment",
      'key', k."requestsPerMinute", 'group', g."requestsPerMinute", 'org', o."requestsPerMinute", 'plan', p."requestsPerMinute") as "limits"
    from "days" d join "Key" k on k."id" = d."keyId" join "Group" g on g."id" = k."groupId" join "Org" o on o."id" = k."orgId"
      join "Plan" p on p."id" = o."planId"
    where d."limited" > 0 or (d."calls" >= ${MANY_CALLS} and d."refused" + 1 > ${MANY_REFUSED}::float8 * d."calls")
      or d."busiest" >= ${CLOSE}::float8 / 2
        * (least(k."requestsPerMinute", g."requestsPerMinute", coalesce(o."requestsPerMinute", p."requestsPerMinute")) - 1)`;
  const close = codes.includes("close_to_limit") ? await closeOnes(actor.orgId, rows, from) : [];
  return { many_refusals: rows.filter(manyRefusals).map(({ id }) => id), close_to_limit: close };
}

async function closeOnes(orgId: string, rows: readonly Busy[], from: Date): Promise<string[]> {
  const limits = new Map(rows.map(({ id, limits }) => [id, minuteLimit(limits)]));
  const limitOf = (id: string) => limits.get(id) ?? 0;
  const unsure = rows.filter(({ id, limited, busiest }) => limited === 0 && busiest >= CLOSE * limitOf(id));
  const peaks = await peaksOf(orgId, new Map(unsure.map(({ id }) => [id, CLOSE * limitOf(id)])), from);
  const isClose = (row: Busy) =>
    closeToLimit({ day: { limited: row.limited, peak: peaks.get(row.id) ?? null }, minuteLimit: limitOf(row.id) });
  return rows.filter(isClose).map(({ id }) => id);
}

const MINUTE = 60_000;
const MINUTES = 60;
/** Rows of the request log that one answer looks through. */
const MOST_ROWS = 50_000;
const MOST_DAYS = 30;
const MOST_SEEN = 20;

type Seen = { calls: number; lastAt: Date };
interface CallerRow extends Seen {
  secretId: string;
  of: "all" | "address" | "agent" | "route";
  ip: string | null;
  country: string | null;
  userAgent: string | null;
  method: string;
  route: string;
}
const seen = ({ calls, lastAt }: Seen) => ({ calls, last_at: lastAt.toISOString() });

/** Who calls with which secret of a key. The old one is null while the key does not rotate. */
export async function rotationView(actor: Can<"keys.read">, id: string): Promise<RotationView> {
  const at = now();
  const row = await findKey(actor, id);
  const newest = row.secrets[0];
  const old = row.secrets.find(({ endsAt }) => endsAt !== null && endsAt.getTime() > at) ?? null;
  const from = new Date(Math.max(newest?.createdAt.getTime() ?? 0, at - MOST_DAYS * DAY));
  const firstMinute = (Math.floor(at / MINUTE) - MINUTES + 1) * MINUTE;
  const [counted, minutes, ...before] = await Promise.all([
    callersOf(actor.orgId, row.id, from),
    db.$queryRaw<{ secretId: string; minute: number; calls: number }[]>`
      select "secretId", floor((extract(epoch from "createdAt") - ${firstMinute / 1000}::bigint) / 60)::int as "minute", sum("calls")::int as "calls"
      from "UsageEvent" where "orgId" = ${actor.orgId} and "keyId" = ${row.id} and "createdAt" >= ${new Date(firstMinute)} group by 1, 2`,
    ...[old, newest].map((secret) => lastUseBefore(actor.orgId, row.id, secret, from)),
  ]);
  const callers = (secret: { id: string; prefix: string; lastUsedAt: Date | null }, earlier: Date | null) => {
    const mine = counted.rows.filter(({ secretId }) => secretId === secret.id);
    const of = (what: CallerRow["of"]) => mine.filter((each) => each.of === what);
    const perMinute = Array<number>(MINUTES).fill(0);
    for (const { secretId, minute, calls } of minutes) if (secretId === secret.id && minute < MINUTES) perMinute[minute] = calls;
    const [all] = of("all");
    return {
      key_prefix: secret.prefix,
      calls: all?.calls ?? 0,
      last_used_at: (all?.lastAt ?? laterOf(secret.lastUsedAt, earlier))?.toISOString() ?? null,
      per_minute: perMinute,
      addresses: of("address").map((each) => ({ ip: each.ip, country: each.country, ...seen(each) })),
      agents: of("agent").map((each) => ({ user_agent: each.userAgent, ...seen(each) })),
      routes: of("route").map((each) => ({ method: each.method, route: each.route, ...seen(each) })),
    };
  };
  return {
    rotation: toKey(row, at).rotation,
    since: (counted.first ?? from).toISOString(),
    old: old === null ? null : callers(old, before[0] ?? null),
    new: callers(newest ?? { id: "", prefix: row.prefix, lastUsedAt: null }, before[1] ?? null),
  };
}

/** The busiest callers of each secret since `from`; `first` is where counting begins when there are too many calls to look through. */
async function callersOf(orgId: string, keyId: string, from: Date): Promise<{ first: Date | null; rows: CallerRow[] }> {
  const rows = await db.$queryRaw<(CallerRow & { first: Date; rows: number })[]>`
    with "seen" as materialized (
      select "secretId", "createdAt", "calls", "ip", "country", "userAgent", "method", "route" from "UsageEvent"
      where "orgId" = ${orgId} and "keyId" = ${keyId} and "createdAt" >= ${from} order by "createdAt" desc limit ${MOST_ROWS}
    ), "sums" as (
      select "secretId", "ip", "country", "userAgent", "method", "route", sum("calls")::int as "calls", max("createdAt") as "lastAt",
        case grouping("ip", "userAgent", "route") when 3 then 'address' when 5 then 'agent' when 6 then 'route' else 'all' end as "of"
      from "seen" group by grouping sets (("secretId"), ("secretId", "ip", "country"), ("secretId", "userAgent"), ("secretId", "method", "route"))
    ), "ranked" as (
      select *, row_number() over (partition by "secretId", "of" order by "calls" desc, "lastAt" desc) as "rank" from "sums"
    )
    select "secretId", "of", "ip", "country", "userAgent", "method", "route", "calls", "lastAt",
      (select min("createdAt") from "seen") as "first", (select count(*)::int from "seen") as "rows"
    from "ranked" where "rank" <= ${MOST_SEEN} order by "rank"`;
  const [one] = rows;
  return { first: one !== undefined && one.rows >= MOST_ROWS ? one.first : null, rows };
}

/** The last call with a secret that was made before `from`. */
async function lastUseBefore(
  orgId: string,
  keyId: string,
  secret: { id: string; createdAt: Date } | null | undefined,
  from: Date,
): Promise<Date | null> {
  if (!secret || secret.createdAt >= from) return null;
  const last = await db.usageEvent.findFirst({
    where: { orgId, keyId, secretId: secret.id, createdAt: { lt: from } },
    orderBy: { createdAt: "desc" },
    select: { createdAt: true },
  });
  return last?.createdAt ?? null;
}

const laterOf = (a: Date | null, b: Date | null) => (a === null || (b !== null && b > a) ? b : a);

const MOST_ADDRESSES = 100;

/** What 30 days of accepted calls suggest. */
export async function suggestions(actor: Can<"keys.read">, id: string, { scopes }: Pick<Api, "scopes">): Promise<Suggestions> {
  const key = await findKey(actor, id);
  const from = new Date(now() - MOST_DAYS * DAY);
  const rows = await db.$queryRaw<
    (Seen & {
      of: "all" | "address" | "route";
      ip: string;
      country: string | null;
      method: string;
      route: string;
      first: Date;
      rows: number;
    })[]
  >`
    with "seen" as materialized (
      select "createdAt", "calls", "ip", "country", "method", "route" from "UsageEvent"
      where "orgId" = ${actor.orgId} and "keyId" = ${key.id} and "createdAt" >= ${from} and ${PASSED} order by "createdAt" desc limit ${MOST_ROWS}
    )
    select "ip", max("country") as "country", "method", "route", sum("calls")::int as "calls", max("createdAt") as "lastAt",
      case grouping("ip", "route") when 1 then 'address' when 2 then 'route' else 'all' end as "of",
      (select min("createdAt") from "seen") as "first", (select count(*)::int from "seen") as "rows"
    from "seen" group by grouping sets ((), ("ip"), ("method", "route")) order by "calls" desc, "lastAt" desc`;
  const all = rows.find(({ of }) => of === "all");
  const calls = all?.calls ?? 0;
  const first = all?.first ?? from;
  // Of a key with very many calls the newest are looked at, and those before them are no less calls.
  const knownFrom = all !== undefined && all.rows >= MOST_ROWS ? key.createdAt : first;
  const addresses = rows.filter(({ of, ip }) => of === "address" && ip !== null);
  const routes = rows.filter(({ of }) => of === "route").map(({ method, route }) => `${method === "HEAD" ? "GET" : method} ${route}`);
  return {
    since: first.toISOString(),
    calls,
    enough: isEnough({ calls, from: knownFrom.getTime() }, now()),
    addresses: addresses.slice(0, MOST_ADDRESSES).map(({ ip, country, ...each }) => ({ ip, country, ...seen(each) })),
    address_count: addresses.length,
    allowed_ips: suggestAllowlist(addresses.map(({ ip }) => ip)),
    scopes: judgeScopes(key.scopes, routes, scopes),
  };
}
