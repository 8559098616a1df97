import type { Metadata } from "next";
import { GroupsTable } from "@/components/groups/groups-table";
import { Page } from "@/components/ui/page-header";
import { authorize, reachOf } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { listGroups } from "@/lib/groups/groups";

export const metadata: Metadata = { title: "Groups" };

export default async function GroupsPage({ params }: { params: Promise<{ org: string }> }) {
  const { org } = await params;
  const actor = await pageActor(org);
  const groups = await listGroups(authorize(actor, "groups.read"), { limit: 1000 });
  return (
    <Page width="table">
      <GroupsTable org={org} groups={groups} mayCreate={reachOf(actor, "groups.write") !== null} />
    </Page>
  );
}
