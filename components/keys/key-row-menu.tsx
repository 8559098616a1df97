"use client";

import { Ellipsis } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { toastDone, toastError } from "@/components/ui/toaster";
import type { Key } from "@/lib/keys/schema";
import { EditKeyDialog } from "./edit-key-dialog";
import { PauseDialog } from "./pause-dialog";
import { RevokeDialog } from "./revoke-dialog";
import { RotateDialog } from "./rotate-dialog";

export type KeyAct = "edit" | "rotate" | "pause" | "revoke";

type KeyActDialogProps = {
  act: KeyAct;
  org: string;
  state: Key;
  /** PUBLIC_URL when it is set, else the address of this page. */
  baseUrl: string | null;
  /** Whether this person may give access admin. */
  mayAdmin: boolean;
  onClose: () => void;
};

/** The dialog of what was chosen in a row's menu. Render it while it is open. */
export function KeyActDialog({ act, baseUrl, mayAdmin, ...props }: KeyActDialogProps) {
  switch (act) {
    case "edit":
      return <EditKeyDialog {...props} mayAdmin={mayAdmin} />;
    case "rotate":
      return <RotateDialog {...props} baseUrl={baseUrl} />;
    case "pause":
      return <PauseDialog {...props} />;
    case "revoke":
      return <RevokeDialog {...props} />;
  }
}

type KeyRowMenuProps = { org: string; state: Key; mayChange: boolean; mayRevoke: boolean; onAct: (act: KeyAct) => void };

export function KeyRowMenu({ org, state, mayChange, mayRevoke, onAct }: KeyRowMenuProps) {
  const href = `/orgs/${org}/keys/${state.id}`;
  const isOver = state.status === "expired" || state.status === "revoked";
  return (
    <Menu trigger={<Button variant="ghost" size="sm" icon={<Ellipsis />} aria-label={`Actions for ${state.name}`} />}>
      <MenuItem href={href}>Open</MenuItem>
      <MenuItem href={`/orgs/${org}/logs?key_id=${state.id}`}>Open in request log</MenuItem>
      <MenuItem onSelect={() => void copyText(state.key_prefix, "Prefix copied")}>Copy prefix</MenuItem>
      {mayChange && (
        <>
          <MenuSeparator />
          <MenuItem onSelect={() => onAct("edit")}>Edit…</MenuItem>
          {!isOver && (
            <>
              <MenuItem onSelect={() => onAct("rotate")}>Rotate…</MenuItem>
              <MenuItem onSelect={() => onAct("pause")}>{state.status === "paused" ? "Resume…" : "Pause…"}</MenuItem>
            </>
          )}
        </>
      )}
      {mayRevoke && (
        <>
          <MenuSeparator />
          <MenuItem danger onSelect={() => onAct("revoke")}>
            Revoke…
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

export async function copyText(text: string, said: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toastDone(said);
  } catch {
    toastError(`The browser did not allow copying. This was to be copied: ${text}`);
  }
}
