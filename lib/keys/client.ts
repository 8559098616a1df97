import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { keyEndpoints } from "@/lib/keys/endpoints";
import type {
  BulkKeys,
  CreateHandOver,
  CreateKey,
  ExtendRotation,
  PauseKey,
  ReportLeak,
  RevokeKey,
  RotateKey,
  UpdateKey,
  WhatIf,
} from "@/lib/keys/schema";

const call = client<typeof keyEndpoints>();

export type KeyListFilter = {
  limit?: number;
  cursor?: string;
  group_id?: string;
  /** One, several with commas between, or a list of them. */
  status?: string | string[];
  environment?: string;
  q?: string;
  health?: string;
  parent_id?: string;
  sort?: string;
};

export const keysQuery = (org: string, filter: KeyListFilter = {}) =>
  queryOptions({
    queryKey: ["keys", org, filter],
    queryFn: ({ signal }) =>
      call("GET /v1/api-keys", {
        org,
        query: { ...filter, status: filter.status === undefined ? undefined : String(filter.status) },
        signal,
      }),
    placeholderData: keepPreviousData,
  });

/** Sparklines, last use and health of the keys on a page. */
export const keyInsightsQuery = (org: string, ids: string[]) =>
  queryOptions({
    queryKey: ["keys", org, "insights", ids],
    queryFn: ({ signal }) => call("GET /v1/api-keys/insights", { org, query: { ids: ids.join() }, signal }),
    enabled: ids.length > 0,
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

/** Who calls with which secret of a rotating key. */
export const rotationQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ["key", org, id, "rotation"],
    queryFn: ({ signal }) => call("GET /v1/api-keys/{id}/rotation", { org, params: { id }, signal }),
    staleTime: 0,
  });

export const suggestionsQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ["key", org, id, "suggestions"],
    queryFn: ({ signal }) => call("GET /v1/api-keys/{id}/suggestions", { org, params: { id }, signal }),
  });

/** Would this call pass now? Nothing is counted. */
export const whatIf = (org: string, id: string, body: WhatIf) => call("POST /v1/api-keys/{id}/what-if", { org, params: { id }, body });

/** The answer holds the secret: keep it in the mutation's result, never in the query cache. */
export const createKey = (org: string, body: CreateKey) => call("POST /v1/api-keys", { org, body });

export const updateKey = (org: string, id: string, body: UpdateKey) => call("PATCH /v1/api-keys/{id}", { org, params: { id }, body });

export const pauseKey = (org: string, id: string, body: PauseKey = {}) =>
  call("POST /v1/api-keys/{id}/pause", { org, params: { id }, body });

export const resumeKey = (org: string, id: string) => call("POST /v1/api-keys/{id}/resume", { org, params: { id } });

/** The answer holds the new secret, like createKey's. */
export const rotateKey = (org: string, id: string, body: RotateKey) => call("POST /v1/api-keys/{id}/rotate", { org, params: { id }, body });

export const finishRotation = (org: string, id: string) => call("POST /v1/api-keys/{id}/rotate/finish", { org, params: { id } });

export const extendRotation = (org: string, id: string, body: ExtendRotation) =>
  call("POST /v1/api-keys/{id}/rotate/extend", { org, params: { id }, body });

export const revokeKey = (org: string, id: string, body: RevokeKey = {}) => call("DELETE /v1/api-keys/{id}", { org, params: { id }, body });

export const bulkKeys = (org: string, body: BulkKeys) => call("POST /v1/api-keys/bulk", { org, body });

export const handOversQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ["key", org, id, "hand-overs"],
    queryFn: ({ signal }) => call("GET /v1/api-keys/{id}/hand-overs", { org, params: { id }, signal }),
  });

/** The answer holds the link: keep it in the mutation's result, never in the query cache. */
export const createHandOver = (org: string, id: string, body: CreateHandOver) =>
  call("POST /v1/api-keys/{id}/hand-overs", { org, params: { id }, body });

export const recallHandOver = (org: string, id: string, handOver: string) =>
  call("DELETE /v1/api-keys/{id}/hand-overs/{handOver}", { org, params: { id, handOver } });

/** By anybody who has the link; the answer holds the secret. */
export const openHandOver = (token: string) => call("POST /v1/hand-overs/open", { body: { token }, signedOut: true });

/** By anybody who found a key. */
export const reportLeak = (body: ReportLeak) => call("POST /v1/leaks", { body, signedOut: true });
