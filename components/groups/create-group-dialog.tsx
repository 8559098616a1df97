"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useState } from "react";
import { Failure } from "@/components/keys/failure";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Fold } from "@/components/ui/fold";
import { toastDone } from "@/components/ui/toaster";
import { formatNumber } from "@/lib/format";
import { createGroup, groupsQuery } from "@/lib/groups/client";
import { emptyDraft, type GroupDraft, newGroupOf } from "./group-draft";
import { GroupLimits, GroupNaming } from "./group-fields";
import { isFolded, useGroupDraft, withoutField } from "./use-group-draft";

type CreateGroupDialogProps = {
  org: string;
  /** The organization's limit: calls per minute and key. */
  most: number;
};

/** Open while the address says `?new=1`, so that it can be linked to. The first group leads on to the first key. */
export function CreateGroupDialog({ org, most }: CreateGroupDialogProps) {
  const pathname = usePathname();
  const open = useSearchParams().get("new") === "1";
  const close = () => window.history.replaceState(null, "", pathname);
  return open ? <CreateGroupForm org={org} most={most} close={close} /> : null;
}

function CreateGroupForm({ org, most, close }: CreateGroupDialogProps & { close: () => void }) {
  const router = useRouter();
  const queries = useQueryClient();
  const form = useGroupDraft(emptyDraft, most);
  const [unfolded, setUnfolded] = useState(false);
  const create = useMutation({
    mutationFn: () => createGroup(org, newGroupOf(form.draft)),
    onSuccess: async (group) => {
      const isFirst = queries.getQueryData(groupsQuery(org).queryKey)?.data.length === 0;
      for (const name of ["groups", "audit"]) await queries.invalidateQueries({ queryKey: [name, org] });
      // The only group is chosen anyway; to name it here would leave the list filtered.
      if (isFirst) return router.push(`/orgs/${org}/keys?new=1`);
      toastDone(`Group ${group.name} created`);
      close();
    },
    onError: form.showRefusal,
  });
  const { draft } = form;
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(next) => next || create.isPending || close()}
      title="Create group"
      description="A project or an environment. Every key belongs to one group."
      onSubmit={() => form.check() && create.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl route="POST /v1/api-groups" body={newGroupOf(draft)} />
          </span>
          <Button onClick={close} disabled={create.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={create.isPending} busyLabel="Creating">
            Create group
          </Button>
        </>
      }
    >
      <GroupNaming {...form} />
      <Fold
        title="Limit and addresses"
        summary={summaryOf(draft)}
        // What is wrong must be seen.
        open={unfolded || isFolded(form.wrong)}
        onOpenChange={setUnfolded}
      >
        <GroupLimits {...form} most={most} />
      </Fold>
      <Failure title="No group was created." error={withoutField(create.error)} />
    </Dialog>
  );
}

function summaryOf({ limit, allowed_ips }: GroupDraft): string {
  const rate = limit.trim() === "" ? "the organization’s limit" : `${limit.trim()} calls a minute`;
  const count = allowed_ips.length;
  const from = count === 0 ? "from any address" : `from ${count === 1 ? "1 entry" : `${formatNumber(count)} entries`} of addresses`;
  return `Each key has ${rate}, ${from}`;
}
