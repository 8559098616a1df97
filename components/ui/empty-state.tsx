import clsx from "clsx";
import type { ReactNode } from "react";

type EmptyStateProps = {
  /** A key face, or an icon of 20. */
  glyph?: ReactNode;
  title: ReactNode;
  /** What this is, in one sentence. */
  children?: ReactNode;
  /** The one way on: create the first, or clear the filters. */
  action?: ReactNode;
  /** With an outline of its own; without, inside a card or table. */
  boxed?: boolean | undefined;
};

export function EmptyState({ glyph, title, children, action, boxed = false }: EmptyStateProps) {
  return (
    <div className={clsx("flex flex-col items-center gap-1 px-6 py-10 text-center", boxed && "rounded-lg border border-line")}>
      {glyph && <span className="mb-2 flex text-fg-3 [&_svg]:size-5">{glyph}</span>}
      <p className="font-strong">{title}</p>
      {children && <p className="max-w-[44ch] text-balance text-fg-2">{children}</p>}
      {action && <div className="mt-3 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}
