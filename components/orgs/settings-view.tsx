"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { type ReactNode, useState } from "react";
import { flushSync } from "react-dom";
import { Failure } from "@/components/keys/failure";
import { AddressList } from "@/components/ui/address-list";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Checkbox } from "@/components/ui/checkbox";
import { Choice } from "@/components/ui/choice";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { Field, Input } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { PageHeader } from "@/components/ui/page-header";
import { Pill } from "@/components/ui/pill";
import { Time } from "@/components/ui/time";
import { toastDone } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { orgQuery, updateOrg } from "@/lib/orgs/client";
import type { Org } from "@/lib/orgs/schema";
import { changedOf, draftOf, isNarrower, problemsOf, type SettingsDraft } from "./settings-draft";

const sections = [
  { id: "general", label: "General" },
  { id: "addresses", label: "Addresses" },
  { id: "key-management", label: "Key management" },
  { id: "leaked-keys", label: "Leaked keys" },
  { id: "plan", label: "Plan and limits" },
] as const;

const leakPolicies = [
  {
    value: "revoke",
    label: "Revoke it at once",
    help: "Its calls stop being answered, and its owners are told. Whoever found it can do nothing with it; nor can your programs until they have a new key.",
  },
  {
    value: "flag",
    label: "Flag it and tell its owners",
    help: "It works on until a person rotates or revokes it. For keys whose sudden end would do more harm than a stranger’s calls.",
  },
] as const;

const fieldNames: Record<keyof SettingsDraft, string> = {
  name: "name",
  allowed_ips: "addresses",
  keys_manage_keys: "key management",
  leak_policy: "leaked keys",
};

export function SettingsView({ slug, org: initial, mayEdit }: { slug: string; org: Org; mayEdit: boolean }) {
  const org = useQuery({ ...orgQuery(slug), initialData: initial, refetchInterval: 10_000 }).data;
  return (
    <>
      <PageHeader title="Settings">
        {mayEdit ? "What holds for every key and group of the organization." : "Admins and owners of the organization change them."}
      </PageHeader>
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-12 lg:grid-cols-[160px_minmax(0,var(--w-read))]">
        <nav aria-label="Sections" className="sticky top-[calc(var(--header)+24px)] max-lg:hidden">
          <ul className="grid gap-px">
            {sections.map((section) => (
              <li key={section.id}>
                <a href={`#${section.id}`} className="fast block rounded-md px-2 py-1 text-fg-2 hover:bg-hover hover:text-fg">
                  {section.label}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        {mayEdit ? <Form slug={slug} org={org} /> : <Facts org={org} />}
      </div>
    </>
  );
}

function Form({ slug, org }: { slug: string; org: Org }) {
  const router = useRouter();
  const queries = useQueryClient();
  // Only what this person touched: the rest follows what others save meanwhile.
  const [edits, setEdits] = useState<Partial<SettingsDraft>>({});
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const draft = { ...draftOf(org), ...edits };
  const changed = changedOf(org, draft);
  const names = (Object.keys(changed) as (keyof SettingsDraft)[]).map((field) => fieldNames[field]);
  const set = (change: Partial<SettingsDraft>) => {
    setEdits({ ...edits, ...change });
    setWrong(Object.fromEntries(Object.entries(wrong).filter(([path]) => !((path.split(".")[0] ?? "") in change))));
  };
  const show = (problems: Record<string, string>) => {
    flushSync(() => setWrong(problems));
    document.querySelector<HTMLElement>("#main [aria-invalid=true]")?.focus();
  };
  const save = useMutation({
    mutationFn: () => updateOrg(slug, changed),
    onSuccess: (saved) => {
      queries.setQueryData(orgQuery(slug).queryKey, saved);
      setEdits({});
      for (const name of ["audit", "keys", "groups"]) void queries.invalidateQueries({ queryKey: [name, slug] });
      toastDone("Settings saved");
      router.refresh();
    },
    onError: (error) => isApiError(error) && show(error.details),
  });
  const discard = () => {
    setEdits({});
    setWrong({});
    save.reset();
  };
  const atFields = isApiError(save.error) && Object.keys(save.error.details).some((path) => /^(name|allowed_ips)/.test(path));
  return (
    <form
      noValidate
      className="grid grid-cols-[minmax(0,1fr)] gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        const problems = problemsOf(changed);
        if (Object.keys(problems).length > 0) show(problems);
        else if (names.length > 0 && !save.isPending) save.mutate();
      }}
    >
      <Section id="general" title="General">
        <Field
          label="Name"
          help={
            <>
              Shown in the console and in mails. The short name in addresses, <span className="mono">{org.slug}</span>, stays.
            </>
          }
          error={wrong.name && sentence(wrong.name)}
        >
          <Input value={draft.name} maxLength={160} autoComplete="off" onChange={(event) => set({ name: event.target.value })} />
        </Field>
        <DefinitionList items={identity(org)} />
      </Section>
      <Section id="addresses" title="Addresses">
        <AddressList
          label="For the whole organization"
          value={draft.allowed_ips}
          onChange={(allowed_ips) => set({ allowed_ips })}
          errors={wrong}
          help="Calls with its keys are answered from these addresses and ranges only, one per line; groups and keys narrow them further. Empty admits every address."
        />
        {isNarrower(org, draft.allowed_ips) ? (
          <Notice tone="warn" title="Once saved, calls with keys from other addresses are refused.">
            The console stays open from everywhere: this is about calls with keys.
          </Notice>
        ) : (
          <Notice>This is about calls with keys. The console stays open from everywhere.</Notice>
        )}
      </Section>
      <Section id="key-management" title="Key management">
        <Checkbox
          className="-my-1.5"
          label="Keys may manage keys"
          help="A key of full access makes, edits, rotates and revokes keys of its group, one of admin access those of the whole organization. Switched off, only people do, and only a person switches it on again. Any key may revoke itself."
          checked={draft.keys_manage_keys}
          onChange={(event) => set({ keys_manage_keys: event.target.checked })}
        />
      </Section>
      <Section id="leaked-keys" title="Leaked keys">
        <Choice
          label="When somebody reports a key that they found in the open"
          options={leakPolicies}
          value={draft.leak_policy}
          onValueChange={(leak_policy) => set({ leak_policy })}
        />
      </Section>
      <Plan org={org} />
      {(names.length > 0 || (save.error !== null && !atFields)) && (
        <section aria-label="Changes" className="floating rounded-lg sticky bottom-4 z-10 grid gap-3 p-3">
          {!atFields && <Failure title="The settings are as they were." error={save.error} />}
          <div className="flex flex-wrap items-center gap-2">
            <p className="mr-auto min-w-0 pl-1 max-md:basis-full">
              Not saved: <span className="font-medium">{names.join(", ")}</span>
            </p>
            <span className="max-md:mr-auto">
              <CopyAsCurl route="PATCH /v1/organization" body={changed} />
            </span>
            <Button variant="ghost" onClick={discard} disabled={save.isPending}>
              Discard
            </Button>
            <Button type="submit" variant="primary" busy={save.isPending} busyLabel="Saving">
              Save changes
            </Button>
          </div>
        </section>
      )}
    </form>
  );
}

function Facts({ org }: { org: Org }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
      <Section id="general" title="General">
        <DefinitionList items={[{ term: "Name", value: <bdi>{org.name}</bdi> }, ...identity(org)]} />
      </Section>
      <Section id="addresses" title="Addresses">
        {org.allowed_ips.length === 0 ? (
          <p>Calls with keys are answered from every address; groups and keys may narrow that.</p>
        ) : (
          <>
            <p>Calls with keys are answered from these addresses and ranges only; groups and keys narrow them further.</p>
            <ul className="mono">
              {org.allowed_ips.map((entry) => (
                <li key={entry}>{entry}</li>
              ))}
            </ul>
          </>
        )}
      </Section>
      <Section id="key-management" title="Key management">
        <p>
          {org.keys_manage_keys
            ? "Keys of full or admin access may make, edit, rotate and revoke other keys."
            : "Only people make, edit, rotate and revoke keys. Any key may revoke itself."}
        </p>
      </Section>
      <Section id="leaked-keys" title="Leaked keys">
        {leakPolicies
          .filter(({ value }) => value === org.leak_policy)
          .map((policy) => (
            <p key={policy.value}>
              {policy.label}. <span className="text-fg-2">{policy.help}</span>
            </p>
          ))}
      </Section>
      <Plan org={org} />
    </div>
  );
}

