import "server-only";
import { type Access, accessIncludes, type Can, type Permission } from "@/lib/access/permissions";
import { change, confirmForgotten, type Event } from "@/lib/audit/change";
import { inBackground } from "@/lib/background";
import { now } from "@/lib/clock";
import type { Db, Tx } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { excess, type Powers, toPowers } from "@/lib/keys/ceiling";
import { tellOwners } from "@/lib/keys/notices";
import { type KeyRow, outOfReach, visible, WITH } from "@/lib/keys/view";

/** What every change of keys has in common: rows are locked before anything is decided, the actor's ceiling, and word to the owners. */

export type Changer = Can<"keys.update"> | Can<"keys.revoke">;

/** Thrown to leave the transaction: it is so already. */
class AsItIs {
  constructor(readonly result: unknown) {}
}

/**
 * Runs `write` as a change and tells the owners of the keys. Without an event nothing is to be changed: then it is answered, like a
 * change, when every node has forgotten what it knew of `ids`, since whoever made the change may still be waiting for that.
 */
export async function changeKeys<T>(
  actor: Can<Permission>,
  ids: readonly string[],
  write: (tx: Tx, at: Date) => Promise<{ result: T; events: Event[] }>,
): Promise<T> {
  let done: Event[] = [];
  try {
    const result = await change(actor, async (tx) => {
      const { result, events } = await write(tx, new Date(now()));
      const [first, ...rest] = events;
      if (first === undefined) throw new AsItIs(result);
      done = events;
      return { result, events: [first, ...rest] };
    });
    inBackground("words", "telling the owners of keys", () => tellOwners(actor, done));
    return result;
  } catch (error) {
    if (!(error instanceof AsItIs)) throw error;
    await confirmForgotten(ids);
    return error.result as T;
  }
}

/**
 * The keys as they are until the transaction ends, in the order of `ids`, with the acting key held too. Locked in one order, the drain's
 * too, so that two changes cannot wait for each other. Throws 404 for what is not there, and 403 for what the actor may only read.
 */
export async function lockKeys(tx: Tx, actor: Changer, ids: readonly string[]): Promise<KeyRow[]> {
  const all = actor.type === "key" ? [...ids, actor.id ?? ""] : [...ids];
  await tx.$queryRaw`select 1 from "Key" where "id" = any(${all}::text[]) and "orgId" = ${actor.orgId} order by "id" for no key update`;
  return readKeys(tx, actor, ids);
}

export async function lockKey(tx: Tx, actor: Changer, id: string): Promise<KeyRow> {
  return (await lockKeys(tx, actor, [id]))[0] as KeyRow;
}

/** As `lockKeys`, for a look that changes nothing. */
export async function readKeys(from: Reader, actor: Changer, ids: readonly string[]): Promise<KeyRow[]> {
  const rows = await from.key.findMany({ where: { AND: [visible(actor), { id: { in: [...ids] } }] }, include: WITH });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const missing = ids.find((id) => !byId.has(id));
  if (missing !== undefined) throw await outOfReach(from, actor, missing);
  const found = ids.map((id) => byId.get(id) as KeyRow);
  await requireMakersReach(from, actor, found);
  return found;
}

/**
 * A key reaches no further than who made it. A developer manages the keys they made or own: a key of theirs, and one whose maker is gone,
 * manages those, what came of them, and what it made itself. Only admins give access `admin`: such a key is not asked. Throws 403.
 */
async function requireMakersReach(from: Reader, actor: Changer, rows: readonly KeyRow[]): Promise<void> {
  const others = rows.filter(({ id }) => id !== actor.id);
  if (actor.type !== "key" || actor.role === "admin" || others.length === 0) return;
  const [maker] = await from.$queryRaw<{ id: string; role: string | null }[]>`
    with recursive line as (
      select "id", "parentId", "createdByType", "createdById" from "Key" where "id" = ${actor.id}
      union select k."id", k."parentId", k."createdByType", k."createdById" from line l join "Key" k on k."id" = l."parentId"
    )
    select l."createdById" as "id", m."role" from line l left join "Member" m on m."orgId" = ${actor.orgId} and m."userId" = l."createdById"
    where l."parentId" is null and l."createdByType" = 'user'`;
  if (maker === undefined || maker.role === "admin" || maker.role === "owner") return;
  const reached = await from.$queryRaw<{ id: string }[]>`
    with recursive line as (
      select "id" as "of", "id", "parentId", "ownerId", "createdByType", "createdById" from "Key" where "id" = any(${others.map(({ id }) => id)}::text[])
      union select l."of", k."id", k."parentId", k."ownerId", k."createdByType", k."createdById" from line l join "Key" k on k."id" = l."parentId"
    )
    select distinct "of" as "id" from line
    where "id" = ${actor.id} or "ownerId" = ${maker.id} or ("createdByType" = 'user' and "createdById" = ${maker.id})`;
  const within = new Set(reached.map(({ id }) => id));
  const out = others.filter(({ id }) => !within.has(id));
  if (out.length > 0)
    throw new AppError(
      "insufficient_scope",
      `The person who made this key manages their own keys only, and so does the key: ${out
        .map(({ name }) => `"${name}"`)
        .slice(0, 5)
        .join(", ")} is none of theirs.`,
      { details: Object.fromEntries(out.slice(0, 5).map(({ id, name }) => [id, name])) },
    );
}

type Reader = Pick<Db, "key" | "$queryRaw">;

