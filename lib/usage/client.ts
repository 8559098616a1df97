import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { usageEndpoints } from "@/lib/usage/endpoints";

const call = client<typeof usageEndpoints>();

export type LogListFilter = {
  limit?: number;
  cursor?: string;
  key_id?: string;
  group_id?: string;
  status?: string;
  route?: string;
  request_id?: string;
  start_date?: string;
  end_date?: string;
};
export type SeriesFilter = {
  interval: "1m" | "1h" | "1d";
  start?: string;
  end?: string;
  key_id?: string;
  group_id?: string;
  environment?: string;
  group_by?: string;
};

export const logsQuery = (org: string, filter: LogListFilter) =>
  queryOptions({
    queryKey: ["logs", org, filter],
    queryFn: ({ signal }) => call("GET /v1/logs", { org, query: filter, signal }),
    placeholderData: keepPreviousData,
  });

export const seriesQuery = (org: string, filter: SeriesFilter) =>
  queryOptions({
    queryKey: ["usage", org, filter],
    queryFn: ({ signal }) => call("GET /v1/usage", { org, query: filter, signal }),
    placeholderData: keepPreviousData,
  });
