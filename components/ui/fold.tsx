"use client";

import { ChevronRight } from "lucide-react";
import { type ReactNode, useId } from "react";

type FoldProps = {
  title: ReactNode;
  /** What is inside, in a line: read while it is folded. */
  summary: ReactNode;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  children: ReactNode;
};

/** The rest of a form, with its defaults readable. */
export function Fold({ title, summary, open, onOpenChange, children }: FoldProps) {
  const id = useId();
  return (
    <div className="rounded-lg border border-line">
      <button
        type="button"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => onOpenChange(!open)}
        className="group/fold fast flex w-full items-center gap-2 rounded-lg px-3 py-2.5 text-left hover:bg-hover"
      >
        <ChevronRight className="fast text-fg-3 group-aria-expanded/fold:rotate-90" />
        <span className="min-w-0">
          <span className="font-medium">{title}</span>
          {!open && <span className="block text-sm text-fg-3">{summary}</span>}
        </span>
      </button>
      {open && (
        <div id={id} className="grid gap-5 border-t border-line p-4">
          {children}
        </div>
      )}
    </div>
  );
}
