import type { ReactNode } from "react";

/** Names and what they mean, ruled: headers, fields, parameters. */
export function Facts({ items }: { items: readonly { term: ReactNode; note?: ReactNode; value: ReactNode }[] }) {
  return (
    <dl className="border-t border-line text-md">
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list is fixed in order and length
        <div key={index} className="grid gap-x-6 gap-y-0.5 border-b border-line py-2 md:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
          <dt className="min-w-0 wrap-anywhere">
            <span className="font-mono text-sm">{item.term}</span>
            {item.note && <span className="ml-2 text-sm text-fg-3">{item.note}</span>}
          </dt>
          <dd className="min-w-0 wrap-anywhere text-fg-2">{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}
