import "server-only";
import type { Can, Role } from "@/lib/access/permissions";
import { DEPLOYMENT } from "@/lib/access/permissions";
import { change, type Event, record } from "@/lib/audit/change";
import { hashPassword, passwordMatches } from "@/lib/auth/passwords";
import type { AcceptInvite, ForgotPassword, ResetPassword, SessionRow, SignIn, SignUp, Ticket } from "@/lib/auth/schema";
import { endSessions } from "@/lib/auth/session";
import { issueToken } from "@/lib/auth/tickets";
import { now } from "@/lib/clock";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, notFound } from "@/lib/errors";
import { isId, newId } from "@/lib/ids";
import { addressGroup } from "@/lib/keys/addresses";
import { mailLimit } from "@/lib/limits/mails";
import { limitStore } from "@/lib/limits/store";
import { type Limit, secondsUntil } from "@/lib/limits/window";
import { describe, log } from "@/lib/log";
import { sendMail } from "@/lib/mail";
import { hashToken, insertOrg } from "@/lib/orgs/orgs";
import type { List } from "@/lib/schema";

/** The ceremonies by which people come in. Each ends in a ticket that next-auth turns into a session. */

/** An account with its own organization. 409 when the e-mail has an account; 403 when sign-up is not open. */
export async function signUp(actor: Can<"accounts.create">, input: SignUp): Promise<Ticket> {
  if (env().signUp !== "open") throw new AppError("forbidden", "This console is by invitation. Ask whoever runs it for a link.");
  const passwordHash = await hashPassword(input.password);
  const user = { id: newId("usr"), name: input.name ?? nameFrom(input.email), email: input.email };
  const self: Can<"accounts.create"> = { ...actor, type: "user", id: user.id, name: user.name };
  const org = await change(self, async (tx) => {
    await tx.user.create({ data: { ...user, passwordHash } });
    const { org, event } = await insertOrg(tx, { name: input.organization, planId: "free" });
    await tx.member.create({ data: { orgId: org.id, userId: user.id, role: "owner" } });
    return {
      result: org,
      events: [event, { action: "user.create", target: { type: "user", id: user.id, name: user.name }, after: user, chain: org.id }],
    };
  }).catch(emailTaken);
  return { ticket: await issueToken("ticket", user.id), organization: org.slug };
}

function emailTaken(error: unknown): never {
  if (error instanceof Error && (error as { code?: unknown }).code === "P2002") {
    throw new AppError("conflict", "This e-mail has an account. Sign in instead, or set a new password.", {
      details: { email: "has an account" },
    });
  }
  throw error;
}

/** "maya.lindqvist@…" → "Maya Lindqvist": a first guess that the person can change. */
function nameFrom(email: string): string {
  const words = (email.split("@")[0] ?? "").split(/[._+-]+/).filter((word) => /\p{L}/u.test(word));
  return (
    words
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join(" ")
      .slice(0, 80) || email
  );
}

const WINDOW = 900;

/** Failed tries are counted per account (10) and per address (100) in 15 minutes; known and unknown e-mails answer alike, in the same time. */
export async function signIn(actor: Can<"sessions.create">, input: SignIn): Promise<Ticket> {
  const limits: Limit[] = [
    { name: "account", subject: `sign-in:${hashToken(input.email)}`, limit: 10, windowSeconds: WINDOW },
    { name: "address", subject: `sign-in-from:${addressGroup(actor.request.ip ?? "?")}`, limit: 100, windowSeconds: WINDOW },
  ];
  const at = now();
  const taken = await limitStore().take(limits, at);
  if (!taken.allowed) {
    const wait = Math.max(...taken.states.filter((s) => s.remaining === 0).map((s) => secondsUntil(s.resetAt, at)));
    throw new AppError("rate_limit_exceeded", `Too many tries. Wait ${Math.ceil(wait / 60)} minutes, or set a new password.`, {
      retryAfterSeconds: wait,
    });
  }
  const user = await db.user.findUnique({
    where: { email: input.email },
    select: {
      id: true,
      name: true,
      passwordHash: true,
      disabledAt: true,
      members: { select: { orgId: true, org: { select: { slug: true, createdAt: true } } } },
    },
  });
  const right = await passwordMatches(user?.passwordHash ?? null, input.password);
  const chains = chainsOf(user?.members ?? []);
  if (!right || user === null || user.disabledAt !== null) {
    await record(
      actor,
      ...eventsFor(chains, { action: "session.refuse", target: { type: "user", id: user?.id ?? null, name: input.email } }),
    );
    const left = taken.states[0]?.remaining ?? 0;
    throw new AppError(
      "unauthorized",
      `E-mail and password don’t match.${left <= 5 ? ` ${left} ${left === 1 ? "try" : "tries"} left before a pause.` : ""}`,
      { details: { password: "does not match" } },
    );
  }
  await limitStore().give(limits, at);
  await record(
    { ...actor, type: "user", id: user.id, name: user.name },
    ...eventsFor(chains, { action: "session.create", target: { type: "user", id: user.id, name: user.name } }),
  );
  const first = user.members.toSorted((a, b) => a.org.createdAt.getTime() - b.org.createdAt.getTime())[0];
  return { ticket: await issueToken("ticket", user.id), organization: first?.org.slug ?? null };
}

