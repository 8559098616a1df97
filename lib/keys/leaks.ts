import "server-only";
import type { Can } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { inBackground } from "@/lib/background";
import { now } from "@/lib/clock";
import { db, type Tx } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, databaseAway, isAppError } from "@/lib/errors";
import { looksLikeKey, ownForms } from "@/lib/keys/forms";
import { endRows } from "@/lib/keys/keys";
import { patternOf } from "@/lib/keys/scanner";
import type { Key, LeakReceipt, ReportLeak } from "@/lib/keys/schema";
import { identify } from "@/lib/keys/verify";
import { type KeyRow, targetOf, toKey, WITH } from "@/lib/keys/view";
import { lease } from "@/lib/leases";
import { sendMail } from "@/lib/mail";

/**
 * Somebody found a key where it does not belong and says so. The answer is the same for a real key, a dead one and nonsense, and so is the
 * time it takes: the work begins after it. What was handed in is written nowhere; only its digest is looked up.
 */

const RECEIPT: LeakReceipt = { received: true, message: "Thank you. If it is a key of ours, its owners are told and it is dealt with." };
const MOST_CANDIDATES = 20;
const MOST_URL = 500;
const LEAKED = "Leaked";

/** Throws `unavailable` while the database is away, for every text: then nothing could be done. */
export async function reportLeak(actor: Can<"keys.report">, input: ReportLeak): Promise<LeakReceipt> {
  if (lease()?.away()) throw databaseAway();
  inBackground("acts", "dealing with a reported key", () => handleLeak(actor, input));
  return RECEIPT;
}

/** What a report sets off: every key that stands in it is ended or flagged, as its organization wants, and its owners get a mail. */
export async function handleLeak(actor: Can<"keys.report">, { key, url }: ReportLeak): Promise<void> {
  const forms = (await ownForms()).map((form) => new RegExp(patternOf(form), "g"));
  const texts = candidatesOf(key, forms);
  const place = placeOf(url, texts);
  for (const text of texts) {
    const found = await identify(text, { ip: actor.request.ip, asker: null }, now());
    if (found === null) continue;
    const dealt = await dealWith(actor, found, place);
    if (dealt !== null) inBackground("words", "telling the owners of a reported key", () => tellOwners(dealt, place));
  }
}

