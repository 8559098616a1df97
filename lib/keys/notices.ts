import "server-only";
import type { Actor } from "@/lib/access/permissions";
import type { Action } from "@/lib/audit/actions";
import type { Event } from "@/lib/audit/change";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import type { Key } from "@/lib/keys/schema";
import { type Mail, sendMail } from "@/lib/mail";

/** Mail to the owner of a key when somebody else rotates, pauses, resumes or revokes it. Never with a secret in it. */

const WORDS: { [A in Action]?: { did: string; means: string } } = {
  "api_key.rotate": {
    did: "rotated",
    means: "There is a new secret. The old one works only as long as is said below: put the new one in its place.",
  },
  "api_key.pause": { did: "paused", means: "Calls are answered 401 until somebody resumes it." },
  "api_key.resume": { did: "resumed", means: "Calls are answered again." },
  "api_key.secret_revoke": {
    did: "revoked a secret of",
    means: "Calls with that secret are answered 401; the key's other secret works on.",
  },
  "api_key.revoke": { did: "revoked", means: "Calls are answered 401 from now on, and that is final." },
};
const MOST_LISTED = 50;

/** What a change did, told to each owner in one mail per act. */
export async function tellOwners(actor: Actor, events: readonly Event[]): Promise<void> {
  const mails: Mail[] = [];
  for (const action of new Set(events.map((event) => event.action))) {
    if (WORDS[action] === undefined) continue;
    const keys = events.filter((event) => event.action === action).map(({ after }) => after as Key & { reason?: string });
    mails.push(...(await mailsFor(actor, action, keys)));
  }
  for (const mail of mails) await sendMail(mail);
}

async function mailsFor(actor: Actor, action: Action, keys: (Key & { reason?: string })[]): Promise<Mail[]> {
  const others = keys.filter(({ id }) => actor.type !== "key" || actor.id !== id);
  const orgId = others[0]?.organization_id;
  if (orgId === undefined) return [];
  const [org, members, self] = await Promise.all([
    db.org.findUniqueOrThrow({ where: { id: orgId }, select: { name: true, slug: true, isDemo: true } }),
    db.member.findMany({
      where: {
        orgId,
        user: { disabledAt: null },
        OR: [{ role: "owner" }, { userId: { in: others.map(({ owner }) => owner.id) } }],
      },
      select: { role: true, user: { select: { id: true, email: true } } },
    }),
    personBehind(actor),
  ]);
  if (org.isDemo) return []; // its people are invented
  const isMember = new Set(members.map(({ user }) => user.id));
  return members.flatMap(({ role, user }) => {
    // What belongs to the organization, or to somebody who left it, is the owners' business.
    const theirs = others.filter(({ owner }) => (isMember.has(owner.id) ? owner.id === user.id : role === "owner"));
    return user.id === self || theirs.length === 0 ? [] : [toMail(user.email, actor, action, org, theirs)];
  });
}

/** Who need not be told: the person who did it, or whose key did it. */
async function personBehind(actor: Actor): Promise<string | null> {
  if (actor.type === "user") return actor.id;
  if (actor.type !== "key") return null;
  const key = await db.key.findUnique({ where: { id: actor.id ?? "" }, select: { ownerId: true } });
  return key?.ownerId ?? null;
}

/** Pure but for the address of the console. */
function toMail(
  to: string,
  actor: Pick<Actor, "type" | "name">,
  action: Action,
  org: { name: string; slug: string },
  keys: (Key & { reason?: string })[],
): Mail {
  const { did = "", means = "" } = WORDS[action] ?? {};
  const who = `${actor.type === "key" ? "The key " : ""}${oneLine(actor.name)}`;
  const what = keys.length === 1 ? `the key ${oneLine(keys[0]?.name ?? "")}` : `${keys.length} keys`;
  const reason = keys[0]?.revoked_reason ?? keys[0]?.reason;
  const lines = keys.slice(0, MOST_LISTED).map((key) => {
    const until = action === "api_key.rotate" && key.rotation !== null ? `, the old secret works until ${key.rotation.ends_at}` : "";
    return `  ${oneLine(key.name)} (${oneLine(key.key_prefix)}…)${until}`;
  });
  if (keys.length > MOST_LISTED) lines.push(`  and ${keys.length - MOST_LISTED} more`);
  const where = `${env().publicUrl}/orgs/${org.slug}/keys${keys.length === 1 ? `/${keys[0]?.id}` : ""}`;
  return {
    to,
    subject: `${who} ${did} ${what}`,
    text: [
      `${who} ${did} ${what} of ${oneLine(org.name)}:`,
      `${lines.join("\n")}`,
      means,
      ...(reason ? [`Reason: ${oneLine(reason)}`] : []),
      `${keys.length === 1 ? "The key" : "The keys"}: ${where}\nThe audit log says when and from where.`,
    ].join("\n\n"),
  };
}

/** Names come from people: one line of theirs stays one line, in the subject too. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
