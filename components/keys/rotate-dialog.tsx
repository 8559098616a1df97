"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Segmented } from "@/components/ui/segmented";
import { Time } from "@/components/ui/time";
import { isApiError } from "@/lib/api";
import { formatExact } from "@/lib/format";
import { groupsQuery } from "@/lib/groups/client";
import { rotateKey } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import { Failure } from "./failure";
import { KeyReady, KeyReadyFooter, useUnseenSecret } from "./key-ready";
import { LastDay, useLastDay } from "./last-day";
import { useKeyChanged } from "./use-key-changed";

const graces = [
  { value: "0", label: "At once" },
  { value: "3600", label: "1 h" },
  { value: "86400", label: "24 h" },
  { value: "604800", label: "7 days" },
  { value: "2592000", label: "30 days" },
] as const;
type Grace = (typeof graces)[number]["value"];

type RotateDialogProps = {
  org: string;
  state: Key;
  /** PUBLIC_URL when it is set, else the address of this page. */
  baseUrl?: string | null | undefined;
  /** What to begin with: at once where the old secret is in wrong hands. */
  begin?: Grace | undefined;
  onClose: () => void;
};

/** Asks how long the old secret lives on; then the same dialog shows the new one. Render it while it is open. */
export function RotateDialog({ org, state, baseUrl, begin = "86400", onClose }: RotateDialogProps) {
  const changed = useKeyChanged(org);
  const groups = useQuery(groupsQuery(org));
  const lastDay = useLastDay(org, state.id);
  const [grace, setGrace] = useState<Grace>(begin);
  const [reason, setReason] = useState("");
  // Somebody else's rotation may begin while this is open; one's own shows its secret instead.
  const running = state.rotation;
  const seconds = running === null ? Number(grace) : 0;
  const body = { grace_seconds: seconds, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) };
  const rotate = useMutation({
    mutationFn: () => rotateKey(org, state.id, body),
    // The secret goes with this dialog.
    gcTime: 0,
  });
  const [copied, setCopied] = useState(false);
  const [asking, setAsking] = useState(false);
  useUnseenSecret(rotate.data !== undefined && !copied);
  const name = <bdi>{state.name}</bdi>;

  const rotated = rotate.data;
  if (rotated !== undefined) {
    const { secret: _, ...key } = rotated;
    const close = () => {
      onClose();
      rotate.reset();
      changed(key);
    };
    return (
      <Dialog
        open
        size="create"
        onOpenChange={(open) => open || close()}
        onCloseAttempt={() => {
          if (!copied) setAsking(!asking);
          return copied;
        }}
        title={<>The new secret of “{name}” is ready</>}
        description={
          rotated.rotation === null ? (
            "It is shown this once. Every older secret has stopped working."
          ) : (
            <>
              It is shown this once. The old one, <span className="mono">{rotated.rotation.old_key_prefix}</span>, works until{" "}
              {formatExact(new Date(rotated.rotation.ends_at))}.
            </>
          )
        }
        footer={<KeyReadyFooter copied={copied} asking={asking} onAsk={setAsking} onClose={close} />}
      >
        <KeyReady
          org={org}
          created={rotated}
          base={baseUrl ?? window.location.origin}
          groupName={groups.data?.data.find((group) => group.id === rotated.group_id)?.name ?? ""}
          onCopied={() => setCopied(true)}
        />
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(open) => open || rotate.isPending || onClose()}
      title={running === null ? <>Rotate the secret of {name}?</> : <>{name} is rotating already</>}
      description={
        running === null ? (
          "It gets a new secret, shown once. Its id, limits, scopes and history stay as they are."
        ) : (
          <>
            Two secrets work until {formatExact(new Date(running.ends_at))}. A key has at most two, so another one can only take their
            place.
          </>
        )
      }
      onSubmit={() => rotate.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl route="POST /v1/api-keys/{id}/rotate" params={{ id: state.id }} body={body} />
          </span>
          <Button data-initial-focus onClick={onClose} disabled={rotate.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant={seconds === 0 ? "danger" : "primary"} busy={rotate.isPending} busyLabel="Rotating">
            {running === null ? "Rotate secret" : "End all older secrets now"}
          </Button>
        </>
      }
    >
      <LastDay
        query={lastDay}
        label="Who needs the new secret"
        quiet="No program seems to wait for the new secret."
        still="You can rotate the secret all the same."
      />
      {running === null ? (
        <div className="grid gap-1.5">
          <span className="font-medium">The old secret works on for</span>
          <Segmented label="The old secret works on for" value={grace} onValueChange={setGrace} options={graces} className="w-full" />
          <GraceSentence seconds={seconds} expiresAt={state.expires_at} />
        </div>
      ) : (
        <Notice tone="warn" title="Both secrets that work now stop at once.">
          The newer one, <span className="mono">{state.key_prefix}</span>, and the old one,{" "}
          <span className="mono">{running.old_key_prefix}</span>
          {running.old_last_used_at !== null && (
            <>
              {" "}
              <span className="whitespace-nowrap">
                (last used <Time iso={running.old_last_used_at} className="inline-block first-letter:lowercase" />)
              </span>
            </>
          )}
          . Only the secret you are shown next works then.
        </Notice>
      )}
      <Field
        label="Reason"
        aside="optional"
        help="Kept in the audit log."
        error={isApiError(rotate.error) ? rotate.error.details.reason : undefined}
      >
        <Input value={reason} maxLength={200} autoComplete="off" onChange={(event) => setReason(event.target.value)} />
      </Field>
      <Failure title="The secret is not rotated." error={rotate.error} />
    </Dialog>
  );
}

function GraceSentence({ seconds, expiresAt }: { seconds: number; expiresAt: string | null }) {
  if (seconds === 0) return <p className="text-sm text-bad-text">Every program that still has the old secret is refused from then on.</p>;
  const end = Date.now() + seconds * 1000;
  if (expiresAt !== null && Date.parse(expiresAt) <= end) {
    return (
      <p className="text-sm text-warn-text">
        The key itself expires before that, on {formatExact(new Date(expiresAt))}: both secrets end there.
      </p>
    );
  }
  return (
    <p className="text-sm text-fg-3">
      Both secrets work until about {formatExact(new Date(end))}; then the old one stops by itself. You can end it earlier, or extend it.
    </p>
  );
}
