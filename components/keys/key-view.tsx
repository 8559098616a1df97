"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Ban } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Sentence } from "@/components/audit/sentence";
import { OutcomeChart } from "@/components/charts/outcome-chart";
import { LatestRequests } from "@/components/logs/latest-requests";
import { StaleNotice } from "@/components/logs/stale-notice";
import { PageCrumb } from "@/components/shell/header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { EmptyState } from "@/components/ui/empty-state";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { Time } from "@/components/ui/time";
import { auditQuery } from "@/lib/audit/client";
import type { AuditEvent } from "@/lib/audit/schema";
import { formatNumber } from "@/lib/format";
import { keyQuery } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";
import { logsQuery, seriesQuery } from "@/lib/usage/client";
import type { LogRow, UsagePoint } from "@/lib/usage/schema";
import { KeyFace } from "./key-face";
import { accessWords, isOff, KeyBadge, mayRevoke, type Revoking } from "./key-state";
import { RevokeDialog } from "./revoke-dialog";

const LATEST = 10;
const spans = {
  day: { interval: "1h", buckets: 24, title: "Calls, last 24 hours" },
  month: { interval: "1d", buckets: 30, title: "Calls, last 30 days" },
} as const;

type KeyViewProps = {
  org: string;
  group: { id: string; name: string };
  revoking: Revoking;
  initial: { key: Key; logs: List<LogRow>; day: { data: UsagePoint[] }; audit: List<AuditEvent> };
};

