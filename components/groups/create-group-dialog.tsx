"use client";

import { useQueryClient } from "@tanstack/react-query";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Textarea } from "@/components/ui/field";
import { toastDone } from "@/components/ui/toaster";
import { createGroup, groupsQuery } from "@/lib/groups/client";
import { CreateGroup } from "@/lib/groups/schema";

/** Open while the address says `?new=1`, so that it can be linked to. The first group leads on to the first key. */
export function CreateGroupDialog({ org }: { org: string }) {
  const pathname = usePathname();
  const open = useSearchParams().get("new") === "1";
  const close = () => window.history.replaceState(null, "", pathname);
  return open ? <CreateGroupForm org={org} close={close} /> : null;
}

function CreateGroupForm({ org, close }: { org: string; close: () => void }) {
  const router = useRouter();
  const queries = useQueryClient();
  const form = useForm({
    schema: CreateGroup,
    labels: { name: "Name", description: "Description" },
    send: async (input) => {
      const isFirst = queries.getQueryData(groupsQuery(org).queryKey)?.data.length === 0;
      const group = await createGroup(org, input);
      await queries.invalidateQueries({ queryKey: ["groups", org] });
      if (isFirst) return router.push(`/orgs/${org}/keys?new=1&group_id=${group.id}`);
      toastDone(`Group ${group.name} created`);
      close();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(next) => next || form.busy || close()}
      title="Create group"
      description="A project or an environment. Every key belongs to one group."
      onSubmit={form.submit}
      footer={
        <>
          <Button variant="ghost" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={form.busy} busyLabel="Creating">
            Create group
          </Button>
        </>
      }
    >
      <FormFailure failure={form.failure} />
      <Field label="Name" help="Shown in lists and in the audit log." error={form.errors.name}>
        <Input {...form.field("name")} data-initial-focus placeholder="Production" autoComplete="off" />
      </Field>
      <Field label="Description" aside="optional" error={form.errors.description}>
        <Textarea {...form.field("description")} rows={3} placeholder="What its keys are for" />
      </Field>
    </Dialog>
  );
}
