// A TCP proxy between a server and PostgreSQL that breaks on demand. It reads what the server sends (whole messages of the frontend
// protocol), so that it knows which connection listens for announcements (the lease's) and when a transaction commits.
import { once } from "node:events";
import net from "node:net";

/** `up` is from the server to the database. */
type Direction = "up" | "down" | "both";

export type Fault =
  | { kind: "delay"; ms: number; direction?: Direction }
  /** Swallows the bytes. Their connections are cut when the fault ends: nothing repairs a stream with a hole. */
  | { kind: "drop"; direction?: Direction }
  /** Connects, passes nothing on, and passes all of it on when the fault ends. */
  | { kind: "freeze" };

/** All connections, or only the one that has issued LISTEN. */
export type Which = "all" | "lease";

export interface FaultProxy {
  /** The same database, through here. */
  through(url: string): string;
  /** From now on, also for connections to come, until `heal`. */
  set(fault: Fault, which?: Which): void;
  /** Resets connections; new ones are welcome. Gives back how many. */
  cut(which?: Which): number;
  /** Resets all, and nothing listens until `heal`. */
  refuse(): Promise<void>;
  heal(): Promise<void>;
  /**
   * Cuts one transaction in which `statement` was executed: `before` its COMMIT reaches the database, or `after` the database has answered it
   * and before the answer goes back. The promise resolves when that was done; `cancel` gives up waiting.
   */
  cutAtCommit(when: "before" | "after", statement: RegExp): { done: Promise<void>; cancel(): void };
  /** Resolves when such a statement is on its way to the database. */
  seen(statement: RegExp): Promise<void>;
  /** How many connections are open. */
  open(which?: Which): number;
  close(): Promise<void>;
}

interface Trap {
  when: "before" | "after";
  statement: RegExp;
  sprung(): void;
}

interface World {
  fault: Fault | null;
  which: Which;
  trap: Trap | null;
  watchers: { statement: RegExp; saw(): void }[];
}

export async function startProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const world: World = { fault: null, which: "all", trap: null, watchers: [] };
  const connections = new Set<Connection>();
  const chosen = (which: Which) => [...connections].filter((connection) => which === "all" || connection.listens);
  const server = net.createServer({ noDelay: true }, (client) => {
    const connection = new Connection(client, target, world, () => connections.delete(connection));
    connections.add(connection);
  });
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  };
  const cut = (which: Which = "all") => {
    const cutting = chosen(which);
    for (const connection of cutting) connection.cut();
    return cutting.length;
  };
  const deaf = async () => {
    const closed = server.listening ? once(server, "close") : null;
    server.close();
    cut();
    await closed;
  };
  const port = await listen(0);
  return {
    through(url) {
      const changed = new URL(url);
      changed.host = `127.0.0.1:${port}`;
      return changed.href;
    },
    set(fault, which = "all") {
      world.fault = fault;
      world.which = which;
    },
    cut,
    refuse: deaf,
    async heal() {
      world.fault = null;
      for (const connection of connections) connection.heal();
      if (!server.listening) await listen(port);
    },
    cutAtCommit(when, statement) {
      let trap: Trap | null = null;
      const done = new Promise<void>((sprung) => {
        trap = { when, statement, sprung };
        world.trap = trap;
      });
      const cancel = () => {
        if (world.trap === trap) world.trap = null;
      };
      return { done, cancel };
    },
    seen: (statement) => new Promise((saw) => world.watchers.push({ statement, saw })),
    open: (which = "all") => chosen(which).filter(({ isOpen }) => isOpen).length,
    close: deaf,
  };
}

class Connection {
  listens = false;
  readonly #client: net.Socket;
  readonly #upstream: net.Socket;
  readonly #world: World;
  readonly #frontend = new Frontend();
  readonly #up: Pipe;
  readonly #down: Pipe;
  /** Statements of the running transaction. */
  #transaction: string[] = [];
  #answerless: Trap | null = null;

