"use client";

import clsx from "clsx";
import { Ban, CircleCheck, CircleDashed, TriangleAlert } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { KeyFace } from "@/components/keys/key-face";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { Pill } from "@/components/ui/pill";
import { Drawer, SheetSection } from "@/components/ui/sheet";
import { Time } from "@/components/ui/time";
import { formatDuration, formatNumber } from "@/lib/format";
import type { LogRow } from "@/lib/usage/schema";
import { isRefused, refusalSentence, StatusMark } from "./outcome";

/** The order in which a call is checked (contract, "Order of checks"), and the outcomes that each check decides. */
const checks = [
  { name: "Key found", passed: "The secret belongs to this key.", decides: [] },
  { name: "State", passed: "The key was valid at that moment.", decides: ["revoked", "expired", "paused", "scheduled"] },
  { name: "Organization", passed: "The organization was active.", decides: ["account_deactivated"] },
  { name: "Address", passed: "The address was allowed.", decides: ["ip_not_allowed"] },
  { name: "Access and scope", passed: "The key holds what the route needs.", decides: ["insufficient_scope"] },
  { name: "Monthly quota", passed: "The month had requests left.", decides: ["quota_exceeded"] },
  { name: "Rate limit", passed: "The minute had calls left.", decides: ["rate_limit_exceeded"] },
] as const;

type ExplainDrawerProps = {
  org: string;
  row: LogRow;
  keyName: string | undefined;
  groupName: string | undefined;
  link: string;
  onClose: () => void;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
};

export function ExplainDrawer({ org, row, keyName, groupName, link, onClose, onPrevious, onNext }: ExplainDrawerProps) {
  return (
    <Drawer
      title={
        <span className="mono text-lg" translate="no">
          {row.method} {row.route}
        </span>
      }
      eyebrow={<Time as="exact" iso={row.created_at} />}
      link={link}
      onClose={onClose}
      onPrevious={onPrevious}
      onNext={onNext}
    >
      <SheetSection title="Explain this request" aside={<StatusMark row={row} />}>
        {row.calls > 1 && (
          <p className="mb-2 rounded-md bg-sunken px-3 py-2 text-sm text-fg-2">
            <b className="font-medium text-fg">× {formatNumber(row.calls)}</b>: refusals past a key's first 600 of a minute share one row.
            Its time is the minute's start, its latency their mean, and address and agent are shown if all had the same.
          </p>
        )}
        <Checks row={row} keyHref={`/orgs/${org}/keys/${row.key_id}`} />
      </SheetSection>
      <SheetSection title="Request">
        <DefinitionList
          items={[
            {
              term: "Request id",
              value: (
                <span className="flex items-start gap-1">
                  <span className="mono min-w-0" translate="no">
                    {row.request_id}
                  </span>
                  <CopyButton text={row.request_id} label="Copy request id" className="-my-0.5 inline-flex" />
                </span>
              ),
            },
            {
              term: "Key",
              value: (
                <Link href={`/orgs/${org}/keys/${row.key_id}`} className="link inline-flex items-center gap-2">
                  <KeyFace prefix={row.key_prefix} />
                  <span className="min-w-0">{keyName ? <bdi>{keyName}</bdi> : <span className="mono">{row.key_prefix}</span>}</span>
                </Link>
              ),
            },
            {
              term: "Prefix",
              value: (
                <span className="mono" translate="no">
                  {row.key_prefix}
                </span>
              ),
            },
            { term: "Group", value: <bdi>{groupName ?? row.group_id}</bdi> },
            { term: "Environment", value: <Pill>{row.environment}</Pill> },
            { term: "Status", value: <StatusMark row={row} wordy /> },
            { term: "Latency", value: formatDuration(row.latency_ms) },
            { term: "Credits", value: row.credits },
            {
              term: "Address",
              value:
                row.ip === null ? (
                  "—"
                ) : (
                  <>
                    <span className="mono">{row.ip}</span> {row.country}
                  </>
                ),
            },
            { term: "Agent", value: row.user_agent ?? "—" },
          ]}
        />
      </SheetSection>
    </Drawer>
  );
}

function Checks({ row, keyHref }: { row: LogRow; keyHref: string }) {
  const refused = isRefused(row);
  const at = checks.findIndex((check) => (check.decides as readonly string[]).includes(row.outcome));
  return (
    <ol className="grid">
      {checks.map((check, index) => {
        const state = !refused || index < at ? "passed" : index === at ? "decided" : at === -1 ? "unknown" : "unreached";
        return (
          <Check key={check.name} name={check.name} state={state}>
            {state === "passed" ? (
              check.passed
            ) : state === "decided" ? (
              <>
                {refusalSentence(row.outcome)}{" "}
                {index !== 2 && (
                  <Link href={keyHref} className="link">
                    See the key
                  </Link>
                )}
              </>
            ) : state === "unreached" ? (
              "Not reached."
            ) : (
              "Not known."
            )}
          </Check>
        );
      })}
      {refused ? (
        <Check name="The work" state="unreached">
          Nothing was done, and nothing was charged.
        </Check>
      ) : row.outcome === "error" ? (
        <Check name="The work" state="failed">
          The route failed with {row.status}. The request id finds it in the operator's log.
        </Check>
      ) : (
        <Check name="The work" state="passed">
          {row.status >= 400 ? `The route answered ${row.status}: something in the request itself.` : `The route answered ${row.status}.`}
        </Check>
      )}
    </ol>
  );
}

const marks = {
  passed: { icon: <CircleCheck className="text-ok" />, word: "Passed" },
  decided: { icon: <Ban className="text-warn-text" />, word: "Decided" },
  failed: { icon: <TriangleAlert className="text-bad" />, word: "Failed" },
  unreached: { icon: <CircleDashed className="text-fg-3" />, word: "Not reached" },
  unknown: { icon: <CircleDashed className="text-fg-3" />, word: "Not known" },
} as const;

function Check({ name, state, children }: { name: string; state: keyof typeof marks; children: ReactNode }) {
  const quiet = state === "unreached" || state === "unknown";
  return (
    <li
      className={clsx(
        "flex gap-2.5 py-1.5",
        (state === "decided" || state === "failed") && "-mx-2.5 rounded-md px-2.5",
        state === "decided" && "bg-warn-soft",
        state === "failed" && "bg-bad-soft",
      )}
    >
      <span className="mt-0.5 flex flex-none">{marks[state].icon}</span>
      <span className="min-w-0">
        <span className={clsx("font-medium", quiet && "text-fg-3")}>
          {name}
          <span className="sr-only">: {marks[state].word}.</span>
        </span>
        <span className={clsx("block text-sm", quiet ? "text-fg-3" : "text-fg-2")}>{children}</span>
      </span>
    </li>
  );
}
