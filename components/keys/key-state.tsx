import { Ban, CirclePause, Clock, Moon, RotateCw, X } from "lucide-react";
import type { ReactNode } from "react";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import { Time } from "@/components/ui/time";
import type { Key } from "@/lib/keys/schema";

const DAY = 86_400_000;

type State = { tone: BadgeTone; icon?: ReactNode; word: ReactNode; sentence: ReactNode };

/** The one worst thing about a key, and what to do about it. */
function stateOf(key: Key): State {
  switch (key.status) {
    case "revoked":
      return key.revoked_reason === "Leaked"
        ? { tone: "bad", icon: <Ban />, word: "Revoked, leaked", sentence: <Since iso={key.revoked_at} /> }
        : { tone: "quiet", icon: <X />, word: "Revoked", sentence: key.revoked_reason ?? <Since iso={key.revoked_at} /> };
    case "expired":
      return { tone: "quiet", word: "Expired", sentence: <Since iso={key.expires_at} /> };
    case "paused":
      return { tone: "quiet", icon: <CirclePause />, word: "Paused", sentence: "Refused until it is resumed" };
    case "scheduled":
      return {
        tone: "info",
        icon: <Clock />,
        word: "Not yet valid",
        sentence: key.not_before && (
          <>
            Works from <Time as="date" iso={key.not_before} />
          </>
        ),
      };
    case "rotating":
      return {
        tone: "info",
        icon: <RotateCw />,
        word: "Rotating",
        sentence: key.rotation && (
          <>
            Two secrets until <Time as="date" iso={key.rotation.ends_at} />
          </>
        ),
      };
    case "expiring":
      return {
        tone: daysTo(key.expires_at) <= 3 ? "bad" : "warn",
        icon: <Clock />,
        word: <span>Expires {key.expires_at && <Time as="until" iso={key.expires_at} />}</span>,
        sentence: "Put a new key in its place",
      };
    case "active":
      break;
  }
  if (key.last_used_at === null)
    return {
      tone: "quiet",
      word: "Never used",
      sentence: (
        <>
          Created by <bdi>{key.created_by.name}</bdi>
        </>
      ),
    };
  const unused = -daysTo(key.last_used_at);
  if (unused >= 90) return { tone: "quiet", icon: <Moon />, word: `Unused for ${unused} days`, sentence: "Revoke it if nobody misses it" };
  if (key.expires_at === null) return { tone: "warn", word: "No expiry", sentence: "Works until somebody revokes it" };
  return {
    tone: "ok",
    word: "Healthy",
    sentence: `${accessWords[key.access]}, ${key.scopes.length} ${key.scopes.length === 1 ? "scope" : "scopes"}`,
  };
}

export const accessWords: Record<Key["access"], string> = {
  read: "Read access",
  write: "Write access",
  full: "Full access",
  admin: "Admin access",
};

export function KeyBadge({ state }: { state: Key }) {
  const { tone, icon, word } = stateOf(state);
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}

export function KeySentence({ state }: { state: Key }) {
  return stateOf(state).sentence;
}

/** Its face is drawn faint: no call with it is answered, or none was ever made. */
export function isOff(key: Key): boolean {
  return key.last_used_at === null || key.status === "revoked" || key.status === "expired";
}

/** What a person may end: everything, or what they made or own. */
export type Revoking = { reach: "organization" | "group" | "own" | null; personId: string | null };

export function mayRevoke(key: Key, { reach, personId }: Revoking): boolean {
  if (key.status === "revoked" || reach === null) return false;
  return reach === "organization" || (reach === "own" && (key.created_by.id === personId || key.owner.id === personId));
}

function Since({ iso }: { iso: string | null }) {
  return iso === null ? null : (
    <>
      Since <Time as="date" iso={iso} />
    </>
  );
}

function daysTo(iso: string | null): number {
  return iso === null ? Number.POSITIVE_INFINITY : Math.trunc((Date.parse(iso) - Date.now()) / DAY);
}
