import "server-only";
import { authorize, type Can } from "@/lib/access/permissions";
import { change, type Event } from "@/lib/audit/change";
import { inBackground } from "@/lib/background";
import { now } from "@/lib/clock";
import { db, meterPool, type Tx } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, databaseAway, isAppError } from "@/lib/errors";
import { digestOf, looksLikeKey, ownForms } from "@/lib/keys/forms";
import { endRows } from "@/lib/keys/keys";
import { patternOf } from "@/lib/keys/scanner";
import type { LeakReceipt, ReportLeak } from "@/lib/keys/schema";
import { identify, type KeySnapshot } from "@/lib/keys/verify";
import { type KeyRow, targetOf, toKey, WITH } from "@/lib/keys/view";
import { lease } from "@/lib/leases";
import { describe, warnSeldom } from "@/lib/log";
import { sendMail } from "@/lib/mail";
import { once } from "@/lib/runtime";

/**
 * Somebody found a key where it does not belong and says so. The answer is the same for a real key, a dead one and nonsense, and so is the
 * time it takes: a row with the digests of what could be a secret, whosever it is, and the work begins after it. The row goes when the work
 * is done and its mails are handed over; that of a node that died is taken up by another. What was handed in is written nowhere.
 */

const RECEIPT: LeakReceipt = { received: true, message: "Thank you. If it is a key of ours, its owners are told and it is dealt with." };
const MOST_CANDIDATES = 20;
const MOST_URL = 500;
const LEAKED = "Leaked";
const SWEEP_MS = 5_000;

interface Report {
  /** Of the request; the events of what was done carry it too. */
  id: string;
  actor: Can<"keys.report">;
  digests: string[];
  /** Where it was found, without the key. */
  place: string | null;
}

/** Throws `unavailable` while the database is away, for every text: then nothing could be done. */
export async function reportLeak(actor: Can<"keys.report">, input: ReportLeak): Promise<LeakReceipt> {
  if (lease()?.away()) throw databaseAway();
  const report = await toReport(actor, input);
  held().add(report.id); // before its row is there for a sweep to find
  try {
    await meterPool().query(KEEP, [report.id, node(), actor, report.digests, report.place]);
  } catch (error) {
    held().delete(report.id);
    throw error;
  }
  begin(report);
  return RECEIPT;
}

async function toReport(actor: Can<"keys.report">, { key, url }: ReportLeak): Promise<Report> {
  const forms = (await ownForms()).map((form) => new RegExp(patternOf(form), "g"));
  const texts = candidatesOf(key, forms);
  const digests = await Promise.all(texts.map(digestOf));
  return { id: actor.request.id, actor, digests: digests.filter((digest) => digest !== null), place: placeOf(url, texts) };
}

