// How often, from which seed, and what came of it: one line per test.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { onTestFailed } from "vitest";
import type { Journal } from "./load";
import type { Rig } from "./nodes";

export const full = process.env.RIG === "full";

/** Few rounds with every `npm test`, many with `npm run test:rig`. */
export const rounds = (short: number, long: number) => (full ? long : short);

export interface Trial {
  seed: number;
  /** From 0 up to 1. */
  random(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
  /** The test's line. */
  report(figures: string): void;
}

/** Begins a test: its random numbers come from RIG_SEED, or from a seed of its own that its line names. */
export function trial(name: string, journal: Journal, rig: Rig): Trial {
  const seed = process.env.RIG_SEED === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(process.env.RIG_SEED);
  const random = mulberry32(seed);
  const between = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  onTestFailed(async () => {
    tell(`${name} seed ${seed}: FAILED; the journal and what the servers printed: ${dump(journal, rig)}`);
    await rig.restore();
  }, 120_000);
  return {
    seed,
    random,
    between,
    pick: (from) => from[between(0, from.length - 1)] as never,
    report: (figures) => tell(`${name} seed ${seed}: ${figures}`),
  };
}

/** Leaves what a failure is explained by in a folder, and gives back its path. */
function dump(journal: Journal, { nodes }: Rig): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-rig-failure-"));
  fs.writeFileSync(path.join(folder, "journal.ndjson"), journal.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  for (const node of nodes) fs.writeFileSync(path.join(folder, `${node.name}.log`), node.logs());
  return folder;
}

function tell(line: string): void {
  console.log(line);
  if (process.env.RIG_LINES !== undefined) fs.appendFileSync(process.env.RIG_LINES, `${line}\n`);
}

/** A small generator of good enough random numbers (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
export const many = (count: number) => count.toLocaleString("en");
