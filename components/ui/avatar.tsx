import clsx from "clsx";
import type { ReactNode } from "react";

/** Two initials of a person; `icon` for a system or a key (then square). Decoration: the name stands beside it. */
export function Avatar({ name, icon, className }: { name: string; icon?: ReactNode; className?: string | undefined }) {
  return (
    <span
      aria-hidden="true"
      className={clsx(
        "inline-grid size-[22px] flex-none place-items-center border border-line-strong bg-hover text-xs font-strong tracking-[-0.03em] text-fg-2 [&_svg]:size-3",
        icon ? "rounded-sm" : "rounded-full",
        className,
      )}
    >
      {icon ?? initials(name)}
    </span>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? "")][0]?.toUpperCase() ?? "").join("") || "?";
}
