"use client";

import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { toastDone } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { pauseKey, resumeKey } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import { Failure } from "./failure";
import { LastDay, useLastDay } from "./last-day";
import { useKeyChanged } from "./use-key-changed";

const endedWords: { [status in Key["status"]]?: string } = { revoked: "is revoked", expired: "has expired" };

/** Pauses a key that works, resumes one that is paused. Render it while it is open; `state` is the key as it is now. */
export function PauseDialog({ org, state, onClose }: { org: string; state: Key; onClose: () => void }) {
  const changed = useKeyChanged(org);
  // What it was opened for stays, whatever somebody else does meanwhile.
  const [resuming] = useState(state.status === "paused");
  const [reason, setReason] = useState("");
  const lastDay = useLastDay(org, state.id);
  const mine = useRef(false);
  const given = reason.trim() === "" ? {} : { reason: reason.trim() };
  const act = useMutation({
    mutationFn: () => {
      mine.current = true;
      return resuming ? resumeKey(org, state.id) : pauseKey(org, state.id, given);
    },
    onError: () => {
      mine.current = false;
    },
    onSuccess: (key) => {
      changed(key);
      onClose();
      toastDone(resuming ? `${key.name} works again` : `${key.name} is paused`);
    },
  });
  const beaten = !mine.current && (state.revoked_at !== null || (state.status === "paused") !== resuming);
  const name = <bdi>{state.name}</bdi>;
  if (beaten) {
    return (
      <Dialog
        open
        onOpenChange={(open) => open || onClose()}
        title={
          <>
            {name} {endedWords[state.status] ?? (resuming ? "works again already" : "is paused already")}
          </>
        }
        description="That happened while this dialog was open. Nothing is left to do."
        footer={<Button onClick={onClose}>Close</Button>}
      />
    );
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => open || act.isPending || onClose()}
      title={
        <>
          {resuming ? "Resume" : "Pause"} {name}?
        </>
      }
      description={
        resuming
          ? "Its secrets work again at once, with the limits, scopes and addresses it has."
          : "Every call with it is refused until somebody resumes it. Secrets, limits and history stay as they are."
      }
      onSubmit={() => act.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl
              route={`POST /v1/api-keys/{id}/${resuming ? "resume" : "pause"}`}
              params={{ id: state.id }}
              {...(resuming ? {} : { body: given })}
            />
          </span>
          <Button data-initial-focus={resuming ? undefined : true} onClick={onClose} disabled={act.isPending}>
            {resuming ? "Keep it paused" : "Keep it"}
          </Button>
          <Button type="submit" variant="primary" busy={act.isPending} busyLabel={resuming ? "Resuming" : "Pausing"}>
            {resuming ? "Resume key" : "Pause key"}
          </Button>
        </>
      }
    >
      {!resuming && (
        <>
          <LastDay query={lastDay} label="What will be refused" quiet="Nothing should break." still="You can pause the key all the same." />
          <Field
            label="Reason"
            aside="optional"
            help="Kept in the audit log."
            error={isApiError(act.error) ? act.error.details.reason : undefined}
          >
            <Input value={reason} maxLength={200} autoComplete="off" onChange={(event) => setReason(event.target.value)} />
          </Field>
        </>
      )}
      <Failure title={resuming ? "The key is still paused." : "The key is not paused."} error={act.error} />
    </Dialog>
  );
}
