"use client";

import { useQuery } from "@tanstack/react-query";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { isApiError } from "@/lib/api";
import { formatDate, formatExact, formatNumber } from "@/lib/format";
import { suggestionsQuery } from "@/lib/keys/client";
import { enoughCalls, enoughDays, type Key, type Suggestions } from "@/lib/keys/schema";
import type { Draft } from "./key-draft";

const DAY = 86_400_000;

export type Proposal = Partial<Pick<Draft, "allowed_ips" | "scopes">>;

/** What 30 days of calls say the key does not need. `onReview` opens the edit dialog with it filled in; without it nothing is offered. */
export function SuggestionsCard({
  org,
  state,
  onReview,
}: {
  org: string;
  state: Key;
  onReview: ((proposal: Proposal) => void) | undefined;
}) {
  const { data, error, refetch } = useQuery(suggestionsQuery(org, state.id));
  return (
    <Card title="Make it tighter">
      {data !== undefined ? (
        <Offers state={state} suggestions={data} onReview={onReview} />
      ) : error !== null ? (
        <p className="text-fg-2">
          What its calls suggest did not load.{" "}
          <Button size="xs" onClick={() => void refetch()}>
            Try again
          </Button>
          {isApiError(error) && error.requestId && <span className="mono block text-fg-3">{error.requestId}</span>}
        </p>
      ) : (
        <div aria-busy="true" className="grid gap-3 py-1.5">
          <Skeleton className="w-40" />
          <Skeleton className="w-full" />
          <Skeleton className="w-3/4" />
        </div>
      )}
    </Card>
  );
}

function Offers({
  state,
  suggestions,
  onReview,
}: {
  state: Key;
  suggestions: Suggestions;
  onReview: ((proposal: Proposal) => void) | undefined;
}) {
  const { allowed_ips, scopes, calls } = suggestions;
  if (calls === 0) return <p className="text-fg-2">No accepted call in 30 days, so nothing to go by.</p>;
  const since = sinceWords(new Date(suggestions.since));
  if (!suggestions.enough) {
    return (
      <p className="text-fg-2">
        {formatNumber(calls)} accepted {calls === 1 ? "call" : "calls"} {since} {calls === 1 ? "is" : "are"} too little to go by. With{" "}
        {enoughCalls} over {enoughDays} days this says which addresses are enough, and which scopes are not used.
      </p>
    );
  }
  const isLocked = allowed_ips.every((entry) => state.allowed_ips.includes(entry)) && state.allowed_ips.length === allowed_ips.length;
  const unused = state.scopes.filter((scope) => scopes.unused.includes(scope));
  const kept = state.scopes.filter((scope) => !unused.includes(scope));
  const unjudged = state.scopes.filter((scope) => scopes.not_judged.includes(scope)).length;
  const lockable = allowed_ips.length > 0 && !isLocked;
  if (!lockable && (unused.length === 0 || kept.length === 0)) {
    return (
      <p className="text-fg-2">
        {allowed_ips.length === 0 && suggestions.address_count > 0
          ? `Its calls came from ${formatNumber(suggestions.address_count)} addresses, in too many networks for a list.`
          : `Its calls ${since} came from the addresses ${unjudged < state.scopes.length ? "and used the scopes " : ""}it has.`}{" "}
        <NotJudged unjudged={unjudged} all={state.scopes.length} />
      </p>
    );
  }
  return (
    <ul className="grid gap-4 [&>li+li]:border-t [&>li+li]:border-line [&>li+li]:pt-4">
      {lockable && (
        <li className="grid justify-items-start gap-2">
          <div>
            <h3 className="font-strong">
              {allowed_ips.length === 1
                ? "Lock it to one address"
                : `Lock it to ${formatNumber(allowed_ips.length)} ${allowed_ips.some((entry) => entry.includes("/")) ? "addresses and ranges" : "addresses"}`}
            </h3>
            <p className="text-fg-2">
              {calls === 1 ? "The only accepted call" : `All ${formatNumber(calls)} accepted calls`} {since} came from{" "}
              {allowed_ips.slice(0, 4).map((entry, index) => (
                <span key={entry}>
                  {index > 0 && ", "}
                  <span className="mono text-fg">{entry}</span>
                </span>
              ))}
              {allowed_ips.length > 4 && ` and ${formatNumber(allowed_ips.length - 4)} more`}.
            </p>
          </div>
          {onReview && (
            <Button size="sm" onClick={() => onReview({ allowed_ips })}>
              Review addresses…
            </Button>
          )}
        </li>
      )}
      {unused.length > 0 && kept.length > 0 && (
        <li className="grid justify-items-start gap-2">
          <div>
            <h3 className="font-strong">
              {unused.length === 1 ? "One scope is not used" : `${formatNumber(unused.length)} scopes are not used`}
            </h3>
            <p className="text-fg-2">
              No call {since} needed{" "}
              {unused.map((scope, index) => (
                <span key={scope}>
                  {index > 0 && ", "}
                  <span className="mono text-fg">{scope}</span>
                </span>
              ))}
              .
            </p>
          </div>
          {onReview && (
            <Button size="sm" onClick={() => onReview({ scopes: kept })}>
              Review scopes…
            </Button>
          )}
        </li>
      )}
      {unjudged > 0 && (
        <li className="text-sm text-fg-3">
          <NotJudged unjudged={unjudged} all={state.scopes.length} />
        </li>
      )}
    </ul>
  );
}

/** "in 30 days", or from when: a key may be younger, or have more calls than are looked through. */
function sinceWords(since: Date): string {
  const age = Date.now() - since.getTime();
  return age >= 29 * DAY ? "in 30 days" : `since ${age < DAY ? formatExact(since) : formatDate(since)}`;
}

/** Of scopes that no route here asks for, or that a program behind it may ask for, nothing is known. */
function NotJudged({ unjudged, all }: { unjudged: number; all: number }) {
  if (unjudged === 0) return null;
  return `${formatNumber(unjudged)} of its ${formatNumber(all)} scopes cannot be judged: the calls seen here do not show whether they are needed.`;
}
