"use client";

import clsx from "clsx";

/** New rows come by themselves while it is on. */
export function LiveSwitch({ on, onChange }: { on: boolean; onChange: (on: boolean) => void }) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      onClick={() => onChange(!on)}
      className="fast flex h-control cursor-default items-center gap-2 rounded-md px-1.5 max-md:px-0 font-quiet text-fg-2 hover:text-fg"
    >
      <span
        aria-hidden="true"
        className={clsx(
          "fast flex h-4 w-7 items-center rounded-full border p-px",
          on ? "justify-end border-accent bg-accent" : "border-line-control bg-surface",
        )}
      >
        <span className={clsx("size-3 rounded-full", on ? "bg-on-accent" : "bg-line-control")} />
      </span>
      Live tail
    </button>
  );
}
