import "server-only";
import fs from "node:fs";
import pg from "pg";
import { env } from "@/lib/env";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";
import { Batch, type Use } from "@/lib/usage/batch";
import { columns, headOf, madeAt, toLine } from "@/lib/usage/line";
import type { UsageRecord } from "@/lib/usage/record";
import { type Position, removeSpool, setAside } from "@/lib/usage/spool";

/**
 * Lines of usage into PostgreSQL: rows, hourly sums, each key's last use, the quota they claim and how far their spool has got, in one
 * transaction. It begins by moving the spool's position on from where the lines start: if that is not where it stands, somebody else
 * wrote them, or an earlier try whose answer got lost, and nothing happens. Rows go in by COPY, two thirds of an INSERT's cost.
 */

/** Where lines come from. */
export interface Span {
  name: string;
  folder: string;
  from: Position;
  to: Position;
}

const SLICE = 500; // lines added up before others have a turn, about half a millisecond

interface Pool {
  open: pg.Pool | null;
}

/** Days whose partition this process knows to be there. */
const days = () => once("usage.days", () => new Set<string>());

const holder = () => once<Pool>("usage.pool", () => ({ open: null }));

/** Apart from all others: neither waits for the other. */
function pool(): pg.Pool {
  const held = holder();
  if (held.open === null) {
    held.open = new pg.Pool({
      connectionString: env().databaseUrl ?? undefined,
      application_name: "latchkey usage",
      max: 2,
      connectionTimeoutMillis: 1_000,
      query_timeout: 5_000,
      statement_timeout: 5_000,
      lock_timeout: 2_000,
      idle_in_transaction_session_timeout: 10_000,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    });
    // The next drain says what is wrong. Without a listener, also on a connection in use, the loss of one ends the process.
    held.open.on("error", () => undefined).on("connect", (client) => client.on("error", () => undefined));
  }
  return held.open;
}

export async function closeDrainPool(): Promise<void> {
  const { open } = holder();
  holder().open = null;
  await open?.end();
}

/** Runs the work in a transaction, which is undone when the work says false. A connection on which anything failed is not used again. */
async function transact(
  work: (client: pg.PoolClient) => Promise<boolean>,
  before?: (client: pg.PoolClient) => Promise<void>,
): Promise<boolean> {
  const client = await pool().connect();
  try {
    await before?.(client);
    await client.query("begin");
    const isDone = await work(client);
    await client.query(isDone ? "commit" : "rollback");
    client.release();
    return isDone;
  } catch (error) {
    client.release(true);
    days().clear(); // one may have been dropped
    throw error;
  }
}

/** Writes records that come from no spool: demo data, tests. */
export async function drain(records: readonly UsageRecord[]): Promise<void> {
  if (records.length > 0) await drainLines(Buffer.from(records.map((record) => `${toLine(record)}\n`).join("")));
}

/** Writes whole lines. `written` is false when the spool's position was not at their beginning. */
export async function drainLines(bytes: Buffer, span?: Span): Promise<{ lines: number; written: boolean }> {
  const batch = await addUp(bytes.toString("utf8"));
  if (batch.unreadable > 0) log("error", "lines of a spool cannot be read and are left out", { lines: batch.unreadable });
  const written = await transact(
    async (client) => {
      if (span !== undefined && !(await moveOn(client, span))) return false;
      const counted = await insertRows(client, batch, bytes);
      await insertSums(client, counted);
      await insertBuckets(client, counted);
      const uses = counted.uses();
      await updateKeys(client, uses);
      await updateSecrets(client, uses, counted);
      if (span !== undefined) await claimQuota(client, counted, span.name);
      return true;
    },
    (client) => makePartitions(client, batch.days()),
  );
  return { lines: batch.lines, written };
}

async function addUp(text: string): Promise<Batch> {
  const batch = new Batch();
  await forEachLine(text, (line) => batch.add(line));
  return batch;
}

