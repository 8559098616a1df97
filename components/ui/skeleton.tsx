import clsx from "clsx";

/** A bar where a word or figure will stand; appears after 200 ms. */
export function Skeleton({ className }: { className?: string | undefined }) {
  return <span aria-hidden="true" className={clsx("appear-late block h-2.5 rounded-sm bg-hover", className)} />;
}

const widths = ["w-[70%]", "w-[55%]", "w-[80%]", "w-[62%]"] as const;

/** Rows with the geometry of a table: name over prefix, a figure at the right. */
export function SkeletonRows({ rows = 8, label, boxed = true }: { rows?: number | undefined; label: string; boxed?: boolean | undefined }) {
  return (
    <div role="status" aria-busy="true" className={clsx(boxed && "rounded-lg border border-line")}>
      <span className="sr-only">{label}</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
        <div key={row} className="flex h-row items-center gap-3 border-b border-line px-4 last:border-0">
          <Skeleton className="size-5 flex-none" />
          <span className="grid max-w-80 flex-1 gap-[7px]">
            <Skeleton className={widths[row % widths.length]} />
            <Skeleton className="h-2 w-[38%]" />
          </span>
          <Skeleton className="ml-auto w-16" />
          <Skeleton className="w-24 max-md:hidden" />
          <Skeleton className="w-20 max-lg:hidden" />
        </div>
      ))}
    </div>
  );
}
