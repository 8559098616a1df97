// The deployment under test: server processes on one embedded PostgreSQL, each reaching it through a fault proxy of its own. Processes
// are stopped, continued and killed by signals.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll } from "vitest";
import { type Embedded, startEmbedded } from "@/lib/embedded";
import { migrate } from "@/lib/migrations";
import { eventually } from "@/lib/testing/eventually";
import { startServer, type TestServer } from "@/lib/testing/server";
import { type FaultProxy, startProxy } from "./proxy";

export const ADMIN_TOKEN = "operator-token-of-the-rig";
const SECRET = "a secret of the rig that is long enough for all nodes";

const PREFIX = "latchkey-rig-";

if (!fs.existsSync("/proc/self/stat")) throw new Error("The rig stops and finds processes through /proc, which only Linux has.");

export interface Rig {
  nodes: Node[];
  database: Database;
  /** Ends every fault and starts what is down: what a test that failed has left does not fail the next. */
  restore(): Promise<void>;
}

/** Starts a deployment of `count` nodes; it is stopped at the end of the file. Awaited at the top of the file. */
export async function startRig(count = 2, env: Record<string, string> = {}): Promise<Rig> {
  removeAbandoned();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${PREFIX}${process.pid}-`));
  fs.chmodSync(folder, 0o711); // Started by root, the database runs as another user below it.
  const ends: (() => Promise<unknown>)[] = [async () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })];
  const end = async () => {
    for (const each of ends.splice(0).reverse()) await each();
  };
  afterAll(end);
  const database = await Database.start(path.join(folder, "database"));
  ends.push(() => database.stop());
  const nodes: Node[] = [];
  const newNode = async () => {
    const proxy = await startProxy(database.address);
    const name = `node-${String.fromCharCode(97 + nodes.length)}`;
    const node = new Node(name, path.join(folder, name), proxy, {
      ADMIN_TOKEN,
      LATCHKEY_SECRET: SECRET,
      DATABASE_URL: proxy.through(database.appUrl),
      DATABASE_OWNER_URL: proxy.through(database.ownerUrl),
      // So that a request says in X-Forwarded-For which address it comes from.
      TRUSTED_PROXIES: "127.0.0.1",
      ...env,
    });
    nodes.push(node);
    ends.push(() => proxy.close());
    ends.push(() => node.stop());
    await node.start();
    return node;
  };
  try {
    await Promise.all(Array.from({ length: count }, newNode));
    await together(nodes);
  } catch (error) {
    await end(); // a file that cannot be loaded runs no hooks
    throw error;
  }
  const restore = async () => {
    database.thaw();
    for (const node of nodes) {
      await node.proxy.heal();
      node.thaw();
      if (!node.isAlive()) await node.start();
    }
    await together(nodes);
  };
  return { nodes, database, restore };
}

/** Resolves when every node holds a lease and knows of all the others. */
export async function together(nodes: Node[]): Promise<void> {
  await eventually(async () => {
    const healths = await Promise.all(nodes.map((node) => node.health()));
    return healths.every(({ status, held, nodes: known }) => status === 200 && held && known === nodes.length) ? true : undefined;
  }, 30);
}

export class Node {
  readonly name: string;
  readonly dataDir: string;
  readonly proxy: FaultProxy;
  #env: Record<string, string>;
  #server: TestServer | null = null;
  #pid = 0;
  #earlier = "";

  constructor(name: string, dataDir: string, proxy: FaultProxy, env: Record<string, string>) {
    this.name = name;
    this.dataDir = dataDir;
    this.proxy = proxy;
    this.#env = env;
    fs.mkdirSync(dataDir);
  }

  /** Also while it is down. */
  get url(): string {
    return `http://127.0.0.1:${this.#env.PORT}`;
  }

  get server(): TestServer {
    if (this.#server === null) throw new Error(`${this.name} is down.`);
    return this.#server;
  }

  /** On its old port and data directory. Resolves when it serves, with how long that took in milliseconds. */
  async start(): Promise<number> {
    const begun = performance.now();
    this.#server = await startServer({ dataDir: this.dataDir, env: this.#env });
    const took = performance.now() - begun;
    this.#env.PORT = this.#server.env.PORT as string;
    this.#pid = processOf(this.dataDir);
    return took;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#ended();
  }

  /** SIGTERM; resolves with the exit code when it has left. */
  async stop(): Promise<number | null> {
    this.thaw();
    const code = (await this.#server?.stop()) ?? null;
    this.#ended();
    return code;
  }

  freeze(): void {
    process.kill(this.#pid, "SIGSTOP");
  }

  thaw(): void {
    if (this.#pid !== 0 && this.isAlive()) process.kill(this.#pid, "SIGCONT");
  }

  isAlive(): boolean {
    return this.#pid !== 0 && stateOf(this.#pid) !== null;
  }

  /** All that it printed, in all its lives. */
  logs(): string {
    return this.#earlier + (this.#server?.logs() ?? "");
  }

  /** Resident memory in bytes. */
  memory(): number {
    const pages = Number(fs.readFileSync(`/proc/${this.#pid}/statm`, "utf8").split(" ")[1]);
    return pages * 4096;
  }

  /** What it says of itself; status 0 when it does not answer. */
  async health(): Promise<{ status: number; held: boolean; nodes: number; waiting: number }> {
    try {
      const answer = await fetch(`${this.url}/api/health`, { signal: AbortSignal.timeout(5_000) });
      const body = (await answer.json()) as { lease: { held: boolean; nodes: number }; usage_waiting: number };
      return { status: answer.status, ...body.lease, waiting: body.usage_waiting };
    } catch {
      return { status: 0, held: false, nodes: 0, waiting: 0 };
    }
  }

  #ended(): void {
    this.#earlier += this.#server?.logs() ?? "";
    this.#server = null;
    this.#pid = 0;
  }
}

export class Database {
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly #embedded: Embedded;
  readonly #cluster: string;
  readonly #pool: pg.Pool;

  static async start(dataDir: string): Promise<Database> {
    const embedded = await startEmbedded({ dataDir, durable: true, log: () => {} });
    const migrationsDir = fileURLToPath(new URL("../../prisma/migrations", import.meta.url));
    await migrate({ ownerUrl: embedded.ownerUrl, appRole: new URL(embedded.appUrl).username, migrationsDir, log: () => {} });
    return new Database(embedded, dataDir);
  }

  private constructor(embedded: Embedded, dataDir: string) {
    this.ownerUrl = embedded.ownerUrl;
    this.appUrl = embedded.appUrl;
    this.#embedded = embedded;
    this.#cluster = path.join(dataDir, fs.readdirSync(dataDir).find((name) => /^pg\d+$/.test(name)) ?? "");
    this.#pool = new pg.Pool({ connectionString: this.ownerUrl, max: 4 });
    this.#pool.on("error", () => {}); // it restarts
  }

  get address(): { host: string; port: number } {
    const { hostname, port } = new URL(this.ownerUrl);
    return { host: hostname, port: Number(port) };
  }

  /** As the owner, past every proxy. */
  async rows<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#pool.query<T>(sql, values)).rows;
  }

  /** One snapshot for several questions. */
  async snapshot<T>(ask: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    try {
      await client.query("begin isolation level repeatable read read only");
      return await ask(client);
    } finally {
      client.release(true);
    }
  }

  /** Holds a table against everybody until the returned function is called. */
  async lock(table: string): Promise<() => Promise<void>> {
    const client = await this.#pool.connect();
    await client.query(`begin; lock table "${table}" in access exclusive mode`);
    return async () => {
      await client.query("rollback");
      client.release();
    };
  }

  /** Every process of it stands still. */
  freeze(): void {
    // The first process before its children, so that no new one comes.
    process.kill(this.#postmaster(), "SIGSTOP");
    for (const pid of childrenOf(this.#postmaster())) signal(pid, "SIGSTOP");
  }

  thaw(): void {
    if (stateOf(this.#postmaster()) === null) return;
    for (const pid of [...childrenOf(this.#postmaster()), this.#postmaster()]) signal(pid, "SIGCONT");
  }

  /** Ends it in one of PostgreSQL's ways, or kills all its processes. Resolves when it serves again, with how long it was away in milliseconds. */
  async restart(how: "fast" | "immediate" | "kill"): Promise<number> {
    const before = this.#postmaster();
    const children = childrenOf(before);
    const begun = performance.now();
    process.kill(before, { fast: "SIGINT", immediate: "SIGQUIT", kill: "SIGKILL" }[how] as NodeJS.Signals);
    if (how === "kill") for (const pid of children) signal(pid, "SIGKILL");
    // The process that started it, this one, starts it again (lib/embedded.ts).
    await eventually(async () => ((await this.#answers(before)) ? true : undefined), 60);
    return performance.now() - begun;
  }

  log(): string {
    return fs.readFileSync(path.join(this.#cluster, "server.log"), "utf8");
  }

  async stop(): Promise<void> {
    await this.#pool.end();
    await this.#embedded.stop();
  }

  #postmaster(): number {
    return Number(fs.readFileSync(path.join(this.#cluster, "postmaster.pid"), "utf8").split("\n")[0]);
  }

  async #answers(formerPid: number): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.ownerUrl, connectionTimeoutMillis: 1_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("select 1");
      return this.#postmaster() !== formerPid;
    } catch {
      await sleep(10);
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  }
}

// Processes

function childrenOf(pid: number): number[] {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

/** A process that has ended meanwhile needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** R, S, T…, or null when there is no such process, or only its remains. */
function stateOf(pid: number): string | null {
  try {
    const state = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.[0] ?? null;
    return state === "Z" ? null : state;
  } catch {
    return null;
  }
}

/** Processes whose command line and environment match, by number. */
function processes(matches: (command: string, environment: string[]) => boolean): number[] {
  return fs.readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [command, environment] = ["cmdline", "environ"].map((file) => fs.readFileSync(`/proc/${name}/${file}`, "utf8"));
      return matches(command ?? "", (environment ?? "").split("\0")) ? [Number(name)] : [];
    } catch {
      return []; // It ended while we looked, or belongs to somebody else.
    }
  });
}

/** The server that was started with this data directory, which no other process has. */
function processOf(dataDir: string): number {
  const [found] = processes((command, environment) => command.includes("server.mjs") && environment.includes(`DATA_DIR=${dataDir}`));
  if (found === undefined) throw new Error(`No process of the server in ${dataDir} was found.`);
  return found;
}

/** What runs that were killed have left running: nothing else would ever stop it. */
function removeAbandoned(): void {
  for (const name of fs.readdirSync(os.tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-\\w+$`).exec(name)?.[1]);
    if (!pid || stateOf(pid) !== null) continue;
    const folder = `${path.join(os.tmpdir(), name)}${path.sep}`;
    const isIts = (command: string, environment: string[]) =>
      command.includes(`\0-D\0${folder}`) || environment.some((each) => each.startsWith(`DATA_DIR=${folder}`));
    for (const left of processes(isIts)) signal(left, "SIGKILL");
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
