"use client";

import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Ban, ChartColumn } from "lucide-react";
import Link from "next/link";
import { OutcomeChart } from "@/components/charts/outcome-chart";
import { Sparkline } from "@/components/charts/sparkline";
import { KeyFace } from "@/components/keys/key-face";
import { NextStep } from "@/components/logs/next-step";
import { refusalWord } from "@/components/logs/outcome";
import { StaleNotice } from "@/components/logs/stale-notice";
import { useFilters } from "@/components/logs/use-filters";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { EmptyState } from "@/components/ui/empty-state";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Segmented } from "@/components/ui/segmented";
import { Stat, Stats } from "@/components/ui/stat";
import { Table, TBody, Td, THead, Th, Tr, TwoLines } from "@/components/ui/table";
import { ZoneName } from "@/components/ui/time";
import { formatDuration, formatFigure, formatNumber, formatPercent } from "@/lib/format";
import { seriesQuery } from "@/lib/usage/client";
import { fewestForPercentiles, type UsagePoint } from "@/lib/usage/schema";
import { RankedBars } from "./ranked-bars";
import { type Span, spans } from "./spans";

type Series = { data: UsagePoint[] };

type UsageViewProps = {
  org: string;
  span: Span;
  /** Where the span begins. */
  start: string;
  initial: { all: Series; key: Series; route: Series; outcome: Series };
  keys: readonly { id: string; name: string; prefix: string }[];
  hasGroup: boolean;
};

const TOP = 8;

