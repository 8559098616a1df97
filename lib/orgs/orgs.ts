import "server-only";
import { createHash, randomBytes } from "node:crypto";
import type { Can, Role } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { grantCredits } from "@/lib/credits/credits";
import { db, type Prisma, type Tx } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, invalid, notFound } from "@/lib/errors";
import { insertGroup } from "@/lib/groups/groups";
import { clientIdOf, isId, newId, orgIdFrom } from "@/lib/ids";
import { admits, normaliseList } from "@/lib/keys/addresses";
import { changeKeys, refuseEnded } from "@/lib/keys/change-keys";
import { insertKey } from "@/lib/keys/keys";
import { lasting, rotateRow, runningOut } from "@/lib/keys/rotation";
import { targetOf, toKey, WITH } from "@/lib/keys/view";
import { mailLimit } from "@/lib/limits/mails";
import { limitStore } from "@/lib/limits/store";
import { type Limit, type LimitState, secondsUntil } from "@/lib/limits/window";
import { sendMail } from "@/lib/mail";
import type {
  CreateInvite,
  CreateOrg,
  EnableAccess,
  EnabledAccess,
  Invite,
  Member,
  Org,
  OrgSummary,
  RotateAccess,
  RotatedAccess,
  UpdateOrg,
} from "@/lib/orgs/schema";
import type { List } from "@/lib/schema";

const INVITE_DAYS = 7;
const INVITES_AN_HOUR = 60;
type OrgRow = Prisma.OrgGetPayload<{ include: { plan: true } }>;

export async function getOrg(actor: Can<"org.read">): Promise<Org> {
  return toOrg(await db.org.findUniqueOrThrow({ where: { id: actor.orgId }, include: { plan: true } }));
}

/**
 * Changes what is given and leaves the rest; the short name in addresses stays. What is so already leaves no event. A key may neither
 * shut itself out (400) nor give keys back what a person took from them (403).
 */
export async function updateOrg(actor: Can<"org.write">, input: UpdateOrg): Promise<Org> {
  const addresses = normaliseList(input.allowed_ips ?? []);
  if (!addresses.ok) throw invalid(addresses.wrong);
  const { list } = addresses;
  if (actor.type === "key" && !admits(list, actor.request.ip))
    throw invalid({ allowed_ips: `must hold ${actor.request.ip ?? "the address"}, from which this key calls` });
  // It concerns every key of the organization, and is answered like a change of keys.
  return changeKeys(actor, [actor.orgId], async (tx) => {
    await tx.$queryRaw`select 1 from "Org" where "id" = ${actor.orgId} for no key update`;
    const row = await tx.org.findUniqueOrThrow({ where: { id: actor.orgId }, include: { plan: true } });
    if (actor.type === "key" && input.keys_manage_keys === true && !row.keysManageKeys)
      throw new AppError("insufficient_scope", "Key management by keys was switched off. Only a person switches it on again.", {
        details: { keys_manage_keys: "takes a signed-in person" },
      });
    const data = {
      ...(input.name === undefined ? {} : { name: input.name }),
      ...(input.allowed_ips === undefined ? {} : { allowedIps: list }),
      ...(input.keys_manage_keys === undefined ? {} : { keysManageKeys: input.keys_manage_keys }),
      ...(input.leak_policy === undefined ? {} : { leakPolicy: input.leak_policy }),
    };
    const [before, after] = [toOrg(row), toOrg({ ...row, ...data })];
    if (JSON.stringify(before) === JSON.stringify(after)) return { result: before, events: [] };
    await tx.org.update({ where: { id: row.id }, data });
    const target = { type: "organization", id: row.id, name: after.name };
    return { result: after, events: [{ action: "organization.update", target, before, after }] };
  });
}

/** The organizations a person belongs to, by name. */
export async function listOrgs(actor: Can<"account.manage">): Promise<OrgSummary[]> {
  const rows = await db.member.findMany({ where: { userId: actor.id ?? "" }, include: { org: true }, orderBy: { org: { name: "asc" } } });
  return rows.map(({ org, role }) => ({ id: org.id, name: org.name, slug: org.slug, role: role as Role, is_demo: org.isDemo }));
}

