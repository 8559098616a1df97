// biome-ignore-all lint/a11y/noRedundantRoles: a row laid out as a grid loses its role in browsers, so roles are said out loud
import clsx from "clsx";
import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-react";
import Link from "next/link";
import type { ComponentProps, ReactNode } from "react";

type TableProps = {
  label: string;
  /** Inside a card: no outline, no hover ground, first and last cell at the edge. */
  flush?: boolean | undefined;
  /** Rows of 36, one line. */
  low?: boolean | undefined;
  /** Under 768 rows become stacks; `phone` of each cell says where it goes. Off for three narrow columns. */
  stack?: boolean | undefined;
  /** Column widths: `<colgroup>` for a fixed layout, so that live data moves nothing. */
  columns?: readonly { width?: string | undefined; className?: string | undefined }[] | undefined;
  className?: string | undefined;
  /** THead and TBody. */
  children: ReactNode;
};

export function Table({ label, flush = false, low = false, stack = true, columns, className, children }: TableProps) {
  return (
    <div
      className={clsx(
        "min-w-0",
        // Clip, not hidden: the head must stick to the page.
        !flush && "overflow-clip rounded-lg border border-line",
        !flush && stack && "max-md:-mx-gutter max-md:rounded-none max-md:border-x-0",
      )}
    >
      <table
        role="table"
        aria-label={label}
        data-flush={flush || undefined}
        data-low={low || undefined}
        data-stack={stack || undefined}
        className={clsx("group/table w-full border-separate border-spacing-0 data-stack:max-md:block", columns && "table-fixed", className)}
      >
        {columns && (
          <colgroup className="group-data-stack/table:max-md:hidden">
            {columns.map((column, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns are fixed
              <col key={index} className={column.className} style={column.width ? { width: column.width } : undefined} />
            ))}
          </colgroup>
        )}
        {children}
      </table>
    </div>
  );
}

export function THead({ children }: { children: ReactNode }) {
  return (
    <thead role="rowgroup" className="group-data-stack/table:max-md:sr-only">
      <tr role="row">{children}</tr>
    </thead>
  );
}

export function TBody({ children }: { children: ReactNode }) {
  return (
    <tbody role="rowgroup" className="group-data-stack/table:max-md:block">
      {children}
    </tbody>
  );
}

type ThProps = {
  numeric?: boolean | undefined;
  /** Present on a sortable column; `none` while another one is sorted. */
  sort?: "ascending" | "descending" | "none" | undefined;
  onSort?: (() => void) | undefined;
  /** Instead of onSort, where the order lives in the URL. */
  sortHref?: string | undefined;
  /** The head is not shown but said: the row menu. */
  hidden?: boolean | undefined;
  className?: string | undefined;
  children?: ReactNode;
};

export function Th({ numeric = false, sort, onSort, sortHref, hidden = false, className, children }: ThProps) {
  const control = clsx(
    "fast -mx-1.5 inline-flex h-6 cursor-default items-center gap-1 rounded-md px-1.5 hover:bg-hover hover:text-fg [&_svg]:size-3.5",
    sort === "none" ? "text-fg-3" : "font-medium text-fg",
  );
  const arrow = sort === "ascending" ? <ArrowUp /> : sort === "descending" ? <ArrowDown /> : <ChevronsUpDown />;
  return (
    <th
      role="columnheader"
      scope="col"
      aria-sort={sort}
      className={clsx(
        "z-2 h-[34px] whitespace-nowrap border-b border-line bg-page px-cell text-sm font-quiet text-fg-3 first:pl-4 last:pr-4 md:sticky md:top-header",
        "group-data-flush/table:static group-data-flush/table:bg-transparent group-data-flush/table:first:pl-0 group-data-flush/table:last:pr-0",
        numeric ? "text-right" : "text-left",
        className,
      )}
    >
      {hidden ? (
        <span className="sr-only">{children}</span>
      ) : sort === undefined ? (
        children
      ) : sortHref === undefined ? (
        <button type="button" className={control} onClick={onSort}>
          {children}
          {arrow}
        </button>
      ) : (
        <Link href={sortHref} scroll={false} className={control}>
          {children}
          {arrow}
        </Link>
      )}
    </th>
  );
}

type TrProps = Omit<ComponentProps<"tr">, "role"> & {
  /** Its checkbox is on. */
  selected?: boolean | undefined;
  /** Its drawer is open. */
  current?: boolean | undefined;
};

