import { env } from "@/lib/env";
import { once } from "@/lib/runtime";

const LEVELS = { debug: 10, info: 20, warn: 30, error: 40, silent: 90 } as const;
type Level = "debug" | "info" | "warn" | "error";

/** One JSON line on stderr. Fields are named one by one by the caller: no request, header or row is ever passed whole. */
export function log(level: Level, message: string, fields: Record<string, string | number | boolean | null> = {}): void {
  if (LEVELS[level] < LEVELS[env().logLevel]) return;
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...fields })}\n`);
}

const SELDOM_MS = 1_000;

/** What a database that is away makes everybody say at once: one line a second over all of it; the next one says how many were left out. */
export function warnSeldom(message: string, fields: Record<string, string | number | boolean | null> = {}): void {
  const last = once("log.seldom", () => ({ at: Number.NEGATIVE_INFINITY, leftOut: 0 }));
  if (performance.now() - last.at < SELDOM_MS) {
    last.leftOut += 1;
    return;
  }
  log("warn", message, last.leftOut === 0 ? fields : { ...fields, left_out: last.leftOut });
  last.at = performance.now();
  last.leftOut = 0;
}

/** An error's own words, its code and where it was thrown: for our log only. */
export function describe(error: unknown): { error: string; code: string | null; stack: string | null } {
  if (!(error instanceof Error)) return { error: String(error), code: null, stack: null };
  const code = (error as { code?: unknown }).code;
  const cause = error.cause instanceof Error ? ` ← ${error.cause.message}` : "";
  return {
    error: `${error.message}${cause}`,
    code: typeof code === "string" ? code : null,
    stack: error.stack?.split("\n").slice(1, 6).join(" ") ?? null,
  };
}
