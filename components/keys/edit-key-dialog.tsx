"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { AddressList } from "@/components/ui/address-list";
import { Button } from "@/components/ui/button";
import { type ChangeRow, Changes } from "@/components/ui/changes";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { toastDone } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { formatDate, formatNumber } from "@/lib/format";
import { groupsQuery } from "@/lib/groups/client";
import { suggestionsQuery, updateKey } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import { orgQuery } from "@/lib/orgs/client";
import { Failure } from "./failure";
import { bodyOf, changesOf, type Draft, draftOf, lossesOf, problemsOf } from "./key-draft";
import { AccessField, MetadataField, ScopesField, sentence } from "./key-fields";
import { useLastDay } from "./last-day";
import { useKeyChanged } from "./use-key-changed";

type EditKeyDialogProps = {
  org: string;
  state: Key;
  /** What a suggestion proposes; the dialog opens at it. */
  proposed?: Partial<Pick<Draft, "allowed_ips" | "scopes">> | undefined;
  /** Whether this person may give access admin. The API asks again. */
  mayAdmin?: boolean | undefined;
  onClose: () => void;
};

/** Every field that may change, and before it is saved what becomes of each. Render it while it is open. */
export function EditKeyDialog({ org, state, proposed = {}, mayAdmin = true, onClose }: EditKeyDialogProps) {
  const changed = useKeyChanged(org);
  // The key as it was when the dialog opened: what somebody else changes meanwhile is not sent back.
  const [base, setBase] = useState(state);
  const [draft, setDraft] = useState<Draft>({ ...draftOf(state), ...proposed });
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const groups = useQuery(groupsQuery(org)).data?.data ?? [];
  const organization = useQuery(orgQuery(org)).data;
  const lastDay = useLastDay(org, state.id).data;
  const suggestions = useQuery(suggestionsQuery(org, state.id)).data;
  const update = useMutation({
    mutationFn: () => updateKey(org, base.id, bodyOf(base, draft, Date.now())),
    onSuccess: (key) => {
      changed(key);
      onClose();
      toastDone(`${key.name} is changed`);
    },
    onError: (error) => {
      if (!isApiError(error)) return;
      setWrong(error.details);
      focusWrong();
    },
  });
  const now = Date.now();
  const groupName = (id: string) => groups.find((group) => group.id === id)?.name ?? "An archived group";
  const changes = changesOf(base, draft, now, groupName);
  const losses = lossesOf(base, draft, now, {
    addresses: suggestions && lastDay ? [...suggestions.addresses, ...lastDay.addresses] : undefined,
    usedScopes: suggestions?.scopes.used,
  });
  // A key keeps scopes that its organization has lost, until they are taken away here.
  const scopes = [...new Set([...(organization?.scopes ?? []), ...base.scopes])];
  const overtaken = update.isPending ? [] : changesOf(base, draftOf(state), now, groupName);

  const set = (change: Partial<Draft>, field: string) => {
    setDraft({ ...draft, ...change });
    setWrong(Object.fromEntries(Object.entries(wrong).filter(([path]) => !path.startsWith(field))));
  };
  const error = (field: string) => sentence(Object.entries(wrong).find(([path]) => path === field || path.startsWith(`${field}.`))?.[1]);
  const submit = () => {
    if (changes.length === 0) return;
    const problems = problemsOf(base, draft, Date.now());
    setWrong(problems);
    if (Object.keys(problems).length === 0) update.mutate();
    else focusWrong();
  };

  if (state.status === "revoked" && !update.isPending) {
    return (
      <Dialog
        open
        onOpenChange={(open) => open || onClose()}
        title={
          <>
            <bdi>{state.name}</bdi> is revoked
          </>
        }
        description="That happened while this dialog was open. A revoked key does not change any more."
        footer={<Button onClick={onClose}>Close</Button>}
      />
    );
  }
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(open) => open || update.isPending || onClose()}
      title={
        <>
          Edit <bdi>{base.name}</bdi>
        </>
      }
      description="A change holds for the next call. Secrets and history stay as they are."
      onSubmit={submit}
      summary={<Preview changes={changes} losses={losses} />}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl route="PATCH /v1/api-keys/{id}" params={{ id: base.id }} body={bodyOf(base, draft, now)} />
          </span>
          <Button onClick={onClose} disabled={update.isPending}>
            Cancel
          </Button>
          <Button
            type="submit"
            variant="primary"
            busy={update.isPending}
            busyLabel="Saving"
            {...(changes.length === 0 ? { reason: "Nothing is changed yet" } : {})}
          >
            Save changes
          </Button>
        </>
      }
    >
      {overtaken.length > 0 && (
        <Notice
          tone="warn"
          role="status"
          title="Somebody else changed this key."
          action={
            <Button
              size="xs"
              onClick={() => {
                setBase(state);
                setDraft(draftOf(state));
                setWrong({});
              }}
            >
              Show theirs
            </Button>
          }
        >
          {overtaken.map(({ label }) => label).join(", ")}. What you save here changes only what you changed.
        </Notice>
      )}
      <div className="grid gap-5 md:grid-cols-2">
        <Field label="Name" error={error("name")}>
          <Input
            data-initial-focus={Object.keys(proposed).length === 0 ? true : undefined}
            value={draft.name}
            maxLength={200}
            autoComplete="off"
            onChange={(event) => set({ name: event.target.value }, "name")}
          />
        </Field>
        <Field label="Group" error={error("group_id")}>
          <Select value={draft.group_id} onChange={(event) => set({ group_id: event.target.value }, "group_id")}>
            {!groups.some((group) => group.id === base.group_id) && <option value={base.group_id}>{groupName(base.group_id)}</option>}
            {groups.map((group) => (
              <option key={group.id} value={group.id}>
                {group.name}
              </option>
            ))}
          </Select>
        </Field>
      </div>
      <AccessField
        value={draft.access}
        onChange={(access) => set({ access }, "access")}
        mayAdmin={mayAdmin || base.access === "admin"}
        error={error("access")}
      />
      <Place of="Suggested scopes" isProposed={proposed.scopes !== undefined}>
        <ScopesField value={draft.scopes} onChange={(chosen) => set({ scopes: chosen }, "scopes")} all={scopes} error={error("scopes")} />
      </Place>
      <Place of="Suggested addresses" isProposed={proposed.allowed_ips !== undefined}>
        <AddressList
          label="Allowed addresses"
          value={draft.allowed_ips}
          onChange={(allowed_ips) => set({ allowed_ips }, "allowed_ips")}
          errors={wrong}
          help="One address or range a line. Empty: any address that its group and the organization allow."
        />
      </Place>
      <div className="grid gap-5 md:grid-cols-2">
        <Field
          label="Limit of its own"
          aside="optional"
          error={error("rate_limit_rpm")}
          help={organization && `It may only lower the organization’s ${formatNumber(organization.requests_per_minute)} a minute.`}
        >
          <Input
            value={draft.limit}
            inputMode="numeric"
            autoComplete="off"
            unit="calls a minute"
            onChange={(event) => set({ limit: event.target.value.replace(/\D/g, "") }, "rate_limit_rpm")}
          />
        </Field>
        <Field label="Works from" aside="optional" error={error("not_before")} help="Your time. Until then it is refused.">
          <Input
            type="datetime-local"
            value={draft.not_before}
            onChange={(event) => set({ not_before: event.target.value }, "not_before")}
          />
        </Field>
        <Field
          label="Expires"
          help={draft.expiry === "never" ? "It works until somebody revokes it." : undefined}
          error={draft.expiry === "date" ? undefined : error("expires_at")}
        >
          <Select value={draft.expiry} onChange={(event) => set({ expiry: event.target.value as Draft["expiry"] }, "expires_at")}>
            <option value="same">{base.expires_at === null ? "Never, as now" : `${formatDate(new Date(base.expires_at))}, as now`}</option>
            <option value="30">In 30 days</option>
            <option value="90">In 90 days</option>
            <option value="365">In a year</option>
            {base.expires_at !== null && <option value="never">Never</option>}
            <option value="date">On a date</option>
          </Select>
        </Field>
        {draft.expiry === "date" && (
          <Field label="Last day" help="It works until the end of that day, your time." error={error("expires_at")}>
            <Input type="date" value={draft.expiry_date} onChange={(event) => set({ expiry_date: event.target.value }, "expires_at")} />
          </Field>
        )}
        <Field label="Owner" help="Hears when somebody else rotates, pauses or revokes it." error={error("owner")}>
          <Select value={draft.owner} onChange={(event) => set({ owner: event.target.value as Draft["owner"] }, "owner")}>
            <option value="same">{base.owner.type === "organization" ? "The organization, as now" : `${base.owner.name}, as now`}</option>
            {base.owner.type === "organization" ? (
              <option value="member">You</option>
            ) : (
              <option value="organization">The organization</option>
            )}
          </Select>
        </Field>
      </div>
      <MetadataField value={draft.metadata} onChange={(metadata) => set({ metadata }, "metadata")} error={error("metadata")} />
      <Failure title="Nothing was changed." error={hasField(update.error) ? null : update.error} />
    </Dialog>
  );
}

