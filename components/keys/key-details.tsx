"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import { Card } from "@/components/ui/card";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { Pill } from "@/components/ui/pill";
import { Time } from "@/components/ui/time";
import { formatNumber } from "@/lib/format";
import type { Group } from "@/lib/groups/schema";
import type { Key } from "@/lib/keys/schema";
import type { Org } from "@/lib/orgs/schema";
import { accessWords } from "./key-state";

/** Of a list of addresses, before it is folded. */
const SHOWN = 6;

type DetailsProps = { org: string; state: Key; group: Group; organization: Org };

export function KeyDetails({ org, state: key, group, organization }: DetailsProps) {
  return (
    <Card title="Details" action={<CopyAsCurl route="GET /v1/api-keys/{id}" params={{ id: key.id }} />}>
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
          { term: "Scopes", value: <Scopes state={key} organization={organization} /> },
          { term: "Rate limit", value: <RateLimit state={key} group={group} organization={organization} /> },
          { term: "Addresses", value: <Addresses state={key} group={group} organization={organization} /> },
          { term: key.status === "expired" ? "Expired" : "Expires", value: key.expires_at ? <Until iso={key.expires_at} /> : "Never" },
          ...(key.not_before ? [{ term: "Works from", value: <Time as="exact" iso={key.not_before} /> }] : []),
          {
            term: "Created",
            value: (
              <>
                <Time as="date" iso={key.created_at} /> by{" "}
                {key.created_by.type === "key" ? (
                  <>
                    the key{" "}
                    <Link href={`/orgs/${org}/keys/${key.created_by.id}`} className="link">
                      <bdi>{key.created_by.name}</bdi>
                    </Link>
                  </>
                ) : (
                  <bdi>{key.created_by.name}</bdi>
                )}
              </>
            ),
          },
          { term: "Owner", value: key.owner.type === "organization" ? "The organization" : <bdi>{key.owner.name}</bdi> },
          ...Object.entries(key.metadata).map(([name, value]) => ({ term: <bdi>{name}</bdi>, value: <bdi>{value}</bdi> })),
        ]}
      />
    </Card>
  );
}

/** A scope that the organization has lost does not count any more. */
function Scopes({ state, organization }: { state: Key; organization: Org }) {
  const lost = state.scopes.filter((scope) => !organization.scopes.includes(scope));
  return (
    <>
      <span className="flex flex-wrap gap-1">
        {state.scopes.map((scope) => (
          <Pill key={scope} mono className={lost.includes(scope) ? "line-through" : undefined}>
            {scope}
          </Pill>
        ))}
      </span>
      {lost.length > 0 && (
        <span className="mt-1 block text-sm text-fg-3">The organization no longer has {lost.join(", ")}: such calls are refused.</span>
      )}
    </>
  );
}

/** The lowest of the three that are set; a test key has half of it. */
function RateLimit({ state, group, organization }: Omit<DetailsProps, "org">) {
  const levels = [
    { name: "key", limit: state.rate_limit_rpm },
    { name: "group", limit: group.rate_limit_rpm },
    { name: "organization", limit: organization.requests_per_minute },
  ];
  const set = levels.flatMap(({ name, limit }) => (limit === null ? [] : [{ name, limit }]));
  const lowest = Math.min(...set.map(({ limit }) => limit));
  const isTest = state.environment === "test";
  return (
    <>
      {formatNumber(isTest ? Math.max(1, Math.floor(lowest / 2)) : lowest)} a minute
      <span className="block text-sm text-fg-3">
        {set.length === 1 ? "the organization’s" : set.map(({ name, limit }) => `${name} ${formatNumber(limit)}`).join(" · ")}
        {isTest && "; a test key has half"}
      </span>
    </>
  );
}

/** All lists that are set must agree. */
function Addresses({ state, group, organization }: Omit<DetailsProps, "org">) {
  const levels = [
    { name: "Key", list: state.allowed_ips },
    { name: "Group", list: group.allowed_ips },
    { name: "Organization", list: organization.allowed_ips },
  ];
  if (levels.every(({ list }) => list.length === 0)) return "Any";
  return (
    <div className="grid gap-1.5">
      {levels.map(({ name, list }) => (
        <div key={name}>
          <span className="block text-sm text-fg-3">{name}</span>
          {list.length === 0 ? "Any" : <Entries list={list} />}
        </div>
      ))}
    </div>
  );
}

/** A list of addresses, folded where it is long. */
export function Entries({ list }: { list: readonly string[] }): ReactNode {
  const most = list.length > SHOWN + 2 ? SHOWN : list.length;
  return (
    <div className="mono">
      <Lines list={list.slice(0, most)} />
      {most < list.length && (
        <details>
          <summary className="link cursor-default font-sans text-sm">and {formatNumber(list.length - most)} more</summary>
          <Lines list={list.slice(most)} />
        </details>
      )}
    </div>
  );
}

function Lines({ list }: { list: readonly string[] }) {
  return (
    <ul>
      {list.map((entry) => (
        <li key={entry}>{entry}</li>
      ))}
    </ul>
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
