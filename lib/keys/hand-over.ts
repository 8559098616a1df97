import "server-only";
import type { z } from "zod";
import type { Can } from "@/lib/access/permissions";
import { change } from "@/lib/audit/change";
import { now } from "@/lib/clock";
import { db, meterPool, type Prisma } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError, invalid, isAppError, notFound } from "@/lib/errors";
import { isId, newId } from "@/lib/ids";
import { lockKey, readStanding, refuseStronger, standingOf } from "@/lib/keys/change-keys";
import type { CreateHandOver, HandOver, HandOverList, NewHandOver, OpenedHandOver, OpenHandOver } from "@/lib/keys/schema";
import { hashOfToken, newToken, seal, unseal } from "@/lib/keys/seal";
import { hashSecret } from "@/lib/keys/secret";
import { findKey, type KeyRow } from "@/lib/keys/view";
import { describe, log, warnSeldom } from "@/lib/log";
import { sendMail } from "@/lib/mail";

/**
 * A link with which a fresh secret reaches the person who will use it. Promises: the secret is kept only sealed with the link's token,
 * which is kept nowhere; it is shown once, to one caller; what was opened, recalled or is too old is wiped; a seal whose row was changed
 * does not open. From outside, links that are gone for whatever reason look like links that never were.
 */

const MOST_WAITING = 5;
const SWEEP_MS = 10_000;

type Row = Prisma.HandOverGetPayload<{ omit: { sealed: true; tokenHash: true } }>;
const OMIT = { sealed: true, tokenHash: true } as const;

/** The secret must be a live one of this key: 400 otherwise. At most five links of a key wait at a time: 409. */
export async function createHandOver(
  actor: Can<"keys.update">,
  keyId: string,
  input: z.output<typeof CreateHandOver>,
): Promise<NewHandOver> {
  const token = newToken();
  return change(actor, async (tx) => {
    // Held until the end: five are five, and a revocation comes before or after.
    const key = await lockKey(tx, actor, keyId);
    const at = new Date(now());
    refuseStronger(key, await standingOf(tx, actor));
    const hash = Buffer.from(hashSecret(input.secret), "hex");
    const secret = await tx.keySecret.findFirst({ where: { keyId: key.id, hash }, select: { id: true, endsAt: true } });
    if (secret === null || !isLive(key, secret, at.getTime())) throw invalid({ secret: "is not a live secret of this key" });
    const waiting = await tx.handOver.count({ where: { keyId: key.id, sealed: { not: null }, expiresAt: { gt: at } } });
    if (waiting >= MOST_WAITING)
      throw new AppError("conflict", `${MOST_WAITING} links to this key wait to be opened. Recall one of them first.`);
    const ends = [at.getTime() + input.expires_in_seconds * 1000, secret.endsAt?.getTime(), key.expiresAt?.getTime()];
    const row = {
      id: newId("hov", at.getTime()),
      orgId: actor.orgId,
      keyId: key.id,
      secretId: secret.id,
      recipient: input.recipient ?? "",
      createdById: actor.id ?? actor.type,
      createdByName: actor.name,
      createdAt: at,
      expiresAt: new Date(Math.min(...ends.filter((end) => end !== undefined))),
    };
    const made = await tx.handOver.create({
      data: { ...row, tokenHash: hashOfToken(token), sealed: seal(input.secret, token, boundTo(row)) },
      omit: OMIT,
    });
    const after = toHandOver(made, true);
    return {
      result: { ...after, url: `${env().publicUrl}/hand-over#${token}` },
      events: [{ action: "api_key.hand_over", target: targetOf(key), after }],
    };
  });
}

/** The newest first. */
export async function listHandOvers(actor: Can<"keys.read">, keyId: string): Promise<z.output<typeof HandOverList>> {
  const key = await findKey(actor, keyId);
  const at = now();
  const rows = await db.handOver.findMany({ where: { keyId: key.id }, omit: OMIT, orderBy: { createdAt: "desc" }, take: 100 });
  return { data: rows.map((row) => toHandOver(row, leadsOn(key, row, at))) };
}

