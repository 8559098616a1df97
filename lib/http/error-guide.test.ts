import { expect, test } from "vitest";
import type { Refused } from "@/lib/keys/verify";
import { refusal } from "@/lib/testing/factories";
import { newTrace, refuse, unauthorized } from "./caller";
import { errorGuide } from "./error-guide";

const NOW = Date.parse("2026-11-20T12:00:30.000Z");
const origin = { id: "req_1", ip: "203.0.113.7", country: null, userAgent: null };
const state = { name: "key", limit: 60, remaining: 0, windowSeconds: 60, resetAt: NOW / 1000 + 30 };
const limits = { rate: state, route: null, quota: { ...state, name: "quota" } };
const said = async (code: Refused["code"], needed: Refused["needed"] = null) => {
  const verdict: Refused = { valid: false, code, key: null, limits, needed, unknownLimit: null };
  return (await refusal(refuse(verdict, origin, newTrace(), NOW))).message;
};

test("what the documentation says that a refusal reads is what it reads", async () => {
  expect(unauthorized().message).toBe(errorGuide.unauthorized.says);
  expect(await said("rate_limit_exceeded")).toBe(errorGuide.rate_limit_exceeded.says);
  expect(await said("quota_exceeded")).toBe(errorGuide.quota_exceeded.says);
  expect(await said("insufficient_credits")).toBe(errorGuide.insufficient_credits.says);
  expect(await said("account_deactivated")).toBe(errorGuide.account_deactivated.says);
  expect(await said("ip_not_allowed")).toBe(errorGuide.ip_not_allowed.says);
  expect(await said("insufficient_scope", { scope: "chat" })).toBe(errorGuide.insufficient_scope.says);
});
