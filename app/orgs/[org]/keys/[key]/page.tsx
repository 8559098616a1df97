import type { Metadata } from "next";
import { cache } from "react";
import { KeyView } from "@/components/keys/key-view";
import { authorize, reachOf } from "@/lib/access/permissions";
import { listAudit } from "@/lib/audit/audit";
import { orNotFound, pageActor } from "@/lib/auth/page";
import { env } from "@/lib/env";
import { getGroup } from "@/lib/groups/groups";
import { keyInsights, rotationView } from "@/lib/keys/insight";
import { getKey } from "@/lib/keys/keys";
import { getOrg } from "@/lib/orgs/orgs";
import { listLogs } from "@/lib/usage/logs";
import { usageSeries } from "@/lib/usage/usage";

type Props = { params: Promise<{ org: string; key: string }> };

const keyOf = cache(async (org: string, id: string) => orNotFound(getKey(authorize(await pageActor(org), "keys.read"), id)));

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { org, key } = await params;
  return { title: (await keyOf(org, key)).name };
}

export default async function KeyPage({ params }: Props) {
  const { org, key: id } = await params;
  const actor = await pageActor(org);
  const reader = authorize(actor, "keys.read");
  const key = await keyOf(org, id);
  const [group, organization, logs, day, audit, insight, rotation] = await Promise.all([
    getGroup(authorize(actor, "groups.read"), key.group_id),
    getOrg(authorize(actor, "org.read")),
    listLogs(authorize(actor, "logs.read"), { key_id: id, limit: 10 }),
    usageSeries(authorize(actor, "usage.read"), { key_id: id, interval: "1h" }),
    listAudit(authorize(actor, "audit.read"), { api_key: id, limit: 5 }),
    keyInsights(reader, [id]),
    key.rotation === null ? null : rotationView(reader, id),
  ]);
  const { publicUrl, publicUrlIsSet } = env();
  return (
    <KeyView
      key={id}
      org={org}
      changing={{ reach: reachOf(actor, "keys.update"), personId: actor.id }}
      revoking={{ reach: reachOf(actor, "keys.revoke"), personId: actor.id }}
      mayAdmin={actor.role !== "developer"}
      baseUrl={publicUrlIsSet ? publicUrl : null}
      initial={{ key, group, organization, logs, day, audit, insight, rotation }}
    />
  );
}
