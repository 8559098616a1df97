import type { Metadata } from "next";
import { cache } from "react";
import { GroupView } from "@/components/groups/group-view";
import { Page } from "@/components/ui/page-header";
import { authorize, reachOf } from "@/lib/access/permissions";
import { listAudit } from "@/lib/audit/audit";
import { orNotFound, pageActor } from "@/lib/auth/page";
import { getGroup } from "@/lib/groups/groups";
import { listKeys } from "@/lib/keys/list";
import { getOrg } from "@/lib/orgs/orgs";
import { usageSeries } from "@/lib/usage/usage";

type GroupPageProps = { params: Promise<{ org: string; group: string }> };

const KEYS_SHOWN = 50;
const EVENTS_SHOWN = 8;

const groupOf = cache(async (org: string, id: string) => orNotFound(getGroup(authorize(await pageActor(org), "groups.read"), id)));

export async function generateMetadata({ params }: GroupPageProps): Promise<Metadata> {
  const { org, group } = await params;
  return { title: (await groupOf(org, group)).name };
}

export default async function GroupPage({ params }: GroupPageProps) {
  const { org, group: id } = await params;
  const actor = await pageActor(org);
  const group = await groupOf(org, id);
  const since = new Date(Date.now() - 29 * 86_400_000).toISOString().slice(0, 10);
  const [keys, days, events, settings] = await Promise.all([
    listKeys(authorize(actor, "keys.read"), { group_id: id, limit: KEYS_SHOWN }),
    usageSeries(authorize(actor, "usage.read"), { interval: "1d", group_id: id, start: since }),
    listAudit(authorize(actor, "audit.read"), { target: id, limit: EVENTS_SHOWN }),
    getOrg(authorize(actor, "org.read")),
  ]);
  return (
    <Page>
      <GroupView
        org={org}
        group={group}
        keys={keys}
        days={days}
        events={events}
        since={since}
        limit={KEYS_SHOWN}
        eventLimit={EVENTS_SHOWN}
        most={settings.requests_per_minute}
        mayCreateKeys={reachOf(actor, "keys.create") !== null}
        mayEdit={reachOf(actor, "groups.write") !== null}
      />
    </Page>
  );
}
