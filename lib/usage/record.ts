import "server-only";
import fs from "node:fs";
import path from "node:path";
import { now } from "@/lib/clock";
import { env } from "@/lib/env";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";
import { drain, forgetSpool, spoolPosition } from "@/lib/usage/drain";
import { beginning, leftSpools, type Position, readLines, Spool } from "@/lib/usage/spool";

/**
 * One record per answer to a recognised key: into the process's spool before the answer ends, from there into the database in
 * batches, with the spool's position in the same transaction, so that each enters exactly once. The spools of processes that
 * were killed are drained at the next start. While the database is away records wait in the spool.
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
  ip: string | null;
  country: string | null;
  userAgent: string | null;
}

const TICK_MS = 200;
const BATCH = 2_000;

interface Recorder {
  spool: Spool;
  position: Position;
  drained: number;
  running: Promise<void> | null;
  timer: NodeJS.Timeout | null;
}

const spools = () => path.join(env().dataDir, "spool");
const recorder = () =>
  once<Recorder>("usage.recorder", () => ({ spool: new Spool(spools()), position: beginning, drained: 0, running: null, timer: null }));

/** Resolves when the record survives the end of this process; never rejects (a full disk is counted). */
export function recordUsage(record: UsageRecord): Promise<void> {
  return recorder().spool.append(JSON.stringify(record));
}

/** How many records wait for the database, and how many did not fit on the disk. */
export function usageBacklog(): { waiting: number; lost: number } {
  const { spool, drained } = recorder();
  return { waiting: spool.written - drained, lost: spool.lost };
}

/** Opens the spool, takes over what dead processes left, and drains from now on. Throws when the spool cannot be opened. */
export function startDraining(): void {
  const r = recorder();
  void adoptSpools();
  r.timer ??= setInterval(() => void flushUsage(), TICK_MS).unref();
}

/** Writes all that waits; leaves it waiting when the database is away. One at a time. */
export async function flushUsage(): Promise<void> {
  const r = recorder();
  if (r.running !== null) return r.running;
  r.running = drainOwn(r)
    .catch(async (error: unknown) => {
      log("warn", "usage waits for the database", { waiting: r.spool.written - r.drained, ...describe(error) });
      await new Promise((done) => setTimeout(done, 1_000));
    })
    .finally(() => {
      r.running = null;
    });
  return r.running;
}

async function drainOwn(r: Recorder): Promise<void> {
  for (;;) {
    const { lines, next } = readLines(r.spool.folder, r.position, BATCH);
    if (lines.length === 0) return;
    await drain(lines.map(toRecord), { name: r.spool.name, position: next });
    r.position = next;
    r.drained += lines.length;
    r.spool.forget(next);
  }
}

/** At the end of the process: drains, and leaves nothing behind when all of it went. */
export async function stopRecording(): Promise<void> {
  const r = recorder();
  if (r.timer !== null) clearInterval(r.timer);
  await r.running;
  await flushUsage();
  const empty = r.spool.written === r.drained;
  r.spool.close(empty);
  if (empty) await forgetSpool(r.spool.name);
}

/** Drains the spools of processes that are gone, from where they had got to. One that cannot be drained is tried at the next start. */
async function adoptSpools(): Promise<void> {
  for (const { name, folder } of leftSpools(spools(), now())) {
    try {
      let position = await spoolPosition(name);
      let adopted = 0;
      for (;;) {
        const { lines, next } = readLines(folder, position, BATCH);
        if (lines.length === 0) break;
        await drain(lines.map(toRecord), { name, position: next });
        position = next;
        adopted += lines.length;
      }
      fs.rmSync(folder, { recursive: true, force: true });
      await forgetSpool(name);
      if (adopted > 0) log("info", "usage of a process that was killed is recorded", { records: adopted });
    } catch (error) {
      log("warn", "a spool that was left behind could not be drained yet", { spool: name, ...describe(error) });
    }
  }
}

function toRecord(line: string): UsageRecord {
  return JSON.parse(line) as UsageRecord;
}
