import { queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { groupEndpoints } from "@/lib/groups/endpoints";
import type { CreateGroup, UpdateGroup } from "@/lib/groups/schema";

const call = client<typeof groupEndpoints>();

/** The open ones. */
export const groupsQuery = (org: string) =>
  queryOptions({
    queryKey: ["groups", org],
    queryFn: ({ signal }) => call("GET /v1/api-groups", { org, query: { limit: 1000 }, signal }),
  });

export const archivedGroupsQuery = (org: string) =>
  queryOptions({
    queryKey: ["groups", org, "archived"],
    queryFn: ({ signal }) => call("GET /v1/api-groups", { org, query: { limit: 1000, archived: "true" }, signal }),
  });

export const groupQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ["group", org, id],
    queryFn: ({ signal }) => call("GET /v1/api-groups/{id}", { org, params: { id }, signal }),
  });

export const createGroup = (org: string, body: CreateGroup) => call("POST /v1/api-groups", { org, body });

export const updateGroup = (org: string, id: string, body: UpdateGroup) => call("PATCH /v1/api-groups/{id}", { org, params: { id }, body });

/** With live keys in it only when these are revoked with it. */
export const archiveGroup = (org: string, id: string, revokeKeys: boolean) =>
  call("DELETE /v1/api-groups/{id}", { org, params: { id }, query: { revoke_keys: revokeKeys ? "true" : undefined } });
