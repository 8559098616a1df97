import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { keyEndpoints } from "@/lib/keys/endpoints";
import type { CreateKey } from "@/lib/keys/schema";

const call = client<typeof keyEndpoints>();

export type KeyListFilter = { limit?: number; cursor?: string; group_id?: string; status?: string; environment?: string; q?: string };

export const keysQuery = (org: string, filter: KeyListFilter = {}) =>
  queryOptions({
    queryKey: ["keys", org, filter],
    queryFn: ({ signal }) => call("GET /v1/api-keys", { org, query: filter, signal }),
    placeholderData: keepPreviousData,
  });

export const keyQuery = (org: string, id: string) =>
  queryOptions({ queryKey: ["key", org, id], queryFn: ({ signal }) => call("GET /v1/api-keys/{id}", { org, params: { id }, signal }) });

export const activityQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ["key", org, id, "activity"],
    queryFn: ({ signal }) => call("GET /v1/api-keys/{id}/activity", { org, params: { id }, signal }),
    staleTime: 0,
  });

/** The answer holds the secret: keep it in the mutation's result, never in the query cache. */
export const createKey = (org: string, body: CreateKey) => call("POST /v1/api-keys", { org, body });

export const revokeKey = (org: string, id: string, reason?: string) =>
  call("DELETE /v1/api-keys/{id}", { org, params: { id }, body: reason ? { reason } : {} });
