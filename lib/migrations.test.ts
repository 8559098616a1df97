import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectionProblem, migrate } from "./migrations";
import { testDatabase } from "./testing/database";

const real = path.resolve("prisma/migrations");
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-migrations-"));
let count = 0;

afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** A folder of migrations: names → SQL. */
function folder(files: Record<string, string>): string {
  const dir = path.join(scratch, String(++count));
  for (const [name, sql] of Object.entries(files)) {
    fs.mkdirSync(path.join(dir, name), { recursive: true });
    fs.writeFileSync(path.join(dir, name, "migration.sql"), sql);
  }
  return dir;
}

async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

const run = (ownerUrl: string, migrationsDir: string, appRole?: string) =>
  migrate({ ownerUrl, migrationsDir, log: () => {}, ...(appRole === undefined ? {} : { appRole }) });
const empty = () => testDatabase("template0");

describe("migrate", () => {
  const two = { "1_one": "create table one (n int);", "2_two": "create table two (n int); insert into two values (1);" };

  test("applies each migration once, in order, and remembers it", async () => {
    const { ownerUrl } = await empty();
    const { "1_one": one } = two;
    expect(await run(ownerUrl, folder({ "1_one": one }))).toEqual({ applied: ["1_one"] });
    const both = folder(two);
    expect(await run(ownerUrl, both)).toEqual({ applied: ["2_two"] });
    expect(await run(ownerUrl, both)).toEqual({ applied: [] });
    expect(
      await query(
        ownerUrl,
        "select migration_name, applied_steps_count, finished_at is null as open from _prisma_migrations order by started_at",
      ),
    ).toEqual([
      { migration_name: "1_one", applied_steps_count: 1, open: false },
      { migration_name: "2_two", applied_steps_count: 1, open: false },
    ]);
  });

  test("by three processes at once applies everything exactly once", async () => {
    const { ownerUrl } = await empty();
    const results = await Promise.all([1, 2, 3].map(() => run(ownerUrl, real)));
    expect(results.flatMap(({ applied }) => applied)).toEqual(fs.readdirSync(real).filter((name) => /^\d/.test(name)));
  });

  test("that fails leaves nothing of itself, says why, and is not skipped afterwards", async () => {
    const { ownerUrl } = await empty();
    const dir = folder({ "1_bad": "create table left_behind (n int); select 1/0;" });
    await expect(run(ownerUrl, dir)).rejects.toThrow("The migration 1_bad failed: division by zero.");
    expect(await query(ownerUrl, "select to_regclass('left_behind') as t")).toEqual([{ t: null }]);
    expect(await query(ownerUrl, "select logs from _prisma_migrations")).toEqual([{ logs: "division by zero" }]);
    await expect(run(ownerUrl, folder(two))).rejects.toThrow(/^The migration 1_bad failed half-way on this database/);
  });

  test("refuses a migration that was edited after it had been applied", async () => {
    const { ownerUrl } = await empty();
    await run(ownerUrl, folder(two));
    await expect(run(ownerUrl, folder({ ...two, "1_one": "create table one (n bigint);" }))).rejects.toThrow(
      /^The migration 1_one was changed after this database had applied it/,
    );
  });

  test("refuses a database that is newer than the code", async () => {
    const { ownerUrl } = await empty();
    await run(ownerUrl, folder(two));
    const { "1_one": one } = two;
    await expect(run(ownerUrl, folder({ "1_one": one }))).rejects.toThrow(
      /^This database is newer than this version of Latchkey \(it has the migration 2_two\)/,
    );
  });

  test("refuses a database with somebody else's tables", async () => {
    const { ownerUrl } = await empty();
    await query(ownerUrl, "create table wp_posts (n int)");
    await expect(run(ownerUrl, real)).rejects.toThrow(/^The database has tables of another program \(such as "wp_posts"\)/);
  });

  test("refuses a role that does not exist", async () => {
    const { ownerUrl } = await empty();
    await expect(run(ownerUrl, folder(two), "nobody_here")).rejects.toThrow(/^The database has no role "nobody_here"/);
  });
});

describe("a database that cannot be reached", () => {
  test.each([
    ["postgresql://u:secret@127.0.0.1:1/d", "Cannot use the database at 127.0.0.1:1: nothing listens there. Check DATABASE_URL."],
    ["not an address", "DATABASE_URL is not a PostgreSQL address: it should look like postgresql://user:password@host:5432/database."],
  ])("%s is one sentence without the password", async (url, sentence) => {
    await expect(run(url, real)).rejects.toThrow(sentence);
  });

  test("a wrong password and a missing database are told apart", async () => {
    const { ownerUrl } = await testDatabase();
    await expect(run(ownerUrl.replace(/:[0-9a-f]{48}@/, ":wrong@"), real)).rejects.toThrow(
      /: it refuses the user name or password\. Check DATABASE_URL\.$/,
    );
    await expect(run(`${ownerUrl}x`, real)).rejects.toThrow(/: it has no database named "test_.*x"\./);
    expect(connectionProblem(new Error("timeout expired"), "postgresql://h/d", "DATABASE_OWNER_URL")).toBe(
      "Cannot use the database at h:5432: it does not answer. Check DATABASE_OWNER_URL.",
    );
  });
});

