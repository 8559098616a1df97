import { toAppError } from "@/lib/errors";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";

/**
 * Work that an answer does not wait for. It begins after the answer, little at a time, is tried again while the database is away, and what
 * fails for good is logged. A process that stops waits for it (server.ts); one that is killed loses it: nothing that was promised is here.
 */

/** Fewer than the connections that changes have, so that no flood of it keeps people from theirs. */
const MOST_AT_ONCE = 3;
const TRIES = 5;
const RETRY_MS = 1_000;

interface Background {
  /** All that has not ended. */
  runs: Set<Promise<void>>;
  running: number;
  waiting: (() => void)[];
}

const background = () => once<Background>("background", () => ({ runs: new Set(), running: 0, waiting: [] }));

export function inBackground(what: string, work: () => Promise<unknown>): void {
  const { runs } = background();
  const run = inTurn(() => attempt(work))
    .catch((error: unknown) => log("error", `${what} failed`, describe(error)))
    .finally(() => runs.delete(run));
  runs.add(run);
}

/** Resolves when nothing runs any more. */
export async function backgroundDone(): Promise<void> {
  while (background().runs.size > 0) await Promise.all(background().runs);
}

async function inTurn(work: () => Promise<void>): Promise<void> {
  const all = background();
  if (all.running < MOST_AT_ONCE) all.running += 1;
  else await new Promise<void>((turn) => all.waiting.push(turn)); // whoever ends hands its turn on
  try {
    await work();
  } finally {
    const next = all.waiting.shift();
    if (next === undefined) all.running -= 1;
    else next();
  }
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
