import clsx from "clsx";

type MinuteBarsProps = {
  /** Oldest first; the last one is the minute in progress. */
  perMinute: readonly number[];
  /** Of the scale: give both of a pair the same, so that they can be compared. */
  top: number;
  /** The finding in a sentence: it is the picture's name. */
  summary: string;
  /** Brass is for a secret that is on its way out. */
  tone: "accepted" | "brass";
  className?: string | undefined;
};

const height = 40;
const pitch = 8;

/** Calls per minute as small bars, drawn to the width there is. Zero is the line. */
export function MinuteBars({ perMinute, top, summary, tone, className }: MinuteBarsProps) {
  const width = perMinute.length * pitch;
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={summary}
      className={clsx("block h-10 w-full", className)}
    >
      <path d={`M0 ${height - 0.5}H${width}`} vectorEffect="non-scaling-stroke" className="stroke-line-strong" />
      {perMinute.map((calls, index) => {
        const tall = calls === 0 ? 0 : Math.max(2, (calls / Math.max(top, 1)) * (height - 1));
        return (
          tall > 0 && (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its minute
              key={index}
              x={index * pitch + 1}
              y={Math.round((height - tall) * 100) / 100}
              width={pitch - 2}
              height={Math.round(tall * 100) / 100}
              opacity={index === perMinute.length - 1 ? 0.45 : 1}
              className={tone === "brass" ? "fill-brass" : "fill-chart-accepted"}
            />
          )
        );
      })}
    </svg>
  );
}
