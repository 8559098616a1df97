import { type Access, accessIncludes, type Environment } from "@/lib/access/permissions";
import { within } from "@/lib/keys/addresses";

/** A key makes nothing stronger than itself: what is asked for beyond it fails the whole request, what is left out is inherited. Pure. */

export interface Powers {
  environment: Environment;
  access: Access;
  scopes: string[];
  expiresAt: Date | null;
  requestsPerMinute: number | null;
  allowedIps: string[];
}

/** The child's powers, or the parts that go beyond the parent with a sentence each. */
export function inherit(
  parent: Powers,
  asked: Partial<Powers>,
  whose?: string,
): { ok: true; powers: Powers } | { ok: false; beyond: Record<string, string> } {
  const powers = { ...parent, ...asked };
  const beyond = excess(parent, powers, whose);
  return Object.keys(beyond).length === 0 ? { ok: true, powers } : { ok: false, beyond };
}

/** The parts in which `powers` go beyond `top`, with a sentence each; `whose` ceiling it is. */
export function excess(top: Powers, powers: Powers, whose = "this key's"): Record<string, string> {
  const beyond: Record<string, string> = {};
  if (top.environment === "test" && powers.environment !== "test") beyond.environment = "a test key makes test keys only";
  if (!accessIncludes(top.access, powers.access)) beyond.access = `goes beyond ${whose} access, ${top.access}`;
  const foreign = powers.scopes.filter((scope) => !top.scopes.includes(scope));
  if (foreign.length > 0) beyond.scopes = `are not all among ${whose} own: ${foreign.join(", ")}`;
  if (top.expiresAt !== null && (powers.expiresAt === null || powers.expiresAt > top.expiresAt))
    beyond.expires_at = `may not be after ${whose} own end, ${top.expiresAt.toISOString()}`;
  if (top.requestsPerMinute !== null && (powers.requestsPerMinute === null || powers.requestsPerMinute > top.requestsPerMinute))
    beyond.rate_limit_rpm = `may be at most ${whose} ${top.requestsPerMinute}`;
  if (!within(powers.allowedIps, top.allowedIps)) beyond.allowed_ips = `must lie within ${whose} addresses`;
  return beyond;
}

/** The powers a key's row has. */
export function toPowers(key: Omit<Powers, "environment" | "access"> & { environment: string; access: string }): Powers {
  const { scopes, expiresAt, requestsPerMinute, allowedIps } = key;
  return {
    environment: key.environment as Powers["environment"],
    access: key.access as Powers["access"],
    scopes,
    expiresAt,
    requestsPerMinute,
    allowedIps,
  };
}