function Plan({ org }: { org: Org }) {
  return (
    <Section id="plan" title="Plan and limits" description="The operator sets them.">
      <DefinitionList
        items={[
          { term: "Plan", value: org.plan.name },
          { term: "Limit per key", value: `${formatNumber(org.requests_per_minute)} / min, test keys half of it` },
          { term: "Per month", value: `${formatNumber(org.requests_per_month)} requests, test keys apart` },
          { term: "Keys", value: `at most ${formatNumber(org.most_keys)}, not counting those that have ended` },
          {
            term: "Scopes",
            value: (
              <span className="flex flex-wrap gap-1">
                {org.scopes.map((scope) => (
                  <Pill key={scope} mono>
                    {scope}
                  </Pill>
                ))}
              </span>
            ),
          },
        ]}
      />
    </Section>
  );
}

function Section({ id, title, description, children }: { id: string; title: string; description?: string; children: ReactNode }) {
  return (
    <div id={id} className="scroll-mt-[calc(var(--header)+24px)]">
      <Card title={title} description={description}>
        <div className="grid gap-4">{children}</div>
      </Card>
    </div>
  );
}

function identity(org: Org) {
  return [
    { term: "Id", value: <Copied text={org.id} label="Copy organization id" /> },
    { term: "Client id", value: <Copied text={org.client_id} label="Copy client id" /> },
    { term: "Created", value: <Time iso={org.created_at} as="date" /> },
  ];
}

function Copied({ text, label }: { text: string; label: string }) {
  return (
    <span className="flex items-start gap-1">
      <span className="mono" translate="no">
        {text}
      </span>
      <CopyButton text={text} label={label} className="-my-0.5 flex" />
    </span>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
