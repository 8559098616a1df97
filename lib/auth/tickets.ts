import "server-only";
import { randomBytes } from "node:crypto";
import { now } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { hashToken } from "@/lib/orgs/orgs";

/** Single-use tokens: only their hash is stored, and using one is one atomic statement. */

const LIFETIME_MS = { ticket: 60_000, reset: 30 * 60_000 } as const;

/** A token of 256 bits for one person; a ticket lives 60 s, a reset 30 min. */
export async function issueToken(kind: keyof typeof LIFETIME_MS, userId: string): Promise<string> {
  const token = randomBytes(32).toString("base64url");
  const at = now();
  await writer().oneTimeToken.deleteMany({ where: { expiresAt: { lt: new Date(at - 86_400_000) } } });
  await writer().oneTimeToken.create({
    data: { hash: hashToken(token), kind, userId, expiresAt: new Date(at + LIFETIME_MS[kind]), createdAt: new Date(at) },
  });
  return token;
}

/** Whether using it now would work. Uses nothing up. */
export async function isTokenOpen(kind: keyof typeof LIFETIME_MS, token: string): Promise<boolean> {
  const where = { hash: hashToken(token), kind, usedAt: null, expiresAt: { gt: new Date(now()) } };
  return (await db.oneTimeToken.count({ where })) > 0;
}

/** The person the token stands for, once; null when it is unknown, used, or too old. */
export async function useToken(kind: keyof typeof LIFETIME_MS, token: string): Promise<string | null> {
  const at = new Date(now());
  const used = await writer().oneTimeToken.updateManyAndReturn({
    where: { hash: hashToken(token), kind, usedAt: null, expiresAt: { gt: at } },
    data: { usedAt: at },
    select: { userId: true },
  });
  return used[0]?.userId ?? null;
}
