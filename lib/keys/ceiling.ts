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
): { ok: true; powers: Powers } | { ok: false; beyond: Record<string, string> } {
  const powers: Powers = {
    environment: asked.environment ?? parent.environment,
    access: asked.access ?? parent.access,
    scopes: asked.scopes ?? parent.scopes,
    expiresAt: asked.expiresAt === undefined ? parent.expiresAt : asked.expiresAt,
    requestsPerMinute: asked.requestsPerMinute === undefined ? parent.requestsPerMinute : asked.requestsPerMinute,
    allowedIps: asked.allowedIps ?? parent.allowedIps,
  };
  const beyond: Record<string, string> = {};
  if (parent.environment === "test" && powers.environment !== "test") beyond.environment = "a test key makes test keys only";
  if (!accessIncludes(parent.access, powers.access)) beyond.access = `goes beyond this key's access, ${parent.access}`;
  const foreign = powers.scopes.filter((scope) => !parent.scopes.includes(scope));
  if (foreign.length > 0) beyond.scopes = `this key does not have ${foreign.join(", ")}`;
  if (parent.expiresAt !== null && (powers.expiresAt === null || powers.expiresAt > parent.expiresAt))
    beyond.expires_at = `may not outlive this key, which ends ${parent.expiresAt.toISOString()}`;
  if (parent.requestsPerMinute !== null && (powers.requestsPerMinute === null || powers.requestsPerMinute > parent.requestsPerMinute))
    beyond.rate_limit_rpm = `may be at most this key's ${parent.requestsPerMinute}`;
  if (!within(powers.allowedIps, parent.allowedIps)) beyond.allowed_ips = "must lie within this key's addresses";
  return Object.keys(beyond).length === 0 ? { ok: true, powers } : { ok: false, beyond };
}
