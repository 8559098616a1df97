import type { Metadata } from "next";
import { LogsView } from "@/components/logs/logs-view";
import { readFilter } from "@/components/logs/read-filter";
import { authorize } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { listGroups } from "@/lib/groups/groups";
import { listKeys } from "@/lib/keys/list";
import { listLogs } from "@/lib/usage/logs";
import { LogFilter } from "@/lib/usage/schema";
import { usageSeries } from "@/lib/usage/usage";

export const metadata: Metadata = { title: "Request log" };

type Props = { params: Promise<{ org: string }>; searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function LogsPage({ params, searchParams }: Props) {
  const { org } = await params;
  const actor = await pageActor(org);
  const filter = readFilter(LogFilter.omit({ cursor: true, request_id: true, start: true, end: true }), await searchParams);
  const [initial, keys, groups, routes] = await Promise.all([
    listLogs(authorize(actor, "logs.read"), filter),
    listKeys(authorize(actor, "keys.read"), { limit: 1000 }),
    listGroups(authorize(actor, "groups.read"), { limit: 1000 }),
    usageSeries(authorize(actor, "usage.read"), { interval: "1d", group_by: ["route"] }),
  ]);
  return (
    <LogsView
      org={org}
      filter={filter}
      initial={initial}
      keys={keys.data.map(({ id, name, key_prefix }) => ({ id, name, prefix: key_prefix }))}
      groups={groups.data.map(({ id, name }) => ({ id, name }))}
      routes={[...new Set(routes.data.map((point) => point.route ?? ""))].filter(Boolean).sort()}
    />
  );
}
