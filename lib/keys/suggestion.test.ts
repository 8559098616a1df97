import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admits, normaliseEntry } from "@/lib/keys/addresses";
import { isEnough, judgeScopes, suggestAllowlist } from "@/lib/keys/suggestion";

describe("an allowlist", () => {
  const many = (count: number, ip: (i: number) => string) => Array.from({ length: count }, (_, i) => ip(i));

  test.each<[string, string[], string[]]>([
    ["of nothing is empty", [], []],
    ["of few addresses is these, in order", ["203.0.113.9", "2001:db8::1", "203.0.113.10"], ["203.0.113.9", "203.0.113.10", "2001:db8::1"]],
    [
      "knows an address in all its forms",
      ["::ffff:203.0.113.9", "203.0.113.9", "2001:DB8:0::1", "2001:db8::1"],
      ["203.0.113.9", "2001:db8::1"],
    ],
    ["leaves out what is no address", ["localhost", "", "203.0.113.9"], ["203.0.113.9"]],
    ["of eleven in one network is the network", many(11, (i) => `203.0.113.${i}`), ["203.0.113.0/24"]],
    ["of IPv6 merges a /64", many(11, (i) => `2001:db8:0:1::${i}`), ["2001:db8:0:1::/64"]],
    [
      "keeps an address that is alone in its network",
      [...many(10, (i) => `203.0.113.${i}`), "198.51.100.7", "2001:db8::1"],
      ["198.51.100.7", "203.0.113.0/24", "2001:db8::1"],
    ],
    ["of more than 100 networks takes wider ones", many(240, (i) => `10.1.${i}.1`), many(15, (i) => `10.1.${i * 16}.0/20`)],
    ["of addresses from everywhere is no list at all", many(240, (i) => `${i + 1}.7.7.7`), []],
  ])("%s", (_, ips, expected) => expect(suggestAllowlist(ips)).toEqual(expected));

  test("admits every address it was made of, has at most 100 canonical entries, and does not depend on the order", () => {
    const v4 = fc.ipV4();
    const near = fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 255 })).map(([a, b]) => `198.51.${a}.${b}`);
    const v6 = fc
      .tuple(fc.nat({ max: 3 }), fc.nat({ max: 5 }), fc.nat({ max: 65_535 }))
      .map(([a, b, c]) => `2001:db8:${a}:${b}::${c.toString(16)}`);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            v4,
            near,
            v6,
            near.map((ip) => `::ffff:${ip}`),
          ),
          { maxLength: 150 },
        ),
        (ips) => {
          const list = suggestAllowlist(ips);
          expect(list.length).toBeLessThanOrEqual(100);
          for (const ip of ips) expect(admits(list, ip)).toBe(true);
          for (const entry of list) expect(normaliseEntry(entry)).toEqual({ ok: true, value: entry });
          expect(suggestAllowlist(ips.toReversed())).toEqual(list);
        },
      ),
      { numRuns: 300 },
    );
  });
});

test.each([
  [50, 7, true],
  [49, 30, false],
  [5_000, 6.999, false],
])("%s calls of %s days are enough to go by: %s", (calls, days, expected) =>
  expect(isEnough({ calls, from: -days * 86_400_000 }, 0)).toBe(expected),
);

describe("scopes", () => {
  const ours = new Map([
    ["GET /v1/status", "status"],
    ["GET /v1/search", "search"],
    ["POST /v1/upload", "upload"],
  ]);
  const has = ["status", "search", "tagging"];

  test.each<[string, string[], { used: string[]; unused: string[]; not_judged: string[] }]>([
    ["by their routes", ["GET /v1/status"], { used: ["status"], unused: ["search"], not_judged: ["tagging"] }],
    [
      "a route of another method is another route",
      ["POST /v1/status"],
      { used: [], unused: ["status", "search"], not_judged: ["tagging"] },
    ],
    ["that the key does not have are not named", ["POST /v1/upload"], { used: [], unused: ["status", "search"], not_judged: ["tagging"] }],
    ["cannot be judged without a call", [], { used: [], unused: [], not_judged: has }],
    [
      "may have been asked for by a proxy",
      ["GET /v1/status", "PUT /v1/auth"],
      { used: ["status"], unused: [], not_judged: ["search", "tagging"] },
    ],
    ["may have been asked for by a back end", ["POST /v1/keys/verify"], { used: [], unused: [], not_judged: has }],
  ])("%s", (_, called, expected) => expect(judgeScopes(has, called, ours)).toEqual(expected));
});
