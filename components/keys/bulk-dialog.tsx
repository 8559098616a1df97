"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { FailedState } from "@/components/ui/failed-state";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Skeleton } from "@/components/ui/skeleton";
import { toastDone, toastError } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { bulkKeys } from "@/lib/keys/client";
import type { BulkKeys, BulkResult, Key } from "@/lib/keys/schema";
import { ChildrenOffer, useEndWithChildren } from "./children-offer";
import { Failure } from "./failure";
import { KeyFace } from "./key-face";
import type { GroupChoice } from "./key-filters";
import { isOff } from "./key-state";
import { useKeyChanged } from "./use-key-changed";

type Action = BulkKeys["action"];

/** From more keys in use than this on, revoking asks for the number to be typed. */
const HANDFUL = 5;
const reasons = ["No longer needed", "Leaked", "Replaced", "Other"] as const;

type Words = {
  title: (keys: string) => string;
  description: string;
  act: (keys: string) => string;
  busy: string;
  back: string;
  changed: string;
  unchanged: string;
  done: (keys: string) => string;
};
const words: Record<Action, Words> = {
  pause: {
    title: (keys) => `Pause ${keys}?`,
    description: "Calls with them are refused from then on, until they are resumed.",
    act: (keys) => `Pause ${keys}`,
    busy: "Pausing",
    back: "Keep them",
    changed: "Pauses",
    unchanged: "Paused already",
    done: (keys) => `${keys} paused`,
  },
  resume: {
    title: (keys) => `Resume ${keys}?`,
    description: "Calls with them are answered again.",
    act: (keys) => `Resume ${keys}`,
    busy: "Resuming",
    back: "Cancel",
    changed: "Works again",
    unchanged: "Is not paused",
    done: (keys) => `${keys} resumed`,
  },
  revoke: {
    title: (keys) => `Revoke ${keys}?`,
    description: "Once they are revoked, calls with them are refused. That cannot be undone; pausing can.",
    act: (keys) => `Revoke ${keys}`,
    busy: "Revoking",
    back: "Keep them",
    changed: "Ends for good",
    unchanged: "Revoked already",
    done: (keys) => `${keys} revoked`,
  },
  move: {
    title: (keys) => `Move ${keys} to another group`,
    description: "Secrets stay. The limit and the addresses of the new group apply at once, and calls count there from then on.",
    act: (keys) => `Move ${keys}`,
    busy: "Moving",
    back: "Cancel",
    changed: "Moves",
    unchanged: "Is there already",
    done: (keys) => `${keys} moved`,
  },
};

const countOf = (many: number) => `${formatNumber(many)} ${many === 1 ? "key" : "keys"}`;

type BulkDialogProps = {
  org: string;
  action: Action;
  keys: readonly Key[];
  groups: readonly GroupChoice[];
  /** It is done; the selection has served. */
  onDone: () => void;
  onClose: () => void;
};

