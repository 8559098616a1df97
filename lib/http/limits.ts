import type { LimitState } from "@/lib/limits/window";

/** The limit headers, all in one place: the IETF draft (draft-ietf-httpapi-ratelimit-headers) may still change. */

/** `shown` is the limit the X- headers speak of; `all` those that apply. Resets are Unix seconds there, seconds from now in the draft's. Names and values in turn. */
export function limitHeaders(shown: LimitState, all: readonly LimitState[], nowMs: number): string[] {
  let policies = "";
  let left = "";
  for (const { name, limit, remaining, windowSeconds, resetAt } of all) {
    const comma = policies === "" ? "" : ", ";
    policies += `${comma}"${name}";q=${limit};w=${windowSeconds}`;
    left += `${comma}"${name}";r=${remaining};t=${Math.max(0, Math.ceil(resetAt - nowMs / 1000))}`;
  }
  return [
    "X-RateLimit-Limit",
    String(shown.limit),
    "X-RateLimit-Remaining",
    String(shown.remaining),
    "X-RateLimit-Reset",
    String(shown.resetAt),
    "RateLimit-Policy",
    policies,
    "RateLimit",
    left,
  ];
}
