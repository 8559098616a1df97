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
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={name} className={className}>
      <title>{name}</title>
      <path d={`M0 ${height - 0.5}H${width}`} className="stroke-line-strong" />
      {points.map((point, index) => {
        const below = tall(point.accepted, 0.75);
        const above = tall(point.refused, 1.5);
        const x = round(index * pitch);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its day
          <g key={index} opacity={index === points.length - 1 ? 0.45 : 1}>
            {below > 0 && <rect x={x} y={round(height - below)} width={round(bar)} height={round(below)} className="fill-chart-accepted" />}
            {above > 0 && (
              <rect
                x={x}
                y={round(Math.max(0, height - below - above))}
                width={round(bar)}
                height={round(above)}
                className="fill-chart-refused"
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
