"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { List as ListIcon, SearchX } from "lucide-react";
import { type MouseEvent, useState } from "react";
import { KeyFace } from "@/components/keys/key-face";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { FilterAdd, FilterBar, FilterChip, SearchInput } from "@/components/ui/filter-bar";
import { useHydrated } from "@/components/ui/media";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { Table, TableFoot, TBody, Td, THead, Th, Tr } from "@/components/ui/table";
import { Time, ZoneName } from "@/components/ui/time";
import { formatDuration, formatNumber } from "@/lib/format";
import type { List } from "@/lib/schema";
import { type LogListFilter, logsQuery } from "@/lib/usage/client";
import type { LogRow } from "@/lib/usage/schema";
import { byDay } from "./by-day";
import { DateFilter } from "./date-filter";
import { ExplainDrawer } from "./explain-drawer";
import { Address, Route } from "./latest-requests";
import { LiveSwitch } from "./live-switch";
import { NextStep } from "./next-step";
import { StatusMark } from "./outcome";
import { StaleNotice } from "./stale-notice";
import { useFeed } from "./use-feed";
import { useFilters } from "./use-filters";

type LogsViewProps = {
  org: string;
  filter: LogListFilter;
  initial: List<LogRow>;
  /** Names for ids, and the choices of the filters. */
  keys: readonly { id: string; name: string; prefix: string }[];
  groups: readonly { id: string; name: string }[];
  routes: readonly string[];
};

const statuses = [
  { value: "2xx", label: "2xx, answered" },
  { value: "4xx", label: "4xx, refused or wrong" },
  { value: "5xx", label: "5xx, failed" },
  { value: "401", label: "401, key not valid" },
  { value: "403", label: "403, not allowed" },
  { value: "429", label: "429, over a limit" },
] as const;

const nothing = { key_id: null, status: null, route: null, group_id: null, start_date: null, end_date: null, request: null };

const dayHead = "border-b border-line bg-surface pt-4 pb-2";

export function LogsView(props: LogsViewProps) {
  return <LogFeed key={JSON.stringify(props.filter)} {...props} />;
}

