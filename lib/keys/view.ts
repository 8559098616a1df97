import "server-only";
import type { Can } from "@/lib/access/permissions";
import { db, type Prisma } from "@/lib/db";
import { notFound } from "@/lib/errors";
import { isId } from "@/lib/ids";
import type { Key, KeyStatus } from "@/lib/keys/schema";

/** Which keys an actor sees, and how a key looks from outside. */

export const EXPIRING_DAYS = 14;
const LIVE_SECRETS = { orderBy: { createdAt: "desc" }, take: 2 } as const;
export const WITH = {
  secrets: LIVE_SECRETS,
  owner: { select: { id: true, name: true } },
  org: { select: { id: true, name: true } },
} as const;
export type KeyRow = Prisma.KeyGetPayload<{ include: typeof WITH }>;

/** The keys an actor may see (or, with another permission, change or end): every look-up of a key starts here. */
export function visible(actor: Can<"keys.read"> | Can<"keys.update"> | Can<"keys.revoke">): Prisma.KeyWhereInput {
  const where: Prisma.KeyWhereInput = { orgId: actor.orgId };
  if (actor.type === "key" && actor.environment === "test") where.environment = "test";
  if (actor.reach === "group") where.groupId = actor.groupId ?? "";
  if (actor.reach === "own" && actor.type === "key") where.id = actor.id ?? "";
  if (actor.reach === "own" && actor.type === "user")
    where.OR = [{ createdByType: "user", createdById: actor.id ?? "" }, { ownerId: actor.id ?? "" }];
  return where;
}

export async function findKey(actor: Can<"keys.read"> | Can<"keys.update"> | Can<"keys.revoke">, id: string): Promise<KeyRow> {
  const row = isId("key", id) ? await db.key.findFirst({ where: { AND: [visible(actor), { id }] }, include: WITH }) : null;
  if (row === null) throw notFound();
  return row;
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
