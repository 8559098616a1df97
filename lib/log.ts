import { env } from "@/lib/env";

const LEVELS = { debug: 10, info: 20, warn: 30, error: 40, silent: 90 } as const;
type Level = "debug" | "info" | "warn" | "error";

/** One JSON line on stderr. Fields are named one by one by the caller: no request, header or row is ever passed whole. */
export function log(level: Level, message: string, fields: Record<string, string | number | boolean | null> = {}): void {
  if (LEVELS[level] < LEVELS[env().logLevel]) return;
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...fields })}\n`);
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