/** One key, live: the key is read every second; when its count moves, its log and its chart are read as well. */
export function KeyView({ org, group, revoking, initial }: KeyViewProps) {
  const id = initial.key.id;
  const queries = useQueryClient();
  const [ending, setEnding] = useState(false);
  const [span, setSpan] = useState<keyof typeof spans>("day");
  const live = useQuery({ ...keyQuery(org, id), initialData: initial.key, refetchInterval: 1000 });
  const logs = useQuery({ ...logsQuery(org, { key_id: id, limit: LATEST }), initialData: initial.logs, refetchInterval: 30_000 });
  const { interval, buckets } = spans[span];
  const series = useQuery({
    ...seriesQuery(org, { key_id: id, interval }),
    ...(span === "day" ? { initialData: initial.day } : {}),
    refetchInterval: 30_000,
  });
  const audit = useQuery({ ...auditQuery(org, { api_key: id, limit: 5 }), initialData: initial.audit });
  const key = live.data;
  const { request_count: called, status } = key;
  const seen = useRef({ called, status });
  useEffect(() => {
    const before = seen.current;
    seen.current = { called, status };
    if (before.called !== called) {
      void queries.invalidateQueries({ queryKey: ["logs", org] });
      void queries.invalidateQueries({ queryKey: ["usage", org] });
    }
    if (before.status !== status) void queries.invalidateQueries({ queryKey: ["audit", org] });
  }, [queries, org, called, status]);

  const rows = logs.data.data;
  const country = rows.find((row) => row.ip === key.last_used_ip)?.country;
  const points = series.isPlaceholderData ? undefined : series.data?.data.slice(-buckets);
  return (
    <Page>
      <PageCrumb label={key.name} />
      <PageHeader
        title={<bdi>{key.name}</bdi>}
        beside={
          <>
            <KeyBadge state={key} />
            <Pill>{key.environment}</Pill>
          </>
        }
        actions={
          mayRevoke(key, revoking) && (
            <Button variant="danger-quiet" icon={<Ban />} onClick={() => setEnding(true)}>
              Revoke…
            </Button>
          )
        }
      >
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <span className="flex items-center gap-2">
            <KeyFace prefix={key.key_prefix} off={isOff(key)} />
            <span className="mono text-fg" translate="no">
              {key.key_prefix}
            </span>
            <CopyButton text={key.key_prefix} label="Copy prefix" className="-ml-1 inline-flex" />
          </span>
          <Link href={`/orgs/${org}/keys?group_id=${group.id}`} className="fast rounded-sm wrap-anywhere hover:text-fg hover:underline">
            <bdi>{group.name}</bdi>
          </Link>
          <span>
            {key.last_used_at ? <LastUsed at={key.last_used_at} ip={key.last_used_ip} country={country ?? null} /> : "Never used"}
          </span>
        </div>
        {key.status === "revoked" && <p className="mt-2 text-fg">{revokedSentence(key, audit.data.data)}</p>}
      </PageHeader>
      <StaleNotice error={live.error} onRetry={() => void live.refetch()} className="mb-4" />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[minmax(0,1fr)_336px]">
        <div className="grid min-w-0 gap-4">
          <Card
            title={spans[span].title}
            action={
              <Segmented
                label="Span"
                value={span}
                onValueChange={setSpan}
                options={[
                  { value: "day", label: "24 hours" },
                  { value: "month", label: "30 days" },
                ]}
              />
            }
          >
            {points === undefined ? (
              <div aria-busy="true" className="h-[252px] pt-1">
                <Skeleton className="w-56" />
              </div>
            ) : (
              <OutcomeChart
                points={points}
                interval={interval}
                height={216}
                summary={chartSentence(points, span)}
                unfinishedFrom={points.at(-1)?.start}
              />
            )}
          </Card>
          <Card
            title="Latest requests"
            action={
              <Link href={`/orgs/${org}/logs?key_id=${id}`} className="link">
                Open in log
              </Link>
            }
          >
            {rows.length === 0 ? (
              <EmptyState glyph={<KeyFace prefix={key.key_prefix} off />} title="No call yet">
                The first request with this key shows up here within two seconds.
              </EmptyState>
            ) : (
              <LatestRequests rows={rows} hrefOf={(row) => `/orgs/${org}/logs?key_id=${id}&request=${row.request_id}`} />
            )}
          </Card>
        </div>
        <div className="grid min-w-0 gap-4">
          <Card title="Details">
            <Details state={key} />
          </Card>
          <Card
            title="History"
            action={
              <Link href={`/orgs/${org}/audit?api_key=${id}`} className="link">
                Audit log
              </Link>
            }
          >
            <ol className="grid gap-3">
              {audit.data.data.map((event) => (
                <li key={event.id} className="min-w-0">
                  <p className="wrap-anywhere">
                    <Sentence event={event} />
                  </p>
                  <p className="text-sm text-fg-3">
                    <Time as="exact" iso={event.created_at} />
                    {event.ip && (
                      <>
                        {" "}
                        · <span className="mono">{event.ip}</span> {event.country}
                      </>
                    )}
                  </p>
                </li>
              ))}
            </ol>
          </Card>
        </div>
      </div>
      {ending && <RevokeDialog org={org} state={key} onClose={() => setEnding(false)} />}
    </Page>
  );
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

function Details({ state: key }: { state: Key }) {
  return (
    <DefinitionList
      items={[
        {
          term: "Key id",
          value: (
            <span className="flex items-start gap-1">
              <span className="mono min-w-0" translate="no">
                {key.id}
              </span>
              <CopyButton text={key.id} label="Copy key id" className="-my-0.5 inline-flex" />
            </span>
          ),
        },
        { term: "Calls", value: formatNumber(key.request_count) },
        { term: "Access", value: accessWords[key.access] },
        {
          term: "Scopes",
          value: (
            <span className="flex flex-wrap gap-1">
              {key.scopes.map((scope) => (
                <Pill key={scope} mono>
                  {scope}
                </Pill>
              ))}
            </span>
          ),
        },
        { term: "Rate limit", value: key.rate_limit_rpm === null ? "From the plan" : `${formatNumber(key.rate_limit_rpm)} a minute` },
        {
          term: "Addresses",
          value:
            key.allowed_ips.length === 0 ? (
              "Any"
            ) : (
              <span className="mono grid">
                {key.allowed_ips.map((entry) => (
                  <span key={entry}>{entry}</span>
                ))}
              </span>
            ),
        },
        { term: "Expires", value: key.expires_at ? <Until iso={key.expires_at} /> : "Never" },
        ...(key.not_before ? [{ term: "Valid from", value: <Time as="exact" iso={key.not_before} /> }] : []),
        {
          term: "Created",
          value: (
            <>
              <Time as="date" iso={key.created_at} /> by <bdi>{key.created_by.name}</bdi>
            </>
          ),
        },
        { term: "Owner", value: key.owner.type === "organization" ? "The organization" : <bdi>{key.owner.name}</bdi> },
        ...Object.entries(key.metadata).map(([name, value]) => ({ term: <bdi>{name}</bdi>, value: <bdi>{value}</bdi> })),
      ]}
    />
  );
}

function Until({ iso }: { iso: string }) {
  return (
    <>
      <Time as="date" iso={iso} />{" "}
      <span className="text-fg-3">
        <Time as="until" iso={iso} />
      </span>
    </>
  );
}

function revokedSentence(key: Key, events: readonly AuditEvent[]): ReactNode {
  const event = events.find((each) => each.action === "api_key.revoke");
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

function chartSentence(points: readonly UsagePoint[], span: keyof typeof spans): string {
  const sum = (field: "requests" | "refused" | "errors") => formatNumber(points.reduce((total, point) => total + point[field], 0));
  return `${sum("requests")} calls in the last ${span === "day" ? "24 hours" : "30 days"}, ${sum("refused")} refused, ${sum("errors")} errors`;
}

function countryName(code: string): string {
  try {
    return new Intl.DisplayNames("en", { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}
