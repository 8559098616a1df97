"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Skeleton } from "@/components/ui/skeleton";
import { Time } from "@/components/ui/time";
import { toastDone } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { activityQuery, keyQuery, revokeKey } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import type { Activity } from "@/lib/usage/schema";

const reasons = ["No longer needed", "Leaked", "Replaced", "Other"] as const;

/** Render it while it is open. `state` is the key as it is now: somebody else may revoke it meanwhile. */
export function RevokeDialog({ org, state, onClose }: { org: string; state: Key; onClose: () => void }) {
  const queries = useQueryClient();
  const router = useRouter();
  const activity = useQuery({ ...activityQuery(org, state.id), refetchOnWindowFocus: false });
  const [reason, setReason] = useState<(typeof reasons)[number]>("No longer needed");
  const [other, setOther] = useState("");
  const mine = useRef(false);
  const revoke = useMutation({
    mutationFn: () => {
      mine.current = true;
      return revokeKey(org, state.id, reason === "Other" ? other.trim() || "Other" : reason);
    },
    onError: () => {
      mine.current = false;
    },
    onSuccess: (key) => {
      queries.setQueryData(keyQuery(org, key.id).queryKey, key);
      for (const name of ["keys", "key", "audit", "groups"]) void queries.invalidateQueries({ queryKey: [name, org] });
      onClose();
      toastDone(wasBefore(key, activity.data) ? `${key.name} was revoked by somebody else already` : `${key.name} is revoked`);
      router.refresh();
    },
  });
  const beaten = state.revoked_at !== null && !mine.current;
  return (
    <Dialog
      open
      onOpenChange={(open) => open || revoke.isPending || onClose()}
      title={
        beaten ? (
          <>
            <bdi>{state.name}</bdi> is revoked already
          </>
        ) : (
          <>
            Revoke <bdi>{state.name}</bdi>?
          </>
        )
      }
      description={
        beaten
          ? "Somebody else revoked it a moment ago. Nothing is left to do."
          : "Calls with this key stop being answered when this dialog closes. It cannot be undone."
      }
      onSubmit={() => beaten || revoke.mutate()}
      footer={
        beaten ? (
          <Button onClick={onClose}>Close</Button>
        ) : (
          <>
            <Button data-initial-focus onClick={onClose} disabled={revoke.isPending}>
              Keep it
            </Button>
            <Button type="submit" variant="danger" busy={revoke.isPending} busyLabel="Revoking">
              Revoke key
            </Button>
          </>
        )
      }
    >
      {!beaten && (
        <>
          <LastDay activity={activity.data} error={activity.error} onRetry={() => void activity.refetch()} />
          <Field label="Reason" help="Kept with the key and in the audit log.">
            <Select value={reason} onChange={(event) => setReason(event.target.value as typeof reason)}>
              {reasons.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          </Field>
          {reason === "Other" && (
            <Field label="In your words" aside="optional" error={isApiError(revoke.error) ? revoke.error.details.reason : undefined}>
              <Input value={other} maxLength={200} autoComplete="off" onChange={(event) => setOther(event.target.value)} />
            </Field>
          )}
          {revoke.error && <Failure error={revoke.error} />}
        </>
      )}
    </Dialog>
  );
}

function LastDay({ activity, error, onRetry }: { activity: Activity | undefined; error: Error | null; onRetry: () => void }) {
  if (activity === undefined && error !== null) {
    return (
      <Notice
        tone="warn"
        title="The last 24 hours did not load."
        action={
          <Button size="xs" onClick={onRetry}>
            Try again
          </Button>
        }
      >
        You can revoke the key all the same.
        {isApiError(error) && error.requestId && <span className="mono block">{error.requestId}</span>}
      </Notice>
    );
  }
  if (activity === undefined) return <Waiting />;
  if (activity.calls === 0) {
    return (
      <Notice tone="ok" title="Nobody called with it in the last 24 hours.">
        Nothing should break.
      </Notice>
    );
  }
  const [busiest] = activity.addresses;
  const last = activity.last_call;
  return (
    <section aria-label="What will break" className="grid gap-2">
      <h3 className="font-medium">In the last 24 hours</h3>
      <DefinitionList
        boxed
        items={[
          {
            term: "Calls",
            value: (
              <>
                {formatNumber(activity.calls)}
                {activity.refused > 0 && <span className="text-fg-3">, {formatNumber(activity.refused)} refused</span>}
              </>
            ),
          },
          { term: "Addresses", value: formatNumber(activity.address_count) },
          ...(busiest
            ? [
                {
                  term: "Busiest caller",
                  value: (
                    <>
                      <span className="mono">{busiest.ip ?? "—"}</span>
                      {busiest.country && ` ${busiest.country}`} <span className="text-fg-3">{formatNumber(busiest.calls)} calls</span>
                    </>
                  ),
                },
              ]
            : []),
          {
            term: "Routes",
            value: (
              <ul>
                {activity.routes.slice(0, 3).map((route) => (
                  <li key={`${route.method} ${route.route}`} className="mono">
                    {route.method} {route.route}
                  </li>
                ))}
                {activity.routes.length > 3 && <li className="text-fg-3">and {activity.routes.length - 3} more</li>}
              </ul>
            ),
          },
          ...(last
            ? [
                {
                  term: "Last call",
                  value: (
                    <>
                      <Time iso={last.created_at} />{" "}
                      <span className="text-fg-3">
                        {last.method} {last.route}, {last.status}
                      </span>
                    </>
                  ),
                },
              ]
            : []),
        ]}
      />
    </section>
  );
}

function Waiting() {
  return (
    <section aria-busy="true" aria-label="Loading the last 24 hours" className="grid gap-2">
      <h3 className="font-medium">In the last 24 hours</h3>
      <div className="grid gap-[18px] rounded-lg border border-line px-4 py-[17px]">
        {["w-16", "w-8", "w-52", "w-40", "w-44"].map((width) => (
          <span key={width} className="grid grid-cols-[112px_1fr] gap-3">
            <Skeleton className="w-20" />
            <Skeleton className={width} />
          </span>
        ))}
      </div>
    </section>
  );
}

function Failure({ error }: { error: Error }) {
  const id = isApiError(error) ? error.requestId : null;
  return (
    <Notice tone="bad" role="alert" title="The key is not revoked.">
      {error.message}
      {id && (
        <span className="mono flex items-center gap-1">
          {id}
          <CopyButton text={id} label="Copy request id" />
        </span>
      )}
    </Notice>
  );
}

// `since` is the server's clock when the dialog opened, less a day.
function wasBefore(key: Key, activity: Activity | undefined): boolean {
  return key.revoked_at !== null && activity !== undefined && Date.parse(key.revoked_at) < Date.parse(activity.since) + 86_400_000;
}
