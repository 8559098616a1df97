"use client";

import { Popover } from "@/components/ui/popover";
import { Skeleton } from "@/components/ui/skeleton";
import { Time } from "@/components/ui/time";
import type { Health, Key } from "@/lib/keys/schema";
import { furtherHealth, HealthBadge, KeyBadge, KeySentence } from "./key-state";

type KeyHealthProps = {
  state: Key;
  /** Worst first; undefined while it is not known yet. */
  health: readonly Health[] | undefined;
  /** It is on the way. */
  waiting: boolean;
};

/** The worst thing about a key and what to do about it; behind the badge all that is so, in whole sentences. */
export function KeyHealth({ state, health = [], waiting }: KeyHealthProps) {
  if (waiting) return <WaitingHealth />;
  const further = furtherHealth(state, health).length;
  const badge = <KeyBadge state={state} health={health} />;
  return (
    <span className="flex min-w-0 flex-col max-md:flex-row max-md:flex-wrap max-md:items-center max-md:gap-x-2">
      {health.length === 0 ? (
        <span className="flex h-5">{badge}</span>
      ) : (
        <Popover
          label={`Health of ${state.name}`}
          trigger={
            <button
              type="button"
              className="relative flex h-5 cursor-default items-center gap-1.5 self-start rounded-sm after:absolute after:-inset-0.5 hover:brightness-97 max-md:self-auto"
            >
              {badge}
              {further > 0 && (
                <span className="text-sm font-medium text-fg-3">
                  +{further}
                  <span className="sr-only"> more</span>
                </span>
              )}
            </button>
          }
        >
          <Findings health={health} />
        </Popover>
      )}
      <span className="cut text-sm text-fg-3 max-md:whitespace-normal compact:md:hidden">
        <KeySentence state={state} health={health} />
      </span>
    </span>
  );
}

function Findings({ health }: { health: readonly Health[] }) {
  return (
    <ul className="grid gap-3.5 p-3.5">
      {health.map((each) => (
        <li key={each.code} className="grid justify-items-start gap-1">
          <HealthBadge health={each} />
          <span className="text-fg-2">{each.message}</span>
          {each.at && <Time as="exact" iso={each.at} className="text-sm text-fg-3" />}
        </li>
      ))}
    </ul>
  );
}

// As tall as what comes.
function WaitingHealth() {
  return (
    <span className="flex min-w-0 flex-col max-md:flex-row max-md:items-center max-md:gap-x-2">
      <span className="flex h-5 items-center">
        <Skeleton className="h-5 w-24" />
      </span>
      <span className="flex h-4 items-center compact:md:hidden">
        <Skeleton className="h-2 w-36" />
      </span>
    </span>
  );
}
