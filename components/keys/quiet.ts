import { formatDuration } from "@/lib/format";
import type { RotationView } from "@/lib/keys/schema";

/** When it is safe to end the old secret of a rotating key. Pure: `now` is passed in. */

const MINUTE = 60_000;

export const quietTimes = [
  { value: "5m", label: "5 quiet minutes", ms: 5 * MINUTE },
  { value: "1h", label: "1 quiet hour", ms: 60 * MINUTE },
  { value: "24h", label: "24 quiet hours", ms: 24 * 60 * MINUTE },
] as const;
export type QuietTime = (typeof quietTimes)[number]["value"];

export function asQuietTime(text: string | null): QuietTime {
  return quietTimes.find(({ value }) => value === text)?.value ?? "1h";
}

export interface Verdict {
  isSafe: boolean;
  /** How long nobody has called with the old secret; from the rotation's beginning where nobody ever did. */
  quietMs: number;
  sentence: string;
}

export function judgeQuiet(view: Pick<RotationView, "rotation" | "old">, wanted: QuietTime, now: number): Verdict {
  const lastCall = view.old?.last_used_at ?? null;
  const since = lastCall ?? view.rotation?.started_at ?? null;
  const quietMs = since === null ? 0 : Math.max(0, now - Date.parse(since));
  const asked = quietTimes.find(({ value }) => value === wanted) ?? quietTimes[1];
  const isSafe = since !== null && quietMs >= asked.ms;
  const whole = formatDuration(quietMs < MINUTE ? quietMs - (quietMs % 1000) : quietMs - (quietMs % MINUTE));
  if (lastCall === null) {
    const nobody = `Nobody called with the old secret since the rotation began ${whole} ago`;
    return { isSafe, quietMs, sentence: isSafe ? `${nobody}.` : `${nobody}; you asked for ${asked.label}.` };
  }
  const sentence = isSafe
    ? `Nobody called with the old secret for ${whole}.`
    : `Somebody called with the old secret ${whole} ago; you asked for ${asked.label}.`;
  return { isSafe, quietMs, sentence };
}
