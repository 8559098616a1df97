import type { Duplex } from "node:stream";
import pg from "pg";
import { setClock } from "@/lib/clock";
import { meterPool } from "@/lib/db";
import { env } from "@/lib/env";
import { databaseAway } from "@/lib/errors";
import { describe, log, warnSeldom } from "@/lib/log";
import { once, provide } from "@/lib/runtime";

/**
 * What lets a process answer from memory and a revocation still hold at once: leases. A node may use what it cached only while it
 * holds a lease, renewed every second for two seconds of the database's clock, on the very connection that hears what changed. A
 * change is announced inside its transaction and is answered when every node with a live lease has confirmed that it forgot; one
 * that does not is barred, and its lease waited out. Losing the connection drops everything. Source: Gray and Cheriton, Leases (1989).
 */

/** Of the database's clock; JOIN and RENEW say the same. */
const TERM_MS = 2_000;
/** What a node's own count stays below the term: clocks that do not tick alike. */
const MARGIN_MS = 250;
const RENEW_MS = 1_000;
/** A change waits this long for confirmations before it bars who did not give one. With a whole term after it: less than four seconds. */
const PATIENCE_MS = 1_900;
/** Without a word from the database for longer it counts as away: requests that need it end with 503. */
const SILENCE_MS = 2_250;
const RETRY_MS = 250;
const WATCH_MS = 50;
/** A watch that comes later than this says that the process stood still: silence meanwhile is not the database's. */
const STALL_MS = 250;
/** The wall clock and the monotonic one part by more than this only when the machine slept or somebody set the time. */
const DRIFT_MS = 100;
/** NOTIFY carries 8,000 bytes: beyond this many ids, everything is forgotten instead. */
const MOST_THINGS = 150;

/** What is no longer as cached: ids, or null for everything. */
export type Stale = readonly string[] | null;

export interface Renewal {
  /** The database's clock, milliseconds since 1970. */
  nowMs: number;
  /** Ids of all nodes with a live lease, sorted. */
  nodes: string[];
}

/** A connection that hears announcements. Everything rejects once it is lost. */
export interface Channel {
  /** Gives a lease, whatever was before. The cache must be empty when it is called. */
  join(): Promise<Renewal>;
  /** Null when the lease has lapsed or was barred: join again. */
  renew(confirmed: number): Promise<Renewal | null>;
  /** Gives the lease up. */
  leave(): Promise<void>;
  close(): void;
}

export interface Ears {
  /** Number 0: another node asks for something, nothing has changed. */
  heard(number: number, things: readonly string[]): void;
  lost(error: unknown): void;
}

interface Instant {
  at: number;
  skew: number;
}

/** The world a lease lives in: a test puts its own in place. Times in milliseconds. */
export interface World {
  connect(ears: Ears): Promise<Channel>;
  /** Never goes back, but may stand still while the machine sleeps. */
  monotonic(): number;
  wall(): number;
  sleep(ms: number): Promise<void>;
}

export class Lease {
  readonly id: string;
  readonly #world: World;
  #until = Number.NEGATIVE_INFINITY;
  #skew = 0;
  #heardAt: number;
  #confirmed = 0;
  #offset: number;
  #channel: Channel | null = null;
  #stopped = false;
  #wake: (() => void) | null = null;
  #nudged = false;
  #listeners: ((stale: Stale) => void)[] = [];
  #askers: ((things: readonly string[]) => void)[] = [];
  #waiting = new Set<() => void>();
  #watchedAt = Number.NaN;
  /** Moves with every invalidation: what was read before the last one may not be cached. */
  epoch = 0;
  /** The nodes that were live at the last renewal, this one among them; sorted. */
  nodes: string[] = [];
  /** Round trip of the last renewal. */
  lagMs = 0;

  constructor(id: string, world: World) {
    this.id = id;
    this.#world = world;
    this.#heardAt = world.monotonic();
    this.#offset = world.wall() - world.monotonic();
  }

  /** Whether what is cached may be used at this very moment. */
  held(): boolean {
    const at = this.#world.monotonic();
    return at < this.#until && Math.abs(this.#world.wall() - at - this.#skew) < DRIFT_MS;
  }

  /** Whether the database has not been heard of for so long that waiting for it is of no use. */
  away(): boolean {
    return this.#world.monotonic() - this.#heardAt > SILENCE_MS;
  }

