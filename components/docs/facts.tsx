import type { ReactNode } from "react";

// Said once for all rows: the reference has 1,500 of them, and each is in the page twice.
const look = [
  "border-t border-line text-md *:grid *:items-baseline *:gap-x-6 *:gap-y-0.5 *:border-b *:border-line *:py-2",
  "*:md:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]",
  "[&>div>dt]:min-w-0 [&>div>dt]:font-mono [&>div>dt]:text-sm [&>div>dt]:wrap-anywhere",
  "[&>div>dd]:min-w-0 [&>div>dd]:text-fg-2 [&>div>dd]:wrap-anywhere",
].join(" ");

/** Names and what they mean, ruled: headers, fields, parameters. */
export function Facts({ items }: { items: readonly { term: ReactNode; note?: ReactNode; value: ReactNode }[] }) {
  return (
    <dl className={look}>
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list is fixed in order and length
        <div key={index}>
          <dt>
            {item.term}
            {item.note && <span className="ml-2 font-sans text-fg-3">{item.note}</span>}
          </dt>
          <dd>{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}
