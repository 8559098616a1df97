"use client";

import { useQuery } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { StaleNotice } from "@/components/logs/stale-notice";
import { useHydrated } from "@/components/ui/media";
import { Meter, Stat, Stats } from "@/components/ui/stat";
import { formatCompact, formatDayMonth, formatDuration, formatFigure, formatNumber, formatPercent } from "@/lib/format";
import { seriesQuery } from "@/lib/usage/client";
import { fewestForPercentiles, type UsagePoint } from "@/lib/usage/schema";

type Series = { data: UsagePoint[] };

type FiguresProps = {
  org: string;
  /** UTC days: yesterday's and the first of the month. */
  yesterday: string;
  monthStart: string;
  days: Series;
  month: Series;
  /** Live requests a month. */
  quota: number;
  /** Created today, so that yesterday says nothing. */
  isFirstDay: boolean;
};

/** What today and this month amount to. Days and months are UTC's, as limits and quotas are. */
export function Figures({ org, yesterday, monthStart, days: initialDays, month: initialMonth, quota, isFirstDay }: FiguresProps) {
  const read = useQuery({ ...seriesQuery(org, { interval: "1d", start: yesterday }), initialData: initialDays, refetchInterval: 5000 });
  const days = read.data.data;
  const month = useQuery({
    ...seriesQuery(org, { interval: "1d", start: monthStart, environment: "live" }),
    initialData: initialMonth,
    refetchInterval: 5000,
  }).data.data;
  const today = days.at(-1);
  const before = days.find((point) => point.start.startsWith(yesterday));
  const calls = today?.requests ?? 0;
  const refused = today?.refused ?? 0;
  const used = month.reduce((sum, point) => sum + point.accepted + point.errors, 0);
  const { p95 = null, p99 = null } = today !== undefined && calls >= fewestForPercentiles ? today.latency_ms : {};
  const [latency, unit] = formatDuration(p95).split("\u00a0");
  return (
    <>
      <StaleNotice error={read.error} onRetry={() => void read.refetch()} />
      <Stats label="Today and this month">
        <Stat
          label="Calls today"
          value={formatFigure(calls)}
          note={isFirstDay ? "first day, nothing to compare yet" : `${formatFigure(before?.requests ?? 0)} yesterday, in UTC days`}
        />
        <Stat
          label="Refused today"
          value={formatFigure(refused)}
          note={refused === 0 ? (calls === 0 ? "no call yet" : "no call was refused") : `${formatPercent(refused / calls)} of the calls`}
        />
        <Stat
          label="Latency today, p95"
          value={latency}
          unit={unit}
          note={calls === 0 ? "no call yet" : p99 === null ? `said from ${fewestForPercentiles} calls on` : <>p99 {formatDuration(p99)}</>}
        />
        <Stat
          label={`${monthName(monthStart)} quota`}
          value={formatFigure(used)}
          unit={`of ${quota >= 100_000 ? formatCompact(quota) : formatFigure(quota)}`}
          meter={
            <Meter
              value={used}
              max={quota}
              label={`${formatNumber(used)} of ${formatNumber(quota)} calls used`}
              tone={used >= quota ? "bad" : used >= quota * 0.9 ? "warn" : "accent"}
            />
          }
          note={<QuotaNote used={used} quota={quota} month={month} />}
        />
      </Stats>
    </>
  );
}

function QuotaNote({ used, quota, month }: { used: number; quota: number; month: readonly UsagePoint[] }): ReactNode {
  const hydrated = useHydrated();
  const first = month.find((point) => point.requests > 0);
  const nextMonth = startOfNextMonth(month.at(-1)?.start);
  if (used >= quota) return <Warning>Used up: live calls are refused until {formatDayMonth(nextMonth, "UTC")}</Warning>;
  if (hydrated && first !== undefined && used > quota * 0.1) {
    const now = Date.now();
    const ends = now + ((quota - used) / used) * (now - Date.parse(first.start));
    if (ends < nextMonth.getTime()) return <Warning>At this pace it ends on {formatDayMonth(new Date(ends), "UTC")}</Warning>;
  }
  return `${formatPercent(quota > 0 ? used / quota : null)} used, renews on ${formatDayMonth(nextMonth, "UTC")}`;
}

function Warning({ children }: { children: ReactNode }) {
  return (
    <span className="flex gap-1.5 text-warn-text">
      <TriangleAlert className="mt-px size-3.5!" />
      <span>{children}</span>
    </span>
  );
}

function startOfNextMonth(day: string | undefined): Date {
  const at = day === undefined ? new Date() : new Date(day);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
}

function monthName(monthStart: string): string {
  return new Intl.DateTimeFormat("en-GB", { month: "long", timeZone: "UTC" }).format(new Date(`${monthStart}T00:00:00Z`));
}
