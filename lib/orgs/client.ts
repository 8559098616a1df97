import { queryOptions } from "@tanstack/react-query";
import { api } from "@/lib/api";
import type { CreateInvite, Invite, Member, Org } from "@/lib/orgs/schema";
import type { List } from "@/lib/schema";

export const membersQuery = (org: string) =>
  queryOptions({ queryKey: ["members", org], queryFn: ({ signal }) => api<List<Member>>("GET", "/v1/members", { org, signal }) });

export const createInvite = (org: string, input: CreateInvite) => api<Invite>("POST", "/v1/invites", { org, body: input });

export const createOrg = (name: string) => api<Org>("POST", "/v1/organizations", { body: { name } });
