import "server-only";
import type { Can } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { type Db, db, type Tx } from "@/lib/db";
import { AppError, type ErrorType, notFound, postgresCodeOf } from "@/lib/errors";
import { isId, newId, orgIdFrom } from "@/lib/ids";
import { normaliseList } from "@/lib/keys/addresses";
import { formOfImport } from "@/lib/keys/forms";
import { checkRoom } from "@/lib/keys/keys";
import type { ImportKeys, ImportResult } from "@/lib/keys/schema";
import { type Form, isPrintable } from "@/lib/keys/secret";

/**
 * Keys that were made and hashed elsewhere become keys here, under their own text. All or none, in one change: the rows go in by the
 * thousand as JSON, and the log has an event for every 500 of them, under the group, that names their ids.
 */

type Imported = ImportKeys["keys"][number];
type Reader = Pick<Db, "org" | "group" | "key" | "$queryRaw">;

const MOST_DETAILS = 100;
const ROWS_AT_ONCE = 2_500;
const IDS_PER_EVENT = 500;
/** Characters of a secret that stand neither in the declared prefix nor in what is shown. */
const LEAST_UNSAID = 16;

/** Throws not_found for organization or group, invalid_request or conflict naming the entries (`keys.7.hash`), of which the first 100 are told. */
export async function importKeys(actor: Can<"keys.import">, input: ImportKeys): Promise<ImportResult> {
  const at = new Date(now());
  const form = await formOf(input);
  if (input.dry_run === true) {
    const { keys } = await examine(db, input, at);
    return { dry_run: true, imported: 0, data: keys.map(({ name }, index) => ({ index, id: null, name })) };
  }
  try {
    return await change(actor, async (tx) => {
      await tx.$queryRaw`select 1 from "Group" where "id" = ${input.group_id} for no key update`; // nobody archives it meanwhile
      await tx.$queryRaw`select 1 from "Org" where "id" = ${orgIdFrom(input.organization_id)} for no key update`; // keys are counted: one after the other
      const { orgId, group, keys } = await examine(tx, input, at);
      const rows = keys.map((key) => ({ ...key, id: newId("key", at.getTime()), secretId: newId("sec", at.getTime()) }));
      for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
        await insertRows(tx, actor, { orgId, groupId: group.id, at }, rows.slice(from, from + ROWS_AT_ONCE));
      await tx.secretForm.createMany({ data: [form], skipDuplicates: true });
      const events = inParts(rows, IDS_PER_EVENT).map(
        (part): Event => ({
          action: "api_key.import",
          target: { type: "api_group", id: group.id, name: group.name },
          after: { imported: rows.length, prefix: form.prefix, length: form.length, keys: part.map(({ id }) => id) },
          chain: orgId,
        }),
      );
      const data = rows.map(({ id, name }, index) => ({ index, id, name }));
      return { result: { dry_run: false, imported: rows.length, data }, events: events as [Event, ...Event[]] };
    });
  } catch (error) {
    if (postgresCodeOf(error) !== "23505") throw error;
    throw new AppError("conflict", "Somebody imported one of these hashes a moment ago. Nothing was imported; try again.");
  }
}

async function formOf({ prefix, length, keys }: ImportKeys): Promise<Form> {
  const made = await formOfImport(prefix, length);
  const wrong: Record<string, string> = {};
  if (!made.ok) wrong.prefix = made.why;
  if (length < prefix.length + LEAST_UNSAID)
    wrong.length = `leaves less than ${LEAST_UNSAID} characters after the prefix, which could be guessed`;
  if (!made.ok || Object.keys(wrong).length > 0) throw refusal("invalid_request", wrong, keys.length);
  return made.form;
}

interface Row {
  hash: string;
  name: string;
  prefix: string;
  environment: string;
  access: string;
  scopes: string[];
  expiresAt: string | null;
  requestsPerMinute: number | null;
  allowedIps: string[];
  metadata: Record<string, string>;
}

