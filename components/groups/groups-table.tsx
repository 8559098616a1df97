"use client";

import { useQuery } from "@tanstack/react-query";
import { Folders, Plus } from "lucide-react";
import { usePathname } from "next/navigation";
import { StaleNotice } from "@/components/logs/stale-notice";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { PageHeader } from "@/components/ui/page-header";
import { Table, TBody, Td, THead, Th, Tr, TwoLines } from "@/components/ui/table";
import { Time } from "@/components/ui/time";
import { formatNumber } from "@/lib/format";
import { groupsQuery } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";
import type { List } from "@/lib/schema";
import { CreateGroupDialog } from "./create-group-dialog";

type GroupsTableProps = { org: string; groups: List<Group>; mayCreate: boolean };

export function GroupsTable({ org, groups: initialData, mayCreate }: GroupsTableProps) {
  const pathname = usePathname();
  const list = useQuery({ ...groupsQuery(org), initialData });
  const groups = list.data.data;
  const keys = groups.reduce((sum, group) => sum + group.key_count, 0);
  const open = () => window.history.pushState(null, "", `${pathname}?new=1`);
  const create = mayCreate && (
    <Button variant="primary" icon={<Plus />} onClick={open}>
      Create group
    </Button>
  );
  return (
    <>
      <PageHeader title="Groups" actions={groups.length > 0 && create}>
        {groups.length === 0
          ? "Keys live in groups, and there is none yet."
          : `${count(groups.length, "group")}, ${keys === 0 ? "no key yet" : count(keys, "key")}.`}
      </PageHeader>
      <StaleNotice error={list.error} onRetry={() => void list.refetch()} className="mb-4" />
      {groups.length === 0 ? (
        <EmptyState boxed glyph={<Folders />} title="Create the first group" action={create}>
          {mayCreate
            ? "A group holds the keys of one project or environment, such as Production. Keys come next."
            : "A group holds the keys of one project or environment. An admin of the organization creates it."}
        </EmptyState>
      ) : (
        <Table label="Groups" columns={[{}, { width: "112px" }, { width: "140px" }, { width: "140px" }]}>
          <THead>
            <Th>Group</Th>
            <Th numeric>Keys</Th>
            <Th numeric>Limit per key</Th>
            <Th numeric>Created</Th>
          </THead>
          <TBody>
            {groups.map((group) => (
              <Tr key={group.id}>
                <Td phone="lead">
                  <TwoLines
                    href={`/orgs/${org}/groups/${group.id}`}
                    lead={<Folders className="text-fg-3" />}
                    title={group.name}
                    name={group.name}
                    {...(group.description ? { second: <bdi className="cut">{group.description}</bdi> } : {})}
                  />
                </Td>
                <Td numeric phone="menu">
                  {formatNumber(group.key_count)}
                  <span className="text-fg-3 md:hidden"> {group.key_count === 1 ? "key" : "keys"}</span>
                </Td>
                <Td numeric phone="hidden">
                  {group.rate_limit_rpm === null ? (
                    <span className="text-fg-3">the plan’s</span>
                  ) : (
                    `${formatNumber(group.rate_limit_rpm)} / min`
                  )}
                </Td>
                <Td numeric phone="hidden">
                  <Time iso={group.created_at} as="date" className="text-fg-2" />
                </Td>
              </Tr>
            ))}
          </TBody>
        </Table>
      )}
      {mayCreate && <CreateGroupDialog org={org} />}
    </>
  );
}

function count(many: number, thing: string): string {
  return `${formatNumber(many)} ${thing}${many === 1 ? "" : "s"}`;
}
