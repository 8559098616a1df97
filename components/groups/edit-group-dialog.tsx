"use client";

import { useMutation } from "@tanstack/react-query";
import { Failure } from "@/components/keys/failure";
import { Button } from "@/components/ui/button";
import { Changes } from "@/components/ui/changes";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Notice } from "@/components/ui/notice";
import { toastDone } from "@/components/ui/toaster";
import { updateGroup } from "@/lib/groups/client";
import type { Group, UpdateGroup } from "@/lib/groups/schema";
import { changedOf, changesOf, draftOf } from "./group-draft";
import { GroupLimits, GroupNaming } from "./group-fields";
import { useGroupChanged } from "./use-group-changed";
import { useGroupDraft, withoutField } from "./use-group-draft";

type EditGroupDialogProps = {
  org: string;
  group: Group;
  /** The organization's limit: calls per minute and key. */
  most: number;
  onClose: () => void;
};

/** Shows what would change before it is saved. Render it while it is open. */
export function EditGroupDialog({ org, group, most, onClose }: EditGroupDialogProps) {
  // A limit from before the organization's was lowered may stay.
  const form = useGroupDraft(draftOf(group), Math.max(most, group.rate_limit_rpm ?? 0));
  const changed = changedOf(group, form.draft);
  const changes = changesOf(group, changed);
  const onChanged = useGroupChanged(org);
  const save = useMutation({
    mutationFn: () => updateGroup(org, group.id, changed),
    onSuccess: (saved) => {
      onChanged(saved);
      toastDone(`Group ${saved.name} saved`);
      onClose();
    },
    onError: form.showRefusal,
  });
  const warning = warningOf(group, changed);
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(next) => next || save.isPending || onClose()}
      title={
        <>
          Edit <bdi>{group.name}</bdi>
        </>
      }
      onSubmit={() => changes.length > 0 && form.check() && save.mutate()}
      footer={
        <>
          <span className="mr-auto">
            <CopyAsCurl route="PATCH /v1/api-groups/{id}" params={{ id: group.id }} body={changed} />
          </span>
          <Button onClick={onClose} disabled={save.isPending}>
            Cancel
          </Button>
          <Button
            type="submit"
            variant="primary"
            busy={save.isPending}
            busyLabel="Saving"
            {...(changes.length === 0 ? { reason: "Nothing is changed" } : {})}
          >
            Save changes
          </Button>
        </>
      }
    >
      <GroupNaming {...form} />
      <GroupLimits {...form} most={most} />
      {changes.length > 0 && (
        <section aria-label="What changes" className="grid gap-2">
          <h3 className="font-medium">What changes</h3>
          <Changes changes={changes} />
          {warning && <Notice tone="warn">{warning}</Notice>}
        </section>
      )}
      <Failure title="The group is as it was." error={withoutField(save.error)} />
    </Dialog>
  );
}

/** What calls that pass now may meet. */
function warningOf(group: Group, changed: UpdateGroup): string | null {
  const { rate_limit_rpm: limit, allowed_ips: addresses } = changed;
  const slower = limit != null && (group.rate_limit_rpm === null || limit < group.rate_limit_rpm);
  const narrower =
    addresses !== undefined &&
    addresses.length > 0 &&
    (group.allowed_ips.length === 0 || group.allowed_ips.some((entry) => !addresses.includes(entry)));
  if (narrower && slower) return "Once saved, calls from other addresses, and those above the new limit, are refused.";
  if (narrower) return "Once saved, calls of its keys from other addresses are refused.";
  if (slower) return "Once saved, a key’s calls above the new limit are refused.";
  return null;
}