/** What would be written. Throws what stands against it. */
async function examine(
  read: Reader,
  input: ImportKeys,
  at: Date,
): Promise<{ orgId: string; group: { id: string; name: string }; keys: Row[] }> {
  const orgId = orgIdFrom(input.organization_id);
  const org = isId("org", orgId) ? await read.org.findUnique({ where: { id: orgId }, include: { plan: true } }) : null;
  if (org === null) throw notFound();
  const group = isId("grp", input.group_id)
    ? await read.group.findFirst({ where: { id: input.group_id, orgId, archivedAt: null }, select: { id: true, name: true } })
    : null;
  if (group === null) throw notFound();

  const orgScopes = org.scopes.length > 0 ? org.scopes : org.plan.scopes;
  const wrong: Record<string, string> = {};
  const seen = new Map<string, number>();
  const keys = input.keys.map((key, index): Row => {
    const hash = key.hash.toLowerCase();
    const twin = seen.get(hash);
    if (twin === undefined) seen.set(hash, index);
    else wrong[`keys.${index}.hash`] = `is the same as keys.${twin}.hash`;
    const allowed = normaliseList(key.allowed_ips ?? []);
    const faults = { ...faultsOf(key, input, orgScopes, at), ...(allowed.ok ? {} : allowed.wrong) };
    for (const [field, why] of Object.entries(faults)) wrong[`keys.${index}.${field}`] = why;
    return {
      hash,
      name: key.name,
      prefix: key.key_prefix ?? input.prefix,
      environment: key.environment ?? "live",
      access: key.access ?? "full",
      scopes: [...new Set(key.scopes ?? orgScopes)],
      expiresAt: key.expires_at == null ? null : new Date(key.expires_at).toISOString(),
      requestsPerMinute: key.rate_limit_rpm ?? null,
      allowedIps: allowed.ok ? allowed.list : [],
      metadata: key.metadata ?? {},
    };
  });
  if (Object.keys(wrong).length > 0) throw refusal("invalid_request", wrong, keys.length);

  const known = await read.$queryRaw<{ hash: string }[]>`
    select encode("hash", 'hex') as "hash" from "KeySecret"
    where "hash" in (select decode(h, 'hex') from json_array_elements_text(${JSON.stringify([...seen.keys()])}::json) as h)`;
  for (const { hash } of known) wrong[`keys.${seen.get(hash)}.hash`] = "belongs to a key that is here already";
  if (known.length > 0) throw refusal("conflict", wrong, keys.length);

  await checkRoom(read, orgId, keys.length);
  return { orgId, group, keys };
}

function faultsOf(key: Imported, { prefix, length }: ImportKeys, orgScopes: string[], at: Date): Record<string, string> {
  const wrong: Record<string, string> = {};
  const shown = key.key_prefix;
  if (shown !== undefined) {
    if (!shown.startsWith(prefix)) wrong.key_prefix = `does not begin with ${prefix}`;
    else if (!isPrintable(shown)) wrong.key_prefix = "may have printable ASCII characters only";
    else if (shown.length > length - LEAST_UNSAID) wrong.key_prefix = `shows more than ${length - LEAST_UNSAID} characters of the secret`;
  }
  const foreign = key.scopes?.filter((scope) => !orgScopes.includes(scope)) ?? [];
  if (foreign.length > 0) wrong.scopes = `are not of the organization's: ${foreign.join(", ")}`;
  if (key.expires_at && new Date(key.expires_at) <= at) wrong.expires_at = "must be in the future";
  return wrong;
}

function refusal(type: ErrorType, wrong: Record<string, string>, keys: number): AppError {
  const all = Object.entries(wrong);
  const words = all.slice(0, 3).map(([path, why]) => `${path} ${why}`);
  const more = all.length > 3 ? `, and ${all.length - 3} more` : "";
  return new AppError(type, `None of the ${keys} keys was imported: ${words.join("; ")}${more}.`, {
    details: Object.fromEntries(all.slice(0, MOST_DETAILS)),
  });
}

/** One statement for each table: what Prisma would send as 100,000 parameters goes as one. */
async function insertRows(
  tx: Tx,
  actor: Can<"keys.import">,
  { orgId, groupId, at }: { orgId: string; groupId: string; at: Date },
  rows: (Row & { id: string; secretId: string })[],
): Promise<void> {
  const json = JSON.stringify(rows);
  const createdAt = at.toISOString();
  await tx.$executeRaw`
    insert into "Key" ("id", "orgId", "groupId", "name", "environment", "access", "scopes", "createdByType", "createdById", "createdByName",
      "requestsPerMinute", "allowedIps", "metadata", "expiresAt", "createdAt", "prefix")
    select "id", ${orgId}, ${groupId}, "name", "environment", "access", "scopes", ${actor.type}, ${actor.id ?? actor.type}, ${actor.name},
      "requestsPerMinute", "allowedIps", "metadata", "expiresAt", ${createdAt}::timestamptz, "prefix"
    from json_to_recordset(${json}::json) as row ("id" text, "name" text, "environment" text, "access" text, "scopes" text[],
      "requestsPerMinute" int, "allowedIps" text[], "metadata" jsonb, "expiresAt" timestamptz, "prefix" text)`;
  await tx.$executeRaw`
    insert into "KeySecret" ("id", "keyId", "hash", "prefix", "imported", "createdAt")
    select "secretId", "id", decode("hash", 'hex'), "prefix", true, ${createdAt}::timestamptz
    from json_to_recordset(${json}::json) as row ("id" text, "secretId" text, "hash" text, "prefix" text)`;
}

function inParts<T>(list: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / most) }, (_, i) => list.slice(i * most, (i + 1) * most));
}
