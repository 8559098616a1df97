import "server-only";
import type { Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { db, Prisma } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { rangeOf } from "@/lib/schema";
import { BINS, binBoundsUs } from "@/lib/usage/histogram";
import { visible } from "@/lib/usage/logs";
import type { UsagePoint, UsageQuery } from "@/lib/usage/schema";
import { bucketStart, type CountRow, intervalMs, MAX_BUCKETS, seriesOf } from "@/lib/usage/series";

// Names that may stand in SQL: nothing a caller sends gets there.
const columns = { key: "keyId", group: "groupId", route: "route", environment: "environment", outcome: "outcome" } as const;
const fields = { key: "key_id", group: "group_id", route: "route", environment: "environment", outcome: "outcome" } as const;
const defaultSpan = { "1m": 3_600_000, "1h": 86_400_000, "1d": 30 * 86_400_000 };

/**
 * Requests per bucket of time; without a range the last hour, day or 30 days. Minutes are counted from the request log
 * (kept for the organization's retention), hours and days from the hourly sums (kept).
 */
export async function usageSeries(actor: Can<"usage.read">, query: UsageQuery): Promise<{ data: UsagePoint[] }> {
  const range = rangeOf(query, (message) => refuse({ [query.end_date === undefined ? "end" : "end_date"]: message }));
  const to = range.to?.getTime() ?? now();
  const from = bucketStart(range.from?.getTime() ?? to - defaultSpan[query.interval], query.interval === "1m" ? "1m" : "1h");
  const step = intervalMs[query.interval];
  if ((to - from) / step > MAX_BUCKETS) refuse({ interval: `the span has more than ${MAX_BUCKETS} buckets of ${query.interval}` });
  const by = query.group_by ?? [];
  const minutes = query.interval === "1m";
  const time = Prisma.raw(minutes ? '"createdAt"' : '"start"');
  const seen = visible(actor);
  const conditions = [
    Prisma.sql`"orgId" = ${seen.orgId}`,
    Prisma.sql`${time} >= ${new Date(from)} and ${time} < ${new Date(to)}`,
    ...equal("groupId", seen.groupId),
    ...equal("environment", seen.environment),
    ...equal("keyId", query.key_id),
    ...equal("groupId", query.group_id),
    ...equal("environment", query.environment),
  ];
  const groups = by.map((name) => Prisma.raw(`"${columns[name]}" as "${fields[name]}"`));
  const seconds = Prisma.raw(String(step / 1000));
  const rows = await db.$queryRaw<
    ({ start: Date; kind: string; requests: number; credits: number; latency: number[] } & Record<string, string>)[]
  >`
    select to_timestamp(floor(extract(epoch from ${time}) / ${seconds}) * ${seconds}) as "start", "outcome" as "kind",
      ${Prisma.raw(`sum("${minutes ? "calls" : "requests"}")::int`)} as "requests", sum("credits")::int as "credits", ${minutes ? eventLatency : bucketLatency} as "latency"
      ${groups.length > 0 ? Prisma.sql`, ${Prisma.join(groups)}` : Prisma.empty}
    from ${Prisma.raw(minutes ? '"UsageEvent"' : '"UsageBucket"')} where ${Prisma.join(conditions, " and ")}
    group by 1, 2 ${groups.length > 0 ? Prisma.sql`, ${Prisma.join(by.map((name) => Prisma.raw(`"${columns[name]}"`)))}` : Prisma.empty}`;
  const counts = rows.map(
    (row): CountRow => ({
      start: row.start,
      outcome: row.kind,
      requests: row.requests,
      credits: row.credits,
      latency: row.latency,
      group: Object.fromEntries(by.map((name) => [fields[name], row[fields[name]] ?? ""])),
    }),
  );
  return { data: seriesOf(counts, from, to, query.interval) };
}

const bins = Array.from({ length: BINS }, (_, i) => i);
// A sum's row holds the bins up to the last that has any.
const bucketLatency = Prisma.raw(`array[${bins.map((i) => `coalesce(sum("latency"[${i + 1}]), 0)::int`).join(",")}]`);
const eventLatency = Prisma.raw(
  `array[${bins.map((i) => `coalesce(sum("calls") filter (where "latencyUs" > ${i === 0 ? -1 : binBoundsUs[i - 1]} ${i === BINS - 1 ? "" : `and "latencyUs" <= ${binBoundsUs[i]}`}), 0)::int`).join(",")}]`,
);

function equal(column: "groupId" | "environment" | "keyId", value: string | undefined): Prisma.Sql[] {
  return value === undefined ? [] : [Prisma.sql`${Prisma.raw(`"${column}"`)} = ${value}`];
}

function refuse(details: Record<string, string>): never {
  throw new AppError("invalid_request", Object.values(details).join("; "), { details });
}
