import { toAppError } from "@/lib/errors";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";

/**
 * Work that an answer does not wait for. It begins after the answer, is tried again while the database is away, and what fails for good is
 * logged. A process that stops waits for it (server.ts); one that is killed loses it, so nothing belongs here that an answer promises.
 */

const TRIES = 5;
const RETRY_MS = 1_000;

const running = () => once("background", () => new Set<Promise<void>>());

export function inBackground(what: string, work: () => Promise<unknown>): void {
  const run = attempt(work).then(
    () => void running().delete(run),
    (error: unknown) => {
      running().delete(run);
      log("error", `${what} failed`, describe(error));
    },
  );
  running().add(run);
}

/** Resolves when nothing runs any more. */
export async function backgroundDone(): Promise<void> {
  while (running().size > 0) await Promise.all(running());
}

async function attempt(work: () => Promise<unknown>): Promise<void> {
  await new Promise((done) => setImmediate(done));
  for (let tried = 1; ; tried++) {
    try {
      await work();
      return;
    } catch (error) {
      if (tried === TRIES || toAppError(error).type !== "unavailable") throw error;
      await new Promise((done) => setTimeout(done, RETRY_MS * tried));
    }
  }
}
