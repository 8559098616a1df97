import "server-only";
import type { Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import type { Caller } from "@/lib/endpoint";
import { AppError, type ErrorType, statusOf } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { canonicalAddress } from "@/lib/keys/addresses";
import type { Verification, VerifyKey } from "@/lib/keys/schema";
import { type RefusalCode, type Verdict, verify } from "@/lib/keys/verify";
import type { LimitState } from "@/lib/limits/window";
import { recordUsage } from "@/lib/usage/record";

/** The scope by which an organization's keys may ask about everybody's. No plan has it: the operator gives it to an organization of theirs. */
const EVERYBODY = "verify";
const ROUTE = "/v1/keys/verify";

/**
 * Whether a key that somebody presented to a back end may make a call, which it is charged with. The operator asks about every key, an
 * organization's admin key about its own: another's is `not_found`. Throws insufficient_scope for any other key.
 */
export async function verifyKey(actor: Can<"keys.verify">, input: VerifyKey, caller: Caller): Promise<Verification> {
  const everybody = actor.type === "operator" || caller.key?.scopes.includes(EVERYBODY) === true;
  if (!everybody && actor.reach !== "organization")
    throw new AppError("insufficient_scope", `This call takes a key of access admin, or one with the scope ${EVERYBODY}.`, {
      details: { access: "admin", scope: EVERYBODY },
    });
  const ip = input.ip === undefined ? null : canonicalAddress(input.ip);
  if (input.ip !== undefined && ip === null)
    throw new AppError("invalid_request", "The request is not valid: ip is not an address.", { details: { ip: "is not an address" } });
  const begun = performance.now();
  const nowMs = now();
  // A calling key's own record has the request's id. One id for the record and the charge, so that the ledger leads to the log.
  const requestId = actor.type === "operator" ? actor.request.id : newId("req");
  const verdict = await verify(
    input.key,
    {
      permission: null,
      scopes: input.scope === undefined ? [] : [input.scope],
      accesses: input.access === undefined ? [] : [input.access],
      ip,
      asker: everybody ? null : actor.id,
      within: { orgId: everybody ? null : actor.orgId, environment: actor.environment === "test" ? "test" : null },
      free: false,
      route: null,
      cost: input.cost ?? 0,
      requestId,
    },
    nowMs,
  );
  const { key } = verdict;
  if (key !== null) {
    await recordUsage({
      requestId,
      at: nowMs,
      orgId: key.orgId,
      groupId: key.groupId,
      keyId: key.keyId,
      secretId: key.secretId,
      keyPrefix: key.prefix,
      environment: key.environment,
      method: "POST",
      route: ROUTE,
      status: verdict.valid ? 200 : statusOf(ERRORS[verdict.code]),
      outcome: verdict.valid ? "accepted" : verdict.code,
      latencyUs: Math.round((performance.now() - begun) * 1000),
      credits: verdict.valid ? verdict.charged : 0,
      counted: verdict.valid && verdict.counted,
      ip,
      country: null,
      userAgent: null,
    });
  }
  return toVerification(verdict);
}

/** What the key itself would have been answered. */
export const ERRORS: Record<RefusalCode, ErrorType> = {
  not_found: "unauthorized",
  revoked: "unauthorized",
  expired: "unauthorized",
  paused: "unauthorized",
  scheduled: "unauthorized",
  account_deactivated: "account_deactivated",
  ip_not_allowed: "ip_not_allowed",
  insufficient_scope: "insufficient_scope",
  quota_exceeded: "quota_exceeded",
  rate_limit_exceeded: "rate_limit_exceeded",
  insufficient_credits: "insufficient_credits",
};

function toVerification(verdict: Verdict): Verification {
  const { key, limits } = verdict;
  const code = verdict.valid ? "valid" : verdict.code === "scheduled" ? "paused" : verdict.code;
  return {
    valid: verdict.valid,
    code,
    key_id: key?.keyId ?? null,
    organization_id: key?.orgId ?? null,
    group_id: key?.groupId ?? null,
    environment: key?.environment ?? null,
    access: key?.access ?? null,
    scopes: key?.scopes ?? [],
    owner: key?.owner ?? null,
    metadata: key?.metadata ?? {},
    rate_limit: toLeft(limits?.rate),
    quota: toLeft(limits?.quota),
  };
}

function toLeft(state: LimitState | undefined): { limit: number; remaining: number; reset: number } | null {
  return state === undefined ? null : { limit: state.limit, remaining: state.remaining, reset: state.resetAt };
}
