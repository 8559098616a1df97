import { Ban, CirclePause, Clock, Gauge, Moon, RotateCw, ShieldAlert, TriangleAlert, X } from "lucide-react";
import type { ReactNode } from "react";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import { Time } from "@/components/ui/time";
import type { Health, HealthCode, Key } from "@/lib/keys/schema";

/** The one place for the words, tones and icons of what a key is, and for who may do what to it. */

const DAY = 86_400_000;

type State = { tone: BadgeTone; icon?: ReactNode; word: ReactNode; sentence: ReactNode };

/** The one worst thing about a key, and what to do about it. `health`, where it is known, says more than the key alone. */
function stateOf(key: Key, health: readonly Health[] | undefined): State {
  const [worst] = health ?? [];
  switch (key.status) {
    case "revoked":
      return key.revoked_reason === "Leaked"
        ? { tone: "bad", icon: <Ban />, word: "Revoked, leaked", sentence: <Since iso={key.revoked_at} /> }
        : { tone: "quiet", icon: <X />, word: "Revoked", sentence: key.revoked_reason ?? <Since iso={key.revoked_at} /> };
    case "expired":
      return { tone: "quiet", word: "Expired", sentence: <Since iso={key.expires_at} /> };
  }
  if (worst?.code === "leaked") return healthState(worst);
  switch (key.status) {
    case "paused":
      return {
        tone: "quiet",
        icon: <CirclePause />,
        word: "Paused",
        sentence: worst?.code === "many_refusals" ? "Many of its calls were refused" : "Refused until it is resumed",
      };
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
  }
  if (worst !== undefined) return healthState(worst);
  switch (key.status) {
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
      return healthState({ code: "expires_soon", at: key.expires_at });
    default:
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
  if (unused >= 90) return healthState({ code: "unused", at: key.last_used_at });
  if (key.expires_at === null) return healthState({ code: "no_expiry", at: null });
  return {
    tone: "ok",
    word: "Healthy",
    sentence: `${accessWords[key.access]}, ${key.scopes.length} ${key.scopes.length === 1 ? "scope" : "scopes"}`,
  };
}

// Short enough for a row; the whole sentence, with its figures, comes with each finding.
const looks: Record<HealthCode, { tone: BadgeTone; icon: ReactNode; word: string; sentence: string }> = {
  leaked: { tone: "bad", icon: <ShieldAlert />, word: "Leaked", sentence: "Rotate or revoke it now" },
  rotating: { tone: "info", icon: <RotateCw />, word: "Rotating", sentence: "Finish when the old secret is quiet" },
  expires_soon: { tone: "warn", icon: <Clock />, word: "Expires soon", sentence: "Move the date, or replace the key" },
  many_refusals: { tone: "warn", icon: <Ban />, word: "Often refused", sentence: "See why in the request log" },
  close_to_limit: { tone: "warn", icon: <Gauge />, word: "Close to its limit", sentence: "Raise the limit, or slow the caller" },
  unused: { tone: "quiet", icon: <Moon />, word: "Unused", sentence: "Revoke it if nobody misses it" },
  no_expiry: { tone: "warn", icon: <TriangleAlert />, word: "No expiry", sentence: "Set a date to be reminded" },
};

function healthState({ code, at }: Pick<Health, "code" | "at">): State {
  const look = looks[code];
  if (code === "expires_soon" && at !== null) {
    const tone = Date.parse(at) - Date.now() <= 3 * DAY ? "bad" : look.tone;
    const word = (
      <span>
        Expires <Time as="until" iso={at} />
      </span>
    );
    return { ...look, tone, word };
  }
  const days = code === "unused" && at !== null ? -daysTo(at) : 0;
  return { ...look, word: days > 0 ? `Unused for ${days} days` : look.word };
}

export const healthWords = Object.fromEntries(Object.entries(looks).map(([code, look]) => [code, look.word])) as Record<HealthCode, string>;

export const accessWords: Record<Key["access"], string> = {
  read: "Read access",
  write: "Write access",
  full: "Full access",
  admin: "Admin access",
};

type KeyStateProps = { state: Key; health?: readonly Health[] | undefined };

export function KeyBadge({ state, health }: KeyStateProps) {
  const { tone, icon, word } = stateOf(state, health);
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}

export function KeySentence({ state, health }: KeyStateProps) {
  return stateOf(state, health).sentence;
}

export function HealthBadge({ health }: { health: Health }) {
  const { tone, icon, word } = healthState(health);
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}

/** What else is so, besides what the badge says. A key that is off has nothing to mend. */
export function furtherHealth(key: Key, health: readonly Health[]): readonly Health[] {
  if (key.status === "revoked" || key.status === "expired") return [];
  const isBadge = health[0]?.code === "leaked" || (key.status !== "paused" && key.status !== "scheduled");
  return isBadge ? health.slice(1) : health;
}

/** Its face is drawn faint: no call with it is answered, or none was ever made. */
export function isOff(key: Key): boolean {
  return key.last_used_at === null || key.status === "revoked" || key.status === "expired";
}

/** What a person may end or change: everything, or what they made or own. */
export type Revoking = { reach: "organization" | "group" | "own" | null; personId: string | null };
export type Changing = Revoking;

export function mayRevoke(key: Key, revoking: Revoking): boolean {
  return key.status !== "revoked" && isWithin(key, revoking);
}

/** Edit, rotate, pause, resume, move: "keys.update". An expired key can still be given a later date. */
export function mayChange(key: Key, changing: Changing): boolean {
  return key.status !== "revoked" && isWithin(key, changing);
}

function isWithin(key: Key, { reach, personId }: Revoking): boolean {
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