/** What a person does outside any organization is in the log of each they belong to. */
function chainsOf(members: { orgId: string }[]): string[] {
  return members.length === 0 ? [DEPLOYMENT] : members.map(({ orgId }) => orgId);
}

function eventsFor(chains: string[], event: Event): [Event, ...Event[]] {
  return chains.map((chain) => ({ ...event, chain })) as [Event, ...Event[]];
}

/** Mails a link, valid for 30 minutes, if the address has an account and was not sent 3 in this time; answers the same if not. */
export async function forgotPassword(_actor: Can<"sessions.create">, input: ForgotPassword): Promise<Record<string, never>> {
  void mailReset(input.email); // after the answer, so that its time says nothing
  return {};
}

async function mailReset(email: string): Promise<void> {
  try {
    if (!(await limitStore().take([mailLimit("reset", email)], now())).allowed) return;
    const user = await db.user.findUnique({ where: { email }, select: { id: true, disabledAt: true } });
    if (user === null || user.disabledAt !== null) return;
    const token = await issueToken("reset", user.id);
    await sendMail({
      to: email,
      subject: "Set a new password",
      text: `Somebody, probably you, asked for a new password.\n\nSet it here, within 30 minutes:\n${env().publicUrl}/reset/${token}\n\nIf it was not you, ignore this: nothing changes.`,
    });
  } catch (error) {
    log("error", "a password link could not be made", describe(error));
  }
}

/** Sets the password and ends every session, link and ticket of the person. The link works once. */
export async function resetPassword(actor: Can<"sessions.create">, input: ResetPassword): Promise<Ticket> {
  const passwordHash = await hashPassword(input.password);
  const hash = hashToken(input.token);
  const gone = new AppError("not_found", "This link was used already or is older than 30 minutes. Ask for a new one.");
  const token = await db.oneTimeToken.findUnique({
    where: { hash },
    select: {
      kind: true,
      user: { select: { id: true, name: true, members: { select: { orgId: true, org: { select: { slug: true } } } } } },
    },
  });
  if (token?.kind !== "reset") throw gone;
  const { user } = token;
  await change({ ...actor, type: "user", id: user.id, name: user.name }, async (tx) => {
    const at = new Date(now());
    const used = await tx.oneTimeToken.updateMany({ where: { hash, usedAt: null, expiresAt: { gt: at } }, data: { usedAt: at } });
    if (used.count === 0) throw gone;
    await tx.oneTimeToken.updateMany({ where: { userId: user.id, usedAt: null }, data: { usedAt: at } }); // other links and tickets on their way
    await tx.user.update({ where: { id: user.id }, data: { passwordHash } });
    await tx.session.updateMany({ where: { userId: user.id, endedAt: null }, data: { endedAt: at } });
    return {
      result: null,
      events: eventsFor(chainsOf(user.members), { action: "password.reset", target: { type: "user", id: user.id, name: user.name } }),
    };
  });
  return { ticket: await issueToken("ticket", user.id), organization: user.members[0]?.org.slug ?? null };
}

export interface InviteOffer {
  email: string;
  role: Role;
  organization: { name: string; slug: string };
  /** Whether the e-mail has an account, which then joins by its own password. */
  hasAccount: boolean;
}

