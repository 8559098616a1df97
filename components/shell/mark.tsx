import clsx from "clsx";

/** The sign: a key, brass on ink. */
export function Mark({ size = 22, className }: { size?: number | undefined; className?: string | undefined }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" className={clsx("flex-none", className)}>
      <rect width="24" height="24" rx="6" className="fill-mark-bg" />
      <g fill="none" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" className="stroke-mark">
        <circle cx="8" cy="9.5" r="3.5" />
        <path d="M11.5 9.5H19M15 9.5v4M19 9.5v6" />
      </g>
    </svg>
  );
}
