import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clientOf, headOf, madeAt, rowOf, toLine } from "@/lib/usage/line";
import type { UsageRecord } from "@/lib/usage/record";

const RECORD: UsageRecord = {
  requestId: "req_1",
  at: Date.UTC(2026, 10, 21, 9, 30, 15, 7),
  orgId: "org_1",
  groupId: "grp_1",
  keyId: "key_1",
  secretId: "sec_1",
  keyPrefix: "lk_live_abc",
  environment: "live",
  method: "GET",
  route: "/v1/status",
  status: 200,
  outcome: "accepted",
  latencyUs: 1_500,
  credits: 2,
  counted: false,
  ip: "203.0.113.7",
  country: "NL",
  userAgent: "tests/1",
};

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc
    .array(fc.constantFrom("\\", "\t", "\n", "\r", "\0", "\\N", "\\.", '"', "\ud800", "\udc00", "x", "\\t"), { maxLength: 8 })
    .map((parts) => parts.join("")),
);

describe("a line", () => {
  test("says all that the record says, in fields that COPY takes as they are", () => {
    expect(toLine(RECORD)).toBe(
      "org_1\tkey_1\tgrp_1\tlive\t/v1/status\taccepted\t2026-11-21T09:30:15.007Z\t1\t1500\t2\treq_1\tsec_1\tlk_live_abc\tGET\t200\t203.0.113.7\tNL\ttests/1",
    );
  });

  test("is one line whatever a text holds, and gives it back but for what PostgreSQL cannot hold", () => {
    fc.assert(
      fc.property(anyText, anyText, fc.option(anyText), fc.option(anyText), (route, method, ip, userAgent) => {
        const line = toLine({ ...RECORD, route, method, ip, userAgent });
        expect(line).not.toMatch(/[\n\r\0]/);
        expect(line.split("\t")).toHaveLength(18);
        const stored = (text: string | null) => text?.replaceAll("\0", "\ufffd") ?? null;
        expect(rowOf(line)).toMatchObject({ route: stored(route), method: stored(method), ip: stored(ip), userAgent: stored(userAgent) });
        expect(clientOf(line)).toEqual({ ip: stored(ip), userAgent: stored(userAgent) });
        expect(headOf(line)).toMatchObject({ calls: 1, latencyUs: 1_500, credits: 2 });
      }),
    );
  });

  test.each<[Partial<UsageRecord>, boolean, { calls: number; counted: boolean; isSum: boolean }]>([
    [{}, false, { calls: 1, counted: false, isSum: false }],
    [{ counted: true }, false, { calls: 1, counted: true, isSum: false }],
    [{ calls: 1_204 }, true, { calls: 1_204, counted: false, isSum: true }],
    [{ calls: 12, counted: true }, true, { calls: 12, counted: true, isSum: true }],
  ])("of %j, a sum: %s, counts %j", (changed, isSum, expected) => {
    expect(headOf(toLine({ ...RECORD, ...changed }, isSum))).toMatchObject(expected);
  });

  test("is added up under everything before its instant, and the hour", () => {
    expect(headOf(toLine(RECORD))).toMatchObject({
      bucket: "org_1\tkey_1\tgrp_1\tlive\t/v1/status\taccepted\t2026-11-21T09",
      createdAt: "2026-11-21T09:30:15.007Z",
    });
  });

  test("of a clock with fractions says the millisecond, also when many share it", () => {
    expect([0.2, 0.9, 1.1].map((more) => madeAt(toLine({ ...RECORD, at: RECORD.at + more })))).toEqual([
      RECORD.at,
      RECORD.at,
      RECORD.at + 1,
    ]);
  });

  test("holds a latency of any length as the most that its column takes", () => {
    expect(headOf(toLine({ ...RECORD, latencyUs: 3e9 }))?.latencyUs).toBe(2_147_483_647);
  });

  test.each(["", "x", "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t", toLine(RECORD).slice(0, 60), '{"requestId":"req_1"}', "\0".repeat(400)])(
    "that nobody wrote like this (%j) is not read",
    (line) => {
      expect(madeAt(line)).toBeNull();
    },
  );
});