export function UsageView({ org, span, start, initial, keys, hasGroup }: UsageViewProps) {
  const { set, pending } = useFilters();
  const { interval, words } = spans[span];
  const live = { refetchInterval: 10_000 } as const;
  const all = useQuery({ ...seriesQuery(org, { interval, start }), initialData: initial.all, ...live });
  const byKey = useQuery({ ...seriesQuery(org, { interval, start, group_by: "key" }), initialData: initial.key, ...live });
  const byRoute = useQuery({ ...seriesQuery(org, { interval, start, group_by: "route" }), initialData: initial.route, ...live });
  const byOutcome = useQuery({ ...seriesQuery(org, { interval, start, group_by: "outcome" }), initialData: initial.outcome, ...live });
  const points = all.data.data;
  const total = sum(points);
  const failed = [all, byKey, byRoute, byOutcome].find((query) => query.error !== null);
  const refusals = ranked(byOutcome.data.data, "outcome", "refused");
  const routes = ranked(byRoute.data.data, "route", "requests");
  const p95 = total.requests < fewestForPercentiles ? null : typicalLatency(points);
  const bucket = interval === "1h" ? "hour" : "day";

  return (
    <Page>
      <PageHeader
        title="Usage"
        actions={
          <Segmented
            label="Span"
            value={span}
            onValueChange={(next) => set({ span: next === "24h" ? null : next })}
            options={(Object.keys(spans) as Span[]).map((value) => ({ value, label: spans[value].label }))}
          />
        }
      >
        Everything your keys asked for, whether it was answered or refused.
      </PageHeader>
      <div className={clsx("fast grid gap-4", pending && "opacity-60")} aria-busy={pending}>
        {failed && (
          <StaleNotice
            error={failed.error}
            onRetry={() => {
              for (const query of [all, byKey, byRoute, byOutcome]) void query.refetch();
            }}
          />
        )}
        <Stats label={`Usage, ${words}`}>
          <Stat label="Requests" value={formatFigure(total.requests)} note={`${formatNumber(total.accepted)} accepted`} />
          <Stat label="Refused" {...share(total.refused, total.requests)} note={count(total.refused, "request")} />
          <Stat label="Errors" {...share(total.errors, total.requests)} note={count(total.errors, "request")} />
          <Stat
            label="Latency, p95"
            {...figure(p95?.typical)}
            note={
              p95
                ? `slowest ${bucket} ${formatDuration(p95.slowest)}`
                : total.requests === 0
                  ? "no answer to measure"
                  : `said from ${fewestForPercentiles} requests on`
            }
          />
        </Stats>
        <Card title={`Requests per ${bucket}`} description={interval === "1d" ? "Days of UTC" : undefined}>
          <OutcomeChart
            points={points}
            interval={interval}
            unfinishedFrom={points.at(-1)?.start}
            summary={`${formatNumber(total.requests)} requests in ${words}: ${formatNumber(total.accepted)} accepted, ${formatNumber(total.refused)} refused, ${formatNumber(total.errors)} errors`}
          />
        </Card>
        {total.requests === 0 ? (
          <EmptyState
            boxed
            glyph={<ChartColumn />}
            title={`No request in ${words}`}
            action={<NextStep org={org} hasGroup={hasGroup} hasKey={keys.length > 0} />}
          >
            {keys.length > 0 ? "Call the API with one of your keys, or choose a longer span." : "It takes a key to call the API."} Keys,
            routes and refusals are shown here then.
          </EmptyState>
        ) : (
          <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[minmax(0,1fr)_336px]">
            <TopKeys org={org} span={span} points={byKey.data.data} buckets={points} total={total.requests} keys={keys} />
            <div className="grid min-w-0 gap-4">
              <Card title="Why refused" action={<span className="text-sm text-fg-3 tabular-nums">{formatNumber(total.refused)}</span>}>
                {refusals.length === 0 ? (
                  <p className="text-fg-2">Nothing was refused.</p>
                ) : (
                  <RankedBars
                    label="Why refused"
                    kind="refused"
                    rows={refusals.map(({ id, value }) => ({ id, value, name: refusalWord(id) }))}
                  />
                )}
              </Card>
              <Card title="Routes" action={<span className="text-sm text-fg-3 tabular-nums">{routes.length}</span>}>
                <RankedBars
                  label="Requests by route"
                  kind="accepted"
                  rows={withRest(routes).map(({ id, value }) => ({
                    id,
                    value,
                    name: id.startsWith("/") ? (
                      <span className="mono" title={id} translate="no">
                        {id}
                      </span>
                    ) : (
                      id
                    ),
                  }))}
                />
              </Card>
            </div>
          </div>
        )}
      </div>
      <p className="mt-6 text-sm text-fg-3">
        Times are yours, <ZoneName />. {interval === "1d" && "A day begins at midnight UTC. "}Latency is the p95 of each {bucket}, weighted
        by its requests.
      </p>
    </Page>
  );
}

type TopKeysProps = Pick<UsageViewProps, "org" | "span" | "keys"> & {
  points: readonly UsagePoint[];
  buckets: readonly UsagePoint[];
  total: number;
};

