import { z } from "zod";
import { environments } from "@/lib/access/permissions";
import { ListOf, PageQuery, RangeQuery } from "@/lib/schema";

export const LogRow = z.object({
  request_id: z.string(),
  created_at: z.string(),
  key_id: z.string(),
  key_prefix: z.string(),
  group_id: z.string(),
  environment: z.enum(environments),
  method: z.string(),
  route: z.string(),
  status: z.int(),
  outcome: z.string(),
  latency_ms: z.number(),
  ip: z.string().nullable(),
  country: z.string().nullable(),
  user_agent: z.string().nullable(),
  credits: z.int(),
  calls: z.int().describe("more than 1 in a row that sums a key's refusals past 600 in a minute"),
});
export type LogRow = z.output<typeof LogRow>;
export const LogList = ListOf(LogRow);

export const LogFilter = z.object({
  ...PageQuery,
  ...RangeQuery,
  key_id: z.string().optional(),
  group_id: z.string().optional(),
  status: z
    .string()
    .regex(/^[1-5](\d\d|xx)$/, "must be a status such as 429, or a class such as 4xx")
    .optional(),
  route: z.string().max(200).optional(),
  request_id: z.string().optional(),
});
export type LogFilter = z.output<typeof LogFilter>;

export const usageGroups = ["key", "group", "route", "environment", "outcome"] as const;

export const UsageQuery = z.object({
  ...RangeQuery,
  interval: z.enum(["1m", "1h", "1d"], "must be 1m, 1h or 1d").default("1h"),
  group_by: z
    .string()
    .transform((text) => text.split(",").filter(Boolean))
    .pipe(z.array(z.enum(usageGroups, `must be of ${usageGroups.join(", ")}`)))
    .optional(),
  key_id: z.string().optional(),
  group_id: z.string().optional(),
  environment: z.enum(environments).optional(),
});
export type UsageQuery = z.output<typeof UsageQuery>;

export const UsagePoint = z.object({
  start: z.string(),
  end: z.string(),
  key_id: z.string().optional(),
  group_id: z.string().optional(),
  route: z.string().optional(),
  environment: z.string().optional(),
  outcome: z.string().optional(),
  requests: z.int(),
  accepted: z.int(),
  refused: z.int(),
  errors: z.int(),
  credits: z.int(),
  latency_ms: z.object({ p50: z.number().nullable(), p95: z.number().nullable(), p99: z.number().nullable() }),
});
export type UsagePoint = z.output<typeof UsagePoint>;
/** Of fewer calls a percentile says more about the bins they are counted in than about them. */
export const fewestForPercentiles = 20;
export const UsageSeries = z.object({ data: z.array(UsagePoint) });

/** What a key did lately: shown before it is revoked. */
export const Activity = z.object({
  since: z.string(),
  calls: z.int(),
  refused: z.int(),
  addresses: z.array(z.object({ ip: z.string().nullable(), country: z.string().nullable(), calls: z.int(), last_at: z.string() })),
  address_count: z.int(),
  routes: z.array(z.object({ method: z.string(), route: z.string(), calls: z.int() })),
  last_call: LogRow.nullable(),
});
export type Activity = z.output<typeof Activity>;
