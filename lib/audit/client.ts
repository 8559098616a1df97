import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api } from "@/lib/api";
import type { AuditEvent } from "@/lib/audit/schema";
import type { List } from "@/lib/schema";

export type AuditListFilter = {
  limit?: number;
  cursor?: string;
  api_key?: string;
  user?: string;
  event_type?: string;
  start_date?: string;
  end_date?: string;
};

export const auditQuery = (org: string, filter: AuditListFilter) =>
  queryOptions({
    queryKey: ["audit", org, filter],
    queryFn: ({ signal }) => api<List<AuditEvent>>("GET", "/v1/audit-logs", { org, query: filter, signal }),
    placeholderData: keepPreviousData,
  });