export async function createOrg(actor: Can<"orgs.create">, input: CreateOrg): Promise<Org> {
  return change(actor, async (tx) => {
    const { org, event } = await insertOrg(tx, { name: input.name, planId: "free" });
    await tx.member.create({ data: { orgId: org.id, userId: actor.id ?? "", role: "owner" } });
    return { result: toOrg(org), events: [event] };
  });
}

/** The write alone: an organization on a plan with its first credits. The caller adds who owns it. */
export async function insertOrg(
  tx: Tx,
  input: { name: string; planId: string; requestsPerMinute?: number; scopes?: string[]; isDemo?: boolean; createdAt?: Date },
): Promise<{ org: OrgRow; event: Event }> {
  const createdAt = input.createdAt ?? new Date(now());
  const plan = await tx.plan.findUnique({ where: { id: input.planId } });
  if (plan === null)
    throw new AppError("invalid_request", `There is no plan called ${input.planId}.`, { details: { tier: "is not a plan" } });
  const org = await tx.org.create({
    data: {
      id: newId("org", createdAt.getTime()),
      name: input.name,
      slug: await freeSlug(tx, input.name),
      planId: plan.id,
      requestsPerMinute: input.requestsPerMinute ?? null,
      scopes: input.scopes ?? [],
      isDemo: input.isDemo ?? false,
      createdAt,
    },
    include: { plan: true },
  });
  await grantCredits(tx, org.id, plan.firstCredits, `first credits of the plan ${plan.name}`, createdAt.getTime());
  const view = toOrg(org);
  return {
    org,
    event: { action: "organization.create", target: { type: "organization", id: org.id, name: org.name }, after: view, chain: org.id },
  };
}

