"use client";

import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Button } from "@/components/ui/button";
import { DefinitionList } from "@/components/ui/definition-list";
import { Notice } from "@/components/ui/notice";
import { Skeleton } from "@/components/ui/skeleton";
import { Time } from "@/components/ui/time";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { activityQuery } from "@/lib/keys/client";
import type { Activity } from "@/lib/usage/schema";

/** Who called with the key in the last 24 hours, read once when a dialog opens. */
export function useLastDay(org: string, id: string): UseQueryResult<Activity> {
  return useQuery({ ...activityQuery(org, id), refetchOnWindowFocus: false });
}

type LastDayProps = {
  query: UseQueryResult<Activity>;
  /** Names the region: "What will break", "Who calls now". */
  label: string;
  /** Follows "Nobody called with it in the last 24 hours." */
  quiet: string;
  /** Follows "The last 24 hours did not load." */
  still: string;
};

export function LastDay({ query: { data: activity, error, refetch }, label, quiet, still }: LastDayProps) {
  if (activity === undefined && error !== null) {
    return (
      <Notice
        tone="warn"
        title="The last 24 hours did not load."
        action={
          <Button size="xs" onClick={() => void refetch()}>
            Try again
          </Button>
        }
      >
        {still}
        {isApiError(error) && error.requestId && <span className="mono block">{error.requestId}</span>}
      </Notice>
    );
  }
  if (activity === undefined) return <Waiting />;
  if (activity.calls === 0) {
    return (
      <Notice tone="ok" title="Nobody called with it in the last 24 hours.">
        {quiet}
      </Notice>
    );
  }
  const [busiest] = activity.addresses;
  const last = activity.last_call;
  return (
    <section aria-label={label} className="grid gap-2">
      <h3 className="font-medium">In the last 24 hours</h3>
      <DefinitionList
        boxed
        items={[
          {
            term: "Calls",
            value: (
              <>
                {formatNumber(activity.calls)}
                {activity.refused > 0 && <span className="text-fg-3">, {formatNumber(activity.refused)} refused</span>}
              </>
            ),
          },
          { term: "Addresses", value: formatNumber(activity.address_count) },
          ...(busiest
            ? [
                {
                  term: "Busiest caller",
                  value: (
                    <>
                      <span className="mono">{busiest.ip ?? "—"}</span>
                      {busiest.country && ` ${busiest.country}`}{" "}
                      <span className="text-fg-3">
                        {formatNumber(busiest.calls)} {busiest.calls === 1 ? "call" : "calls"}
                      </span>
                    </>
                  ),
                },
              ]
            : []),
          {
            term: "Routes",
            value: (
              <ul>
                {activity.routes.slice(0, 3).map((route) => (
                  <li key={`${route.method} ${route.route}`} className="mono">
                    {route.method} {route.route}
                  </li>
                ))}
                {activity.routes.length > 3 && <li className="text-fg-3">and {activity.routes.length - 3} more</li>}
              </ul>
            ),
          },
          ...(last
            ? [
                {
                  term: "Last call",
                  value: (
                    <>
                      <Time iso={last.created_at} />{" "}
                      <span className="text-fg-3">
                        {last.method} {last.route}, {last.status}
                      </span>
                    </>
                  ),
                },
              ]
            : []),
        ]}
      />
    </section>
  );
}

function Waiting() {
  return (
    <section aria-busy="true" aria-label="Loading the last 24 hours" className="grid gap-2">
      <h3 className="font-medium">In the last 24 hours</h3>
      <div className="grid gap-[18px] rounded-lg border border-line px-4 py-[17px]">
        {["w-16", "w-8", "w-52", "w-40", "w-44"].map((width) => (
          <span key={width} className="grid grid-cols-[112px_1fr] gap-3">
            <Skeleton className="w-20" />
            <Skeleton className={width} />
          </span>
        ))}
      </div>
    </section>
  );
}