  constructor(client: net.Socket, target: { host: string; port: number }, world: World, gone: () => void) {
    this.#client = client;
    this.#world = world;
    this.#upstream = net.connect({ ...target, noDelay: true });
    const applies = (direction: Direction) => () => {
      const { fault, which } = world;
      if (fault === null || (which === "lease" && !this.listens)) return null;
      if (fault.kind === "freeze" || fault.direction === undefined || fault.direction === "both") return fault;
      return fault.direction === direction ? fault : null;
    };
    this.#up = new Pipe(this.#upstream, applies("up"));
    this.#down = new Pipe(this.#client, applies("down"));
    client.on("data", (chunk) => {
      for (const { bytes, executes } of this.#frontend.read(chunk)) {
        if (executes !== null && !this.#mayPass(executes)) return this.cut();
        this.#up.write(bytes);
      }
    });
    this.#upstream.on("data", (chunk) => {
      if (this.#answerless === null) return this.#down.write(chunk);
      this.#answerless.sprung();
      this.cut();
    });
    const [up, down] = [this.#up, this.#down];
    client.on("end", () => up.end());
    this.#upstream.on("end", () => down.end());
    for (const socket of [client, this.#upstream]) {
      socket.on("error", () => {});
      socket.on("close", (broken) => {
        if (broken) this.cut();
      });
    }
    // One whose client is gone is still to be healed: the database has to hear of it.
    this.#upstream.on("close", gone);
  }

  get isOpen(): boolean {
    return !this.#client.destroyed;
  }

  cut(): void {
    for (const socket of [this.#client, this.#upstream]) socket.resetAndDestroy();
  }

  heal(): void {
    if (this.#up.hasHole || this.#down.hasHole) this.cut();
    else for (const pipe of [this.#up, this.#down]) pipe.pump();
  }

  /** Notes what is executed; false when it is to be cut off here. */
  #mayPass(statement: string): boolean {
    for (const watcher of this.#world.watchers.filter((each) => each.statement.test(statement))) {
      watcher.saw();
      this.#world.watchers.splice(this.#world.watchers.indexOf(watcher), 1);
    }
    if (/^\s*listen\b/i.test(statement)) this.listens = true;
    if (/^\s*(begin|start\s+transaction)\b/i.test(statement)) this.#transaction = [];
    if (!/^\s*(commit|end)\b/i.test(statement)) {
      this.#transaction.push(statement);
      return true;
    }
    const { trap } = this.#world;
    const caught = trap !== null && this.#transaction.some((each) => trap.statement.test(each));
    this.#transaction = [];
    if (!caught) return true;
    this.#world.trap = null;
    if (trap.when === "after") {
      this.#answerless = trap;
      return true;
    }
    trap.sprung();
    return false;
  }
}

/** One direction of a connection: bytes in their order, held or lost as the fault says that applies when they come. */
class Pipe {
  hasHole = false;
  readonly #to: net.Socket;
  readonly #fault: () => Fault | null;
  #waiting: { bytes: Buffer | null; due: number }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(to: net.Socket, fault: () => Fault | null) {
    this.#to = to;
    this.#fault = fault;
  }

  write(bytes: Buffer): void {
    this.#add(bytes);
  }

  end(): void {
    this.#add(null);
  }

  #add(bytes: Buffer | null): void {
    const fault = this.#fault();
    if (fault?.kind === "drop") {
      this.hasHole = true;
      return;
    }
    this.#waiting.push({ bytes, due: performance.now() + (fault?.kind === "delay" ? fault.ms : 0) });
    this.pump();
  }

  /** Passes on what is due. Nothing of a pipe that is frozen. */
  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const fault = this.#fault();
    if (fault?.kind === "freeze") return;
    // What was delayed comes through at once when the fault is over.
    const now = fault === null ? Number.POSITIVE_INFINITY : performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].due <= now) {
      const { bytes } = this.#waiting.shift() as { bytes: Buffer | null };
      if (this.#to.destroyed) continue;
      if (bytes === null) this.#to.end();
      else this.#to.write(bytes);
    }
    const next = this.#waiting[0];
    if (next !== undefined) this.#timer = setTimeout(() => this.pump(), next.due - now);
  }
}

interface Message {
  bytes: Buffer;
  /** The statement that this message makes the database execute, if it does. */
  executes: string | null;
}

const SSL_REQUEST = 80877103;
/** Of a statement, that is looked at. */
const LONGEST = 20_000;

/** Cuts the frontend's bytes into messages (PostgreSQL documentation, chapter "Frontend/Backend Protocol") and follows prepared statements. */
class Frontend {
  #rest: Buffer = Buffer.alloc(0);
  #started = false;
  #statements = new Map<string, string>();
  #portals = new Map<string, string>();

  *read(chunk: Buffer): Generator<Message> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      // Only the first message has no type.
      const head = this.#started ? 1 : 0;
      if (bytes.length < head + 4) break;
      const length = head + bytes.readUInt32BE(head);
      if (bytes.length < length) break;
      const message = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      if (this.#started) yield { bytes: message, executes: this.#executed(message) };
      else {
        this.#started = message.length < 8 || message.readUInt32BE(4) !== SSL_REQUEST;
        yield { bytes: message, executes: null };
      }
    }
    this.#rest = bytes;
  }

  #executed(message: Buffer): string | null {
    const texts = (count: number) => message.toString("utf8", 5, 5 + LONGEST).split("\0", count);
    switch (String.fromCharCode(message[0] as number)) {
      case "Q":
        return texts(1)[0] ?? "";
      case "P": {
        const [name = "", text = ""] = texts(2);
        this.#statements.set(name, text);
        return null;
      }
      case "B": {
        const [portal = "", name = ""] = texts(2);
        this.#portals.set(portal, this.#statements.get(name) ?? "");
        return null;
      }
      case "E":
        return this.#portals.get(texts(1)[0] ?? "") ?? "";
      default:
        return null;
    }
  }
}
