import type { LimitState } from "@/lib/limits/window";

/** The limit headers, all in one place: the IETF draft (draft-ietf-httpapi-ratelimit-headers) may still change. */

/** `shown` is the limit the X- headers speak of; `all` those that apply. Resets are Unix seconds there, seconds from now in the draft's. */
export function limitHeaders(shown: LimitState, all: readonly LimitState[], nowMs: number): Record<string, string> {
  const wait = (state: LimitState) => Math.max(0, Math.ceil(state.resetAt - nowMs / 1000));
  return {
    "X-RateLimit-Limit": String(shown.limit),
    "X-RateLimit-Remaining": String(shown.remaining),
    "X-RateLimit-Reset": String(shown.resetAt),
    "RateLimit-Policy": all.map((state) => `"${state.name}";q=${state.limit};w=${state.windowSeconds}`).join(", "),
    RateLimit: all.map((state) => `"${state.name}";r=${state.remaining};t=${wait(state)}`).join(", "),
  };
}
