import "server-only";
import type { Access, Environment, Permission } from "@/lib/access/permissions";
import { reachOf } from "@/lib/access/permissions";
import { verifyPool } from "@/lib/db";
import { env } from "@/lib/env";
import { addressGroup, admits } from "@/lib/keys/addresses";
import { parseSecret } from "@/lib/keys/secret";
import { takeQuota } from "@/lib/limits/quota";
import { limitStore } from "@/lib/limits/store";
import { type Limit, type LimitState, minuteLimit, monthEnd, monthOf } from "@/lib/limits/window";

/**
 * Whether a secret may make a call. The one function every entrance asks: gateway, management API, forward-auth.
 * A "no" is a value, in the order of contract.md §4; only a database that is away throws. A refused request counts nowhere.
 */

export interface Need {
  /** What the call does; the key's access must hold it. */
  permission: Permission;
  /** What the call touches, where it is a data route. */
  scope: string | null;
  ip: string | null;
  /** A free call (its own limits) counts against neither limit nor quota. */
  free: boolean;
}

/** What verification knows of a key: plain values, no row. */
export interface KeySnapshot {
  keyId: string;
  secretId: string;
  prefix: string;
  name: string;
  orgId: string;
  orgName: string;
  groupId: string;
  environment: Environment;
  access: Access;
  /** Already intersected with the organization's. */
  scopes: string[];
  minuteLimit: number;
  monthLimit: number;
}

export type RefusalCode =
  | "not_found"
  | "revoked"
  | "expired"
  | "paused"
  | "scheduled"
  | "account_deactivated"
  | "ip_not_allowed"
  | "insufficient_scope"
  | "quota_exceeded"
  | "rate_limit_exceeded";

export interface Limits {
  rate: LimitState;
  quota: LimitState;
}

interface Needed {
  permission: Permission;
  scope: string | null;
}

export type Verdict =
  | { valid: true; key: KeySnapshot; limits: Limits }
  | {
      valid: false;
      code: RefusalCode;
      key: KeySnapshot | null;
      limits: Limits | null;
      needed: Needed | null;
      unknownLimit: LimitState | null;
    };

const UNKNOWN_PER_MINUTE = 30;
const MONTH_SECONDS = 30 * 86_400; // of the quota, as the RateLimit headers name it; the real length is monthEnd's

interface Row {
  secretId: string;
  endsAt: Date | null;
  prefix: string;
  keyId: string;
  name: string;
  orgId: string;
  orgName: string;
  groupId: string;
  environment: Environment;
  access: Access;
  keyScopes: string[];
  keyRpm: number | null;
  keyIps: string[];
  notBefore: Date | null;
  expiresAt: Date | null;
  pausedAt: Date | null;
  revokedAt: Date | null;
  groupRpm: number | null;
  groupIps: string[];
  archivedAt: Date | null;
  orgRpm: number | null;
  orgMonth: number | null;
  orgScopes: string[];
  orgIps: string[];
  deactivatedAt: Date | null;
  planRpm: number;
  planMonth: number;
  planScopes: string[];
  used: number;
}

const LOOKUP = `
select s."id" as "secretId", s."endsAt", s."prefix", k."id" as "keyId", k."name", k."orgId", k."groupId", k."environment", k."access",
  k."scopes" as "keyScopes", k."requestsPerMinute" as "keyRpm", k."allowedIps" as "keyIps", k."notBefore", k."expiresAt", k."pausedAt", k."revokedAt",
  g."requestsPerMinute" as "groupRpm", g."allowedIps" as "groupIps", g."archivedAt",
  o."name" as "orgName", o."requestsPerMinute" as "orgRpm", o."requestsPerMonth" as "orgMonth", o."scopes" as "orgScopes", o."allowedIps" as "orgIps", o."deactivatedAt",
  p."requestsPerMinute" as "planRpm", p."requestsPerMonth" as "planMonth", p."scopes" as "planScopes", coalesce(q."used", 0) as "used"
from "KeySecret" s join "Key" k on k."id" = s."keyId" join "Group" g on g."id" = k."groupId" join "Org" o on o."id" = k."orgId" join "Plan" p on p."id" = o."planId"
  left join "QuotaPeriod" q on q."orgId" = k."orgId" and q."environment" = k."environment" and q."month" = $2
where s."hash" = $1`;

