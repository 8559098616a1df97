"use client";

import clsx from "clsx";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Bar, BarChart, type BarShapeProps, CartesianGrid, Tooltip, XAxis, YAxis } from "recharts";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Table, TBody, Td, THead, Th, Tr } from "@/components/ui/table";
import { formatCompact, formatDate, formatDayHeading, formatDayMonth, formatFigure, formatMinute, formatNumber } from "@/lib/format";

export type OutcomePoint = { start: string; end: string; accepted: number; refused: number; errors: number };
export type OutcomeInterval = "1m" | "1h" | "1d";

type OutcomeChartProps = {
  /** Oldest first, without gaps. */
  points: readonly OutcomePoint[];
  interval: OutcomeInterval;
  /** The finding in a sentence: it is the picture's name. */
  summary: string;
  /** Buckets from here on still count; they are hatched and never compared. */
  unfinishedFrom?: string | undefined;
  /** Of the plot; fixed, so that nothing moves when it is drawn. */
  height?: number | undefined;
};

const outcomes = [
  { key: "accepted", name: "Accepted", swatch: "swatch-accepted", color: "var(--chart-accepted)" },
  { key: "refused", name: "Refused", swatch: "swatch-refused", color: "var(--chart-refused)" },
  { key: "errors", name: "Errors", swatch: "swatch-error", color: "var(--chart-error)" },
] as const;

type Outcome = (typeof outcomes)[number]["key"];

const unfinishedSentence: Record<OutcomeInterval, string> = {
  "1m": "Minute in progress is hatched",
  "1h": "Hour in progress is hatched",
  "1d": "Today so far is hatched",
};

/** Calls by outcome over time. Colours, order and patterns are the same wherever outcomes are drawn. */
export function OutcomeChart({ points, interval, summary, unfinishedFrom, height = 240 }: OutcomeChartProps) {
  const [asTable, setAsTable] = useState(false);
  const totals = Object.fromEntries(outcomes.map(({ key }) => [key, points.reduce((sum, point) => sum + point[key], 0)])) as Record<
    Outcome,
    number
  >;
  const total = totals.accepted + totals.refused + totals.errors;
  const unfinished = (point: OutcomePoint) => unfinishedFrom !== undefined && Date.parse(point.start) >= Date.parse(unfinishedFrom);
  return (
    <div className="min-w-0">
      <div className="mb-3 flex min-h-6 items-start gap-4">
        <ul className="flex min-w-0 flex-1 flex-wrap gap-x-4 gap-y-1 py-1 text-sm text-fg-2">
          {outcomes.map((outcome) => (
            <li key={outcome.key} className="inline-flex items-center gap-1.5">
              <Swatch className={outcome.swatch} />
              {outcome.name} <b className="font-medium text-fg tabular-nums">{formatFigure(totals[outcome.key])}</b>
            </li>
          ))}
          {points.some(unfinished) && <li className="text-fg-3">{unfinishedSentence[interval]}</li>}
        </ul>
        <span className="flex flex-none items-center gap-1">
          {asTable && (
            <CopyButton text={() => csv(points)} label="Copy CSV">
              Copy CSV
            </CopyButton>
          )}
          <Button variant="ghost" size="xs" aria-pressed={asTable} className="-mr-1.5" onClick={() => setAsTable(!asTable)}>
            {asTable ? "Show chart" : "Show table"}
          </Button>
        </span>
      </div>
      <div style={{ height }} className="relative">
        {asTable ? (
          <PointTable points={points} interval={interval} unfinished={unfinished} />
        ) : (
          <Plot points={points} interval={interval} summary={summary} unfinished={unfinished} height={height} />
        )}
        {total === 0 && !asTable && (
          <p className="pointer-events-none absolute inset-0 grid place-items-center pb-6 pl-8 text-fg-2">No call in this span</p>
        )}
      </div>
    </div>
  );
}

function Swatch({ className }: { className: string }) {
  return <i aria-hidden="true" className={clsx("inline-block size-[9px] flex-none rounded-[2px]", className)} />;
}

type PlotProps = Pick<OutcomeChartProps, "points" | "interval" | "summary"> & {
  unfinished: (point: OutcomePoint) => boolean;
  height: number;
};