function TopKeys({ org, span, points, buckets, total, keys }: TopKeysProps) {
  const rows = ranked(points, "key_id", "requests").slice(0, TOP);
  const daily = spans[span].interval === "1d";
  return (
    <Card
      title="Top keys"
      action={
        <Link href={`/orgs/${org}/keys`} className="link">
          All keys
        </Link>
      }
    >
      <Table
        label="Top keys"
        flush
        columns={[
          {},
          ...(daily ? [{ width: "124px", className: "max-lg:hidden" }] : []),
          { width: "104px" },
          { width: "80px" },
          { width: "96px" },
        ]}
      >
        <THead>
          <Th>Key</Th>
          {daily && <Th className="max-lg:hidden">4 weeks</Th>}
          <Th numeric>Requests</Th>
          <Th numeric>Share</Th>
          <Th numeric>Refused</Th>
        </THead>
        <TBody>
          {rows.map(({ id, value, refused }) => {
            const key = keys.find((each) => each.id === id);
            return (
              <Tr key={id} className="max-md:px-0!">
                <Td phone="lead">
                  <TwoLines
                    href={`/orgs/${org}/keys/${id}`}
                    lead={<KeyFace prefix={key?.prefix} />}
                    name={key?.name ?? id}
                    title={key?.name ?? id}
                    second={
                      <span className="mono" translate="no">
                        {key?.prefix ?? "—"}
                      </span>
                    }
                  />
                </Td>
                {daily && (
                  <Td phone="hidden" className="max-lg:hidden">
                    <Sparkline
                      label="Calls per day"
                      points={buckets.map(
                        (bucket) =>
                          points.find((point) => point.key_id === id && point.start === bucket.start) ?? { accepted: 0, refused: 0 },
                      )}
                    />
                  </Td>
                )}
                <Td phone="menu" numeric>
                  {formatNumber(value)}
                </Td>
                <Td phone="start" numeric className="text-fg-2 max-md:text-left!">
                  {formatPercent(value / total)}
                  <span className="md:hidden"> of all</span>
                </Td>
                <Td phone="end" numeric className="text-fg-2">
                  {refused / value > 0.05 ? (
                    <Badge tone="bad" icon={<Ban />} bare>
                      {formatPercent(refused / value)}
                    </Badge>
                  ) : (
                    formatPercent(refused / value)
                  )}
                  <span className="md:hidden"> refused</span>
                </Td>
              </Tr>
            );
          })}
        </TBody>
      </Table>
    </Card>
  );
}

type Total = Pick<UsagePoint, "requests" | "accepted" | "refused" | "errors">;

function sum(points: readonly UsagePoint[]): Total {
  const total = { requests: 0, accepted: 0, refused: 0, errors: 0 };
  for (const point of points) for (const field of ["requests", "accepted", "refused", "errors"] as const) total[field] += point[field];
  return total;
}

function ranked(
  points: readonly UsagePoint[],
  by: "key_id" | "route" | "outcome",
  field: "requests" | "refused",
): { id: string; value: number; refused: number }[] {
  const groups = new Map<string, UsagePoint[]>();
  for (const point of points) groups.set(point[by] ?? "", [...(groups.get(point[by] ?? "") ?? []), point]);
  return [...groups]
    .map(([id, group]) => {
      const total = sum(group);
      return { id, value: total[field], refused: total.refused };
    })
    .filter((row) => row.value > 0)
    .sort((a, b) => b.value - a.value);
}

function withRest(rows: readonly { id: string; value: number }[]): { id: string; value: number }[] {
  if (rows.length <= TOP) return [...rows];
  const rest = rows.slice(TOP - 1);
  return [...rows.slice(0, TOP - 1), { id: `${rest.length} others`, value: rest.reduce((total, row) => total + row.value, 0) }];
}

// Percentiles of buckets cannot be added up: said is what a bucket usually had, weighted by its requests, and the worst.
function typicalLatency(points: readonly UsagePoint[]): { typical: number; slowest: number } | null {
  const measured = points.flatMap((point) =>
    point.latency_ms.p95 === null ? [] : [{ p95: point.latency_ms.p95, requests: point.requests }],
  );
  const requests = measured.reduce((total, bucket) => total + bucket.requests, 0);
  if (requests === 0) return null;
  return {
    typical: measured.reduce((total, bucket) => total + bucket.p95 * bucket.requests, 0) / requests,
    slowest: Math.max(...measured.map((bucket) => bucket.p95)),
  };
}

/** "2.4 %" as a figure and its unit. */
function share(part: number, whole: number): { value: string; unit?: string } {
  if (whole === 0) return { value: "—" };
  return { value: formatPercent(part / whole).replace(/\s%$/, ""), unit: "%" };
}

function figure(milliseconds: number | undefined): { value: string; unit?: string } {
  const [value = "—", unit] = formatDuration(milliseconds).split("\u00a0");
  return unit === undefined ? { value } : { value, unit };
}

function count(many: number, what: string): string {
  return `${formatNumber(many)} ${what}${many === 1 ? "" : "s"}`;
}
