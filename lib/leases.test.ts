import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { env, provideEnv } from "@/lib/env";
import { isAppError } from "@/lib/errors";
import { Cache, LookUps, type Origins } from "@/lib/keys/cache";
import {
  type Board,
  type Channel,
  type Ears,
  forgetEverywhere,
  Lease,
  postgresWorld,
  type Renewal,
  type Stale,
  settle,
  type World,
  whileReachable,
} from "@/lib/leases";
import { provide } from "@/lib/runtime";
import { eventually } from "@/lib/testing/eventually";
import { useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

// First: random interleavings. The real Lease, settle, Cache and LookUps of two or three nodes, in a simulated world: one PostgreSQL that
// does what the statements of lib/leases.ts and announce() ask of it, processes that stand still, connections that stall and break.

/** Virtual milliseconds. Between two events all promises settle. */
class Timeline {
  now = 0;
  /** Nothing is slow and nothing stalls. */
  isCalm = false;
  #seed: number;
  #planned = 0;
  #heap: { at: number; order: number; run: () => void }[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Evenly from 0 to below `most` (mulberry32). */
  random(most = 1): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), this.#seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * most;
  }

  /** How long a message or a commit takes: mostly next to nothing. */
  lag(): number {
    const kind = this.isCalm ? 0 : this.random();
    return kind < 0.9 ? this.random(5) : kind < 0.98 ? this.random(50) : this.random(900);
  }

  after(ms: number, run: () => void): void {
    const heap = this.#heap;
    const event = { at: this.now + ms, order: this.#planned++, run };
    let place = heap.push(event) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(event, heap[above] as typeof event)) break;
      heap[place] = heap[above] as typeof event;
      place = above;
    }
    heap[place] = event;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((done) => this.after(ms, done));
  }

  async play(until: number, afterEach: () => void): Promise<void> {
    for (let event = this.#next(until); event !== undefined; event = this.#next(until)) {
      this.now = event.at;
      event.run();
      await settled();
      afterEach();
    }
    this.now = until;
  }

  #next(until: number) {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > until) return undefined;
    const last = heap.pop() as typeof first;
    for (let place = 0; heap.length > 0; ) {
      const left = 2 * place + 1;
      const right = left + 1;
      const lesser = right < heap.length && isBefore(heap[right] as typeof first, heap[left] as typeof first) ? right : left;
      if (lesser >= heap.length || !isBefore(heap[lesser] as typeof first, last)) {
        heap[place] = last;
        break;
      }
      heap[place] = heap[lesser] as typeof first;
      place = lesser;
    }
    return first;
  }
}

const isBefore = (a: { at: number; order: number }, b: { at: number; order: number }) =>
  a.at < b.at || (a.at === b.at && a.order < b.order);

/** Node runs what was put off to the next tick once no promise is left to settle. */
const settled = () => new Promise<void>((done) => process.nextTick(done));
const never = () => new Promise<never>(() => {});

/** PostgreSQL's lock queue: many share it or one has it, first come, first served. */
class Lock {
  #line: { shared: boolean; granted: boolean; grant: () => void }[] = [];

  /** Gives back what lets go of it; null when it was not to be had within `patience` of virtual time. */
  async take(shared: boolean, timeline: Timeline, patience = Number.POSITIVE_INFINITY): Promise<(() => void) | null> {
    const mine = { shared, granted: false, grant: () => {} };
    const leave = () => {
      const place = this.#line.indexOf(mine);
      if (place >= 0) this.#line.splice(place, 1);
      this.#grant();
    };
    await new Promise<void>((done) => {
      mine.grant = done;
      this.#line.push(mine);
      this.#grant();
      if (!mine.granted && patience < Number.POSITIVE_INFINITY) timeline.after(patience, done);
    });
    if (mine.granted) return leave;
    leave();
    return null;
  }

  #grant(): void {
    for (const [place, waiting] of this.#line.entries()) {
      if (place > 0 && !(waiting.shared && this.#line[place - 1]?.shared)) return;
      if (waiting.granted) continue;
      waiting.granted = true;
      waiting.grant();
    }
  }
}

interface Announced {
  number: number;
  commit(): Promise<void>;
  rollback(): void;
}

interface NodeRow {
  leaseUntil: number;
  confirmed: number;
  barred: boolean;
}

class Database {
  readonly timeline: Timeline;
  readonly revoked = new Set<number>();
  readonly lines = new Set<Line>();
  /** Called when it goes down: statements under way fail. */
  readonly failing = new Set<() => void>();
  up = true;
  /** Moves with every restart: what was not committed then never will be. */
  life = 0;
  /** When it was last away. */
  backAt = Number.NEGATIVE_INFINITY;
  #rows = new Map<string, NodeRow>();
  #last = 1;
  #announcements = new Lock();
  #rowLocks = new Map<string, Lock>();

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  /** Its clock. */
  now(): number {
    return 1_800_000_000_000 + this.timeline.now;
  }

  restart(ms: number): void {
    if (!this.up) return;
    this.up = false;
    this.life += 1;
    this.backAt = this.timeline.now + ms;
    this.#announcements = new Lock();
    this.#rowLocks.clear();
    for (const line of [...this.lines]) line.cut();
    for (const fail of [...this.failing]) fail();
    this.timeline.after(ms, () => {
      this.up = true;
    });
  }