function Plot({ points, interval, summary, unfinished, height }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const id = useId();
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const levels = levelsFor(Math.max(0, ...points.map((point) => point.accepted + point.refused + point.errors)));
  const axis = 10 + 6.6 * Math.max(...levels.map((level) => formatCompact(level).length));
  const lastOpen = points.at(-1);
  const open = lastOpen && unfinished(lastOpen) ? lastOpen.start : undefined;
  const ticks = ticksFor(points, interval, Math.max(3, Math.min(10, Math.floor((width - axis) / 68))), open !== undefined);
  const shape = (outcome: Outcome) => (props: BarShapeProps) => (
    <Segment {...props} outcome={outcome} id={id} open={unfinished(props.payload as OutcomePoint)} />
  );

  return (
    <div ref={box} className="h-full [&_.recharts-surface]:overflow-visible [&_.recharts-surface]:focus-visible:rounded-md">
      {width > 0 && (
        <BarChart
          accessibilityLayer
          role="img"
          aria-label={summary}
          width={width}
          height={height}
          data={points as OutcomePoint[]}
          barCategoryGap="15%"
          margin={{ top: 8, right: 8, bottom: 0, left: 0 }}
        >
          <defs>
            <pattern id={`${id}refused`} width="3.5" height="3.5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect width="3.5" height="3.5" fill="var(--chart-refused)" opacity="0.5" />
              <path d="M0 0V3.5" stroke="var(--chart-refused)" strokeWidth="3.5" />
            </pattern>
            {outcomes.map((outcome) => (
              <pattern
                key={outcome.key}
                id={`${id}open-${outcome.key}`}
                width="5"
                height="5"
                patternUnits="userSpaceOnUse"
                patternTransform="rotate(45)"
              >
                <path d="M0 0V5" stroke={outcome.color} strokeWidth="2.2" />
              </pattern>
            ))}
          </defs>
          <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
          <XAxis
            dataKey="start"
            axisLine={{ stroke: "var(--line-strong)" }}
            tickLine={false}
            tickMargin={8}
            height={28}
            ticks={ticks}
            interval={0}
            tick={({ x, y, payload }: { x: number | string; y: number | string; payload: { value: string } }) => (
              <text
                x={x}
                y={y}
                dy="0.71em"
                textAnchor="middle"
                fontSize={11}
                fill={payload.value === open ? "var(--text)" : "var(--chart-axis)"}
                fontWeight={payload.value === open ? 550 : 400}
              >
                {payload.value === open ? (interval === "1d" ? "today" : "now") : tickLabel(payload.value, interval, points)}
              </text>
            )}
          />
          <YAxis
            width={axis}
            domain={[0, levels.at(-1) || 1]}
            ticks={levels}
            interval={0}
            axisLine={false}
            tickLine={false}
            tickMargin={8}
            tickSize={0}
            tick={{ fill: "var(--chart-axis)", fontSize: 11 }}
            tickFormatter={(value: number) => formatCompact(value)}
          />
          <Tooltip
            isAnimationActive={false}
            offset={12}
            cursor={{ fill: "var(--hover)" }}
            wrapperStyle={{ zIndex: 5 }}
            content={({ active, payload }) => {
              const point = payload[0]?.payload as OutcomePoint | undefined;
              return active && point ? <Bubble point={point} interval={interval} open={unfinished(point)} /> : null;
            }}
          />
          {outcomes.map((outcome) => (
            <Bar
              key={outcome.key}
              dataKey={outcome.key}
              name={outcome.name}
              stackId="outcome"
              maxBarSize={40}
              isAnimationActive={false}
              shape={shape(outcome.key)}
            />
          ))}
        </BarChart>
      )}
    </div>
  );
}

// One piece of a stack: a gap of 1 px to the piece below, the top of the stack rounded, at least a hair when not zero.
function Segment({ x, y, width, height, payload, outcome, id, open }: BarShapeProps & { outcome: Outcome; id: string; open: boolean }) {
  const point = payload as OutcomePoint;
  if (!point[outcome] || width <= 0) return <g />;
  const at = outcomes.findIndex(({ key }) => key === outcome);
  const below = outcomes.slice(0, at).some(({ key }) => point[key] > 0);
  const above = outcomes.slice(at + 1).some(({ key }) => point[key] > 0);
  const tall = Math.max(1, height - (below ? 1 : 0));
  const top = y + height - (below ? 1 : 0) - tall;
  const r = above ? 0 : Math.min(2, tall, width / 2);
  const inset = open ? 0.5 : 0;
  const [left, right, bottom] = [x + inset, x + width - inset, top + tall - (open && !below ? 0 : inset)];
  const d = `M${left} ${bottom}V${top + inset + r}q0 ${-r} ${r} ${-r}H${right - r}q${r} 0 ${r} ${r}V${bottom}z`;
  const color = outcomes[at]?.color ?? "currentColor";
  return open ? (
    <path d={d} fill={`url(#${id}open-${outcome})`} stroke={color} strokeDasharray="2.5 2" />
  ) : (
    <path d={d} fill={outcome === "refused" ? `url(#${id}refused)` : color} />
  );
}

function Bubble({ point, interval, open }: { point: OutcomePoint; interval: OutcomeInterval; open: boolean }) {
  return (
    <div role="status" className="floating min-w-44 rounded-lg px-3 py-2.5 text-sm leading-[18px] text-fg">
      <b>{spanLabel(point, interval)}</b>
      {open && <span className="text-fg-3"> so far</span>}
      <dl className="mt-1 grid grid-cols-[1fr_auto] gap-x-4 gap-y-0.5">
        {outcomes.map((outcome) => (
          <Row key={outcome.key} swatch={<Swatch className={outcome.swatch} />} name={outcome.name} value={point[outcome.key]} />
        ))}
      </dl>
    </div>
  );
}

