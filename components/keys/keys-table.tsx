"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { CircleCheck, SearchX } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { StaleNotice } from "@/components/logs/stale-notice";
import { useFilters } from "@/components/logs/use-filters";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { EmptyState } from "@/components/ui/empty-state";
import { FailedState } from "@/components/ui/failed-state";
import { SkeletonRows } from "@/components/ui/skeleton";
import { Table, TableFoot, TBody, THead, Th } from "@/components/ui/table";
import { ZoneName } from "@/components/ui/time";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { type KeyListFilter, keyInsightsQuery, keysQuery } from "@/lib/keys/client";
import type { BulkKeys, Key, KeyInsight, KeySort } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";
import { BulkBar } from "./bulk-bar";
import { BulkDialog } from "./bulk-dialog";
import { type GroupChoice, noFilter } from "./key-filters";
import { columnLook, KeyRow } from "./key-row";
import { type KeyAct, KeyActDialog } from "./key-row-menu";
import { type Changing, mayChange, mayRevoke, type Revoking } from "./key-state";
import { rangeTo, type Selection, tick } from "./selection";

const none: Selection = new Map();
/** Id of the box that ticks the whole page. */
const HEAD = "all-keys";

export type KeysTableProps = {
  org: string;
  filter: KeyListFilter;
  initial: List<Key>;
  initialInsights: { data: KeyInsight[] };
  /** How many there are; null where a filter hides some of the tab's. */
  total: number | null;
  groups: readonly GroupChoice[];
  revoking: Revoking;
  changing: Changing;
  /** PUBLIC_URL when it is set, else the address of this page. */
  baseUrl: string | null;
  /** Whether this person may give access admin. */
  mayAdmin: boolean;
};

