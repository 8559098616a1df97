import "server-only";
import type { Actor, Can } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { type Db, Prisma, type Tx } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, invalid, notFound } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { normaliseList } from "@/lib/keys/addresses";
import { inherit, type Powers } from "@/lib/keys/ceiling";
import { beyond, changeKeys, isStronger, lockKey, requireMayEnd, standingOf } from "@/lib/keys/change-keys";
import type { CreateKey, Key, NewKey, RevokeKey, UpdateKey } from "@/lib/keys/schema";
import { newSecret } from "@/lib/keys/secret";
import { findKey, type KeyRow, targetOf, toKey, visible, WITH } from "@/lib/keys/view";
import { activityOf } from "@/lib/usage/logs";
import type { Activity } from "@/lib/usage/schema";

export async function getKey(actor: Can<"keys.read">, id: string): Promise<Key> {
  return toKey(await findKey(actor, id), now());
}

/** Makes a key and gives back its secret, this once. Of a key's child, nothing goes beyond the parent (403, naming the part). */
export async function createKey(actor: Can<"keys.create">, input: CreateKey): Promise<NewKey> {
  return change(actor, async (tx) => {
    const at = new Date(now());
    const group = await groupFor(tx, actor, input.group_id);
    const standing = await standingOf(tx, actor);
    const asked = askedPowers(input, standing.scopes);
    if (asked.expiresAt && asked.expiresAt <= at) throw invalid({ expires_at: "must be in the future" });
    const made = inherit(standing.top, standing.key === null ? { access: "full", ...asked } : asked, standing.whose);
    if (!made.ok) throw beyond(made.beyond, "The new key would be stronger than allowed.");
    requireLower(asked.requestsPerMinute, null, standing.requestsPerMinute, "key");
    const notBefore = input.not_before ? new Date(input.not_before) : null;
    if (notBefore !== null && made.powers.expiresAt !== null && notBefore >= made.powers.expiresAt)
      throw invalid({ not_before: "must be before expires_at" });
    await requireRoom(tx, actor.orgId, 1);

    const { key, event } = await insertKey(tx, {
      ...made.powers,
      orgId: actor.orgId,
      groupId: group.id,
      name: input.name,
      ownerId: ownerFor(actor, input.owner, standing.key?.ownerId ?? null),
      parentId: standing.key?.id ?? null,
      createdBy: actor,
      metadata: input.metadata ?? standing.key?.metadata ?? {},
      notBefore,
    });
    return { result: key, events: [event] };
  });
}

/** 400 for a limit above the organization's, which those of groups and keys only lower. One that is `stored` already may stay. */
export function requireLower(limit: number | null | undefined, stored: number | null, most: number, of: "group" | "key"): void {
  if (limit == null || limit === stored || limit <= most) return;
  throw invalid({ rate_limit_rpm: `may be at most the organization's limit, ${most}: a ${of} only lowers it` });
}

/** A person's own key, and a key's child its parent's owner's, unless something else is asked for. */
function ownerFor(actor: Actor, asked: CreateKey["owner"], ofParent: string | null): string | null {
  if (asked === "organization") return null;
  const member = actor.type === "user" ? actor.id : ofParent;
  if (asked === "member" && member === null) throw invalid({ owner: "this key belongs to no member who could own the other" });
  return member;
}

/** Whether the plan has room for so many keys more. Holds the organization's row, so that two at once do not both take the last place. */
export async function requireRoom(tx: Tx, orgId: string, more: number): Promise<void> {
  await tx.$queryRaw`select 1 from "Org" where "id" = ${orgId} for no key update`;
  await checkRoom(tx, orgId, more);
}

/** As `requireRoom`, for a look that changes nothing. */
export async function checkRoom(from: Pick<Db, "$queryRaw">, orgId: string, more: number): Promise<void> {
  const [room] = await from.$queryRaw<{ most: number; live: number }[]>`
    select coalesce(o."mostKeys", p."mostKeys") as "most",
      (select count(*)::int from "Key" where "orgId" = o."id" and "revokedAt" is null and ("expiresAt" is null or "expiresAt" > ${new Date(now())})) as "live"
    from "Org" o join "Plan" p on p."id" = o."planId" where o."id" = ${orgId}`;
  const { most, live } = room ?? { most: 0, live: 0 };
  if (live + more <= most) return;
  const details = { keys: `are ${live} of at most ${most}` };
  throw new AppError(
    "conflict",
    `The organization has ${live} keys that are neither revoked nor expired, and its plan allows ${most}. Revoke some first, or ask the operator for more.`,
    { details },
  );
}

