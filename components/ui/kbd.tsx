import clsx from "clsx";
import type { ReactNode } from "react";

export function Kbd({ className, children }: { className?: string | undefined; children: ReactNode }) {
  return (
    <kbd
      className={clsx(
        "flex-none rounded-sm border border-line-strong bg-surface px-1 font-sans text-xs leading-4 font-medium whitespace-nowrap text-fg-3",
        className,
      )}
    >
      {children}
    </kbd>
  );
}