export async function verify(text: string, need: Need, nowMs: number): Promise<Verdict> {
  const { live, test } = env().keyPrefixes;
  const secret = parseSecret(text, [live, test]);
  if (secret === null) return unknown(null);

  const found = await verifyPool().query<Row>({ name: "verify", text: LOOKUP, values: [secret.hash, monthOf(nowMs)] });
  const row = found.rows[0];
  if (row === undefined) return unknownSecret(need.ip, nowMs);

  const key = toSnapshot(row);
  const refuse = (code: RefusalCode, limits: Limits | null, needed: Needed | null = null): Verdict => ({
    valid: false,
    code,
    key,
    limits,
    needed,
    unknownLimit: null,
  });

  const state = stateRefusal(row, nowMs);
  if (state !== null) return refuse(state, null); // its limits would tell a key that was from one that never was
  const limits = () => peek(key, row.used, nowMs);
  if (row.deactivatedAt !== null) return refuse("account_deactivated", await limits());
  if (![row.keyIps, row.groupIps, row.orgIps].every((list) => admits(list, need.ip))) return refuse("ip_not_allowed", await limits());
  if (reachOf({ type: "key", role: key.access }, need.permission) === null || (need.scope !== null && !key.scopes.includes(need.scope))) {
    return refuse("insufficient_scope", await limits(), { permission: need.permission, scope: need.scope });
  }
  return need.free ? { valid: true, key, limits: await limits() } : count(key, row.used, nowMs, refuse);
}

/** The limits of a key as they stand, nothing counted. */
async function peek(key: KeySnapshot, used: number, nowMs: number): Promise<Limits> {
  const [rate] = await limitStore().peek([rateLimit(key)], nowMs);
  return { rate: rate as LimitState, quota: quotaState(key, used, nowMs) };
}

async function count(
  key: KeySnapshot,
  usedBefore: number,
  nowMs: number,
  refuse: (code: RefusalCode, limits: Limits) => Verdict,
): Promise<Verdict> {
  const rate = rateLimit(key);
  const taken = usedBefore < key.monthLimit ? await limitStore().take([rate], nowMs) : null;
  if (taken === null) return refuse("quota_exceeded", await peek(key, usedBefore, nowMs));
  const state = taken.states[0] as LimitState;
  if (!taken.allowed) return refuse("rate_limit_exceeded", { rate: state, quota: quotaState(key, usedBefore, nowMs) });
  const quota = await takeQuota(key.orgId, key.environment, monthOf(nowMs), key.monthLimit);
  const limits = { rate: state, quota: quotaState(key, quota.used, nowMs) };
  if (quota.allowed) return { valid: true, key, limits };
  await limitStore().give([rate], nowMs);
  return refuse("quota_exceeded", { ...limits, rate: { ...state, remaining: state.remaining + 1 } });
}

function rateLimit(key: KeySnapshot): Limit {
  return { name: "key", subject: `key:${key.keyId}`, limit: key.minuteLimit, windowSeconds: 60 };
}

function quotaState(key: KeySnapshot, used: number, nowMs: number): LimitState {
  return {
    name: "month",
    limit: key.monthLimit,
    remaining: Math.max(0, key.monthLimit - used),
    windowSeconds: MONTH_SECONDS,
    resetAt: monthEnd(nowMs),
  };
}

function unknown(unknownLimit: LimitState | null, code: RefusalCode = "not_found"): Verdict {
  return { valid: false, code, key: null, limits: null, needed: null, unknownLimit };
}

/** Well-formed secrets that nobody made are limited per address, so that guessing is slow; valid keys from there still pass. */
async function unknownSecret(ip: string | null, nowMs: number): Promise<Verdict> {
  const subject = `unknown:${ip === null ? "?" : addressGroup(ip)}`;
  const taken = await limitStore().take([{ name: "unknown", subject, limit: UNKNOWN_PER_MINUTE, windowSeconds: 60 }], nowMs);
  const state = taken.states[0] as LimitState;
  return taken.allowed ? unknown(state) : unknown(state, "rate_limit_exceeded");
}

/** The key's own state; instants are compared as instants. A retired secret of a living key reads as revoked. */
function stateRefusal(row: Row, nowMs: number): RefusalCode | null {
  const past = (at: Date | null) => at !== null && at.getTime() <= nowMs;
  if (row.revokedAt !== null || row.archivedAt !== null || past(row.endsAt)) return "revoked";
  if (past(row.expiresAt)) return "expired";
  if (row.pausedAt !== null) return "paused";
  if (row.notBefore !== null && row.notBefore.getTime() > nowMs) return "scheduled";
  return null;
}

function toSnapshot(row: Row): KeySnapshot {
  const orgScopes = row.orgScopes.length > 0 ? row.orgScopes : row.planScopes;
  return {
    keyId: row.keyId,
    secretId: row.secretId,
    prefix: row.prefix,
    name: row.name,
    orgId: row.orgId,
    orgName: row.orgName,
    groupId: row.groupId,
    environment: row.environment,
    access: row.access,
    scopes: row.keyScopes.filter((scope) => orgScopes.includes(scope)),
    minuteLimit: minuteLimit({ plan: row.planRpm, org: row.orgRpm, group: row.groupRpm, key: row.keyRpm, environment: row.environment }),
    monthLimit: row.orgMonth ?? row.planMonth,
  };
}
