import "server-only";
import { authorize, type Can } from "@/lib/access/permissions";
import type { Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { type Db, db, type Prisma, type Tx } from "@/lib/db";
import { AppError, isAppError, notFound } from "@/lib/errors";
import {
  type Changer,
  changeKeys,
  lockKeys,
  readKeys,
  readStanding,
  refuseEnded,
  refuseStronger,
  requireMayEnd,
  standingOf,
} from "@/lib/keys/change-keys";
import { descendantsOf, endRows, HELD, lockGroup } from "@/lib/keys/keys";
import type { BulkKeys, BulkResult, Key } from "@/lib/keys/schema";
import { type KeyRow, targetOf, toKey } from "@/lib/keys/view";

const HOUR_MS = 3_600_000;

/**
 * One act on up to 1,000 keys, and if asked an end of the keys they made: all or none, in one transaction, with an event for each that
 * changes. Whatever would refuse the act on one of them refuses it whole, with `dry_run` too, which otherwise changes nothing and says
 * what would.
 */
export async function bulkKeys(actor: Can<"keys.update">, input: BulkKeys): Promise<BulkResult> {
  const may: Changer = input.action === "revoke" ? authorize(actor, "keys.revoke") : actor;
  const ids = [...new Set(input.ids)];
  const calls = callsOfLastDay(actor.orgId, ids);
  const done = input.dry_run === true ? look(actor, may, ids, input) : act(actor, may, ids, input);
  const [{ keys, changed }, ofAsked] = await Promise.all([done, calls]);
  const children = keys.slice(ids.length).map(({ id }) => id);
  const counts = children.length === 0 ? ofAsked : new Map([...ofAsked, ...(await callsOfLastDay(actor.orgId, children))]);
  const data = keys.map((key) => ({
    key,
    outcome: changed.has(key.id) ? ("changed" as const) : ("unchanged" as const),
    calls: counts.get(key.id) ?? 0,
  }));
  return { dry_run: input.dry_run === true, data };
}

interface Done {
  keys: Key[];
  changed: Set<string>;
}

async function look(actor: Can<"keys.update">, may: Changer, ids: string[], input: BulkKeys): Promise<Done> {
  const at = new Date(now());
  if (input.group_id !== undefined) await requireGroup(actor, input.group_id);
  const asked = await readKeys(db, may, ids);
  const rows = [...asked, ...(await childrenOf(db, may, ids, input))];
  const standing = await readStanding(db, actor);
  await refuseAny(db, may, rows, input, standing, at);
  const changed = new Set(rows.filter((row) => changes(row, input)).map(({ id }) => id));
  return { keys: rows.map((row) => toKey(row, at.getTime())), changed };
}

async function requireGroup(actor: Can<"keys.update">, id: string): Promise<void> {
  const isReached = actor.reach !== "group" || id === actor.groupId;
  if (!isReached || (await db.group.count({ where: { id, orgId: actor.orgId, archivedAt: null } })) === 0) throw notFound();
}

function act(actor: Can<"keys.update">, may: Changer, ids: string[], input: BulkKeys): Promise<Done> {
  return changeKeys(actor, ids, async (tx, at) => {
    if (input.group_id !== undefined) await lockGroup(tx, actor, input.group_id);
    const asked = await lockKeys(tx, may, ids);
    const rows = [...asked, ...(await childrenOf(tx, may, ids, input, HELD))];
    const standing = await standingOf(tx, actor);
    await refuseAny(tx, may, rows, input, standing, at);
    const { keys, events } =
      input.action === "revoke" ? await endRows(tx, rows, input.reason ?? null, at) : await write(tx, rows, input, at);
    return { result: { keys, changed: new Set(events.map(({ target }) => target.id ?? "")) }, events };
  });
}

async function childrenOf(
  from: Pick<Db, "$queryRaw" | "key">,
  may: Changer,
  ids: string[],
  input: BulkKeys,
  held?: Prisma.Sql,
): Promise<KeyRow[]> {
  return input.revoke_children === true ? descendantsOf(from, may as Can<"keys.revoke">, ids, held) : [];
}

/** What one of them may not be done, none is: the refusal names each. */
async function refuseAny(
  from: Pick<Db, "org">,
  may: Changer,
  rows: readonly KeyRow[],
  { action }: BulkKeys,
  standing: Awaited<ReturnType<typeof readStanding>>,
  at: Date,
): Promise<void> {
  if (action === "revoke") return requireMayEnd(from, may as Can<"keys.revoke">, rows);
  const details: Record<string, string> = {};
  let first: AppError | null = null;
  for (const row of rows) {
    try {
      refuseStronger(row, standing);
      refuseEnded(row, at);
    } catch (error) {
      if (!isAppError(error)) throw error;
      first ??= error;
      details[row.id] = error.message;
    }
  }
  if (first === null) return;
  const count = Object.keys(details).length;
  const words = count === 1 ? first.message : `${first.message} So it is with ${count} of these ${rows.length} keys.`;
  throw new AppError(first.type, `Nothing was changed. ${words}`, { details });
}

function changes(row: KeyRow, { action, group_id }: BulkKeys): boolean {
  if (action === "revoke") return row.revokedAt === null;
  if (action === "move") return row.groupId !== group_id;
  return (row.pausedAt === null) === (action === "pause");
}

async function write(tx: Tx, rows: readonly KeyRow[], input: BulkKeys, at: Date): Promise<{ keys: Key[]; events: Event[] }> {
  const changing = rows.filter((row) => changes(row, input));
  const data = input.group_id === undefined ? { pausedAt: input.action === "pause" ? at : null } : { groupId: input.group_id };
  if (changing.length > 0) await tx.key.updateMany({ where: { id: { in: changing.map(({ id }) => id) } }, data });
  const isChanging = new Set(changing);
  const keys = rows.map((row) => toKey(isChanging.has(row) ? { ...row, ...data } : row, at.getTime()));
  const action = ({ pause: "api_key.pause", resume: "api_key.resume", move: "api_key.move", revoke: "api_key.revoke" } as const)[
    input.action
  ];
  const reason = input.reason === undefined ? {} : { reason: input.reason };
  const events = rows.flatMap((row, i): Event[] => {
    const after = keys[i] as Key;
    const before = toKey(row, at.getTime());
    return isChanging.has(row) ? [{ action, target: targetOf(after), before, after: { ...after, ...reason } }] : [];
  });
  return { keys, events };
}

/** From the hourly sums, so that many busy keys are as quick: the hour that began 24 hours ago counts whole. */
async function callsOfLastDay(orgId: string, ids: readonly string[]): Promise<Map<string, number>> {
  const since = new Date(Math.floor((now() - 24 * HOUR_MS) / HOUR_MS) * HOUR_MS);
  const sums = await db.usageBucket.groupBy({
    by: ["keyId"],
    where: { orgId, keyId: { in: [...ids] }, start: { gte: since } },
    _sum: { requests: true },
  });
  return new Map(sums.map(({ keyId, _sum }) => [keyId, _sum.requests ?? 0]));
}
