import "server-only";
import { isDeepStrictEqual } from "node:util";
import type { Can } from "@/lib/access/permissions";
import type { Action } from "@/lib/audit/actions";
import type { Prisma, Tx } from "@/lib/db";
import { AppError, invalid } from "@/lib/errors";
import { inherit, toPowers } from "@/lib/keys/ceiling";
import {
  beyond,
  changeKeys,
  lockKey,
  refuseEnded,
  refuseStronger,
  revokedForGood,
  type Standing,
  standingOf,
} from "@/lib/keys/change-keys";
import { askedPowers, lockGroup, requireLower, requireRoom } from "@/lib/keys/keys";
import type { Key, PauseKey, UpdateKey } from "@/lib/keys/schema";
import { type KeyRow, targetOf, toKey, WITH } from "@/lib/keys/view";

type Columns = Pick<
  KeyRow,
  "name" | "access" | "scopes" | "expiresAt" | "notBefore" | "requestsPerMinute" | "allowedIps" | "metadata" | "ownerId" | "groupId"
>;

/**
 * Changes what is given and leaves the rest; what is so already leaves no event. Nobody gives more than they have, nor changes a key that
 * does more (403, naming the part). A revoked key stays as it is (409); so does an expired one, unless a person gives it a new end.
 */
export async function updateKey(actor: Can<"keys.update">, id: string, input: UpdateKey): Promise<Key> {
  return changeKeys(actor, [id], async (tx, at) => {
    const group = input.group_id === undefined ? null : await lockGroup(tx, actor, input.group_id);
    const row = await lockKey(tx, actor, id);
    const standing = await standingOf(tx, actor);
    refuseStronger(row, standing);
    if (row.revokedAt !== null) throw revokedForGood(row);
    const columns = columnsOf(actor, row, input, standing, at);
    if (group !== null) columns.groupId = group.id;
    if (row.expiresAt !== null && row.expiresAt <= at) {
      const end = columns.expiresAt === undefined ? row.expiresAt : columns.expiresAt;
      if (actor.type === "key" || (end !== null && end <= at)) refuseEnded(row, at);
      if ((await tx.group.count({ where: { id: columns.groupId ?? row.groupId, archivedAt: null } })) === 0)
        throw new AppError("conflict", "The group of this key is archived. Move the key with group_id in the same call.", {
          details: { group_id: "is archived" },
        });
      await requireRoom(tx, actor.orgId, 1);
    }

    const changed = Object.entries(columns).filter(([name, value]) => !isSame(row[name as keyof Columns], value));
    const before = toKey(row, at.getTime());
    if (changed.length === 0) return { result: before, events: [] };
    const after = toKey(await write(tx, row, Object.fromEntries(changed)), at.getTime());
    const action: Action = changed.length === 1 && changed[0]?.[0] === "groupId" ? "api_key.move" : "api_key.update";
    return { result: after, events: [{ action, target: targetOf(after), before, after }] };
  });
}

/** What the input makes of the row, checked against the actor's ceiling. */
function columnsOf(actor: Can<"keys.update">, row: KeyRow, input: UpdateKey, standing: Standing, at: Date): Partial<Columns> {
  // Scopes that the organization has lost since may stay: they are worth nothing while it lacks them.
  const asked = askedPowers(input, [...standing.scopes, ...row.scopes]);
  const end = asked.expiresAt;
  if (end && end <= at && end.getTime() !== row.expiresAt?.getTime()) throw invalid({ expires_at: "must be in the future" });
  const top = standing.key === null ? { ...standing.top, scopes: [...standing.scopes, ...row.scopes] } : standing.top;
  const made = inherit(top, { ...toPowers(row), ...asked }, standing.whose);
  if (!made.ok) throw beyond(made.beyond, "The key would be stronger than allowed.");
  requireLower(asked.requestsPerMinute, row.requestsPerMinute, standing.requestsPerMinute, "key");
  const notBefore = input.not_before === undefined ? row.notBefore : input.not_before === null ? null : new Date(input.not_before);
  const isTimed = input.not_before !== undefined || end !== undefined;
  if (isTimed && notBefore !== null && made.powers.expiresAt !== null && notBefore >= made.powers.expiresAt)
    throw invalid(
      input.not_before === undefined ? { expires_at: "must be after not_before" } : { not_before: "must be before expires_at" },
    );
  return {
    ...asked,
    ...(input.name === undefined ? {} : { name: input.name }),
    ...(input.not_before === undefined ? {} : { notBefore }),
    ...(input.metadata === undefined ? {} : { metadata: input.metadata }),
    ...(input.owner === undefined ? {} : { ownerId: input.owner === "organization" ? null : memberFor(actor, row, standing) }),
  };
}

/** The member who owns it from now on: who does already, else the person who asks or the acting key's own. */
function memberFor(actor: Can<"keys.update">, row: KeyRow, { key }: Standing): string {
  const member = row.ownerId ?? (actor.type === "user" ? actor.id : key?.ownerId);
  if (!member) throw invalid({ owner: "this key belongs to no member who could own the other" });
  return member;
}

async function write(tx: Tx, row: KeyRow, data: Prisma.KeyUncheckedUpdateInput): Promise<KeyRow> {
  const end = data.expiresAt instanceof Date ? data.expiresAt : null;
  // An old secret of a rotation does not outlive its key.
  if (end !== null) await tx.keySecret.updateMany({ where: { keyId: row.id, endsAt: { gt: end } }, data: { endsAt: end } });
  return tx.key.update({ where: { id: row.id }, data, include: WITH });
}

/** Lists of scopes and addresses are sets. */
function isSame(a: Columns[keyof Columns], b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return isDeepStrictEqual(a.toSorted(), b.toSorted());
  return isDeepStrictEqual(a, b);
}

/** Until it is resumed the key answers 401. Pausing it again changes nothing and answers the same. */
export function pauseKey(actor: Can<"keys.update">, id: string, input: PauseKey): Promise<Key> {
  return setPaused(actor, id, (at) => at, input.reason);
}

export function resumeKey(actor: Can<"keys.update">, id: string): Promise<Key> {
  return setPaused(actor, id, () => null);
}

function setPaused(actor: Can<"keys.update">, id: string, from: (at: Date) => Date | null, reason?: string): Promise<Key> {
  return changeKeys(actor, [id], async (tx, at) => {
    const row = await lockKey(tx, actor, id);
    refuseStronger(row, await standingOf(tx, actor));
    refuseEnded(row, at);
    const pausedAt = from(at);
    const before = toKey(row, at.getTime());
    if ((row.pausedAt === null) === (pausedAt === null)) return { result: before, events: [] };
    const after = toKey(await tx.key.update({ where: { id: row.id }, data: { pausedAt }, include: WITH }), at.getTime());
    const action: Action = pausedAt === null ? "api_key.resume" : "api_key.pause";
    return { result: after, events: [{ action, target: targetOf(after), before, after: { ...after, ...(reason ? { reason } : {}) } }] };
  });
}
