"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Failure } from "@/components/keys/failure";
import { KeyFace } from "@/components/keys/key-face";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Skeleton } from "@/components/ui/skeleton";
import { toastDone } from "@/components/ui/toaster";
import { formatNumber } from "@/lib/format";
import { archiveGroup } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";
import { keysQuery } from "@/lib/keys/client";
import { seriesQuery } from "@/lib/usage/client";
import { useGroupChanged } from "./use-group-changed";

/** As many as are revoked at once. */
const MOST = 1000;
const NAMED = 5;

/** Shows what would end with the group; its live keys are revoked with it only on demand. Render it while it is open. */
export function ArchiveGroupDialog({ org, group, onClose }: { org: string; group: Group; onClose: () => void }) {
  const keys = useQuery({ ...keysQuery(org, { group_id: group.id, limit: MOST }), staleTime: 0 });
  const hours = useQuery({ ...seriesQuery(org, { interval: "1h", group_id: group.id }), staleTime: 0 });
  const [revoke, setRevoke] = useState(false);
  const [typed, setTyped] = useState("");
  const onChanged = useGroupChanged(org);
  const live = keys.data?.data.filter(({ status }) => status !== "revoked" && status !== "expired");
  const many = live !== undefined && live.length > 0;
  const calls = hours.data?.data.reduce((sum, hour) => sum + hour.requests, 0);
  const archive = useMutation({
    mutationFn: () => archiveGroup(org, group.id, revoke),
    onSuccess: (archived) => {
      onChanged(archived);
      toastDone(`Group ${archived.name} is archived`);
      onClose();
    },
    // Somebody may have put a key into it meanwhile.
    onError: () => void keys.refetch(),
  });
  const reason =
    live === undefined
      ? "Its keys are still being read"
      : many && !revoke
        ? "Its live keys must end with it"
        : many && typed.trim() !== group.name
          ? "Type the group’s name first"
          : undefined;
  return (
    <Dialog
      open
      onOpenChange={(next) => next || archive.isPending || onClose()}
      title={
        <>
          Archive <bdi>{group.name}</bdi>?
        </>
      }
      description="It takes no new keys and leaves the list. Its keys, calls and history stay readable. It cannot be undone."
      onSubmit={() => reason === undefined && archive.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl
              route="DELETE /v1/api-groups/{id}"
              params={{ id: group.id }}
              query={{ revoke_keys: many && revoke ? true : undefined }}
            />
          </span>
          <Button data-initial-focus onClick={onClose} disabled={archive.isPending}>
            Keep it
          </Button>
          <Button
            type="submit"
            variant="danger"
            busy={archive.isPending}
            busyLabel="Archiving"
            {...(reason === undefined ? {} : { reason })}
          >
            {many ? "Archive and revoke" : "Archive group"}
          </Button>
        </>
      }
    >
      {live === undefined && keys.error === null && (
        <section aria-busy="true" aria-label="Loading its keys" className="grid gap-3 rounded-lg border border-line p-4">
          <Skeleton className="w-40" />
          <Skeleton className="w-56" />
        </section>
      )}
      {live === undefined && keys.error !== null && <Failure title="Its keys did not load." error={keys.error} />}
      {live?.length === 0 && (
        <Notice tone="ok" title="No key in it is live.">
          {calls === undefined || calls === 0
            ? "Nothing should break."
            : `${callsOf(calls)} in the last 24 hours were made with keys that have ended.`}
        </Notice>
      )}
      {many && (
        <>
          <section aria-label="What will break" className="grid gap-2">
            <h3 className="font-medium">
              {keys.data?.has_more ? "More than " : ""}
              {live.length === 1 ? "1 live key" : `${formatNumber(live.length)} live keys`}
              {calls !== undefined && <span className="font-normal text-fg-2">, {callsOf(calls)} in the last 24 hours</span>}
            </h3>
            <ul className="divide-y divide-line rounded-lg border border-line">
              {live.slice(0, NAMED).map((key) => (
                <li key={key.id} className="flex items-center gap-2.5 px-3 py-2">
                  <KeyFace prefix={key.key_prefix} />
                  <bdi className="cut min-w-0 flex-1 font-medium" title={key.name}>
                    {key.name}
                  </bdi>
                  <span className="mono text-sm text-fg-3 max-md:hidden" translate="no">
                    {key.key_prefix}
                  </span>
                </li>
              ))}
              {live.length > NAMED && <li className="px-3 py-2 text-fg-3">and {formatNumber(live.length - NAMED)} more</li>}
            </ul>
          </section>
          <Checkbox
            label={live.length === 1 ? "Revoke this key with it" : `Revoke these ${formatNumber(live.length)} keys with it`}
            help="For good: their calls stop being answered at once. To keep some, move them to another group first."
            checked={revoke}
            onChange={(event) => setRevoke(event.target.checked)}
          />
          {revoke && (
            <Field
              label={
                <>
                  Type <bdi className="mono">{group.name}</bdi> to confirm
                </>
              }
            >
              <Input value={typed} autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
            </Field>
          )}
        </>
      )}
      <Failure title="The group is not archived." error={archive.error} />
    </Dialog>
  );
}

function callsOf(calls: number): string {
  return calls === 1 ? "1 call" : `${formatNumber(calls)} calls`;
}
