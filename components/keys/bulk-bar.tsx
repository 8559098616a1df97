"use client";

import { Ban, CirclePause, CirclePlay, Copy, Ellipsis, FolderInput, X } from "lucide-react";
import { useEffect } from "react";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { formatNumber } from "@/lib/format";
import type { BulkKeys } from "@/lib/keys/schema";
import { copyText } from "./key-row-menu";
import { MOST_SELECTED, type Selection } from "./selection";

type BulkBarProps = {
  selection: Selection;
  /** There is another group to move to. */
  mayMove: boolean;
  onAct: (action: BulkKeys["action"]) => void;
  onClear: () => void;
};

/** Floats over the foot of the list while something is ticked. Escape clears. */
export function BulkBar({ selection, mayMove, onAct, onClear }: BulkBarProps) {
  useEffect(() => {
    const clear = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (event.target instanceof Element && event.target.closest("input:not([type=checkbox]), textarea, select, [role=dialog]")) return;
      onClear();
    };
    document.addEventListener("keydown", clear);
    return () => document.removeEventListener("keydown", clear);
  }, [onClear]);
  const prefixes = () => [...selection.values()].map((key) => key.key_prefix).join("\n");
  return (
    <section
      aria-label="Selected keys"
      className="floating sticky bottom-5 z-6 mx-auto mt-4 flex w-fit max-w-full items-center gap-0.5 rounded-[10px] py-1.5 pr-1.5 pl-4 max-md:bottom-[max(12px,env(safe-area-inset-bottom))]"
    >
      <span className="font-medium whitespace-nowrap tabular-nums">
        {formatNumber(selection.size)} selected
        {selection.size === MOST_SELECTED && <span className="font-normal text-fg-3 max-md:hidden">, the most at once</span>}
      </span>
      <span className="mr-1.5 ml-3 h-5 w-px bg-line-strong" />
      <Button variant="ghost" size="sm" icon={<CirclePause />} onClick={() => onAct("pause")} className="max-lg:hidden">
        Pause…
      </Button>
      <Button variant="ghost" size="sm" icon={<CirclePlay />} onClick={() => onAct("resume")} className="max-lg:hidden">
        Resume…
      </Button>
      {mayMove && (
        <Button variant="ghost" size="sm" icon={<FolderInput />} onClick={() => onAct("move")}>
          Move…
        </Button>
      )}
      <CopyButton variant="ghost" size="sm" label="Copy prefixes" text={prefixes} className="inline-flex max-lg:hidden">
        Copy prefixes
      </CopyButton>
      <Button variant="ghost" size="sm" icon={<Ban />} onClick={() => onAct("revoke")} className="text-bad-text! [&_svg]:text-bad-text!">
        Revoke…
      </Button>
      <span className="lg:hidden">
        <Menu side="top" trigger={<Button variant="ghost" size="sm" icon={<Ellipsis />} aria-label="More for the selected keys" />}>
          <MenuItem icon={<CirclePause />} onSelect={() => onAct("pause")}>
            Pause…
          </MenuItem>
          <MenuItem icon={<CirclePlay />} onSelect={() => onAct("resume")}>
            Resume…
          </MenuItem>
          <MenuItem icon={<Copy />} onSelect={() => void copyText(prefixes(), "Prefixes copied")}>
            Copy prefixes
          </MenuItem>
        </Menu>
      </span>
      <Button variant="ghost" size="sm" icon={<X />} label="Clear selection" onClick={onClear} />
    </section>
  );
}