function LogFeed({ org, filter, initial, keys, groups, routes }: LogsViewProps) {
  const queries = useQueryClient();
  const { set, show, href, value, pending } = useFilters();
  const [live, setLive] = useState(filter.end_date === undefined);
  const zone = useHydrated() ? undefined : "UTC";
  const first = useQuery({ ...logsQuery(org, filter), initialData: initial, refetchInterval: live ? 2000 : false });
  const feed = useFeed(
    first.data,
    (row) => row.request_id,
    (cursor) => queries.fetchQuery(logsQuery(org, { ...filter, cursor })),
  );
  const names = new Map(keys.map((key) => [key.id, key.name]));

  const asked = value("request");
  const place = feed.rows.findIndex((row) => row.request_id === asked);
  const found = useQuery({
    ...logsQuery(org, { request_id: asked ?? "", limit: 1 }),
    enabled: asked !== null && place === -1,
    placeholderData: (before) => (before?.data[0]?.request_id === asked ? before : undefined),
  });
  const chosen = asked === null ? undefined : (feed.rows[place] ?? found.data?.data[0]);
  const open = (row: LogRow | undefined) => row && show({ request: row.request_id });
  const step = (by: number) => (place === -1 || feed.rows[place + by] === undefined ? undefined : () => open(feed.rows[place + by]));
  const filtered = Object.entries(filter).some(([name, given]) => name !== "limit" && given !== undefined);
  const narrow = chosen !== undefined;

  return (
    <div className="flex items-start">
      <Page width="table">
        <PageHeader title="Request log" actions={<LiveSwitch on={live} onChange={setLive} />}>
          Every answer to one of your keys, newest first.
        </PageHeader>
        <Filters filter={filter} keys={keys} groups={groups} routes={routes} />
        <StaleNotice error={first.error} onRetry={() => void first.refetch()} className="mb-3" />
        {asked !== null && place === -1 && found.data?.data.length === 0 && (
          <p role="status" className="mb-3 rounded-lg bg-sunken px-3 py-2.5 text-fg-2">
            No request <span className="mono text-fg">{asked}</span> is in this log.
          </p>
        )}
        {feed.rows.length === 0 ? (
          filtered ? (
            <EmptyState
              boxed
              glyph={<SearchX />}
              title="No request matches"
              action={<Button onClick={() => set(nothing)}>Clear filters</Button>}
            >
              {live ? "A request that matches shows up here by itself." : "Widen the dates, or remove a filter."}
            </EmptyState>
          ) : (
            <EmptyState
              boxed
              glyph={<ListIcon />}
              title="No request yet"
              action={<NextStep org={org} hasGroup={groups.length > 0} hasKey={keys.length > 0} />}
            >
              {keys.length > 0 ? "Call the API with one of your keys; the" : "It takes a key to call the API. Each"} request shows up here
              within two seconds.
            </EmptyState>
          )
        ) : (
          <div className={clsx("fast", pending && "opacity-60")} aria-busy={pending}>
            <Table
              label="Requests"
              low
              columns={[
                { width: "96px" },
                { width: "92px" },
                {},
                { width: narrow ? "32%" : "36%" },
                { width: "200px", className: narrow ? "hidden" : "max-xl:hidden" },
                { width: "96px", className: narrow ? "max-2xl:hidden" : "max-lg:hidden" },
              ]}
            >
              <THead>
                <Th>Time</Th>
                <Th>Status</Th>
                <Th>Request</Th>
                <Th>Key</Th>
                <Th className={narrow ? "hidden" : "max-xl:hidden"}>Address</Th>
                <Th numeric className={narrow ? "max-2xl:hidden" : "max-lg:hidden"}>
                  Latency
                </Th>
              </THead>
              {byDay(feed.rows, zone).map((day) => (
                <TBody key={day.heading}>
                  <tr className="max-md:block">
                    <th
                      scope="rowgroup"
                      colSpan={4}
                      className={clsx(dayHead, "px-4 text-left text-sm font-medium text-fg-2 max-md:block max-md:px-gutter")}
                    >
                      {day.heading}
                    </th>
                    {/* Their own cells: a span over columns that are not there would make them. */}
                    <td aria-hidden="true" className={clsx(dayHead, narrow ? "hidden" : "max-xl:hidden")} />
                    <td aria-hidden="true" className={clsx(dayHead, narrow ? "max-2xl:hidden" : "max-lg:hidden")} />
                  </tr>
                  {day.rows.map((row) => (
                    <Tr key={row.request_id} current={row.request_id === asked} onClick={(event) => isPlainClick(event) && open(row)}>
                      <Td phone="lead">
                        <a
                          href={href({ request: row.request_id })}
                          onClick={(event) => {
                            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                            event.preventDefault();
                            open(row);
                          }}
                          className="tabular-nums after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:rounded-md focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
                        >
                          <span className="sr-only">Explain the request of </span>
                          <Time as="clock" iso={row.created_at} />
                        </a>
                      </Td>
                      <Td phone="menu">
                        <StatusMark row={row} />
                      </Td>
                      <Td phone="start">
                        <Route row={row} />
                      </Td>
                      <Td phone="start">
                        <KeyCell row={row} name={names.get(row.key_id)} narrow={narrow} />
                      </Td>
                      <Td phone="end" className={narrow ? "md:hidden" : "md:max-xl:hidden"}>
                        <Address row={row} />
                      </Td>
                      <Td numeric phone="end" className={clsx("text-fg-2", narrow ? "md:max-2xl:hidden" : "md:max-lg:hidden")}>
                        {formatDuration(row.latency_ms)}
                      </Td>
                    </Tr>
                  ))}
                </TBody>
              ))}
            </Table>
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
                {formatNumber(feed.rows.length)} {feed.rows.length === 1 ? "request" : "requests"}
                {feed.hasMore ? " shown" : ""} · times are yours, <ZoneName />
              </span>
            </TableFoot>
            <StaleNotice error={feed.error} onRetry={feed.more} />
          </div>
        )}
      </Page>
      {chosen && (
        <ExplainDrawer
          org={org}
          row={chosen}
          keyName={names.get(chosen.key_id)}
          groupName={groups.find((group) => group.id === chosen.group_id)?.name}
          link={href({ ...nothing, request: chosen.request_id })}
          onClose={() => show({ request: null })}
          onPrevious={step(-1)}
          onNext={step(1)}
        />
      )}
    </div>
  );
}

