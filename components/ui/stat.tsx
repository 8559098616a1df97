import clsx from "clsx";
import { Children, type ReactNode } from "react";

/** Two to four figures in one ruled strip; two by two below 1100. */
export function Stats({ label, children }: { label: string; children: ReactNode }) {
  const columns = Children.count(children) === 3 ? "lg:grid-cols-3" : Children.count(children) === 2 ? "lg:grid-cols-2" : "lg:grid-cols-4";
  return (
    // Hairlines are the gaps of the grid, so every arrangement is ruled right.
    <dl
      aria-label={label}
      className={clsx(
        "grid grid-cols-2 gap-px overflow-clip rounded-lg border border-line bg-line max-lg:[&>:last-child:nth-child(odd)]:col-span-2",
        columns,
      )}
    >
      {children}
    </dl>
  );
}

type StatProps = {
  label: ReactNode;
  value: ReactNode;
  unit?: ReactNode;
  /** One line: a change, a second figure, or "first day, nothing to compare yet". */
  note?: ReactNode;
  /** Between figure and note: a Meter. */
  meter?: ReactNode;
};

export function Stat({ label, value, unit, note, meter }: StatProps) {
  return (
    <div className="min-w-0 bg-surface p-4 max-md:py-3">
      <dt className="text-fg-2">{label}</dt>
      <dd className="mt-0.5 text-stat font-strong tabular-nums max-md:text-h1">
        {value}
        {unit && (
          <small className="text-lg font-quiet tracking-[-0.01em] text-fg-3">
            {"\u00a0"}
            {unit}
          </small>
        )}
      </dd>
      {meter && <dd className="mt-1.5 mb-1">{meter}</dd>}
      {note && <dd className="mt-0.5 text-sm text-fg-3">{note}</dd>}
    </div>
  );
}

/** How much of an allowance is used. `label` says the same in words. */
export function Meter({
  value,
  max,
  label,
  tone = "accent",
}: {
  value: number;
  max: number;
  label: string;
  tone?: "accent" | "warn" | "bad" | undefined;
}) {
  const share = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0;
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers do not let the bar of a <meter> be drawn alike
    <div
      role="meter"
      aria-label={label}
      aria-valuenow={value}
      aria-valuemin={0}
      aria-valuemax={max}
      className="flex h-1.5 overflow-hidden rounded-full bg-hover"
    >
      <span
        className={clsx("rounded-full", tone === "accent" ? "bg-accent" : tone === "warn" ? "bg-warn" : "bg-bad")}
        style={{ width: `${share * 100}%` }}
      />
    </div>
  );
}
