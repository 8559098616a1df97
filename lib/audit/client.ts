import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { auditEndpoints } from "@/lib/audit/endpoints";

const call = client<typeof auditEndpoints>();

export type AuditListFilter = {
  limit?: number;
  cursor?: string;
  api_key?: string;
  user?: string;
  target?: string;
  event_type?: string;
  start_date?: string;
  end_date?: string;
};

export const auditQuery = (org: string, filter: AuditListFilter) =>
  queryOptions({
    queryKey: ["audit", org, filter],
    queryFn: ({ signal }) => call("GET /v1/audit-logs", { org, query: filter, signal }),
    placeholderData: keepPreviousData,
  });
