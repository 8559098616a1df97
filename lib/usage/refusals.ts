import type { UsageRecord } from "@/lib/usage/record";

/** A key's refusals past this many in one UTC minute are counted, not written one by one: a client in a loop must not fill the disk. */
export const MOST_REFUSALS = 600;
/** Minutes that are counted at once: the one that runs, and those of requests that took long. */
const MINUTES = 3;

interface Sum {
  record: UsageRecord & { calls: number };
  /** Microseconds of all of them. */
  latencyUs: number;
}

/**
 * Adds up a key's refusals past 600 in a UTC minute until they are taken: one record per key, minute, method, route, status and outcome,
 * of the latest instant, with the mean latency, and with address, country and agent where all have the same. Pure.
 */
export class Refusals {
  #minutes = new Map<number, Map<string, number>>();
  #sums = new Map<string, Sum>();

  /** True when it was added to a sum; false for a record to be written by itself. */
  takes(record: UsageRecord): boolean {
    if (record.outcome === "accepted" || record.outcome === "error") return false;
    const minute = Math.floor(record.at / 60_000);
    const keys = this.#minutes.get(minute) ?? this.#turnTo(minute);
    const before = keys.get(record.keyId) ?? 0;
    keys.set(record.keyId, before + 1);
    if (before < MOST_REFUSALS) return false;
    this.#add(record, minute);
    return true;
  }

  /** The sums since the last time, in the order in which they began. */
  takeSums(): UsageRecord[] {
    if (this.#sums.size === 0) return [];
    const sums = [...this.#sums.values()].map(({ record, latencyUs }) => ({ ...record, latencyUs: Math.round(latencyUs / record.calls) }));
    this.#sums.clear();
    return sums;
  }

  #add(record: UsageRecord, minute: number): void {
    const { keyId, method, route, status, outcome, counted } = record;
    const name = `${keyId}\n${minute}\n${method}\n${route}\n${status}\n${outcome}\n${counted}`;
    const sum = this.#sums.get(name);
    if (sum === undefined) {
      this.#sums.set(name, { record: { ...record, requestId: "", calls: 1 }, latencyUs: record.latencyUs });
      return;
    }
    const all = sum.record;
    all.calls += 1;
    all.at = Math.max(all.at, record.at);
    all.credits += record.credits;
    sum.latencyUs += record.latencyUs;
    if (all.ip !== record.ip) all.ip = null;
    if (all.country !== record.country) all.country = null;
    if (all.userAgent !== record.userAgent) all.userAgent = null;
  }

  /** The oldest goes in the order of arrival, not of time: a clock may be set back. */
  #turnTo(minute: number): Map<string, number> {
    const keys = new Map<string, number>();
    this.#minutes.set(minute, keys);
    for (const first of this.#minutes.keys()) if (this.#minutes.size > MINUTES) this.#minutes.delete(first);
    return keys;
  }
}