describe("the first migration", () => {
  let owner: string;
  let app: string;
  const event = `insert into "AuditEvent" values ('a1', 'deployment', 1, 'x', 'create', 'system', null, 'x', null, 'x', null, null, null, null, null, null, null, null, now(), '', '')`;
  const refused = (url: string, sql: string) => expect(query(url, sql)).rejects;

  beforeAll(async () => {
    ({ ownerUrl: owner, appUrl: app } = await testDatabase());
    await query(app, event);
  });

  test("lets the application add audit rows and never change, remove or empty them", async () => {
    for (const sql of [`update "AuditEvent" set action = 'y'`, `delete from "AuditEvent"`, `truncate "AuditEvent"`]) {
      await refused(app, sql).toThrow("permission denied for table AuditEvent");
      await refused(owner, sql).toThrow(/^The audit log is append-only: (UPDATE|DELETE|TRUNCATE) on "AuditEvent" is refused, because/);
    }
    await refused(owner, `set session_replication_role = replica; delete from "AuditEvent"`).toThrow(/append-only/);
    await refused(owner, `${event} on conflict (id) do update set action = 'y'`).toThrow(/append-only/);
    expect(await query(app, `select action from "AuditEvent"`)).toEqual([{ action: "x" }]);
  });

  test("lets the application move the end of a chain but not forget it", async () => {
    await query(app, `insert into "AuditHead" values ('c', 1, 'h')`);
    await query(app, `update "AuditHead" set sequence = 2`);
    await refused(app, `delete from "AuditHead"`).toThrow(/permission denied/);
  });

  test("lets the application write everywhere else, but not shape tables or rewrite the history of migrations", async () => {
    await query(app, `insert into "User" (id, email, name) values ('u', 'e', 'n'); delete from "User"`);
    await refused(app, "delete from _prisma_migrations").toThrow(/permission denied/);
    await refused(app, `alter table "User" add column x int`).toThrow(/must be owner/);
    await refused(app, `alter table "AuditEvent" disable trigger all`).toThrow(/must be owner/);
  });

  test("makes the days of usage that are missing, once, whoever asks", async () => {
    const make = (url: string, first: string, last: string) =>
      query(url, "select usage_partitions($1::date, $2::date) as made", [first, last]);
    expect(await make(app, "2024-02-28", "2024-03-01")).toEqual([{ made: 3 }]);
    expect(await make(app, "2024-02-28", "2024-03-02")).toEqual([{ made: 1 }]);
    const together = await Promise.all([1, 2, 3, 4].map(() => make(app, "2025-01-01", "2025-01-10")));
    expect(together.reduce((sum, [row]) => sum + Number(row?.made), 0)).toBe(10);
    await refused(app, "select usage_partitions('2000-01-01', '2020-01-01')").toThrow(/at most 400 days/);
  });

  test("puts each usage row into its UTC day, whatever the session's time zone", async () => {
    await query(app, "set timezone = 'Pacific/Auckland'; select usage_partitions('2026-11-20', '2026-11-21')");
    const insert = (at: string, id: string) =>
      query(
        app,
        `insert into "UsageEvent" values ('${id}', '${at}', 'o', 'g', 'k', 's', 'p', 'live', 'GET', '/', 200, 'ok', 1) returning tableoid::regclass::text as day`,
      );
    expect(await insert("2026-11-20T23:59:59.999Z", "r1")).toEqual([{ day: '"UsageEvent_20261120"' }]);
    expect(await insert("2026-11-21T00:00:00Z", "r2")).toEqual([{ day: '"UsageEvent_20261121"' }]);
    await refused(
      app,
      `insert into "UsageEvent" select 'r3', '2030-01-01', 'o', 'g', 'k', 's', 'p', 'live', 'GET', '/', 200, 'ok', 1`,
    ).toThrow(/no partition/);
    const indexes = await query(app, `select count(*)::int as n from pg_indexes where tablename = 'UsageEvent_20261120'`);
    expect(indexes).toEqual([{ n: 3 }]);
  });

  test("brings the plans of the contract", async () => {
    const plans = await query(
      app,
      `select id, name, "requestsPerMinute" as rpm, "requestsPerMonth" as rpmonth, "firstCredits" as credits, cardinality(scopes) as scopes from "Plan" order by "sortOrder"`,
    );
    expect(plans).toEqual([
      { id: "free", name: "Free", rpm: 60, rpmonth: 1000, credits: 50, scopes: 7 },
      { id: "starter", name: "Starter", rpm: 150, rpmonth: 10_000, credits: 500, scopes: 7 },
      { id: "growth", name: "Growth", rpm: 180, rpmonth: 50_000, credits: 2000, scopes: 11 },
      { id: "pro", name: "Pro", rpm: 300, rpmonth: 100_000, credits: 5000, scopes: 11 },
      { id: "business", name: "Business", rpm: 600, rpmonth: 1_000_000, credits: 50_000, scopes: 14 },
      { id: "enterprise", name: "Enterprise", rpm: 600, rpmonth: 1_000_000, credits: 50_000, scopes: 14 },
    ]);
  });
});
