"use client";

import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Ellipsis, Folders, Plus, SearchX } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useState } from "react";
import { StaleNotice } from "@/components/logs/stale-notice";
import { useFilters } from "@/components/logs/use-filters";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { FailedState } from "@/components/ui/failed-state";
import { FilterAdd, FilterBar, FilterChip, SearchInput } from "@/components/ui/filter-bar";
import { useHydrated } from "@/components/ui/media";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { SkeletonRows } from "@/components/ui/skeleton";
import { Table, TableFoot, TBody, Td, THead, Th, Tr, TwoLines } from "@/components/ui/table";
import { LinkTabs } from "@/components/ui/tabs";
import { Time, ZoneName } from "@/components/ui/time";
import { toastDone, toastError } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { type KeyListFilter, keysQuery } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";
import { CreateKeyDialog, type CreateKeyDialogProps } from "./create-key-dialog";
import { KeyFace } from "./key-face";
import { isOff, KeyBadge, KeySentence, mayRevoke, type Revoking } from "./key-state";
import { RevokeDialog } from "./revoke-dialog";

const tabs = [
  { status: null, label: "All" },
  { status: "active", label: "Active" },
  { status: "expiring", label: "Expires soon" },
  { status: "revoked", label: "Revoked" },
  { status: "expired", label: "Expired" },
] as const;

type KeysViewProps = {
  filter: KeyListFilter;
  initial: List<Key>;
  counts: { all: number; ended: number };
  /** Null: this person may not make keys. */
  create: Pick<CreateKeyDialogProps, "scopes" | "mayAdmin" | "baseUrl"> | null;
  mayCreateGroup: boolean;
  revoking: Revoking;
} & Pick<CreateKeyDialogProps, "org" | "groups">;

export function KeysView({ org, filter, initial, counts, groups, create, mayCreateGroup, revoking }: KeysViewProps) {
  const filters = useFilters();
  // Once a key is made the address no longer asks for one: a reload must not begin another.
  const [made, setMade] = useState(false);
  // Not before the page is alive: what is typed into a field that is not ours yet would be lost.
  const hydrated = useHydrated();
  const creating = hydrated && (made || filters.value("new") === "1") && create !== null && groups.length > 0;
  const asked = (isMade: boolean) => {
    setMade(isMade);
    filters.show({ new: null });
  };
  const generate = () => filters.show({ new: "1" });
  return (
    <Page width="table">
      <PageHeader
        title="Keys"
        actions={
          create &&
          groups.length > 0 &&
          counts.all > 0 && (
            <Button variant="primary" icon={<Plus />} onClick={generate}>
              Generate key
            </Button>
          )
        }
      >
        {stateSentence(counts, groups.length)}
      </PageHeader>
      {groups.length === 0 ? (
        <EmptyState
          boxed
          glyph={<Folders />}
          title="First, a group"
          action={
            mayCreateGroup && (
              <Button variant="primary" asChild>
                <Link href={`/orgs/${org}/groups?new=1`}>Create group</Link>
              </Button>
            )
          }
        >
          {mayCreateGroup
            ? "Every key belongs to a group: a project, an environment, a customer. Create one, then generate its first key."
            : "Every key belongs to a group. An admin of this organization creates the first one."}
        </EmptyState>
      ) : counts.all === 0 ? (
        <EmptyState
          boxed
          glyph={<KeyFace prefix="lk_live_5fKq2T" />}
          title="No key yet"
          action={
            create && (
              <Button variant="primary" icon={<Plus />} onClick={generate}>
                Generate key
              </Button>
            )
          }
        >
          {create
            ? "A key lets one program call the API. Its secret is shown once, when it is generated."
            : "A developer or admin of this organization generates the first one."}
        </EmptyState>
      ) : (
        <>
          <LinkTabs
            label="Keys by status"
            items={tabs.map(({ status, label }) => ({
              href: filters.href({ status, new: null }),
              label,
              count: status === null ? counts.all : undefined,
              current: (filter.status ?? null) === status,
            }))}
          />
          <Filters org={org} filter={filter} groups={groups} />
          <KeyTable
            key={JSON.stringify(filter)}
            org={org}
            filter={filter}
            initial={initial}
            total={isFiltered(filter) ? null : counts.all}
            groups={groups}
            revoking={revoking}
          />
        </>
      )}
      {creating && (
        <CreateKeyDialog
          org={org}
          groups={groups}
          groupId={filter.group_id}
          {...create}
          onCreated={() => asked(true)}
          onClose={() => asked(false)}
        />
      )}
    </Page>
  );
}

