"use client";

import { useState } from "react";
import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { formatDate } from "@/lib/format";
import { createInvite } from "@/lib/orgs/client";
import { CreateInvite, type Invite, type Member } from "@/lib/orgs/schema";

export const roleSentences: Record<Member["role"], string> = {
  viewer: "reads everything",
  developer: "makes keys, ends their own",
  admin: "everything but ownership",
  owner: "everything",
};

type InviteDialogProps = {
  org: string;
  /** Those this person may give. */
  roles: readonly Member["role"][];
  hasMailServer: boolean;
  onClose: () => void;
};

/** Asks, then says what was sent and where it is. Render it while it is open. */
export function InviteDialog({ org, roles, hasMailServer, onClose }: InviteDialogProps) {
  const [invited, setInvited] = useState<Invite | null>(null);
  const form = useForm({
    schema: CreateInvite,
    labels: { email: "E-mail", role: "Role" },
    send: async (input) => setInvited(await createInvite(org, input)),
  });
  const lies =
    !hasMailServer &&
    "This console has no mail server: whoever runs it finds the message in the folder outbox of its data directory, and hands the link over.";
  if (invited !== null) {
    const again = () => {
      form.reset();
      setInvited(null);
    };
    return (
      <Dialog
        open
        onOpenChange={(open) => open || onClose()}
        title={`${invited.email} is invited`}
        footer={
          <>
            <Button variant="ghost" onClick={again}>
              Invite another
            </Button>
            <Button variant="primary" data-initial-focus onClick={onClose}>
              Done
            </Button>
          </>
        }
      >
        <Notice tone="ok" role="status" title={`As ${invited.role}.`}>
          The link works once, until {formatDate(new Date(invited.expires_at))}. They are in the list as soon as they follow it.
        </Notice>
        {lies && <Notice>{lies}</Notice>}
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => open || form.busy || onClose()}
      title="Invite to the organization"
      description="They get a link by e-mail. It works once, for 7 days; a new one replaces it."
      onSubmit={form.submit}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={form.busy} busyLabel="Inviting">
            Send invitation
          </Button>
        </>
      }
    >
      <FormFailure failure={form.failure} />
      <Field label="E-mail" error={form.errors.email}>
        <Input {...form.field("email")} data-initial-focus type="email" autoComplete="off" autoCapitalize="none" spellCheck={false} />
      </Field>
      <Field label="Role" error={form.errors.role}>
        <Select {...form.field("role")} defaultValue="developer">
          {roles.map((role) => (
            <option key={role} value={role}>
              {role}: {roleSentences[role]}
            </option>
          ))}
        </Select>
      </Field>
      {lies && <p className="text-sm text-fg-3">{lies}</p>}
    </Dialog>
  );
}
