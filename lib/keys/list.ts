import "server-only";
import type { Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { fromCursor, page } from "@/lib/cursor";
import { db, type Prisma } from "@/lib/db";
import type { Key, KeyFilter, KeyStatus } from "@/lib/keys/schema";
import { EXPIRING_DAYS, toKey, visible, WITH } from "@/lib/keys/view";
import type { List } from "@/lib/schema";

/** Newest first; filters by group, status, environment and text (in the name, or the start of the prefix). */
export async function listKeys(actor: Can<"keys.read">, query: KeyFilter): Promise<List<Key>> {
  const at = now();
  const list = [actor.orgId, "keys", query.group_id ?? "", query.status ?? "", query.environment ?? "", query.q ?? ""];
  const mark = fromCursor(query.cursor, list);
  const and: Prisma.KeyWhereInput[] = [visible(actor)];
  if (query.group_id !== undefined) and.push({ groupId: query.group_id });
  if (query.environment !== undefined) and.push({ environment: query.environment });
  if (query.status !== undefined) and.push(withStatus(query.status, new Date(at)));
  if (query.q) {
    const text = query.q.replace(/[\\%_]/g, "\\$&"); // Prisma hands LIKE's wildcards on as they are
    and.push({ OR: [{ name: { contains: text, mode: "insensitive" } }, { prefix: { startsWith: text } }] });
  }
  if (mark !== null)
    and.push({ OR: [{ createdAt: { lt: new Date(mark[0] ?? "") } }, { createdAt: new Date(mark[0] ?? ""), id: { lt: mark[1] ?? "" } }] });
  const rows = await db.key.findMany({
    where: { AND: and },
    include: WITH,
    orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    take: query.limit + 1,
  });
  return page(
    rows,
    query.limit,
    list,
    (row) => toKey(row, at),
    (row) => [row.createdAt.toISOString(), row.id],
  );
}

/** Keys by status and in all, for headings and navigation. */
export async function countKeys(actor: Can<"keys.read">): Promise<{ all: number; live: number; ended: number }> {
  const at = new Date(now());
  const ended: Prisma.KeyWhereInput = { OR: [{ revokedAt: { not: null } }, { expiresAt: { lte: at } }] };
  const [all, gone] = await Promise.all([
    db.key.count({ where: visible(actor) }),
    db.key.count({ where: { AND: [visible(actor), ended] } }),
  ]);
  return { all, live: all - gone, ended: gone };
}

/** A key has the first status that holds: `is` of that one and `isNot` of those before it (null dates are spelled out for SQL). */
function withStatus(status: KeyStatus, at: Date): Prisma.KeyWhereInput {
  const soon = new Date(at.getTime() + EXPIRING_DAYS * 86_400_000);
  const states: { name: KeyStatus; is: Prisma.KeyWhereInput; isNot: Prisma.KeyWhereInput }[] = [
    { name: "revoked", is: { revokedAt: { not: null } }, isNot: { revokedAt: null } },
    { name: "expired", is: { expiresAt: { lte: at } }, isNot: { OR: [{ expiresAt: null }, { expiresAt: { gt: at } }] } },
    { name: "paused", is: { pausedAt: { not: null } }, isNot: { pausedAt: null } },
    { name: "scheduled", is: { notBefore: { gt: at } }, isNot: { OR: [{ notBefore: null }, { notBefore: { lte: at } }] } },
    { name: "rotating", is: { secrets: { some: { endsAt: { gt: at } } } }, isNot: { secrets: { none: { endsAt: { gt: at } } } } },
    { name: "expiring", is: { expiresAt: { lte: soon } }, isNot: { OR: [{ expiresAt: null }, { expiresAt: { gt: soon } }] } },
    { name: "active", is: {}, isNot: {} },
  ];
  const index = states.findIndex((state) => state.name === status);
  return { AND: states.slice(0, index + 1).map((state, i) => (i === index ? state.is : state.isNot)) };
}
