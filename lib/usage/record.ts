import "server-only";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";
import { drain } from "@/lib/usage/drain";

/**
 * One record per answer to a recognised key, written in batches: at most 200 ms in memory while the database answers,
 * and for as long as it is away. A record enters the database exactly once (the request id decides). The buffer is bounded;
 * what does not fit is counted and said.
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
const CAPACITY = 200_000;

interface Recorder {
  buffer: UsageRecord[];
  lost: number;
  running: Promise<void> | null;
  timer: NodeJS.Timeout | null;
}

const recorder = () => once<Recorder>("usage.recorder", () => ({ buffer: [], lost: 0, running: null, timer: null }));

export function recordUsage(record: UsageRecord): void {
  const r = recorder();
  if (r.buffer.length >= CAPACITY) {
    r.lost += 1;
    if (r.lost === 1 || r.lost % 10_000 === 0)
      log("error", "usage records are being lost: the database has been away too long", { lost: r.lost });
    return;
  }
  r.buffer.push(record);
}

/** How many records wait, and how many did not fit. */
export function usageBacklog(): { waiting: number; lost: number } {
  const r = recorder();
  return { waiting: r.buffer.length, lost: r.lost };
}

export function startDraining(): void {
  const r = recorder();
  r.timer ??= setInterval(() => void flushUsage(), TICK_MS);
  r.timer.unref();
}

/** Writes all that waits; leaves it waiting when the database is away. One at a time. */
export async function flushUsage(): Promise<void> {
  const r = recorder();
  if (r.running !== null) return r.running;
  r.running = (async () => {
    while (r.buffer.length > 0) {
      const batch = r.buffer.slice(0, BATCH);
      try {
        await drain(batch);
        r.buffer.splice(0, batch.length);
      } catch (error) {
        log("warn", "usage waits for the database", { waiting: r.buffer.length, ...describe(error) });
        await new Promise((done) => setTimeout(done, 1_000));
        return;
      }
    }
  })().finally(() => {
    r.running = null;
  });
  return r.running;
}
