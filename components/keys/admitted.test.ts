import fc from "fast-check";
import { expect, test } from "vitest";
import { admits } from "@/lib/keys/addresses";
import { isAdmitted } from "./admitted";

const cases: [list: string[], ip: string, admitted: boolean][] = [
  [[], "203.0.113.7", true],
  [["203.0.113.7"], "203.0.113.7", true],
  [["203.0.113.7"], "203.0.113.8", false],
  [["203.0.113.0/24"], "203.0.113.255", true],
  [["203.0.113.0/24"], "203.0.114.0", false],
  [["203.0.113.7"], "::ffff:203.0.113.7", true],
  [["2001:db8::/48"], "2001:db8:0:ffff::1", true],
  [["2001:db8::/48"], "2001:db8:1::1", false],
  [["2001:db8::1"], "2001:0db8:0:0:0:0:0:1", true],
  [["not an address"], "203.0.113.7", false],
  [["203.0.113.0/33"], "203.0.113.0", false],
  [["203.0.113.0/24"], "elsewhere", false],
];

test.each(cases)("%j admits %s: %s", (list, ip, admitted) => {
  expect(isAdmitted(list, ip)).toBe(admitted);
});

test("the form's preview says what the gateway does", () => {
  const low = fc.integer({ min: 0, max: 3 });
  const v4 = fc.tuple(low, low).map(([a, b]) => `198.51.${100 + a}.${b}`);
  const v6 = fc.tuple(low, low).map(([a, b]) => (a === 0 ? `2001:db8::${b}` : `2001:db8:${a}::${b}`));
  const mapped = v4.map((ip) => `::ffff:${ip}`);
  const address = fc.oneof(v4, v6, mapped);
  const range = fc.oneof(
    fc.tuple(v4, fc.integer({ min: 1, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
    fc.tuple(v6, fc.integer({ min: 1, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(address, range), { maxLength: 4 }), address, (list, ip) => {
      expect(isAdmitted(list, ip)).toBe(admits(list, ip));
    }),
    { numRuns: 2_000 },
  );
});
