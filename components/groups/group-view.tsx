"use client";

import { useQuery } from "@tanstack/react-query";
import { Pencil, Plus } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Sentence } from "@/components/audit/sentence";
import { OutcomeChart } from "@/components/charts/outcome-chart";
import { Entries } from "@/components/keys/key-details";
import { KeyFace } from "@/components/keys/key-face";
import { KeyHealth } from "@/components/keys/key-health";
import { isOff } from "@/components/keys/key-state";
import { StaleNotice } from "@/components/logs/stale-notice";
import { PageCrumb } from "@/components/shell/header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { EmptyState } from "@/components/ui/empty-state";
import { Notice } from "@/components/ui/notice";
import { PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { Table, TableFoot, TBody, Td, THead, Th, Tr, TwoLines } from "@/components/ui/table";
import { Time } from "@/components/ui/time";
import { auditQuery } from "@/lib/audit/client";
import type { AuditEvent } from "@/lib/audit/schema";
import { formatNumber } from "@/lib/format";
import { groupQuery } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";
import { keyInsightsQuery, keysQuery } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";
import { seriesQuery } from "@/lib/usage/client";
import type { UsagePoint } from "@/lib/usage/schema";
import { ArchiveGroupDialog } from "./archive-group-dialog";
import { EditGroupDialog } from "./edit-group-dialog";

type GroupViewProps = {
  org: string;
  group: Group;
  keys: List<Key>;
  days: { data: UsagePoint[] };
  /** What happened to the group itself, the newest first. */
  events: List<AuditEvent>;
  /** UTC day from which `days` count. */
  since: string;
  /** How many of its keys, and of its events, are shown. */
  limit: number;
  eventLimit: number;
  /** The organization's limit: calls per minute and key. */
  most: number;
  mayCreateKeys: boolean;
  mayEdit: boolean;
};

export function GroupView(props: GroupViewProps) {
  const { org, keys: initialKeys, days: initialDays, events, since, limit, eventLimit, most, mayCreateKeys, mayEdit } = props;
  const [dialog, setDialog] = useState<"edit" | "archive" | null>(null);
  const group = useQuery({ ...groupQuery(org, props.group.id), initialData: props.group, refetchInterval: 10_000 }).data;
  const list = useQuery({ ...keysQuery(org, { group_id: group.id, limit }), initialData: initialKeys, refetchInterval: 5000 });
  const keys = list.data;
  const insights = useQuery({
    ...keyInsightsQuery(
      org,
      keys.data.map(({ id }) => id),
    ),
    enabled: keys.data.length > 0,
    refetchInterval: 30_000,
  });
  const days = useQuery({
    ...seriesQuery(org, { interval: "1d", group_id: group.id, start: since }),
    initialData: initialDays,
    refetchInterval: 5000,
  }).data.data;
  const isOpen = group.archived_at === null;
  const generate = mayCreateKeys && isOpen && (
    <Button asChild variant="primary" icon={<Plus />}>
      <Link href={`/orgs/${org}/keys?new=1&group_id=${group.id}`}>Generate key</Link>
    </Button>
  );
  const edit = mayEdit && isOpen && (
    <Button icon={<Pencil />} onClick={() => setDialog("edit")}>
      Edit group
    </Button>
  );
  return (
    <>
      <PageCrumb label={group.name} />
      <PageHeader
        title={<bdi>{group.name}</bdi>}
        actions={
          (edit || generate) && (
            <>
              {edit}
              {keys.data.length > 0 && generate}
            </>
          )
        }
      >
        {group.description ? <bdi className="wrap-anywhere">{group.description}</bdi> : sentence(days)}
      </PageHeader>
      <StaleNotice error={list.error} onRetry={() => void list.refetch()} className="mb-4" />
      {!isOpen && (
        <Notice className="mb-4" title="Archived.">
          {group.archived_at && (
            <>
              Since <Time iso={group.archived_at} as="date" />.{" "}
            </>
          )}
          It takes no new keys; what is here stays readable.
        </Notice>
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[minmax(0,1fr)_336px]">
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
          <section aria-labelledby="keys-of-group">
            <h2 id="keys-of-group" className="sr-only">
              Keys
            </h2>
            {keys.data.length === 0 ? (
              <EmptyState
                boxed
                glyph={<KeyFace prefix="lk_live_5fKq2T" />}
                title={isOpen ? "No key in this group yet" : "No key in this group"}
                action={generate}
              >
                {isOpen
                  ? "A key lets one program call the API. Its secret is shown once."
                  : "It never had one, or they were moved to others."}
              </EmptyState>
            ) : (
              <>
                <Table label="Keys of the group" columns={[{}, { width: "240px" }, { width: "120px" }]}>
                  <THead>
                    <Th>Key</Th>
                    <Th>Health</Th>
                    <Th numeric>Last used</Th>
                  </THead>
                  <TBody>
                    {keys.data.map((key) => (
                      <Tr key={key.id}>
                        <Td phone="lead">
                          <TwoLines
                            href={`/orgs/${org}/keys/${key.id}`}
                            lead={<KeyFace prefix={key.key_prefix} off={isOff(key)} />}
                            title={key.name}
                            name={key.name}
                            second={
                              <>
                                <span className="mono" translate="no">
                                  {key.key_prefix}
                                </span>
                                {key.environment === "test" && <Pill>test</Pill>}
                              </>
                            }
                          />
                        </Td>
                        <Td phone="full">
                          <KeyHealth
                            state={key}
                            health={insights.data?.data.find(({ key_id }) => key_id === key.id)?.health}
                            waiting={insights.isPending}
                          />
                        </Td>
                        <Td numeric phone="menu" className="text-fg-2">
                          {key.last_used_at === null ? "—" : <Time iso={key.last_used_at} />}
                        </Td>
                      </Tr>
                    ))}
                  </TBody>
                </Table>
                {keys.has_more && (
                  <TableFoot>
                    The newest {limit}.
                    <Link href={`/orgs/${org}/keys?group_id=${group.id}`} className="link">
                      All keys of this group
                    </Link>
                  </TableFoot>
                )}
              </>
            )}
          </section>
          <Card title="Calls per day" description="30 days, in UTC">
            <OutcomeChart points={days} interval="1d" unfinishedFrom={days.at(-1)?.start} height={200} summary={sentence(days)} />
          </Card>
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
          <Card title="Details">
            <DefinitionList
              items={[
                { term: "Keys", value: formatNumber(group.key_count) },
                {
                  term: "Limit per key",
                  value: (
                    <>
                      {formatNumber(group.rate_limit_rpm ?? most)} / min
                      {group.rate_limit_rpm === null && <span className="text-fg-3">, the organization’s</span>}
                    </>
                  ),
                },
                {
                  term: "Addresses",
                  value: group.allowed_ips.length === 0 ? "Any" : <Entries list={group.allowed_ips} />,
                },
                { term: "Created", value: <Time iso={group.created_at} as="date" /> },
                {
                  term: "Id",
                  value: (
                    <span className="flex items-start gap-1">
                      <span className="mono" translate="no">
                        {group.id}
                      </span>
                      <CopyButton text={group.id} label="Copy group id" className="-my-0.5 flex" />
                    </span>
                  ),
                },
              ]}
            />
          </Card>
          <History org={org} group={group} events={events} limit={eventLimit} />
        </div>
      </div>
      {mayEdit && isOpen && (
        <Card
          title="Archive this group"
          className="mt-4"
          action={
            <Button variant="danger-quiet" onClick={() => setDialog("archive")}>
              Archive group…
            </Button>
          }
        >
          <p className="max-w-[68ch] text-fg-2">
            It takes no new keys and leaves the list. Its keys, calls and history stay readable. Live keys are moved or revoked first, or
            revoked with it.
          </p>
        </Card>
      )}
      {dialog === "edit" && <EditGroupDialog org={org} group={group} most={most} onClose={() => setDialog(null)} />}
      {dialog === "archive" && <ArchiveGroupDialog org={org} group={group} onClose={() => setDialog(null)} />}
    </>
  );
}

type HistoryProps = { org: string; group: Group; events: List<AuditEvent>; limit: number };

function History({ org, group, events, limit }: HistoryProps) {
  const list = useQuery({ ...auditQuery(org, { target: group.id, limit }), initialData: events }).data;
  return (
    <Card
      title="History"
      action={
        <Link href={`/orgs/${org}/audit`} className="link">
          Open audit log
        </Link>
      }
    >
      <ol className="-my-2">
        {list.data.map((event) => (
          <li key={event.id} className="grid gap-0.5 border-b border-line py-2.5 last:border-0">
            <span className="line-clamp-2 wrap-anywhere">
              <Sentence event={event} />
            </span>
            <Time iso={event.created_at} className="text-sm text-fg-3" />
          </li>
        ))}
      </ol>
    </Card>
  );
}

function sentence(days: readonly UsagePoint[]): string {
  const total = days.reduce((sum, day) => sum + day.requests, 0);
  const refused = days.reduce((sum, day) => sum + day.refused, 0);
  if (total === 0) return "No call in the last 30 days.";
  const calls = `${formatNumber(total)} ${total === 1 ? "call" : "calls"}`;
  return `${calls} in the last 30 days, ${refused === 0 ? "none" : formatNumber(refused)} refused.`;
}
