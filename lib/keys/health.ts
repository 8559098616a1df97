import { formatNumber } from "@/lib/format";
import type { Health, HealthCode, KeyStatus } from "@/lib/keys/schema";
import type { Peak, Refusals } from "@/lib/usage/lately";

/** What a key's state and its last day ask a person to do. Pure. */

/** Of the status `expiring` too. */
export const EXPIRING_DAYS = 14;
export const UNUSED_DAYS = 90;
/** Of at least so many calls in 24 hours. */
export const MANY_CALLS = 50;
export const MANY_REFUSED = 0.05;
export const CLOSE = 0.9;

export interface Facts {
  createdAt: Date;
  notBefore: Date | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  /** When its lasting secret was found in the open, and the one that is running out. */
  leakedAt: Date | null;
  oldLeakedAt: Date | null;
  lastUsedAt: Date | null;
  /** When the old secret ends; null when the key does not rotate. */
  rotationEndsAt: Date | null;
  /** The effective one. */
  minuteLimit: number;
  day: Day;
}

/** The last 24 hours, and a busy minute of theirs. */
export interface Day extends Refusals {
  peak: Peak | null;
}

export const QUIET_DAY: Day = { calls: 0, refused: 0, reason: null, limited: 0, peak: null };

const DAY = 86_400_000;

/** The most urgent first; none for a key that has ended. How long it is until an instant is not said: `at` holds it, and each reader's clock. */
export function healthOf(facts: Facts, now: number): Health[] {
  const { expiresAt, leakedAt, oldLeakedAt, rotationEndsAt, lastUsedAt } = facts;
  if (facts.revokedAt !== null || (expiresAt !== null && expiresAt.getTime() <= now)) return [];
  const found: Health[] = [];
  const say = (code: HealthCode, at: Date | null, message: string) => found.push({ code, message, at: at?.toISOString() ?? null });

  if (leakedAt !== null)
    say("leaked", leakedAt, "Its secret was found in the open. Rotate the key now and end the old secret at once, or revoke it.");
  else if (oldLeakedAt !== null)
    say("leaked", oldLeakedAt, "Its old secret was found in the open. Finish the rotation now, which ends that secret, or revoke the key.");
  if (expiresAt !== null && expiresAt.getTime() <= now + EXPIRING_DAYS * DAY)
    say("expires_soon", expiresAt, "It is refused from its expiry on. Set a later one, or replace the key.");
  if (manyRefusals(facts.day)) say("many_refusals", null, refusals(facts.day));
  if (closeToLimit(facts)) say("close_to_limit", facts.day.peak?.at ?? null, closeness(facts));
  if (rotationEndsAt !== null && rotationEndsAt.getTime() > now)
    say("rotating", rotationEndsAt, "Its old secret still works. Move its callers to the new one, then finish the rotation.");
  if (expiresAt === null) say("no_expiry", null, "It never expires. Give it an expiry, so that it ends by itself when it is forgotten.");
  const quietSince = lastUsedAt ?? laterOf(facts.createdAt, facts.notBefore);
  if (quietSince.getTime() <= now - UNUSED_DAYS * DAY) {
    const days = formatNumber(Math.floor((now - quietSince.getTime()) / DAY));
    const what = lastUsedAt === null ? `It was never used in the ${days} days it could be.` : `Nobody has called with it for ${days} days.`;
    say("unused", quietSince, `${what} Pause it to see whether anybody misses it, or revoke it.`);
  }
  return found;
}

/** What somebody should look at; a rotation is under way, and has its own place. */
const ASKING: readonly HealthCode[] = ["leaked", "expires_soon", "many_refusals", "close_to_limit", "no_expiry", "unused"];
/** Of a key that is paused or not valid yet: what does not wait until it works. */
const ASKING_WHEN_OFF: readonly HealthCode[] = ["leaked", "many_refusals"];

/** Of what health says, that for which a key of this status needs somebody: the rule behind every "Needs attention". */
export function asks(status: KeyStatus, code: HealthCode): boolean {
  if (status === "revoked" || status === "expired") return false;
  return (status === "paused" || status === "scheduled" ? ASKING_WHEN_OFF : ASKING).includes(code);
}

export function needsAttention({ status }: { status: KeyStatus }, health: readonly Pick<Health, "code">[]): boolean {
  return health.some(({ code }) => asks(status, code));
}

export function manyRefusals({ calls, refused }: Pick<Refusals, "calls" | "refused">): boolean {
  return calls >= MANY_CALLS && refused >= MANY_REFUSED * calls;
}

export function closeToLimit({ day, minuteLimit }: { day: Pick<Day, "limited" | "peak">; minuteLimit: number }): boolean {
  return day.limited > 0 || (day.peak !== null && day.peak.calls >= CLOSE * minuteLimit);
}

/** Why, and what to do about it. */
const REASONS: Record<string, [why: string, then: string]> = {
  revoked: ["they came with a secret that has ended", "Find who still uses it in the request log."],
  expired: ["it had expired", "Look at who called in the request log."],
  paused: ["it was paused", "Resume it, or tell its callers."],
  scheduled: ["it was not valid yet", "Bring its start forward, or tell its callers."],
  account_deactivated: ["the organization was deactivated", "Ask its operator."],
  ip_not_allowed: ["they came from addresses that are not allowed", "Compare its allowlist with the addresses in the request log."],
  insufficient_scope: ["it lacks the scope or access they need", "Give it what its callers need, or another key to them."],
  rate_limit_exceeded: ["it went over its limit per minute", "Raise the limit, or have its callers slow down."],
  quota_exceeded: ["the month's requests are used up", "Ask for a larger plan, or have its callers slow down."],
  insufficient_credits: ["the credits are used up", "Add credits."],
};

function refusals({ calls, refused, reason }: Day): string {
  const share = Math.round((100 * refused) / calls);
  const [why, then] = REASONS[reason ?? ""] ?? [null, "Look at them in the request log."];
  const mostly = why === null ? "" : `, most of them because ${why}`;
  return `${share} % of its ${formatNumber(calls)} calls in the last 24 hours were refused${mostly}. ${then}`;
}

function closeness({ day, minuteLimit }: Facts): string {
  const limit = `${formatNumber(minuteLimit)} a minute`;
  const then = "Raise its limit, or spread its calls.";
  if (day.limited > 0) return `Its limit of ${limit} refused ${counted(day.limited, "call")} in the last 24 hours. ${then}`;
  return `A minute of the last 24 hours had ${counted(day.peak?.calls ?? 0, "call")}, and its limit is ${limit}. ${then}`;
}

const counted = (number: number, word: string) => `${formatNumber(number)} ${word}${number === 1 ? "" : "s"}`;
const laterOf = (a: Date, b: Date | null) => (b !== null && b > a ? b : a);