export interface KeyToInsert extends Powers {
  orgId: string;
  groupId: string;
  name: string;
  ownerId: string | null;
  parentId: string | null;
  createdBy: Pick<Actor, "type" | "id" | "name">;
  metadata: Record<string, string>;
  notBefore: Date | null;
}

/** The write alone: a key with its first secret, for changes that make a key among other things. */
export async function insertKey(tx: Tx, { createdBy, ...data }: KeyToInsert): Promise<{ key: NewKey; event: Event }> {
  const at = new Date(now());
  const secret = newSecret(env().keyPrefixes[data.environment]);
  const row = await tx.key.create({
    data: {
      ...data,
      id: newId("key", at.getTime()),
      createdByType: createdBy.type,
      createdById: createdBy.id ?? createdBy.type,
      createdByName: createdBy.name,
      createdAt: at,
      prefix: secret.prefix,
      secrets: { create: { id: newId("sec", at.getTime()), hash: Buffer.from(secret.hash, "hex"), prefix: secret.prefix, createdAt: at } },
    },
    include: WITH,
  });
  const key = toKey(row, at.getTime());
  return { key: { ...key, secret: secret.text }, event: { action: "api_key.create", target: targetOf(key), after: key } };
}

/** Ends a key for good, and with it, if asked, the keys it made and those that they made. Ending it again changes nothing and answers the same. */
export async function revokeKey(actor: Can<"keys.revoke">, id: string, input: RevokeKey): Promise<Key> {
  return changeKeys(actor, [id], async (tx, at) => {
    const row = await lockKey(tx, actor, id);
    const children = input.revoke_children === true ? await descendantsOf(tx, actor, [row.id], HELD) : [];
    await requireMayEnd(tx, actor, [row, ...children]);
    const { keys, events } = await endRows(tx, [row, ...children], input.reason ?? null, at);
    return { result: keys[0] as Key, events };
  });
}

/** The write alone, of rows that are held: those that ended before stay as they are and leave no event. */
export async function endRows(tx: Tx, rows: readonly KeyRow[], reason: string | null, at: Date): Promise<{ keys: Key[]; events: Event[] }> {
  const ending = rows.filter(({ revokedAt }) => revokedAt === null);
  const data = { revokedAt: at, revokedReason: reason };
  if (ending.length > 0) await tx.key.updateMany({ where: { id: { in: ending.map(({ id }) => id) }, revokedAt: null }, data });
  const keys = rows.map((row) => toKey(row.revokedAt === null ? { ...row, ...data } : row, at.getTime()));
  const events = rows.flatMap((row, i): Event[] => {
    const [before, after] = [toKey(row, at.getTime()), keys[i] as Key];
    return row.revokedAt === null ? [{ action: "api_key.revoke", target: targetOf(after), before, after }] : [];
  });
  return { keys, events };
}

/** Nobody changes them until the transaction ends, and they make no more keys. */
export const HELD = Prisma.sql`for no key update`;

/**
 * The keys that these keys made, and that those made, down to the last, but for those that are revoked; an expired one could be given a
 * new end. Level by level: whoever is held makes no more of them. Throws 403 and names those that the actor may not end, and 409 for more
 * than one change takes.
 */
