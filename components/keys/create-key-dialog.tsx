"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useRouter } from "next/navigation";
import { type ReactNode, useState } from "react";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Segmented } from "@/components/ui/segmented";
import { isApiError } from "@/lib/api";
import { formatDate } from "@/lib/format";
import { createKey } from "@/lib/keys/client";
import { CreateKey, type Key, type Scope } from "@/lib/keys/schema";
import { KeyReady, KeyReadyFooter, useUnseenSecret } from "./key-ready";
import { accessWords } from "./key-state";

export type GroupChoice = { id: string; name: string };

export type CreateKeyDialogProps = {
  org: string;
  /** At least one. */
  groups: readonly GroupChoice[];
  /** The group to begin with, where the list is filtered by one. */
  groupId?: string | undefined;
  /** The organization's. */
  scopes: readonly string[];
  /** Whether this person may make a key with access admin. */
  mayAdmin: boolean;
  /** PUBLIC_URL when it is set, else the address of this page. */
  baseUrl: string | null;
  /** The key is made; its secret is on the screen. */
  onCreated: () => void;
  onClose: () => void;
};

const expiries = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never" },
  { value: "custom", label: "On a date" },
] as const;

const accessSentences: Record<Key["access"], string> = {
  read: "Calls reading routes, and reads usage and the request log of its group.",
  write: "Calls writing routes. Reads nothing but itself.",
  full: "Calls every route in its scopes, and makes and revokes keys of its own group.",
  admin: "Everything of full for the whole organization, and its groups and settings. For your own back end only.",
};

const environmentSentences: Record<Key["environment"], string> = {
  live: "Counts against the plan and charges credits.",
  test: "Half the minute limit, a monthly quota of its own, never charges credits.",
};

type Draft = {
  name: string;
  groupId: string;
  environment: Key["environment"];
  access: Key["access"];
  scopes: readonly string[];
  expiry: (typeof expiries)[number]["value"];
  date: string;
};

