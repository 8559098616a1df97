import { describe, expect, test } from "vitest";
import {
  formatAddress,
  formatClock,
  formatCompact,
  formatDate,
  formatDayHeading,
  formatDayMonth,
  formatDuration,
  formatExact,
  formatFigure,
  formatMinute,
  formatNumber,
  formatPercent,
  formatRelative,
  formatUntil,
  shortenHash,
} from "./format";

/** No-break spaces are hard to see in a table of cases. */
const plain = (text: string) => text.replace(/[\u202f\u00a0]/g, " ");

const now = new Date("2026-11-20T13:07:31Z");
const ago = (milliseconds: number) => new Date(now.getTime() - milliseconds);
const ahead = (milliseconds: number) => new Date(now.getTime() + milliseconds);
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe("numbers", () => {
  test.each([
    [0, "0"],
    [318_402, "318,402"],
    [9_999_999, "9,999,999"],
    [-12, "-12"],
    [null, "—"],
    [undefined, "—"],
  ])("%s is written %s", (value, text) => expect(formatNumber(value)).toBe(text));

  test("the reader's locale groups the digits", () => expect(formatNumber(1_234_567, "de")).toBe("1.234.567"));

  test.each([
    [0, "0"],
    [999, "999"],
    [1000, "1k"],
    [1250, "1.3k"],
    [45_000, "45k"],
    [999_499, "999k"],
    [999_500, "1 M"],
    [1_200_000, "1.2 M"],
    [999_499_999, "999 M"],
    [999_500_000, "1.0 bn"],
    [1_000_000_000, "1.0 bn"],
    [null, "—"],
  ])("on an axis %s is %s", (value, text) => expect(plain(formatCompact(value))).toBe(text));

  test.each([
    [9_999_999, "9,999,999"],
    [10_000_000, "10 M"],
  ])("on a card %s is %s", (value, text) => expect(plain(formatFigure(value))).toBe(text));
});

describe("percent: only true zero is zero, only all is all", () => {
  test.each([
    [0, "0.0 %"],
    [0.0004, "< 0.1 %"],
    [0.001, "0.1 %"],
    [0.062, "6.2 %"],
    [0.9996, "> 99.9 %"],
    [1, "100.0 %"],
    [Number.NaN, "—"],
    [null, "—"],
  ])("%s is %s", (share, text) => expect(plain(formatPercent(share))).toBe(text));
});

describe("durations", () => {
  test.each([
    [0, "0 ms"],
    [0.4, "< 1 ms"],
    [41.2, "41 ms"],
    [999, "999 ms"],
    [999.6, "1.0 s"],
    [1800, "1.8 s"],
    [9949, "9.9 s"],
    [9950, "10 s"],
    [42 * second, "42 s"],
    [59.6 * second, "1 min"],
    [17 * hour + 52 * minute, "17 h 52 min"],
    [2 * hour, "2 h"],
    [23 * hour + 59 * minute + 40 * second, "1 day"],
    [30 * hour, "30 h"],
    [3 * day, "3 days"],
    [null, "—"],
  ])("%s ms is %s", (milliseconds, text) => expect(plain(formatDuration(milliseconds))).toBe(text));
});

describe("relative time ends after a day", () => {
  test.each([
    [ago(0), "Just now"],
    [ago(4999), "Just now"],
    [ago(5 * second), "5 s ago"],
    [ago(59_999), "59 s ago"],
    [ago(minute), "1 min ago"],
    [ago(59.9 * minute), "59 min ago"],
    [ago(hour), "1 h ago"],
    [ago(day - 1), "23 h ago"],
    [ago(day), "19 Nov 2026"],
    [new Date("2026-08-18T09:00:00Z"), "18 Aug 2026"],
    [ahead(3 * second), "Just now"],
    [ahead(hour), "20 Nov 2026"],
    [new Date("nonsense"), "—"],
  ])("%s is %s", (at, text) => expect(plain(formatRelative(at, now, "UTC"))).toBe(text));

  test.each([
    [ahead(30 * second), "now"],
    [ahead(12 * minute), "in 12 min"],
    [ahead(59.6 * minute), "in 1 h"],
    [ahead(17.9 * hour), "in 18 h"],
    [ahead(23.6 * hour), "in 1 day"],
    [ahead(day), "in 1 day"],
    [ahead(3 * day + hour), "in 3 days"],
    [ahead(50 * day), "in 7 weeks"],
    [ahead(114 * day), "in 4 months"],
    [ahead(800 * day), "in 2 years"],
    [ago(3 * day), "3 days ago"],
  ])("%s is %s away", (at, text) => expect(plain(formatUntil(at, now, "UTC"))).toBe(text));

  test.each([
    [30, "in 4 weeks"],
    [90, "in 3 months"],
    [365, "in 1 year"],
    [730, "in 2 years"],
  ])("what was asked for, %s days, is said a moment later", (days, text) =>
    expect(plain(formatUntil(ahead(days * day - 3 * second), now, "UTC"))).toBe(text),
  );

  test.each([
    ["2026-11-23T00:30:00Z", "UTC", "in 3 days"],
    ["2026-11-23T23:59:59Z", "UTC", "in 3 days"],
    ["2026-11-23T23:59:59Z", "Europe/Paris", "in 4 days"],
    ["2026-11-23T00:30:00Z", "America/New_York", "in 2 days"],
  ])("%s in %s is %s: the days that its date is away", (iso, zone, text) => expect(formatUntil(new Date(iso), now, zone)).toBe(text));
});

describe("dates", () => {
  test("a date is day, month as a word, year", () => expect(formatDate(new Date("2026-09-05T00:00:00Z"), "UTC")).toBe("5 Sep 2026"));
  test("an axis leaves the year out", () => expect(formatDayMonth(now, "UTC")).toBe("20 Nov"));
  test("the zone decides the day", () => expect(formatDate(new Date("2026-11-20T23:30:00Z"), "Europe/Paris")).toBe("21 Nov 2026"));
  test("a log line has seconds", () => expect(formatClock(now, "Europe/Paris")).toBe("14:07:31"));
  test("midnight is 00, not 24", () => expect(formatMinute(new Date("2026-11-20T00:00:00Z"), "UTC")).toBe("00:00"));
  test("the exact form names its zone", () => expect(formatExact(now, "UTC")).toBe("20 Nov 2026, 13:07:31 UTC"));
  test.each([
    ["2026-11-20T00:10:00Z", "Today, 20 November"],
    ["2026-11-19T23:59:00Z", "Yesterday, 19 November"],
    ["2026-11-18T12:00:00Z", "Wednesday, 18 November"],
    ["2025-12-31T12:00:00Z", "Wednesday, 31 December 2025"],
  ])("%s stands under %s", (iso, heading) => expect(formatDayHeading(new Date(iso), now, "UTC")).toBe(heading));
});

describe("compared character by character", () => {
  test("a long hash keeps both ends", () => expect(shortenHash(`9c4107fe${"0".repeat(48)}5a1ed7b2`)).toBe("9c41 07fe … 5a1e d7b2"));
  test("a short one stays whole", () => expect(shortenHash("9c4107fe")).toBe("9c4107fe"));
  test("no hash is a dash", () => expect(shortenHash(null)).toBe("—"));
  test("an IPv6 address is not touched", () => expect(formatAddress("2001:db8:4f2::91c")).toBe("2001:db8:4f2::91c"));
  test("an unknown address is a dash", () => expect(formatAddress("")).toBe("—"));
});
