"use client";

import { Folders, Plus } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
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
  { status: null, health: null, label: "All", count: "all" },
  { status: null, health: "attention", label: "Needs attention", count: "attention" },
  { status: "rotating", health: null, label: "Rotating", count: "rotating" },
  { status: "revoked,expired", health: null, label: "Revoked and expired", count: "ended" },
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
  const { status, health, ...others } = filter;
  const wanted = { status: status === undefined ? null : String(status), health: health === "attention" ? health : null };
  const current = tabs.find((tab) => tab.status === wanted.status && tab.health === wanted.health) ?? tabs[0];
  // What the tab itself does not say.
  const narrowing = {
    ...others,
    ...(status === undefined || current.status !== null ? {} : { status }),
    ...(health === undefined || health === current.health ? {} : { health }),
  };
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
              // A single finding is a filter, and stays.
              href: filters.href({
                status: tab.status,
                ...(tab.health !== null || health === "attention" ? { health: tab.health } : {}),
                new: null,
              }),
              label: tab.label,
              count: counts[tab.count],
              current: tab === current,
            }))}
          />
          <KeyFilters filter={narrowing} groups={groups} parent={parent} />
          <KeysTable key={JSON.stringify(filter)} {...list} total={isFiltered(narrowing) ? null : counts[current.count]} />
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

function stateSentence(counts: KeysViewProps["counts"], groups: number): string {
  const { all, attention, ended } = counts;
  if (all === 0) return "A key is what a program shows to call the API.";
  const countOf = (many: number) =>
    `${formatNumber(many)} ${many === 1 ? "key" : "keys"} in ${formatNumber(groups)} ${groups === 1 ? "group" : "groups"}`;
  if (ended === all) return `${countOf(all)}, revoked or expired.`;
  // As many as the navigation and the groups say: what has ended is counted apart.
  const live = all - ended;
  const keys = countOf(live);
  const more = ended === 0 ? "" : ` ${formatNumber(ended)} more ${ended === 1 ? "is" : "are"} revoked or expired.`;
  if (live === 1) return `${keys}. It ${attention === 0 ? "does not need" : "needs"} you.${more}`;
  return `${keys}. ${someOf(attention)} of them ${attention > 1 ? "need" : "needs"} you.${more}`;
}

const numberWords = ["None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"];
/** At the head of a sentence: "Five", from eleven on "11". */
const someOf = (many: number) => numberWords[many] ?? formatNumber(many);
