"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { Ban, SearchX, ShieldCheck } from "lucide-react";
import { byDay } from "@/components/logs/by-day";
import { DateFilter } from "@/components/logs/date-filter";
import { KeyChoice } from "@/components/logs/logs-view";
import { StaleNotice } from "@/components/logs/stale-notice";
import { useFeed } from "@/components/logs/use-feed";
import { useFilters } from "@/components/logs/use-filters";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { FilterAdd, FilterBar, FilterChip } from "@/components/ui/filter-bar";
import { useHydrated } from "@/components/ui/media";
import { Page, PageHeader } from "@/components/ui/page-header";
import { TableFoot } from "@/components/ui/table";
import { Time, ZoneName } from "@/components/ui/time";
import { actionNames } from "@/lib/audit/actions";
import { type AuditListFilter, auditQuery } from "@/lib/audit/client";
import type { AuditEvent } from "@/lib/audit/schema";
import { formatNumber } from "@/lib/format";
import type { List } from "@/lib/schema";
import { EventDrawer } from "./event-drawer";
import { ActorAvatar, Sentence } from "./sentence";

type AuditViewProps = {
  org: string;
  filter: AuditListFilter;
  initial: List<AuditEvent>;
  members: readonly { id: string; name: string }[];
  keys: readonly { id: string; name: string; prefix: string }[];
};

const types = [
  { value: "create", label: "Anything created" },
  { value: "update", label: "Anything changed" },
  { value: "delete", label: "Anything ended" },
  { value: "read", label: "Reads and refusals" },
  ...actionNames.map((name) => ({ value: name, label: <span className="mono">{name}</span> })),
];

const nothing = { event_type: null, user: null, api_key: null, start_date: null, end_date: null, event: null };

export function AuditView(props: AuditViewProps) {
  return <AuditFeed key={JSON.stringify(props.filter)} {...props} />;
}

function AuditFeed({ org, filter, initial, members, keys }: AuditViewProps) {
  const queries = useQueryClient();
  const { set, show, href, value, pending } = useFilters();
  const zone = useHydrated() ? undefined : "UTC";
  const first = useQuery({ ...auditQuery(org, filter), initialData: initial, refetchInterval: 10_000 });
  const feed = useFeed(
    first.data,
    (event) => event.id,
    (cursor) => queries.fetchQuery(auditQuery(org, { ...filter, cursor })),
  );
  const asked = value("event");
  const place = feed.rows.findIndex((event) => event.id === asked);
  const chosen = feed.rows[place];
  const step = (by: number) => {
    const next = place === -1 ? undefined : feed.rows[place + by];
    return next && (() => show({ event: next.id }));
  };
  return (
    <div className="flex items-start">
      <Page width="table">
        <PageHeader title="Audit log">Who did what, when and from where. Nothing here can be changed, not even by you.</PageHeader>
        <Filters filter={filter} members={members} keys={keys} />
        <StaleNotice error={first.error} onRetry={() => void first.refetch()} className="mb-3" />
        {asked !== null && chosen === undefined && (
          <p role="status" className="mb-3 rounded-lg bg-sunken px-3 py-2.5 text-fg-2">
            The event of this link is not among those shown. Load older ones, or clear the filters.
          </p>
        )}
        {feed.rows.length === 0 ? (
          <EmptyState
            boxed
            glyph={
              filter.event_type || filter.user || filter.api_key || filter.start_date || filter.end_date ? <SearchX /> : <ShieldCheck />
            }
            title="No event matches"
            action={<Button onClick={() => set(nothing)}>Clear filters</Button>}
          >
            Every change leaves an event here in the same moment. Widen the dates, or remove a filter.
          </EmptyState>
        ) : (
          <div className={clsx("fast", pending && "opacity-60")} aria-busy={pending}>
            {byDay(feed.rows, zone).map((day) => (
              <section key={day.heading} aria-label={day.heading} className="max-md:-mx-gutter">
                <h2 className="border-b border-line px-2 pt-4 pb-2 text-sm font-medium text-fg-2 max-md:px-gutter">{day.heading}</h2>
                <ol>
                  {day.rows.map((event) => (
                    <li key={event.id}>
                      <EventRow
                        event={event}
                        current={event.id === asked}
                        href={href({ event: event.id })}
                        onOpen={() => show({ event: event.id })}
                      />
                    </li>
                  ))}
                </ol>
              </section>
            ))}
            <TableFoot
              actions={
                feed.hasMore && (
                  <Button size="sm" onClick={feed.more} busy={feed.loading} busyLabel="Loading">
                    Load older
                  </Button>
                )
              }
            >
              <span>
                {formatNumber(feed.rows.length)} {feed.rows.length === 1 ? "event" : "events"}
                {feed.hasMore ? " shown" : ""} · times are yours, <ZoneName />
              </span>
            </TableFoot>
            <StaleNotice error={feed.error} onRetry={feed.more} />
          </div>
        )}
      </Page>
      {chosen && (
        <EventDrawer
          org={org}
          event={chosen}
          link={href({ ...nothing, event: chosen.id })}
          onClose={() => show({ event: null })}
          onPrevious={step(-1)}
          onNext={step(1)}
        />
      )}
    </div>
  );
}

