"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CirclePause, CirclePlay, Ellipsis, Pencil, RotateCw } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { LatestRequests } from "@/components/logs/latest-requests";
import { StaleNotice } from "@/components/logs/stale-notice";
import { PageCrumb } from "@/components/shell/header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { EmptyState } from "@/components/ui/empty-state";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { Time } from "@/components/ui/time";
import { auditQuery } from "@/lib/audit/client";
import type { AuditEvent } from "@/lib/audit/schema";
import { groupsQuery } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";
import { keyInsightsQuery, keyQuery } from "@/lib/keys/client";
import type { Key, KeyInsight, RotationView } from "@/lib/keys/schema";
import { orgQuery } from "@/lib/orgs/client";
import type { Org } from "@/lib/orgs/schema";
import type { List } from "@/lib/schema";
import { logsQuery } from "@/lib/usage/client";
import type { LogRow, UsagePoint } from "@/lib/usage/schema";
import { HandOversCard } from "./hand-overs-card";
import { KeyCalls } from "./key-calls";
import { KeyChildren } from "./key-children";
import { KeyDetails } from "./key-details";
import { KeyDialogs, type OpenDialog } from "./key-dialogs";
import { KeyFace } from "./key-face";
import { KeyHistory } from "./key-history";
import { HealthCard, LeakedNotice } from "./key-notices";
import { type Changing, isOff, KeyBadge, mayChange, mayRevoke, type Revoking } from "./key-state";
import { RotationCockpit } from "./rotation-cockpit";
import { SuggestionsCard } from "./suggestions";
import { WhatIfCard } from "./what-if";

const LATEST = 10;

type KeyViewProps = {
  org: string;
  changing: Changing;
  revoking: Revoking;
  mayAdmin: boolean;
  /** PUBLIC_URL when it is set. */
  baseUrl: string | null;
  initial: {
    key: Key;
    group: Group;
    organization: Org;
    logs: List<LogRow>;
    day: { data: UsagePoint[] };
    audit: List<AuditEvent>;
    insight: { data: KeyInsight[] };
    rotation: RotationView | null;
  };
};