/** Wipes the secret before anybody saw it. 409 says when it was opened. Of one that is recalled or too old already, nothing changes. */
export async function recallHandOver(actor: Can<"keys.update">, keyId: string, id: string): Promise<HandOver> {
  const key = await findKey(actor, keyId);
  refuseStronger(key, await readStanding(db, actor));
  const row = isId("hov", id) ? await db.handOver.findFirst({ where: { id, keyId: key.id }, omit: OMIT }) : null;
  if (row === null) throw notFound();
  if (row.openedAt !== null) {
    const opened_at = row.openedAt.toISOString();
    throw new AppError("conflict", `The link was opened at ${opened_at} already. Rotate or revoke the key if that was not meant.`, {
      details: { opened_at },
    });
  }
  const before = toHandOver(row, leadsOn(key, row, now()));
  if (before.status !== "waiting") return before;
  try {
    return await change(actor, async (tx) => {
      const at = new Date(now());
      const [after] = await tx.handOver.updateManyAndReturn({
        where: { id: row.id, openedAt: null, recalledAt: null },
        data: { sealed: null, recalledAt: at },
        omit: OMIT,
      });
      if (after === undefined) throw new AppError("conflict", OVERTAKEN);
      const view = toHandOver(after, true);
      return { result: view, events: [{ action: "api_key.hand_over_recall", target: targetOf(key), before, after: view }] };
    });
  } catch (error) {
    if (!isAppError(error) || error.message !== OVERTAKEN) throw error;
    return recallHandOver(actor, keyId, id); // opened or recalled a moment ago: it is one of the cases above now
  }
}

const OVERTAKEN = "The link was opened or recalled a moment ago.";

interface Found extends Row {
  sealed: Uint8Array;
  keyName: string;
  keyOwnerId: string | null;
  prefix: string;
  organization: string;
  slug: string;
}

/** Shows the secret, this once, to whoever has the token. One 404 for links that are unknown, opened, recalled, too old, or of a dead secret. */
export async function openHandOver(actor: Can<"keys.receive">, { token }: OpenHandOver): Promise<OpenedHandOver> {
  const gone = new AppError("not_found", "This link was opened already, was recalled, or is too old. Ask for a new one.");
  const { ip, country, userAgent } = actor.request;
  const { found, secret, opened } = await change(actor, async (tx) => {
    const at = new Date(now());
    // The lock lets one caller through; for the others the row then has no seal.
    const [found] = await tx.$queryRaw<Found[]>`
      select h.*, k."name" as "keyName", k."ownerId" as "keyOwnerId", s."prefix", o."name" as "organization", o."slug"
      from "HandOver" h
      join "Key" k on k."id" = h."keyId" and k."orgId" = h."orgId"
      join "KeySecret" s on s."id" = h."secretId" and s."keyId" = k."id"
      join "Org" o on o."id" = h."orgId"
      where h."tokenHash" = ${hashOfToken(token)} and h."sealed" is not null
        and h."expiresAt" > ${at} and k."revokedAt" is null and (k."expiresAt" is null or k."expiresAt" > ${at})
        and (s."endsAt" is null or s."endsAt" > ${at})
      for update of h`;
    if (found === undefined) throw gone;
    const secret = unseal(found.sealed, token, boundTo(found));
    if (secret === null) {
      log("error", "a hand-over does not open: its row is not as it was written", { hand_over: found.id });
      throw gone;
    }
    const row = await tx.handOver.update({
      where: { id: found.id },
      data: { sealed: null, openedAt: at, openedIp: ip, openedCountry: country, openedAgent: userAgent },
      omit: OMIT,
    });
    const opened = toHandOver(row, true);
    return {
      result: { found, secret, opened },
      events: [
        {
          action: "api_key.hand_over_open",
          target: { type: "api_key", id: found.keyId, name: found.keyName },
          after: opened,
          chain: found.orgId,
        },
      ],
    };
  });
  void mailReceipt(found, opened);
  const { keyName: name, prefix: key_prefix, organization, createdByName: from } = found;
  return { secret, name, key_prefix, organization, from };
}