export async function descendantsOf(
  from: Pick<Db, "$queryRaw" | "key">,
  actor: Can<"keys.revoke">,
  ids: readonly string[],
  held = Prisma.empty,
): Promise<KeyRow[]> {
  const seenIds = new Set(ids);
  for (let parents = [...ids]; parents.length > 0; ) {
    const children = await from.$queryRaw<{ id: string }[]>`
      select "id" from "Key" where "parentId" = any(${parents}::text[]) and "orgId" = ${actor.orgId} order by "id" ${held}`;
    parents = children.map(({ id }) => id).filter((id) => !seenIds.has(id));
    for (const id of parents) seenIds.add(id);
  }
  const made = [...seenIds].slice(ids.length);
  const live: Prisma.KeyWhereInput = { id: { in: made }, revokedAt: null };
  const [rows, seen] = [
    await from.key.findMany({ where: live, include: WITH, orderBy: { id: "asc" } }),
    await from.key.findMany({ where: { AND: [visible(actor), live] }, select: { id: true } }),
  ];
  if (rows.length > MOST_CHILDREN)
    throw new AppError(
      "conflict",
      ids.length === 1
        ? `Nothing was revoked: the key has ${rows.length} children, and at most ${MOST_CHILDREN} are revoked with it. Revoke it alone first, then the others.`
        : `Nothing was revoked: the keys have ${rows.length} children, and at most ${MOST_CHILDREN} are revoked with them. Choose fewer keys, or revoke them alone first, then the others.`,
      { details: { revoke_children: `would revoke ${rows.length}, at most ${MOST_CHILDREN}` } },
    );
  const reached = new Set(seen.map((row) => row.id));
  const out = rows.filter((row) => !reached.has(row.id) || isStronger(actor, row));
  if (out.length === 0) return rows;
  const details = Object.fromEntries(out.slice(0, MOST_NAMED).map((row) => [row.id, `${row.name} (${row.prefix}…)`]));
  const more = out.length > MOST_NAMED ? ` and ${out.length - MOST_NAMED} more` : "";
  throw new AppError(
    actor.type === "key" ? "insufficient_scope" : "forbidden",
    `Nothing was revoked: ${Object.values(details).join(", ")}${more} are among ${ids.length === 1 ? "its" : "their"} children, and you may not revoke them.`,
    { details },
  );
}

const MOST_NAMED = 10;
/** Some seconds of one transaction. */
const MOST_CHILDREN = 2_000;

/** What the key did in the last 24 hours: who would notice if it were gone. */
export async function keyActivity(actor: Can<"keys.read">, id: string): Promise<Activity> {
  const key = await findKey(actor, id);
  return activityOf(actor.orgId, key.id, new Date(now() - 86_400_000));
}

/** The group of a new key: the one asked for, a key's own, or the only one. */
async function groupFor(tx: Tx, actor: Can<"keys.create">, asked: string | undefined): Promise<{ id: string }> {
  if (asked !== undefined) return lockGroup(tx, actor, asked);
  if (actor.groupId !== null) return lockGroup(tx, actor, actor.groupId);
  const groups = await tx.group.findMany({ where: { orgId: actor.orgId, archivedAt: null }, take: 2, select: { id: true } });
  if (groups.length === 0) throw invalid({ group_id: "create a group first: every key belongs to one" });
  if (groups.length > 1) throw invalid({ group_id: "is needed: the organization has more than one group" });
  return lockGroup(tx, actor, (groups[0] as { id: string }).id);
}

/**
 * A group that is open and in reach, and stays open until the transaction ends. Held before any key, as whoever archives it does, and by
 * one change at a time: sharers would let who archives it wait for ever.
 */
export async function lockGroup(tx: Tx, actor: Can<"keys.create"> | Can<"keys.update">, id: string): Promise<{ id: string }> {
  if (actor.reach === "group" && id !== actor.groupId) throw notFound();
  const [group] = await tx.$queryRaw<{ id: string }[]>`
    select "id" from "Group" where "id" = ${id} and "orgId" = ${actor.orgId} and "archivedAt" is null for no key update`;
  if (group === undefined) throw notFound();
  return group;
}

/** What the input says of powers, in canonical form. Throws 400 for each bad address, 403 for scopes that are not among `scopes`. */
export function askedPowers(input: CreateKey | UpdateKey, scopes: readonly string[]): Partial<Powers> {
  const addresses = input.allowed_ips === undefined ? undefined : normaliseList(input.allowed_ips);
  if (addresses?.ok === false) throw invalid(addresses.wrong);
  const foreign = input.scopes?.filter((scope) => !scopes.includes(scope)) ?? [];
  if (foreign.length > 0)
    throw beyond({ scopes: `the organization's plan does not have ${foreign.join(", ")}` }, "The key would be stronger than allowed.");
  return {
    ...("environment" in input && input.environment !== undefined ? { environment: input.environment } : {}),
    ...(input.access === undefined ? {} : { access: input.access }),
    ...(input.scopes === undefined ? {} : { scopes: [...new Set(input.scopes)] }),
    ...(input.expires_at === undefined ? {} : { expiresAt: input.expires_at === null ? null : new Date(input.expires_at) }),
    ...(input.rate_limit_rpm === undefined ? {} : { requestsPerMinute: input.rate_limit_rpm }),
    ...(addresses === undefined ? {} : { allowedIps: addresses.list }),
  };
}
