"use client";

import type { Key } from "@/lib/keys/schema";
import { EditKeyDialog } from "./edit-key-dialog";
import { PauseDialog } from "./pause-dialog";
import { RevokeDialog } from "./revoke-dialog";
import { RotateDialog } from "./rotate-dialog";
import type { Proposal } from "./suggestions";

/** Which dialog is open on a key, and with what it begins. */
export type OpenDialog =
  | { name: "rotate"; begin?: "0" }
  | { name: "pause" }
  | { name: "edit"; proposed?: Proposal }
  | { name: "revoke" }
  | null;

type KeyDialogsProps = {
  org: string;
  state: Key;
  open: OpenDialog;
  mayAdmin: boolean;
  baseUrl: string | null;
  onClose: () => void;
};

export function KeyDialogs({ org, state, open, mayAdmin, baseUrl, onClose }: KeyDialogsProps) {
  const shared = { org, state, onClose };
  switch (open?.name) {
    case "rotate":
      return <RotateDialog {...shared} baseUrl={baseUrl} begin={open.begin} />;
    case "pause":
      return <PauseDialog {...shared} />;
    case "edit":
      return <EditKeyDialog {...shared} proposed={open.proposed} mayAdmin={mayAdmin} />;
    case "revoke":
      return <RevokeDialog {...shared} />;
    default:
      return null;
  }
}