async function forEachLine(text: string, use: (line: string) => void): Promise<void> {
  for (let from = 0, end = text.indexOf("\n"), lines = 1; end !== -1; from = end + 1, end = text.indexOf("\n", from), lines++) {
    use(text.substring(from, end));
    if (lines % SLICE === 0) await new Promise((done) => setImmediate(done));
  }
}

/** Outside the transaction: making one takes a lock that every node waits for. */
async function makePartitions(client: pg.PoolClient, of: readonly string[]): Promise<void> {
  for (const day of of) {
    if (days().has(day)) continue;
    await client.query("select usage_partitions($1::date, $1::date)", [day]);
    days().add(day);
  }
}

/** Compares and sets the spool's position. Holds it until the end, so that another who drains the same waits here. */
async function moveOn(client: pg.PoolClient, { name, folder, from, to }: Span): Promise<boolean> {
  const first = from.segment === 0 && from.offset === 0;
  const { rowCount } = await client.query({
    name: first ? "usage_begin" : "usage_move",
    text: first
      ? `insert into "SpoolPosition" as p ("name", "segment", "offset") values ($1, $4, $5)
         on conflict ("name") do update set "segment" = excluded."segment", "offset" = excluded."offset" where p."segment" = $2 and p."offset" = $3`
      : `update "SpoolPosition" set "segment" = $4, "offset" = $5 where "name" = $1 and "segment" = $2 and "offset" = $3`,
    values: [name, from.segment, from.offset, to.segment, to.offset],
  });
  // Without a row it has not begun, or was settled: then the folder was set aside before the row went.
  return rowCount === 1 && fs.existsSync(folder);
}

const names = (of: readonly string[]) => of.map((name) => `"${name}"`).join(", ");
const COPY = `copy "UsageEvent" (${names(columns)}) from stdin`;

/** Inserts the rows, and says what of the batch counts: all of it, but for rows that PostgreSQL does not take or has already. */
async function insertRows(client: pg.PoolClient, batch: Batch, bytes: Buffer): Promise<Batch> {
  if (batch.rows === 0) return batch;
  const isPlain = batch.rows === batch.lines;
  const all = isPlain ? bytes : toBytes(await rowsOf(bytes));
  await client.query("savepoint rows");
  try {
    await copy(client, COPY, all);
    return batch;
  } catch (error) {
    if (!isOfRow(error)) throw error;
    const kept = await copyApart(client, await rowsOf(bytes), error);
    return addUp(toBytes([...kept, ...batch.sumLines]).toString());
  }
}

async function rowsOf(bytes: Buffer): Promise<string[]> {
  const rows: string[] = [];
  await forEachLine(bytes.toString("utf8"), (line) => {
    if (madeAt(line) !== null && headOf(line)?.isSum === false) rows.push(line);
  });
  return rows;
}

const toBytes = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(""));

/** One bad row must not hold up the rest: halves are tried until it stands alone. */
async function copyApart(client: pg.PoolClient, rows: readonly string[], failure: unknown): Promise<string[]> {
  await client.query("rollback to savepoint rows");
  if (rows.length === 1) {
    log("error", "a usage record cannot be stored, or is there already, and is left out", describe(failure));
    return [];
  }
  const kept: string[] = [];
  for (const half of [rows.slice(0, rows.length >> 1), rows.slice(rows.length >> 1)]) {
    await client.query("savepoint rows");
    try {
      await copy(client, COPY, toBytes(half));
      kept.push(...half);
    } catch (error) {
      if (!isOfRow(error)) throw error;
      kept.push(...(await copyApart(client, half, error)));
    }
  }
  return kept;
}

/** A value that is none of its type, or a request id that is there. Not a missing partition or connection, which another try finds mended. */
function isOfRow(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  return /^22[0-9A-Z]{3}$/.test(code) || code === "23505";
}

interface CopyConnection {
  sendCopyFromChunk(bytes: Buffer): void;
  endCopyFrom(): void;
}

/** What pg calls when PostgreSQL is ready for the bytes of a COPY; its own class refuses there. As pg-copy-streams does it. */
class CopyIn extends pg.Query {
  #bytes: Buffer;