function Row({ swatch, name, value }: { swatch: ReactNode; name: string; value: number }) {
  return (
    <>
      <dt className="flex items-center gap-2 text-fg-2">
        {swatch}
        {name}
      </dt>
      <dd className="text-right font-medium tabular-nums">{formatNumber(value)}</dd>
    </>
  );
}

type Order = { by: "start" | Outcome; down: boolean };

function PointTable({ points, interval, unfinished }: Pick<PlotProps, "points" | "interval" | "unfinished">) {
  const [order, setOrder] = useState<Order>({ by: "start", down: true });
  const sorted = points.toSorted((a, b) => {
    const rise = order.by === "start" ? Date.parse(a.start) - Date.parse(b.start) : a[order.by] - b[order.by];
    return order.down ? -rise : rise;
  });
  const head = (by: Order["by"], name: string) => (
    <Th
      key={by}
      numeric={by !== "start"}
      sort={order.by !== by ? "none" : order.down ? "descending" : "ascending"}
      onSort={() => setOrder({ by, down: order.by === by ? !order.down : true })}
      className="sticky! top-0! bg-surface!"
    >
      {name}
    </Th>
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so a keyboard must reach it
    <section aria-label="Calls by outcome, as a table" tabIndex={0} className="h-full overflow-y-auto">
      <Table label="Calls by outcome" flush low stack={false}>
        <THead>
          {head("start", "Time")}
          {outcomes.map((outcome) => head(outcome.key, outcome.name))}
        </THead>
        <TBody>
          {sorted.map((point) => (
            <Tr key={point.start}>
              <Td className="tabular-nums">
                {interval === "1d" ? formatDate(new Date(point.start), zoneOf(point.start, interval)) : spanLabel(point, interval)}
                {unfinished(point) && <span className="text-fg-3"> so far</span>}
              </Td>
              {outcomes.map((outcome) => (
                <Td key={outcome.key} numeric>
                  {formatNumber(point[outcome.key])}
                </Td>
              ))}
            </Tr>
          ))}
        </TBody>
      </Table>
    </section>
  );
}

// Days that begin at midnight UTC are days of UTC, wherever the reader is.
function zoneOf(start: string, interval: OutcomeInterval): string | undefined {
  return interval === "1d" && start.slice(11, 16) === "00:00" && start.endsWith("Z") ? "UTC" : undefined;
}

function spanLabel(point: OutcomePoint, interval: OutcomeInterval): string {
  const start = new Date(point.start);
  const zone = zoneOf(point.start, interval);
  if (interval === "1d") return formatDayHeading(start, new Date(), zone);
  if (interval === "1h") return `${formatDayMonth(start, zone)}, ${formatMinute(start, zone)} – ${formatMinute(new Date(point.end), zone)}`;
  return `${formatDayMonth(start, zone)}, ${formatMinute(start, zone)}`;
}

function tickLabel(start: string, interval: OutcomeInterval, points: readonly OutcomePoint[]): string {
  const at = new Date(start);
  const days = interval === "1d" || (interval === "1h" && points.length > 48);
  return days ? formatDayMonth(at, zoneOf(start, interval)) : formatMinute(at);
}

const steps: Record<OutcomeInterval, readonly number[]> = {
  "1m": [1, 2, 5, 10, 15, 30, 60],
  "1h": [1, 2, 3, 4, 6, 12, 24, 48, 72, 168],
  "1d": [1, 2, 3, 4, 7, 14, 28],
};

/** Starts that carry a label: at most `most`, at even distances, the open bucket always and with room around it. */
function ticksFor(points: readonly OutcomePoint[], interval: OutcomeInterval, most: number, open: boolean): string[] {
  const midnights = interval === "1h" && points.length > 48;
  const step =
    steps[interval].find((size) => size * most >= points.length && (!midnights || size >= 24)) ?? Math.ceil(points.length / most);
  const first = midnights
    ? Math.max(
        0,
        points.findIndex((point) => new Date(point.start).getHours() === 0),
      )
    : 0;
  const last = points.length - 1;
  return points
    .filter(
      (_, index) => (open && index === last) || ((index - first) % step === 0 && index >= first && (!open || last - index >= step * 0.6)),
    )
    .map((point) => point.start);
}

/** 0 and up to four levels above, at a round step; whole numbers, because calls are. */
function levelsFor(top: number): number[] {
  if (top === 0) return [0];
  const rough = top / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    1,
    [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]
      .map((times) => times * power)
      .find((size) => size >= rough && Number.isInteger(Math.max(1, size))) ?? 1,
  );
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, index) => index * step);
}

function csv(points: readonly OutcomePoint[]): string {
  return [
    "start,end,accepted,refused,errors",
    ...points.map((point) => [point.start, point.end, point.accepted, point.refused, point.errors].join(",")),
  ].join("\n");
}
