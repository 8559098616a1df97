import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api } from "@/lib/api";
import type { CreateKey, Key, NewKey } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";
import type { Activity } from "@/lib/usage/schema";

export type KeyListFilter = { limit?: number; cursor?: string; group_id?: string; status?: string; environment?: string; q?: string };

export const keysQuery = (org: string, filter: KeyListFilter = {}) =>
  queryOptions({
    queryKey: ["keys", org, filter],
    queryFn: ({ signal }) => api<List<Key>>("GET", "/v1/api-keys", { org, query: filter, signal }),
    placeholderData: keepPreviousData,
  });

export const keyQuery = (org: string, id: string) =>
  queryOptions({ queryKey: ["key", org, id], queryFn: ({ signal }) => api<Key>("GET", `/v1/api-keys/${id}`, { org, signal }) });

export const activityQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ["key", org, id, "activity"],
    queryFn: ({ signal }) => api<Activity>("GET", `/v1/api-keys/${id}/activity`, { org, signal }),
    staleTime: 0,
  });

/** The answer holds the secret: keep it in the mutation's result, never in the query cache. */
export const createKey = (org: string, input: CreateKey) => api<NewKey>("POST", "/v1/api-keys", { org, body: input });

export const revokeKey = (org: string, id: string, reason?: string) =>
  api<Key>("DELETE", `/v1/api-keys/${id}`, { org, body: reason ? { reason } : {} });
