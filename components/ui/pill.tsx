import clsx from "clsx";
import type { ReactNode } from "react";

/** A count, or a word that is no status: "test", a scope. */
export function Pill({
  mono = false,
  className,
  children,
}: {
  mono?: boolean | undefined;
  className?: string | undefined;
  children: ReactNode;
}) {
  return (
    <span
      className={clsx(
        "inline-flex flex-none items-center rounded-sm bg-sunken px-[5px] text-sm text-fg-2 tabular-nums",
        mono ? "font-mono tracking-[-0.01em]" : "font-quiet",
        className,
      )}
    >
      {children}
    </span>
  );
}
