import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("../../app/tokens.css", import.meta.url), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");

const light = variablesOf(":root");
const themes = { light, dark: { ...light, ...variablesOf('[data-theme="dark"]') } };

const grounds = ["surface", "page", "sunken", "hover", "hover-raised", "selected", "raised"];
const flat = ["surface", "page", "raised"];
const own = (name: string, on = grounds) => [...on, `${name}-soft`];

/** Every pair in use (ui.md §2): what stands on what, and the bound of WCAG 2 for text (4.5) or parts (3). */
const pairs: readonly [name: string, on: readonly string[], bound: number][] = [
  ["text", [...grounds, "ok-soft", "warn-soft", "bad-soft", "brass-soft", "accent-soft"], 4.5],
  ["text-2", [...grounds, "ok-soft", "warn-soft", "bad-soft", "brass-soft", "accent-soft"], 4.5],
  ["text-3", grounds, 4.5],
  ["on-ink", ["ink", "ink-hover"], 4.5],
  ["on-bad", ["bad", "bad-hover"], 4.5],
  ["accent-text", own("accent"), 4.5],
  ["brass-text", own("brass"), 4.5],
  ["ok-text", own("ok"), 4.5],
  ["warn-text", own("warn"), 4.5],
  ["bad-text", own("bad"), 4.5],
  ["line-control", [...flat, "selected"], 3],
  ["accent", [...grounds, "accent-soft"], 3],
  ["on-accent", ["accent"], 3],
  ["brass", own("brass", flat), 3],
  ["ok", own("ok", flat), 3],
  ["warn", own("warn", flat), 3],
  ["bad", own("bad", flat), 3],
  ["mark", ["mark-bg"], 3],
  ["chart-accepted", ["surface", "selected"], 3],
  ["chart-refused", ["surface", "selected"], 3],
  ["chart-error", ["surface", "selected"], 3],
  ["chart-previous", ["surface"], 3],
  ["chart-other", ["surface"], 3],
];

describe.each(Object.entries(themes))("the %s theme can be read", (_, variables) => {
  test.each(pairs)("%s on %j is at least %d to 1", (name, on, bound) => {
    for (const ground of on) {
      expect(contrast(colorOf(variables, name), colorOf(variables, ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(bound);
    }
  });
});

test("every colour of the light theme that is not shared has its dark form", () => {
  const shared = ["mark", "on-accent"];
  const dark = variablesOf('[data-theme="dark"]');
  const missing = Object.entries(light).filter(([name, value]) => value.startsWith("oklch(") && !(name in dark) && !shared.includes(name));
  expect(missing.map(([name]) => name)).toEqual([]);
});

function variablesOf(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("\n}", start));
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((match) => [match[1] ?? "", match[2]?.trim() ?? ""]));
}

type Rgb = readonly [number, number, number];

function colorOf(variables: Record<string, string>, name: string): Rgb {
  const found = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)$/.exec(variables[name] ?? "");
  if (!found) throw new Error(`--${name} is not a plain oklch() colour`);
  return oklchToLinear(Number(found[1]), Number(found[2]), Number(found[3]));
}

/** Björn Ottosson's OKLab to linear sRGB, clipped to the gamut as a screen does. */
function oklchToLinear(lightness: number, chroma: number, hue: number): Rgb {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  return [
    clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** WCAG 2.2, contrast ratio; luminance from linear light. */
function contrast(one: Rgb, other: Rgb): number {
  const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const [low, high] = [luminance(one), luminance(other)].sort((x, y) => x - y);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}
