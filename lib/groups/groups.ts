import "server-only";
import { type Actor, authorize, type Can } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { fromCursor, page } from "@/lib/cursor";
import { db, type Prisma, type Tx } from "@/lib/db";
import { AppError, invalid, notFound } from "@/lib/errors";
import type { ArchiveGroup, CreateGroup, Group, GroupFilter, UpdateGroup } from "@/lib/groups/schema";
import { isId, newId } from "@/lib/ids";
import { admits, normaliseList } from "@/lib/keys/addresses";
import { changeKeys, requireMayEnd } from "@/lib/keys/change-keys";
import { endRows, requireLower } from "@/lib/keys/keys";
import { type KeyRow, WITH as WITH_KEY } from "@/lib/keys/view";
import type { List } from "@/lib/schema";

/** With the keys that are neither revoked nor expired, of those that the actor may see. */
const withCount = (environment: Actor["environment"]) => {
  const alive = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date(now()) } }] };
  return { _count: { select: { keys: { where: { ...alive, ...(environment === "test" ? { environment } : {}) } } } } };
};
type GroupRow = Prisma.GroupGetPayload<{ include: ReturnType<typeof withCount> }>;

function visible(actor: Can<"groups.read">): Prisma.GroupWhereInput {
  return { orgId: actor.orgId, ...(actor.reach === "organization" ? {} : { id: actor.groupId ?? "" }) };
}

/** Open groups in the order they were made, or the archived ones. `key_count` counts keys neither revoked nor expired; to a test key, test keys. */
export async function listGroups(actor: Can<"groups.read">, query: GroupFilter): Promise<List<Group>> {
  const archived = query.archived === "true";
  const list = [actor.orgId, archived ? "archived groups" : "groups"];
  const mark = fromCursor(query.cursor, list);
  const after: Prisma.GroupWhereInput =
    mark === null
      ? {}
      : { OR: [{ createdAt: { gt: new Date(mark[0] ?? "") } }, { createdAt: new Date(mark[0] ?? ""), id: { gt: mark[1] ?? "" } }] };
  const rows = await db.group.findMany({
    where: { AND: [visible(actor), { archivedAt: archived ? { not: null } : null }, after] },
    include: withCount(actor.environment),
    orderBy: [{ createdAt: "asc" }, { id: "asc" }],
    take: query.limit + 1,
  });
  return page(rows, query.limit, list, toGroup, (row) => [row.createdAt.toISOString(), row.id]);
}

export async function getGroup(actor: Can<"groups.read">, id: string): Promise<Group> {
  const include = withCount(actor.environment);
  const row = isId("grp", id) ? await db.group.findFirst({ where: { AND: [visible(actor), { id }] }, include }) : null;
  if (row === null) throw notFound();
  return toGroup(row);
}

/** Makes a group. Names are unique among an organization's open groups (409). */
export async function createGroup(actor: Can<"groups.write">, input: CreateGroup): Promise<Group> {
  return change(actor, async (tx) => {
    await lockName(tx, actor.orgId, input.name);
    const settings = await settingsOf(tx, actor.orgId, input, { requestsPerMinute: null });
    const { group, event } = await insertGroup(tx, actor.orgId, { name: input.name, ...settings });
    return { result: group, events: [event] };
  });
}

interface GroupToInsert extends Partial<Settings> {
  name: string;
}

/** The write alone, for changes that make a group among other things. */
export async function insertGroup(tx: Tx, orgId: string, data: GroupToInsert): Promise<{ group: Group; event: Event }> {
  const at = new Date(now());
  const row = await tx.group.create({ data: { ...data, id: newId("grp", at.getTime()), orgId, createdAt: at }, include: withCount(null) });
  const group = toGroup(row);
  return { group, event: { action: "api_group.create", target: toTarget(group), after: group } };
}

/**
 * Changes what is given and leaves the rest. What is so already leaves no event. A limit may only lower the organization's; a key
 * may not shut itself out (400). An archived group stays as it is (409).
 */
export async function updateGroup(actor: Can<"groups.write">, id: string, input: UpdateGroup): Promise<Group> {
  return changeKeys(actor, [id], async (tx) => {
    const row = await lockGroup(tx, actor, id);
    if (row.archivedAt !== null) throw new AppError("conflict", `The group "${row.name}" is archived: it is only read.`);
    const settings = await settingsOf(tx, actor.orgId, input, row);
    if (input.name !== undefined && input.name !== row.name) await lockName(tx, actor.orgId, input.name, row.id);
    if (settings.allowedIps !== undefined) refuseOwnExclusion(actor, row.id, settings.allowedIps);
    const data = { ...settings, ...(input.name === undefined ? {} : { name: input.name }) };
    const [before, after] = [toGroup(row), toGroup({ ...row, ...data })];
    if (JSON.stringify(before) === JSON.stringify(after)) return { result: before, events: [] };
    await tx.group.update({ where: { id: row.id }, data });
    return { result: after, events: [{ action: "api_group.update", target: toTarget(after), before, after }] };
  });
}