function Filters({ filter, groups }: Pick<KeysViewProps, "org" | "filter" | "groups">) {
  const { set } = useFilters();
  const group = groups.find((each) => each.id === filter.group_id);
  return (
    <FilterBar label="Filter keys">
      <SearchInput
        label="Search keys"
        placeholder="Name or prefix"
        value={filter.q ?? ""}
        onValueChange={(text) => set({ q: withoutSecret(text.trim()) })}
        onBackspace={() => set(filter.environment ? { environment: null } : { group_id: null })}
      />
      {filter.group_id !== undefined && (
        <FilterChip name="Group" value={<bdi>{group?.name ?? "another one"}</bdi>} onRemove={() => set({ group_id: null })} />
      )}
      {filter.environment !== undefined && (
        <FilterChip name="Environment" value={filter.environment} onRemove={() => set({ environment: null })} />
      )}
      {filter.group_id === undefined && groups.length > 1 && (
        <FilterAdd
          name="Group"
          options={groups.map(({ id, name }) => ({ value: id, label: <bdi>{name}</bdi> }))}
          onValueChange={(id) => set({ group_id: id })}
        />
      )}
      {filter.environment === undefined && (
        <FilterAdd
          name="Environment"
          options={[
            { value: "live", label: "live" },
            { value: "test", label: "test" },
          ]}
          onValueChange={(environment) => set({ environment })}
        />
      )}
    </FilterBar>
  );
}

function KeyTable({
  org,
  filter,
  initial,
  total,
  groups,
  revoking,
}: Pick<KeysViewProps, "org" | "filter" | "initial" | "groups" | "revoking"> & { total: number | null }) {
  const { set, pending } = useFilters();
  // Cursors of the pages before this one; a cursor leads only forward.
  const [trail, setTrail] = useState<readonly string[]>([]);
  const [ending, setEnding] = useState<string | null>(null);
  const cursor = trail.at(-1);
  const first = cursor === undefined;
  const keys = useQuery({
    ...keysQuery(org, first ? filter : { ...filter, cursor }),
    ...(first ? { initialData: initial } : {}),
    refetchInterval: 5000,
  });
  const page = keys.data;

  if (page === undefined) {
    return keys.error ? (
      <FailedState
        boxed
        title="The keys did not load"
        onRetry={() => void keys.refetch()}
        retrying={keys.isFetching}
        requestId={(isApiError(keys.error) && keys.error.requestId) || undefined}
      >
        They still work: only this list is missing.
      </FailedState>
    ) : (
      <SkeletonRows label="Loading keys" />
    );
  }
  if (page.data.length === 0 && first) {
    return (
      <EmptyState
        boxed
        glyph={<SearchX />}
        title="No key matches"
        action={<Button onClick={() => set({ q: null, group_id: null, environment: null, status: null })}>Clear filters</Button>}
      >
        {filter.q ? "A name is found by any part of it, a prefix by its beginning." : "Nothing is in this state just now."}
      </EmptyState>
    );
  }
  const from = trail.length * (filter.limit ?? 50);
  const ended = page.data.find((key) => key.id === ending);
  return (
    <div className={clsx("fast", pending && "opacity-60")} aria-busy={pending}>
      <StaleNotice error={keys.error} onRetry={() => void keys.refetch()} className="mb-3" />
      <Table
        label="Keys"
        columns={[
          {},
          { width: "160px", className: "max-2xl:hidden" },
          { width: "212px" },
          { width: "88px", className: "max-lg:hidden" },
          { width: "176px" },
          { width: "132px", className: "max-xl:hidden" },
          { width: "52px" },
        ]}
      >
        <THead>
          <Th>Key</Th>
          <Th className="max-2xl:hidden">Group</Th>
          <Th>Status</Th>
          <Th numeric className="max-lg:hidden">
            Calls
          </Th>
          <Th className="pl-6">Last used</Th>
          <Th className="max-xl:hidden">Expires</Th>
          <Th hidden>Actions</Th>
        </THead>
        <TBody>
          {page.data.map((key) => (
            <Tr key={key.id}>
              <Td phone="lead">
                <TwoLines
                  href={`/orgs/${org}/keys/${key.id}`}
                  lead={<KeyFace prefix={key.key_prefix} off={isOff(key)} />}
                  name={key.name}
                  title={key.name}
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
              <Td phone="hidden" className="max-2xl:hidden">
                <bdi className="cut block text-fg-2" title={nameOf(groups, key.group_id)}>
                  {nameOf(groups, key.group_id)}
                </bdi>
              </Td>
              <Td>
                <TwoLines
                  inline
                  title={<KeyBadge state={key} />}
                  second={
                    <span className="cut">
                      <KeySentence state={key} />
                    </span>
                  }
                />
              </Td>
              <Td numeric phone="end" className="md:max-lg:hidden">
                {formatNumber(key.request_count)}
                <span className="text-fg-3 md:hidden"> {key.request_count === 1 ? "call" : "calls"}</span>
              </Td>
              <Td phone="start" className="md:pl-6">
                <TwoLines
                  title={key.last_used_at ? <Time iso={key.last_used_at} /> : "Never"}
                  second={
                    key.last_used_ip ? (
                      <span className="mono cut" title={key.last_used_ip}>
                        {key.last_used_ip}
                      </span>
                    ) : key.last_used_at ? (
                      "—"
                    ) : (
                      "No call yet"
                    )
                  }
                />
              </Td>
              <Td phone="hidden" className="max-xl:hidden">
                {key.expires_at ? (
                  <TwoLines title={<Time as="date" iso={key.expires_at} />} second={<Time as="until" iso={key.expires_at} />} />
                ) : (
                  "Never"
                )}
              </Td>
              <Td phone="menu" className="md:text-right">
                <RowMenu org={org} state={key} onRevoke={mayRevoke(key, revoking) ? () => setEnding(key.id) : null} />
              </Td>
            </Tr>
          ))}
        </TBody>
      </Table>
      <TableFoot
        actions={
          (!first || page.has_more) && (
            <>
              <Button size="sm" disabled={first} onClick={() => setTrail(trail.slice(0, -1))}>
                Previous
              </Button>
              <Button
                size="sm"
                disabled={!page.has_more || keys.isPlaceholderData}
                onClick={() => page.next_cursor !== null && setTrail([...trail, page.next_cursor])}
              >
                Next
              </Button>
            </>
          )
        }
      >
        <span>
          {from + 1}–{from + page.data.length}
          {total !== null && ` of ${formatNumber(total)}`} · times are yours, <ZoneName />
        </span>
      </TableFoot>
      {ended && <RevokeDialog org={org} state={ended} onClose={() => setEnding(null)} />}
    </div>
  );
}

