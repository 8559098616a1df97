import { ArrowRight } from "lucide-react";

export type ChangeRow = {
  field: string;
  label: string;
  /** Of a list only what goes and what comes. */
  from: readonly string[];
  to: readonly string[];
  isList: boolean;
};

/** What saving would change, each part before and after. */
export function Changes({ changes }: { changes: readonly ChangeRow[] }) {
  return (
    <dl className="grid grid-cols-[88px_minmax(0,1fr)] gap-x-3 gap-y-2 rounded-lg border border-line px-4 py-3">
      {changes.map((change) => (
        <div key={change.field} className="contents">
          <dt className="text-fg-3">{change.label}</dt>
          <dd className="flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1 wrap-anywhere">
            {change.isList ? <OfList {...change} /> : <OfOne {...change} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function OfOne({ from: [from = ""], to: [to = ""] }: ChangeRow) {
  return (
    <>
      <span className="sr-only">before: </span>
      <bdi className="text-fg-2">{from || "—"}</bdi>
      <ArrowRight aria-hidden="true" className="text-fg-3" />
      <span className="sr-only">after: </span>
      <bdi className="font-medium">{to || "—"}</bdi>
    </>
  );
}

function OfList({ from, to }: ChangeRow) {
  return (
    <>
      {from.map((each) => (
        <span key={`-${each}`} className="mono inline-flex gap-1 rounded-sm bg-bad-soft px-[5px] text-bad-text">
          <span aria-hidden="true">−</span>
          <span className="sr-only">goes: </span>
          {each}
        </span>
      ))}
      {to.map((each) => (
        <span key={`+${each}`} className="mono inline-flex gap-1 rounded-sm bg-ok-soft px-[5px] text-ok-text">
          <span aria-hidden="true">+</span>
          <span className="sr-only">comes: </span>
          {each}
        </span>
      ))}
    </>
  );
}
