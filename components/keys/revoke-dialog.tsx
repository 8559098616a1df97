"use client";

import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { toastDone } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { pauseKey, revokeKey } from "@/lib/keys/client";
import type { Key, RevokeKey } from "@/lib/keys/schema";
import type { Activity } from "@/lib/usage/schema";
import { ChildrenOffer, useEndWithChildren } from "./children-offer";
import { Failure } from "./failure";
import { LastDay, useLastDay } from "./last-day";
import { useKeyChanged } from "./use-key-changed";

const reasons = ["No longer needed", "Leaked", "Replaced", "Other"] as const;

/** Render it while it is open. `state` is the key as it is now: somebody else may revoke it meanwhile. */
export function RevokeDialog({ org, state, onClose }: { org: string; state: Key; onClose: () => void }) {
  const changed = useKeyChanged(org);
  const lastDay = useLastDay(org, state.id);
  const end = useEndWithChildren(org, [state.id]);
  const [reason, setReason] = useState<(typeof reasons)[number]>("No longer needed");
  const [other, setOther] = useState("");
  const [withChildren, setWithChildren] = useState(false);
  const mine = useRef(false);
  const body: RevokeKey = {
    reason: reason === "Other" ? other.trim() || "Other" : reason,
    ...(withChildren && end.children.length > 0 ? { revoke_children: true } : {}),
  };
  const revoke = useMutation({
    mutationFn: () => {
      mine.current = true;
      return revokeKey(org, state.id, body);
    },
    onError: () => {
      mine.current = false;
    },
    onSuccess: (key) => {
      changed(key);
      onClose();
      toastDone(wasBefore(key, lastDay.data) ? `${key.name} was revoked by somebody else already` : `${key.name} is revoked`);
    },
  });
  const pause = useMutation({
    mutationFn: () => pauseKey(org, state.id),
    onSuccess: (key) => {
      changed(key);
      onClose();
      toastDone(`${key.name} is paused: calls with it are refused until somebody resumes it`);
    },
  });
  const beaten = state.revoked_at !== null && !mine.current;
  const busy = revoke.isPending || pause.isPending;
  return (
    <Dialog
      open
      onOpenChange={(open) => open || busy || onClose()}
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
          : "Once it is revoked, calls with it are refused. That cannot be undone."
      }
      onSubmit={() => beaten || busy || revoke.mutate()}
      footer={
        beaten ? (
          <Button onClick={onClose}>Close</Button>
        ) : (
          <>
            <span className="mr-auto">
              <CopyAsCurl route="DELETE /v1/api-keys/{id}" params={{ id: state.id }} body={body} />
            </span>
            <Button data-initial-focus onClick={onClose} disabled={busy}>
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
          <LastDay query={lastDay} label="What will break" quiet="Nothing should break." still="You can revoke the key all the same." />
          {state.is_active && (
            <Notice
              title="Not sure?"
              action={
                <Button size="xs" onClick={() => pause.mutate()} busy={pause.isPending} busyLabel="Pausing">
                  Pause instead
                </Button>
              }
            >
              A paused key is refused just the same, and can be resumed.
            </Notice>
          )}
          <ChildrenOffer end={end} of={1} checked={withChildren} onCheck={setWithChildren} />
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
          <Failure title="The key is not revoked." error={revoke.error} />
          <Failure title="The key is not paused." error={pause.error} />
        </>
      )}
    </Dialog>
  );
}

// `since` is the server's clock when the dialog opened, less a day.
function wasBefore(key: Key, activity: Activity | undefined): boolean {
  return key.revoked_at !== null && activity !== undefined && Date.parse(key.revoked_at) < Date.parse(activity.since) + 86_400_000;
}
