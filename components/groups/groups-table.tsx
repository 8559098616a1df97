"use client";

import { useQuery } from "@tanstack/react-query";
import { Archive, Folders, Plus } from "lucide-react";
import { usePathname, useSearchParams } from "next/navigation";
import { Sparkline } from "@/components/charts/sparkline";
import { StaleNotice } from "@/components/logs/stale-notice";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { PageHeader } from "@/components/ui/page-header";
import { Table, TBody, Td, THead, Th, Tr, TwoLines } from "@/components/ui/table";
import { LinkTabs } from "@/components/ui/tabs";
import { Time } from "@/components/ui/time";
import { formatNumber } from "@/lib/format";
import { archivedGroupsQuery, groupsQuery } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";
import type { List } from "@/lib/schema";
import { seriesQuery } from "@/lib/usage/client";
import type { UsagePoint } from "@/lib/usage/schema";
import { CreateGroupDialog } from "./create-group-dialog";
import { limitWords } from "./group-draft";

type GroupsTableProps = {
  org: string;
  groups: List<Group>;
  archived: List<Group>;
  /** Calls per day and group. */
  days: { data: UsagePoint[] };
  /** UTC day from which `days` count. */
  since: string;
  /** The organization's limit: calls per minute and key. */
  most: number;
  mayCreate: boolean;
};

export function GroupsTable({ org, groups: open, archived, days, since, most, mayCreate }: GroupsTableProps) {
  const pathname = usePathname();
  const showArchived = useSearchParams().get("archived") === "1";
  const openList = useQuery({ ...groupsQuery(org), initialData: open });
  const archivedList = useQuery({ ...archivedGroupsQuery(org), initialData: archived });
  const calls = useQuery({
    ...seriesQuery(org, { interval: "1d", start: since, group_by: "group" }),
    initialData: days,
    refetchInterval: 10_000,
  }).data.data;
  const groups = openList.data.data;
  const old = archivedList.data.data;
  const shown = showArchived ? old : groups;
  const list = showArchived ? archivedList : openList;
  const keys = groups.reduce((sum, group) => sum + group.key_count, 0);
  const create = mayCreate && (
    <Button variant="primary" icon={<Plus />} onClick={() => window.history.pushState(null, "", `${pathname}?new=1`)}>
      Create group
    </Button>
  );
  return (
    <>
      <PageHeader title="Groups" actions={(groups.length > 0 || showArchived) && create}>
        {groups.length === 0
          ? "Keys live in groups, and there is none yet."
          : `${count(groups.length, "group")}, ${keys === 0 ? "no key yet" : count(keys, "key")}.`}
      </PageHeader>
      {(old.length > 0 || showArchived) && (
        <LinkTabs
          label="Groups by state"
          className="mb-4"
          items={[
            { href: pathname, label: "Open", count: groups.length, current: !showArchived },
            { href: `${pathname}?archived=1`, label: "Archived", count: old.length, current: showArchived },
          ]}
        />
      )}
      <StaleNotice error={list.error} onRetry={() => void list.refetch()} className="mb-4" />
      {shown.length > 0 ? (
        <Table
          label={showArchived ? "Archived groups" : "Groups"}
          columns={[
            {},
            { width: "88px" },
            { width: "190px", className: "max-lg:hidden" },
            { width: "150px" },
            { width: "220px", className: "max-lg:hidden" },
            ...(showArchived ? [{ width: "130px" }] : []),
          ]}
        >
          <THead>
            <Th>Group</Th>
            <Th numeric>Keys</Th>
            <Th numeric className="max-lg:hidden">
              Calls, 30 days
            </Th>
            <Th numeric>Limit per key</Th>
            <Th className="max-lg:hidden">Addresses</Th>
            {showArchived && <Th numeric>Archived</Th>}
          </THead>
          <TBody>
            {shown.map((group) => (
              <GroupRow
                key={group.id}
                href={`/orgs/${org}/groups/${group.id}`}
                group={group}
                days={daysOf(calls, group.id, since)}
                most={most}
              />
            ))}
          </TBody>
        </Table>
      ) : showArchived ? (
        <EmptyState boxed glyph={<Archive />} title="No group is archived">
          A group that is out of use leaves the list, and stays readable here with its keys, calls and history.
        </EmptyState>
      ) : (
        <EmptyState boxed glyph={<Folders />} title={old.length > 0 ? "No group is open" : "Create the first group"} action={create}>
          {mayCreate
            ? "A group holds the keys of one project or environment, such as Production. Keys come next."
            : "A group holds the keys of one project or environment. An admin of the organization creates it."}
        </EmptyState>
      )}
      {mayCreate && <CreateGroupDialog org={org} most={most} />}
    </>
  );
}

type Day = { accepted: number; refused: number };

function GroupRow({ href, group, days, most }: { href: string; group: Group; days: readonly Day[]; most: number }) {
  const total = days.reduce((sum, day) => sum + day.accepted + day.refused, 0);
  const [first, ...more] = group.allowed_ips;
  return (
    <Tr>
      <Td phone="lead">
        <TwoLines
          href={href}
          lead={group.archived_at === null ? <Folders className="text-fg-3" /> : <Archive className="text-fg-3" />}
          title={group.name}
          name={group.name}
          {...(group.description ? { second: <bdi className="cut">{group.description}</bdi> } : {})}
        />
      </Td>
      <Td numeric phone="menu">
        {formatNumber(group.key_count)}
        <span className="text-fg-3 md:hidden"> {group.key_count === 1 ? "key" : "keys"}</span>
      </Td>
      <Td numeric phone="end" className="max-lg:hidden max-md:block">
        <span className="inline-flex items-center gap-3 align-middle">
          <Sparkline points={days} label="Calls per day" className="max-md:hidden" />
          <span className="min-w-12">
            {formatNumber(total)}
            <span className="text-fg-3 md:hidden"> calls</span>
          </span>
        </span>
      </Td>
      <Td numeric phone="start" className="max-md:text-left!">
        {group.rate_limit_rpm === null ? (
          <span className="text-fg-3" title={`${limitWords(null)}: ${formatNumber(most)} a minute`}>
            {formatNumber(most)} / min
          </span>
        ) : (
          `${formatNumber(group.rate_limit_rpm)} / min`
        )}
      </Td>
      <Td phone={first === undefined ? "hidden" : "full"} className={first === undefined ? "max-lg:hidden" : "max-lg:hidden max-md:block"}>
        {first === undefined ? (
          <span className="text-fg-3">Any</span>
        ) : (
          <TwoLines
            title={
              <span className="mono cut block" title={first} translate="no">
                {first}
              </span>
            }
            {...(more.length > 0 ? { second: `and ${formatNumber(more.length)} more` } : {})}
          />
        )}
      </Td>
      {group.archived_at !== null && (
        <Td numeric phone="hidden">
          <Time iso={group.archived_at} as="date" className="text-fg-2" />
        </Td>
      )}
    </Tr>
  );
}

/** Thirty days, the newest last; days without a call are not in the series. */
function daysOf(points: readonly UsagePoint[], groupId: string, since: string): Day[] {
  const days = Array.from({ length: 30 }, (): Day => ({ accepted: 0, refused: 0 }));
  for (const point of points) {
    const day = days[Math.floor((Date.parse(point.start) - Date.parse(since)) / 86_400_000)];
    if (point.group_id !== groupId || day === undefined) continue;
    day.accepted += point.accepted + point.errors;
    day.refused += point.refused;
  }
  return days;
}

function count(many: number, thing: string): string {
  return `${formatNumber(many)} ${thing}${many === 1 ? "" : "s"}`;
}