export function Tr({ selected, current = false, className, children, ...props }: TrProps) {
  return (
    <tr
      role="row"
      {...props}
      aria-selected={selected}
      aria-current={current || undefined}
      className={clsx(
        "group/row fast",
        selected || current ? "bg-selected" : "hover:bg-page group-data-flush/table:hover:bg-transparent",
        current && "[&>td:first-child]:shadow-[inset_2px_0_0_var(--accent)]",
        // A cell that is not there leaves no gap: distances belong to the cells.
        "group-data-stack/table:max-md:grid group-data-stack/table:max-md:grid-flow-row-dense group-data-stack/table:max-md:grid-cols-[auto_minmax(0,1fr)_auto_auto] group-data-stack/table:max-md:items-center group-data-stack/table:max-md:gap-y-1.5 group-data-stack/table:max-md:border-b group-data-stack/table:max-md:border-line group-data-stack/table:max-md:px-gutter group-data-stack/table:max-md:py-3.5 group-data-stack/table:max-md:last:border-0 group-data-flush/table:max-md:px-0",
        className,
      )}
    >
      {children}
    </tr>
  );
}

const places = {
  select: "group-data-stack/table:max-md:col-start-1 group-data-stack/table:max-md:row-start-1 group-data-stack/table:max-md:pr-3.5!",
  lead: "group-data-stack/table:max-md:col-start-2 group-data-stack/table:max-md:col-end-4 group-data-stack/table:max-md:row-start-1",
  menu: "group-data-stack/table:max-md:col-start-4 group-data-stack/table:max-md:row-start-1 group-data-stack/table:max-md:pl-2!",
  full: "group-data-stack/table:max-md:col-start-2 group-data-stack/table:max-md:col-end-5",
  start: "group-data-stack/table:max-md:col-start-2 group-data-stack/table:max-md:col-end-3",
  end: "group-data-stack/table:max-md:col-start-3 group-data-stack/table:max-md:col-end-5 group-data-stack/table:max-md:pl-3! group-data-stack/table:max-md:text-right",
  hidden: "group-data-stack/table:max-md:hidden",
} as const;

type TdProps = Omit<ComponentProps<"td">, "role"> & {
  numeric?: boolean | undefined;
  /** Where it goes in a stacked row: select | lead | menu on the first line, then start | end pairs or full lines. */
  phone?: keyof typeof places | undefined;
};

export function Td({ numeric = false, phone = "full", className, children, ...props }: TdProps) {
  return (
    <td
      role="cell"
      {...props}
      className={clsx(
        "relative h-row border-b border-line px-cell align-middle first:pl-4 last:pr-4 group-last/row:border-b-0 group-data-low/table:h-9",
        "group-data-flush/table:first:pl-0 group-data-flush/table:last:pr-0",
        "group-data-stack/table:max-md:block group-data-stack/table:max-md:h-auto! group-data-stack/table:max-md:min-w-0 group-data-stack/table:max-md:border-0 group-data-stack/table:max-md:p-0!",
        numeric && "text-right tabular-nums",
        places[phone],
        className,
      )}
    >
      {children}
    </td>
  );
}

type TwoLinesProps = {
  title: ReactNode;
  second?: ReactNode;
  /** A key face or avatar before both lines. */
  lead?: ReactNode;
  /** Makes the whole cell a link. */
  href?: string | undefined;
  /** A name: in 500, cut at the end, the whole in the title attribute. */
  name?: string | undefined;
  /** On a phone both on one line: a badge and its sentence. */
  inline?: boolean | undefined;
};

/** Name over prefix, time over address. Compact density puts a name's second line beside it and drops the others. */
export function TwoLines({ title, second, lead, href, name, inline = false }: TwoLinesProps) {
  const first =
    name === undefined ? (
      <span className="min-w-0">{title}</span>
    ) : (
      <bdi className="cut text-left font-medium" title={name}>
        {title}
      </bdi>
    );
  const lines = (
    <>
      {lead}
      <span
        className={clsx(
          "flex min-w-0 flex-col",
          inline && "max-md:flex-row max-md:flex-wrap max-md:items-center max-md:gap-x-2",
          name !== undefined && "compact:md:flex-row compact:md:items-baseline compact:md:gap-2",
        )}
      >
        {first}
        {second !== undefined && (
          <span className={clsx("cut flex items-center gap-1.5 text-sm text-fg-3", name === undefined ? "compact:md:hidden" : "flex-none")}>
            {second}
          </span>
        )}
      </span>
    </>
  );
  const look = "flex min-w-0 items-center gap-2.5";
  return href === undefined ? (
    <span className={look}>{lines}</span>
  ) : (
    <Link
      href={href}
      className={clsx(
        look,
        "after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:rounded-md focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent",
      )}
    >
      {lines}
    </Link>
  );
}

/** Under a table: what is shown at the left, Previous and Next at the right. */
export function TableFoot({ children, actions }: { children: ReactNode; actions?: ReactNode }) {
  return (
    <div className="flex min-h-13 flex-wrap items-center gap-2 py-3 text-sm text-fg-3 tabular-nums">
      {children}
      {actions && <span className="ml-auto flex gap-1">{actions}</span>}
    </div>
  );
}
