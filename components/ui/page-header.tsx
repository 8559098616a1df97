import clsx from "clsx";
import type { ReactNode } from "react";

const widths = {
  read: "max-w-[calc(var(--w-read)+2*var(--gutter))]",
  page: "max-w-[calc(var(--w-page)+2*var(--gutter))]",
  table: "max-w-[calc(var(--w-table)+2*var(--gutter))]",
};

/** The column a page stands in: read 680 (forms, prose), page 1240 (overview, details), table 1680 (lists). */
export function Page({ width = "page", children }: { width?: keyof typeof widths | undefined; children: ReactNode }) {
  return <div className={clsx("mx-auto w-full min-w-0 px-gutter pt-8 pb-16 max-md:pt-5 max-md:pb-24", widths[width])}>{children}</div>;
}

type PageHeaderProps = {
  title: ReactNode;
  /** Beside the title: a badge, "live". */
  beside?: ReactNode;
  /** The state in one plain sentence. */
  children?: ReactNode;
  /** Secondary buttons, then one primary. */
  actions?: ReactNode;
};

export function PageHeader({ title, beside, children, actions }: PageHeaderProps) {
  return (
    <div className="mb-6 flex items-start gap-x-4 gap-y-3 max-md:mb-5 max-md:flex-wrap">
      <div className="min-w-0 max-md:basis-full">
        <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
          <h1 className="text-h1 font-semibold text-balance wrap-anywhere">{title}</h1>
          {beside}
        </div>
        {children && <div className="mt-0.5 max-w-[68ch] text-fg-2">{children}</div>}
      </div>
      {actions && (
        <div className="ml-auto flex flex-none gap-2 max-md:ml-0 max-md:w-full max-md:*:not-[[aria-label]]:flex-1">{actions}</div>
      )}
    </div>
  );
}