  /** The database's clock, carried on by the monotonic one. */
  now(): number {
    return Math.floor(this.#offset + this.#world.monotonic());
  }

  /** `forget` drops the things (or all, for null) from what the caller caches. Synchronous: when it returns they are gone. */
  onStale(forget: (stale: Stale) => void): void {
    this.#listeners.push(forget);
  }

  /** What other nodes ask for; nothing is stale by it. */
  onAsked(listener: (things: readonly string[]) => void): void {
    this.#askers.push(listener);
  }

  asked(things: readonly string[]): void {
    for (const listener of this.#askers) listener(things);
  }

  forget(stale: Stale): void {
    this.epoch += 1;
    for (const listener of this.#listeners) listener(stale);
  }

  /** Runs until `stop`; resolves when the first lease was given. Rejects when the first connection fails. */
  async start(): Promise<void> {
    await this.#connect();
    void this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#until = Number.NEGATIVE_INFINITY;
    const channel = this.#channel;
    this.#drop();
    this.#nudge();
    await channel?.leave().catch(() => undefined);
    channel?.close();
  }

  /** Somebody else's query was answered. */
  sawDatabase(): void {
    this.#heardAt = this.#world.monotonic();
  }

  /** Calls back once when the database counts as away; the result takes the call back. */
  onAway(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  /** Lets go who waits for a database that is away; the owner of this lease calls it every 50 ms. */
  watch(): void {
    const at = this.#world.monotonic();
    const stalled = at - this.#watchedAt - WATCH_MS;
    if (stalled > STALL_MS) this.#heardAt = Math.min(at, this.#heardAt + stalled);
    this.#watchedAt = at;
    if (this.#waiting.size === 0 || !this.away()) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
  }

  async #connect(): Promise<void> {
    let channel: Channel | null = null;
    const isCurrent = () => channel === null || this.#channel === null || this.#channel === channel;
    const opened = await this.#world.connect({
      heard: (number, things) => {
        if (!isCurrent()) return;
        if (number === 0) return this.asked(things);
        this.forget(things.includes("*") ? null : things);
        this.#confirmed = Math.max(this.#confirmed, number);
        this.#nudge();
      },
      lost: (error) => {
        if (channel === null || this.#channel !== channel) return;
        if (!this.#stopped) warnSeldom("the lease's connection is lost", describe(error));
        this.#drop();
        this.#nudge();
      },
    });
    channel = opened;
    if (this.#stopped) return opened.close();
    this.#channel = opened;
    await this.#join(opened);
  }

  async #join(channel: Channel): Promise<void> {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#confirmed = 0; // the database may be another one, with lower numbers
    this.forget(null);
    const sent = this.#instant();
    const renewal = await channel.join();
    this.forget(null); // what was being read before the lease began was not waited for
    this.#granted(channel, sent, renewal);
  }

  async #run(): Promise<void> {
    let failed = false;
    while (!this.#stopped) {
      const channel = this.#channel;
      try {
        if (channel === null) {
          if (failed) await this.#world.sleep(RETRY_MS);
          failed = true; // until it went well; a lost connection is tried again at once, a refused one after a while
          if (!this.#stopped) await this.#connect();
          failed = false;
          continue;
        }
        await this.#pause();
        if (this.#channel !== channel) continue;
        const sent = this.#instant();
        const renewal = await channel.renew(this.#confirmed);
        if (renewal === null) await this.#join(channel);
        else this.#granted(channel, sent, renewal);
      } catch (error) {
        if (this.#channel !== null) warnSeldom("the lease could not be renewed", describe(error));
        this.#channel?.close();
        this.#drop();
      }
    }
  }

  /** Until the next renewal is due, or there is something to confirm. Looks after whether the database is still heard. */
  async #pause(): Promise<void> {
    if (!this.#nudged) {
      await Promise.race([
        this.#world.sleep(RENEW_MS),
        new Promise<void>((done) => {
          this.#wake = done;
        }),
      ]);
    }
    this.#nudged = false;
    this.#wake = null;
  }

  #nudge(): void {
    this.#nudged = true;
    this.#wake?.();
  }

  /** Now on both clocks: a machine that slept while an answer was on its way shows in the wall's alone. */
  #instant(): Instant {
    const at = this.#world.monotonic();
    return { at, skew: this.#world.wall() - at };
  }

  #granted(channel: Channel, { at: sent, skew }: Instant, { nowMs, nodes }: Renewal): void {
    if (this.#channel !== channel || this.#stopped) return; // it was lost while the answer was on its way
    const received = this.#world.monotonic();
    this.lagMs = received - sent;
    this.#heardAt = received;
    this.#skew = skew;
    this.nodes = nodes;
    // Only what a round trip cannot explain moves the clock.
    const seen = nowMs - (sent + received) / 2;
    if (Math.abs(seen - this.#offset) > this.lagMs / 2 + 1) this.#offset = seen;
    this.#until = sent + TERM_MS - MARGIN_MS;
  }

  #drop(): void {
    this.#channel = null;
    this.#until = Number.NEGATIVE_INFINITY;
    this.forget(null);
  }
}

/** What a change asks of the database about the others. */
export interface Board {
  /** Nodes with a live lease that have not confirmed this number, but for `self`. */
  unconfirmed(number: number, self: string): Promise<string[]>;
  /** Makes their next renewals fail, unless they have confirmed by now. */
  bar(ids: readonly string[], number: number): Promise<void>;
}

/**
 * Resolves when no node but `self` answers from a cache that is older than the announced change: at once when there is no other, in
 * milliseconds when they confirm, after at most four seconds otherwise. Rejects when the database is away: nothing is promised then.
 */
export async function settle(number: number, self: string, board: Board, world: Pick<World, "monotonic" | "sleep">): Promise<void> {
  const begun = world.monotonic();
  let barred = "";
  for (let wait = 1; ; wait = Math.min(wait * 2, 25)) {
    const waiting = await board.unconfirmed(number, self);
    if (waiting.length === 0) return;
    if (world.monotonic() - begun > PATIENCE_MS) {
      const nodes = waiting.join(" ");
      if (nodes !== barred) log("warn", "nodes did not confirm a change and lose their lease", { nodes });
      barred = nodes;
      await board.bar(waiting, number); // again and again: what a node sent before may have lifted it
    }
    await world.sleep(wait);
  }
}

// On PostgreSQL

// Two messages, so that one which arrives late, when this node has joined anew on another connection, claims no more than was true when
// it was sent. The first is a transaction: no change is between its number and its commit while it holds the lock.
const ANNOUNCED = `
select pg_advisory_xact_lock_shared(hashtext('latchkey.announcement'));
select last_value as "number" from announcement`;
const JOIN = `
insert into "Node" ("id", "leaseUntil", "confirmed") values ($1, clock_timestamp() + interval '2 seconds', $2)
on conflict ("id") do update set "leaseUntil" = excluded."leaseUntil", "barredAt" = null, "confirmed" = greatest("Node"."confirmed", $2)`;
const RENEW = `
update "Node" set "leaseUntil" = clock_timestamp() + interval '2 seconds', "confirmed" = greatest("confirmed", $2)
where "id" = $1 and "barredAt" is null and "leaseUntil" > clock_timestamp()`;
const SEEN = `
select extract(epoch from clock_timestamp()) * 1000 as "nowMs",
  coalesce((select array_agg("id" order by "id") from "Node" where "leaseUntil" > clock_timestamp()), '{}') as "nodes"`;

async function openChannel(id: string, ears: Ears): Promise<Channel> {
  const client = new pg.Client({
    connectionString: env().databaseUrl ?? undefined,
    application_name: "latchkey lease",
    keepAlive: true,
    connectionTimeoutMillis: 1_000,
    query_timeout: 1_000,
    statement_timeout: 1_000,
  });
  let probe: (() => void) | null = null;
  client.on("error", (error) => ears.lost(error));
  client.on("end", () => ears.lost(new Error("the database closed it")));
  client.on("notification", ({ payload = "" }) => {
    const { n, things } = toAnnouncement(payload);
    if (things[0] === `probe:${id}`) probe?.();
    else ears.heard(n, things);
  });
  // Not client.end(): that waits for a server that may never answer again.
  const close = () => void (client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
  const seen = async (): Promise<Renewal> => {
    const { rows } = await client.query<{ nowMs: string; nodes: string[] }>(SEEN);
    const row = rows[0] as { nowMs: string; nodes: string[] };
    return { nowMs: Number(row.nowMs), nodes: row.nodes };
  };
  try {
    await client.connect();
    await client.query("listen latchkey");
    const heard = new Promise<void>((done) => {
      probe = done;
    });
    await client.query("select pg_notify('latchkey', $1)", [JSON.stringify({ n: 0, things: [`probe:${id}`] })]);
    await Promise.race([heard, new Promise((_, fail) => setTimeout(fail, 1_000, new Error(NO_NOTIFICATIONS)).unref())]);
  } catch (error) {
    close();
    throw error;
  }
  return {
    join: async () => {
      const [, announced] = (await client.query(ANNOUNCED)) as unknown as pg.QueryResult<{ number: string }>[];
      await client.query(JOIN, [id, announced?.rows[0]?.number]);
      return seen();
    },
    renew: async (confirmed) => ((await client.query(RENEW, [id, String(confirmed)])).rowCount === 0 ? null : seen()),
    leave: async () => void (await client.query('delete from "Node" where "id" = $1', [id])),
    close,
  };
}

/** What cannot be read was not sent by us: everything may have changed. */
function toAnnouncement(payload: string): { n: number; things: string[] } {
  try {
    const { n, things } = JSON.parse(payload) as { n: unknown; things: unknown };
    if (typeof n === "number" && Array.isArray(things)) return { n, things: things.map(String) };
  } catch {
    // as below
  }
  return { n: 1, things: ["*"] }; // a number that every node has confirmed
}

const NO_NOTIFICATIONS =
  "The database does not pass on notifications: a pooler in transaction mode stands in between. Connect directly, or through one in session mode.";

/** The world of this process and its PostgreSQL. */
export const postgresWorld = (id: string): World => ({
  connect: (ears) => openChannel(id, ears),
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
});

const board: Board = {
  unconfirmed: async (number, self) => {
    const { rows } = await meterPool().query<{ id: string }>(
      `select "id" from "Node" where "leaseUntil" > clock_timestamp() and "confirmed" < $1 and "id" <> $2`,
      [String(number), self],
    );
    return rows.map(({ id }) => id);
  },
  bar: async (ids, number) => {
    const late = `update "Node" set "barredAt" = clock_timestamp() where "id" = any($1::text[]) and "confirmed" < $2`;
    await meterPool().query(late, [[...ids], String(number)]);
  },
};

/** This process's lease; null in commands and tests, which cache nothing. */
export function lease(): Lease | null {
  return once<{ lease: Lease | null }>("lease", () => ({ lease: null })).lease;
}

/** Takes a lease for the node of this id and keeps it. Gives back what gives it up. Throws one sentence when it cannot be had. */
export async function openLease(id: string): Promise<() => Promise<void>> {
  const opened = new Lease(id, postgresWorld(id));
  await opened.start();
  provide("lease", { lease: opened });
  setClock(() => opened.now());
  const watch = setInterval(() => opened.watch(), WATCH_MS).unref();
  return async () => {
    clearInterval(watch);
    await opened.stop();
  };
}

/** Asks all nodes for something, this one among them; nobody confirms. */
export async function askNodes(things: readonly string[]): Promise<void> {
  await meterPool().query("select pg_notify('latchkey', $1)", [JSON.stringify({ n: 0, things })]);
}

/** The ids a change announces, cut down to what a notification can carry. */
export function toThings(ids: readonly string[]): string[] {
  const things = [...new Set(ids)];
  return things.length > MOST_THINGS ? ["*"] : things;
}

/** After the commit of an announced change: forgets here, and waits until everybody else has. */
export async function forgetEverywhere(number: number, things: readonly string[]): Promise<void> {
  const own = lease();
  own?.forget(things.includes("*") ? null : things);
  await settle(number, own?.id ?? "", board, postgresWorld(""));
}

/** Waits for the work, but no longer than the database is there: throws `unavailable` at the first sign that it is away. */
export function whileReachable<T>(work: Promise<T>): Promise<T> {
  const own = lease();
  if (own === null) return work;
  return new Promise((resolve, reject) => {
    const takeBack = own.onAway(() => reject(databaseAway()));
    work.then(resolve, reject).finally(takeBack);
  });
}
