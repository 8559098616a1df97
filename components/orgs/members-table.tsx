"use client";

import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { StaleNotice } from "@/components/logs/stale-notice";
import { Avatar } from "@/components/ui/avatar";
import { Button } from "@/components/ui/button";
import { PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { Table, TBody, Td, THead, Th, Tr, TwoLines } from "@/components/ui/table";
import { Time } from "@/components/ui/time";
import { formatNumber } from "@/lib/format";
import { membersQuery } from "@/lib/orgs/client";
import type { Member } from "@/lib/orgs/schema";
import type { List } from "@/lib/schema";
import { InviteDialog, roleSentences } from "./invite-dialog";

type MembersTableProps = {
  org: string;
  members: List<Member>;
  /** The one who looks. */
  personId: string | null;
  /** Roles this person may invite to; empty: they may not invite. */
  roles: readonly Member["role"][];
  hasMailServer: boolean;
};

export function MembersTable({ org, members: initialData, personId, roles, hasMailServer }: MembersTableProps) {
  const [inviting, setInviting] = useState(false);
  const list = useQuery({ ...membersQuery(org), initialData });
  const members = list.data.data;
  return (
    <>
      <PageHeader
        title="Members"
        actions={
          roles.length > 0 && (
            <Button variant="primary" icon={<Plus />} onClick={() => setInviting(true)}>
              Invite
            </Button>
          )
        }
      >
        {members.length === 1 ? "You are alone here." : `${formatNumber(members.length)} people.`} Keys stay with the organization when
        somebody leaves.
      </PageHeader>
      <StaleNotice error={list.error} onRetry={() => void list.refetch()} className="mb-4" />
      <Table
        label="Members"
        columns={[{}, { width: "280px" }, { width: "96px" }, { width: "140px" }, { width: "140px", className: "max-lg:hidden" }]}
      >
        <THead>
          <Th>Person</Th>
          <Th>Role</Th>
          <Th numeric>Keys</Th>
          <Th numeric>Last seen</Th>
          <Th numeric className="max-lg:hidden">
            Joined
          </Th>
        </THead>
        <TBody>
          {members.map((member) => (
            <Tr key={member.user_id}>
              <Td phone="lead">
                <TwoLines
                  lead={<Avatar name={member.name} className="size-7!" />}
                  title={
                    <>
                      {member.name}
                      {member.user_id === personId && <span className="font-normal text-fg-3"> you</span>}
                    </>
                  }
                  name={member.name}
                  second={
                    <span className="cut" title={member.email}>
                      {member.email}
                    </span>
                  }
                />
              </Td>
              <Td phone="menu">
                <span className="flex items-center gap-2">
                  <Pill>{member.role}</Pill>
                  <span className="cut text-sm text-fg-3 max-md:hidden">{roleSentences[member.role]}</span>
                </span>
              </Td>
              <Td numeric phone="start" className="max-md:text-left!">
                {formatNumber(member.key_count)}
                <span className="text-fg-3 md:hidden"> {member.key_count === 1 ? "key" : "keys"}</span>
              </Td>
              <Td numeric phone="end" className="text-fg-2">
                {member.last_seen_at === null ? "—" : <Time iso={member.last_seen_at} />}
              </Td>
              <Td numeric phone="hidden" className="text-fg-2 max-lg:hidden">
                <Time iso={member.joined_at} as="date" />
              </Td>
            </Tr>
          ))}
        </TBody>
      </Table>
      {inviting && <InviteDialog org={org} roles={roles} hasMailServer={hasMailServer} onClose={() => setInviting(false)} />}
    </>
  );
}
