import { toAppError } from "@/lib/errors";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";

/**
 * Work that an answer does not wait for. It begins after the answer, little at a time, is tried again while the database is away, and what
 * fails for good is logged. A process that stops waits for it for a while (server.ts); one that is killed loses it: what must not be lost
 * has a row of its own besides (lib/keys/leaks.ts).
 */

/** Fewer than the connections that changes have, so that no flood of it keeps people from theirs. */
const MOST_AT_ONCE = 3;
const TRIES = 5;
const RETRY_MS = 1_000;

interface Lane {
  running: number;
  waiting: (() => void)[];
}

interface Background {
  /** All that has not ended. */
  runs: Set<Promise<void>>;
  /** Acts never wait behind words: a mail server that hangs holds up mails alone. */
  lanes: Record<"acts" | "words", Lane>;
}

const newLane = (): Lane => ({ running: 0, waiting: [] });
const background = () => once<Background>("background", () => ({ runs: new Set(), lanes: { acts: newLane(), words: newLane() } }));

/** Resolves when the work is over, done or given up. */
export function inBackground(lane: "acts" | "words", what: string, work: () => Promise<unknown>): Promise<void> {
  const { runs, lanes } = background();
  const run = inTurn(lanes[lane], () => attempt(work))
    .catch((error: unknown) => log("error", `${what} failed`, describe(error)))
    .finally(() => runs.delete(run));
  runs.add(run);
  return run;
}

/** Resolves when nothing runs any more, or after so many milliseconds: what still runs then is given up. */
export async function backgroundDone(mostMs = Number.POSITIVE_INFINITY): Promise<void> {
  const { runs } = background();
  const until = performance.now() + mostMs;
  while (runs.size > 0 && performance.now() < until) {
    if (mostMs === Number.POSITIVE_INFINITY) await Promise.all(runs);
    else await Promise.race([Promise.all(runs), new Promise((done) => setTimeout(done, until - performance.now()))]);
  }
  if (runs.size > 0) log("error", "work beside the requests was given up", { runs: runs.size });
}

async function inTurn(lane: Lane, work: () => Promise<void>): Promise<void> {
  if (lane.running < MOST_AT_ONCE) lane.running += 1;
  else await new Promise<void>((turn) => lane.waiting.push(turn)); // whoever ends hands its turn on
  try {
    await work();
  } finally {
    const next = lane.waiting.shift();
    if (next === undefined) lane.running -= 1;
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