  /** RENEW. Between judging the row and the commit others still see the old one. */
  async renew(id: string, confirmed: number, lag: number): Promise<boolean> {
    return this.#update(id, async (row) => {
      if (row === undefined || row.barred || row.leaseUntil <= this.now()) return false;
      const renewed = { ...row, leaseUntil: this.now() + 2_000, confirmed: Math.max(row.confirmed, confirmed) };
      await this.#commit(lag);
      this.#rows.set(id, renewed);
      return true;
    });
  }

  /** SEEN. */
  seen(): Renewal {
    const live = [...this.#rows].filter(([, { leaseUntil }]) => leaseUntil > this.now());
    return { nowMs: this.now(), nodes: live.map(([id]) => id).sort() };
  }

  leaseOf(id: string): number | null {
    return this.#rows.get(id)?.leaseUntil ?? null;
  }

  /** ANNOUNCED. */
  async announced(): Promise<number> {
    const release = await this.#announcements.take(true, this.timeline, 1_000);
    if (release === null) throw new Error("statement timeout");
    const number = this.#last;
    release();
    return number;
  }

  /** JOIN. */
  async join(id: string, announced: number): Promise<void> {
    await this.#update(id, async (row) => {
      const joined = { leaseUntil: this.now() + 2_000, confirmed: Math.max(row?.confirmed ?? 0, announced), barred: false };
      await this.#commit(this.timeline.lag());
      this.#rows.set(id, joined);
    });
  }

  async leave(id: string): Promise<void> {
    await this.#update(id, async () => this.#rows.delete(id));
  }

  unconfirmed(number: number, self: string): string[] {
    return [...this.#rows].flatMap(([id, row]) => (row.leaseUntil > this.now() && row.confirmed < number && id !== self ? [id] : []));
  }

  async bar(ids: readonly string[], number: number): Promise<void> {
    for (const id of ids) {
      await this.#update(id, async (row) => {
        if (row !== undefined && row.confirmed < number) this.#rows.set(id, { ...row, barred: true });
      });
    }
  }

  /** A change up to announce(): gives back its number, its commit and its rollback. A transaction that idles for 10 s is rolled back. */
  async announce(key: number, things: readonly string[], { isAlive, transactions }: Process): Promise<Announced> {
    if (!isAlive) throw new Error("nobody is there");
    let release: (() => void) | null = null;
    let open = true;
    const rollback = () => {
      if (open) release?.();
      open = false;
      transactions.delete(rollback);
    };
    transactions.add(rollback);
    release = await this.#announcements.take(false, this.timeline, 2_000);
    if (release === null) throw new Error("lock timeout");
    const { life } = this;
    const number = ++this.#last;
    if (open) this.timeline.after(10_000, rollback);
    else release();
    const commit = async () => {
      if (!open || life !== this.life) throw new Error("the transaction is gone");
      open = false;
      await this.#commit(this.timeline.lag());
      this.revoked.add(key);
      for (const line of this.lines) line.notify(number, things);
      release?.();
      transactions.delete(rollback);
    };
    return { number, commit, rollback };
  }

  /** With the row's lock. The row that `work` gets is the last one committed. */
  async #update<T>(id: string, work: (row: NodeRow | undefined) => Promise<T>): Promise<T> {
    const lock = this.#rowLocks.get(id) ?? new Lock();
    this.#rowLocks.set(id, lock);
    const release = await lock.take(false, this.timeline);
    const result = await work(this.#rows.get(id));
    release?.();
    return result;
  }

  async #commit(ms: number): Promise<void> {
    const { life } = this;
    await this.timeline.sleep(ms);
    if (life !== this.life) await never();
  }
}

/**
 * The lease's connection: statements one after the other, and one stream back, in which a notification is before the answer to any
 * statement that ended after its commit (PostgresMain sends what it was notified of before ReadyForQuery).
 */
class Line implements Channel {
  readonly #database: Database;
  readonly #process: Process;
  readonly #ears: Ears;
  readonly #life: number;
  /** Until then nothing gets through: to the server, from it, or only notifications. */
  stalled = { there: 0, back: 0, deaf: 0 };
  #statements: (() => Promise<void>)[] = [];
  #working: Promise<void> = Promise.resolve();
  #noticed: (() => void)[] = [];
  #answers: (() => void)[] = [];
  #failing = new Set<(error: Error) => void>();
  #isOpen = true;
  #isCut = false;

  constructor(database: Database, process: Process, ears: Ears) {
    this.#database = database;
    this.#process = process;
    this.#ears = ears;
    this.#life = database.life;
  }

  async join(): Promise<Renewal> {
    const announced = await this.#ask(() => this.#database.announced());
    await this.#ask(() => this.#database.join(this.#process.id, announced));
    return this.#ask(async () => this.#database.seen());
  }

  async renew(confirmed: number): Promise<Renewal | null> {
    const { timeline } = this.#database;
    // Deaf is what no connection to PostgreSQL itself is: there, an answer that arrives says that all notifications before it have.
    const lag = this.stalled.deaf > timeline.now ? 0 : timeline.lag();
    const renewed = await this.#ask(() => this.#database.renew(this.#process.id, confirmed, lag));
    return renewed ? this.#ask(async () => this.#database.seen()) : null;
  }

