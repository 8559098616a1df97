import type { Metadata } from "next";
import { MembersTable } from "@/components/orgs/members-table";
import { Page } from "@/components/ui/page-header";
import { authorize, reachOf, roles } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { env } from "@/lib/env";
import { listMembers } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Members" };

export default async function MembersPage({ params }: { params: Promise<{ org: string }> }) {
  const { org } = await params;
  const actor = await pageActor(org);
  const members = await listMembers(authorize(actor, "members.read"));
  const mayInvite = reachOf(actor, "members.write") !== null;
  const { smtpUrl } = env();
  return (
    <Page width="table">
      <MembersTable
        org={org}
        members={members}
        personId={actor.id}
        roles={mayInvite ? roles.filter((role) => role !== "owner" || actor.role === "owner") : []}
        hasMailServer={smtpUrl !== null}
      />
    </Page>
  );
}
