import type { Metadata } from "next";
import { KeyView } from "@/components/keys/key-view";
import { authorize, reachOf } from "@/lib/access/permissions";
import { listAudit } from "@/lib/audit/audit";
import { orNotFound, pageActor } from "@/lib/auth/page";
import { getGroup } from "@/lib/groups/groups";
import { getKey } from "@/lib/keys/keys";
import { listLogs } from "@/lib/usage/logs";
import { usageSeries } from "@/lib/usage/usage";

type Props = { params: Promise<{ org: string; key: string }> };

export const metadata: Metadata = { title: "Key" };

export default async function KeyPage({ params }: Props) {
  const { org, key: id } = await params;
  const actor = await pageActor(org);
  const key = await orNotFound(getKey(authorize(actor, "keys.read"), id));
  const [group, logs, day, audit] = await Promise.all([
    getGroup(authorize(actor, "groups.read"), key.group_id),
    listLogs(authorize(actor, "logs.read"), { key_id: id, limit: 10 }),
    usageSeries(authorize(actor, "usage.read"), { key_id: id, interval: "1h" }),
    listAudit(authorize(actor, "audit.read"), { api_key: id, limit: 5 }),
  ]);
  return (
    <KeyView
      key={id}
      org={org}
      group={{ id: group.id, name: group.name }}
      revoking={{ reach: reachOf(actor, "keys.revoke"), personId: actor.id }}
      initial={{ key, logs, day, audit }}
    />
  );
}