  async leave(): Promise<void> {
    await this.#ask(() => this.#database.leave(this.#process.id));
  }

  /** What is on its way still arrives. */
  close(): void {
    this.#isOpen = false;
    this.#fail(new Error("closed"));
  }

  /** The network or the server ended it; this end hears of it some time later. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#database.lines.delete(this);
    const { timeline } = this.#database;
    timeline.after(timeline.lag(), () =>
      this.#process.run(() => {
        if (!this.#isOpen) return;
        this.#isOpen = false;
        this.#fail(new Error("lost"));
        this.#ears.lost(new Error("lost"));
      }),
    );
  }

  stall(what: keyof typeof this.stalled, ms: number): void {
    this.stalled[what] = this.#database.timeline.now + ms;
  }

  /** Called at the commit. The server sends it when it comes to it. */
  notify(number: number, things: readonly string[]): void {
    this.#noticed.push(() => this.#ears.heard(number, things));
    const { timeline } = this.#database;
    timeline.after(timeline.lag(), () => this.#sendNoticed());
  }

  #sendNoticed(): void {
    const { timeline } = this.#database;
    if (this.stalled.deaf > timeline.now) timeline.after(this.stalled.deaf - timeline.now, () => this.#sendNoticed());
    else for (const notice of this.#noticed.splice(0)) this.#send(notice);
  }

  #send(answer: () => void): void {
    const { timeline } = this.#database;
    this.#answers.push(answer);
    const arrive = (): void => {
      const wait = Math.max(this.stalled.back - timeline.now, this.#process.standsStillFor());
      if (wait > 0) {
        timeline.after(wait + timeline.random(3), arrive);
        return;
      }
      const first = this.#answers.shift();
      if (this.#process.isAlive && !this.#isCut) first?.();
    };
    timeline.after(timeline.lag(), arrive);
  }

  #ask<T>(statement: () => Promise<T>): Promise<T> {
    const { timeline } = this.#database;
    return new Promise<T>((resolve, reject) => {
      if (!this.#isOpen) return reject(new Error("closed"));
      const fail = (error: Error) => {
        this.#failing.delete(fail);
        reject(error);
      };
      this.#failing.add(fail);
      this.#process.sleep(1_000).then(() => fail(new Error("timeout")));
      this.#statements.push(async () => {
        const answer = await statement().then(
          (value) => () => {
            this.#failing.delete(fail);
            resolve(value);
          },
          (error) => () => fail(error),
        );
        this.#sendNoticed();
        this.#send(answer);
      });
      const arrive = (): void => {
        if (this.stalled.there > timeline.now) {
          timeline.after(this.stalled.there - timeline.now + timeline.random(3), arrive);
          return;
        }
        const next = this.#statements.shift();
        // A statement that has arrived is run, whether or not somebody still waits for it.
        if (next !== undefined && this.#life === this.#database.life) this.#working = this.#working.then(next);
      };
      timeline.after(timeline.lag(), arrive);
    });
  }

  #fail(error: Error): void {
    for (const fail of [...this.#failing]) fail(error);
  }
}

interface Known {
  key: Origins;
  revoked: boolean;
}

const RUNS = 1_000;
const KEYS = 8;
const keyOf = (key: number) => `key_${key}`;
const hashOf = (key: number) => `digest of key_${key}`;

/** A node: its clocks, what it does, and whether it runs at all. */
class Process implements World {
  readonly id: string;
  readonly lease: Lease;
  readonly cache = new Cache<Known>(1_000, 100);
  isAlive = true;
  hits = 0;
  /** When it last stood still, or did anything but run. */
  disturbedAt = Number.NEGATIVE_INFINITY;
  line: Line | null = null;
  /** Rollbacks of the open ones. */
  readonly transactions = new Set<() => void>();
  readonly #rig: Rig;
  readonly #rate: number;
  readonly #lookUps = new LookUps<Known>();
  #stillUntil = 0;
  #slept = 0;
  #sleepsFrom: number | null = null;
  #wall: number;

  constructor(rig: Rig, id: string, rate: number) {
    this.#rig = rig;
    this.id = id;
    this.#rate = rate;
    this.#wall = 1_800_000_000_000 + rig.timeline.random(100_000) - 50_000;
    this.lease = new Lease(id, this);
    this.lease.onStale((stale) => this.cache.forget(stale));
  }

  monotonic(): number {
    const { now } = this.#rig.timeline;
    return ((this.#sleepsFrom ?? now) - this.#slept) * this.#rate;
  }

  wall(): number {
    return this.#wall + this.#rig.timeline.now * this.#rate;
  }

  setWall(ms: number): void {
    this.#wall += ms;
  }

  standsStillFor(): number {
    return Math.max(0, this.#stillUntil - this.#rig.timeline.now);
  }

  /** The process stands still and time goes on. */
  pause(ms: number): void {
    const { timeline } = this.#rig;
    this.#stillUntil = Math.max(this.#stillUntil, timeline.now + ms);
    this.disturbedAt = Math.max(this.disturbedAt, this.#stillUntil);
  }

  /** The machine sleeps: its monotonic clock stands still, too. */
  suspend(ms: number): void {
    const { timeline } = this.#rig;
    if (this.standsStillFor() > 0) return;
    this.pause(ms);
    this.#sleepsFrom = timeline.now;
    timeline.after(ms, () => {
      this.#slept += timeline.now - (this.#sleepsFrom as number);
      this.#sleepsFrom = null;
    });
  }

  /** The kernel closes its connections, and the server notices some time later. */
  die(): void {
    const { timeline } = this.#rig;
    this.isAlive = false;
    this.line?.cut();
    timeline.after(timeline.lag(), () => {
      for (const rollback of [...this.transactions]) rollback();
    });
  }

  /** At once, or when the process goes on; never, when it is dead. */
  run(work: () => void): void {
    if (!this.isAlive) return;
    const { timeline } = this.#rig;
    const wait = this.standsStillFor();
    if (wait > 0) timeline.after(wait + timeline.random(3), () => this.run(work));
    else work();
  }

  sleep(ms: number): Promise<void> {
    const { timeline } = this.#rig;
    const due = this.monotonic() + ms;
    return new Promise((done) => {
      const look = (): void => {
        const left = (due - this.monotonic()) / this.#rate;
        if (this.standsStillFor() > 0) timeline.after(this.standsStillFor() + timeline.random(3), look);
        else if (left > 0.01) timeline.after(left + timeline.random(0.5), look);
        else this.run(done);
      };
      look();
    });
  }

  connect(ears: Ears): Promise<Channel> {
    const { timeline, database } = this.#rig;
    return new Promise((resolve, reject) => {
      this.sleep(1_000).then(() => reject(new Error("timeout")));
      timeline.after(timeline.lag(), () => {
        if (!database.up) return timeline.after(timeline.lag(), () => this.run(() => reject(new Error("refused"))));
        const line = new Line(database, this, ears);
        database.lines.add(line); // LISTEN
        this.line = line;
        if (!timeline.isCalm && timeline.random() < 0.2) {
          timeline.after(timeline.random(20), () => {
            line.stall("there", timeline.random(4_000));
          });
        }
        timeline.after(timeline.lag(), () => this.run(() => resolve(line)));
      });
    });
  }

  /** A statement through a pool. */
  ask<T>(statement: () => Promise<T>, lag: () => number): Promise<T> {
    const { timeline, database } = this.#rig;
    return new Promise((resolve, reject) => {
      const answer = (give: () => void) => timeline.after(lag(), () => this.run(give));
      const fail = () => {
        database.failing.delete(fail);
        answer(() => reject(new Error("failed")));
      };
      timeline.after(lag(), () => {
        if (!database.up) return fail();
        database.failing.add(fail);
        statement().then((value) => database.failing.delete(fail) && answer(() => resolve(value)), fail);
      });
    });
  }

  /** As verify() of lib/keys/verify.ts. */
  request(key: number): void {
    const { timeline, database } = this.#rig;
    const mustRefuse = this.#rig.acknowledged.has(key);
    const judge = (known: Known | null, from: string) => {
      if (mustRefuse && !known?.revoked) this.#rig.fail(`${this.id} accepts ${keyOf(key)} from ${from}`);
    };
    const known = this.lease.held() ? this.cache.get(hashOf(key)) : undefined;
    if (known !== undefined) {
      this.hits += 1;
      judge(known, "its cache");
      return;
    }
    const query = () =>
      this.ask(
        async () => (database.revoked.has(key) ? REVOKED : ACTIVE)[key] as Known,
        () => timeline.lag(),
      );
    this.#lookUps
      .find(hashOf(key), this.lease, () => this.cache, query)
      .then(
        (found) => judge(found, "the database"),
        () => {},
      );
  }

  /** As change() of lib/audit/change.ts and forgetEverywhere(). */
  async revoke(key: number, things: readonly string[]): Promise<void> {
    const { timeline, database } = this.#rig;
    const lag = () => timeline.lag();
    const brief = () => timeline.random(3);
    const began = await this.ask(() => database.announce(key, things, this), lag);
    if (timeline.random() < 0.1) return began.rollback();
    await this.ask(() => began.commit(), lag);
    this.lease.forget(things.includes("*") ? null : things);
    const board: Board = {
      unconfirmed: (number, self) => this.ask(async () => database.unconfirmed(number, self), brief),
      bar: (ids, number) => this.ask(() => database.bar(ids, number), brief),
    };
    const settling = { by: this, from: timeline.now, until: Number.POSITIVE_INFINITY };
    this.#rig.settlings.push(settling);
    await settle(began.number, this.id, board, this);
    settling.until = timeline.now;
    this.#rig.acknowledge(key);
  }
}

const known = (revoked: boolean) =>
  Array.from({ length: KEYS }, (_, key): Known => ({ key: { keyId: keyOf(key), groupId: `grp_${key % 2}`, orgId: "org_1" }, revoked }));
const ACTIVE = known(false);
const REVOKED = known(true);

interface Settling {
  by: Process;
  from: number;
  until: number;
}

const kinds = ["pause", "suspend", "cut", "there", "back", "deaf", "restart", "wall", "die", "leave"] as const;

interface Step {
  /** Milliseconds after the step before. */
  gap: number;
  kind: "revoke" | (typeof kinds)[number];
  node: number;
  ms: number;
}

class Rig {
  readonly timeline: Timeline;
  readonly database: Database;
  readonly acknowledged = new Set<number>();
  readonly settlings: Settling[] = [];
  hits = 0;
  #nodes: Process[] = [];
  #made = 0;
  #toRevoke = 0;
  #faults: string[] = [];

  constructor(seed: number, nodes: number, isCalm = false) {
    this.timeline = new Timeline(seed);
    this.database = new Database(this.timeline);
    this.timeline.isCalm = isCalm;
    for (let node = 0; node < nodes; node++) this.#start(node);
  }

  get nodes(): readonly Process[] {
    return this.#nodes;
  }

  fail(fault: string): void {
    this.#faults.push(`after ${Math.round(this.timeline.now)} ms ${fault}`);
  }

  /** Throws the first fault. */
  async play(ms: number): Promise<void> {
    await this.timeline.play(this.timeline.now + ms, () => this.#look());
    if (this.#faults.length > 0) throw new Error(this.#faults[0]);
  }

  acknowledge(key: number): void {
    this.acknowledged.add(key);
    for (const ms of [0, 0.5, 1, 3, 10, 30, 100, 300, 1_000]) {
      this.timeline.after(ms, () => {
        for (const node of this.#nodes) node.run(() => node.request(key));
      });
    }
  }

  do({ kind, node: place, ms }: Step): void {
    const { timeline } = this;
    const at = place % this.#nodes.length;
    const node = this.#nodes[at] as Process;
    const does: Record<Step["kind"], () => void> = {
      revoke: () => {
        const key = this.#toRevoke++;
        const things = [[keyOf(key)], [keyOf(key)], [`grp_${key % 2}`], ["org_1"], ["*"]][Math.floor(timeline.random(5))] as string[];
        if (key < KEYS) node.run(() => void node.revoke(key, things).catch(() => {}));
      },
      pause: () => node.pause(ms),
      suspend: () => node.suspend(ms),
      cut: () => node.line?.cut(),
      there: () => node.line?.stall("there", ms),
      back: () => node.line?.stall("back", ms),
      deaf: () => node.line?.stall("deaf", 3 * ms),
      restart: () => this.database.restart(ms),
      wall: () => node.setWall(ms),
      die: () => {
        node.die();
        this.#start(at);
      },
      leave: () =>
        node.run(() => {
          node.disturbedAt = Number.POSITIVE_INFINITY;
          void node.lease.stop();
          this.#start(at);
        }),
    };
    does[kind]();
  }

  /** Whatever goes wrong ends. */
  heal(): void {
    this.timeline.isCalm = true;
    for (const node of this.#nodes) if (node.line !== null) node.line.stalled = { there: 0, back: 0, deaf: 0 };
  }

  #start(place: number): void {
    const node = new Process(this, `node_${++this.#made}`, 0.95 + this.timeline.random(0.1));
    this.#nodes[place] = node;
    const start = (): void =>
      void node.lease.start().catch(() => {
        node.lease.stop();
        if (this.#nodes[place] === node) this.timeline.after(300, () => this.#start(place)); // as a supervisor does
      });
    start();
    const serve = (): void => {
      if (this.#nodes[place] !== node) return;
      node.run(() => node.request(Math.floor(this.timeline.random(KEYS))));
      this.timeline.after(this.timeline.random(120), serve);
    };
    serve();
  }

  /** After every event, a request on every node that would be answered from memory. */
  #look(): void {
    if (this.acknowledged.size === 0) return;
    for (const node of this.#nodes) {
      if (node.standsStillFor() > 0 || !node.lease.held()) continue;
      for (const key of this.acknowledged)
        if (node.cache.get(hashOf(key))?.revoked === false) this.fail(`${node.id} has ${keyOf(key)} in its cache`);
    }
  }
}

const script = fc.record({
  seed: fc.integer(),
  nodes: fc.integer({ min: 2, max: 3 }),
  steps: fc.array(
    fc.record<Step>({
      gap: fc.oneof(fc.nat(10), fc.nat(400), fc.nat(2_500)),
      kind: fc.oneof({ weight: 1, arbitrary: fc.constant("revoke" as const) }, { weight: 2, arbitrary: fc.constantFrom(...kinds) }),
      node: fc.nat(2),
      ms: fc.oneof(fc.nat(200), fc.integer({ min: 1_000, max: 4_000 })),
    }),
    { minLength: 6, maxLength: 20, size: "max" },
  ),
});

describe("whatever happens to processes, connections and the database", () => {
  test("nothing is accepted after an acknowledged revocation; that comes within 4.5 s, and nodes serve from memory again", async () => {
    let hits = 0;
    let acknowledged = 0;
    await fc.assert(
      fc.asyncProperty(script, async ({ seed, nodes, steps }) => {
        const rig = new Rig(seed, nodes);
        for (const step of steps) {
          await rig.play(step.gap);
          rig.do(step);
        }
        rig.heal();
        await rig.play(10_000);
        for (const { by, from, until } of rig.settlings) {
          if (rig.database.backAt < from && by.disturbedAt < from && by.isAlive) expect(until - from).toBeLessThan(4_500);
        }
        for (const node of rig.nodes) expect(node.lease.held(), node.id).toBe(true);
        for (const node of rig.nodes) hits += node.hits;
        acknowledged += rig.acknowledged.size;
        await new Promise(setImmediate); // or no timer of the test's own ever runs
      }),
      { numRuns: RUNS },
    );
    expect(acknowledged).toBeGreaterThan(RUNS);
    expect(hits).toBeGreaterThan(100 * RUNS);
  }, 300_000);

  test("a node that nothing happens to answers from memory all the time", async () => {
    const rig = new Rig(1, 1, true);
    await rig.play(100);
    const [node] = rig.nodes as [Process];
    for (let second = 0; second < 600; second++) {
      expect(node.lease.held()).toBe(true);
      await rig.play(100);
    }
    expect(node.cache.hits / (node.cache.hits + node.cache.misses)).toBeGreaterThan(0.98);
  });
});

describe("a lease", () => {
  /** A world by hand: what was asked of the database waits until the test answers it. */
  async function held() {
    const clock = { monotonic: 1_000, wall: 1_800_000_000_000 };
    const asked: { confirmed: number | null; answer(renewal: Renewal | null): void }[] = [];
    const ask = <T>(confirmed: number | null) =>
      new Promise<T>((done) => asked.push({ confirmed, answer: done as (r: Renewal | null) => void }));
    let ears: Ears = { heard: () => {}, lost: () => {} };
    let due: () => void = () => {};
    const lease = new Lease("node_1", {
      connect: async (given) => {
        ears = given;
        return { join: () => ask(null), renew: (confirmed) => ask(confirmed), leave: async () => {}, close: () => {} };
      },
      monotonic: () => clock.monotonic,
      wall: () => clock.wall,
      sleep: () =>
        new Promise((done) => {
          due = done;
        }),
    });
    const pass = (ms: number) => {
      clock.monotonic += ms;
      clock.wall += ms;
    };
    const answer = async (nowMs = 1_700_000_000_000) => {
      asked.shift()?.answer({ nowMs, nodes: ["node_1"] });
      await settled();
    };
    const renew = async () => {
      due();
      await settled();
    };
    const started = lease.start();
    await settled();
    await answer();
    await started;
    return { lease, clock, asked, pass, answer, renew, heard: (n: number) => ears.heard(n, []), lost: () => ears.lost(new Error("gone")) };
  }

  test("ends a quarter of a second before the database's two seconds, counted from before it was asked for", async () => {
    const { lease, pass, answer, renew } = await held();
    await renew();
    pass(700);
    await answer();
    pass(1_049);
    expect(lease.held()).toBe(true);
    pass(1);
    expect(lease.held()).toBe(false);
  });

  test("is not held after the machine slept, not even when the renewal's answer was on its way meanwhile", async () => {
    const { lease, clock, answer, renew } = await held();
    clock.wall += 150;
    expect(lease.held()).toBe(false);
    await renew();
    await answer();
    expect(lease.held()).toBe(true);
    await renew();
    clock.wall += 60_000;
    await answer();
    expect(lease.held()).toBe(false);
    await renew();
    await answer();
    expect(lease.held()).toBe(true);
  });

  test("is not held from the moment on at which the connection is lost", async () => {
    const { lease, answer, renew, lost } = await held();
    const { epoch } = lease;
    await renew();
    lost();
    expect(lease.held()).toBe(false);
    expect(lease.epoch).toBeGreaterThan(epoch);
    await answer(); // to what was asked before
    expect(lease.held()).toBe(false);
  });

  test("confirms what was forgotten before, and to a database that was restored nothing of its former numbers", async () => {
    const { lease, asked, answer, renew, heard, lost } = await held();
    const forgotten: Stale[] = [];
    lease.onStale((stale) => forgotten.push(stale));
    heard(41);
    expect(forgotten).toEqual([[]]);
    await settled();
    expect(asked[0]?.confirmed).toBe(41);
    await answer();
    lost();
    await settled();
    await renew(); // the wait before the next connection
    expect(asked[0]?.confirmed).toBeNull();
    await answer();
    await renew();
    expect(asked[0]?.confirmed).toBe(0);
  });
});

// Then: the same on PostgreSQL.

/** Between a node and the database. Each connection can be held up, in both directions, or lose what it is notified of. */
class Wire {
  /** What the node says from the statement on that holds this is kept back. */
  holdFrom: string | null = null;
  isDeaf = false;
  readonly hold = { there: false, back: false };
  readonly #kept: Buffer[] = [];
  #rest = Buffer.alloc(0);
  readonly #server: net.Socket;

  constructor(client: net.Socket, server: net.Socket) {
    this.#server = server;
    client.on("data", (chunk) => {
      if (this.holdFrom !== null && chunk.includes(this.holdFrom)) this.hold.there = true;
      if (this.hold.there) this.#kept.push(chunk);
      else server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (this.hold.back) return;
      client.write(this.isDeaf ? this.#withoutNotifications(chunk) : chunk);
    });
    server.on("close", () => client.destroy());
    client.on("close", () => this.#kept.length === 0 && server.destroy());
    for (const end of [client, server]) end.on("error", () => {});
  }

  release(): void {
    this.hold.there = false;
    for (const chunk of this.#kept.splice(0)) this.#server.write(chunk);
  }

  cut(): void {
    this.#server.destroy();
  }

  /** A message is its kind, its length without that, and as much. */
  #withoutNotifications(chunk: Buffer): Buffer {
    const all = Buffer.concat([this.#rest, chunk]);
    const kept: Buffer[] = [];
    let at = 0;
    while (all.length >= at + 5 && all.length >= at + 1 + all.readInt32BE(at + 1)) {
      const end = at + 1 + all.readInt32BE(at + 1);
      if (all[at] !== "A".charCodeAt(0)) kept.push(all.subarray(at, end));
      at = end;
    }
    this.#rest = all.subarray(at);
    return Buffer.concat(kept);
  }
}

/** From here on to the end of the test leases connect through wires; `on` sees each when it is made. */
async function wires(on: (wire: Wire, place: number) => void = () => {}): Promise<Wire[]> {
  const given = env();
  const { hostname, port } = new URL(given.databaseUrl as string);
  const made: Wire[] = [];
  const server = net.createServer((client) => {
    const wire = new Wire(client, net.connect(Number(port), hostname));
    made.push(wire);
    on(wire, made.length - 1);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = new URL(given.databaseUrl as string);
  url.host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  provideEnv({ ...given, databaseUrl: url.href });
  onTestFinished(() => {
    provideEnv(given);
    for (const wire of made) wire.cut();
    server.close();
  });
  return made;
}

describe("on PostgreSQL", () => {
  const opened: Lease[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((lease) => lease.stop()));
    await owner.query('delete from "Node"');
  });

  let made = 0;
  async function node(changed: Partial<World> = {}): Promise<{ id: string; lease: Lease; forgotten: Stale[] }> {
    const id = `node_${++made}`;
    const lease = new Lease(id, { ...postgresWorld(id), ...changed });
    const forgotten: Stale[] = [];
    lease.onStale((stale) => forgotten.push(stale));
    opened.push(lease);
    await lease.start();
    forgotten.length = 0;
    return { id, lease, forgotten };
  }

  async function announce(things: string[], client = owner): Promise<number> {
    const { rows } = await client.query<{ number: string }>('select announce($1) as "number"', [things]);
    return Number(rows[0]?.number);
  }

  async function row(id: string): Promise<{ confirmed: number; isBarred: boolean } | undefined> {
    const { rows } = await owner.query('select "confirmed"::int, "barredAt" is not null as "isBarred" from "Node" where "id" = $1', [id]);
    return rows[0];
  }

  async function secondsOf(work: Promise<unknown>): Promise<number> {
    const begun = performance.now();
    await work;
    return (performance.now() - begun) / 1_000;
  }

  const anotherClient = async () => {
    const client = new (owner.constructor as typeof import("pg").Client)({ connectionString: env().databaseUrl as string });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };

  test("a change is forgotten everywhere within a tenth of a second, and answered then", async () => {
    const [a, b] = [await node(), await node()];
    const took: number[] = [];
    for (let round = 0; round < 5; round++) {
      took.push(await secondsOf(announce([`key_${round}`]).then((number) => forgetEverywhere(number, [`key_${round}`]))));
      for (const { forgotten } of [a, b]) expect(forgotten.at(-1)).toEqual([`key_${round}`]);
    }
    expect(Math.min(...took)).toBeLessThan(0.1); // a busy machine only adds to it
  });

  test("a change that was rolled back is never announced; the numbers of those that were follow their commits", async () => {
    const { forgotten } = await node();
    const [first, second] = [await anotherClient(), await anotherClient()];
    await first.query("begin");
    await announce(["key_never"], first);
    await first.query("rollback");
    await first.query("begin");
    const before = await announce(["key_first"], first);
    const later = announce(["key_second"], second);
    await sleep(50);
    expect(forgotten).toEqual([]);
    await first.query("commit");
    expect(await later).toBeGreaterThan(before);
    await eventually(() => (forgotten.length < 2 ? undefined : true));
    expect(forgotten).toEqual([["key_first"], ["key_second"]]);
  });

  test("a node joins between two changes, never within one", async () => {
    const changing = await anotherClient();
    await changing.query("begin");
    const number = await announce(["key_1"], changing);
    const joining = node();
    expect(await Promise.race([joining, sleep(200, "waits")])).toBe("waits");
    await changing.query("commit");
    expect((await row((await joining).id))?.confirmed).toBe(number);
  });

  test("a node that died holds a change up for no longer than its lease", async () => {
    await owner.query(
      `insert into "Node" ("id", "leaseUntil", "confirmed") values ('node_dead', clock_timestamp() + interval '2 seconds', 0)`,
    );
    const took = await secondsOf(forgetEverywhere(await announce(["key_1"]), ["key_1"]));
    expect(took).toBeGreaterThan(1.8);
    expect(took).toBeLessThan(3.8); // a lease granted now would be over later
  });

  test("a node that renews and does not confirm is barred after two seconds; the change is answered within four, and it begins anew with nothing", async () => {
    const [wire] = [await wires()];
    const { id, lease, forgotten } = await node();
    (wire[0] as Wire).isDeaf = true;
    const number = await announce(["key_1"]);
    const settling = secondsOf(forgetEverywhere(number, ["key_1"]));
    await sleep(1_700);
    expect([await row(id), lease.held(), forgotten]).toEqual([{ confirmed: number - 1, isBarred: false }, true, []]);
    const took = await settling;
    expect(took).toBeGreaterThan(1.85);
    expect(took).toBeLessThan(4);
    await eventually(() => (lease.held() ? true : undefined));
    expect(forgotten[0]).toBeNull();
    expect(await row(id)).toEqual({ confirmed: number, isBarred: false });
  });

  test.each([
    ["that ran out", `"leaseUntil" = clock_timestamp()`],
    ["that was barred", `"barredAt" = clock_timestamp()`],
  ])("a lease %s is not renewed: the node begins anew with nothing", async (_, change) => {
    const { id, lease, forgotten } = await node();
    await owner.query(`update "Node" set ${change} where "id" = $1`, [id]);
    const number = await announce(["key_1"]);
    await forgetEverywhere(number, ["key_1"]);
    await eventually(() => (forgotten.length > 1 && lease.held() ? true : undefined));
    expect(forgotten.slice(0, 2)).toEqual([["key_1"], null]);
    expect(await row(id)).toEqual({ confirmed: number, isBarred: false });
  });

  test("what a node said on a connection that it gave up confirms nothing when it arrives late", async () => {
    const made = await wires((wire, place) => {
      if (place === 1) wire.holdFrom = 'into "Node"';
    });
    const { id, lease, forgotten } = await node();
    made[0]?.cut();
    await eventually(() => (made.length === 3 && lease.held() ? true : undefined));
    (made[2] as Wire).hold.back = true; // it does not hear of the change
    const number = await announce(["key_1"]);
    const settling = forgetEverywhere(number, ["key_1"]);
    (made[1] as Wire).release();
    for (let look = 0; look < 10; look++) {
      expect(lease.held()).toBe(true);
      expect((await row(id))?.confirmed).toBeLessThan(number);
      await sleep(20);
    }
    expect(await Promise.race([settling, "waits"])).toBe("waits");
    forgotten.length = 0;
    await settling;
    expect(forgotten[0]).toBeNull();
  });

  test("a node whose connection is ended forgets everything at once and soon has a lease again", async () => {
    const { lease, forgotten } = await node();
    await owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'latchkey lease' and datname = current_database()`,
    );
    await eventually(() => (forgotten.length > 0 ? true : undefined));
    expect(forgotten[0]).toBeNull();
    expect(await secondsOf(eventually(() => (lease.held() ? true : undefined)))).toBeLessThan(4);
    expect(lease.away()).toBe(false);
  });

  test("a process that stood still does not take its own silence for the database's", () => {
    let at = 0;
    const lease = new Lease("node_still", { ...postgresWorld("node_still"), monotonic: () => at });
    const watched = (until: number) => {
      for (; at < until; at += 50) lease.watch();
    };
    watched(1_000);
    at += 10_000; // loading code, say
    lease.watch();
    expect(lease.away()).toBe(false);
    watched(at + 1_000);
    expect(lease.away()).toBe(false);
    watched(at + 500);
    expect(lease.away()).toBe(true);
  });

  test("a database that stopped answering is away after two and a quarter seconds, and nobody waits for it any longer; it may come back", async () => {
    let isAway = false;
    const made = await wires((wire) => {
      wire.hold.there = isAway;
      wire.hold.back = isAway;
    });
    const { lease } = await node();
    provide("lease", { lease });
    onTestFinished(() => void provide("lease", { lease: null }));
    isAway = true;
    for (const wire of made) wire.hold.back = true;
    const begun = performance.now();
    const waiting = whileReachable(new Promise(() => {})).catch((error: unknown) => error);
    await eventually(() => (lease.held() ? undefined : true));
    expect(performance.now() - begun).toBeLessThan(2_000);
    await eventually(() => (lease.away() ? true : undefined));
    expect(performance.now() - begun).toBeLessThan(2_500);
    lease.watch();
    const refused = await waiting;
    expect(isAppError(refused) && refused.type).toBe("unavailable");
    isAway = false;
    for (const wire of made) wire.cut();
    await eventually(() => (lease.held() ? true : undefined));
    expect(lease.away()).toBe(false);
  });

  test("a pooler that passes on no notifications is found out at the start", async () => {
    await wires((wire) => {
      wire.isDeaf = true;
    });
    await expect(node()).rejects.toThrow("does not pass on notifications");
  });

  test("every instant is by the database's clock, whatever this machine's says", async () => {
    const { lease } = await node({ monotonic: () => performance.now() + 12_345_678, wall: () => Date.now() - 86_400_000 });
    for (let look = 0; look < 5; look++) {
      const { rows } = await owner.query<{ nowMs: string }>('select extract(epoch from clock_timestamp()) * 1000 as "nowMs"');
      expect(Math.abs(lease.now() - Number(rows[0]?.nowMs))).toBeLessThan(2_000); // the clocks given are hours off
      await sleep(100);
    }
  });

  test("a node knows which others are there, and one that leaves holds nobody up", async () => {
    const [a, b] = [await node(), await node()];
    await eventually(() => (a.lease.nodes.length === 2 ? true : undefined));
    expect([a.lease.nodes, b.lease.nodes]).toEqual([
      [a.id, b.id],
      [a.id, b.id],
    ]);
    await b.lease.stop();
    expect([b.lease.held(), await row(b.id)]).toEqual([false, undefined]);
    expect(await secondsOf(forgetEverywhere(await announce(["key_1"]), ["key_1"]))).toBeLessThan(1.8); // not a lease
  });
});
