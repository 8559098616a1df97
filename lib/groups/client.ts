import { queryOptions } from "@tanstack/react-query";
import { api } from "@/lib/api";
import type { CreateGroup, Group } from "@/lib/groups/schema";
import type { List } from "@/lib/schema";

export const groupsQuery = (org: string) =>
  queryOptions({
    queryKey: ["groups", org],
    queryFn: ({ signal }) => api<List<Group>>("GET", "/v1/api-groups", { org, query: { limit: 1000 }, signal }),
  });

export const createGroup = (org: string, input: CreateGroup) => api<Group>("POST", "/v1/api-groups", { org, body: input });