/**
 * Takes a group out of use: it and its keys stay readable. Live keys (neither revoked nor expired) are 409, unless they are to be
 * revoked with it: all in one transaction, each with its event. An archived group is answered as it is.
 */
export async function archiveGroup(actor: Can<"groups.write">, id: string, query: ArchiveGroup): Promise<Group> {
  const revoker = query.revoke_keys === "true" ? authorize(actor, "keys.revoke") : null;
  return changeKeys(actor, [id], async (tx, at) => {
    const row = await lockGroup(tx, actor, id);
    const keys = await lockLiveKeys(tx, row.id, at);
    if (keys.length > 0) {
      if (revoker === null || keys.length > MOST_AT_ONCE) throw hasLiveKeys(row.name, keys.length);
      await requireMayEnd(tx, revoker, keys);
    }
    const before = toGroup(row);
    if (row.archivedAt !== null && keys.length === 0) return { result: before, events: [] };
    const ended = await endRows(tx, keys, `The group ${row.name} was archived`, at);
    await tx.group.update({ where: { id: row.id }, data: { archivedAt: row.archivedAt ?? at } });
    const after = toGroup(await tx.group.findUniqueOrThrow({ where: { id: row.id }, include: withCount(null) }));
    return { result: after, events: [{ action: "api_group.archive", target: toTarget(after), before, after }, ...ended.events] };
  });
}

/** Keys that one transaction revokes: more of them, each with its event, could take longer than it may. */
const MOST_AT_ONCE = 1_000;

function hasLiveKeys(name: string, count: number): AppError {
  const keys = count === 1 ? "1 live key" : `${count} live keys`;
  const or = count > MOST_AT_ONCE ? ` At most ${MOST_AT_ONCE} are revoked with it.` : "";
  return new AppError("conflict", `The group "${name}" has ${keys}. Revoke or move them first, or archive it with revoke_keys=true.${or}`, {
    details: { live_keys: String(count) },
  });
}

/** As they are until the transaction ends; none joins them, since the group is held. */
async function lockLiveKeys(tx: Tx, groupId: string, at: Date): Promise<KeyRow[]> {
  await tx.$queryRaw`select 1 from "Key" where "groupId" = ${groupId} and "revokedAt" is null order by "id" for no key update`;
  return tx.key.findMany({
    where: { groupId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: at } }] },
    include: WITH_KEY,
    orderBy: { id: "asc" },
  });
}

/** Throws 409 for a name that another open group has. Two of one name at once: one waits, then sees the other. */
async function lockName(tx: Tx, orgId: string, name: string, but = ""): Promise<void> {
  await tx.$queryRaw`select 1 from "Org" where "id" = ${orgId} for no key update`;
  const [twin] = await tx.$queryRaw<
    { name: string }[]
  >`select "name" from "Group" where "orgId" = ${orgId} and "id" <> ${but} and "archivedAt" is null and lower("name") = lower(${name})`;
  if (twin !== undefined)
    throw new AppError("conflict", `A group called "${twin.name}" exists already.`, { details: { name: "is taken" } });
}

/** No key is put into the group meanwhile: that needs a lock on it, too. */
async function lockGroup(tx: Tx, actor: Can<"groups.write">, id: string): Promise<GroupRow> {
  if (!isId("grp", id)) throw notFound();
  await tx.$queryRaw`select 1 from "Group" where "id" = ${id} and "orgId" = ${actor.orgId} for no key update`;
  const row = await tx.group.findFirst({ where: { id, orgId: actor.orgId }, include: withCount(null) });
  if (row === null) throw notFound();
  return row;
}

interface Settings {
  description: string;
  requestsPerMinute: number | null;
  allowedIps: string[];
}

/** What of the input is to be written, in canonical form. The organization's limit is the ceiling of a group's. */
async function settingsOf(
  tx: Tx,
  orgId: string,
  input: UpdateGroup,
  current: { requestsPerMinute: number | null },
): Promise<Partial<Settings>> {
  const addresses = normaliseList(input.allowed_ips ?? []);
  if (!addresses.ok) throw invalid(addresses.wrong);
  const limit = input.rate_limit_rpm;
  if (typeof limit === "number") {
    const org = await tx.org.findUniqueOrThrow({ where: { id: orgId }, include: { plan: true } });
    requireLower(limit, current.requestsPerMinute, org.requestsPerMinute ?? org.plan.requestsPerMinute, "group");
  }
  return {
    ...(input.description === undefined ? {} : { description: input.description }),
    ...(limit === undefined ? {} : { requestsPerMinute: limit }),
    ...(input.allowed_ips === undefined ? {} : { allowedIps: addresses.list }),
  };
}

/** A program that shuts itself out could not open the door again. */
function refuseOwnExclusion(actor: Actor, groupId: string, allowedIps: string[]): void {
  if (actor.type === "key" && actor.groupId === groupId && !admits(allowedIps, actor.request.ip))
    throw invalid({ allowed_ips: `must hold ${actor.request.ip ?? "the address"}, from which this key calls` });
}

const toTarget = (group: Group) => ({ type: "api_group", id: group.id, name: group.name });

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