function RowMenu({ org, state, onRevoke }: { org: string; state: Key; onRevoke: (() => void) | null }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(state.key_prefix);
      toastDone("Prefix copied");
    } catch {
      toastError(`The browser did not allow copying. The prefix is ${state.key_prefix}`);
    }
  };
  return (
    <Menu trigger={<Button variant="ghost" size="sm" icon={<Ellipsis />} aria-label={`Actions for ${state.name}`} />}>
      <MenuItem href={`/orgs/${org}/keys/${state.id}`}>Open</MenuItem>
      <MenuItem href={`/orgs/${org}/logs?key_id=${state.id}`}>Open in request log</MenuItem>
      <MenuItem onSelect={() => void copy()}>Copy prefix</MenuItem>
      {onRevoke && (
        <>
          <MenuSeparator />
          <MenuItem danger onSelect={onRevoke}>
            Revoke…
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

function stateSentence(counts: KeysViewProps["counts"], groups: number): ReactNode {
  if (counts.all === 0) return "A key is what a program shows to call the API.";
  const keys = `${formatNumber(counts.all)} ${counts.all === 1 ? "key" : "keys"} in ${formatNumber(groups)} ${groups === 1 ? "group" : "groups"}`;
  return counts.ended === 0 ? `${keys}.` : `${keys}, ${formatNumber(counts.ended)} of them revoked or expired.`;
}

/** A whole secret that was pasted here must not reach the address: of it the public prefix finds the key. */
function withoutSecret(text: string): string {
  return /^[A-Za-z0-9_-]{1,24}[0-9A-Za-z]{38}$/.test(text) ? text.slice(0, -32) : text;
}

function isFiltered({ q, group_id, environment, status }: KeyListFilter): boolean {
  return [q, group_id, environment, status].some((part) => part !== undefined);
}

function nameOf(groups: KeysViewProps["groups"], id: string): string {
  return groups.find((group) => group.id === id)?.name ?? "Archived group";
}
