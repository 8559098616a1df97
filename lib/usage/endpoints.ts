import { endpoint } from "@/lib/endpoint";
import { listLogs } from "@/lib/usage/logs";
import { LogFilter, LogList, UsageQuery, UsageSeries } from "@/lib/usage/schema";
import { usageSeries } from "@/lib/usage/usage";

const tag = "Usage";

export const usageEndpoints = [
  endpoint(
    "GET /v1/usage",
    { tag, summary: "Requests per bucket of time", permission: "usage.read", query: UsageQuery, returns: UsageSeries },
    (actor, { query }) => usageSeries(actor, query),
  ),
  endpoint(
    "GET /v1/logs",
    { tag, summary: "The request log, newest first", permission: "logs.read", query: LogFilter, returns: LogList },
    (actor, { query }) => listLogs(actor, query),
  ),
];