/** One page of keys at a time, by cursor; what is told beside each key is read for these rows only. */
export function KeysTable({ org, filter, initial, initialInsights, total, groups, revoking, changing, ...may }: KeysTableProps) {
  const { set, pending } = useFilters();
  // Cursors of the pages before this one; a cursor leads only forward.
  const [trail, setTrail] = useState<readonly string[]>([]);
  const cursor = trail.at(-1);
  const first = cursor === undefined;
  const keys = useQuery({
    ...keysQuery(org, first ? filter : { ...filter, cursor }),
    ...(first ? { initialData: initial } : {}),
    // Health is as old as what stands beside each key.
    refetchInterval: filter.health === undefined ? 5000 : 30_000,
  });
  const rows = keys.data?.data ?? [];
  const { insights, of: insightOf } = useInsights(org, rows, initialInsights);

  const [acting, setActing] = useState<{ act: KeyAct; key: Key } | null>(null);
  const [selection, setSelection] = useState(none);
  const [bulk, setBulk] = useState<BulkKeys["action"] | null>(null);
  const isActing = bulk !== null || selection.size > 0;
  const wasActing = useRef(false);
  useEffect(() => {
    // With the bar may go what had the focus.
    if (wasActing.current && !isActing && document.activeElement === document.body)
      document.getElementById(HEAD)?.focus({ preventScroll: true });
    wasActing.current = isActing;
  }, [isActing]);
  const lastTicked = useRef<string | null>(null);
  const clear = useCallback(() => {
    setSelection(none);
    lastTicked.current = null;
  }, []);
  const tickTo = (key: Key, on: boolean, isRange: boolean) => {
    setSelection(tick(selection, isRange ? rangeTo(tickable, lastTicked.current, key.id) : [key], on));
    lastTicked.current = key.id;
  };

  if (keys.data === undefined) {
    return keys.error ? (
      <FailedState
        boxed
        title="The keys did not load"
        onRetry={() => void keys.refetch()}
        retrying={keys.isFetching}
        requestId={(isApiError(keys.error) && keys.error.requestId) || undefined}
      >
        They still work: only this list is missing.
      </FailedState>
    ) : (
      <SkeletonRows label="Loading keys" />
    );
  }
  if (rows.length === 0 && !first) {
    return (
      <EmptyState
        boxed
        glyph={<SearchX />}
        title="Nothing more here"
        action={<Button onClick={() => setTrail([])}>Back to the first page</Button>}
      >
        The keys of this page have gone since.
      </EmptyState>
    );
  }
  if (rows.length === 0 && filter.health === "attention" && total !== null) {
    return (
      <EmptyState boxed glyph={<CircleCheck />} title="No key needs you">
        None is leaked, about to expire, often refused, close to its limit, without an expiry or long unused.
      </EmptyState>
    );
  }
  if (rows.length === 0) {
    return (
      <EmptyState boxed glyph={<SearchX />} title="No key matches" action={<Button onClick={() => set(noFilter)}>Clear filters</Button>}>
        {filter.q ? "A name is found by any part of it, a prefix by its beginning." : "Nothing is in this state just now."}
      </EmptyState>
    );
  }
  const page = keys.data;
  const from = trail.length * (filter.limit ?? 50);
  const hasBoxes = changing.reach !== null;
  const tickable = rows.filter((key) => mayChange(key, changing));
  const ticked = tickable.filter((key) => selection.has(key.id)).length;
  return (
    <div className={clsx("fast", (pending || keys.isPlaceholderData) && "opacity-60")} aria-busy={pending || keys.isPlaceholderData}>
      <StaleNotice
        error={keys.error ?? insights.error}
        onRetry={() => {
          void keys.refetch();
          void insights.refetch();
        }}
        className="mb-3"
      />
      <Table
        label="Keys"
        columns={[
          ...(hasBoxes ? [{ width: "44px" }] : []),
          {},
          { width: "132px", className: columnLook.group },
          { width: "208px" },
          { width: "180px", className: columnLook.calls },
          { className: "w-[188px] max-[900px]:w-[152px]" },
          { width: "106px", className: columnLook.expires },
          { width: "52px" },
        ]}
      >
        <THead>
          {hasBoxes && (
            <Th>
              <Checkbox
                id={HEAD}
                aria-label="Select all keys of this page"
                checked={ticked > 0 && ticked === tickable.length}
                mixed={ticked > 0 && ticked < tickable.length}
                disabled={tickable.length === 0}
                onChange={(event) => setSelection(tick(selection, tickable, event.target.checked))}
              />
            </Th>
          )}
          <SortTh filter={filter} orders={{ name: "ascending" }}>
            Key
          </SortTh>
          <Th className={columnLook.group}>Group</Th>
          <Th>Health</Th>
          <SortTh filter={filter} orders={{ "-calls": "descending" }} className={columnLook.calls}>
            Calls
          </SortTh>
          <SortTh filter={filter} orders={{ "-last_used": "descending", last_used: "ascending" }} className="min-[900px]:pl-6">
            Last used
          </SortTh>
          <SortTh filter={filter} orders={{ expires: "ascending" }} className={columnLook.expires}>
            Expires
          </SortTh>
          <Th hidden>Actions</Th>
        </THead>
        <TBody>
          {rows.map((key) => (
            <KeyRow
              key={key.id}
              org={org}
              state={key}
              group={groups.find((group) => group.id === key.group_id)?.name ?? "Archived group"}
              insight={insightOf(key.id)}
              waiting={insights.isFetching && insightOf(key.id) === undefined}
              box={
                hasBoxes
                  ? {
                      on: selection.has(key.id),
                      may: mayChange(key, changing),
                      onTick: (on, isRange) => tickTo(key, on, isRange),
                    }
                  : undefined
              }
              mayChange={mayChange(key, changing)}
              mayRevoke={mayRevoke(key, revoking)}
              onAct={(act) => setActing({ act, key })}
            />
          ))}
        </TBody>
      </Table>
      <TableFoot
        actions={
          (!first || page.has_more) && (
            <>
              <Button size="sm" disabled={first} onClick={() => setTrail(trail.slice(0, -1))}>
                Previous
              </Button>
              <Button
                size="sm"
                disabled={!page.has_more || keys.isPlaceholderData}
                onClick={() => page.next_cursor !== null && setTrail([...trail, page.next_cursor])}
              >
                Next
              </Button>
            </>
          )
        }
      >
        <span>
          {from + 1}–{from + rows.length}
          {total !== null && ` of ${formatNumber(total)}`} · times are yours, <ZoneName />
        </span>
      </TableFoot>
      <p role="status" className="sr-only">
        {selection.size > 0 && `${formatNumber(selection.size)} selected`}
      </p>
      {selection.size > 0 && <BulkBar selection={selection} mayMove={groups.length > 1} onAct={setBulk} onClear={clear} />}
      {bulk !== null && (
        <BulkDialog org={org} action={bulk} keys={[...selection.values()]} groups={groups} onDone={clear} onClose={() => setBulk(null)} />
      )}
      {acting && (
        <KeyActDialog
          {...may}
          act={acting.act}
          org={org}
          // A list that is read anew may lose the row; a secret that is on the screen must not go with it.
          state={rows.find((key) => key.id === acting.key.id) ?? acting.key}
          onClose={() => setActing(null)}
        />
      )}
    </div>
  );
}

/** What is told beside each of these rows. Rows that were known before keep what they have while it is read anew. */
function useInsights(org: string, rows: readonly Key[], initial: { data: KeyInsight[] }) {
  const ids = rows.map((key) => key.id).sort();
  const isInitial = ids.length === initial.data.length && initial.data.every((insight) => ids.includes(insight.key_id));
  const insights = useQuery({
    ...keyInsightsQuery(org, ids),
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
    ...(isInitial ? { initialData: initial } : {}),
  });
  const byId = new Map(insights.data?.data.map((insight) => [insight.key_id, insight]));
  return { insights, of: (id: string) => byId.get(id) };
}

type SortThProps = {
  filter: KeyListFilter;
  /** The orders that the head goes through, each by its parameter; then newest first again. */
  orders: Partial<Record<KeySort, "ascending" | "descending">>;
  className?: string;
  children: string;
};

function SortTh({ filter, orders, className, children }: SortThProps) {
  const { href } = useFilters();
  const names = Object.keys(orders) as KeySort[];
  const at = names.indexOf((filter.sort ?? "") as KeySort);
  const sort = at < 0 ? "none" : orders[names[at] as KeySort];
  return (
    <Th sort={sort} sortHref={href({ sort: names[at + 1] ?? null })} className={className}>
      {children}
    </Th>
  );
}
