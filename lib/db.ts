import type { Duplex } from "node:stream";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { env } from "@/lib/env";
import { describe, warnSeldom } from "@/lib/log";
import { once } from "@/lib/runtime";
import { Prisma, PrismaClient } from "@/prisma/generated/client";

export { Prisma };

const READS = ["findUnique", "findUniqueOrThrow", "findFirst", "findFirstOrThrow", "findMany", "count", "aggregate", "groupBy"] as const;
type Reads<Delegate> = Pick<Delegate, Extract<keyof Delegate, (typeof READS)[number]>>;
type Models = Omit<Prisma.TypeMap["model"], never>;
type Delegates = {
  [K in keyof Models as Uncapitalize<K & string>]: K extends keyof Models
    ? PrismaClient[Uncapitalize<K & string> & keyof PrismaClient]
    : never;
};

/** The open client: reads only, by type and by `default_transaction_read_only`. Writing goes through `change()`. */
export type Db = { readonly [K in keyof Delegates]: Reads<Delegates[K]> } & { $queryRaw: PrismaClient["$queryRaw"] };
export type Tx = Prisma.TransactionClient;

// A database that hangs ends the request with 503 instead of holding it. Waiting for a free connection counts as connecting.
const LIMITS = {
  connectionTimeoutMillis: 1_000,
  query_timeout: 2_500,
  statement_timeout: 2_300,
  lock_timeout: 2_000,
  idle_in_transaction_session_timeout: 10_000,
  idleTimeoutMillis: 30_000,
};

/**
 * A connection that did not answer in time is closed. pg would let the next query have it, after dropping what waited behind the late
 * answer, a ROLLBACK too: the next change would then be made inside the open transaction of a half-done one, and commit both.
 */
class StrictClient extends pg.Client {
  // biome-ignore lint/suspicious/noExplicitAny: the overloads of pg's own method
  override query(...asked: any[]): any {
    const answer = (super.query as (...all: unknown[]) => unknown)(...asked);
    if (answer instanceof Promise) answer.catch((error: Error) => this.#judge(error));
    return answer;
  }

  #judge(error: Error): void {
    if (!/timeout/i.test(error.message) || "code" in error) return; // with a code it is PostgreSQL's own, which ended the statement
    (this as unknown as { connection: { stream: Duplex } }).connection.stream.destroy(error);
  }
}

function client(max: number, readOnly: boolean): PrismaClient {
  const adapter = new PrismaPg(
    {
      connectionString: databaseUrl(),
      max,
      Client: StrictClient,
      ...LIMITS,
      ...(readOnly ? { options: "-c default_transaction_read_only=on" } : {}),
    },
    { onPoolError: poolFault, onConnectionError: poolFault },
  );
  return new PrismaClient({
    adapter,
    errorFormat: "minimal",
    omit: { user: { passwordHash: true }, keySecret: { hash: true } },
    transactionOptions: { maxWait: 2_000, timeout: 8_000 },
  });
}

function databaseUrl(): string {
  const url = env().databaseUrl;
  if (url === null) throw new Error("no database: the server has not provided one");
  return url;
}

function poolFault(error: unknown): void {
  warnSeldom("database connection lost", describe(error));
}

function reader(): PrismaClient {
  return once("db.reader", () => client(10, true));
}

export const db: Db = new Proxy({} as Db, { get: (_, name) => Reflect.get(reader(), name) });

/** The client that writes. Only `change()` and the few writers named in biome.json may import it. */
export function writer(): PrismaClient {
  return once("db.writer", () => client(10, false));
}

/** Verification's own connections, so that slow pages cannot starve it. Only lib/keys/verify.ts imports it. */
export function verifyPool(): pg.Pool {
  return once("db.verify", () => {
    const pool = new pg.Pool({
      connectionString: databaseUrl(),
      max: 8,
      ...LIMITS,
      query_timeout: 1_500,
      statement_timeout: 1_500,
      options: "-c default_transaction_read_only=on",
    });
    pool.on("error", poolFault); // without a listener a restart of PostgreSQL ends the process
    return pool;
  });
}

/** Connections for the few writes beside verification: quota, nodes. Apart from the console's, so that those cannot starve it. */
export function meterPool(): pg.Pool {
  return once("db.meter", () => {
    const pool = new pg.Pool({ connectionString: databaseUrl(), max: 4, ...LIMITS, query_timeout: 1_500, statement_timeout: 1_500 });
    pool.on("error", poolFault);
    return pool;
  });
}

const PING_MS = 1_000;

/** Whether the database answers: asked at most once a second, however many want to know. */
export function ping(): Promise<boolean> {
  const last = once("db.ping", () => ({ at: Number.NEGATIVE_INFINITY, answer: Promise.resolve(false) }));
  if (performance.now() - last.at > PING_MS) {
    last.at = performance.now();
    last.answer = meterPool()
      .query("select 1")
      .then(
        () => true,
        () => false,
      );
  }
  return last.answer;
}

export async function disconnect(): Promise<void> {
  await Promise.allSettled([reader().$disconnect(), writer().$disconnect(), verifyPool().end(), meterPool().end()]);
}
