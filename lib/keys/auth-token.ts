import "server-only";
import type { Can } from "@/lib/access/permissions";
import { db } from "@/lib/db";
import { AppError, notFound } from "@/lib/errors";
import { changeKeys, lockKey, requireMayEnd } from "@/lib/keys/change-keys";
import { digestOf } from "@/lib/keys/forms";
import { createKey, endRows } from "@/lib/keys/keys";
import type { AuthToken, GenerateAuthToken, RevokeAuthToken } from "@/lib/keys/schema";
import { targetOf, toKey, WITH } from "@/lib/keys/view";

/** Keys by the names that Perplexity's clients know: a program gets a new token for its own, and ends the old one by its text. */

const ENDING = " token";

/** A key with everything that the asking one has. A person has nothing to inherit: 403. */
export async function generateAuthToken(actor: Can<"keys.create">, { token_name }: GenerateAuthToken): Promise<AuthToken> {
  if (actor.type !== "key") throw new AppError("forbidden", "This call takes a key: the token inherits everything from it.");
  const key = await createKey(actor, { name: token_name ?? nameAfter(actor.name) });
  return { auth_token: key.secret, created_at_epoch_seconds: Math.floor(Date.parse(key.created_at) / 1000), token_name: key.name };
}

/** "Intake" → "Intake token", which stays so when its own token asks. At most 100 characters. */
function nameAfter(name: string): string {
  return name.endsWith(ENDING)
    ? name
    : `${name
        .slice(0, 100 - ENDING.length)
        .toWellFormed()
        .trim()}${ENDING}`;
}

/**
 * Ends the secret that is sent: the key, when it is its last, else that secret alone, and the other is the lasting one. Again changes
 * nothing. Throws 404 for what is no secret of a key in reach.
 */
export async function revokeAuthToken(actor: Can<"keys.revoke">, { auth_token }: RevokeAuthToken): Promise<Record<string, never>> {
  const digest = await digestOf(auth_token);
  const found =
    digest === null
      ? null
      : await db.keySecret.findUnique({ where: { hash: Buffer.from(digest, "hex") }, select: { id: true, keyId: true } });
  if (found === null) throw notFound();
  return changeKeys(actor, [found.keyId], async (tx, at) => {
    const row = await lockKey(tx, actor, found.keyId);
    await requireMayEnd(tx, actor, [row]);
    const works = (secret: { endsAt: Date | null } | undefined) => secret !== undefined && (secret.endsAt === null || secret.endsAt > at);
    const secret = row.secrets.find(({ id }) => id === found.id);
    if (row.revokedAt !== null || secret === undefined || !works(secret)) return { result: {}, events: [] };
    const other = row.secrets.find((each) => each !== secret && works(each));
    if (other === undefined) return { result: {}, events: (await endRows(tx, [row], null, at)).events };

    await tx.keySecret.update({ where: { id: secret.id }, data: { endsAt: at } });
    await tx.keySecret.update({ where: { id: other.id }, data: { endsAt: null } });
    const changed = await tx.key.update({ where: { id: row.id }, data: { prefix: other.prefix }, include: WITH });
    const after = toKey(changed, at.getTime());
    return {
      result: {},
      events: [{ action: "api_key.secret_revoke", target: targetOf(after), before: toKey(row, at.getTime()), after }],
    };
  });
}
