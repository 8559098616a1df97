import "server-only";
import fs from "node:fs";
import path from "node:path";
import { now } from "@/lib/clock";
import { env } from "@/lib/env";
import { describe, log, warnSeldom } from "@/lib/log";
import { once } from "@/lib/runtime";
import { closeDrainPool, drainLines, settleSpool, spoolPosition } from "@/lib/usage/drain";
import { madeAt, toLine } from "@/lib/usage/line";
import { Refusals } from "@/lib/usage/refusals";
import { beginning, type LeftSpool, leftSpools, type Position, readLines, Spool } from "@/lib/usage/spool";

/**
 * One record per answer to a recognised key: into the process's spool before the answer ends, from there into the database in
 * batches, with the spool's position in the same transaction, so that each enters exactly once. The spools of processes that
 * were killed are drained by whoever finds them. While the database is away records wait in the spool.
 */

export interface UsageRecord {
  requestId: string;
  /** Milliseconds since 1970. */
  at: number;
  orgId: string;
  groupId: string;
  keyId: string;
  secretId: string;
  keyPrefix: string;
  environment: string;
  method: string;
  route: string;
  status: number;
  /** `accepted`, `error`, or the error type of the refusal. */
  outcome: string;
  latencyUs: number;
  credits: number;
  /** Whether it was charged to the monthly quota. */
  counted: boolean;
  ip: string | null;
  country: string | null;
  userAgent: string | null;
  /** How many answers it stands for: 1 unless it says more. */
  calls?: number;
}

const TICK_MS = 200;
/** About 8,000 records: larger ones keep PostgreSQL busy for so long at a stretch that answers beside it come late. */
const BATCH_BYTES = 2 * 1024 * 1024;
/** A key or an hourly sum costs the same for one record of a batch as for all: under load batches grow by waiting. */
const BUSY_LINES = 1_000;
const BUSY_MS = 1_000;
const ADOPT_MS = 30_000;
/** After this long a process that was just killed counts as dead to settleSpool() too. */
const LEASE_MS = 4_500;
const RETRY_MS = 1_000;

interface Recorder {
  spool: Spool;
  refusals: Refusals;
  /** How far the spool has been drained, in the file and in lines. */
  position: Position;
  drained: number;
  /** When the record at the position was made: read once for each position. */
  head: { position: Position; at: number | null };
  running: Promise<void> | null;
  /** When the next drain is due under load, by the monotonic clock in milliseconds. */
  due: number;
  adopting: Promise<void> | null;
  timers: NodeJS.Timeout[];
  stopping: boolean;
}

const spools = () => path.join(env().dataDir, "spool");
const recorder = () => once<Recorder>("usage.recorder", open);

function open(): Recorder {
  const spool = new Spool(spools());
  const refusals = new Refusals();
  spool.beforeWrite = () => {
    for (const sum of refusals.takeSums()) void spool.append(toLine(sum, true), sum.calls);
  };
  return {
    ...{ spool, refusals, position: beginning, drained: 0, head: { position: beginning, at: null } },
    ...{ running: null, due: 0, adopting: null, timers: [], stopping: false },
  };
}

/** Resolves when the record survives the end of this process; never rejects (a full disk is counted). */
export function recordUsage(record: UsageRecord): Promise<void> {
  const { spool, refusals } = recorder();
  return refusals.takes(record) ? spool.turn() : spool.append(toLine(record), record.calls);
}

export interface Backlog {
  /** Records of this process that wait for the database. */
  waiting: number;
  /** Calls whose record did not fit on the disk. */
  lost: number;
  /** Age of the oldest that waits. */
  lagSeconds: number;
  /** When that was made, in milliseconds since 1970; null when none waits. */
  oldestWaitingAt: number | null;
}

export function usageBacklog(): Backlog {
  const r = recorder();
  const waiting = r.spool.written - r.drained;
  const oldestWaitingAt = waiting > 0 ? oldest(r) : null;
  const lagSeconds = oldestWaitingAt === null ? 0 : Math.max(0, now() - oldestWaitingAt) / 1000;
  return { waiting, lost: r.spool.lost, lagSeconds, oldestWaitingAt };
}

function oldest(r: Recorder): number | null {
  if (r.head.at === null || r.head.position !== r.position) {
    const { bytes } = readLines(r.spool.folder, r.position, 4096);
    r.head = { position: r.position, at: madeAt(bytes.toString("utf8", 0, bytes.indexOf(10))) };
  }
  return r.head.at;
}

/** Opens the spool, drains from now on, and takes over what dead processes left. Gives back the spool's name. Throws when it cannot be opened. */
export function startDraining(): string {
  const r = recorder();
  if (r.timers.length === 0)
    r.timers = [
      setInterval(() => performance.now() >= r.due && void drainOnce(r), TICK_MS).unref(),
      setInterval(() => void adoptSpools(), ADOPT_MS).unref(),
    ];
  void adoptSpools();
  return r.spool.name;
}

