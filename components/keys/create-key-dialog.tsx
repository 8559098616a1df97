"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { AddressList } from "@/components/ui/address-list";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Segmented } from "@/components/ui/segmented";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { createKey } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import { Failure } from "./failure";
import { AccessField, MetadataField, ScopesField, sentence } from "./key-fields";
import type { GroupChoice } from "./key-filters";
import { KeyReady, KeyReadyFooter, useUnseenSecret } from "./key-ready";
import { accessWords } from "./key-state";
import { type NewKeyDraft, problemsOf, summaryOf, toInput } from "./new-key";

export type CreateKeyDialogProps = {
  org: string;
  /** At least one. */
  groups: readonly GroupChoice[];
  /** The group to begin with, where the list is filtered by one. */
  groupId?: string | undefined;
  /** The organization's. */
  scopes: readonly string[];
  /** Calls per minute that the organization allows a key. */
  requestsPerMinute: number;
  /** Whether this person may make a key with access admin. */
  mayAdmin: boolean;
  /** PUBLIC_URL when it is set, else the address of this page. */
  baseUrl: string | null;
  /** The key is made; its secret is on the screen. */
  onCreated: () => void;
  onClose: () => void;
};

const expiries: readonly { value: NewKeyDraft["expiry"]; label: string }[] = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never" },
  { value: "date", label: "On a date" },
];

const environmentSentences: Record<Key["environment"], string> = {
  live: "Counts against the plan and charges credits.",
  test: "Half the minute limit, a monthly quota of its own, never charges credits.",
};

/** What of the key each field of the draft is, as the API names it in its details. */
const paths: Record<keyof NewKeyDraft, string> = {
  name: "name",
  groupId: "group_id",
  environment: "environment",
  access: "access",
  scopes: "scopes",
  expiry: "expires_at",
  expiryDate: "expires_at",
  notBefore: "not_before",
  limit: "rate_limit_rpm",
  addresses: "allowed_ips",
  owner: "owner",
  metadata: "metadata",
};
const unfoldedPaths = ["name", "group_id", "environment"];
const isAt = (path: string, field: string) => path === field || path.startsWith(`${field}.`);
const hasField = (path: string) => Object.values(paths).some((field) => isAt(path, field));
const isFolded = (path: string) => hasField(path) && !unfoldedPaths.some((field) => isAt(path, field));

