import { expect, test } from "vitest";
import { limitHeaders } from "@/lib/http/limits";
import type { LimitState } from "@/lib/limits/window";

const NOW = Date.parse("2026-11-20T12:00:29.500Z");
const key: LimitState = { name: "key", limit: 60, remaining: 59, windowSeconds: 60, resetAt: Date.parse("2026-11-20T12:01:00Z") / 1000 };
const month: LimitState = {
  name: "month",
  limit: 1_000,
  remaining: 0,
  windowSeconds: 2_592_000,
  resetAt: Date.parse("2026-12-01T00:00:00Z") / 1000,
};

test("the X- headers speak of one limit, in Unix seconds; the draft's of all that apply, in seconds from now", () => {
  expect(limitHeaders(key, [key, month], NOW)).toEqual([
    ...["X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "1795176060"],
    ...["RateLimit-Policy", '"key";q=60;w=60, "month";q=1000;w=2592000'],
    ...["RateLimit", '"key";r=59;t=31, "month";r=0;t=907171'],
  ]);
});

test("a limit that is fresh again already is zero seconds away, never less", () => {
  expect(limitHeaders(key, [key], NOW + 3_600_000).at(-1)).toBe('"key";r=59;t=0');
});
