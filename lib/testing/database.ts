// A database of one's own for a test file, in about a tenth of a second: a copy of the one that the run migrated.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, inject } from "vitest";

export interface TestDatabase {
  ownerUrl: string;
  appUrl: string;
}

/** Call it in a test file or a `beforeAll`: the database lives until the end of the file. `from` copies another one, such as "template0" for none of our tables. */
export async function testDatabase(from?: string): Promise<TestDatabase> {
  const { ownerUrl, appUrl } = inject("cluster");
  const name = `test_${randomBytes(6).toString("hex")}`;
  await asOwner((client) => client.query(`create database ${name} template ${from ?? databaseOf(ownerUrl)}`));
  afterAll(async () => {
    // With a pool still open it stays: the whole server is thrown away at the end of the run.
    await asOwner((client) => client.query(`drop database if exists ${name}`)).catch(() => {});
  });
  return { ownerUrl: withDatabase(ownerUrl, name), appUrl: withDatabase(appUrl, name) };
}

async function asOwner(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(inject("cluster").ownerUrl, "postgres") });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

const databaseOf = (url: string) => new URL(url).pathname.slice(1);

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