/** Three decisions, the rest folded with its defaults readable; then the same dialog shows the secret. Render it while it is open. */
export function CreateKeyDialog({ org, groups, groupId, scopes, requestsPerMinute, mayAdmin, baseUrl, ...on }: CreateKeyDialogProps) {
  const queries = useQueryClient();
  const router = useRouter();
  const [draft, setDraft] = useState<NewKeyDraft>({
    name: "",
    groupId: groups.find((group) => group.id === groupId)?.id ?? groups[0]?.id ?? "",
    environment: "live",
    access: "full",
    scopes,
    expiry: "365",
    expiryDate: "",
    notBefore: "",
    limit: "",
    addresses: [],
    owner: "member",
    metadata: [],
  });
  // "In 90 days" counts from here, so that what is copied is what is sent.
  const [openedAt] = useState(() => Date.now());
  const [unfolded, setUnfolded] = useState(false);
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const input = () => toInput(draft, scopes, openedAt);
  const create = useMutation({
    mutationFn: () => createKey(org, input()),
    // The secret goes with this dialog.
    gcTime: 0,
    onSuccess: on.onCreated,
    onError: (error) => {
      if (!isApiError(error)) return;
      setWrong(error.details);
      if (Object.keys(error.details).some(isFolded)) setUnfolded(true);
      focusWrong();
    },
  });
  const [copied, setCopied] = useState(false);
  const [asking, setAsking] = useState(false);
  useUnseenSecret(create.data !== undefined && !copied);

  const set = (change: Partial<NewKeyDraft>) => {
    setDraft({ ...draft, ...change });
    const mended = Object.keys(change).map((name) => paths[name as keyof NewKeyDraft]);
    setWrong(Object.fromEntries(Object.entries(wrong).filter(([path]) => !mended.some((field) => isAt(path, field)))));
  };
  const errorAt = (field: string) => sentence(Object.entries(wrong).find(([path]) => isAt(path, field))?.[1]);
  const close = () => {
    on.onClose();
    if (create.data === undefined) return;
    create.reset();
    for (const name of ["keys", "groups", "audit"]) void queries.invalidateQueries({ queryKey: [name, org] });
    router.refresh();
  };
  const submit = () => {
    const problems = problemsOf(draft, scopes, Date.now());
    setWrong(problems);
    if (Object.keys(problems).some(isFolded)) setUnfolded(true);
    if (Object.keys(problems).length === 0) create.mutate();
    else focusWrong();
  };

  const created = create.data;
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
        description="Its secret is shown this once: we keep only a fingerprint of it."
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
  const most = draft.environment === "test" ? Math.max(1, Math.floor(requestsPerMinute / 2)) : requestsPerMinute;
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
          <span className="mr-auto">
            <CopyAsCurl route="POST /v1/api-keys" body={input()} />
          </span>
          <Button onClick={close} disabled={create.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={create.isPending} busyLabel="Generating">
            Generate key
          </Button>
        </>
      }
    >
      <Field label="Name" help="Who will use it, and where: “Invoice intake, Lyon”." error={errorAt("name")}>
        <Input
          data-initial-focus
          value={draft.name}
          maxLength={200}
          autoComplete="off"
          required
          onChange={(event) => set({ name: event.target.value })}
          onBlur={() => {
            const { name } = problemsOf(draft, scopes, Date.now());
            if (draft.name !== "" && name) setWrong({ ...wrong, name });
          }}
        />
      </Field>
      <Field label="Group" error={errorAt("group_id")}>
        <Select value={draft.groupId} onChange={(event) => set({ groupId: event.target.value })}>
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
          onValueChange={(environment) => set({ environment })}
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
            <span className="font-medium">Access, scopes, expiry, limits</span>
            {!unfolded && <span className="block text-sm text-fg-3">{summaryOf(draft, scopes, openedAt, accessWords[draft.access])}</span>}
          </span>
        </button>
        {unfolded && (
          <div className="grid gap-5 border-t border-line p-4">
            <AccessField value={draft.access} onChange={(access) => set({ access })} mayAdmin={mayAdmin} error={errorAt("access")} />
            <ScopesField value={draft.scopes} onChange={(next) => set({ scopes: next })} all={scopes} error={errorAt("scopes")} />
            <div className="grid gap-5 md:grid-cols-2">
              <Field
                label="Expires"
                help={draft.expiry === "never" ? "It works until somebody revokes it." : undefined}
                error={draft.expiry === "date" ? undefined : errorAt("expires_at")}
              >
                <Select value={draft.expiry} onChange={(event) => set({ expiry: event.target.value as NewKeyDraft["expiry"] })}>
                  {expiries.map((expiry) => (
                    <option key={expiry.value} value={expiry.value}>
                      {expiry.label}
                    </option>
                  ))}
                </Select>
              </Field>
              {draft.expiry === "date" && (
                <Field label="Last day" help="It works until the end of that day, your time." error={errorAt("expires_at")}>
                  <Input type="date" value={draft.expiryDate} onChange={(event) => set({ expiryDate: event.target.value })} />
                </Field>
              )}
              <Field label="Works from" aside="optional" help="Until then it is refused. Empty: at once." error={errorAt("not_before")}>
                <Input type="datetime-local" value={draft.notBefore} onChange={(event) => set({ notBefore: event.target.value })} />
              </Field>
              <Field
                label="Limit"
                aside="optional"
                help={`Never above the ${formatNumber(most)} a minute that a ${draft.environment} key has here.`}
                error={errorAt("rate_limit_rpm")}
              >
                <Input
                  inputMode="numeric"
                  unit="calls a minute"
                  placeholder={formatNumber(most)}
                  autoComplete="off"
                  value={draft.limit}
                  onChange={(event) => set({ limit: event.target.value })}
                />
              </Field>
              <Field
                label="Owner"
                help={
                  draft.owner === "member"
                    ? "You are told when somebody else changes it."
                    : "It stays when people leave; owners and admins look after it."
                }
                error={errorAt("owner")}
              >
                <Select value={draft.owner} onChange={(event) => set({ owner: event.target.value as NewKeyDraft["owner"] })}>
                  <option value="member">You</option>
                  <option value="organization">The organization</option>
                </Select>
              </Field>
            </div>
            <AddressList
              label="Addresses"
              value={draft.addresses}
              onChange={(addresses) => set({ addresses })}
              errors={wrong}
              help="Only calls from these pass. Empty: from anywhere."
            />
            <MetadataField value={draft.metadata} onChange={(metadata) => set({ metadata })} error={errorAt("metadata")} />
          </div>
        )}
      </div>
      {create.error && <NotCreated org={org} error={create.error} />}
    </Dialog>
  );
}

// A fault that has a field stands there; the rest is said here, with its request id.
function NotCreated({ org, error }: { org: string; error: Error }) {
  if (!isApiError(error)) return <Failure title="No key was generated." error={error} />;
  const places = Object.keys(error.details);
  if (places.length > 0 && places.every(hasField)) return null;
  if (error.type === "conflict") {
    return (
      <Notice
        tone="warn"
        role="alert"
        title="No key was generated."
        action={
          <Link href={`/orgs/${org}/keys?sort=last_used`} className="link">
            See unused keys
          </Link>
        }
      >
        {error.message}
      </Notice>
    );
  }
  if (error.type === "not_found") {
    return (
      <Notice tone="bad" role="alert" title="No key was generated.">
        The group is gone. Choose another one.
      </Notice>
    );
  }
  return <Failure title="No key was generated." error={error} />;
}

function focusWrong(): void {
  setTimeout(() => document.querySelector<HTMLElement>("[role=dialog] [aria-invalid=true]")?.focus());
}
