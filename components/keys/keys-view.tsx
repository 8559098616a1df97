"use client";

import { Folders, Plus } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useState } from "react";
import { useFilters } from "@/components/logs/use-filters";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { useHydrated } from "@/components/ui/media";
import { Page, PageHeader } from "@/components/ui/page-header";
import { LinkTabs } from "@/components/ui/tabs";
import { formatNumber } from "@/lib/format";
import { CreateKeyDialog, type CreateKeyDialogProps } from "./create-key-dialog";
import { KeyFace } from "./key-face";
import { isFiltered, KeyFilters } from "./key-filters";
import { KeysTable, type KeysTableProps } from "./keys-table";

const tabs = [
  { status: null, label: "All", count: "all" },
  { status: "active", label: "Active", count: "active" },
  { status: "rotating", label: "Rotating", count: "rotating" },
  { status: "expiring", label: "Expires soon", count: "expiring" },
  { status: "paused", label: "Paused", count: "paused" },
  { status: "revoked,expired", label: "Revoked and expired", count: "ended" },
] as const;

type KeysViewProps = Omit<KeysTableProps, "total"> & {
  counts: Record<(typeof tabs)[number]["count"], number>;
  /** Name of the key whose keys are shown, where that is asked. */
  parent: string | null;
  /** Null: this person may not make keys. */
  create: Pick<CreateKeyDialogProps, "scopes" | "requestsPerMinute"> | null;
  mayCreateGroup: boolean;
};

export function KeysView({ counts, parent, create, mayCreateGroup, ...list }: KeysViewProps) {
  const { org, filter, groups } = list;
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
  const status = filter.status === undefined ? null : String(filter.status);
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
            items={tabs.map((tab) => ({
              href: filters.href({ status: tab.status, new: null }),
              label: tab.label,
              count: counts[tab.count],
              current: status === tab.status,
            }))}
          />
          <KeyFilters filter={filter} groups={groups} parent={parent} />
          <KeysTable key={JSON.stringify(filter)} {...list} total={isFiltered(filter) ? null : counts.all} />
        </>
      )}
      {creating && (
        <CreateKeyDialog
          org={org}
          groups={groups}
          groupId={filter.group_id}
          baseUrl={list.baseUrl}
          mayAdmin={list.mayAdmin}
          {...create}
          onCreated={() => asked(true)}
          onClose={() => asked(false)}
        />
      )}
    </Page>
  );
}

function stateSentence(counts: KeysViewProps["counts"], groups: number): ReactNode {
  if (counts.all === 0) return "A key is what a program shows to call the API.";
  const keys = `${formatNumber(counts.all)} ${counts.all === 1 ? "key" : "keys"} in ${formatNumber(groups)} ${groups === 1 ? "group" : "groups"}`;
  return counts.ended === 0 ? `${keys}.` : `${keys}, ${formatNumber(counts.ended)} of them revoked or expired.`;
}
