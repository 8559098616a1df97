import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accesses, accessIncludes, environments } from "@/lib/access/permissions";
import { within } from "@/lib/keys/addresses";
import { inherit, type Powers } from "@/lib/keys/ceiling";

const END = new Date("2026-12-31T00:00:00Z");
const later = (at: Date, ms: number) => new Date(at.getTime() + ms);
const parent: Powers = {
  environment: "live",
  access: "full",
  scopes: ["status", "search"],
  expiresAt: END,
  requestsPerMinute: 60,
  allowedIps: ["10.0.0.0/8"],
};
const boundless: Powers = {
  environment: "live",
  access: "admin",
  scopes: ["status", "search", "chat"],
  expiresAt: null,
  requestsPerMinute: null,
  allowedIps: [],
};

test("what is left out is inherited", () => {
  expect(inherit(parent, {})).toEqual({ ok: true, powers: parent });
});

describe("a child may have less of each part", () => {
  test.each<[string, Partial<Powers>]>([
    ["environment", { environment: "test" }],
    ["read instead of full", { access: "read" }],
    ["write instead of full", { access: "write" }],
    ["fewer scopes", { scopes: ["status"] }],
    ["a shorter life", { expiresAt: later(END, -1) }],
    ["the same end", { expiresAt: new Date(END) }],
    ["fewer requests", { requestsPerMinute: 59 }],
    ["the same requests", { requestsPerMinute: 60 }],
    ["fewer addresses", { allowedIps: ["10.1.0.0/16", "10.2.3.4"] }],
  ])("%s", (_, asked) => {
    expect(inherit(parent, asked)).toEqual({ ok: true, powers: { ...parent, ...asked } });
  });
});

describe("a child that asks for more of one part is refused, and that part is named alone", () => {
  test.each<[string, Partial<Powers>, Partial<Powers>, RegExp]>([
    ["environment", { environment: "test" }, { environment: "live" }, /test keys only/],
    ["access", {}, { access: "admin" }, /full/],
    ["access", { access: "read" }, { access: "write" }, /read/],
    ["access", { access: "write" }, { access: "read" }, /write/],
    ["access", { access: "read" }, { access: "full" }, /read/],
    ["scopes", {}, { scopes: ["status", "chat", "ask"] }, /chat, ask/],
    ["expires_at", {}, { expiresAt: later(END, 1) }, /2026-12-31T00:00:00.000Z/],
    ["expires_at", {}, { expiresAt: null }, /2026-12-31T00:00:00.000Z/],
    ["rate_limit_rpm", {}, { requestsPerMinute: 61 }, /60/],
    ["rate_limit_rpm", {}, { requestsPerMinute: null }, /60/],
    ["allowed_ips", {}, { allowedIps: ["11.0.0.1"] }, /this key's addresses/],
    ["allowed_ips", {}, { allowedIps: ["10.0.0.0/7"] }, /this key's addresses/],
    ["allowed_ips", {}, { allowedIps: [] }, /this key's addresses/],
  ])("%s %j → %j", (part, changed, asked, words) => {
    expect(inherit({ ...parent, ...changed }, asked)).toEqual({ ok: false, beyond: { [part]: expect.stringMatching(words) } });
  });

  test("every part that goes beyond is named", () => {
    const asked: Partial<Powers> = {
      access: "admin",
      scopes: ["chat"],
      expiresAt: null,
      requestsPerMinute: null,
      allowedIps: [],
      environment: "live",
    };
    const read = inherit({ ...parent, environment: "test" }, asked);
    expect(read.ok ? [] : Object.keys(read.beyond).sort()).toEqual([
      "access",
      "allowed_ips",
      "environment",
      "expires_at",
      "rate_limit_rpm",
      "scopes",
    ]);
  });
});

test("a key without bounds of its own sets none", () => {
  expect(inherit(boundless, { expiresAt: END, requestsPerMinute: 1, allowedIps: ["::1"], access: "admin" }).ok).toBe(true);
});

test("a child never goes beyond its parent, nor a grandchild beyond its grandparent", () => {
  const scope = fc.constantFrom("status", "search", "chat", "ask");
  const address = fc.constantFrom("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "11.0.0.0/8", "2001:db8::/32", "2001:db8::1");
  const powers: fc.Arbitrary<Powers> = fc.record({
    environment: fc.constantFrom(...environments),
    access: fc.constantFrom(...accesses),
    scopes: fc.uniqueArray(scope),
    expiresAt: fc.option(fc.integer({ min: 1, max: 4 }).map((day) => new Date(day * 86_400_000))),
    requestsPerMinute: fc.option(fc.integer({ min: 1, max: 4 })),
    allowedIps: fc.uniqueArray(address, { maxLength: 3 }),
  });
  const asked = fc
    .tuple(powers, fc.subarray(["environment", "access", "scopes", "expiresAt", "requestsPerMinute", "allowedIps"] as const))
    .map(([all, parts]) => Object.fromEntries(parts.map((part) => [part, all[part]])) as Partial<Powers>);
  let made = 0;
  fc.assert(
    fc.property(powers, asked, asked, (top, first, second) => {
      const child = inherit(top, first);
      if (!child.ok) return;
      expectNotBeyond(child.powers, top);
      const grandchild = inherit(child.powers, second);
      if (!grandchild.ok) return;
      made += 1;
      expectNotBeyond(grandchild.powers, top);
    }),
    { numRuns: 3_000 },
  );
  expect(made).toBeGreaterThan(200);
});

function expectNotBeyond(child: Powers, top: Powers): void {
  if (top.environment === "test") expect(child.environment).toBe("test");
  expect(accessIncludes(top.access, child.access)).toBe(true);
  expect(child.scopes.filter((scope) => !top.scopes.includes(scope))).toEqual([]);
  expect(child.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(top.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY);
  expect(child.requestsPerMinute ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(top.requestsPerMinute ?? Number.POSITIVE_INFINITY);
  expect(within(child.allowedIps, top.allowedIps)).toBe(true);
}