/** One key, live: the key is read every second; when its count moves, its log and its chart are read as well, and when it changed, the rest. */
export function KeyView({ org, changing, revoking, mayAdmin, baseUrl, initial }: KeyViewProps) {
  const id = initial.key.id;
  const [open, setOpen] = useState<OpenDialog>(null);
  const live = useQuery({ ...keyQuery(org, id), initialData: initial.key, refetchInterval: 1000 });
  const logs = useQuery({ ...logsQuery(org, { key_id: id, limit: LATEST }), initialData: initial.logs, refetchInterval: 30_000 });
  const audit = useQuery({ ...auditQuery(org, { api_key: id, limit: 5 }), initialData: initial.audit });
  const insight = useQuery({ ...keyInsightsQuery(org, [id]), initialData: initial.insight, refetchInterval: 30_000 });
  const health = insight.data.data[0]?.health;
  const organization = useQuery({ ...orgQuery(org), initialData: initial.organization }).data;
  const groups = useQuery(groupsQuery(org)).data?.data ?? [];
  const key = live.data;
  const hasEnded = key.status === "revoked" || key.status === "expired";
  useNews(org, key);

  // An archived group is in no list; a key that was moved has left the one it was loaded with.
  const group = groups.find((each) => each.id === key.group_id) ?? initial.group;
  const events = audit.data.data;
  const rows = logs.data.data;
  const country = rows.find((row) => row.ip === key.last_used_ip)?.country;
  const mayEdit = mayChange(key, changing);
  const mayEnd = mayRevoke(key, revoking);
  return (
    <Page>
      <PageCrumb label={key.name} />
      <PageHeader
        title={<bdi>{key.name}</bdi>}
        beside={
          <>
            <KeyBadge state={key} health={health} />
            <Pill>{key.environment}</Pill>
          </>
        }
        actions={(mayEdit || mayEnd) && <Actions org={org} state={key} mayEdit={mayEdit} mayEnd={mayEnd} onOpen={setOpen} />}
      >
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <span className="flex items-center gap-2">
            <KeyFace prefix={key.key_prefix} off={isOff(key)} />
            <span className="mono text-fg" translate="no">
              {key.key_prefix}
            </span>
            <CopyButton text={key.key_prefix} label="Copy prefix" className="-ml-1 inline-flex" />
          </span>
          <Link href={`/orgs/${org}/groups/${group.id}`} className="fast rounded-sm wrap-anywhere hover:text-fg hover:underline">
            <bdi>{group.name}</bdi>
          </Link>
          <span>
            {key.last_used_at ? <LastUsed at={key.last_used_at} ip={key.last_used_ip} country={country ?? null} /> : "Never used"}
          </span>
        </div>
        {key.status === "revoked" && <p className="mt-2 text-fg">{revokedSentence(key, events)}</p>}
        {key.status === "paused" && <PausedSentence org={org} id={id} events={events} />}
      </PageHeader>
      <StaleNotice error={live.error} onRetry={() => void live.refetch()} className="mb-4" />
      <LeakedNotice
        org={org}
        state={key}
        health={health ?? []}
        onRotate={mayEdit ? () => setOpen({ name: "rotate", begin: "0" }) : undefined}
        onRevoke={mayEnd ? () => setOpen({ name: "revoke" }) : undefined}
      />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
        {isRotating(key) && <RotationCockpit org={org} state={key} initial={initial.rotation} mayChange={mayEdit} />}
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[minmax(0,1fr)_336px]">
          <div className="grid min-w-0 gap-4">
            <KeyCalls org={org} id={id} initial={initial.day} />
            <Card
              title="Latest requests"
              action={
                <Link href={`/orgs/${org}/logs?key_id=${id}`} className="link">
                  Open in log
                </Link>
              }
            >
              {rows.length === 0 ? (
                <EmptyState glyph={<KeyFace prefix={key.key_prefix} off />} title={hasEnded ? "No call" : "No call yet"}>
                  {hasEnded
                    ? "This key has ended, and its log holds none."
                    : "The first request with this key shows up here within two seconds."}
                </EmptyState>
              ) : (
                <LatestRequests
                  rows={rows}
                  oldPrefix={key.rotation?.old_key_prefix}
                  hrefOf={(row) => `/orgs/${org}/logs?key_id=${id}&request=${row.request_id}`}
                />
              )}
            </Card>
            <WhatIfCard org={org} state={key} />
          </div>
          <div className="grid min-w-0 gap-4">
            <HealthCard state={key} health={health ?? []} />
            <KeyDetails org={org} state={key} group={group} organization={organization} />
            {key.status !== "revoked" && (
              <SuggestionsCard org={org} state={key} onReview={mayEdit ? (proposed) => setOpen({ name: "edit", proposed }) : undefined} />
            )}
            <KeyChildren org={org} id={id} />
            <HandOversCard org={org} keyId={id} mayChange={mayEdit} />
            <KeyHistory org={org} id={id} events={events} />
          </div>
        </div>
      </div>
      <KeyDialogs org={org} state={key} open={open} mayAdmin={mayAdmin} baseUrl={baseUrl} onClose={() => setOpen(null)} />
    </Page>
  );
}

/** What follows from news of the key: calls move its log and its chart; a change, also somebody else's, moves everything said of it. */
function useNews(org: string, key: Key): void {
  const queries = useQueryClient();
  const called = key.request_count;
  const { request_count: _, last_used_at: __, last_used_ip: ___, rotation, ...rest } = key;
  const said = JSON.stringify([rest, rotation?.ends_at]);
  const seen = useRef({ called, said });
  useEffect(() => {
    const before = seen.current;
    seen.current = { called, said };
    const read = (...names: string[]) => {
      for (const name of names) void queries.invalidateQueries({ queryKey: [name, org] });
    };
    if (before.called !== called) read("logs", "usage");
    if (before.said !== said) read("audit", "key", "keys", "groups");
  }, [queries, org, called, said]);
}

