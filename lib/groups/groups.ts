import "server-only";
import type { Can } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { fromCursor, page } from "@/lib/cursor";
import { db, type Prisma, type Tx } from "@/lib/db";
import { AppError, notFound } from "@/lib/errors";
import type { CreateGroup, Group, GroupFilter } from "@/lib/groups/schema";
import { isId, newId } from "@/lib/ids";
import type { List } from "@/lib/schema";

const WITH = { _count: { select: { keys: { where: { revokedAt: null } } } } } as const;
type GroupRow = Prisma.GroupGetPayload<{ include: typeof WITH }>;

function visible(actor: Can<"groups.read">): Prisma.GroupWhereInput {
  return { orgId: actor.orgId, ...(actor.reach === "organization" ? {} : { id: actor.groupId ?? "" }) };
}

/** Groups in the order they were made; archived ones stay readable but are not listed. `key_count` counts keys that are not revoked. */
export async function listGroups(actor: Can<"groups.read">, query: GroupFilter): Promise<List<Group>> {
  const list = [actor.orgId, "groups"];
  const mark = fromCursor(query.cursor, list);
  const after: Prisma.GroupWhereInput =
    mark === null
      ? {}
      : { OR: [{ createdAt: { gt: new Date(mark[0] ?? "") } }, { createdAt: new Date(mark[0] ?? ""), id: { gt: mark[1] ?? "" } }] };
  const rows = await db.group.findMany({
    where: { AND: [visible(actor), { archivedAt: null }, after] },
    include: WITH,
    orderBy: [{ createdAt: "asc" }, { id: "asc" }],
    take: query.limit + 1,
  });
  return page(rows, query.limit, list, toGroup, (row) => [row.createdAt.toISOString(), row.id]);
}

export async function getGroup(actor: Can<"groups.read">, id: string): Promise<Group> {
  const row = isId("grp", id) ? await db.group.findFirst({ where: { AND: [visible(actor), { id }] }, include: WITH }) : null;
  if (row === null) throw notFound();
  return toGroup(row);
}

/** Makes a group. Names are unique among an organization's open groups (409). */
export async function createGroup(actor: Can<"groups.write">, input: CreateGroup): Promise<Group> {
  return change(actor, async (tx) => {
    await tx.$queryRaw`select 1 from "Org" where "id" = ${actor.orgId} for update`; // two of one name at once: one waits, then sees the other
    const [twin] = await tx.$queryRaw<
      { name: string }[]
    >`select "name" from "Group" where "orgId" = ${actor.orgId} and "archivedAt" is null and lower("name") = lower(${input.name})`;
    if (twin !== undefined)
      throw new AppError("conflict", `A group called "${twin.name}" exists already.`, { details: { name: "is taken" } });
    const { group, event } = await insertGroup(tx, actor.orgId, input);
    return { result: group, events: [event] };
  });
}

/** The write alone, for changes that make a group among other things. */
export async function insertGroup(tx: Tx, orgId: string, input: CreateGroup): Promise<{ group: Group; event: Event }> {
  const at = new Date(now());
  const row = await tx.group.create({
    data: { id: newId("grp", at.getTime()), orgId, name: input.name, description: input.description ?? "", createdAt: at },
    include: WITH,
  });
  const group = toGroup(row);
  return { group, event: { action: "api_group.create", target: { type: "api_group", id: group.id, name: group.name }, after: group } };
}

export function toGroup(row: GroupRow): Group {
  return {
    id: row.id,
    object: "api_group",
    name: row.name,
    description: row.description,
    organization_id: row.orgId,
    rate_limit_rpm: row.requestsPerMinute,
    allowed_ips: row.allowedIps,
    key_count: row._count.keys,
    created_at: row.createdAt.toISOString(),
    archived_at: row.archivedAt?.toISOString() ?? null,
  };
}
