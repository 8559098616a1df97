import "server-only";
import { authorize, type Can } from "@/lib/access/permissions";
import { type Db, db, Prisma } from "@/lib/db";
import { AppError, notFound } from "@/lib/errors";
import { isId } from "@/lib/ids";
import { EXPIRING_DAYS } from "@/lib/keys/health";
import type { Key, KeyStatus } from "@/lib/keys/schema";

/** Which keys an actor sees, and how a key looks from outside. */

/** The lasting secret first, then the one that works longest beside it. */
const LASTING_FIRST: Prisma.KeySecretOrderByWithRelationInput[] = [{ endsAt: { sort: "desc", nulls: "first" } }, { createdAt: "desc" }];
export const WITH = {
  secrets: { orderBy: LASTING_FIRST, take: 2 },
  owner: { select: { id: true, name: true } },
  org: { select: { id: true, name: true } },
} as const;
export type KeyRow = Prisma.KeyGetPayload<{ include: typeof WITH }>;

type Looking = Can<"keys.read"> | Can<"keys.update"> | Can<"keys.revoke">;

/** The keys an actor may see (or, with another permission, change or end): every look-up of a key starts here. */
export function visible(actor: Looking): Prisma.KeyWhereInput {
  const { orgId, environment, groupId, id, personId } = sightOf(actor);
  return {
    orgId,
    ...(environment === null ? {} : { environment }),
    ...(groupId === null ? {} : { groupId }),
    ...(id === null ? {} : { id }),
    ...(personId === null ? {} : { OR: [{ createdByType: "user", createdById: personId }, { ownerId: personId }] }),
  };
}

/** The same of a row of "Key" named k. */
export function visibleSql(actor: Looking): Prisma.Sql {
  const { orgId, environment, groupId, id, personId } = sightOf(actor);
  const conditions = [Prisma.sql`k."orgId" = ${orgId}`];
  if (environment !== null) conditions.push(Prisma.sql`k."environment" = ${environment}`);
  if (groupId !== null) conditions.push(Prisma.sql`k."groupId" = ${groupId}`);
  if (id !== null) conditions.push(Prisma.sql`k."id" = ${id}`);
  if (personId !== null)
    conditions.push(Prisma.sql`((k."createdByType" = 'user' and k."createdById" = ${personId}) or k."ownerId" = ${personId})`);
  return Prisma.join(conditions, " and ");
}

/** Null: any. An actor that has no id or group sees nothing where one is asked for. */
function sightOf(actor: Looking) {
  return {
    orgId: actor.orgId,
    environment: actor.type === "key" && actor.environment === "test" ? "test" : null,
    groupId: actor.reach === "group" ? (actor.groupId ?? "") : null,
    id: actor.reach === "own" && actor.type === "key" ? (actor.id ?? "") : null,
    personId: actor.reach === "own" && actor.type === "user" ? (actor.id ?? "") : null,
  };
}

export async function findKey(actor: Looking, id: string): Promise<KeyRow> {
  const row = isId("key", id) ? await db.key.findFirst({ where: { AND: [visible(actor), { id }] }, include: WITH }) : null;
  if (row === null) throw await outOfReach(db, actor, id);
  return row;
}

/** For a key that the actor does not reach: 403 with the rule if they may read it, and the 404 of a missing one if not. */
export async function outOfReach(from: Pick<Db, "key">, actor: Looking, id: string): Promise<AppError> {
  const seen = await from.key.findFirst({ where: { AND: [visible(authorize(actor, "keys.read")), { id }] }, select: { name: true } });
  if (seen === null) return notFound();
  const rule = `Your role, ${actor.role}, changes only the keys that you made or own, and "${seen.name}" is none of them.`;
  return new AppError("forbidden", `${rule} It takes admin or owner.`, { details: { [id]: seen.name } });
}

/** The view of a key: wire format, no secret, no hash. `at` in milliseconds decides its status. */
export function toKey(row: KeyRow, at: number): Key {
  const status = statusOf(row, at);
  const old = row.secrets.find((secret) => secret.endsAt !== null && secret.endsAt.getTime() > at) ?? null;
  return {
    id: row.id,
    object: "api_key",
    name: row.name,
    key_prefix: row.prefix,
    environment: row.environment as Key["environment"],
    group_id: row.groupId,
    organization_id: row.orgId,
    owner:
      row.owner === null
        ? { type: "organization", id: row.org.id, name: row.org.name }
        : { type: "member", id: row.owner.id, name: row.owner.name },
    access: row.access as Key["access"],
    scopes: row.scopes,
    is_active: !["revoked", "expired", "paused", "scheduled"].includes(status),
    status,
    created_at: row.createdAt.toISOString(),
    created_by: { type: row.createdByType, id: row.createdById, name: row.createdByName },
    expires_at: row.expiresAt?.toISOString() ?? null,
    not_before: row.notBefore?.toISOString() ?? null,
    last_used_at: row.lastUsedAt?.toISOString() ?? null,
    last_used_ip: row.lastUsedIp,
    request_count: Number(row.requestCount),
    rate_limit_rpm: row.requestsPerMinute,
    allowed_ips: row.allowedIps,
    metadata: row.metadata as Record<string, string>,
    rotation: old?.endsAt
      ? {
          started_at: row.secrets[0]?.createdAt.toISOString() ?? old.createdAt.toISOString(),
          ends_at: old.endsAt.toISOString(),
          old_key_prefix: old.prefix,
          old_last_used_at: old.lastUsedAt?.toISOString() ?? null,
        }
      : null,
    revoked_at: row.revokedAt?.toISOString() ?? null,
    revoked_reason: row.revokedReason,
  };
}

function statusOf(row: KeyRow, at: number): KeyStatus {
  const past = (instant: Date | null) => instant !== null && instant.getTime() <= at;
  if (row.revokedAt !== null) return "revoked";
  if (past(row.expiresAt)) return "expired";
  if (row.pausedAt !== null) return "paused";
  if (row.notBefore !== null && row.notBefore.getTime() > at) return "scheduled";
  if (row.secrets.some((secret) => secret.endsAt !== null && secret.endsAt.getTime() > at)) return "rotating";
  if (row.expiresAt !== null && row.expiresAt.getTime() <= at + EXPIRING_DAYS * 86_400_000) return "expiring";
  return "active";
}

export const targetOf = (key: Key) => ({ type: "api_key", id: key.id, name: key.name });
