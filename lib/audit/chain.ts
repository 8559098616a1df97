import { createHash } from "node:crypto";

/**
 * The hash chain of an audit log: each row's hash covers its own fields and the hash before it, so an edited, removed,
 * inserted or swapped row is found by anybody who recomputes the chain. Pure.
 */

export const GENESIS = "0".repeat(64);

export interface ChainedFields {
  id: string;
  chain: string;
  sequence: number;
  action: string;
  eventType: string;
  actorType: string;
  actorId: string | null;
  actorName: string;
  actorRole: string | null;
  targetType: string;
  targetId: string | null;
  targetName: string | null;
  before: unknown;
  after: unknown;
  ip: string | null;
  country: string | null;
  userAgent: string | null;
  requestId: string | null;
  createdAt: Date;
}

/** SHA-256, hex, of the previous hash and the row as JSON with sorted keys (jsonb keeps no order of its own). */
export function hashOf(row: ChainedFields, previousHash: string): string {
  const {
    id,
    chain,
    sequence,
    action,
    eventType,
    actorType,
    actorId,
    actorName,
    actorRole,
    targetType,
    targetId,
    targetName,
    before,
    after,
    ip,
    country,
    userAgent,
    requestId,
    createdAt,
  } = row;
  const fields = {
    id,
    chain,
    sequence,
    action,
    eventType,
    actorType,
    actorId,
    actorName,
    actorRole,
    targetType,
    targetId,
    targetName,
    before: before ?? null,
    after: after ?? null,
    ip,
    country,
    userAgent,
    requestId,
    createdAt: createdAt.toISOString(),
  };
  return createHash("sha256").update(previousHash).update(canonical(fields)).digest("hex");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`)
      .join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

export interface ChainState {
  sequence: number;
  hash: string;
}

export const emptyChain: ChainState = { sequence: 0, hash: GENESIS };

/** Continues from `state` over rows in order of sequence; the first row that does not follow is named, with why. */
export function follow(
  state: ChainState,
  rows: Iterable<ChainedFields & { previousHash: string; hash: string }>,
): { ok: true; state: ChainState } | { ok: false; sequence: number; why: string } {
  let { sequence, hash } = state;
  for (const row of rows) {
    if (row.sequence !== sequence + 1)
      return { ok: false, sequence: sequence + 1, why: `event ${sequence + 1} is missing; the next one is ${row.sequence}` };
    if (row.previousHash !== hash) return { ok: false, sequence: row.sequence, why: "it does not follow the event before it" };
    if (hashOf(row, hash) !== row.hash) return { ok: false, sequence: row.sequence, why: "its fields were changed after it was written" };
    sequence = row.sequence;
    hash = row.hash;
  }
  return { ok: true, state: { sequence, hash } };
}