function EventRow({ event, current, href, onOpen }: { event: AuditEvent; current: boolean; href: string; onOpen: () => void }) {
  const refused = event.action.endsWith(".refuse");
  return (
    <a
      href={href}
      aria-current={current || undefined}
      onClick={(click) => {
        if (click.metaKey || click.ctrlKey || click.shiftKey) return;
        click.preventDefault();
        onOpen();
      }}
      className="fast grid min-h-row cursor-default grid-cols-[64px_22px_minmax(0,1fr)_auto] items-center gap-x-3 border-b border-line px-2 py-1.5 hover:bg-page focus-visible:-outline-offset-2 aria-[current]:bg-selected aria-[current]:shadow-[inset_2px_0_0_var(--accent)] max-md:grid-cols-[22px_minmax(0,1fr)_auto] max-md:gap-y-0.5 max-md:px-gutter max-md:py-3"
    >
      <Time as="clock" iso={event.created_at} className="text-fg-2 max-md:hidden" />
      <ActorAvatar event={event} />
      <span className="min-w-0">
        <span className="cut block max-md:whitespace-normal max-md:wrap-anywhere">
          <Sentence event={event} />
        </span>
        <span className="cut block text-sm text-fg-3">
          <span className="md:hidden">
            <Time as="clock" iso={event.created_at} /> ·{" "}
          </span>
          <span className="mono">{event.action}</span>
          {event.ip && (
            <>
              {" "}
              · <span className="mono">{event.ip}</span> {event.country}
            </>
          )}
        </span>
      </span>
      <span className="flex items-center gap-4">
        {refused && (
          <Badge tone="warn" icon={<Ban />}>
            Refused
          </Badge>
        )}
        <span className="min-w-10 text-right text-fg-3 tabular-nums max-md:hidden">
          <span className="sr-only">Event </span>
          {formatNumber(event.sequence)}
        </span>
      </span>
    </a>
  );
}

function Filters({ filter, members, keys }: Pick<AuditViewProps, "filter" | "members" | "keys">) {
  const { set } = useFilters();
  const person = members.find((member) => member.id === filter.user);
  const key = keys.find((each) => each.id === filter.api_key || each.prefix === filter.api_key);
  return (
    <FilterBar label="Filter events">
      <DateFilter
        start={filter.start_date ?? null}
        end={filter.end_date ?? null}
        onChange={(start_date, end_date) => set({ start_date, end_date })}
      />
      {filter.event_type !== undefined && (
        <FilterChip
          name="Event"
          value={types.find((type) => type.value === filter.event_type)?.label ?? filter.event_type}
          onRemove={() => set({ event_type: null })}
        />
      )}
      {filter.user !== undefined && (
        <FilterChip name="Member" value={<bdi>{person?.name ?? filter.user}</bdi>} onRemove={() => set({ user: null })} />
      )}
      {filter.api_key !== undefined && (
        <FilterChip
          name="Key"
          value={<bdi className="cut inline-block max-w-48 align-bottom">{key?.name ?? filter.api_key}</bdi>}
          onRemove={() => set({ api_key: null })}
        />
      )}
      {filter.event_type === undefined && <FilterAdd name="Event" options={types} onValueChange={(event_type) => set({ event_type })} />}
      {filter.user === undefined && (
        <FilterAdd
          name="Member"
          options={members.map(({ id, name }) => ({ value: id, label: <bdi>{name}</bdi> }))}
          onValueChange={(user) => set({ user })}
        />
      )}
      {filter.api_key === undefined && keys.length > 0 && (
        <FilterAdd
          name="Key"
          options={keys.slice(0, 100).map(({ id, name, prefix }) => ({ value: id, label: <KeyChoice name={name} prefix={prefix} /> }))}
          onValueChange={(api_key) => set({ api_key })}
        />
      )}
    </FilterBar>
  );
}
