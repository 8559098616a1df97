import "server-only";
import { type Access, accessIncludes, type Environment, type Permission, reachOf } from "@/lib/access/permissions";
import { chargeCredits } from "@/lib/credits/credits";
import { verifyPool } from "@/lib/db";
import { databaseAway } from "@/lib/errors";
import { addressGroup, type Block, blocksAdmit, toBlocks } from "@/lib/keys/addresses";
import { Cache, LookUps } from "@/lib/keys/cache";
import { digestOf } from "@/lib/keys/forms";
import { lease } from "@/lib/leases";
import { type QuotaAccount, quotaAccount } from "@/lib/limits/quota";
import { limitStore, type Taken } from "@/lib/limits/store";
import { type Limit, type LimitState, minuteLimit, monthOf } from "@/lib/limits/window";
import { once } from "@/lib/runtime";

/**
 * Whether a secret may make a call. The one function every entrance asks: gateway, management API, forward-auth, back ends. From memory
 * while this node holds a lease (lib/leases.ts), else by one query. A "no" is a value, in the order of contract.md §4, and costs nothing
 * anywhere; only a database that is away throws.
 */

export interface Need {
  /** What the call does; the key's access must hold it. Null: any key may. */
  permission: Permission | null;
  /** What the call touches: the key must have all of these scopes. */
  scopes: readonly string[];
  /** Accesses that the key's own must include. */
  accesses: readonly Access[];
  ip: string | null;
  /** Whom unknown secrets are counted to where there is no address; null: nobody, they are not limited. */
  asker: string | null;
  /** Whose keys are known at all, and of which environment; null: everybody's. */
  within: Within | null;
  /** A free call (its own limits) counts against neither limit nor quota. */
  free: boolean;
  /** A limit of the route's own, per minute and key, besides the key's. */
  route: { name: string; limit: number } | null;
  /** Whole credits that the call costs, of a live key. */
  cost: number;
  /** What the charge is booked under. */
  requestId: string;
}

