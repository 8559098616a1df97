import type { Instrumentation } from "next";

/** Starts nothing (server.ts does): only gives a page that failed a line in our log, under the id that its reader sees. */
export const onRequestError: Instrumentation.onRequestError = async (error, request) => {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const [{ frontOf }, { describe, log }, { toAppError }] = await Promise.all([
    import("@/lib/auth/front"),
    import("@/lib/log"),
    import("@/lib/errors"),
  ]);
  const value = (name: string) => request.headers[name];
  const front = frontOf({ get: (name) => [value(name)].flat()[0] ?? null });
  const digest = (error as { digest?: unknown }).digest;
  const level = toAppError(error).type === "unavailable" ? "warn" : "error";
  log(level, "page failed", {
    request_id: front.id,
    path: request.path,
    digest: typeof digest === "string" ? digest : null,
    ...describe(error),
  });
};
