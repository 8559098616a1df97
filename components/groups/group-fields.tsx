"use client";

import { AddressList } from "@/components/ui/address-list";
import { Field, Input, Textarea } from "@/components/ui/field";
import { formatNumber } from "@/lib/format";
import type { GroupDraft } from "./group-draft";

type FieldsProps = {
  draft: GroupDraft;
  /** By path, as the API names it. */
  wrong: Record<string, string>;
  /** The change, and the paths whose error it ends. */
  set: (change: Partial<GroupDraft>, path: keyof GroupDraft | "rate_limit_rpm") => void;
};

export function GroupNaming({ draft, wrong, set }: FieldsProps) {
  return (
    <>
      <Field label="Name" help="Shown in lists and in the audit log." error={sentence(wrong.name)}>
        <Input
          data-initial-focus
          value={draft.name}
          maxLength={200}
          autoComplete="off"
          required
          placeholder="Production"
          onChange={(event) => set({ name: event.target.value }, "name")}
        />
      </Field>
      <Field label="Description" aside="optional" error={sentence(wrong.description)}>
        <Textarea
          rows={2}
          value={draft.description}
          maxLength={600}
          placeholder="What its keys are for"
          onChange={(event) => set({ description: event.target.value }, "description")}
        />
      </Field>
    </>
  );
}

/** `most` is the organization's limit. */
export function GroupLimits({ draft, wrong, set, most }: FieldsProps & { most: number }) {
  return (
    <>
      <Field
        label="Limit per key"
        aside="optional"
        help={`A group only lowers the organization’s ${formatNumber(most)} a minute. Empty leaves it at that.`}
        error={sentence(wrong.rate_limit_rpm)}
      >
        <Input
          inputMode="numeric"
          unit="calls a minute"
          value={draft.limit}
          maxLength={9}
          autoComplete="off"
          onChange={(event) => set({ limit: event.target.value }, "rate_limit_rpm")}
        />
      </Field>
      <AddressList
        label="Addresses"
        value={draft.allowed_ips}
        onChange={(allowed_ips) => set({ allowed_ips }, "allowed_ips")}
        errors={wrong}
        help="Its keys work from these addresses and ranges only, one per line. Empty admits every address."
      />
    </>
  );
}

/** The API says "may not be empty"; under a field it is a sentence of its own. */
function sentence(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.charAt(0).toUpperCase() + text.slice(1);
}