async function freeSlug(tx: Tx, name: string): Promise<string> {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  const base = plain.length < 2 ? `org-${randomBytes(3).toString("hex")}` : plain;
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`slug:${base}`}, 0))`; // two of one name at once: the second sees the first
  const taken = await tx.org.findUnique({ where: { slug: base }, select: { id: true } });
  return taken === null ? base : `${base}-${randomBytes(3).toString("hex")}`;
}

export async function listMembers(actor: Can<"members.read">): Promise<List<Member>> {
  const rows = await db.member.findMany({
    where: { orgId: actor.orgId },
    include: {
      user: {
        select: {
          id: true,
          name: true,
          email: true,
          sessions: { select: { lastSeenAt: true }, orderBy: { lastSeenAt: "desc" }, take: 1 },
          _count: { select: { ownedKeys: { where: { orgId: actor.orgId, revokedAt: null } } } },
        },
      },
    },
    orderBy: [{ createdAt: "asc" }],
  });
  const data = rows.map((row) => ({
    user_id: row.user.id,
    name: row.user.name,
    email: row.user.email,
    role: row.role as Role,
    joined_at: row.createdAt.toISOString(),
    key_count: row.user._count.ownedKeys,
    last_seen_at: row.user.sessions[0]?.lastSeenAt.toISOString() ?? null,
  }));
  return { data, has_more: false, next_cursor: null };
}

/**
 * Sends a link by which one e-mail address may join, valid for 7 days. An earlier invitation of the same address stops working; a claim
 * that the operator made for it does not: it is not the members' to take away. 429 after 3 an hour to one address, whoever invites it.
 */
export async function createInvite(actor: Can<"members.write">, input: CreateInvite): Promise<Invite> {
  if (input.role === "owner" && actor.role !== "owner")
    throw new AppError("forbidden", "Only an owner can invite another owner.", { details: { role: "takes an owner" } });
  const giveBack = await countInvite(actor, input.email);
  const { token, invite, org } = await change(actor, async (tx) => {
    const member = await tx.member.findFirst({ where: { orgId: actor.orgId, user: { email: input.email } } });
    if (member !== null)
      throw new AppError("conflict", `${input.email} is a member already.`, { details: { email: "is a member already" } });
    await tx.invite.deleteMany({ where: { orgId: actor.orgId, email: input.email, byOperator: false, acceptedAt: null } });
    const made = await insertInvite(tx, actor.orgId, input);
    const org = await tx.org.findUniqueOrThrow({ where: { id: actor.orgId }, select: { name: true } });
    return {
      result: { ...made, org },
      events: [{ action: "invite.create", target: { type: "invite", id: null, name: input.email }, after: made.invite }],
    };
  }).catch(async (error) => {
    await giveBack();
    throw error;
  });
  await sendMail({
    to: input.email,
    subject: `${actor.name} invites you to ${org.name}`,
    text: `${actor.name} invites you to the organization ${org.name} as ${input.role}.\n\nJoin here, until ${invite.expires_at.slice(0, 10)}:\n${env().publicUrl}/invites/${token}\n\nIf you did not expect this, ignore it: nothing happens.`,
  });
  return invite;
}

/** Throws 429 when the recipient or the organization has had enough of them; else gives back what to call when none was sent. */
async function countInvite(actor: Can<"members.write">, email: string): Promise<() => void | Promise<void>> {
  const at = now();
  const recipient = mailLimit("invitation", email);
  const own: Limit = { name: "organization", subject: `invites:${actor.orgId}`, limit: INVITES_AN_HOUR, windowSeconds: 3_600 };
  const { allowed, states } = await limitStore().take([recipient, own], at);
  if (allowed) return () => limitStore().give([recipient, own], at);
  const full = states.find(({ remaining }) => remaining === 0) as LimitState;
  const wait = secondsUntil(full.resetAt, at);
  const who = full.name === "recipient" ? `${email} was sent` : "This organization sent";
  throw new AppError(
    "rate_limit_exceeded",
    `${who} ${full.limit} invitations within the hour, which is the most. Try again in ${Math.ceil(wait / 60)} minutes.`,
    { retryAfterSeconds: wait, ...(full.name === "recipient" ? { details: { email: "was sent the most invitations of an hour" } } : {}) },
  );
}

async function insertInvite(
  tx: Tx,
  orgId: string,
  input: { email: string; role: Role },
  byOperator = false,
): Promise<{ token: string; invite: Invite }> {
  const token = randomBytes(32).toString("base64url");
  const expiresAt = new Date(now() + INVITE_DAYS * 86_400_000);
  await tx.invite.create({ data: { hash: hashToken(token), orgId, email: input.email, role: input.role, byOperator, expiresAt } });
  return { token, invite: { email: input.email, role: input.role, expires_at: expiresAt.toISOString() } };
}

export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/**
 * The operator gives somebody access: an organization, its group "Default" and an organization-owned key, shown once, and a mail
 * with which the person claims the organization. The same e-mail again is 409 and names the client.
 */
export async function enableAccess(actor: Can<"orgs.enable">, input: EnableAccess): Promise<EnabledAccess> {
  const made = await change(actor, async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`enable:${input.email}`}, 0))`; // two at once: the second sees the first
    const earlier = await tx.invite.findFirst({
      where: { email: input.email, byOperator: true },
      orderBy: { createdAt: "asc" },
    });
    if (earlier !== null)
      throw new AppError("conflict", `${input.email} has access already, as ${clientIdOf(earlier.orgId)}.`, {
        details: { client_id: clientIdOf(earlier.orgId) },
      });
    const created = await insertOrg(tx, {
      name: input.company,
      planId: input.tier,
      ...(input.rate_limit_rpm === undefined ? {} : { requestsPerMinute: input.rate_limit_rpm }),
      ...(input.scopes === undefined ? {} : { scopes: input.scopes }),
    });
    const { org } = created;
    const group = await insertGroup(tx, org.id, { name: "Default" });
    const key = await insertKey(tx, {
      orgId: org.id,
      groupId: group.group.id,
      name: "First key",
      environment: "live",
      access: input.access ?? "full",
      scopes: input.scopes ?? org.plan.scopes,
      expiresAt: null,
      notBefore: null,
      requestsPerMinute: null,
      allowedIps: [],
      ownerId: null,
      parentId: null,
      createdBy: actor,
      metadata: {},
    });
    const invite = await insertInvite(tx, org.id, { email: input.email, role: "owner" }, true);
    const result = { org, key: key.key, token: invite.token };
    return { result, events: [created.event, { ...group.event, chain: org.id }, { ...key.event, chain: org.id }] };
  });
  const { org, key, token } = made;
  await sendMail({
    to: input.email,
    subject: `Your access to ${org.name} is ready`,
    text: `Your organization ${org.name} has access on the plan ${org.plan.name}. Its first key begins with ${key.key_prefix}; the operator hands it to you.\n\nOpen the console and set a password, within ${INVITE_DAYS} days:\n${env().publicUrl}/invites/${token}`,
  });
  const view = toOrg(org);
  return {
    client_id: view.client_id,
    api_key: key.secret,
    key_prefix: key.key_prefix,
    tier: org.planId,
    scopes: key.scopes,
    rate_limit_rpm: view.requests_per_minute,
  };
}