/** Writes all that waits; leaves it waiting when the database is away. */
export async function flushUsage(): Promise<void> {
  const r = recorder();
  await r.running; // it may have begun before the last record came
  await drainOnce(r);
}

/** What waits now. One at a time. */
function drainOnce(r: Recorder): Promise<void> {
  r.running ??= drainOwn(r)
    .catch(async (error: unknown) => {
      warn(r, "usage waits for the database", error);
      if (!r.stopping) await new Promise((done) => setTimeout(done, RETRY_MS));
    })
    .finally(() => {
      r.running = null;
    });
  return r.running;
}

async function drainOwn(r: Recorder): Promise<void> {
  if (r.drained === r.spool.written) return;
  const goal = r.spool.written; // what comes meanwhile waits for the next drain
  r.due = goal - r.drained > BUSY_LINES ? performance.now() + BUSY_MS : 0;
  const end = await drainSpool(r.spool, r.position, (position, lines) => {
    r.position = position;
    r.drained += lines;
    r.spool.forget(position);
    return r.drained < goal;
  });
  if (end !== null && r.drained >= goal && fs.existsSync(r.spool.folder)) return;
  if (end === null || !fs.existsSync(r.spool.folder)) {
    log("error", "the spool's folder is gone, with what it still held", { waiting: r.spool.written - r.drained });
    if (end === null) r.position = beginning;
    r.spool.reopen(end === null ? 0 : r.position.segment + 1);
  }
  r.drained = r.spool.written; // nothing was read after the last line
}

/**
 * Drains from a position while `drained` says so, at most to the last line, and says where that is; null when the spool was settled by
 * another or its folder is gone.
 */
async function drainSpool(
  spool: { name: string; folder: string },
  from: Position,
  drained: (to: Position, lines: number) => boolean,
): Promise<Position | null> {
  for (let position = from; ; ) {
    const { bytes, next } = readLines(spool.folder, position, BATCH_BYTES);
    if (bytes.length === 0) return position;
    const { lines, written } = await drainLines(bytes, { name: spool.name, folder: spool.folder, from: position, to: next });
    // Somebody drains the same, or the answer to our own commit got lost: on from where that left it.
    const at = written ? next : await spoolPosition(spool.name);
    if (at === null) return null;
    position = at;
    if (!drained(at, written ? lines : 0)) return at;
  }
}

/** At the end of the process: drains, and leaves nothing behind when all of it went. */
export async function stopRecording(): Promise<void> {
  const r = recorder();
  r.stopping = true;
  for (const timer of r.timers) clearInterval(timer);
  r.spool.close();
  await Promise.all([r.adopting, r.running]);
  await flushUsage();
  try {
    if (r.spool.written === r.drained) await settleSpool({ name: r.spool.name, folder: r.spool.folder, done: false }, r.position, false);
  } catch (error) {
    log("warn", "the spool is left to the next start", describe(error));
  }
  await closeDrainPool();
}

/** Drains the spools of processes that are gone. What cannot be done yet is tried again with the next round. One round at a time. */
async function adoptSpools(): Promise<void> {
  const r = recorder();
  if (r.stopping) return;
  r.adopting ??= adoptAll(r).finally(() => {
    r.adopting = null;
  });
  return r.adopting;
}

async function adoptAll(r: Recorder): Promise<void> {
  let rest = false;
  for (const spool of leftSpools(spools(), now())) {
    if (spool.name === r.spool.name) continue;
    try {
      if (!(await adopt(r, spool))) rest = true;
    } catch (error) {
      if (r.stopping) return;
      warn(r, "a spool that was left behind could not be drained yet", error);
    }
  }
  if (rest) setTimeout(() => void adoptSpools(), LEASE_MS).unref();
}

/** False when all is drained but its process's lease is not over. */
async function adopt(r: Recorder, spool: LeftSpool): Promise<boolean> {
  let end: Position | null = beginning;
  let adopted = 0;
  if (!spool.done)
    end = await drainSpool(spool, (await spoolPosition(spool.name)) ?? beginning, (_, lines) => {
      adopted += lines;
      if (r.stopping) throw new Error("the process stops");
      return true;
    });
  const isSettled = end === null || (await settleSpool(spool, end, true));
  if (adopted > 0) log("info", "usage of a process that was killed is recorded", { spool: spool.name, records: adopted });
  return isSettled;
}

function warn(r: Recorder, message: string, error: unknown): void {
  warnSeldom(message, { waiting: r.spool.written - r.drained, ...describe(error) });
}
