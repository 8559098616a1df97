import { queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { groupEndpoints } from "@/lib/groups/endpoints";
import type { CreateGroup } from "@/lib/groups/schema";

const call = client<typeof groupEndpoints>();

export const groupsQuery = (org: string) =>
  queryOptions({
    queryKey: ["groups", org],
    queryFn: ({ signal }) => call("GET /v1/api-groups", { org, query: { limit: 1000 }, signal }),
  });

export const createGroup = (org: string, body: CreateGroup) => call("POST /v1/api-groups", { org, body });