/** Null: any. */
export interface Within {
  orgId: string | null;
  environment: Environment | null;
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
  owner: { type: "member" | "organization"; id: string; name: string };
  metadata: Record<string, string>;
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
  | "rate_limit_exceeded"
  | "insufficient_credits";

export interface Limits {
  rate: LimitState;
  /** Where the route has a limit of its own. */
  route: LimitState | null;
  quota: LimitState;
}

/** The first thing that is missing. */
export type Needed = { permission: Permission } | { access: Access } | { scope: string };

export interface Accepted {
  valid: true;
  key: KeySnapshot;
  limits: Limits;
  /** Whether it was counted against the quota. */
  counted: boolean;
  /** Credits charged. */
  charged: number;
}

export interface Refused {
  valid: false;
  code: RefusalCode;
  key: KeySnapshot | null;
  limits: Limits | null;
  needed: Needed | null;
  unknownLimit: LimitState | null;
}

export type Verdict = Accepted | Refused;

const UNKNOWN_PER_MINUTE = 30;
const MOST_CACHED = 100_000;
const MOST_UNKNOWN = 10_000;
/** Look-ups that may wait for a connection before the next is refused. */
const MOST_WAITING = 100;
const MOST_SUSPECTS = 1_000;

/** A snapshot with what decides about it, in the form it is asked in. */
export interface Entry {
  key: KeySnapshot;
  rate: Limit;
  quota: QuotaAccount;
  /** The addresses of key, group and organization, where they are set: all must admit. */
  addresses: Block[][];
  revoked: boolean;
  paused: boolean;
  deactivated: boolean;
  /** Milliseconds since 1970, or infinity. */
  endsAt: number;
  expiresAt: number;
  notBefore: number;
}

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
  metadata: Record<string, string>;
  ownerId: string | null;
  ownerName: string | null;
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

const SELECT = `
select s."id" as "secretId", s."endsAt", s."prefix", k."id" as "keyId", k."name", k."orgId", k."groupId", k."environment", k."access",
  k."scopes" as "keyScopes", k."requestsPerMinute" as "keyRpm", k."allowedIps" as "keyIps", k."notBefore", k."expiresAt", k."pausedAt", k."revokedAt",
  k."metadata", k."ownerId", u."name" as "ownerName",
  g."requestsPerMinute" as "groupRpm", g."allowedIps" as "groupIps", g."archivedAt",
  o."name" as "orgName", o."requestsPerMinute" as "orgRpm", o."requestsPerMonth" as "orgMonth", o."scopes" as "orgScopes", o."allowedIps" as "orgIps", o."deactivatedAt",
  p."requestsPerMinute" as "planRpm", p."requestsPerMonth" as "planMonth", p."scopes" as "planScopes", coalesce(q."used", 0) as "used"
from "KeySecret" s join "Key" k on k."id" = s."keyId" join "Group" g on g."id" = k."groupId" join "Org" o on o."id" = k."orgId" join "Plan" p on p."id" = o."planId"
  left join "User" u on u."id" = k."ownerId"
  left join "QuotaPeriod" q on q."orgId" = k."orgId" and q."environment" = k."environment" and q."month" = $2
`;
const LOOKUP = `${SELECT}where s."hash" = $1`;
/** The newest secret, which has no end. */
const LOOKUP_KEY = `${SELECT}where k."id" = $1 order by s."endsAt" desc nulls first, s."createdAt" desc limit 1`;

/** `text` as the caller sent it. Answers at once (no promise) when all that it takes is in memory. */
export function verify(text: string, need: Need, nowMs: number): Verdict | Promise<Verdict> {
  const digest = digestOf(text);
  return digest instanceof Promise ? digest.then((found) => decide(found, need, nowMs)) : decide(digest, need, nowMs);
}

function decide(digest: string | null, need: Need, nowMs: number): Verdict | Promise<Verdict> {
  if (digest === null) return refusal("not_found");
  const known = lease()?.held() ? cache().get(digest) : undefined;
  if (known === undefined) return lookUp(digest, need, nowMs).then((entry) => judge(entry, need, nowMs));
  return judge(known, need, nowMs);
}

/** Whose secret has this digest, in whatever state; null for nobody's. Nothing is judged, and only guesses are counted: `asker` is who is slowed down for them. */
export async function identify(digest: string, asker: Pick<Need, "ip" | "asker">, nowMs: number): Promise<KeySnapshot | null> {
  const known = lease()?.held() ? cache().get(digest) : undefined;
  const found = (known === undefined ? await lookUp(digest, asker, nowMs) : known)?.key ?? null;
  const limit = found === null ? unknownLimit(asker) : null;
  if (limit !== null) await limitStore().take([limit], nowMs); // a guess like any other
  return found;
}

/** How many keys verification knows by heart, and how often that was enough. */
export function cacheState(): { size: number; unknown: number; hits: number; misses: number } {
  const { size, unknownSize, hits, misses } = cache();
  return { size, unknown: unknownSize, hits, misses };
}

function judge(entry: Entry | null, need: Need, nowMs: number): Verdict | Promise<Verdict> {
  // Somebody else's key is like one that nobody made, down to the limit.
  if (entry === null || (need.within !== null && !isWithin(entry.key, need.within))) return unknownSecret(need, nowMs);
  const state = stateRefusal(entry, nowMs);
  if (state !== null) return refusal(state, entry.key);
  const code = rightsRefusal(entry, need);
  if (code !== null) return peek(entry, need, nowMs, (limits) => refusal(code.code, entry.key, limits, code.needed));
  if (need.free) return passFree(entry, need, nowMs);
  return count(entry, need, nowMs);
}

function isWithin(key: KeySnapshot, { orgId, environment }: Within): boolean {
  return (orgId === null || orgId === key.orgId) && (environment === null || environment === key.environment);
}

/** The key's own state; instants are compared as instants. A retired secret of a living key reads as revoked. */
export function stateRefusal(entry: Entry, nowMs: number): RefusalCode | null {
  if (entry.revoked || nowMs >= entry.endsAt) return "revoked";
  if (nowMs >= entry.expiresAt) return "expired";
  if (entry.paused) return "paused";
  return nowMs < entry.notBefore ? "scheduled" : null;
}

export function rightsRefusal({ key, deactivated, addresses }: Entry, need: Need): { code: RefusalCode; needed: Needed | null } | null {
  if (deactivated) return { code: "account_deactivated", needed: null };
  for (const list of addresses) if (!blocksAdmit(list, need.ip)) return { code: "ip_not_allowed", needed: null };
  const lacks = (needed: Needed) => ({ code: "insufficient_scope" as const, needed });
  if (need.permission !== null && reachOf({ type: "key", role: key.access, environment: key.environment }, need.permission) === null)
    return lacks({ permission: need.permission });
  for (const access of need.accesses) if (!accessIncludes(key.access, access)) return lacks({ access });
  for (const scope of need.scopes) if (!key.scopes.includes(scope)) return lacks({ scope });
  return null;
}

function limitsOf(entry: Entry, { route }: Need): Limit[] {
  if (route === null) return [entry.rate];
  return [
    entry.rate,
    { name: "route", subject: `route:${route.name}:${entry.key.keyId}`, limit: halved(route.limit, entry.key), windowSeconds: 60 },
  ];
}

const halved = (limit: number, key: KeySnapshot) => (key.environment === "test" ? Math.max(1, Math.floor(limit / 2)) : limit);

function toLimits(entry: Entry, states: readonly LimitState[], nowMs: number): Limits {
  return { rate: states[0] as LimitState, route: states[1] ?? null, quota: entry.quota.state(nowMs, entry.key.monthLimit) };
}

/** Free of the key's limit and the quota; a route that is not to be asked without end has a limit of its own, shown when it refuses. */
async function passFree(entry: Entry, need: Need, nowMs: number): Promise<Verdict> {
  const [, route] = limitsOf(entry, need);
  const taken = route === undefined ? null : await limitStore().take([route], nowMs);
  return peek(entry, need, nowMs, (limits) =>
    taken?.allowed === false
      ? refusal("rate_limit_exceeded", entry.key, limits)
      : { valid: true, key: entry.key, limits: { ...limits, route: null }, counted: false, charged: 0 },
  );
}

/** The limits of a key as they stand, nothing counted. */
function peek(entry: Entry, need: Need, nowMs: number, then: (limits: Limits) => Verdict): Verdict | Promise<Verdict> {
  const states = limitStore().peek(limitsOf(entry, need), nowMs);
  if (states instanceof Promise) return states.then((peeked) => then(toLimits(entry, peeked, nowMs)));
  return then(toLimits(entry, states, nowMs));
}

/** All of a request's limits or none: a unit of the quota is taken first, in memory, and goes back when another limit refuses. */
function count(entry: Entry, need: Need, nowMs: number): Verdict | Promise<Verdict> {
  if (!entry.quota.take(nowMs, entry.key.monthLimit)) return reserveAndCount(entry, need, nowMs);
  let taken: Taken | Promise<Taken>;
  try {
    taken = limitStore().take(limitsOf(entry, need), nowMs);
  } catch (error) {
    entry.quota.give(nowMs);
    throw error;
  }
  if (!(taken instanceof Promise)) return counted(entry, need, taken, nowMs);
  return taken.then(
    (done) => counted(entry, need, done, nowMs),
    (error: unknown) => {
      entry.quota.give(nowMs);
      throw error;
    },
  );
}

async function reserveAndCount(entry: Entry, need: Need, nowMs: number): Promise<Verdict> {
  if (await entry.quota.reserve(nowMs, entry.key.monthLimit)) return count(entry, need, nowMs);
  return peek(entry, need, nowMs, (limits) => refusal("quota_exceeded", entry.key, limits));
}

function counted(entry: Entry, need: Need, taken: Taken, nowMs: number): Verdict | Promise<Verdict> {
  if (!taken.allowed) {
    entry.quota.give(nowMs);
    return refusal("rate_limit_exceeded", entry.key, toLimits(entry, taken.states, nowMs));
  }
  const accepted: Accepted = { valid: true, key: entry.key, limits: toLimits(entry, taken.states, nowMs), counted: true, charged: 0 };
  return need.cost > 0 && entry.key.environment === "live" ? charge(entry, need, accepted, nowMs) : accepted;
}

async function charge(entry: Entry, need: Need, accepted: Accepted, nowMs: number): Promise<Verdict> {
  const giveBack = async () => {
    entry.quota.give(nowMs);
    await limitStore().give(limitsOf(entry, need), nowMs);
  };
  let paid: boolean;
  try {
    paid = (await chargeCredits(entry.key.orgId, need.cost, "call", need.requestId)).paid;
  } catch (error) {
    await giveBack();
    throw error;
  }
  if (paid) return { ...accepted, charged: need.cost };
  await giveBack();
  return peek(entry, need, nowMs, (limits) => refusal("insufficient_credits", entry.key, limits));
}

/** A key as it would be judged now with its newest secret, and the lists that its addresses come from. For answers about it, not for calls. */
export async function readEntry(keyId: string, nowMs: number): Promise<Rehearsed | null> {
  const { rows } = await verifyPool().query<Row>({ name: "verify_key", text: LOOKUP_KEY, values: [keyId, monthOf(nowMs)] });
  const row = rows[0];
  if (row === undefined) return null;
  const { keyIps, groupIps, orgIps, archivedAt, keyScopes } = row;
  return {
    entry: toEntry(row, nowMs),
    lists: { key: keyIps, group: groupIps, organization: orgIps },
    isArchived: archivedAt !== null,
    keyScopes,
  };
}

export interface Rehearsed {
  entry: Entry;
  lists: { key: string[]; group: string[]; organization: string[] };
  /** Its group is. */
  isArchived: boolean;
  /** Also those that the organization does not have. */
  keyScopes: string[];
}

/** What is left of a key's limits; nothing counted. Throws when the database is away. */
export async function readLimits(entry: Entry, need: Need, nowMs: number): Promise<Limits> {
  await entry.quota.refresh(nowMs);
  return toLimits(entry, await limitStore().peek(limitsOf(entry, need), nowMs), nowMs);
}

function refusal(
  code: RefusalCode,
  key: KeySnapshot | null = null,
  limits: Limits | null = null,
  needed: Needed | null = null,
  unknownLimit: LimitState | null = null,
): Refused {
  return { valid: false, code, key, limits, needed, unknownLimit };
}

/** Well-formed secrets that nobody made are limited per address, so that guessing is slow; valid keys from there still pass. */
function unknownLimit({ ip, asker }: Pick<Need, "ip" | "asker">): Limit | null {
  const who = ip === null ? asker : addressGroup(ip);
  return who === null ? null : { name: "unknown", subject: `unknown:${who}`, limit: UNKNOWN_PER_MINUTE, windowSeconds: 60 };
}

function unknownSecret(need: Need, nowMs: number): Verdict | Promise<Verdict> {
  const limit = unknownLimit(need);
  if (limit === null) return refusal("not_found");
  const taken = limitStore().take([limit], nowMs);
  const then = ({ allowed, states }: Taken) =>
    refusal(allowed ? "not_found" : "rate_limit_exceeded", null, null, null, states[0] as LimitState);
  return taken instanceof Promise ? taken.then(then) : then(taken);
}

// Memory and database

/** One for each lease: what was read under another was not announced to this one. */
function cache(): Cache<Entry> {
  const own = lease();
  const held = once<{ of: typeof own; cache: Cache<Entry> | null }>("keys.cache", () => ({ of: null, cache: null }));
  if (held.cache === null || held.of !== own) {
    const made = new Cache<Entry>(MOST_CACHED, MOST_UNKNOWN);
    own?.onStale((stale) => made.forget(stale));
    held.of = own;
    held.cache = made;
  }
  return held.cache;
}

const lookUps = () => once("keys.lookups", () => new LookUps<Entry>());

async function lookUp(hash: string, need: Pick<Need, "ip" | "asker">, nowMs: number): Promise<Entry | null> {
  const limit = unknownLimit(need);
  const [state] = limit === null ? [] : await limitStore().peek([limit], nowMs);
  const suspect = state?.remaining === 0;
  return lookUps().find(hash, lease(), cache, () => (suspect ? suspects().run(() => query(hash, nowMs)) : query(hash, nowMs)));
}

/** Who guesses keys asks the database here, two at a time, and keeps nobody else from it. */
class Lane {
  #running = 0;
  #waiting: (() => void)[] = [];

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= MOST_SUSPECTS) throw databaseAway();
    if (this.#running >= 2) await new Promise<void>((done) => this.#waiting.push(done));
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

const suspects = () => once("keys.suspects", () => new Lane());

async function query(hash: string, nowMs: number): Promise<Entry | null> {
  const pool = verifyPool();
  if (lease()?.away() || pool.waitingCount >= MOST_WAITING) throw databaseAway();
  const { rows } = await pool.query<Row>({ name: "verify", text: LOOKUP, values: [Buffer.from(hash, "hex"), monthOf(nowMs)] });
  lease()?.sawDatabase();
  const row = rows[0];
  return row === undefined ? null : toEntry(row, nowMs);
}

function toEntry(row: Row, nowMs: number): Entry {
  const key = toSnapshot(row);
  const quota = quotaAccount(key.orgId, key.environment);
  quota.heard(row.used, nowMs);
  return {
    key,
    rate: { name: "key", subject: `key:${key.keyId}`, limit: key.minuteLimit, windowSeconds: 60 },
    quota,
    addresses: [row.keyIps, row.groupIps, row.orgIps].filter((list) => list.length > 0).map(toBlocks),
    revoked: row.revokedAt !== null || row.archivedAt !== null,
    paused: row.pausedAt !== null,
    deactivated: row.deactivatedAt !== null,
    endsAt: row.endsAt?.getTime() ?? Number.POSITIVE_INFINITY,
    expiresAt: row.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    notBefore: row.notBefore?.getTime() ?? Number.NEGATIVE_INFINITY,
  };
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
    owner:
      row.ownerId === null
        ? { type: "organization", id: row.orgId, name: row.orgName }
        : { type: "member", id: row.ownerId, name: row.ownerName ?? "" },
    metadata: row.metadata,
    minuteLimit: minuteLimit({ plan: row.planRpm, org: row.orgRpm, group: row.groupRpm, key: row.keyRpm, environment: row.environment }),
    monthLimit: row.orgMonth ?? row.planMonth,
  };
}
