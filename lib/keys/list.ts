import "server-only";
import type { Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { fromCursor, page } from "@/lib/cursor";
import { db, Prisma } from "@/lib/db";
import { asks, EXPIRING_DAYS, UNUSED_DAYS } from "@/lib/keys/health";
import { keysInTrouble } from "@/lib/keys/insight";
import { type HealthCode, healthCodes, type Key, type KeyFilter, type KeySort, type KeyStatus } from "@/lib/keys/schema";
import { type KeyRow, toKey, visible, visibleSql, WITH } from "@/lib/keys/view";
import type { List } from "@/lib/schema";

const DAY = 86_400_000;
const { sql } = Prisma;

/** In SQL the order and the filters, and of those who pass only the ids of one page; then its keys as everywhere. */
export async function listKeys(actor: Can<"keys.read">, query: KeyFilter): Promise<List<Key>> {
  const at = now();
  const sort = SORTS[query.sort ?? "-created"];
  const { group_id, status, environment, q, health, parent_id } = query;
  const list = [actor.orgId, "keys", group_id ?? "", status?.join() ?? "", environment ?? "", q ?? ""];
  list.push(health ?? "", parent_id ?? "", query.sort ?? "");
  const mark = fromCursor(query.cursor, list);
  const conditions = [visibleSql(actor)];
  if (group_id !== undefined) conditions.push(sql`k."groupId" = ${group_id}`);
  if (environment !== undefined) conditions.push(sql`k."environment" = ${environment}`);
  if (parent_id !== undefined) conditions.push(sql`k."parentId" = ${parent_id}`);
  if (status !== undefined) conditions.push(sql`${statusSql(at)} = any(${status})`);
  if (health !== undefined) conditions.push(health === "attention" ? await withAttention(actor, at) : await withHealth(actor, health, at));
  if (q) conditions.push(sql`(strpos(lower(k."name"), lower(${q})) > 0 or starts_with(k."prefix", ${q}) or k."id" = ${q})`);
  if (mark !== null) conditions.push(after(sort, mark[0] ?? "", mark[1] ?? ""));
  const down = Prisma.raw(sort.down ? "desc" : "asc");
  const places = await db.$queryRaw<{ id: string; mark: string | null }[]>`
    select k."id", ${sort.by}::text as "mark" from "Key" k where ${Prisma.join(conditions, " and ")}
    order by ${sort.by} ${down} ${sort.nullable ? Prisma.raw("nulls last") : Prisma.empty}, k."id" ${down} limit ${query.limit + 1}`;
  const ids = places.map(({ id }) => id);
  // visible() once more: what decides who sees a key stands in one place.
  const found = await db.key.findMany({ where: { AND: [visible(actor), { id: { in: ids } }] }, include: WITH });
  const rows = new Map(found.map((row) => [row.id, row]));
  const shown = places.flatMap((place) => {
    const row = rows.get(place.id);
    return row === undefined ? [] : [{ row, mark: place.mark }];
  });
  return page<{ row: KeyRow; mark: string | null }, Key>(
    shown,
    query.limit,
    list,
    ({ row }) => toKey(row, at),
    (place) => [place.mark ?? "", place.row.id],
  );
}

interface Sort {
  by: Prisma.Sql;
  type: "timestamptz" | "bigint" | "text";
  down: boolean;
  /** Rows without a value come last, whichever the direction. */
  nullable: boolean;
}

const SORTS: Record<KeySort, Sort> = {
  "-created": { by: sql`k."createdAt"`, type: "timestamptz", down: true, nullable: false },
  created: { by: sql`k."createdAt"`, type: "timestamptz", down: false, nullable: false },
  name: { by: sql`lower(k."name")`, type: "text", down: false, nullable: false },
  "-last_used": { by: sql`k."lastUsedAt"`, type: "timestamptz", down: true, nullable: true },
  last_used: { by: sql`k."lastUsedAt"`, type: "timestamptz", down: false, nullable: true },
  "-calls": { by: sql`k."requestCount"`, type: "bigint", down: true, nullable: false },
  expires: { by: sql`k."expiresAt"`, type: "timestamptz", down: false, nullable: true },
};

/** What comes behind a row with this value (empty for none) and id. */
function after({ by, type, down, nullable }: Sort, value: string, id: string): Prisma.Sql {
  const beyond = Prisma.raw(down ? "<" : ">");
  if (nullable && value === "") return sql`(${by} is null and k."id" ${beyond} ${id})`;
  const behind = sql`(${by}, k."id") ${beyond} (${value}::${Prisma.raw(type)}, ${id})`;
  return nullable ? sql`(${behind} or ${by} is null)` : behind;
}

const rotating = (at: number) => sql`k."id" in (select s."keyId" from "KeySecret" s where s."endsAt" > ${new Date(at)})`;
const soon = (at: number) => new Date(at + EXPIRING_DAYS * DAY);

/** A key has the first status that holds, as toKey says it. */
function statusSql(at: number): Prisma.Sql {
  return sql`case when k."revokedAt" is not null then 'revoked' when k."expiresAt" <= ${new Date(at)} then 'expired'
    when k."pausedAt" is not null then 'paused' when k."notBefore" > ${new Date(at)} then 'scheduled'
    when ${rotating(at)} then 'rotating' when k."expiresAt" <= ${soon(at)} then 'expiring' else 'active' end`;
}

/** What healthOf() finds, asked of all keys at once. */
async function withHealth(actor: Can<"keys.read">, code: HealthCode, at: number): Promise<Prisma.Sql> {
  if (isOfUsage(code)) return isOneOf((await keysInTrouble(actor, [code], at))[code]);
  return sql`${alive(at)} and ${plainly(code, at)}`;
}

/** What asks() finds in it, asked of all keys at once. Usage is looked through only for keys of which nothing else asks already. */
async function withAttention(actor: Can<"keys.read">, at: number): Promise<Prisma.Sql> {
  const isOn = sql`k."pausedAt" is null and (k."notBefore" is null or k."notBefore" <= ${new Date(at)})`;
  const asking = (code: HealthCode, so: Prisma.Sql) => (asks("paused", code) ? so : sql`(${so} and ${isOn})`);
  const codes = healthCodes.filter((code) => asks("active", code));
  const plain = codes.filter((code) => !isOfUsage(code)).map((code) => asking(code, plainly(code, at)));
  const ofUsage = codes.filter(isOfUsage);
  const found = await keysInTrouble(actor, ofUsage, at, sql`(${Prisma.join(plain, " or ")}) is not true`);
  const any = [...plain, ...ofUsage.map((code) => asking(code, isOneOf(found[code])))];
  return sql`${alive(at)} and (${Prisma.join(any, " or ")})`;
}

const isOfUsage = (code: HealthCode) => code === "many_refusals" || code === "close_to_limit";
const isOneOf = (ids: string[]) => sql`k."id" = any(${ids})`;
const alive = (at: number) => sql`k."revokedAt" is null and (k."expiresAt" is null or k."expiresAt" > ${new Date(at)})`;

/** Of a key that lives. */
function plainly(code: Exclude<HealthCode, "many_refusals" | "close_to_limit">, at: number): Prisma.Sql {
  switch (code) {
    case "leaked":
      return sql`k."id" in (select s."keyId" from "KeySecret" s where s."leakedAt" is not null
        and (s."endsAt" is null or s."endsAt" > ${new Date(at)}))`;
    case "rotating":
      return rotating(at);
    case "expires_soon":
      return sql`k."expiresAt" <= ${soon(at)}`;
    case "unused":
      return sql`coalesce(k."lastUsedAt", greatest(k."createdAt", k."notBefore")) <= ${new Date(at - UNUSED_DAYS * DAY)}`;
    case "no_expiry":
      return sql`k."expiresAt" is null`;
  }
}

/** How many keys need somebody: as many as the list of health=attention has. */
export async function countAttention(actor: Can<"keys.read">): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    select count(*)::int as "count" from "Key" k where ${visibleSql(actor)} and ${await withAttention(actor, now())}`;
  return row?.count ?? 0;
}

export type KeyCounts = Record<KeyStatus | "all" | "live" | "ended", number>;

/** Keys by status and in all, for headings, tabs and navigation. `live`: neither revoked nor expired. */
export async function countKeys(actor: Can<"keys.read">): Promise<KeyCounts> {
  const rows = await db.$queryRaw<{ status: KeyStatus; count: number }[]>`
    select ${statusSql(now())} as "status", count(*)::int as "count" from "Key" k where ${visibleSql(actor)} group by 1`;
  const none = { revoked: 0, expired: 0, paused: 0, scheduled: 0, rotating: 0, expiring: 0, active: 0 };
  const counts: Record<KeyStatus, number> = { ...none, ...Object.fromEntries(rows.map(({ status, count }) => [status, count])) };
  const all = rows.reduce((sum, { count }) => sum + count, 0);
  const ended = counts.revoked + counts.expired;
  return { ...counts, all, live: all - ended, ended };
}