  constructor(text: string, bytes: Buffer, done: (error: Error | undefined) => void) {
    super(text, done);
    this.#bytes = bytes;
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(this.#bytes);
    connection.endCopyFrom();
  }
}

function copy(client: pg.PoolClient, text: string, bytes: Buffer): Promise<void> {
  return new Promise((done, fail) => {
    client.query(new CopyIn(text, bytes, (error) => (error ? fail(error) : done())));
  });
}

async function insertSums(client: pg.PoolClient, batch: Batch): Promise<void> {
  if (batch.sumLines.length === 0) return;
  await client.query({
    name: "usage_sums",
    text: `
      insert into "UsageEvent" as e (${names(columns)}) select ${names(columns)}
      from json_to_recordset($1::json) as r(${columns.map((name) => `"${name}" ${types[name] ?? "text"}`).join(", ")})
      on conflict ("createdAt", "requestId") do update set
        "calls" = e."calls" + excluded."calls", "credits" = e."credits" + excluded."credits",
        "latencyUs" = (e."latencyUs"::bigint * e."calls" + excluded."latencyUs"::bigint * excluded."calls") / (e."calls" + excluded."calls"),
        "ip" = case when e."ip" = excluded."ip" then e."ip" end,
        "country" = case when e."country" = excluded."country" then e."country" end,
        "userAgent" = case when e."userAgent" = excluded."userAgent" then e."userAgent" end`,
    values: [JSON.stringify(batch.sums())],
  });
}

const types: Record<string, string> = { createdAt: "timestamptz(3)", calls: "int", latencyUs: "int", credits: "int", status: "int" };

/** In one order, so that two nodes with the same rows do not wait for each other in a circle. */
async function insertBuckets(client: pg.PoolClient, batch: Batch): Promise<void> {
  await client.query({
    name: "usage_buckets",
    text: `
      insert into "UsageBucket" as b ("orgId", "start", "keyId", "groupId", "environment", "route", "outcome", "requests", "credits", "latency")
      select "orgId", "start", "keyId", "groupId", "environment", "route", "outcome", "requests", "credits", "latency"::int[]
      from json_to_recordset($1::json) as r("orgId" text, "start" timestamptz(3), "keyId" text, "groupId" text, "environment" text, "route" text, "outcome" text, "requests" int, "credits" int, "latency" text)
      order by 1, 2, 3, 4, 5, 6, 7
      on conflict ("orgId", "start", "keyId", "groupId", "environment", "route", "outcome") do update set
        "requests" = b."requests" + excluded."requests", "credits" = b."credits" + excluded."credits",
        "latency" = array(select coalesce(x, 0) + coalesce(y, 0) from unnest(b."latency", excluded."latency") with ordinality as t(x, y, i) order by i)`,
    values: [JSON.stringify(batch.buckets())],
  });
}

async function updateKeys(client: pg.PoolClient, uses: readonly Use[]): Promise<void> {
  const lock = `select from "Key" where "id" = any($1::text[]) order by "id" for no key update`;
  await client.query({ name: "usage_lock_keys", text: lock, values: [uses.map(({ keyId }) => keyId)] });
  await client.query({
    name: "usage_keys",
    text: `
      update "Key" k set "requestCount" = k."requestCount" + u."calls", "lastUsedAt" = greatest(k."lastUsedAt", u."at"),
        "lastUsedIp" = case when k."lastUsedAt" > u."at" then k."lastUsedIp" else u."ip" end,
        "lastUsedAgent" = case when k."lastUsedAt" > u."at" then k."lastUsedAgent" else u."agent" end
      from json_to_recordset($1::json) as u("keyId" text, "calls" int, "at" timestamptz(3), "ip" text, "agent" text)
      where k."id" = u."keyId"`,
    values: [JSON.stringify(uses)],
  });
}

/** Whether anybody still calls with a secret that is running out. Few keys have one: only of those are the rows just written looked at. */
async function updateSecrets(client: pg.PoolClient, uses: readonly Use[], { firstAt, sumLines }: Batch): Promise<void> {
  if (uses.length === 0) return;
  const since = sumLines.length === 0 ? firstAt : `${firstAt.slice(0, 16)}:00Z`; // a sum of refusals stands at the beginning of its minute
  await client.query({
    name: "usage_secrets",
    text: `
      update "KeySecret" s set "lastUsedAt" = u."at"
      from (
        select r."id", (
          select max(e."createdAt") from "UsageEvent" e
          where e."keyId" = r."keyId" and e."secretId" = r."id" and e."createdAt" >= $2::timestamptz
        ) as "at"
        from "KeySecret" r where r."keyId" = any($1::text[]) and r."endsAt" > $2::timestamptz
      ) u
      where s."id" = u."id" and (s."lastUsedAt" is null or s."lastUsedAt" < u."at")`,
    values: [uses.map(({ keyId }) => keyId), since],
  });
}

/** What was reserved and is now recorded is no longer held. Last: whoever reserves for the same organization waits no longer than a commit. */
async function claimQuota(client: pg.PoolClient, batch: Batch, spool: string): Promise<void> {
  const charges = batch.charges();
  if (charges.length === 0) return;
  await client.query({
    name: "usage_claim",
    text: `
      update "QuotaBlock" b set "held" = greatest(b."held" - c."units", 0)
      from json_to_recordset($2::json) as c("orgId" text, "environment" text, "month" text, "units" int)
      where b."spool" = $1 and b."orgId" = c."orgId" and b."environment" = c."environment" and b."month" = c."month"`,
    values: [spool, JSON.stringify(charges)],
  });
}

/** Where the draining of a spool has got to; null when it has not begun, or is over. */
export async function spoolPosition(name: string): Promise<Position | null> {
  const { rows } = await pool().query<Position>('select "segment", "offset" from "SpoolPosition" where "name" = $1', [name]);
  return rows[0] ?? null;
}

/**
 * Ends a spool that is drained up to `end`, its last line: what its node had reserved and not used goes back, then all trace of it goes.
 * Of another process (`dead`), only when that one's lease is long over. False when it is not, or somebody else ends the same spool.
 */
export async function settleSpool(
  { name, folder, done }: { name: string; folder: string; done: boolean },
  end: Position,
  dead: boolean,
): Promise<boolean> {
  let aside = folder;
  const settled = await transact(async (client) => {
    const { rows } = await client.query<Position>('select "segment", "offset" from "SpoolPosition" where "name" = $1 for update', [name]);
    const at = rows[0];
    if (!done && at !== undefined && (at.segment !== end.segment || at.offset !== end.offset)) return false;
    if (dead) {
      // A reservation that it had sent may still be running after the lease.
      const lives = `select from "Node" where "id" = $1 and "leaseUntil" > clock_timestamp() - interval '2 seconds'`;
      if ((await client.query(lives, [name])).rowCount !== 0) return false;
    }
    if (!done) {
      if (!fs.existsSync(folder)) return false;
      aside = setAside(folder);
    }
    // The period first and in one order, as whoever reserves does it.
    await client.query(
      `select from "QuotaPeriod" p join "QuotaBlock" b using ("orgId", "environment", "month") where b."spool" = $1
       order by p."orgId", p."environment", p."month" for update of p`,
      [name],
    );
    await client.query(
      `with left_over as (delete from "QuotaBlock" where "spool" = $1 returning "orgId", "environment", "month", "held")
       update "QuotaPeriod" p set "used" = greatest(p."used" - l."held", 0) from left_over l
       where p."orgId" = l."orgId" and p."environment" = l."environment" and p."month" = l."month"`,
      [name],
    );
    await client.query('delete from "SpoolPosition" where "name" = $1', [name]);
    if (dead) await client.query('delete from "Node" where "id" = $1', [name]);
    return true;
  });
  if (settled) removeSpool(aside);
  return settled;
}
