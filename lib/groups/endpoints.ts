import { endpoint } from "@/lib/endpoint";
import { archiveGroup, createGroup, getGroup, listGroups, updateGroup } from "@/lib/groups/groups";
import { ArchiveGroup, CreateGroup, Group, GroupFilter, GroupList, UpdateGroup } from "@/lib/groups/schema";

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
  endpoint(
    "PATCH /v1/api-groups/{id}",
    {
      tag,
      summary: "Rename or describe a group, or change its limit and addresses",
      permission: "groups.write",
      body: UpdateGroup,
      returns: Group,
      errors: ["conflict"],
    },
    (actor, { params, body }) => updateGroup(actor, params.id ?? "", body),
  ),
  endpoint(
    "DELETE /v1/api-groups/{id}",
    {
      tag,
      summary: "Archive a group; with live keys only when they are revoked with it",
      permission: "groups.write",
      query: ArchiveGroup,
      returns: Group,
      errors: ["conflict"],
    },
    (actor, { params, query }) => archiveGroup(actor, params.id ?? "", query),
  ),
];
