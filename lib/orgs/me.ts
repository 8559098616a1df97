import "server-only";
import { authorize, type Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { creditsOf } from "@/lib/credits/credits";
import { db } from "@/lib/db";
import type { Caller } from "@/lib/endpoint";
import { AppError } from "@/lib/errors";
import { getKey } from "@/lib/keys/keys";
import { quotaAccount } from "@/lib/limits/quota";
import { monthOf } from "@/lib/limits/window";
import { toOrg } from "@/lib/orgs/orgs";
import type { Credits, LimitsView, Me } from "@/lib/orgs/schema";

/** What a caller may know of itself. */

export async function getMe(actor: Can<"self.read">): Promise<Me> {
  const [org, credits, key] = await Promise.all([
    db.org.findUniqueOrThrow({ where: { id: actor.orgId }, include: { plan: true } }),
    creditsOf(actor.orgId),
    actor.type === "key" ? getKey(authorize(actor, "keys.read"), actor.id ?? "") : null,
  ]);
  const personId = actor.type === "user" ? actor.id : key?.owner.type === "member" ? key.owner.id : null;
  const person =
    personId === null
      ? null
      : await db.member.findUnique({
          where: { orgId_userId: { orgId: actor.orgId, userId: personId } },
          include: { user: { select: { id: true, email: true, name: true } } },
        });
  const { id, client_id, name, slug, plan } = toOrg(org);
  return {
    user: {
      user_id: person?.user.id ?? id,
      email: person?.user.email ?? null,
      name: person?.user.name ?? name,
      credits_available: credits,
      key_name: key?.name ?? null,
      key_expires_at: key?.expires_at ?? null,
      member_since: (person?.createdAt ?? org.createdAt).toISOString(),
    },
    organization: { id, client_id, name, slug, plan: plan.id },
    key,
  };
}

export async function getLimits(actor: Can<"limits.read">, caller: Caller): Promise<LimitsView> {
  const key = await getKey(authorize(actor, "keys.read"), actor.id ?? "");
  const limits = caller.key?.limits;
  if (limits === undefined) throw new AppError("forbidden", "This call takes a key, not a session.");
  const at = now();
  const account = quotaAccount(actor.orgId, key.environment);
  await account.refresh(at);
  const left = ({ limit, remaining, resetAt }: { limit: number; remaining: number; resetAt: number }) => ({
    limit,
    remaining,
    reset: resetAt,
  });
  return {
    rate_limit: { ...left(limits.rate), window_seconds: 60 },
    quota: { ...left(account.state(at, limits.quota.limit)), period: monthOf(at) },
    credits: { available: await creditsOf(actor.orgId) },
    expires_at: key.expires_at,
    environment: key.environment,
    access: key.access,
    scopes: caller.key?.scopes ?? [],
  };
}

/** The balance and the newest 100 grants. Charges use up the oldest grant first, so what is left is in the newest. */
export async function getCredits(actor: Can<"self.read">): Promise<Credits> {
  const [org, available, grants] = await Promise.all([
    db.org.findUniqueOrThrow({ where: { id: actor.orgId }, select: { planId: true } }),
    creditsOf(actor.orgId),
    db.creditEntry.findMany({ where: { orgId: actor.orgId, kind: "grant" }, orderBy: [{ createdAt: "desc" }, { id: "desc" }], take: 100 }),
  ]);
  let left = available;
  const purchases = grants.map(({ id, amount, reason, createdAt }) => {
    const remaining = Math.min(amount, left);
    left -= remaining;
    const at = createdAt.toISOString();
    return {
      id,
      purchase_id: id,
      plan: org.planId,
      credits: amount,
      amount,
      remaining,
      reason,
      expires_at: null,
      created_at: at,
      purchased_at: at,
    };
  });
  return { credits: { available, purchases } };
}
