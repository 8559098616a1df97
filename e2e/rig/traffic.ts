// What runs beside a fault: calls of keys that are good, revoked, over their limit or without the scope, and changes; and what must be
// true of their answers whatever happens.
import { expect } from "vitest";
import { createKey, newKey, revokeKey, use } from "./customers";
import { background, type Journal, type Sent, type TestKey, tookMs } from "./load";
import type { Node } from "./nodes";

/** How long a request may take, whatever is broken: reliability.md F04, and a moment for the way on a busy machine. */
export const LONGEST_MS = 3_300;
/** Revocations wait for nodes that may not answer: contract §9. */
export const LONGEST_REVOCATION_MS = 4_500;

export interface Traffic {
  good: TestKey[];
  revoked: TestKey;
  /** One call, now and then a change, to the node; `i` decides which. */
  send(i: number, node: Node): Promise<Sent>;
  /** Runs it at all nodes until it is stopped; `changes` leaves creating and revoking in. */
  start(perSecond: number, nodes: readonly Node[]): { stop(): Promise<void> };
}

export async function newTraffic(journal: Journal, node: Node, master: TestKey): Promise<Traffic> {
  const good = await Promise.all(Array.from({ length: 5 }, () => newKey(journal, node, master)));
  const revoked = await newKey(journal, node, master);
  const limited = await newKey(journal, node, master, { rate_limit_rpm: 10 });
  const blind = await newKey(journal, node, master, { scopes: ["search"] });
  expect((await revokeKey(journal, node, master, revoked)).status).toBe(200);

  async function change(at: Node): Promise<Sent> {
    const created = await createKey(journal, at, master);
    if (created.status !== 201) return created;
    return revokeKey(journal, at, master, created.body);
  }

  function send(i: number, at: Node): Promise<Sent> {
    const place = i % 60;
    if (place === 0) return change(at);
    if (place < 6) return use(journal, at, revoked);
    if (place < 9) return use(journal, at, limited);
    if (place < 12) return use(journal, at, blind);
    return use(journal, at, good[i % good.length] as TestKey);
  }

  return {
    good,
    revoked,
    send,
    start: (perSecond, nodes) => background(perSecond, (i) => send(Math.floor(i / nodes.length), nodes[i % nodes.length] as Node)),
  };
}

const isRevocation = ({ call }: Sent) => call.startsWith("DELETE ");

/** Nothing hangs, nothing is an internal error, a 503 says when to come again, and what must not pass has not passed. */
export function expectOrder(sent: readonly Sent[], revoked: TestKey): void {
  const wrong = (match: (each: Sent) => boolean) => sent.filter(match).slice(0, 5);
  expect(wrong((each) => tookMs(each) > (isRevocation(each) ? LONGEST_REVOCATION_MS : LONGEST_MS))).toEqual([]);
  expect(wrong(({ fault }) => fault === "hangs" || fault === "the answer broke off")).toEqual([]);
  expect(wrong(({ status }) => ![0, 200, 201, 401, 403, 429, 503].includes(status))).toEqual([]);
  expect(wrong(({ status, retryAfter }) => status === 503 && !(Number(retryAfter) >= 1))).toEqual([]);
  expect(wrong(({ keyId, status }) => keyId === revoked.id && status === 200)).toEqual([]);
}
