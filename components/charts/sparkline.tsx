import { formatNumber } from "@/lib/format";

type SparklineProps = {
  /** Oldest first; the last one is today. */
  points: readonly { accepted: number; refused: number }[];
  /** What is counted: "Calls per day". */
  label: string;
  className?: string | undefined;
};

const width = 96;
const height = 22;

export function Sparkline({ points, label, className }: SparklineProps) {
  const top = Math.max(0, ...points.map((point) => point.accepted + point.refused));
  const pitch = width / Math.max(points.length, 1);
  const bar = pitch * 0.68;
  const accepted = points.reduce((sum, point) => sum + point.accepted, 0);
  const refused = points.reduce((sum, point) => sum + point.refused, 0);
  const days = `${points.length} ${points.length === 1 ? "day" : "days"}`;
  const name = `${label}: ${formatNumber(accepted + refused)} in ${days}${refused ? `, ${formatNumber(refused)} refused` : ""}`;
  // The smallest count is seen too: a refusal that is not would be no mark.
  const tall = (value: number, least: number) => (top === 0 || value === 0 ? 0 : Math.max(least, (value / top) * height));
  const bars = points.map((point, index) => {
    const below = tall(point.accepted, 0.75);
    const above = Math.min(tall(point.refused, 1.5), height);
    const x = round(index * pitch);
    const upper = round(Math.max(0, height - below - above));
    return { accepted: rect(x, round(height - below), bar, below), refused: rect(x, upper, bar, above) };
  });
  const done = bars.slice(0, -1);
  const today = bars.slice(-1);
  // A path for each tone, not a shape for each day: lists show many of these.
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={name} className={className}>
      <title>{name}</title>
      <path d={`M0 ${height - 0.5}H${width}`} className="stroke-line-strong" />
      {[done, today].map((part, index) => (
        <g key={index === 0 ? "done" : "today"} opacity={index === 0 ? 1 : 0.45}>
          <path d={part.map((each) => each.accepted).join("")} className="fill-chart-accepted" />
          <path d={part.map((each) => each.refused).join("")} className="fill-chart-refused" />
        </g>
      ))}
    </svg>
  );
}

function rect(x: number, y: number, wide: number, tall: number): string {
  return tall === 0 ? "" : `M${x} ${y}h${round(wide)}v${round(tall)}h-${round(wide)}z`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
