// The load driver and its journal: every request with when it was sent, when it was answered, and what the answer was. Nothing here
// judges. Times are milliseconds of this process's monotonic clock, so that "sent after the answer to" means what it says.
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Node } from "./nodes";

/** A key that the rig calls with. */
export interface TestKey {
  id: string;
  secret: string;
}

export interface Call {
  key?: TestKey;
  json?: unknown;
  headers?: Record<string, string>;
  /** The address it seems to come from. */
  from?: string;
}

/** One request and its answer. `status` 0: none came. */
export interface Sent {
  node: string;
  call: string;
  keyId: string | null;
  sentAt: number;
  endedAt: number;
  status: number;
  /** `error_code` of an error. */
  code: string | null;
  requestId: string;
  retryAfter: string | null;
  /** X-RateLimit-Remaining. */
  remaining: number;
  /** Why no answer came. */
  fault: string | null;
  /** The body of an answer to anything but a plain 200 of GET; parsed, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what a server answered is checked by who reads it
  body: any;
}

/** Nothing may take as long: a request that hangs is a finding, and not the end of the test. */
const HANG_MS = 15_000;

export class Journal {
  readonly entries: Sent[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, timeout: HANG_MS });

  /** Sends a request and notes what came of it. Never rejects. */
  send(node: Node, method: string, target: string, { key, json, headers, from }: Call = {}): Promise<Sent> {
    const content = json === undefined ? undefined : JSON.stringify(json);
    const { hostname, port } = new URL(node.url);
    return new Promise((done) => {
      const entry: Sent = {
        node: node.name,
        call: `${method} ${target}`,
        keyId: key?.id ?? null,
        sentAt: 0,
        endedAt: 0,
        status: 0,
        code: null,
        requestId: "",
        retryAfter: null,
        remaining: Number.NaN,
        fault: null,
        body: null,
      };
      const ended = (fault: string | null) => {
        if (entry.endedAt !== 0) return;
        entry.endedAt = performance.now();
        entry.fault = fault;
        if (fault !== null) entry.status = 0;
        done(entry);
      };
      const request = http.request(
        {
          agent: this.#agent,
          hostname,
          port,
          method,
          path: target,
          headers: {
            ...(key === undefined ? {} : { Authorization: `Bearer ${key.secret}` }),
            ...(content === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(content) }),
            ...(from === undefined ? {} : { "X-Forwarded-For": from }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", (error) => ended(error.message));
          response.on("close", () => {
            if (!response.complete) ended("the answer broke off");
          });
          response.on("end", () => {
            entry.status = response.statusCode ?? 0;
            entry.requestId = String(response.headers["x-request-id"] ?? "");
            entry.retryAfter = response.headers["retry-after"] ?? null;
            entry.remaining = Number(response.headers["x-ratelimit-remaining"]);
            if (method !== "GET" || entry.status !== 200 || target !== "/v1/status") {
              entry.body = parsed(Buffer.concat(chunks).toString());
              entry.code = entry.status >= 400 ? (entry.body?.error_code ?? null) : null;
            }
            ended(null);
          });
        },
      );
      request.setTimeout(HANG_MS, () => request.destroy(new Error("hangs")));
      request.on("error", (error: NodeJS.ErrnoException) => ended(error.code ?? error.message));
      this.entries.push(entry);
      entry.sentAt = performance.now();
      request.end(content);
    });
  }

  /** Those that match, in the order in which they were sent. */
  where(match: (sent: Sent) => boolean): Sent[] {
    return this.entries.filter(match);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Sends `perSecond` requests while `running`, however slowly they are answered, and waits for the last answers. */
export async function pace(perSecond: number, running: () => boolean, send: (i: number) => Promise<unknown>): Promise<void> {
  const open = new Set<Promise<unknown>>();
  const begun = performance.now();
  for (let i = 0; running(); await sleep(4)) {
    for (const due = ((performance.now() - begun) / 1000) * perSecond; i < due && running(); i++) {
      const one: Promise<unknown> = send(i).finally(() => open.delete(one));
      open.add(one);
    }
  }
  await Promise.all(open);
}

/** Does `work` so many times, up to `atOnce` of them at a time. */
export async function workers(atOnce: number, times: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, worker));
}

/** A load that runs beside a test until it is stopped, or the test ends. */
export function background(perSecond: number, send: (i: number) => Promise<unknown>): { stop(): Promise<void> } {
  let running = true;
  const done = pace(perSecond, () => running, send);
  const stop = () => {
    running = false;
    return done;
  };
  onTestFinished(stop);
  return { stop };
}

/** The value below which a share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export const tookMs = ({ sentAt, endedAt }: Sent) => endedAt - sentAt;
