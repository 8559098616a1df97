"use client";

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { DefinitionList } from "@/components/ui/definition-list";
import { Dialog } from "@/components/ui/dialog";
import { Notice } from "@/components/ui/notice";
import { Segmented } from "@/components/ui/segmented";
import { Time } from "@/components/ui/time";
import { toastDone } from "@/components/ui/toaster";
import { formatExact, formatNumber } from "@/lib/format";
import { extendRotation, finishRotation } from "@/lib/keys/client";
import type { Key, RotationView } from "@/lib/keys/schema";
import { Failure } from "./failure";
import type { Verdict } from "./quiet";
import { useKeyChanged } from "./use-key-changed";

type FinishDialogProps = {
  org: string;
  state: Key;
  /** Undefined while who calls is not known. */
  view: RotationView | undefined;
  verdict: Verdict | null;
  onClose: () => void;
};

/** Ends the old secret before its time, and shows who would be refused. */
export function FinishDialog({ org, state, view, verdict, onClose }: FinishDialogProps) {
  const changed = useKeyChanged(org);
  const finish = useMutation({
    mutationFn: () => finishRotation(org, state.id),
    onSuccess: (key) => {
      changed(key);
      onClose();
      toastDone(`The old secret of ${key.name} has stopped working`);
    },
  });
  const old = view?.old;
  return (
    <Dialog
      open
      onOpenChange={(open) => open || finish.isPending || onClose()}
      title={
        <>
          End the old secret of <bdi>{state.name}</bdi> now?
        </>
      }
      description={
        <>
          Calls with <span className="mono">{state.rotation?.old_key_prefix}</span> are refused from then on. The new secret goes on
          working.
        </>
      }
      onSubmit={() => finish.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl route="POST /v1/api-keys/{id}/rotate/finish" params={{ id: state.id }} />
          </span>
          <Button data-initial-focus onClick={onClose} disabled={finish.isPending}>
            Keep both
          </Button>
          <Button type="submit" variant="danger" busy={finish.isPending} busyLabel="Finishing">
            Finish rotation
          </Button>
        </>
      }
    >
      {verdict === null || old === undefined ? (
        <Notice tone="warn" title="Who still calls with it is not known just now." />
      ) : (
        <Notice tone={verdict.isSafe ? "ok" : "warn"} title={verdict.isSafe ? "Nothing should break." : "Somebody may still need it."}>
          {verdict.sentence}
        </Notice>
      )}
      {old && old.calls > 0 && (
        <section aria-label="Who would be refused" className="grid gap-2">
          <h3 className="font-medium">With the old secret, since the rotation began</h3>
          <DefinitionList
            boxed
            items={[
              { term: "Calls", value: formatNumber(old.calls) },
              ...(old.last_used_at ? [{ term: "Last call", value: <Time iso={old.last_used_at} /> }] : []),
              {
                term: "Addresses",
                value: (
                  <ul>
                    {old.addresses.slice(0, 5).map(({ ip, country, calls }) => (
                      <li key={`${ip} ${country}`}>
                        <span className="mono">{ip ?? "—"}</span> {country}{" "}
                        <span className="text-fg-3">
                          {formatNumber(calls)} {calls === 1 ? "call" : "calls"}
                        </span>
                      </li>
                    ))}
                    {old.addresses.length > 5 && <li className="text-fg-3">and {formatNumber(old.addresses.length - 5)} more</li>}
                  </ul>
                ),
              },
              {
                term: "Agents",
                value: (
                  <ul>
                    {old.agents.slice(0, 3).map(({ user_agent }) => (
                      <li key={user_agent ?? ""}>{user_agent ?? "No agent named"}</li>
                    ))}
                    {old.agents.length > 3 && <li className="text-fg-3">and {formatNumber(old.agents.length - 3)} more</li>}
                  </ul>
                ),
              },
            ]}
          />
        </section>
      )}
      <Failure title="The old secret still works." error={finish.error} />
    </Dialog>
  );
}

const HOUR = 3_600_000;
const extensions = [
  { value: "3600", label: "1 h" },
  { value: "86400", label: "24 h" },
  { value: "604800", label: "7 days" },
] as const;

/** Lets the old secret live longer, counted from now. */
export function ExtendDialog({ org, state, onClose }: { org: string; state: Key; onClose: () => void }) {
  const changed = useKeyChanged(org);
  const endsAt = Date.parse(state.rotation?.ends_at ?? state.created_at);
  const latest = state.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(state.expires_at);
  const later = (seconds: string, byMs = 0) => Math.min(Date.now() + Number(seconds) * 1000, latest) > endsAt + byMs;
  const [seconds, setSeconds] = useState<(typeof extensions)[number]["value"]>(
    extensions.find(({ value }) => later(value, HOUR))?.value ?? "604800",
  );
  const body = { grace_seconds: Number(seconds) };
  const end = Math.min(Date.now() + body.grace_seconds * 1000, latest);
  const isLater = later(seconds);
  const extend = useMutation({
    mutationFn: () => extendRotation(org, state.id, body),
    onSuccess: (key) => {
      changed(key);
      onClose();
      toastDone(key.rotation ? `Both secrets work until ${formatExact(new Date(key.rotation.ends_at))}` : "The rotation has ended");
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => open || extend.isPending || onClose()}
      title="How much longer may the old secret work?"
      description={`Counted from now. As it stands, it stops on ${formatExact(new Date(endsAt))}.`}
      onSubmit={() => isLater && extend.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl route="POST /v1/api-keys/{id}/rotate/extend" params={{ id: state.id }} body={body} />
          </span>
          <Button onClick={onClose} disabled={extend.isPending}>
            Cancel
          </Button>
          <Button
            type="submit"
            variant="primary"
            busy={extend.isPending}
            busyLabel="Extending"
            {...(isLater ? {} : { reason: "It would not end later than now" })}
          >
            Extend rotation
          </Button>
        </>
      }
    >
      <div className="grid gap-1.5">
        <Segmented
          label="Longer by"
          value={seconds}
          onValueChange={setSeconds}
          options={extensions.map((each) => ({ ...each, disabled: !later(each.value) }))}
          className="w-full"
        />
        <p className="text-sm text-fg-3">
          {isLater
            ? `Both secrets work until about ${formatExact(new Date(end))}.`
            : end === latest
              ? "The key itself expires then, and both secrets with it."
              : "It lives longer than that already."}
          {isLater && end === latest && " The key itself expires then."}
        </p>
      </div>
      <Failure title="The rotation is not extended." error={extend.error} />
    </Dialog>
  );
}
