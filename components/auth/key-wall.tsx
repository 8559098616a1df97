import { KeyFace } from "@/components/keys/key-face";

const pitch = 62;
const columns = 7;
const rows = 6;
const depths = [0, 4, 8, 12, 16];

/** Keys of nobody, always the same ones, and one in front. Decoration. */
export function KeyWall() {
  return (
    <div aria-hidden="true" className="relative size-full overflow-hidden">
      <svg
        aria-hidden="true"
        className="absolute inset-0 size-full text-line-strong [mask-image:radial-gradient(70%_62%_at_50%_50%,black,rgb(0_0_0/0.1))]"
      >
        <defs>
          <pattern
            id="keys"
            x="50%"
            y="50%"
            width={columns * pitch}
            height={rows * pitch}
            patternUnits="userSpaceOnUse"
            patternTransform={`translate(${-pitch / 2} ${-pitch / 2})`}
          >
            <path d={wall} fill="currentColor" />
          </pattern>
        </defs>
        <rect width="100%" height="100%" fill="url(#keys)" />
      </svg>
      <span className="absolute top-1/2 left-1/2 flex -translate-x-1/2 -translate-y-1/2 h-[54px] w-[180px] items-center justify-center gap-3 rounded-lg border border-brass-line bg-surface">
        <KeyFace prefix="lk_live_9fKq2T" className="size-8 text-brass!" />
        <span className="font-mono text-sm">lk_live_9fKq2T</span>
      </span>
    </div>
  );
}

// Numerical Recipes' generator: the same wall on every machine.
const wall = (() => {
  let seed = 2026;
  const next = () => {
    seed = (seed * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor((seed / 2 ** 32) * depths.length);
  };
  let path = "";
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = column * pitch + 17;
      const y = row * pitch + 20;
      path += `M${x} ${y}h28v4.5h-28z`;
      for (let cut = 0; cut < 6; cut++) {
        const depth = depths[next()] ?? 0;
        if (depth > 0) path += `M${Math.round((x + cut * 5) * 10) / 10} ${y + 4.5}h3v${depth}h-3z`;
      }
    }
  }
  return path;
})();
