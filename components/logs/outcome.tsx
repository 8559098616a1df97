import { Ban, CircleCheck, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import type { LogRow } from "@/lib/usage/schema";

/** Why a call was refused, in plain words: short for a list, a sentence for who must mend it. */
const refusals: Record<string, { word: string; sentence: string }> = {
  revoked: { word: "Key revoked", sentence: "This key is revoked. A revoked key never works again: generate another one." },
  expired: { word: "Key expired", sentence: "This key has expired. Generate another one." },
  paused: { word: "Key paused", sentence: "This key is paused. It works again when somebody resumes it." },
  scheduled: { word: "Key not yet valid", sentence: "This key is not valid yet. It works from the date it was given." },
  account_deactivated: { word: "Organization deactivated", sentence: "This organization is deactivated. The operator can say why." },
  ip_not_allowed: {
    word: "Address not allowed",
    sentence: "The call came from an address that is not on the list of this key, its group or the organization.",
  },
  insufficient_scope: { word: "Access or scope missing", sentence: "The key's access or scopes do not hold what this route needs." },
  quota_exceeded: {
    word: "Monthly quota used up",
    sentence: "The organization has used up this month's requests. They start again with the next UTC month.",
  },
  rate_limit_exceeded: {
    word: "Rate limit reached",
    sentence: "The key made more calls in this minute than its limit. Wait for the next minute.",
  },
};

export function refusalWord(outcome: string): string {
  return refusals[outcome]?.word ?? outcome.replaceAll("_", " ");
}

export function refusalSentence(outcome: string): string {
  return refusals[outcome]?.sentence ?? `The call was refused: ${outcome.replaceAll("_", " ")}.`;
}

export function isRefused(row: Pick<LogRow, "outcome">): boolean {
  return row.outcome !== "accepted" && row.outcome !== "error";
}

/** Status with icon and word: refused is our no, an error is a fault, all else was answered. */
export function StatusMark({ row, wordy = false }: { row: LogRow; wordy?: boolean }) {
  const look = lookOf(row);
  return (
    <Badge tone={look.tone} icon={look.icon} bare className="tabular-nums">
      {row.status}
      {wordy && <span className="font-quiet text-fg-2">{look.word}</span>}
    </Badge>
  );
}

function lookOf(row: LogRow): { tone: BadgeTone; icon: ReactNode; word: string } {
  if (isRefused(row)) return { tone: "warn", icon: <Ban aria-label="refused" />, word: refusalWord(row.outcome) };
  if (row.outcome === "error") return { tone: "bad", icon: <TriangleAlert aria-label="error" />, word: "Error" };
  if (row.status >= 400) return { tone: "quiet", icon: <CircleCheck aria-label="accepted" />, word: "Accepted, answered no" };
  return { tone: "ok", icon: <CircleCheck aria-label="accepted" />, word: "Accepted" };
}