/** Three decisions, the rest folded with its defaults readable; then the same dialog shows the secret. Render it while it is open. */
export function CreateKeyDialog({ org, groups, groupId, scopes, mayAdmin, baseUrl, onCreated, onClose }: CreateKeyDialogProps) {
  const queries = useQueryClient();
  const router = useRouter();
  const [draft, setDraft] = useState<Draft>({
    name: "",
    groupId: groups.find((group) => group.id === groupId)?.id ?? groups[0]?.id ?? "",
    environment: "live",
    access: "full",
    scopes,
    expiry: "365",
    date: "",
  });
  const [unfolded, setUnfolded] = useState(false);
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const create = useMutation({
    mutationFn: () => createKey(org, toInput(draft, scopes)),
    // The secret goes with this dialog.
    gcTime: 0,
    onSuccess: onCreated,
    onError: (error) => {
      if (!isApiError(error)) return;
      setWrong(error.details);
      if (Object.keys(error.details).some((path) => /^(access|scopes|expires_at)/.test(path))) setUnfolded(true);
      focusWrong();
    },
  });
  const [copied, setCopied] = useState(false);
  const [asking, setAsking] = useState(false);
  useUnseenSecret(create.data !== undefined && !copied);
  const set = (change: Partial<Draft>, ...fields: string[]) => {
    setDraft({ ...draft, ...change });
    setWrong(Object.fromEntries(Object.entries(wrong).filter(([path]) => !fields.some((field) => path.startsWith(field)))));
  };
  const close = () => {
    onClose();
    if (create.data === undefined) return;
    create.reset();
    for (const name of ["keys", "groups", "audit"]) void queries.invalidateQueries({ queryKey: [name, org] });
    router.refresh();
  };
  const submit = () => {
    const problems = problemsOf(draft);
    setWrong(problems);
    if (problems.scopes || problems.expires_at) setUnfolded(true);
    if (Object.keys(problems).length === 0) create.mutate();
    else focusWrong();
  };

  const created = create.data;
  const scopesWrong = Object.entries(wrong).find(([path]) => path.startsWith("scopes"))?.[1];
  if (created !== undefined) {
    return (
      <Dialog
        open
        size="create"
        onOpenChange={(open) => open || close()}
        onCloseAttempt={() => {
          if (!copied) setAsking(!asking);
          return copied;
        }}
        title={
          <>
            Your key “<bdi>{created.name}</bdi>” is ready
          </>
        }
        description="Copy the secret now. It is shown this once: we keep only a fingerprint of it."
        footer={<KeyReadyFooter copied={copied} asking={asking} onAsk={setAsking} onClose={close} />}
      >
        <KeyReady
          org={org}
          created={created}
          base={baseUrl ?? window.location.origin}
          groupName={groups.find((group) => group.id === created.group_id)?.name ?? ""}
          onCopied={() => setCopied(true)}
        />
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(open) => open || create.isPending || close()}
      title="Generate a key"
      description="One key per program and place: then each can be watched and revoked alone."
      onSubmit={submit}
      footer={
        <>
          <Button onClick={close} disabled={create.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={create.isPending} busyLabel="Generating">
            Generate key
          </Button>
        </>
      }
    >
      <Field label="Name" help="Who will use it, and where: “Invoice intake, Lyon”." error={sentence(wrong.name)}>
        <Input
          data-initial-focus
          value={draft.name}
          maxLength={200}
          autoComplete="off"
          required
          onChange={(event) => set({ name: event.target.value }, "name")}
          onBlur={() => draft.name !== "" && setWrong({ ...wrong, ...only(problemsOf(draft), "name") })}
        />
      </Field>
      <Field label="Group" error={sentence(wrong.group_id)}>
        <Select value={draft.groupId} onChange={(event) => set({ groupId: event.target.value }, "group_id")}>
          {groups.map((group) => (
            <option key={group.id} value={group.id}>
              {group.name}
            </option>
          ))}
        </Select>
      </Field>
      <div className="grid gap-1.5">
        <span className="font-medium">Environment</span>
        <Segmented
          label="Environment"
          value={draft.environment}
          onValueChange={(environment) => set({ environment }, "environment")}
          options={[
            { value: "live", label: "Live" },
            { value: "test", label: "Test" },
          ]}
          className="w-48 max-md:w-full"
        />
        <p className="text-sm text-fg-3">{environmentSentences[draft.environment]}</p>
      </div>

      <div className="rounded-lg border border-line">
        <button
          type="button"
          aria-expanded={unfolded}
          onClick={() => setUnfolded(!unfolded)}
          className="group/fold fast flex w-full items-center gap-2 rounded-lg px-3 py-2.5 text-left hover:bg-hover"
        >
          <ChevronRight className="fast text-fg-3 group-aria-expanded/fold:rotate-90" />
          <span className="min-w-0">
            <span className="font-medium">Access, scopes, expiry</span>
            {!unfolded && <span className="block text-sm text-fg-3">{summaryOf(draft, scopes)}</span>}
          </span>
        </button>
        {unfolded && (
          <div className="grid gap-5 border-t border-line p-4">
            <div className="grid gap-1.5">
              <span className="font-medium">Access</span>
              <Segmented
                label="Access"
                value={draft.access}
                onValueChange={(access) => set({ access }, "access")}
                options={[
                  { value: "read", label: "Read" },
                  { value: "write", label: "Write" },
                  { value: "full", label: "Full" },
                  { value: "admin", label: "Admin", disabled: !mayAdmin },
                ]}
                className="w-full max-w-96"
              />
              <p className="text-sm text-fg-3">{accessSentences[draft.access]}</p>
              {wrong.access && <Wrong>{sentence(wrong.access)}</Wrong>}
            </div>
            <fieldset className="min-w-0">
              <div className="flex items-baseline justify-between gap-3">
                <legend className="float-left font-medium">Scopes</legend>
                <button
                  type="button"
                  className="link text-sm"
                  onClick={() => set({ scopes: draft.scopes.length === scopes.length ? [] : scopes }, "scopes")}
                >
                  {draft.scopes.length === scopes.length ? "Clear all" : "Choose all"}
                </button>
              </div>
              <div className="mt-0.5 grid grid-cols-2 gap-x-4 md:grid-cols-3">
                {scopes.map((scope) => (
                  <Checkbox
                    key={scope}
                    label={<span className="mono wrap-anywhere">{scope}</span>}
                    checked={draft.scopes.includes(scope)}
                    onChange={(event) =>
                      set(
                        { scopes: scopes.filter((each) => (each === scope ? event.target.checked : draft.scopes.includes(each))) },
                        "scopes",
                      )
                    }
                  />
                ))}
              </div>
              {scopesWrong && <Wrong>{sentence(scopesWrong)}</Wrong>}
            </fieldset>
            <div className="grid gap-5 md:grid-cols-2">
              <Field
                label="Expires"
                help={draft.expiry === "never" ? "It works until somebody revokes it." : undefined}
                error={draft.expiry === "custom" ? undefined : sentence(wrong.expires_at)}
              >
                <Select value={draft.expiry} onChange={(event) => set({ expiry: event.target.value as Draft["expiry"] }, "expires_at")}>
                  {expiries.map((expiry) => (
                    <option key={expiry.value} value={expiry.value}>
                      {expiry.label}
                    </option>
                  ))}
                </Select>
              </Field>
              {draft.expiry === "custom" && (
                <Field label="Last day" help="It works until the end of that day, your time." error={sentence(wrong.expires_at)}>
                  <Input type="date" value={draft.date} onChange={(event) => set({ date: event.target.value }, "expires_at")} />
                </Field>
              )}
            </div>
          </div>
        )}
      </div>
      {create.error && <Failure error={create.error} shown={Object.keys(wrong)} />}
    </Dialog>
  );
}

function Wrong({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="text-sm text-bad-text">
      {children}
    </p>
  );
}

// A fault that has a field stands there; the rest is said here, with its request id.
function Failure({ error, shown }: { error: Error; shown: readonly string[] }) {
  const fields = /^(name|group_id|environment|access|scopes|expires_at)/;
  if (isApiError(error) && shown.some((path) => fields.test(path)) && Object.keys(error.details).every((path) => fields.test(path)))
    return null;
  const id = isApiError(error) ? error.requestId : null;
  return (
    <Notice tone="bad" role="alert" title="No key was generated.">
      {isApiError(error) && error.type === "not_found" ? "The group is gone. Choose another one." : error.message}
      {id && (
        <span className="mono flex items-center gap-1">
          {id}
          <CopyButton text={id} label="Copy request id" />
        </span>
      )}
    </Notice>
  );
}

function toInput(draft: Draft, all: readonly string[]): CreateKey {
  const expires = expiryOf(draft);
  return {
    name: draft.name.trim(),
    group_id: draft.groupId,
    environment: draft.environment,
    access: draft.access,
    ...(draft.scopes.length === all.length ? {} : { scopes: draft.scopes as Scope[] }),
    expires_at: expires === null ? null : expires.toISOString(),
  };
}

function expiryOf(draft: Draft): Date | null {
  if (draft.expiry === "never") return null;
  if (draft.expiry !== "custom") return new Date(Date.now() + Number(draft.expiry) * 86_400_000);
  const [year = 0, month = 1, day = 1] = draft.date.split("-").map(Number);
  return new Date(year, month - 1, day, 23, 59, 59);
}

function problemsOf(draft: Draft): Record<string, string> {
  const name = CreateKey.shape.name.safeParse(draft.name);
  const problems: Record<string, string> = {};
  if (!name.success)
    problems.name =
      draft.name.trim() === ""
        ? "give it a name: it is how you will find the key again"
        : (name.error.issues[0]?.message ?? "is not a name");
  if (draft.scopes.length === 0) problems.scopes = "needs at least one scope";
  if (draft.expiry === "custom" && draft.date === "") problems.expires_at = "needs a date";
  else if ((expiryOf(draft)?.getTime() ?? Number.POSITIVE_INFINITY) <= Date.now()) problems.expires_at = "must be in the future";
  return problems;
}

function focusWrong(): void {
  setTimeout(() => document.querySelector<HTMLElement>("[role=dialog] [aria-invalid=true]")?.focus());
}

function only(problems: Record<string, string>, field: string): Record<string, string> {
  return problems[field] === undefined ? {} : { [field]: problems[field] };
}

function summaryOf(draft: Draft, all: readonly string[]): string {
  const scopes = draft.scopes.length === all.length ? `all ${all.length} scopes` : `${draft.scopes.length} of ${all.length} scopes`;
  const expires = expiryOf(draft);
  const ends =
    draft.expiry === "custom" && draft.date === ""
      ? "expires on a date"
      : expires === null
        ? "never expires"
        : `expires ${formatDate(expires)}`;
  return `${accessWords[draft.access]}, ${scopes}, ${ends}`;
}

/** The API says "may not be empty"; under a field it is a sentence of its own. */
function sentence(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.charAt(0).toUpperCase() + text.slice(1);
}
