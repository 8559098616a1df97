import clsx from "clsx";
import { Fragment, type ReactNode } from "react";

type DefinitionListProps = {
  items: readonly { term: ReactNode; value: ReactNode }[];
  /** With an outline: inside a dialog. */
  boxed?: boolean | undefined;
  className?: string | undefined;
};

export function DefinitionList({ items, boxed = false, className }: DefinitionListProps) {
  return (
    <dl
      className={clsx(
        "grid grid-cols-[112px_minmax(0,1fr)] gap-x-3 gap-y-2 max-md:grid-cols-[96px_minmax(0,1fr)]",
        boxed && "rounded-lg border border-line px-4 py-3",
        className,
      )}
    >
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list is fixed in order and length
        <Fragment key={index}>
          <dt className="text-fg-3">{item.term}</dt>
          <dd className="min-w-0 wrap-anywhere tabular-nums">{item.value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
