import { endpoint } from "@/lib/endpoint";
import { createGroup, getGroup, listGroups } from "@/lib/groups/groups";
import { CreateGroup, Group, GroupFilter, GroupList } from "@/lib/groups/schema";

const tag = "Groups";

export const groupEndpoints = [
  endpoint(
    "GET /v1/api-groups",
    { tag, summary: "List groups", permission: "groups.read", query: GroupFilter, returns: GroupList },
    (actor, { query }) => listGroups(actor, query),
  ),
  endpoint(
    "POST /v1/api-groups",
    { tag, summary: "Create a group", permission: "groups.write", body: CreateGroup, returns: Group, status: 201, errors: ["conflict"] },
    (actor, { body }) => createGroup(actor, body),
  ),
  endpoint("GET /v1/api-groups/{id}", { tag, summary: "Get a group", permission: "groups.read", returns: Group }, (actor, { params }) =>
    getGroup(actor, params.id ?? ""),
  ),
];
