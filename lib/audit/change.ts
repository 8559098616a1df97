import "server-only";
import type { Actor, Can, Permission } from "@/lib/access/permissions";
import { type Action, actions } from "@/lib/audit/actions";
import { GENESIS, hashOf } from "@/lib/audit/chain";
import { now } from "@/lib/clock";
import { Prisma, type Tx, writer } from "@/lib/db";
import { postgresCodeOf } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { forgetEverywhere, toThings } from "@/lib/leases";
import { describe, log } from "@/lib/log";

/**
 * The one road to a write. A change and its events are one transaction: both are there or neither is.
 * The chain's head is locked last, so that a change holds it only for the moment of writing the event. What nodes may have cached is
 * announced in the same transaction, and the change is answered only when every node has forgotten it (lib/leases.ts).
 */

/** What a change says about itself. `before` and `after` are views, which have no secret and no hash. */
export interface Event {
  action: Action;
  target: { type: string; id: string | null; name: string | null };
  before?: object;
  after?: object;
  /** The organization whose log this belongs to, where it is not the actor's own. */
  chain?: string;
}

export interface Change<T> {
  result: T;
  events: [Event, ...Event[]];
}

/**
 * Runs `write` and its events in one transaction and gives back `result`. Retries up to three times when PostgreSQL
 * gave up a deadlock or a serialization race; `write` must therefore have no effect outside `tx`.
 */
export async function change<T>(actor: Can<Permission>, write: (tx: Tx) => Promise<Change<T>>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { result, things, number } = await writer().$transaction(async (tx) => {
        const { result, events } = await write(tx);
        await append(tx, actor, events);
        const things = toThings(events.flatMap(({ action, target }) => (actions[action].cached && target.id !== null ? [target.id] : [])));
        return { result, things, number: things.length === 0 ? null : await announce(tx, things) };
      });
      if (number !== null) await forgetEverywhere(number, things);
      return result;
    } catch (error) {
      if (attempt >= 3 || !isRace(error)) throw error;
      await new Promise((done) => setTimeout(done, 10 * attempt + Math.random() * 20));
    }
  }
}

/** Leaves events that have no write of their own (a refusal, a failed sign-in). Never throws: what is refused stays refused. */
export async function record(actor: Actor, ...events: [Event, ...Event[]]): Promise<void> {
  try {
    await writer().$transaction((tx) => append(tx, actor, events));
  } catch (error) {
    log("error", "an audit event without a change could not be written", { action: events[0].action, ...describe(error) });
  }
}

/** For a change that was found made already: as if it had been made now, it is answered only when every node has forgotten. */
export async function confirmForgotten(ids: readonly string[]): Promise<void> {
  const things = toThings(ids);
  await forgetEverywhere(await writer().$transaction((tx) => announce(tx, things)), things);
}

/** The last statement of a transaction: it holds a lock that every announced change needs. */
async function announce(tx: Tx, things: string[]): Promise<number> {
  const [row] = await tx.$queryRaw<{ number: bigint }[]>`select announce(${things}::text[]) as "number"`;
  return Number(row?.number);
}

async function append(tx: Tx, actor: Actor, events: Event[]): Promise<void> {
  const chainOf = (event: Event) => event.chain ?? actor.orgId;
  // One order for all, so that two changes over the same chains cannot wait for each other.
  for (const chain of [...new Set(events.map(chainOf))].sort()) {
    await tx.$executeRaw`insert into "AuditHead" ("chain", "sequence", "hash") values (${chain}, 0, ${GENESIS}) on conflict do nothing`;
    const [head] = await tx.$queryRaw<
      { sequence: number; hash: string }[]
    >`select "sequence", "hash" from "AuditHead" where "chain" = ${chain} for update`;
    let { sequence, hash } = head as { sequence: number; hash: string };
    const createdAt = new Date(now());
    const rows = events
      .filter((event) => chainOf(event) === chain)
      .map((event) => {
        sequence += 1;
        const fields = {
          id: newId("aud", createdAt.getTime()),
          chain,
          sequence,
          action: event.action,
          eventType: actions[event.action].type,
          actorType: actor.type,
          actorId: actor.id,
          actorName: actor.name,
          actorRole: actor.role,
          targetType: event.target.type,
          targetId: event.target.id,
          targetName: event.target.name,
          before: event.before ?? null,
          after: event.after ?? null,
          ip: actor.request.ip,
          country: actor.request.country,
          userAgent: actor.request.userAgent,
          requestId: actor.request.id,
          createdAt,
        };
        const previousHash = hash;
        hash = hashOf(fields, previousHash);
        return { ...fields, previousHash, hash };
      });
    await tx.$executeRaw`insert into "AuditEvent" (${NAMES}) select ${NAMES} from json_to_recordset(${JSON.stringify(rows)}::json) as r(${TYPES})`;
    await tx.auditHead.update({ where: { chain }, data: { sequence, hash } });
  }
}

/** Of the rows of a change, which go in as one value: several times as fast as a parameter for each field, where a change has a thousand events. */
const COLUMNS = Object.values(Prisma.AuditEventScalarFieldEnum);
const NOT_TEXT: Record<string, string> = { sequence: "int", before: "jsonb", after: "jsonb", createdAt: "timestamptz(3)" };
const NAMES = Prisma.raw(COLUMNS.map((name) => `"${name}"`).join());
const TYPES = Prisma.raw(COLUMNS.map((name) => `"${name}" ${NOT_TEXT[name] ?? "text"}`).join());

function isRace(error: unknown): boolean {
  const prisma = (error as { code?: unknown } | null)?.code;
  return prisma === "P2034" || ["40P01", "40001"].includes(postgresCodeOf(error) ?? "");
}