/** Where a suggestion was filled in the dialog begins, so that it is seen. */
function Place({ of, isProposed, children }: { of: string; isProposed: boolean; children: ReactNode }) {
  if (!isProposed) return children;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would name what has a label of its own
    <div role="group" aria-label={of} tabIndex={-1} data-initial-focus className="-m-2 rounded-lg bg-page p-2 focus-visible:outline-none">
      {children}
    </div>
  );
}

function Preview({ changes, losses }: { changes: readonly ChangeRow[]; losses: readonly string[] }) {
  const said = changes.length + losses.length;
  // As it grows it must not hide the field that is being filled in.
  useEffect(() => {
    const field = document.activeElement;
    if (said > 0 && field?.matches("[role=dialog] :is(input, textarea, select)")) field.scrollIntoView({ block: "nearest" });
  }, [said]);
  return (
    <section
      aria-label="What changes"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="grid max-h-[30dvh] gap-2 overflow-y-auto overscroll-contain rounded-lg"
    >
      {losses.length > 0 && (
        <Notice tone="warn" title="This takes something away.">
          <ul>
            {losses.map((loss) => (
              <li key={loss}>{loss}</li>
            ))}
          </ul>
        </Notice>
      )}
      {changes.length === 0 ? <p className="text-fg-3">Nothing is changed yet.</p> : <Changes changes={changes} />}
    </section>
  );
}

const fields = /^(name|group_id|access|scopes|rate_limit_rpm|allowed_ips|expires_at|not_before|owner|metadata)(\.|$)/;

/** A fault that has a field stands there. */
function hasField(error: Error | null): boolean {
  if (!isApiError(error)) return false;
  const paths = Object.keys(error.details);
  return paths.length > 0 && paths.every((path) => fields.test(path));
}

function focusWrong(): void {
  setTimeout(() => document.querySelector<HTMLElement>("[role=dialog] [aria-invalid=true], [role=dialog] [role=alert]")?.focus());
}
