import { expect, test } from "vitest";
import { asQuietTime, judgeQuiet } from "./quiet";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const view = (lastUsed: string | null) => ({
  rotation: {
    started_at: "2026-11-21T08:00:00Z",
    ends_at: "2026-11-22T08:00:00Z",
    old_key_prefix: "lk_live_pB4s0X",
    old_last_used_at: lastUsed,
  },
  old: { key_prefix: "lk_live_pB4s0X", calls: 1, last_used_at: lastUsed, per_minute: [], addresses: [], agents: [], routes: [] },
});
const words = (text: string) => text.replaceAll("\u00a0", " ");

test.each([
  ["2026-11-21T11:57:00Z", "5m", false, "Somebody called with the old secret 3 min ago; you asked for 5 quiet minutes."],
  ["2026-11-21T11:55:00Z", "5m", true, "Nobody called with the old secret for 5 min."],
  ["2026-11-21T11:55:01Z", "5m", false, "Somebody called with the old secret 4 min ago; you asked for 5 quiet minutes."],
  ["2026-11-21T09:50:00Z", "1h", true, "Nobody called with the old secret for 2 h 10 min."],
  ["2026-11-21T09:50:00Z", "24h", false, "Somebody called with the old secret 2 h 10 min ago; you asked for 24 quiet hours."],
  ["2026-11-21T11:59:48Z", "5m", false, "Somebody called with the old secret 12 s ago; you asked for 5 quiet minutes."],
  [null, "1h", true, "Nobody called with the old secret since the rotation began 4 h ago."],
  [null, "24h", false, "Nobody called with the old secret since the rotation began 4 h ago; you asked for 24 quiet hours."],
] as const)("last call %s, %s asked for: safe is %s", (last, wanted, isSafe, sentence) => {
  const verdict = judgeQuiet(view(last), wanted, NOW);
  expect(verdict.isSafe).toBe(isSafe);
  expect(words(verdict.sentence)).toBe(words(sentence));
});

test("a call that a clock ahead of ours recorded is no quiet at all", () => {
  expect(judgeQuiet(view("2026-11-21T12:00:05Z"), "5m", NOW)).toMatchObject({ isSafe: false, quietMs: 0 });
});

test("an address that asks for an unknown quiet time gets an hour", () => {
  expect(asQuietTime("90s")).toBe("1h");
  expect(asQuietTime("24h")).toBe("24h");
});