function KeyCell({ row, name, narrow }: { row: LogRow; name: string | undefined; narrow: boolean }) {
  return (
    <span className="flex min-w-0 items-center gap-2">
      <KeyFace prefix={row.key_prefix} />
      {name !== undefined && (
        <bdi className="cut" title={name}>
          {name}
        </bdi>
      )}
      <span className={clsx("mono flex-none text-fg-3", name !== undefined && (narrow ? "md:hidden" : "md:max-lg:hidden"))} translate="no">
        {row.key_prefix}
      </span>
      {row.environment === "test" && <Pill>test</Pill>}
    </span>
  );
}

function Filters({ filter, keys, groups, routes }: Pick<LogsViewProps, "filter" | "keys" | "groups" | "routes">) {
  const { set, show } = useFilters();
  const key = keys.find((each) => each.id === filter.key_id);
  const find = (text: string) => {
    if (/^(req|sum)_/i.test(text)) show({ request: text.toLowerCase() });
    else set({ route: text });
  };
  return (
    <FilterBar label="Filter requests">
      <SearchInput
        label="Find a request by its id or route"
        placeholder="Request id or route"
        value={filter.route ?? ""}
        onValueChange={(text) => find(text.trim())}
      />
      <DateFilter
        start={filter.start_date ?? null}
        end={filter.end_date ?? null}
        onChange={(start_date, end_date) => set({ start_date, end_date })}
      />
      {filter.status !== undefined && <FilterChip name="Status" value={filter.status} onRemove={() => set({ status: null })} />}
      {filter.key_id !== undefined && (
        <FilterChip
          name="Key"
          value={<bdi className="cut inline-block max-w-48 align-bottom">{key?.name ?? filter.key_id}</bdi>}
          onRemove={() => set({ key_id: null })}
        />
      )}
      {filter.group_id !== undefined && (
        <FilterChip
          name="Group"
          value={<bdi>{groups.find((each) => each.id === filter.group_id)?.name ?? filter.group_id}</bdi>}
          onRemove={() => set({ group_id: null })}
        />
      )}
      {filter.status === undefined && <FilterAdd name="Status" options={statuses} onValueChange={(status) => set({ status })} />}
      {filter.key_id === undefined && keys.length > 0 && (
        <FilterAdd
          name="Key"
          options={keys.slice(0, 100).map(({ id, name, prefix }) => ({ value: id, label: <KeyChoice name={name} prefix={prefix} /> }))}
          onValueChange={(id) => set({ key_id: id })}
        />
      )}
      {filter.route === undefined && routes.length > 0 && (
        <FilterAdd
          name="Route"
          options={routes.map((route) => ({ value: route, label: <span className="mono">{route}</span> }))}
          onValueChange={(route) => set({ route })}
        />
      )}
    </FilterBar>
  );
}

export function KeyChoice({ name, prefix }: { name: string; prefix: string }) {
  return (
    <span className="flex max-w-72 items-baseline gap-2">
      <bdi className="cut">{name}</bdi>
      <span className="mono flex-none text-fg-3">{prefix}</span>
    </span>
  );
}

// A row opens wherever it is pressed, but not while its text is being selected.
function isPlainClick(event: MouseEvent): boolean {
  return !(event.target instanceof Element && event.target.closest("a, button")) && window.getSelection()?.isCollapsed !== false;
}
