import { queryOptions } from "@tanstack/react-query";
import { client } from "@/lib/api";
import type { orgEndpoints } from "@/lib/orgs/endpoints";
import type { CreateInvite, UpdateOrg } from "@/lib/orgs/schema";

const call = client<typeof orgEndpoints>();

export const membersQuery = (org: string) =>
  queryOptions({ queryKey: ["members", org], queryFn: ({ signal }) => call("GET /v1/members", { org, signal }) });

export const createInvite = (org: string, body: CreateInvite) => call("POST /v1/invites", { org, body });

export const createOrg = (name: string) => call("POST /v1/organizations", { body: { name } });

export const orgQuery = (org: string) =>
  queryOptions({ queryKey: ["organization", org], queryFn: ({ signal }) => call("GET /v1/organization", { org, signal }) });

export const updateOrg = (org: string, body: UpdateOrg) => call("PATCH /v1/organization", { org, body });
