import clsx from "clsx";
import type { ReactNode } from "react";
import { formatNumber } from "@/lib/format";

type RankedBarsProps = {
  label: string;
  rows: readonly { id: string; name: ReactNode; value: number }[];
  kind: "refused" | "accepted";
};

/** Biggest first; the longest bar is the biggest row. */
export function RankedBars({ label, rows, kind }: RankedBarsProps) {
  const top = Math.max(1, ...rows.map((row) => row.value));
  return (
    <ol aria-label={label} className="grid gap-3">
      {rows.map((row) => (
        <li key={row.id} className="grid gap-1.5">
          <span className="flex items-baseline justify-between gap-4">
            <span className="cut">{row.name}</span>
            <span className="flex-none tabular-nums">{formatNumber(row.value)}</span>
          </span>
          <span aria-hidden="true" className="flex h-[3px] rounded-full bg-hover">
            <span
              className={clsx("rounded-full", kind === "refused" ? "bg-chart-refused" : "bg-chart-accepted")}
              style={{ width: `${(row.value / top) * 100}%` }}
            />
          </span>
        </li>
      ))}
    </ol>
  );
}
