import type { Metadata } from "next";
import { isSpan, spanStart, spans } from "@/components/usage/spans";
import { UsageView } from "@/components/usage/usage-view";
import { authorize } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { now } from "@/lib/clock";
import { listGroups } from "@/lib/groups/groups";
import { listKeys } from "@/lib/keys/list";
import { usageSeries } from "@/lib/usage/usage";

export const metadata: Metadata = { title: "Usage" };

type Props = { params: Promise<{ org: string }>; searchParams: Promise<{ span?: string | string[] }> };

export default async function UsagePage({ params, searchParams }: Props) {
  const { org } = await params;
  const actor = await pageActor(org);
  const asked = [(await searchParams).span].flat()[0];
  const span = isSpan(asked) ? asked : "24h";
  const start = spanStart(span, now());
  const reader = authorize(actor, "usage.read");
  const query = { interval: spans[span].interval, start };
  const [all, key, route, outcome, keys, groups] = await Promise.all([
    usageSeries(reader, query),
    usageSeries(reader, { ...query, group_by: ["key"] }),
    usageSeries(reader, { ...query, group_by: ["route"] }),
    usageSeries(reader, { ...query, group_by: ["outcome"] }),
    listKeys(authorize(actor, "keys.read"), { limit: 1000 }),
    listGroups(authorize(actor, "groups.read"), { limit: 1 }),
  ]);
  return (
    <UsageView
      org={org}
      span={span}
      start={start}
      initial={{ all, key, route, outcome }}
      keys={keys.data.map(({ id, name, key_prefix }) => ({ id, name, prefix: key_prefix }))}
      hasGroup={groups.data.length > 0}
    />
  );
}