/** First what it would do to each, as the server says; then the act, all of them or none. Render it while it is open. */
export function BulkDialog({ org, action, keys: selected, groups, onDone, onClose }: BulkDialogProps) {
  const said = words[action];
  const changed = useKeyChanged(org);
  const [groupId, setGroupId] = useState("");
  const [reason, setReason] = useState<(typeof reasons)[number]>("No longer needed");
  const [other, setOther] = useState("");
  const [typed, setTyped] = useState("");
  const [withChildren, setWithChildren] = useState(false);
  // Those for which the whole was refused, and which are left out since.
  const [left, setLeft] = useState<readonly string[]>([]);
  const keys = selected.filter((key) => !left.includes(key.id));
  const leave = (ids: readonly string[]) => {
    setLeft([...left, ...ids]);
    setTyped("");
    act.reset();
  };
  const ids = keys.map((key) => key.id);
  const asked: BulkKeys = { action, ids, ...(action === "move" ? { group_id: groupId } : {}) };
  const end = useEndWithChildren(org, action === "revoke" ? ids : []);
  const goesOn = withChildren && end.children.length > 0;
  const given = reason === "Other" ? other.trim() || "Other" : reason;
  const body: BulkKeys = action === "revoke" ? { ...asked, reason: given, ...(goesOn ? { revoke_children: true } : {}) } : asked;
  const isAsked = action !== "move" || groupId !== "";
  const preview = useQuery({
    queryKey: ["bulk", org, asked],
    queryFn: () => bulkKeys(org, { ...asked, dry_run: true }),
    enabled: isAsked,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
  const act = useMutation({
    mutationFn: () => bulkKeys(org, body),
    onSuccess: (result) => {
      changed();
      onDone();
      onClose();
      const done = result.data.filter((row) => row.outcome === "changed").map((row) => row.key.id);
      const same = result.data.length - done.length;
      const undo = undoOf(action);
      toastDone(
        `${said.done(countOf(done.length))}${same === 0 ? "" : `, ${formatNumber(same)} unchanged`}`,
        undo === null || done.length === 0 ? undefined : { label: "Undo", onClick: () => void takeBack(undo, done) },
      );
    },
  });
  const takeBack = async (undo: Action, done: string[]) => {
    try {
      await bulkKeys(org, { action: undo, ids: done });
      changed();
      toastDone(words[undo].done(countOf(done.length)));
    } catch (error) {
      toastError(error instanceof Error ? error.message : "It was not undone.", (isApiError(error) && error.requestId) || undefined);
    }
  };

  const rows = (goesOn ? end.rows : preview.data?.data) ?? [];
  const changing = rows.filter((row) => row.outcome === "changed");
  const inUse = changing.filter((row) => row.calls > 0).length;
  const mustType = action === "revoke" && inUse > HANDFUL;
  const isTyped = typed.trim() === String(changing.length);
  const isNothing = preview.data !== undefined && changing.length === 0;
  const missing = !isAsked
    ? "Choose a group first"
    : preview.data === undefined
      ? "First what would happen has to be known"
      : mustType && !isTyped
        ? "Type the number of keys first"
        : undefined;
  const count = countOf(preview.data === undefined ? keys.length : changing.length);
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(open) => open || act.isPending || onClose()}
      title={said.title(countOf(keys.length))}
      description={said.description}
      onSubmit={() => missing === undefined && !isNothing && act.mutate()}
      footer={
        isNothing ? (
          <Button data-initial-focus onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <span className="mr-auto">
              <CopyAsCurl route="POST /v1/api-keys/bulk" body={body} />
            </span>
            <Button {...(action === "move" ? {} : { "data-initial-focus": true })} onClick={onClose} disabled={act.isPending}>
              {said.back}
            </Button>
            <Button
              type="submit"
              variant={action === "revoke" ? "danger" : "primary"}
              reason={missing}
              busy={act.isPending}
              busyLabel={said.busy}
            >
              {said.act(count)}
            </Button>
          </>
        )
      }
    >
      {action === "move" && (
        <Field label="Group" error={isApiError(act.error) ? act.error.details.group_id : undefined}>
          <Select data-initial-focus value={groupId} onChange={(event) => setGroupId(event.target.value)}>
            <option value="" disabled>
              Choose a group
            </option>
            {groups.map((group) => (
              <option key={group.id} value={group.id}>
                {group.name}
              </option>
            ))}
          </Select>
        </Field>
      )}
      {preview.error ? (
        <Unforeseen
          error={preview.error}
          keys={keys}
          onLeave={leave}
          onRetry={() => void preview.refetch()}
          retrying={preview.isFetching}
        />
      ) : (
        isAsked && (
          <>
            <p role="status" className="text-fg-2">
              {preview.data === undefined ? "Looking at what would happen…" : foreseen(action, rows)}
            </p>
            {preview.data === undefined ? <Waiting rows={keys.length} /> : <Preview action={action} rows={rows} asked={ids} />}
          </>
        )
      )}
      {action === "revoke" && (
        <ChildrenOffer
          end={end}
          of={keys.length}
          checked={withChildren}
          onCheck={(on) => {
            setWithChildren(on);
            setTyped("");
          }}
        />
      )}
      {action === "revoke" && !isNothing && (
        <>
          <Field label="Reason" help="Kept with each key and in the audit log.">
            <Select value={reason} onChange={(event) => setReason(event.target.value as typeof reason)}>
              {reasons.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          </Field>
          {reason === "Other" && (
            <Field label="In your words" aside="optional" error={isApiError(act.error) ? act.error.details.reason : undefined}>
              <Input value={other} maxLength={200} autoComplete="off" onChange={(event) => setOther(event.target.value)} />
            </Field>
          )}
          {mustType && (
            <Field
              label={
                <>
                  Type <b className="tabular-nums">{changing.length}</b> to revoke them all
                </>
              }
              help={`${formatNumber(inUse)} of them were called in the last 24 hours.`}
            >
              <Input inputMode="numeric" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
            </Field>
          )}
        </>
      )}
      {act.error && <NotDone error={act.error} keys={keys} onLeave={leave} />}
    </Dialog>
  );
}

function undoOf(action: Action): Action | null {
  return action === "pause" ? "resume" : action === "resume" ? "pause" : null;
}

function foreseen(action: Action, rows: BulkResult["data"]): ReactNode {
  const changing = rows.filter((row) => row.outcome === "changed");
  const calls = changing.reduce((sum, row) => sum + row.calls, 0);
  const same = rows.length - changing.length;
  if (changing.length === 0) return "Nothing to do: all of them are so already.";
  return (
    <>
      {same > 0 &&
        `${countOf(changing.length)} will change, ${formatNumber(same)} ${same === 1 ? "stays" : "stay"} as ${same === 1 ? "it is" : "they are"}. `}
      {calls === 0
        ? "Nobody called with them in the last 24 hours."
        : `${formatNumber(calls)} ${calls === 1 ? "call" : "calls"} in the last 24 hours${action === "pause" || action === "revoke" ? ": such calls will be refused." : "."}`}
    </>
  );
}

function Preview({ action, rows, asked }: { action: Action; rows: BulkResult["data"]; asked: readonly string[] }) {
  const said = words[action];
  const isAsked = new Set(asked);
  const sorted = [...rows].sort((a, b) => Number(b.outcome === "changed") - Number(a.outcome === "changed") || b.calls - a.calls);
  return (
    <section
      aria-label="What happens to each"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="max-h-64 overflow-y-auto overscroll-contain rounded-lg border border-line"
    >
      <table className="w-full table-fixed">
        <colgroup>
          <col />
          <col className="w-32 max-md:w-24" />
          <col className="w-24 max-md:w-17" />
        </colgroup>
        <thead>
          <tr className="*:sticky *:top-0 *:z-1 *:h-8 *:border-b *:border-line *:bg-page *:px-3 *:text-left *:text-sm *:font-quiet *:text-fg-3 max-md:*:px-2">
            <th scope="col">Key</th>
            <th scope="col">What happens</th>
            <th scope="col" className="text-right!">
              Calls, 24 h
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map(({ key, outcome, calls }) => (
            <tr key={key.id} className="*:h-11 *:border-b *:border-line *:px-3 last:*:border-0 max-md:*:px-2 max-md:*:py-1">
              <td>
                <span className="flex min-w-0 items-center gap-2.5">
                  <KeyFace prefix={key.key_prefix} off={isOff(key)} />
                  <span className="grid min-w-0">
                    <bdi className="cut text-left font-medium" title={key.name}>
                      {key.name}
                    </bdi>
                    <span className="mono text-sm break-all text-fg-3" translate="no">
                      {key.key_prefix}
                    </span>
                  </span>
                </span>
              </td>
              <td className={outcome === "changed" ? undefined : "text-fg-3"}>
                {outcome !== "changed" ? said.unchanged : isAsked.has(key.id) ? said.changed : "Ends too"}
              </td>
              <td className="text-right tabular-nums">{formatNumber(calls)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Waiting({ rows }: { rows: number }) {
  return (
    <div aria-busy="true" className="max-h-64 overflow-hidden rounded-lg border border-line pt-8">
      {Array.from({ length: Math.min(rows, 5) }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
        <div key={row} className="flex h-11 items-center gap-3 border-t border-line px-3">
          <Skeleton className="size-5 flex-none" />
          <Skeleton className="w-40" />
          <Skeleton className="ml-auto w-16" />
        </div>
      ))}
    </div>
  );
}

type RefusalProps = { error: Error; keys: readonly Key[]; onLeave: (ids: readonly string[]) => void };

function Unforeseen({ onRetry, retrying, ...refusal }: RefusalProps & { onRetry: () => void; retrying: boolean }) {
  const { error, keys } = refusal;
  if (inTheWay(error, keys).length > 0) return <NotDone {...refusal} />;
  return (
    <FailedState
      boxed
      title="What would happen is not known"
      onRetry={onRetry}
      retrying={retrying}
      requestId={(isApiError(error) && error.requestId) || undefined}
    >
      {error.message} Nothing was changed.
    </FailedState>
  );
}

/** All or none: those that stand in the way are named, and can be left out. */
function NotDone({ error, keys, onLeave }: RefusalProps) {
  const named = inTheWay(error, keys);
  if (named.length === 0) return <Failure title="Nothing was changed." error={error} />;
  const most = 5;
  return (
    <Notice
      tone="warn"
      role="alert"
      title={`${countOf(named.length)} of these ${formatNumber(keys.length)} cannot be changed so.`}
      action={
        named.length < keys.length && (
          <Button size="xs" onClick={() => onLeave(named.map(({ key }) => key.id))}>
            {named.length === 1 ? "Leave it out" : "Leave them out"}
          </Button>
        )
      }
    >
      <ul>
        {named.slice(0, most).map(({ key, why }) => (
          <li key={key.id}>{why}</li>
        ))}
        {named.length > most && <li>And {formatNumber(named.length - most)} more.</li>}
      </ul>
    </Notice>
  );
}

/** The details of a refusal name keys by their ids. */
function inTheWay(error: Error, keys: readonly Key[]): { key: Key; why: string }[] {
  if (!isApiError(error)) return [];
  return keys.flatMap((key) => {
    const why = error.details[key.id];
    return why === undefined ? [] : [{ key, why }];
  });
}
