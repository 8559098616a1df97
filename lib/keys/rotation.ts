import "server-only";
import type { Can } from "@/lib/access/permissions";
import { db, type Tx } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { changeKeys, lockKey, refuseEnded, refuseStronger, standingOf } from "@/lib/keys/change-keys";
import type { ExtendRotation, Key, NewKey, RotateKey } from "@/lib/keys/schema";
import { newSecret } from "@/lib/keys/secret";
import { type KeyRow, targetOf, toKey, WITH } from "@/lib/keys/view";

/**
 * A key gets a new secret and keeps its id, name, limits and history. The old secret works until its grace ends; a secret without an end
 * is the lasting one, of which a key has exactly one. The row of the key is held meanwhile, so that two at once come one after the other.
 */

const DEFAULT_GRACE_SECONDS = 86_400;

/**
 * While a rotation runs: 409, but with a grace of 0 all older secrets end and there is a new one. Of two at once one is 409, with any
 * grace: the other's secret would be ended before it was read.
 */
export async function rotateKey(actor: Can<"keys.update">, id: string, input: RotateKey): Promise<NewKey> {
  const seen = await db.keySecret.findFirst({ where: { keyId: id, endsAt: null }, select: { id: true } });
  return changeKeys(actor, [id], async (tx, at) => {
    const row = await lockChangeable(tx, actor, id, at);
    refuseOutgoing(actor, row);
    const graceSeconds = input.grace_seconds ?? DEFAULT_GRACE_SECONDS;
    const running = runningOut(row, at);
    if (running !== null && graceSeconds > 0)
      throw new AppError(
        "conflict",
        `The key "${row.name}" is being rotated: its old secret works until ${running.endsAt.toISOString()}. Finish that rotation first, or send grace_seconds 0, which ends all older secrets now.`,
        { details: { rotation: "is running" } },
      );
    if (lasting(row)?.id !== seen?.id)
      throw new AppError("conflict", `Somebody else rotated the key "${row.name}" at the same moment.`, {
        details: { rotation: "was just begun" },
      });
    const before = toKey(row, at.getTime());
    const made = await rotateRow(tx, row, graceSeconds, at);
    const after = toKey(made.row, at.getTime());
    const reason = input.reason === undefined ? {} : { reason: input.reason };
    return {
      result: { ...after, secret: made.secret },
      events: [{ action: "api_key.rotate", target: targetOf(after), before, after: { ...after, ...reason } }],
    };
  });
}

/** The write alone, of a row that is held: older secrets end after the grace, never past the key's own end, and a new one lasts. */
export async function rotateRow(tx: Tx, row: KeyRow, graceSeconds: number, at: Date): Promise<{ row: KeyRow; secret: string }> {
  const secret = newSecret(env().keyPrefixes[row.environment as Key["environment"]]);
  const endsAt = graceSeconds === 0 ? at : endOfGrace(row, graceSeconds, at);
  const old = lasting(row);
  if (old !== null) await tx.keySecret.update({ where: { id: old.id }, data: { endsAt, lastUsedAt: lastUseOf(row, old) } });
  if (graceSeconds === 0) await endSecrets(tx, row, at);
  const made = { id: newId("sec", at.getTime()), hash: Buffer.from(secret.hash, "hex"), prefix: secret.prefix, createdAt: at };
  const data = { prefix: secret.prefix, secrets: { create: made } };
  return { row: await tx.key.update({ where: { id: row.id }, data, include: WITH }), secret: secret.text };
}

/** The old secret stops now. Where no rotation runs, nothing changes. */
export async function finishRotation(actor: Can<"keys.update">, id: string): Promise<Key> {
  return changeKeys(actor, [id], async (tx, at) => {
    const row = await lockChangeable(tx, actor, id, at);
    const before = toKey(row, at.getTime());
    if (runningOut(row, at) === null) return { result: before, events: [] };
    await endSecrets(tx, row, at);
    const after = toKey(await tx.key.findUniqueOrThrow({ where: { id: row.id }, include: WITH }), at.getTime());
    return { result: after, events: [{ action: "api_key.rotation_finish", target: targetOf(after), before, after }] };
  });
}

/** The old secret works for so long from now on, never past the key's end. 409 where no rotation runs: what has ended stays ended. */
export async function extendRotation(actor: Can<"keys.update">, id: string, input: ExtendRotation): Promise<Key> {
  return changeKeys(actor, [id], async (tx, at) => {
    const row = await lockChangeable(tx, actor, id, at);
    refuseOutgoing(actor, row);
    const old = runningOut(row, at);
    if (old === null)
      throw new AppError("conflict", `No rotation of the key "${row.name}" is running.`, { details: { rotation: "is not running" } });
    const before = toKey(row, at.getTime());
    await tx.keySecret.update({ where: { id: old.id }, data: { endsAt: endOfGrace(row, input.grace_seconds, at) } });
    const after = toKey(await tx.key.findUniqueOrThrow({ where: { id: row.id }, include: WITH }), at.getTime());
    return { result: after, events: [{ action: "api_key.rotation_extend", target: targetOf(after), before, after }] };
  });
}

/** Ends every secret but none that has ended already, on a row that is held. */
async function endSecrets(tx: Tx, row: KeyRow, at: Date): Promise<void> {
  await tx.keySecret.updateMany({ where: { keyId: row.id, endsAt: { gt: at } }, data: { endsAt: at } });
}

async function lockChangeable(tx: Tx, actor: Can<"keys.update">, id: string, at: Date): Promise<KeyRow> {
  const row = await lockKey(tx, actor, id);
  refuseStronger(row, await standingOf(tx, actor));
  refuseEnded(row, at);
  return row;
}

/** A secret on its way out gives itself no longer life and no heir: whoever found it would keep the key from its owner. */
function refuseOutgoing(actor: Can<"keys.update">, row: KeyRow): void {
  if (actor.type !== "key" || actor.id !== row.id || lasting(row)?.id === actor.secretId) return;
  throw new AppError("insufficient_scope", "The old secret of a rotation does not rotate or extend its own key. Use the new one.", {
    details: { secret: "is running out" },
  });
}

type SecretRow = KeyRow["secrets"][number];

export const lasting = (row: KeyRow): SecretRow | null => row.secrets.find(({ endsAt }) => endsAt === null) ?? null;

/** The secret that works on for a while beside the lasting one. */
export function runningOut(row: KeyRow, at: Date): (SecretRow & { endsAt: Date }) | null {
  const old = row.secrets.find(({ endsAt }) => endsAt !== null && endsAt > at);
  return old === undefined ? null : { ...old, endsAt: old.endsAt as Date };
}

function endOfGrace(row: KeyRow, graceSeconds: number, at: Date): Date {
  const end = at.getTime() + graceSeconds * 1000;
  return new Date(Math.min(end, row.expiresAt?.getTime() ?? end));
}

/** While a secret is a key's only one, its uses are the key's. Rather too late than too early: who sees it asks whether anybody still calls. */
function lastUseOf(row: KeyRow, secret: SecretRow): Date | null {
  return row.lastUsedAt !== null && row.lastUsedAt >= secret.createdAt ? row.lastUsedAt : null;
}
