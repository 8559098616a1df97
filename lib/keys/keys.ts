import "server-only";
import { type Access, type Actor, accessIncludes, type Can } from "@/lib/access/permissions";
import { change, confirmForgotten, type Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import type { Tx } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, isAppError, notFound } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { normaliseEntry } from "@/lib/keys/addresses";
import { inherit, type Powers } from "@/lib/keys/ceiling";
import type { CreateKey, Key, NewKey, RevokeKey } from "@/lib/keys/schema";
import { newSecret } from "@/lib/keys/secret";
import { findKey, targetOf, toKey, WITH } from "@/lib/keys/view";
import { activityOf } from "@/lib/usage/logs";
import type { Activity } from "@/lib/usage/schema";

export async function getKey(actor: Can<"keys.read">, id: string): Promise<Key> {
  return toKey(await findKey(actor, id), now());
}

/** Makes a key and gives back its secret, this once. Of a key's child, nothing goes beyond the parent (403, naming the part). */
export async function createKey(actor: Can<"keys.create">, input: CreateKey): Promise<NewKey> {
  return change(actor, async (tx) => {
    const at = new Date(now());
    const org = await tx.org.findUniqueOrThrow({ where: { id: actor.orgId }, include: { plan: true } });
    const parent = actor.type === "key" ? await tx.key.findUniqueOrThrow({ where: { id: actor.id ?? "" } }) : null;
    const group = await groupFor(tx, actor, input.group_id);
    const powers = powersOf(
      actor,
      input,
      parent === null ? null : toPowers(parent),
      org.scopes.length > 0 ? org.scopes : org.plan.scopes,
      at,
    );
    const notBefore = input.not_before ? new Date(input.not_before) : null;
    if (notBefore !== null && powers.expiresAt !== null && notBefore >= powers.expiresAt)
      refuse({ not_before: "must be before expires_at" });

    const { key, event } = await insertKey(tx, {
      ...powers,
      orgId: actor.orgId,
      groupId: group.id,
      name: input.name,
      ownerId: ownerOf(actor, input, parent),
      parentId: parent?.id ?? null,
      createdBy: actor,
      metadata: input.metadata ?? {},
      notBefore,
    });
    return { result: key, events: [event] };
  });
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

/** Ends a key for good. Ending it again changes nothing and answers the same. */
export async function revokeKey(actor: Can<"keys.revoke">, id: string, input: RevokeKey): Promise<Key> {
  const seen = await findKey(actor, id);
  if (actor.type === "key" && actor.id !== seen.id && !accessIncludes(actor.role as Access, seen.access as Access)) {
    beyond(
      { access: `this key's access, ${actor.role}, does not hold the other's, ${seen.access}` },
      "A key ends none that is stronger than itself.",
    );
  }
  if (seen.revokedAt !== null) {
    await confirmForgotten([seen.id]);
    return toKey(seen, now());
  }
  try {
    return await change(actor, async (tx) => {
      const at = new Date(now());
      const ended = await tx.key.updateMany({
        where: { id: seen.id, orgId: actor.orgId, revokedAt: null },
        data: { revokedAt: at, revokedReason: input.reason ?? null },
      });
      if (ended.count === 0) throw new AppError("conflict", "Somebody else revoked this key a moment ago.");
      const key = toKey(await tx.key.findUniqueOrThrow({ where: { id: seen.id }, include: WITH }), at.getTime());
      return { result: key, events: [{ action: "api_key.revoke", target: targetOf(key), before: toKey(seen, at.getTime()), after: key }] };
    });
  } catch (error) {
    if (!isAppError(error) || error.type !== "conflict") throw error;
    await confirmForgotten([seen.id]);
    return toKey(await findKey(actor, id), now());
  }
}

/** What the key did in the last 24 hours: who would notice if it were gone. */
export async function keyActivity(actor: Can<"keys.read">, id: string): Promise<Activity> {
  const key = await findKey(actor, id);
  return activityOf(actor.orgId, key.id, new Date(now() - 86_400_000));
}

async function groupFor(tx: Tx, actor: Can<"keys.create">, asked: string | undefined): Promise<{ id: string }> {
  const open = { orgId: actor.orgId, archivedAt: null, ...(actor.reach === "group" ? { id: actor.groupId ?? "" } : {}) };
  if (asked !== undefined) {
    const group = await tx.group.findFirst({ where: { AND: [open, { id: asked }] } });
    if (group === null) throw notFound();
    return group;
  }
  if (actor.groupId !== null) return { id: actor.groupId };
  const groups = await tx.group.findMany({ where: open, take: 2 });
  if (groups.length === 0) refuse({ group_id: "create a group first: every key belongs to one" });
  if (groups.length > 1) refuse({ group_id: "is needed: the organization has more than one group" });
  return groups[0] as { id: string };
}

function powersOf(actor: Can<"keys.create">, input: CreateKey, parent: Powers | null, orgScopes: string[], at: Date): Powers {
  const addresses = input.allowed_ips?.map((entry) => normaliseEntry(entry));
  const wrong = Object.fromEntries((addresses ?? []).flatMap((entry, i) => (entry.ok ? [] : [[`allowed_ips.${i}`, entry.why]])));
  if (Object.keys(wrong).length > 0) refuse(wrong);
  const asked: Partial<Powers> = {
    ...(input.environment === undefined ? {} : { environment: input.environment }),
    ...(input.access === undefined ? {} : { access: input.access }),
    ...(input.scopes === undefined ? {} : { scopes: [...new Set(input.scopes)] }),
    ...(input.expires_at === undefined ? {} : { expiresAt: input.expires_at === null ? null : new Date(input.expires_at) }),
    ...(input.rate_limit_rpm === undefined ? {} : { requestsPerMinute: input.rate_limit_rpm }),
    ...(addresses === undefined ? {} : { allowedIps: [...new Set(addresses.flatMap((entry) => (entry.ok ? [entry.value] : [])))] }),
  };
  if (asked.expiresAt && asked.expiresAt <= at) refuse({ expires_at: "must be in the future" });
  const foreign = asked.scopes?.filter((scope) => !orgScopes.includes(scope)) ?? [];
  if (foreign.length > 0) beyond({ scopes: `the organization's plan does not have ${foreign.join(", ")}` });
  const made = inherit(parent ?? ceilingOfPerson(actor, orgScopes), parent === null ? { access: "full", ...asked } : asked);
  return made.ok ? made.powers : beyond(made.beyond);
}

/** A person may not make a key that does more than they may: what an admin key does takes an admin or owner. */
function ceilingOfPerson(actor: Can<"keys.create">, orgScopes: string[]): Powers {
  return {
    environment: "live",
    access: actor.role === "developer" ? "full" : "admin",
    scopes: orgScopes,
    expiresAt: null,
    requestsPerMinute: null,
    allowedIps: [],
  };
}

function toPowers(key: {
  environment: string;
  access: string;
  scopes: string[];
  expiresAt: Date | null;
  requestsPerMinute: number | null;
  allowedIps: string[];
}): Powers {
  const { scopes, expiresAt, requestsPerMinute, allowedIps } = key;
  return {
    environment: key.environment as Powers["environment"],
    access: key.access as Powers["access"],
    scopes,
    expiresAt,
    requestsPerMinute,
    allowedIps,
  };
}

function ownerOf(actor: Can<"keys.create">, input: CreateKey, parent: { ownerId: string | null } | null): string | null {
  if (actor.type === "user") return input.owner === "organization" ? null : actor.id;
  if (input.owner === "organization") return null;
  return parent?.ownerId ?? null;
}

function refuse(details: Record<string, string>): never {
  throw new AppError(
    "invalid_request",
    Object.entries(details)
      .map(([path, why]) => `${path}: ${why}`)
      .join("; "),
    { details },
  );
}

function beyond(details: Record<string, string>, rule = "The new key would be stronger than allowed."): never {
  throw new AppError(
    "insufficient_scope",
    `${rule} ${Object.entries(details)
      .map(([path, why]) => `${path}: ${why}`)
      .join("; ")}.`,
    { details },
  );
}
