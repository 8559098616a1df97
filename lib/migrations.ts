// Brings a database to the schema of this code: the deploy half of Prisma Migrate without its command line, engine or network.
// Promises: each migration runs once, also when many processes start together; the history stays readable for the prisma command
// (its table, columns, checksums and lock); a failed migration is never skipped. Fails with one Error whose message is a sentence.
// Why not `prisma migrate deploy`: it downloads a native engine at its first run.
import { createHash, randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export interface MigrateOptions {
  /** Of the role that owns the tables. */
  ownerUrl: string;
  /** The variable that `ownerUrl` came from, for the sentence when it is wrong. */
  setting?: string;
  /** The role the application connects as, when it is another one: it is granted what it needs and no more. */
  appRole?: string;
  /** Folders named <timestamp>_<name>, each with a migration.sql. */
  migrationsDir: string;
  log: (line: string) => void;
}

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

interface Row {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

/** The lock of Prisma's own engine: a developer's `prisma migrate` and a starting server exclude each other. */
const LOCK = 72_707_369;
const LOCK_WAIT_SECONDS = 600;
const OLDEST_SERVER = 15;

/** What the application may do where "everything with rows" is too much. */
const NARROW_GRANTS: Record<string, string> = {
  AuditEvent: "select, insert",
  AuditHead: "select, insert, update",
  CreditEntry: "select, insert",
  _prisma_migrations: "select",
};

const HISTORY = `create table _prisma_migrations (
  id varchar(36) primary key not null,
  checksum varchar(64) not null,
  finished_at timestamptz,
  migration_name varchar(255) not null,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`;

/** Applies what is missing and renews the grants. Answers the names of the migrations that this call applied. */
export async function migrate({ ownerUrl, setting, appRole, migrationsDir, log }: MigrateOptions): Promise<{ applied: string[] }> {
  const migrations = readMigrations(migrationsDir);
  const client = await connect(ownerUrl, setting);
  try {
    await refuseOldServer(client);
    await lock(client, log);
    const pending = await pendingMigrations(client, migrations);
    for (const migration of pending) {
      log(`Migrating the database: ${migration.name}`);
      await apply(client, migration);
    }
    if (appRole !== undefined) await grant(client, appRole);
    return { applied: pending.map(({ name }) => name) };
  } finally {
    await client.end(); // Gives the lock back.
  }
}

/** One sentence, without the password, for why a database cannot be connected to. `setting` names what the reader should check. */
export function connectionProblem(error: unknown, url: string, setting = "DATABASE_URL"): string {
  let place = "the database";
  let database = "";
  try {
    const { hostname, port, pathname } = new URL(url);
    place = `the database at ${hostname || "localhost"}:${port || "5432"}`;
    database = decodeURIComponent(pathname.slice(1));
  } catch {
    return `${setting} is not a PostgreSQL address: it should look like postgresql://user:password@host:5432/database.`;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : String(error);
  const reason =
    {
      ECONNREFUSED: "nothing listens there",
      ENOTFOUND: "there is no host of this name",
      EAI_AGAIN: "the name of the host cannot be looked up",
      ETIMEDOUT: "it does not answer",
      ECONNRESET: "it closed the connection",
      EHOSTUNREACH: "there is no way to this host",
      ENETUNREACH: "there is no way to this host",
      "28P01": "it refuses the user name or password",
      P1000: "it refuses the user name or password", // as Prisma says it
      "28000": "it refuses this user",
      "3D000": `it has no database named "${database}"`,
      "53300": "it has no free connection",
      "57P03": "it is starting up or shutting down",
    }[code] ?? (/timeout/i.test(message) ? "it does not answer" : message || "unknown reason");
  return `Cannot use ${place}: ${reason}. Check ${setting}.`;
}

function readMigrations(dir: string): Migration[] {
  const names = fs.existsSync(dir) ? fs.readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory()) : [];
  if (names.length === 0) throw new Error(`There are no migrations in ${dir}: the installation of Latchkey is incomplete.`);
  return names
    .map(({ name }) => {
      const sql = fs.readFileSync(path.join(dir, name, "migration.sql"), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function connect(url: string, setting?: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({ connectionString: url, application_name: "latchkey migrate", connectionTimeoutMillis: 10_000 });
    client.on("error", () => {}); // The query in progress reports it.
    await client.connect();
    return client;
  } catch (error) {
    throw new Error(connectionProblem(error, url, setting), { cause: error });
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string }>("select current_setting('server_version_num') as version");
  const major = Math.floor(Number(rows[0]?.version) / 10_000);
  if (major < OLDEST_SERVER) {
    throw new Error(
      `Latchkey needs PostgreSQL ${OLDEST_SERVER} or newer, and this server is version ${major}: upgrade it, or leave DATABASE_URL unset to use the embedded one.`,
    );
  }
}

async function lock(client: pg.Client, log: (line: string) => void): Promise<void> {
  const start = Date.now();
  for (let told = false; ; await sleep(100)) {
    const { rows } = await client.query<{ got: boolean }>("select pg_try_advisory_lock($1) as got", [LOCK]);
    if (rows[0]?.got) return;
    const waited = (Date.now() - start) / 1000;
    if (waited > LOCK_WAIT_SECONDS)
      throw new Error("Another process has been migrating this database for ten minutes: look at it before you start again.");
    if (waited > 2 && !told) log("Waiting for another process that migrates the database");
    told ||= waited > 2;
  }
}

async function pendingMigrations(client: pg.Client, migrations: Migration[]): Promise<Migration[]> {
  const rows = await readHistory(client);
  const unfinished = rows.find((row) => row.finished_at === null);
  if (unfinished) {
    throw new Error(
      `The migration ${unfinished.migration_name} failed half-way on this database (the column "logs" of the table _prisma_migrations says why): restore a backup from before it, or repair the schema and mark it with "npx prisma migrate resolve".`,
    );
  }
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of rows) {
    const migration = known.get(row.migration_name);
    if (!migration) {
      throw new Error(
        `This database is newer than this version of Latchkey (it has the migration ${row.migration_name}): start the newer version, or restore a backup from before the upgrade.`,
      );
    }
    if (migration.checksum !== row.checksum) {
      throw new Error(
        `The migration ${migration.name} was changed after this database had applied it: restore the file, or start with an empty database (for the embedded one: another DATA_DIR).`,
      );
    }
  }
  const done = new Set(rows.map((row) => row.migration_name));
  return migrations.filter(({ name }) => !done.has(name));
}

/** The rows that count; makes the table on an empty database. */
async function readHistory(client: pg.Client): Promise<Row[]> {
  const { rows: tables } = await client.query<{ tablename: string }>("select tablename from pg_tables where schemaname = current_schema()");
  if (!tables.some(({ tablename }) => tablename === "_prisma_migrations")) {
    if (tables.length > 0) {
      throw new Error(
        `The database has tables of another program (such as "${tables[0]?.tablename}"): give Latchkey an empty database of its own.`,
      );
    }
    await forgivingPrivileges(() => client.query(HISTORY));
  }
  const { rows } = await client.query<Row>(
    "select migration_name, checksum, finished_at from _prisma_migrations where rolled_back_at is null",
  );
  return rows;
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID();
  await client.query("insert into _prisma_migrations (id, checksum, migration_name) values ($1, $2, $3)", [id, checksum, name]);
  try {
    // One simple query: the server runs its statements as one transaction, unless the file itself commits.
    await client.query(sql);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await client.query("rollback").catch(() => {});
    await client.query("update _prisma_migrations set logs = $2 where id = $1", [id, reason]).catch(() => {});
    const full = error instanceof pg.DatabaseError && error.code === "53100";
    throw new Error(full ? `The migration ${name} failed: the disk of the database is full.` : `The migration ${name} failed: ${reason}.`, {
      cause: error,
    });
  }
  await client.query("update _prisma_migrations set finished_at = now(), applied_steps_count = 1 where id = $1", [id]);
}

async function grant(client: pg.Client, appRole: string): Promise<void> {
  const { rows } = await client.query<{ self: boolean; exists: boolean; schema: string }>(
    "select current_user = $1 as self, exists (select 1 from pg_roles where rolname = $1) as exists, current_schema() as schema",
    [appRole],
  );
  if (rows[0]?.self) return;
  if (!rows[0]?.exists)
    throw new Error(`The database has no role "${appRole}": create it (CREATE ROLE … LOGIN PASSWORD …) or correct DATABASE_URL.`);
  const role = pg.escapeIdentifier(appRole);
  const schema = pg.escapeIdentifier(rows[0].schema);
  const statements = [
    "begin",
    `grant usage on schema ${schema} to ${role}`,
    `grant select, insert, update, delete on all tables in schema ${schema} to ${role}`,
    `grant usage, select on all sequences in schema ${schema} to ${role}`,
    `grant execute on all functions in schema ${schema} to ${role}`,
    // For the partitions that are made while the server runs.
    `alter default privileges in schema ${schema} grant select, insert, update, delete on tables to ${role}`,
    `alter default privileges in schema ${schema} grant usage, select on sequences to ${role}`,
    `alter default privileges in schema ${schema} grant execute on functions to ${role}`,
  ];
  for (const [table, privileges] of Object.entries(NARROW_GRANTS)) {
    const { rows: found } = await client.query("select to_regclass(format('%I.%I', current_schema(), $1::text)) is not null as found", [
      table,
    ]);
    if (!found[0]?.found) continue;
    const name = `${schema}.${pg.escapeIdentifier(table)}`;
    statements.push(`revoke all on table ${name} from ${role}`, `grant ${privileges} on table ${name} to ${role}`);
  }
  // One query, so one transaction: the role never sees the wide grant on a narrow table.
  await forgivingPrivileges(() => client.query([...statements, "commit"].join(";\n")));
}

async function forgivingPrivileges<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== "42501") throw error;
    throw new Error(
      `The database role may not do what a migration needs (${error.message}): give DATABASE_OWNER_URL the role that owns the database.`,
      { cause: error },
    );
  }
}
