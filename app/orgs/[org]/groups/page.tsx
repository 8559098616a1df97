import type { Metadata } from "next";
import { GroupsTable } from "@/components/groups/groups-table";
import { Page } from "@/components/ui/page-header";
import { authorize, reachOf } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { listGroups } from "@/lib/groups/groups";
import { getOrg } from "@/lib/orgs/orgs";
import { usageSeries } from "@/lib/usage/usage";

export const metadata: Metadata = { title: "Groups" };

export default async function GroupsPage({ params }: { params: Promise<{ org: string }> }) {
  const { org } = await params;
  const actor = await pageActor(org);
  const reader = authorize(actor, "groups.read");
  const since = new Date(Date.now() - 29 * 86_400_000).toISOString().slice(0, 10);
  const [groups, archived, days, settings] = await Promise.all([
    listGroups(reader, { limit: 1000 }),
    listGroups(reader, { limit: 1000, archived: "true" }),
    usageSeries(authorize(actor, "usage.read"), { interval: "1d", start: since, group_by: ["group"] }),
    getOrg(authorize(actor, "org.read")),
  ]);
  return (
    <Page width="table">
      <GroupsTable
        org={org}
        groups={groups}
        archived={archived}
        days={days}
        since={since}
        most={settings.requests_per_minute}
        mayCreate={reachOf(actor, "groups.write") !== null}
      />
    </Page>
  );
}
