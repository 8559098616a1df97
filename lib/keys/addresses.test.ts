import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressGroup, admits, canonicalAddress, normaliseEntry, normaliseList, within } from "@/lib/keys/addresses";

describe("an allowlist admits", () => {
  // [list, address, whether it passes]
  test.each<[string, string, boolean]>([
    ["", "203.0.113.7", true],
    ["", "::1", true],
    ["203.0.113.7", "203.0.113.7", true],
    ["203.0.113.7", "203.0.113.8", false],
    ["203.0.113.7/32", "203.0.113.7", true],
    ["203.0.113.7/32", "203.0.113.6", false],
    ["203.0.113.0/24", "203.0.113.0", true],
    ["203.0.113.0/24", "203.0.113.255", true],
    ["203.0.113.0/24", "203.0.114.0", false],
    ["203.0.113.0/24", "203.0.112.255", false],
    ["203.0.113.128/25", "203.0.113.127", false],
    ["203.0.113.128/25", "203.0.113.128", true],
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/8", "9.255.255.255", false],
    ["128.0.0.0/1", "255.255.255.255", true],
    ["128.0.0.0/1", "127.255.255.255", false],
    ["10.0.0.1,192.168.0.0/16", "192.168.255.1", true],
    ["10.0.0.1,192.168.0.0/16", "10.0.0.1", true],
    ["10.0.0.1,192.168.0.0/16", "10.0.0.2", false],
    // IPv4-mapped IPv6 is IPv4, however it is written.
    ["10.0.0.1", "::ffff:10.0.0.1", true],
    ["10.0.0.1", "::FFFF:10.0.0.1", true],
    ["10.0.0.1", "::ffff:a00:1", true],
    ["10.0.0.1", "0:0:0:0:0:ffff:0a00:0001", true],
    ["10.0.0.0/8", "::ffff:10.9.8.7", true],
    ["::ffff:10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "::10.0.0.1", false],
    ["10.0.0.1", "64:ff9b::10.0.0.1", false],
    ["10.0.0.1", "2002:a00:1::", false],
    ["::ffff:0:0:10.0.0.1", "10.0.0.1", false],
    // Notations by which one address could pass for another.
    ["10.0.0.1", "010.0.0.1", false],
    ["8.0.0.1", "010.0.0.1", false],
    ["10.0.0.1", "10.0.0.01", false],
    ["10.0.0.1", "10.1", false],
    ["10.0.0.1", "0xa.0.0.1", false],
    ["10.0.0.1", "167772161", false],
    ["10.0.0.1", "10.0.0.1.", false],
    ["10.0.0.1", " 10.0.0.1", false],
    ["10.0.0.1", "10.0.0.1:80", false],
    ["10.0.0.1", "10.0.0.1,10.0.0.2", false],
    ["10.0.0.1", "10.0.0.257", false],
    ["10.0.0.1", "١٠.0.0.1", false],
    ["10.0.0.1", "", false],
    ["10.0.0.1", "unknown", false],
    // IPv6
    ["2001:db8::1", "2001:db8::1", true],
    ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1", true],
    ["2001:db8::1", "2001:db8::2", false],
    ["2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true],
    ["2001:db8::/32", "2001:db9::", false],
    ["2001:db8::/64", "2001:db8:0:0:ffff::1", true],
    ["2001:db8::/64", "2001:db8:0:1::1", false],
    ["fe80::/10", "fe80::1", true],
    ["fe80::/10", "fe80::1%eth0", false],
    ["fe80::1", "fe80::1%1", false],
    ["::1", "127.0.0.1", false],
    ["127.0.0.1", "::1", false],
    ["::1", "[::1]", false],
    ["::/1", "10.0.0.1", false],
    ["2000::/3", "203.0.113.7", false],
    // An entry that cannot be read admits nobody.
    ["10.0.0.1/33", "10.0.0.1", false],
    ["10.0.0.1/-1", "10.0.0.1", false],
    ["10.0.0.1/x", "10.0.0.1", false],
    ["10.0.0.1/", "10.0.0.1", false],
    ["10.0.0.1/1.5", "10.0.0.1", false],
    ["2001:db8::/129", "2001:db8::1", false],
    ["10.0.0.0/8/8", "10.0.0.1", false],
    ["010.0.0.1", "10.0.0.1", false],
    ["everybody", "10.0.0.1", false],
  ])("[%s] %s: %s", (list, ip, passes) => {
    expect(admits(list.split(",").filter(Boolean), ip)).toBe(passes);
  });

  test("nobody whose address is unknown, once it has an entry", () => {
    expect(admits([], null)).toBe(true);
    expect(admits(["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"], null)).toBe(false);
  });

  const ipv4 = fc.ipV4();
  const ipv6 = fc.ipV6().filter((text) => isIP(text) === 6 && !text.includes("%"));
  test.each([
    ["IPv4", ipv4, 32, "ipv4"],
    ["IPv6", ipv6, 128, "ipv6"],
  ] as const)("what Node's own BlockList holds: %s", (_, addresses, size, family) => {
    // Half of the addresses differ from the network in one bit only: at the edges is where the mistakes are.
    fc.assert(
      fc.property(
        addresses,
        fc.integer({ min: 1, max: size }),
        fc.nat({ max: size - 1 }),
        addresses,
        fc.boolean(),
        (net, bits, bit, other, near) => {
          const canonical = canonicalAddress(net) as string;
          const mapped = family === "ipv6" && isIP(canonical) === 4;
          fc.pre(!mapped && isIP(canonicalAddress(other) as string) === isIP(canonical));
          const ip = near ? flip(canonical, bit, size) : other;
          fc.pre(isIP(canonicalAddress(ip) as string) === isIP(canonical));
          const list = new BlockList();
          list.addSubnet(canonical, bits, family);
          expect(admits([`${canonical}/${bits}`], ip)).toBe(list.check(ip, family));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

/** The address with one bit turned, counted from the left. */
function flip(ip: string, bit: number, size: 32 | 128): string {
  const width = size === 32 ? 8 : 16;
  const words = size === 32 ? ip.split(".").map(Number) : expand(ip);
  const word = Math.floor(bit / width);
  words[word] = (words[word] as number) ^ (1 << (width - 1 - (bit % width)));
  return size === 32 ? words.join(".") : words.map((w) => w.toString(16)).join(":");
}

function expand(ip: string): number[] {
  const [head = "", tail = ""] = ip.split("::");
  const left = head.split(":").filter(Boolean);
  const right = ip.includes("::") ? tail.split(":").filter(Boolean) : [];
  return [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right].map((word) => Number.parseInt(word, 16));
}

describe("an entry of an allowlist", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    [" 10.0.0.1 ", "10.0.0.1"],
    ["10.0.0.1/32", "10.0.0.1"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["0.0.0.0/1", "0.0.0.0/1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["2001:DB8::1", "2001:db8::1"],
    ["2001:db8:0:0:0:0:0:1/128", "2001:db8::1"],
    ["2001:db8:0:0::/64", "2001:db8::/64"],
    ["::1", "::1"],
    ["::", "::"],
    ["::/1", "::/1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::FFFF:a00:0/104", "10.0.0.0/8"],
    ["::ffff:10.0.0.1/128", "10.0.0.1"],
    ["::ffff:128.0.0.0/97", "128.0.0.0/1"],
  ])("%s is kept as %s", (entry, value) => {
    expect(normaliseEntry(entry)).toEqual({ ok: true, value });
  });

  test.each([
    ["010.0.0.1", /not an IPv4 or IPv6/],
    ["10.0.0.256", /not an IPv4 or IPv6/],
    ["10.0.0", /not an IPv4 or IPv6/],
    ["fe80::1%eth0", /not an IPv4 or IPv6/],
    ["[::1]", /not an IPv4 or IPv6/],
    ["example.com", /not an IPv4 or IPv6/],
    ["*", /not an IPv4 or IPv6/],
    ["", /not an IPv4 or IPv6/],
    ["10.0.0.0/8/8", /not an IPv4 or IPv6/],
    ["10.0.0.0/33", /\/1 to \/32/],
    ["10.0.0.0/-1", /\/1 to \/32/],
    ["10.0.0.0/08", /\/1 to \/32/],
    ["10.0.0.0/", /\/1 to \/32/],
    ["10.0.0.0/8 ", null],
    ["10.0.0.0/ 8", /\/1 to \/32/],
    ["10.0.0.0/1e1", /\/1 to \/32/],
    ["10.0.0.0/255.0.0.0", /\/1 to \/32/],
    ["2001:db8::/129", /\/1 to \/128/],
    ["::ffff:10.0.0.0/8", /IPv4-mapped addresses ends in \/97 to \/128/],
    ["::ffff:10.0.0.0/95", /IPv4-mapped addresses ends in \/97 to \/128/],
    ["::ffff:10.0.0.0/129", /IPv4-mapped addresses ends in \/97 to \/128/],
    ["::ffff:10.0.0.1/104", /the range begins at 10\.0\.0\.0\/8/],
    ["::ffff:0.0.0.0/96", /^\/96 admits every address; leave the list empty/],
    ["0.0.0.0/0", /^\/0 admits every address; leave the list empty/],
    ["::/0", /leave the list empty/],
    ["10.0.0.1/8", /the range begins at 10\.0\.0\.0\/8/],
    ["203.0.113.7/24", /the range begins at 203\.0\.113\.0\/24/],
    ["2001:db8::1/64", /the range begins at 2001:db8::\/64/],
  ])("%s: %s", (entry, why) => {
    const read = normaliseEntry(entry);
    if (why === null) expect(read).toEqual({ ok: true, value: entry.trim() });
    else expect(read).toEqual({ ok: false, why: expect.stringMatching(why) });
  });

  test("is its own canonical form once it was normalised, and admits its own first address", () => {
    const entry = fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), entry), (text) => {
        const read = normaliseEntry(text);
        fc.pre(read.ok);
        if (!read.ok) return;
        expect(normaliseEntry(read.value)).toEqual(read);
        expect(admits([read.value], read.value.split("/")[0] as string)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the canonical form of an address", () => {
  test("is what WHATWG's URL makes of it", () => {
    fc.assert(
      fc.property(fc.ipV6(), (ip) => {
        fc.pre(!ip.includes("%"));
        const canonical = canonicalAddress(ip) as string;
        fc.pre(isIP(canonical) === 6);
        expect(`[${canonical}]`).toBe(new URL(`http://[${ip}]`).hostname);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a list as it is kept", () => {
  test("has each address once, in one form, in the order of the asker", () => {
    expect(normaliseList(["10.0.0.0/8", " 2001:DB8:0::1 ", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.1/32"])).toEqual({
      ok: true,
      list: ["10.0.0.0/8", "2001:db8::1", "10.1.2.3", "192.0.2.1"],
    });
    expect(normaliseList([])).toEqual({ ok: true, list: [] });
  });

  test("names every bad entry by its place, and what was probably meant", () => {
    expect(normaliseList(["10.0.0.1/8", "10.0.0.2", "somewhere", "::/0"])).toEqual({
      ok: false,
      wrong: {
        "allowed_ips.0": "the range begins at 10.0.0.0/8",
        "allowed_ips.2": expect.stringMatching(/^"somewhere" is not/),
        "allowed_ips.3": expect.stringMatching(/^\/0 admits every address/),
      },
    });
  });
});

describe("a list lies within another", () => {
  test.each<[string, string, boolean]>([
    ["", "", true],
    ["10.0.0.1", "", true],
    ["", "10.0.0.1", false],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.0/8", true],
    ["10.0.0.0/8", "10.0.0.1", false],
    ["10.0.0.0/9,10.128.0.0/16", "10.0.0.0/8", true],
    ["10.0.0.0/8,11.0.0.1", "10.0.0.0/8", false],
    ["10.0.0.0/7", "10.0.0.0/8", false],
    ["::ffff:10.0.0.1", "10.0.0.0/8", true],
    ["2001:db8::/48", "2001:db8::/32", true],
    ["2001:db8::/32", "2001:db8::/48", false],
    ["::1", "127.0.0.1", false],
    ["nonsense", "10.0.0.0/8", false],
    ["10.0.0.1", "nonsense", false],
  ])("[%s] in [%s]: %s", (inner, outer, is) => {
    const list = (text: string) => text.split(",").filter(Boolean);
    expect(within(list(inner), list(outer))).toBe(is);
  });

  test("only if the outer one admits every address that the inner one does", () => {
    // Small numbers, so that ranges often overlap.
    const block = fc
      .tuple(fc.nat({ max: 15 }), fc.integer({ min: 28, max: 32 }))
      .map(([n, bits]) => `10.0.0.${(n >> (32 - bits)) << (32 - bits)}/${bits}`);
    const list = fc.array(block, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(list, list, fc.nat({ max: 15 }), (inner, outer, n) => {
        fc.pre(within(inner, outer) && admits(inner, `10.0.0.${n}`));
        expect(admits(outer, `10.0.0.${n}`)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a per-address limit counts", () => {
  test("a thousand addresses of one /64 as one", () => {
    const groups = Array.from({ length: 1_000 }, (_, i) => addressGroup(`2001:db8:0:7:${(i * 65).toString(16)}::${i.toString(16)}`));
    expect(new Set(groups)).toEqual(new Set(["2001:db8:0:7::/64"]));
  });

  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8:0:8::1", "2001:db8:0:8::/64"],
    ["2001:DB8:0:8:ffff:ffff:ffff:ffff", "2001:db8:0:8::/64"],
    ["?", "?"],
  ])("%s as %s", (ip, group) => {
    expect(addressGroup(ip)).toBe(group);
  });

  test("an IPv4 address however it is written as one", () => {
    expect(addressGroup("::ffff:203.0.113.7")).toBe(addressGroup("203.0.113.7"));
  });
});