/** Finders paste a line of a file, or an address, as often as the key alone. `forms` match our own keys in any text. */
export function candidatesOf(pasted: string, forms: readonly RegExp[] = []): string[] {
  const whole = pasted.trim();
  const own = forms.flatMap((form) => whole.match(form) ?? []);
  const parts = whole.split(/[\s"'`=:,;<>()[\]{}\\]+/);
  return [...new Set([...own, whole, ...parts])].filter((text) => text.length >= 16).slice(0, MOST_CANDIDATES);
}

type Outcome = "revoked" | "secret_revoked" | "flagged";

interface Dealt {
  key: Key;
  prefix: string;
  outcome: Outcome;
  /** The secret on its way out of a rotation, not the new one. */
  isOld: boolean;
}

/** Null when there is nothing to do: the secret is dead, or was reported before. */
async function dealWith(
  actor: Can<"keys.report">,
  { orgId, keyId, secretId }: { orgId: string; keyId: string; secretId: string },
  url: string | null,
): Promise<Dealt | null> {
  const done = () => new AppError("conflict", "There is nothing to do.");
  try {
    return await change(actor, async (tx) => {
      await tx.$queryRaw`select 1 from "Key" where "id" = ${keyId} for no key update`; // of two reports at once the second sees the first
      const at = new Date(now());
      const row = await tx.key.findUniqueOrThrow({ where: { id: keyId }, include: WITH });
      const secret = await tx.keySecret.findUniqueOrThrow({ where: { id: secretId } });
      const { leakPolicy } = await tx.org.findUniqueOrThrow({ where: { id: orgId }, select: { leakPolicy: true } });
      const isOver = (instant: Date | null) => instant !== null && instant <= at;
      // An expired key is dealt with like another: a person could give it a new end.
      if (row.revokedAt !== null || isOver(secret.endsAt)) throw done();

      const isOld = secret.endsAt !== null;
      const outcome: Outcome = leakPolicy !== "revoke" ? "flagged" : isOld ? "secret_revoked" : "revoked";
      if (outcome === "flagged") {
        const earlier = { chain: orgId, targetId: keyId, action: "api_key.leak", after: { path: ["secret_id"], equals: secretId } };
        if ((await tx.auditEvent.findFirst({ where: earlier, select: { id: true } })) !== null) throw done();
      }
      // The flag asks for a rotation, which an old secret is past already.
      if (!isOld) await tx.key.update({ where: { id: keyId }, data: { leakedAt: at, leakedUrl: url } });
      const ended = await endLeaked(tx, row, outcome, secretId, at);
      const key = toKey(await tx.key.findUniqueOrThrow({ where: { id: keyId }, include: WITH }), at.getTime());
      const after = { secret_id: secretId, key_prefix: secret.prefix, url, policy: leakPolicy, outcome };
      const events: [Event, ...Event[]] = [{ action: "api_key.leak", target: targetOf(key), after }, ...ended];
      return {
        result: { key, prefix: secret.prefix, outcome, isOld },
        events: events.map((event) => ({ ...event, chain: orgId })) as [Event, ...Event[]],
      };
    });
  } catch (error) {
    if (isAppError(error) && error.type === "conflict") return null;
    throw error;
  }
}

/** As much as the policy wants: the key, the one secret, or nothing. */
async function endLeaked(tx: Tx, row: KeyRow, outcome: Outcome, secretId: string, at: Date): Promise<Event[]> {
  if (outcome === "flagged") return [];
  if (outcome === "revoked") return (await endRows(tx, [row], LEAKED, at)).events;
  await tx.keySecret.update({ where: { id: secretId }, data: { endsAt: at } });
  const after = toKey(await tx.key.findUniqueOrThrow({ where: { id: row.id }, include: WITH }), at.getTime());
  return [{ action: "api_key.secret_revoke", target: targetOf(after), before: toKey(row, at.getTime()), after }];
}

/** The key's owner and the organization's. */
async function tellOwners({ key, prefix, outcome, isOld }: Dealt, url: string | null): Promise<void> {
  const org = await db.org.findUniqueOrThrow({
    where: { id: key.organization_id },
    select: {
      name: true,
      slug: true,
      isDemo: true,
      members: {
        where: { user: { disabledAt: null }, OR: [{ role: "owner" }, ...(key.owner.type === "member" ? [{ userId: key.owner.id }] : [])] },
        select: { user: { select: { email: true } } },
      },
    },
  });
  if (org.isDemo) return; // its people are invented
  const words = {
    revoked: "The key was revoked at once: no call with it is accepted any more. Generate a new one and put it in its place.",
    secret_revoked: "It was the old secret of a rotation and was ended at once. The key's new secret goes on working.",
    flagged: isOld
      ? "It is the old secret of a rotation, and your organization wants leaked keys flagged, not revoked: it still works. Finish the rotation now."
      : "Your organization wants leaked keys flagged, not revoked: it still works. Rotate it now, without a grace.",
  }[outcome];
  const where = url === null ? "" : `\n\nWhere, in the finder's words (nobody has looked at it yet):\n${url}`;
  const heirs =
    key.access === "full" || key.access === "admin"
      ? " It could generate other keys: its page shows them, end those that you do not know."
      : "";
  const text = `Somebody found the secret of the key ${key.name} (${prefix}…) of ${org.name} where it does not belong, and reported it.\n\n${words}${where}\n\nLook through its requests for calls that are not yours.${heirs}\n${env().publicUrl}/orgs/${org.slug}/keys/${key.id}`;
  for (const { user } of org.members) await sendMail({ to: user.email, subject: `Leaked: ${key.name} (${prefix}…) of ${org.name}`, text });
}

/** Where a key was found, as an http(s) address without credentials and without the key itself; null for what is none. */
export function placeOf(url: string | undefined, secrets: readonly string[]): string | null {
  const text = url?.trim() ?? "";
  const address = /^https?:\/\//i.test(text) ? text : /^[\w-]+(\.[\w-]+)+(:\d+)?([/?#]|$)/.test(text) ? `https://${text}` : "";
  if (!URL.canParse(address)) return null;
  const place = new URL(address);
  place.username = "";
  place.password = "";
  if (!tells(place.href, secrets)) return place.href.slice(0, MOST_URL);
  return tells(place.origin, secrets) ? null : `${place.origin}/…`;
}

/** Whether a secret stands in an address, also percent-encoded, more than once. */
function tells(address: string, secrets: readonly string[]): boolean {
  const said = [address];
  for (let i = 0; i < 3; i++) said.push(decoded(said[i] ?? ""));
  return said.some(
    (text) =>
      secrets.some((secret) => text.toLowerCase().includes(secret.toLowerCase())) ||
      text.split(/[^\w-]+/).some((part) => looksLikeKey(part)),
  );
}

function decoded(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}
