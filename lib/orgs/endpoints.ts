import { z } from "zod";
import { endpoint } from "@/lib/endpoint";
import { getCredits, getLimits, getMe } from "@/lib/orgs/me";
import { createInvite, createOrg, enableAccess, getOrg, listMembers, listOrgs, rotateAccess, updateOrg } from "@/lib/orgs/orgs";
import {
  CreateInvite,
  CreateOrg,
  Credits,
  EnableAccess,
  EnabledAccess,
  Invite,
  LimitsView,
  Me,
  MemberList,
  Org,
  OrgSummary,
  RotateAccess,
  RotatedAccess,
  UpdateOrg,
} from "@/lib/orgs/schema";

const tag = "Organizations";

export const orgEndpoints = [
  endpoint("GET /v1/me", { tag: "Yourself", summary: "Who is calling", permission: "self.read", returns: Me }, (actor) => getMe(actor)),
  endpoint(
    "GET /v1/limits",
    {
      tag: "Yourself",
      summary: "Limits, quota and credits, and what is left of them; free of charge",
      permission: "limits.read",
      returns: LimitsView,
      free: true,
      perKey: 600,
    },
    (actor, { caller }) => getLimits(actor, caller),
  ),
  endpoint("GET /v1/credits", { tag: "Yourself", summary: "Credits and grants", permission: "self.read", returns: Credits }, (actor) =>
    getCredits(actor),
  ),
  endpoint(
    "GET /v1/organizations",
    { tag, summary: "The organizations you belong to", permission: "account.manage", returns: z.object({ data: z.array(OrgSummary) }) },
    async (actor) => ({ data: await listOrgs(actor) }),
  ),
  endpoint(
    "POST /v1/organizations",
    { tag, summary: "Create an organization", permission: "orgs.create", body: CreateOrg, returns: Org, status: 201 },
    (actor, { body }) => createOrg(actor, body),
  ),
  endpoint(
    "GET /v1/organization",
    { tag, summary: "The organization, its plan and limits", permission: "org.read", returns: Org },
    (actor) => getOrg(actor),
  ),
  endpoint(
    "PATCH /v1/organization",
    { tag, summary: "Change the organization's settings", permission: "org.write", body: UpdateOrg, returns: Org },
    (actor, { body }) => updateOrg(actor, body),
  ),
  endpoint("GET /v1/members", { tag, summary: "List members", permission: "members.read", returns: MemberList }, (actor) =>
    listMembers(actor),
  ),
  endpoint(
    "POST /v1/invites",
    {
      tag,
      summary: "Invite somebody by e-mail",
      permission: "members.write",
      body: CreateInvite,
      returns: Invite,
      status: 201,
      errors: ["conflict"],
    },
    (actor, { body }) => createInvite(actor, body),
  ),
  endpoint(
    "POST /api/access/enable",
    {
      tag: "Operator",
      summary: "Give an e-mail address an organization and a key",
      permission: "orgs.enable",
      body: EnableAccess,
      returns: EnabledAccess,
      status: 201,
      errors: ["conflict"],
    },
    (actor, { body }) => enableAccess(actor, body),
  ),
  endpoint(
    "POST /api/access/rotate",
    {
      tag: "Operator",
      summary: "Give a client's first key a new secret; the old one stops at once unless a grace is given",
      permission: "orgs.enable",
      body: RotateAccess,
      returns: RotatedAccess,
      errors: ["not_found", "conflict"],
    },
    (actor, { body }) => rotateAccess(actor, body),
  ),
];