/** Finders paste a line of a file, or an address, as often as the key alone. `forms` match our own keys in any text. */
export function candidatesOf(pasted: string, forms: readonly RegExp[] = []): string[] {
  const whole = pasted.trim();
  const own = forms.flatMap((form) => whole.match(form) ?? []);
  const parts = whole.split(/[\s"'`=:,;<>()[\]{}\\]+/);
  return [...new Set([...own, whole, ...parts])].filter((text) => text.length >= 16).slice(0, MOST_CANDIDATES);
}

// From the row to the last mail

const node = () => lease()?.id ?? "command";
/** The reports this process is at work on. */
const held = () => once("keys.leaks", () => new Set<string>());

const KEEP = `insert into "LeakReport" ("requestId", "node", "actor", "digests", "place") values ($1, $2, $3, $4, $5)`;
const DONE = `delete from "LeakReport" where "requestId" = $1`;
/** What a node left that has no lease any more, and what failed here. */
const TAKE_UP = `
update "LeakReport" set "node" = $1 where "requestId" in (
  select r."requestId" from "LeakReport" r
  where r."requestId" <> all($2::text[])
    and (r."node" = $1 or not exists (select from "Node" n where n."id" = r."node" and n."leaseUntil" > clock_timestamp()))
  for update skip locked)
returning "requestId" as "id", "actor", "digests", "place"`;

/** Takes up what was left, at once and every few seconds. The result ends it. */
export function startTakingUpLeaks(): () => void {
  const complain = (error: unknown) => warnSeldom("reported keys that were left could not be taken up", describe(error));
  const sweep = () => void takeUpLeaks().catch(complain);
  sweep();
  const timer = setInterval(sweep, SWEEP_MS).unref();
  return () => clearInterval(timer);
}

/** `by`: the node that asks. */
export async function takeUpLeaks(by = node()): Promise<void> {
  const { rows } = await meterPool().query<Report>(TAKE_UP, [by, [...held()]]);
  for (const row of rows) begin({ ...row, actor: authorize(row.actor, "keys.report") });
}

/** The mails go in a lane of their own: a mail server that hangs keeps no other key from being ended. */
function begin(report: Report): void {
  held().add(report.id);
  const done = () => meterPool().query(DONE, [report.id]);
  let telling: Promise<void> | null = null;
  void inBackground("acts", "dealing with a reported key", async () => {
    const leaks = await dealWith(report);
    if (leaks.length === 0) return done();
    telling = inBackground("words", "telling the owners of a reported key", async () => {
      for (const leak of leaks) await tellOwners(leak);
      await done();
    });
  })
    .then(() => telling)
    .finally(() => held().delete(report.id));
}

/** What a report did to a secret: kept by its event, so that another process can tell of it too. */
interface Leak {
  secret_id: string;
  key_prefix: string;
  url: string | null;
  policy: string;
  outcome: "revoked" | "secret_revoked" | "flagged";
}

/** Every key of the report is ended or flagged, as its organization wants. All that came of it, also when that was done before. */
async function dealWith({ id, actor, digests, place }: Report): Promise<Leak[]> {
  const leaks: Leak[] = [];
  for (const digest of digests) {
    const found = await identify(digest, { ip: actor.request.ip, asker: null }, now());
    if (found === null) continue;
    await endOrFlag(actor, found, place);
    const own = { action: "api_key.leak", requestId: id, after: { path: ["secret_id"], equals: found.secretId } };
    const event = await db.auditEvent.findFirst({ where: { chain: found.orgId, targetId: found.keyId, ...own }, select: { after: true } });
    if (event !== null) leaks.push(event.after as unknown as Leak);
  }
  return leaks;
}

/** Does nothing when the secret is dead, or was reported before. */
async function endOrFlag(actor: Can<"keys.report">, { orgId, keyId, secretId }: KeySnapshot, url: string | null): Promise<void> {
  const done = () => new AppError("conflict", "There is nothing to do.");
  try {
    await change(actor, async (tx) => {
      await tx.$queryRaw`select 1 from "Key" where "id" = ${keyId} for no key update`; // of two reports at once the second sees the first
      const at = new Date(now());
      const row = await tx.key.findUniqueOrThrow({ where: { id: keyId }, include: WITH });
      const secret = await tx.keySecret.findUniqueOrThrow({ where: { id: secretId } });
      const { leakPolicy: policy } = await tx.org.findUniqueOrThrow({ where: { id: orgId }, select: { leakPolicy: true } });
      const isOver = (instant: Date | null) => instant !== null && instant <= at;
      // An expired key is dealt with like another: a person could give it a new end.
      if (row.revokedAt !== null || isOver(secret.endsAt)) throw done();
      const outcome = policy !== "revoke" ? "flagged" : secret.endsAt !== null ? "secret_revoked" : "revoked";
      if (outcome === "flagged" && secret.leakedAt !== null) throw done();

      await tx.keySecret.update({ where: { id: secretId }, data: { leakedAt: at } });
      const ended = await endLeaked(tx, row, outcome, secretId, at);
      const key = toKey(await tx.key.findUniqueOrThrow({ where: { id: keyId }, include: WITH }), at.getTime());
      const after: Leak = { secret_id: secretId, key_prefix: secret.prefix, url, policy, outcome };
      const events: [Event, ...Event[]] = [{ action: "api_key.leak", target: targetOf(key), after }, ...ended];
      return { result: null, events: events.map((event) => ({ ...event, chain: orgId })) as [Event, ...Event[]] };
    });
  } catch (error) {
    if (!isAppError(error) || error.type !== "conflict") throw error;
  }
}

/** As much as the policy wants: the key, the one secret, or nothing. */
async function endLeaked(tx: Tx, row: KeyRow, outcome: Leak["outcome"], secretId: string, at: Date): Promise<Event[]> {
  if (outcome === "flagged") return [];
  if (outcome === "revoked") return (await endRows(tx, [row], LEAKED, at)).events;
  await tx.keySecret.update({ where: { id: secretId }, data: { endsAt: at } });
  const after = toKey(await tx.key.findUniqueOrThrow({ where: { id: row.id }, include: WITH }), at.getTime());
  return [{ action: "api_key.secret_revoke", target: targetOf(after), before: toKey(row, at.getTime()), after }];
}

/** The key's owner and the organization's. */
async function tellOwners({ secret_id, key_prefix, url, outcome }: Leak): Promise<void> {
  const { key, endsAt } = await db.keySecret.findUniqueOrThrow({
    where: { id: secret_id },
    select: {
      endsAt: true,
      key: {
        select: {
          ...{ id: true, name: true, access: true, ownerId: true },
          org: { select: { id: true, name: true, slug: true, isDemo: true } },
        },
      },
    },
  });
  const { org } = key;
  if (org.isDemo) return; // its people are invented
  const owners = await db.member.findMany({
    where: {
      orgId: org.id,
      user: { disabledAt: null },
      OR: [{ role: "owner" }, ...(key.ownerId === null ? [] : [{ userId: key.ownerId }])],
    },
    select: { user: { select: { email: true } } },
  });
  const words = {
    revoked: "The key was revoked at once: no call with it is accepted any more. Generate a new one and put it in its place.",
    secret_revoked: "It was the old secret of a rotation and was ended at once. The key's new secret goes on working.",
    flagged:
      endsAt === null
        ? "Your organization wants leaked keys flagged, not revoked: it still works. Rotate it now, without a grace."
        : "It is the old secret of a rotation, and your organization wants leaked keys flagged, not revoked: it still works. Finish the rotation now.",
  }[outcome];
  const where = url === null ? "" : `\n\nWhere, in the finder's words (nobody has looked at it yet):\n${url}`;
  const heirs =
    key.access === "full" || key.access === "admin"
      ? " It could generate other keys: its page shows them, end those that you do not know."
      : "";
  const text = `Somebody found the secret of the key ${key.name} (${key_prefix}…) of ${org.name} where it does not belong, and reported it.\n\n${words}${where}\n\nLook through its requests for calls that are not yours.${heirs}\n${env().publicUrl}/orgs/${org.slug}/keys/${key.id}`;
  for (const { user } of owners) await sendMail({ to: user.email, subject: `Leaked: ${key.name} (${key_prefix}…) of ${org.name}`, text });
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
