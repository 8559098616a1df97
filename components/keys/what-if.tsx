"use client";

import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Ban, CircleCheck, CircleDashed } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { isApiError } from "@/lib/api";
import { whatIf } from "@/lib/keys/client";
import type { Key, WhatIf, WhatIfAnswer } from "@/lib/keys/schema";
import { Failure } from "./failure";

const checkNames: Record<string, string> = {
  state: "State of the key",
  organization: "State of the organization",
  key_addresses: "Addresses of the key",
  group_addresses: "Addresses of its group",
  organization_addresses: "Addresses of the organization",
  access: "Access",
  scope: "Scope",
  quota: "Monthly quota",
  rate_limit: "Rate limit",
  credits: "Credits",
  route: "Route",
};

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** Would a call pass, were it made now, and which rule decides? The answer follows the key when somebody changes it. */
export function WhatIfCard({ org, state }: { org: string; state: Key }) {
  const [ip, setIp] = useState(state.last_used_ip ?? "");
  const [method, setMethod] = useState<WhatIf["method"]>("GET");
  const [path, setPath] = useState("/v1/status");
  const [asked, setAsked] = useState<WhatIf | null>(null);
  const body: WhatIf = { ip: ip.trim() === "" ? null : ip.trim(), method, path: path.trim() };
  const answer = useQuery({
    queryKey: ["key", org, state.id, "what-if", asked],
    queryFn: () => whatIf(org, state.id, asked ?? body),
    enabled: asked !== null,
    retry: false,
    staleTime: 0,
  });
  const details = isApiError(answer.error) ? answer.error.details : {};
  const wrong = (field: string) => {
    const text = details[field];
    return text === undefined ? undefined : text.charAt(0).toUpperCase() + text.slice(1);
  };
  return (
    <Card title="Would a call pass?" description="Asked of the rules as they are now. Nothing is called, and nothing is counted.">
      <form
        noValidate
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          // The same question again is asked again: the minute's limit has moved on.
          if (asked !== null && JSON.stringify(asked) === JSON.stringify(body)) void answer.refetch();
          else setAsked(body);
        }}
      >
        <div className="grid gap-x-3 gap-y-4 md:grid-cols-[minmax(0,1fr)_112px_minmax(0,1.4fr)]">
          <Field label="From address" aside="optional" error={wrong("ip")}>
            <Input
              value={ip}
              className="font-mono"
              placeholder="203.0.113.7"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setIp(event.target.value)}
            />
          </Field>
          <Field label="Method" error={wrong("method")}>
            <Select value={method} onChange={(event) => setMethod(event.target.value as WhatIf["method"])}>
              {methods.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          </Field>
          <Field label="Path" error={wrong("path")}>
            <Input
              value={path}
              className="font-mono"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setPath(event.target.value)}
            />
          </Field>
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" busy={answer.isFetching} busyLabel="Asking">
            Ask
          </Button>
          <CopyAsCurl route="POST /v1/api-keys/{id}/what-if" params={{ id: state.id }} body={body} />
        </div>
      </form>
      <div aria-live="polite" className="grid gap-3 not-empty:mt-4">
        {answer.error === null
          ? answer.data && asked && <Answer org={org} groupId={state.group_id} answer={answer.data} asked={asked} />
          : ["ip", "method", "path"].every((field) => wrong(field) === undefined) && <Failure title="No answer." error={answer.error} />}
      </div>
    </Card>
  );
}

function Answer({ org, groupId, answer, asked }: { org: string; groupId: string; answer: WhatIfAnswer; asked: WhatIf }) {
  const call = (
    <span className="mono" translate="no">
      {asked.method} {asked.path}
    </span>
  );
  return (
    <>
      {answer.passes ? (
        <Notice tone="ok" title="It would pass.">
          {call}
          {asked.ip ? (
            <>
              {" "}
              from <span className="mono">{asked.ip}</span>
            </>
          ) : (
            ""
          )}
        </Notice>
      ) : (
        <Notice
          tone="bad"
          icon={<Ban />}
          title={answer.status === 404 || answer.status === 405 ? "Nothing would answer it." : "It would be refused."}
        >
          {call} would be answered {answer.status}, <span className="mono">{answer.code}</span>
        </Notice>
      )}
      <ol aria-label="Checks, in their order" className="grid gap-2.5">
        {answer.checks.map((check) => (
          <li key={check.check} className="flex gap-2.5">
            {check.passes === null ? (
              <CircleDashed aria-label="not reached" className="mt-0.5 text-fg-3" />
            ) : check.passes ? (
              <CircleCheck aria-label="passes" className="mt-0.5 text-ok" />
            ) : (
              <Ban aria-label="refuses" className="mt-0.5 text-bad" />
            )}
            <div className="min-w-0 wrap-anywhere">
              <span className={clsx("font-strong", check.passes === null && "text-fg-3")}>{checkNames[check.check] ?? check.check}</span>
              {check.check === answer.decided_by && <span className="text-bad-text"> decides</span>}
              <span className={check.passes === null ? "ml-1.5 text-sm text-fg-3" : "block text-fg-2"}>
                {check.message}
                {check.check === answer.decided_by && <Remedy org={org} groupId={groupId} check={check.check} />}
              </span>
            </div>
          </li>
        ))}
      </ol>
    </>
  );
}

/** Where the rule that decides is set, when it is not on this page. */
function Remedy({ org, groupId, check }: { org: string; groupId: string; check: string }) {
  const place =
    check === "group_addresses"
      ? { href: `/orgs/${org}/groups/${groupId}`, name: "See the group" }
      : check === "organization_addresses"
        ? { href: `/orgs/${org}/settings`, name: "See the settings" }
        : null;
  return (
    place && (
      <>
        {" "}
        <Link href={place.href} className="link">
          {place.name}
        </Link>
      </>
    )
  );
}