/** What a link offers, or null when it is unknown, used or too old. */
export async function inviteOffer(token: string): Promise<InviteOffer | null> {
  const invite = await db.invite.findUnique({
    where: { hash: hashToken(token) },
    include: { org: { select: { name: true, slug: true } } },
  });
  if (invite === null || invite.acceptedAt !== null || invite.expiresAt.getTime() <= now()) return null;
  const account = await db.user.findUnique({ where: { email: invite.email }, select: { id: true } });
  return { email: invite.email, role: invite.role as Role, organization: invite.org, hasAccount: account !== null };
}

/** Joins the organization. A new person sets a password; one with an account proves it with theirs. The link works once. */
export async function acceptInvite(actor: Can<"sessions.create">, input: AcceptInvite): Promise<Ticket> {
  const hash = hashToken(input.token);
  const invite = await db.invite.findUnique({ where: { hash }, include: { org: { select: { id: true, slug: true, name: true } } } });
  if (invite === null) throw notFound();
  const known = await db.user.findUnique({
    where: { email: invite.email },
    select: { id: true, name: true, passwordHash: true, disabledAt: true },
  });
  const signedInAsInvited = actor.type === "user" && known !== null && actor.id === known.id;
  if (!signedInAsInvited && input.password === undefined)
    throw new AppError("invalid_request", "password: is needed", { details: { password: "is needed" } });
  if (
    known !== null &&
    !signedInAsInvited &&
    (known.disabledAt !== null || !(await passwordMatches(known.passwordHash, input.password ?? "")))
  ) {
    throw new AppError("unauthorized", "This e-mail has an account, and the password is not its own.", {
      details: { password: "does not match" },
    });
  }
  const passwordHash = known === null ? await hashPassword(input.password ?? "") : null;
  const person = known ?? { id: newId("usr"), name: input.name ?? nameFrom(invite.email) };
  const self: Can<"sessions.create"> = { ...actor, type: "user", id: person.id, name: person.name, orgId: invite.orgId };
  await change(self, async (tx) => {
    const at = new Date(now());
    const used = await tx.invite.updateMany({ where: { hash, acceptedAt: null, expiresAt: { gt: at } }, data: { acceptedAt: at } });
    if (used.count === 0) throw new AppError("not_found", "This link was used already or is too old. Ask for a new one.");
    if (known === null) await tx.user.create({ data: { id: person.id, name: person.name, email: invite.email, passwordHash } });
    const joining = { orgId: invite.orgId, userId: person.id };
    const joined = await tx.member.createMany({ data: [{ ...joining, role: invite.role }], skipDuplicates: true });
    // Whoever came in by a lesser invitation first still gets what the operator made for them.
    if (joined.count === 0 && invite.byOperator) await tx.member.updateMany({ where: joining, data: { role: invite.role } });
    return {
      result: null,
      events: [
        {
          action: "member.add",
          target: { type: "user", id: person.id, name: person.name },
          after: { user_id: person.id, email: invite.email, role: invite.role },
        },
      ],
    };
  }).catch(emailTaken);
  return { ticket: await issueToken("ticket", person.id), organization: invite.org.slug };
}

/** The person's live sessions, this one first. */
export async function listSessions(actor: Can<"account.manage">, currentId: string | null): Promise<List<SessionRow>> {
  const rows = await db.session.findMany({
    where: { userId: actor.id ?? "", endedAt: null, expiresAt: { gt: new Date(now()) } },
    orderBy: { lastSeenAt: "desc" },
  });
  const data = rows.map((row) => ({
    id: row.id,
    created_at: row.createdAt.toISOString(),
    last_seen_at: row.lastSeenAt.toISOString(),
    ip: row.ip,
    user_agent: row.userAgent,
    is_current: row.id === currentId,
  }));
  return { data: data.toSorted((a, b) => Number(b.is_current) - Number(a.is_current)), has_more: false, next_cursor: null };
}

/** Ends one of the person's own sessions; somebody else's is not there. */
export async function endSession(actor: Can<"account.manage">, id: string): Promise<Record<string, never>> {
  const row = isId("ses", id) ? await db.session.findFirst({ where: { id, userId: actor.id ?? "" } }) : null;
  if (row === null) throw notFound();
  await endSessions({ id });
  const members = await db.member.findMany({ where: { userId: actor.id ?? "" }, select: { orgId: true } });
  await record(actor, ...eventsFor(chainsOf(members), { action: "session.end", target: { type: "user", id: actor.id, name: actor.name } }));
  return {};
}
