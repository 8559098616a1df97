import { createHash } from "node:crypto";
import { binOf } from "@/lib/usage/histogram";
import { clientOf, headOf, meaningOf, type Row, rowOf } from "@/lib/usage/line";

/** Adds up what lines of usage say: hourly sums, uses of keys, units of quota, sums of refusals. Pure. Rows come out named as their columns. */

interface Bucket {
  name: string;
  requests: number;
  counted: number;
  credits: number;
  /** Counts by bin, up to the last bin that has any. */
  latency: number[];
  /** Of the latest call. */
  lastAt: string;
  lastLine: string;
}

export interface Use {
  keyId: string;
  calls: number;
  /** Of the latest call. */
  at: string;
  ip: string | null;
  agent: string | null;
}

export interface Charge {
  orgId: string;
  environment: string;
  month: string;
  units: number;
}

type Numbers = { calls: number; credits: number; latencyUs: number };
export type SumRow = Omit<Row, keyof Numbers> & Numbers;

export class Batch {
  /** How many lines are a row each. */
  rows = 0;
  /** Lines that count refusals: they make or raise a row. */
  readonly sumLines: string[] = [];
  /** How many lines could not be read. */
  unreadable = 0;
  /** Of the earliest call. */
  firstAt = "";
  #buckets = new Map<string, Bucket>();
  #sums = new Map<string, SumRow>();

  add(line: string): void {
    const head = headOf(line);
    const row = head?.isSum ? rowOf(line) : undefined;
    const isTorn = head === null || row === null;
    const bucket = isTorn ? undefined : (this.#buckets.get(head.bucket) ?? this.#open(head.bucket, head.createdAt));
    if (isTorn || bucket === undefined) {
      this.unreadable += 1;
      return;
    }
    if (row === undefined) this.rows += 1;
    else this.#addSum(line, row);
    bucket.requests += head.calls;
    bucket.credits += head.credits;
    if (head.counted) bucket.counted += head.calls;
    const bin = binOf(head.latencyUs);
    while (bucket.latency.length <= bin) bucket.latency.push(0);
    bucket.latency[bin] = (bucket.latency[bin] as number) + head.calls;
    if (this.firstAt === "" || head.createdAt < this.firstAt) this.firstAt = head.createdAt;
    if (head.createdAt >= bucket.lastAt) {
      bucket.lastAt = head.createdAt;
      bucket.lastLine = line;
    }
  }

  get lines(): number {
    return this.rows + this.sumLines.length + this.unreadable;
  }

  #open(name: string, createdAt: string): Bucket | undefined {
    if (Number.isNaN(Date.parse(createdAt))) return undefined;
    const bucket = { name, requests: 0, counted: 0, credits: 0, latency: [], lastAt: "", lastLine: "" };
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Rows of "UsageBucket"; latency as an array in PostgreSQL's words. */
  buckets() {
    return [...this.#buckets.values()].map(({ name, requests, credits, latency }) => {
      const [orgId, keyId, groupId, environment, route = "", outcome = "", hour] = name.split("\t");
      const start = `${hour}:00:00Z`;
      const words = { route: meaningOf(route), outcome: meaningOf(outcome) };
      return { orgId, start, keyId, groupId, environment, ...words, requests, credits, latency: `{${latency.join()}}` };
    });
  }

  /** What each key was used for. */
  uses(): Use[] {
    const uses = new Map<string, { calls: number; at: string; line: string }>();
    for (const { name, requests, lastAt, lastLine } of this.#buckets.values()) {
      const [, keyId = ""] = name.split("\t", 2);
      const use = uses.get(keyId) ?? { calls: 0, at: "", line: "" };
      use.calls += requests;
      if (lastAt >= use.at) {
        use.at = lastAt;
        use.line = lastLine;
      }
      uses.set(keyId, use);
    }
    return [...uses].map(([keyId, { calls, at, line }]) => {
      const { ip, userAgent } = clientOf(line);
      return { keyId, calls, at, ip, agent: userAgent };
    });
  }

  /** Units that were charged to the quotas of organizations. */
  charges(): Charge[] {
    const charges = new Map<string, Charge>();
    for (const { name, counted } of this.#buckets.values()) {
      if (counted === 0) continue;
      const [orgId = "", , , environment = "", , , hour = ""] = name.split("\t");
      const month = hour.slice(0, 7);
      const of = `${orgId}\t${environment}\t${month}`;
      const charge = charges.get(of) ?? { orgId, environment, month, units: 0 };
      charge.units += counted;
      charges.set(of, charge);
    }
    return [...charges.values()];
  }

  /** The UTC days of the lines, such as 2026-11-21. */
  days(): string[] {
    return [...new Set([...this.#buckets.values()].map(({ lastAt }) => lastAt.slice(0, 10)))];
  }

  #addSum(line: string, row: Row): void {
    this.sumLines.push(line);
    const createdAt = `${row.createdAt?.slice(0, 16)}:00.000Z`;
    const name = [row.keyId, createdAt, row.method, row.route, row.status, row.outcome].join("\n");
    const one = { ...row, createdAt, calls: Number(row.calls), credits: Number(row.credits), latencyUs: Number(row.latencyUs) };
    const sum = this.#sums.get(name);
    if (sum === undefined) this.#sums.set(name, one);
    else addTo(sum, one);
  }

  /** One row of "UsageEvent" per key, minute, method, route, status and outcome, in the order of their ids, which name these. */
  sums(): SumRow[] {
    const sums = [...this.#sums].map(([name, sum]) => ({ ...sum, requestId: sumId(name) }));
    return sums.sort((a, b) => (a.requestId < b.requestId ? -1 : 1));
  }
}

/** As the upsert in drain.ts adds to the row that is there. */
function addTo(sum: SumRow, one: SumRow): void {
  const calls = sum.calls + one.calls;
  sum.latencyUs = Math.floor((sum.latencyUs * sum.calls + one.latencyUs * one.calls) / calls);
  sum.calls = calls;
  sum.credits += one.credits;
  for (const name of ["ip", "country", "userAgent"] as const) if (sum[name] !== one[name]) sum[name] = null;
}

/** `sum_` and the first 130 bits of a SHA-256 as 26 digits of base 32 (RFC 4648, "extended hex"). */
function sumId(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex");
  return `sum_${(BigInt(`0x${hash}`) >> 126n).toString(32).padStart(26, "0")}`;
}