/** To whoever made the link; of one that a key made, to the owner of the key that was handed over. */
async function mailReceipt(found: Found, opened: HandOver): Promise<void> {
  try {
    const id = found.createdById.startsWith("usr_") ? found.createdById : found.keyOwnerId;
    const stillHere = { disabledAt: null, members: { some: { orgId: found.orgId } } };
    const maker = id === null ? null : await db.user.findFirst({ where: { id, ...stillHere }, select: { email: true } });
    if (maker === null) return;
    const from = opened.opened_from;
    const recipient = opened.recipient === null ? "" : `, meant for ${opened.recipient},`;
    await sendMail({
      to: maker.email,
      subject: `Your link to the key “${found.keyName}” was opened`,
      text: [
        `The link that hands over the key “${found.keyName}” (${found.prefix})${recipient} was opened.`,
        `When: ${opened.opened_at}\nFrom: ${from?.ip ?? "an unknown address"}${from?.country ? `, ${from.country}` : ""}\nWith: ${from?.user_agent ?? "no word of the program"}`,
        `The link shows nothing any more. If it was not opened by whom you meant, rotate or revoke the key now:\n${env().publicUrl}/orgs/${found.slug}/keys/${found.keyId}`,
      ].join("\n\n"),
    });
  } catch (error) {
    log("error", "the receipt of a hand-over could not be mailed", { hand_over: found.id, ...describe(error) });
  }
}

/** Wipes what nobody may open any more: links that are too old, and those of ended secrets. The result ends it. */
export function startSweepingHandOvers(): () => void {
  const complain = (error: unknown) => warnSeldom("old hand-overs could not be wiped", describe(error));
  const sweep = () => void sweepHandOvers(now()).catch(complain);
  sweep();
  const timer = setInterval(sweep, SWEEP_MS).unref();
  return () => clearInterval(timer);
}

/** `at` in milliseconds. A link whose secret ended before it says so with its own end. */
export async function sweepHandOvers(at: number): Promise<void> {
  await meterPool().query(SWEEP, [new Date(at)]);
}

const SWEEP = `update "HandOver" h set "sealed" = null, "expiresAt" = least(h."expiresAt", $1)
  where h."sealed" is not null and (h."expiresAt" <= $1 or not exists (
    select 1 from "KeySecret" s join "Key" k on k."id" = s."keyId"
    where s."id" = h."secretId" and (s."endsAt" is null or s."endsAt" > $1)
      and k."revokedAt" is null and (k."expiresAt" is null or k."expiresAt" > $1)))`;

/** Whoever changes one of these in the database has a seal that opens no more. */
function boundTo(row: Pick<Row, "id" | "orgId" | "keyId" | "secretId" | "expiresAt">): string {
  return [row.id, row.orgId, row.keyId, row.secretId, row.expiresAt.toISOString()].join(" ");
}

/** Whether the link still leads to a secret that works. */
function leadsOn(key: KeyRow, row: Row, at: number): boolean {
  const secret = key.secrets.find(({ id }) => id === row.secretId);
  return secret !== undefined && isLive(key, secret, at) && !isPast(row.expiresAt, at);
}

function toHandOver(row: Row, leadsOn: boolean): HandOver {
  return {
    id: row.id,
    object: "hand_over",
    key_id: row.keyId,
    recipient: row.recipient === "" ? null : row.recipient,
    status: row.openedAt !== null ? "opened" : row.recalledAt !== null ? "recalled" : leadsOn ? "waiting" : "expired",
    created_by: { id: row.createdById, name: row.createdByName },
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt.toISOString(),
    opened_at: row.openedAt?.toISOString() ?? null,
    opened_from: row.openedAt === null ? null : { ip: row.openedIp, country: row.openedCountry, user_agent: row.openedAgent },
    recalled_at: row.recalledAt?.toISOString() ?? null,
  };
}

function isLive(key: KeyRow, secret: { endsAt: Date | null }, at: number): boolean {
  return key.revokedAt === null && !isPast(key.expiresAt, at) && !isPast(secret.endsAt, at);
}

const isPast = (instant: Date | null, at: number) => instant !== null && instant.getTime() <= at;
const targetOf = (key: { id: string; name: string }) => ({ type: "api_key", id: key.id, name: key.name });