/** How high an actor reaches. */
export interface Standing {
  /** What it may give and have at most. */
  top: Powers;
  /** In the sentences of a refusal. */
  whose: "this key's" | "your";
  /** Of the organization now. */
  scopes: string[];
  requestsPerMinute: number;
  /** The acting key's row, which is held, and the keys that made it, one the other. */
  key: { id: string; ownerId: string | null; metadata: Record<string, string>; makers: string[] } | null;
}

/**
 * The acting key stays as it is until the transaction ends. Not shared with other changes by the same key: those who share a row let a
 * waiting revocation wait for ever. Throws for a key where keys do not manage keys, and for one that was revoked meanwhile.
 */
export async function standingOf(tx: Tx, actor: Can<"keys.create"> | Can<"keys.update">): Promise<Standing> {
  if (actor.type === "key") await tx.$queryRaw`select 1 from "Key" where "id" = ${actor.id} for no key update`;
  return readStanding(tx, actor);
}

/** As `standingOf`, for a look that changes nothing. */
export async function readStanding(
  from: Reader & Pick<Db, "org">,
  actor: Can<"keys.create"> | Can<"keys.update"> | Can<"keys.revoke">,
): Promise<Standing> {
  const org = await from.org.findUniqueOrThrow({ where: { id: actor.orgId }, include: { plan: true } });
  const scopes = org.scopes.length > 0 ? org.scopes : org.plan.scopes;
  const requestsPerMinute = org.requestsPerMinute ?? org.plan.requestsPerMinute;
  if (actor.type !== "key") {
    const access: Access = actor.role === "developer" ? "full" : "admin";
    const top: Powers = { environment: "live", access, scopes, expiresAt: null, requestsPerMinute: null, allowedIps: [] };
    return { top, whose: "your", scopes, requestsPerMinute, key: null };
  }
  if (!org.keysManageKeys) throw keysManageNone();
  const row = await from.key.findFirst({ where: { id: actor.id ?? "", orgId: actor.orgId, revokedAt: null } });
  if (row === null) throw new AppError("unauthorized", "This call came without a valid key or session.");
  const makers = row.parentId === null ? [] : await makersOf(from, row.parentId);
  const key = { id: row.id, ownerId: row.ownerId, metadata: row.metadata as Record<string, string>, makers };
  return { top: toPowers(row), whose: "this key's", scopes, requestsPerMinute, key };
}

async function makersOf(from: Reader, parentId: string): Promise<string[]> {
  const rows = await from.$queryRaw<{ id: string }[]>`
    with recursive line as (
      select "id", "parentId" from "Key" where "id" = ${parentId}
      union select k."id", k."parentId" from line l join "Key" k on k."id" = l."parentId"
    )
    select "id" from line`;
  return rows.map(({ id }) => id);
}

function keysManageNone(): AppError {
  return new AppError(
    "insufficient_scope",
    "In this organization keys do not manage keys: a person does it, or switches it on in its settings.",
    {
      details: { keys_manage_keys: "is off" },
    },
  );
}

/** Nobody changes a key that does more than they may give themselves: its new secret, or its wider powers, would be theirs. */
export function refuseStronger(row: KeyRow, { top, whose, key }: Standing): void {
  if (key !== null && key.id === row.id) return;
  // A secret on its way out could otherwise have a child take its key's next one.
  if (key?.makers.includes(row.id))
    throw new AppError("insufficient_scope", "A key ends the key that made it, and changes nothing else about it.", {
      details: { key: "made this one" },
    });
  // A person has no bounds but the role's; the scopes that the organization lost are no strength.
  const bounds = key === null ? { ...toPowers(row), access: top.access } : top;
  const parts = excess(bounds, toPowers(row), whose);
  if (Object.keys(parts).length > 0)
    throw beyond(parts, key === null ? "This key does more than you may give one." : "A key changes none that is stronger than itself.");
}

/** Whether the actor may end this key; throws insufficient_scope. Any key may end itself. */
export async function requireMayEnd(from: Pick<Db, "org">, actor: Can<"keys.revoke">, rows: readonly KeyRow[]): Promise<void> {
  if (actor.type !== "key") return;
  const others = rows.filter(({ id }) => id !== actor.id);
  if (others.length === 0) return;
  const { keysManageKeys } = await from.org.findUniqueOrThrow({ where: { id: actor.orgId }, select: { keysManageKeys: true } });
  if (!keysManageKeys) throw keysManageNone();
  for (const row of others)
    if (isStronger(actor, row))
      throw beyond(
        { access: `this key's access, ${actor.role}, does not hold the other's, ${row.access}` },
        "A key ends none that is stronger than itself.",
      );
}

/** To end a key takes its access and no more: who made one with fewer addresses can still end what it sees. */
export function isStronger(actor: Can<"keys.revoke">, row: KeyRow): boolean {
  return actor.type === "key" && actor.id !== row.id && !accessIncludes(actor.role as Access, row.access as Access);
}

/** 403 that names the parts and what of them goes too far. */
export function beyond(details: Record<string, string>, rule: string): AppError {
  const words = Object.entries(details).map(([path, why]) => `${path}: ${why}`);
  return new AppError("insufficient_scope", `${rule} ${words.join("; ")}.`, { details });
}

/** 409 for a key that has ended. `also` says what an expired one can do. */
export function refuseEnded(row: KeyRow, at: Date): void {
  if (row.revokedAt !== null) throw revokedForGood(row);
  if (row.expiresAt !== null && row.expiresAt <= at)
    throw new AppError("conflict", `The key "${row.name}" has expired. A person can give it a new end first.`, {
      details: { key: "has expired" },
    });
}

export function revokedForGood(row: KeyRow): AppError {
  return new AppError("conflict", `The key "${row.name}" is revoked, and that is final. Generate a new one.`, {
    details: { key: "is revoked" },
  });
}