type ActionsProps = { org: string; state: Key; mayEdit: boolean; mayEnd: boolean; onOpen: (open: OpenDialog) => void };

function Actions({ org, state, mayEdit, mayEnd, onOpen }: ActionsProps) {
  const isPaused = state.status === "paused";
  return (
    <>
      {mayEdit && (
        <>
          {state.status !== "expired" && (
            <>
              <Button icon={<RotateCw />} onClick={() => onOpen({ name: "rotate" })}>
                Rotate…
              </Button>
              <Button icon={isPaused ? <CirclePlay /> : <CirclePause />} onClick={() => onOpen({ name: "pause" })}>
                {isPaused ? "Resume…" : "Pause…"}
              </Button>
            </>
          )}
          <Button icon={<Pencil />} onClick={() => onOpen({ name: "edit" })}>
            Edit…
          </Button>
        </>
      )}
      <Menu trigger={<Button icon={<Ellipsis />} aria-label="More actions" />}>
        <MenuItem href={`/orgs/${org}/logs?key_id=${state.id}`}>Open in request log</MenuItem>
        <MenuItem href={`/orgs/${org}/audit?api_key=${state.id}`}>Open in audit log</MenuItem>
        {mayEnd && (
          <>
            <MenuSeparator />
            <MenuItem danger onSelect={() => onOpen({ name: "revoke" })}>
              Revoke…
            </MenuItem>
          </>
        )}
      </Menu>
    </>
  );
}

function isRotating(key: Key): key is Key & { rotation: NonNullable<Key["rotation"]> } {
  return key.rotation !== null && key.status !== "revoked" && key.status !== "expired";
}

function LastUsed({ at, ip, country }: { at: string; ip: string | null; country: string | null }) {
  return (
    <>
      Last used <Time iso={at} className="inline-block first-letter:lowercase" />
      {ip && (
        <>
          {" "}
          from <span className="mono">{ip}</span>
          {country && `, ${countryName(country)}`}
        </>
      )}
    </>
  );
}

/** By whom and why is kept in the audit log alone. */
function PausedSentence({ org, id, events }: { org: string; id: string; events: readonly AuditEvent[] }) {
  const isPause = ({ action }: AuditEvent) => action === "api_key.pause";
  const older = useQuery({ ...auditQuery(org, { api_key: id, event_type: "api_key.pause", limit: 1 }), enabled: !events.some(isPause) });
  const event = [...events, ...(older.data?.data ?? [])].find(isPause);
  if (event === undefined) return <p className="mt-2 text-fg">Paused.</p>;
  const { reason } = event.after as { reason?: string };
  return (
    <p className="mt-2 text-fg">
      Paused by <bdi className="font-strong">{event.actor.name}</bdi> on <Time as="exact" iso={event.created_at} />
      {reason && (
        <>
          : “<bdi>{reason}</bdi>”
        </>
      )}
      .
    </p>
  );
}

function revokedSentence(key: Key, events: readonly AuditEvent[]): ReactNode {
  const event = events.find((each) => each.action === "api_key.revoke");
  // Whoever reported it has no name here, and decided nothing.
  if (event?.actor.type === "anonymous") {
    return (
      <>
        Revoked on <Time as="exact" iso={event.created_at} /> by this organization’s policy: somebody reported that its secret was found in
        the open.
      </>
    );
  }
  return (
    <>
      Revoked{" "}
      {event && (
        <>
          by <bdi className="font-strong">{event.actor.name}</bdi>{" "}
        </>
      )}
      {key.revoked_at && (
        <>
          on <Time as="exact" iso={key.revoked_at} />
        </>
      )}
      {key.revoked_reason && (
        <>
          : <bdi>{key.revoked_reason.charAt(0).toLowerCase() + key.revoked_reason.slice(1)}</bdi>
        </>
      )}
      .
    </>
  );
}

function countryName(code: string): string {
  try {
    return new Intl.DisplayNames("en", { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}
