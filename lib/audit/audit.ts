import "server-only";
import type { Can } from "@/lib/access/permissions";
import type { AuditEvent, AuditFilter } from "@/lib/audit/schema";
import { fromCursor, page } from "@/lib/cursor";
import { db, type Prisma } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { type List, rangeOf } from "@/lib/schema";

type Row = Prisma.AuditEventGetPayload<object>;

/** What an actor may read: the organization's log, or of it what concerns some keys (of one group, of the test environment). */
async function visible(actor: Can<"audit.read">): Promise<Prisma.AuditEventWhereInput> {
  if (actor.reach === "organization" && actor.environment !== "test") return { chain: actor.orgId };
  const keys = await db.key.findMany({
    where: {
      orgId: actor.orgId,
      ...(actor.reach === "group" ? { groupId: actor.groupId ?? "" } : {}),
      ...(actor.environment === "test" ? { environment: "test" } : {}),
    },
    select: { id: true },
  });
  const ids = [...keys.map((key) => key.id), ...(actor.reach === "group" ? [actor.groupId ?? ""] : [])];
  return { chain: actor.orgId, OR: [{ targetId: { in: ids } }, { actorId: { in: ids } }] };
}

/** The audit log, newest first. `api_key` is an id or a prefix, `user` an id or an e-mail, `event_type` a type or an exact action. */
export async function listAudit(actor: Can<"audit.read">, query: AuditFilter): Promise<List<AuditEvent>> {
  const { from, to } = rangeOf(query, (message) => {
    throw new AppError("invalid_request", `The dates are not a span: ${message}.`, {
      details: { [query.end_date === undefined ? "end" : "end_date"]: message },
    });
  });
  const list = [actor.orgId, "audit", from, to, query.api_key ?? "", query.user ?? "", query.event_type ?? "", query.target ?? ""];
  const mark = fromCursor(query.cursor, list);
  const and: Prisma.AuditEventWhereInput[] = [await visible(actor)];
  if (from !== null) and.push({ createdAt: { gte: from } });
  if (to !== null) and.push({ createdAt: { lt: to } });
  if (query.event_type !== undefined)
    and.push(query.event_type.includes(".") ? { action: query.event_type } : { eventType: query.event_type });
  if (query.api_key !== undefined) {
    const ids = await keyIds(actor.orgId, query.api_key);
    and.push({ OR: [{ targetId: { in: ids } }, { actorId: { in: ids } }] });
  }
  if (query.user !== undefined) {
    const ids = await userIds(query.user);
    and.push({ OR: [{ actorId: { in: ids } }, { targetId: { in: ids } }] });
  }
  if (query.target !== undefined) and.push({ targetId: query.target });
  if (mark !== null) and.push({ sequence: { lt: Number(mark[0]) } });
  const rows = await db.auditEvent.findMany({ where: { AND: and }, orderBy: { sequence: "desc" }, take: query.limit + 1 });
  return page(rows, query.limit, list, toAuditEvent, (row) => [String(row.sequence)]);
}

async function keyIds(orgId: string, idOrPrefix: string): Promise<string[]> {
  if (idOrPrefix.startsWith("key_")) return [idOrPrefix];
  const keys = await db.key.findMany({ where: { orgId, secrets: { some: { prefix: idOrPrefix } } }, select: { id: true } });
  return keys.map((key) => key.id);
}

async function userIds(idOrEmail: string): Promise<string[]> {
  if (!idOrEmail.includes("@")) return [idOrEmail];
  const user = await db.user.findUnique({ where: { email: idOrEmail.trim().toLowerCase() }, select: { id: true } });
  return user === null ? [] : [user.id];
}

function toAuditEvent(row: Row): AuditEvent {
  return {
    id: row.id,
    sequence: row.sequence,
    action: row.action,
    event_type: row.eventType as AuditEvent["event_type"],
    actor: { type: row.actorType, id: row.actorId, name: row.actorName, role: row.actorRole },
    target: { type: row.targetType, id: row.targetId, name: row.targetName },
    before: row.before,
    after: row.after,
    ip: row.ip,
    country: row.country,
    user_agent: row.userAgent,
    request_id: row.requestId,
    created_at: row.createdAt.toISOString(),
    previous_hash: row.previousHash,
    hash: row.hash,
  };
}
