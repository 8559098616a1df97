import "server-only";
import type { Can } from "@/lib/access/permissions";
import { fromCursor, page } from "@/lib/cursor";
import { db, type Prisma } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { type List, rangeOf } from "@/lib/schema";
import type { Activity, LogFilter, LogRow } from "@/lib/usage/schema";

type UsageRow = Prisma.UsageEventGetPayload<object>;

/** The rows an actor may see. */
export function visible(actor: Can<"logs.read"> | Can<"usage.read">): { orgId: string; groupId?: string; environment?: string } {
  return {
    orgId: actor.orgId,
    ...(actor.reach === "group" ? { groupId: actor.groupId ?? "" } : {}),
    ...(actor.type === "key" && actor.environment === "test" ? { environment: "test" } : {}),
  };
}

/** The request log, newest first. */
export async function listLogs(actor: Can<"logs.read">, query: LogFilter): Promise<List<LogRow>> {
  const { from, to } = rangeOf(query, (message) => {
    throw new AppError("invalid_request", `The dates are not a span: ${message}.`, {
      details: { [query.end_date === undefined ? "end" : "end_date"]: message },
    });
  });
  const list = [
    actor.orgId,
    "logs",
    from,
    to,
    query.key_id ?? "",
    query.group_id ?? "",
    query.status ?? "",
    query.route ?? "",
    query.request_id ?? "",
  ];
  const mark = fromCursor(query.cursor, list);
  const and: Prisma.UsageEventWhereInput[] = [visible(actor)];
  if (from !== null) and.push({ createdAt: { gte: from } });
  if (to !== null) and.push({ createdAt: { lt: to } });
  if (query.key_id !== undefined) and.push({ keyId: query.key_id });
  if (query.group_id !== undefined) and.push({ groupId: query.group_id });
  if (query.route !== undefined) and.push({ route: query.route });
  if (query.request_id !== undefined) and.push({ requestId: query.request_id });
  if (query.status?.endsWith("xx")) and.push({ status: { gte: Number(query.status[0]) * 100, lt: Number(query.status[0]) * 100 + 100 } });
  else if (query.status !== undefined) and.push({ status: Number(query.status) });
  if (mark !== null)
    and.push({
      OR: [{ createdAt: { lt: new Date(mark[0] ?? "") } }, { createdAt: new Date(mark[0] ?? ""), requestId: { lt: mark[1] ?? "" } }],
    });
  const rows = await db.usageEvent.findMany({
    where: { AND: and },
    orderBy: [{ createdAt: "desc" }, { requestId: "desc" }],
    take: query.limit + 1,
  });
  return page(rows, query.limit, list, toLogRow, (row) => [row.createdAt.toISOString(), row.requestId]);
}

/** What one key did since an instant: calls, addresses (the busiest five), routes (the busiest five), the last call. */
export async function activityOf(orgId: string, keyId: string, since: Date): Promise<Activity> {
  const where = { orgId, keyId, createdAt: { gte: since } };
  const count = (of: Prisma.UsageEventWhereInput) =>
    db.usageEvent.aggregate({ where: of, _sum: { calls: true } }).then(({ _sum }) => _sum.calls ?? 0);
  const [calls, refused, addresses, routes, last] = await Promise.all([
    count(where),
    count({ ...where, outcome: { notIn: ["accepted", "error"] } }),
    db.usageEvent.groupBy({
      by: ["ip", "country"],
      where,
      _sum: { calls: true },
      _max: { createdAt: true },
      orderBy: { _sum: { calls: "desc" } },
    }),
    db.usageEvent.groupBy({ by: ["method", "route"], where, _sum: { calls: true }, orderBy: { _sum: { calls: "desc" } }, take: 5 }),
    db.usageEvent.findFirst({ where, orderBy: [{ createdAt: "desc" }, { requestId: "desc" }] }),
  ]);
  return {
    since: since.toISOString(),
    calls,
    refused,
    addresses: addresses
      .slice(0, 5)
      .map((a) => ({ ip: a.ip, country: a.country, calls: a._sum.calls ?? 0, last_at: (a._max.createdAt ?? since).toISOString() })),
    address_count: addresses.length,
    routes: routes.map((r) => ({ method: r.method, route: r.route, calls: r._sum.calls ?? 0 })),
    last_call: last === null ? null : toLogRow(last),
  };
}

export function toLogRow(row: UsageRow): LogRow {
  return {
    request_id: row.requestId,
    created_at: row.createdAt.toISOString(),
    key_id: row.keyId,
    key_prefix: row.keyPrefix,
    group_id: row.groupId,
    environment: row.environment as LogRow["environment"],
    method: row.method,
    route: row.route,
    status: row.status,
    outcome: row.outcome,
    latency_ms: row.latencyUs / 1000,
    ip: row.ip,
    country: row.country,
    user_agent: row.userAgent,
    credits: row.credits,
    calls: row.calls,
  };
}