/**
 * The operator gives a client's first key a new secret: the key that `enableAccess` made. The old secret stops at once unless a grace is
 * given. The owners are told, without a secret; before anybody has claimed the organization, the address it was made for.
 */
export async function rotateAccess(actor: Can<"orgs.enable">, input: RotateAccess): Promise<RotatedAccess> {
  const orgId = orgIdFrom(input.client_id);
  const first = await firstKey(orgId);
  if (first === null) throw notFound();
  const graceSeconds = input.grace_seconds ?? 0;
  const { key, secret, rotatedAt } = await changeKeys(actor, [first.id], async (tx, at) => {
    await tx.$queryRaw`select 1 from "Key" where "id" = ${first.id} for no key update`;
    const row = await tx.key.findUniqueOrThrow({ where: { id: first.id }, include: WITH });
    refuseEnded(row, at);
    if (graceSeconds > 0 && runningOut(row, at) !== null)
      throw new AppError("conflict", "This key is being rotated. Send grace_seconds 0 to end all older secrets now.", {
        details: { rotation: "is running" },
      });
    if (lasting(row)?.id !== first.secretId)
      throw new AppError("conflict", "Somebody else rotated this key at the same moment.", { details: { rotation: "was just begun" } });
    const rotated = await rotateRow(tx, row, graceSeconds, at);
    const [before, after] = [toKey(row, at.getTime()), toKey(rotated.row, at.getTime())];
    return {
      result: { key: after, secret: rotated.secret, rotatedAt: at },
      events: [{ action: "api_key.rotate", target: targetOf(after), before, after: { ...after, reason: input.reason }, chain: orgId }],
    };
  });
  const unclaimed = await db.invite.findFirst({
    where: { orgId, byOperator: true, org: { members: { none: {} } } },
    include: { org: true },
  });
  if (unclaimed !== null)
    await sendMail({
      to: unclaimed.email,
      subject: `The first key of ${unclaimed.org.name} has a new secret`,
      text: `The operator rotated the first key of ${unclaimed.org.name}. It now begins with ${key.key_prefix}; the operator hands it to you.\n\nReason: ${input.reason}`,
    });
  return { client_id: clientIdOf(orgId), api_key: secret, key_prefix: key.key_prefix, rotated_at: rotatedAt.toISOString() };
}

/** The earliest key that the operator generated for an organization, with its lasting secret. What was imported, nobody generated here. */
async function firstKey(orgId: string): Promise<{ id: string; secretId: string | undefined } | null> {
  if (!isId("org", orgId)) return null;
  const key = await db.key.findFirst({
    where: { orgId, createdByType: "operator", secrets: { none: { imported: true } } },
    orderBy: [{ createdAt: "asc" }, { id: "asc" }],
    select: { id: true, secrets: { where: { endsAt: null }, select: { id: true } } },
  });
  return key === null ? null : { id: key.id, secretId: key.secrets[0]?.id };
}

export function toOrg(row: OrgRow): Org {
  return {
    id: row.id,
    client_id: clientIdOf(row.id),
    name: row.name,
    slug: row.slug,
    plan: { id: row.plan.id, name: row.plan.name },
    requests_per_minute: row.requestsPerMinute ?? row.plan.requestsPerMinute,
    requests_per_month: row.requestsPerMonth ?? row.plan.requestsPerMonth,
    scopes: row.scopes.length > 0 ? row.scopes : row.plan.scopes,
    most_keys: row.mostKeys ?? row.plan.mostKeys,
    allowed_ips: row.allowedIps,
    keys_manage_keys: row.keysManageKeys,
    leak_policy: row.leakPolicy as Org["leak_policy"],
    is_demo: row.isDemo,
    is_active: row.deactivatedAt === null,
    created_at: row.createdAt.toISOString(),
  };
}
