import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { setClock } from "@/lib/clock";
import { env } from "@/lib/env";
import { Lease, type World } from "@/lib/leases";
import { QuotaAccount, quotaAccount, startQuotas } from "@/lib/limits/quota";
import { provide } from "@/lib/runtime";
import { eventually } from "@/lib/testing/eventually";
import { newOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

// Several nodes in one process: each does its work in a context of its own, in which lease() is its own.
const nodes = new AsyncLocalStorage<Lease>();
provide("lease", {
  get lease() {
    return nodes.getStore() ?? null;
  },
});
const offline = { monotonic: () => performance.now(), wall: () => Date.now() } as World;
function newNode(id: string, ids: string[] = [id]): Lease {
  const node = new Lease(id, offline);
  node.nodes = ids;
  return node;
}

let NOW = Date.parse("2026-11-20T12:00:00.000Z");
const MONTH = "2026-11";
const HOUR = 3_600_000;
beforeEach(() => {
  NOW = Date.parse("2026-11-20T12:00:00.000Z");
  setClock(() => NOW);
});
afterAll(() => setClock(() => Date.now()));

/** One request, as verification asks: from memory, else by reserving. */
async function pass(account: QuotaAccount, limit: number, at = NOW): Promise<boolean> {
  for (let round = 0; round < 5_000; round++) {
    if (account.take(at, limit)) return true;
    if (!(await account.reserve(at, limit))) return false;
  }
  throw new Error("It asks for ever");
}

/** How many of so many requests at once pass. */
async function passed(requests: number, ask: (i: number) => Promise<boolean>): Promise<number> {
  return (await Promise.all(Array.from({ length: requests }, (_, i) => ask(i)))).filter(Boolean).length;
}

interface Books {
  used: number;
  held: number;
}

async function booksOf(orgId: string, month = MONTH, environment = "live"): Promise<Books> {
  const { rows } = await owner.query<{ used: number; held: string }>(
    `select coalesce((select "used" from "QuotaPeriod" where "orgId" = $1 and "environment" = $2 and "month" = $3), 0) as "used",
       coalesce((select sum("held") from "QuotaBlock" where "orgId" = $1 and "environment" = $2 and "month" = $3), 0) as "held"`,
    [orgId, environment, month],
  );
  return { used: rows[0]?.used ?? -1, held: Number(rows[0]?.held) };
}

/** As the drain does it: so many of the node's units now have their records. */
const claim = (orgId: string, node: string, units: number, month = MONTH) =>
  owner.query(`update "QuotaBlock" set "held" = "held" - $4 where "spool" = $1 and "orgId" = $2 and "month" = $3`, [
    node,
    orgId,
    month,
    units,
  ]);

/** Lets the database keep every reservation of the organization waiting. */
async function holdPeriod(orgId: string, environment = "live"): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: env().databaseUrl ?? "" });
  await client.connect();
  await client.query("begin");
  await client.query(`select from "QuotaPeriod" where "orgId" = $1 and "environment" = $2 for update`, [orgId, environment]);
  return async () => {
    await client.query("commit");
    await client.end();
  };
}

/** The next call of a quota function fails, with nothing done. */
async function whileFailing(name: "reserve_quota" | "return_quota", work: () => Promise<unknown>): Promise<void> {
  const { rows } = await owner.query<{ f: string }>("select oid::regprocedure::text as f from pg_proc where proname = $1", [name]);
  const role = new URL(env().databaseUrl ?? "").username;
  await owner.query(`revoke execute on function ${rows[0]?.f} from public, ${role}`);
  try {
    await work();
  } finally {
    await owner.query(`grant execute on function ${rows[0]?.f} to public`);
  }
}

describe("one node", () => {
  test.each([1, 7, 50, 1_000])("lets exactly %d pass of three times as many at once, from nothing", async (limit) => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(3 * limit, () => pass(account, limit))).toBe(limit);
    expect(await booksOf(id)).toEqual({ used: limit, held: limit });
    expect(await pass(account, limit)).toBe(false);
  });

  test.each([1, 7, 50, 1_000])("lets exactly %d pass one after the other, and shows how many are left", async (limit) => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    for (let i = 1; i <= limit; i++) {
      expect(await pass(account, limit)).toBe(true);
      expect(account.state(NOW, limit).remaining).toBe(limit - i);
    }
    expect(await pass(account, limit)).toBe(false);
    expect(account.state(NOW, limit)).toEqual({
      name: "month",
      limit,
      remaining: 0,
      windowSeconds: 2_592_000,
      resetAt: Date.parse("2026-12-01T00:00:00Z") / 1000,
    });
  });

  test("asks the database once for many", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(40, () => pass(account, 100_000))).toBe(40);
    expect((await booksOf(id)).held).toBe(64);
  });

  test.each([0, -1])("lets nobody pass with a limit of %d, and writes nothing", async (limit) => {
    const { id } = await newOrg();
    expect(await pass(new QuotaAccount(id, "live"), limit)).toBe(false);
    expect(await booksOf(id)).toEqual({ used: 0, held: 0 });
    const { rowCount } = await owner.query(`select from "QuotaPeriod" where "orgId" = $1`, [id]);
    expect(rowCount).toBe(0);
  });

  test("counts months, environments and organizations apart", async () => {
    const [one, two] = [await newOrg(), await newOrg()];
    for (const [id, environment, at] of [
      [one.id, "live", NOW],
      [one.id, "test", NOW],
      [one.id, "live", Date.parse("2026-12-01T00:00:00Z")],
      [two.id, "live", NOW],
    ] as const) {
      const account = new QuotaAccount(id, environment);
      expect([await pass(account, 1, at), await pass(account, 1, at)]).toEqual([true, false]);
    }
  });

  test("what is given back can be taken again, and no more than that", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(3, () => pass(account, 3))).toBe(3);
    account.give(NOW);
    account.give(NOW);
    expect(account.state(NOW, 3).remaining).toBe(2);
    expect(await passed(9, () => pass(account, 3))).toBe(2);
  });

  test("what was heard of others shows before anything is reserved, and limits nothing by itself", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    account.heard(4, NOW);
    expect(account.state(NOW, 10).remaining).toBe(6);
    account.heard(40, NOW);
    expect(account.state(NOW, 10).remaining).toBe(0);
    expect(await passed(30, () => pass(account, 10))).toBe(10);
  });

  test("waits while the database is slow, and all who came meanwhile share one reservation", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    await pass(account, 10_000);
    await account.tidy(NOW, true, false);
    const release = await holdPeriod(id);
    const asking = passed(30, () => pass(account, 10_000));
    await sleep(100);
    await release();
    expect(await asking).toBe(30);
    expect((await booksOf(id)).held).toBeLessThanOrEqual(1 + 128);
  });

  test("a request whose instant is ahead of a clock that was put back is refused, not kept for ever", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    const at = NOW;
    NOW -= 60_000;
    expect(await passed(4, () => pass(account, 2, at))).toBe(2);
    expect(await pass(account, 2, at)).toBe(false);
  });
});

describe("a month that was used up", () => {
  test("is not asked about again for a second, and then it is: others may have given units back", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(5, () => pass(account, 3))).toBe(3);
    await owner.query(`update "QuotaPeriod" set "used" = 2 where "orgId" = $1`, [id]);
    expect(await pass(account, 3)).toBe(false);
    NOW += 1_001;
    expect([await pass(account, 3), await pass(account, 3)]).toEqual([true, false]);
  });

  test("lets on at once when its limit is raised", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(9, () => pass(account, 3))).toBe(3);
    expect(await passed(9, () => pass(account, 5))).toBe(2);
    expect(await booksOf(id)).toEqual({ used: 5, held: 5 });
  });

  test("is found used up at once when its limit is lowered below what was used", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(5, () => pass(account, 1_000))).toBe(5);
    expect(await pass(account, 5)).toBe(false);
    expect(await pass(account, 3)).toBe(false);
    expect(account.state(NOW, 3).remaining).toBe(0);
    expect(await booksOf(id)).toEqual({ used: 5, held: 5 });
    expect(await passed(9, () => pass(account, 6))).toBe(1);
  });

  test("a limit lowered while a reservation under the old one is on its way is not passed by what that brings", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await pass(account, 10_000)).toBe(true);
    const release = await holdPeriod(id);
    let count = 1;
    while (count < 60 && account.take(NOW, 10_000)) count += 1; // the last quarter of the block reserves ahead
    await sleep(50);
    const lowered = passed(100, () => pass(account, 70));
    await sleep(50);
    await release();
    expect(count + (await lowered)).toBe(70);
  });

  test("a limit raised while a reservation under the old one finds nothing lets on at once", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(10, () => pass(account, 10))).toBe(10);
    NOW += 1_001;
    const release = await holdPeriod(id);
    const old = pass(account, 10);
    await sleep(50);
    const raised = passed(20, () => pass(account, 15));
    await sleep(50);
    await release();
    expect([await old, await raised].map(Number).reduce((a, b) => a + b)).toBe(5);
  });
});

describe("a block", () => {
  test("that idles goes back after ten seconds, and not before", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    await passed(3, () => pass(account, 1_000));
    await account.tidy(NOW + 10_000, false, true);
    expect(await booksOf(id)).toEqual({ used: 64, held: 64 });
    await account.tidy(NOW + 10_001, false, true);
    expect(await booksOf(id)).toEqual({ used: 3, held: 3 });
    expect(account.state(NOW, 1_000).remaining).toBe(997);
    expect(await pass(account, 1_000)).toBe(true);
  });

  test("goes back whole when the node stops, however short ago it was used", async () => {
    const { id } = await newOrg();
    const account = quotaAccount(id, "live");
    const stop = startQuotas(() => true);
    await passed(3, () => pass(account, 1_000));
    await stop();
    expect(await booksOf(id)).toEqual({ used: 3, held: 3 });
  });

  test("goes back by itself within a second or two of idling long enough", async () => {
    const { id } = await newOrg();
    const account = quotaAccount(id, "test");
    const stop = startQuotas(() => true);
    await passed(3, () => pass(account, 1_000));
    NOW += 10_500;
    expect(await eventually(async () => ((await booksOf(id, MONTH, "test")).held === 3 ? 3 : undefined))).toBe(3);
    await stop();
  });

  test("goes back when another node asks for it, and only that organization's", async () => {
    const [one, two] = [await newOrg(), await newOrg()];
    const node = newNode("spl_asked");
    await nodes.run(node, async () => {
      const stop = startQuotas(() => true);
      for (const { id } of [one, two]) await passed(3, () => pass(quotaAccount(id, "live"), 1_000));
      node.asked([`quota:${one.id}`]);
      await eventually(async () => ((await booksOf(one.id)).held === 3 ? true : undefined));
      expect((await booksOf(two.id)).held).toBe(64);
      node.forget(null); // the lease is lost
      await eventually(async () => ((await booksOf(two.id)).held === 3 ? true : undefined));
      await stop();
    });
  });

  test("a second look at what went back already changes nothing", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    await passed(3, () => pass(account, 1_000));
    await Promise.all([1, 2, 3].map(() => account.tidy(NOW, true, true)));
    await account.tidy(NOW, true, true);
    expect(await booksOf(id)).toEqual({ used: 3, held: 3 });
  });
});

describe("at the turn of the month", () => {
  const TURNS: [string, string, string][] = [
    ["2026-12-31", "2026-12", "2027-01"],
    ["2027-02-28", "2027-02", "2027-03"],
    ["2028-02-28", "2028-02", "2028-02"],
    ["2028-02-29", "2028-02", "2028-03"],
  ];

  test.each(TURNS)("%s: no call is lost and none counted in both months", async (day, before, after) => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    const turn = Date.parse(`${day}T00:00:00Z`) + 86_400_000;
    const counts: Record<string, number> = {};
    // Requests every 10 ms from a second before midnight to a second after it, each by its own instant, nine at a time.
    const instants = Array.from({ length: 200 }, (_, i) => turn - 1_000 + i * 10);
    for (let i = 0; i < instants.length; i += 9) {
      NOW = instants[i] as number;
      await Promise.all(
        instants.slice(i, i + 9).map(async (at) => {
          expect(await pass(account, 1_000, at)).toBe(true);
          const month = new Date(at).toISOString().slice(0, 7);
          counts[month] = (counts[month] ?? 0) + 1;
        }),
      );
    }
    await account.tidy(turn + 1_000, true, true);
    expect(Object.values(counts).reduce((a, b) => a + b)).toBe(200);
    expect((await booksOf(id, before)).held).toBe(before === after ? 200 : 100);
    if (before !== after) expect((await booksOf(id, after)).held).toBe(100);
  });

  test.each(TURNS.filter(([, before, after]) => before !== after))(
    "%s: each month has its whole quota, and no more",
    async (day, before, after) => {
      const { id } = await newOrg();
      const account = new QuotaAccount(id, "live");
      const turn = Date.parse(`${day}T00:00:00Z`) + 86_400_000;
      NOW = turn - 1;
      expect(await passed(60, () => pass(account, 20, turn - 1))).toBe(20);
      NOW = turn;
      expect(await passed(60, () => pass(account, 20, turn))).toBe(20);
      expect(await pass(account, 20, turn - 1)).toBe(false);
      expect([await booksOf(id, before), await booksOf(id, after)]).toEqual([
        { used: 20, held: 20 },
        { used: 20, held: 20 },
      ]);
    },
  );

  test("a request that began before the turn counts in the old month, also when it reserves after it", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    const turn = Date.parse("2027-01-01T00:00:00Z");
    NOW = turn + 500;
    expect(await pass(account, 1_000, turn + 500)).toBe(true);
    expect(await pass(account, 1_000, turn - 1)).toBe(true);
    expect(account.state(turn - 1, 1_000).resetAt).toBe(turn / 1000);
    await account.tidy(turn + 1_000, false, true);
    expect((await booksOf(id, "2026-12")).held).toBe(1); // what it reserved beyond its own unit went back at once
    expect((await booksOf(id, "2027-01")).held).toBe(64);
  });

  test("what is given back after the turn goes to the month it was taken from", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    const turn = Date.parse("2027-01-01T00:00:00Z");
    NOW = turn - 1;
    expect(await passed(2, () => pass(account, 2, turn - 1))).toBe(2);
    NOW = turn;
    expect(await passed(2, () => pass(account, 2, turn))).toBe(2);
    account.give(turn - 1);
    expect(await pass(account, 2, turn)).toBe(false);
    await account.tidy(turn, false, true);
    expect([(await booksOf(id, "2026-12")).used, (await booksOf(id, "2027-01")).used]).toEqual([1, 2]);
  });

  test("what was left of the old month goes back, also long after", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    const turn = Date.parse("2027-01-01T00:00:00Z");
    NOW = turn - 1;
    await passed(5, () => pass(account, 1_000, turn - 1));
    NOW = turn + HOUR;
    await account.tidy(NOW, false, true);
    account.give(turn - 1); // of a request that took an hour
    await account.tidy(NOW, false, true);
    expect(await booksOf(id, "2026-12")).toEqual({ used: 4, held: 4 });
  });
});

describe("an answer of the database that was lost", () => {
  /** Ends the connections of the account's pool while they wait for `release`. */
  const cut = () =>
    owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and query like '%reserve_quota%' and state = 'active'`,
    );

  test.each([1, 10, 100])("never lets more than %d pass, and what is in doubt comes back when nothing can be on its way", async (limit) => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    let count = await passed(1, () => pass(account, limit));
    await account.tidy(NOW, true, false);
    const release = await holdPeriod(id);
    const lost = passed(5, () => pass(account, limit).catch(() => false));
    await sleep(50);
    expect((await cut()).rowCount).toBe(1);
    await release();
    count += await lost;
    for (let i = 0; i < 3; i++) count += await passed(limit, () => pass(account, limit));
    expect(count).toBeLessThanOrEqual(limit);
    // Every unit that passed gets its record; then the node is quiet.
    await claim(id, "command", count);
    NOW += HOUR;
    await account.tidy(NOW, false, false); // a record may still be on its way
    await account.tidy(NOW, false, true);
    expect(await booksOf(id)).toEqual({ used: count, held: 0 });
    expect(await passed(3 * limit, () => pass(account, limit))).toBe(limit - count);
  });

  test("of a reservation that was made leaves units that nobody uses, and they are found again", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(2, () => pass(account, 1_000))).toBe(2);
    await whileFailing("reserve_quota", async () => {
      await account.tidy(NOW, true, false);
      await expect(pass(account, 1_000)).rejects.toThrow();
    });
    // It was made all the same.
    await owner.query("select reserve_quota('command', $1, 'live', $2, 1000, 64, 1)", [id, MONTH]);
    expect(await booksOf(id)).toEqual({ used: 66, held: 66 });
    expect(await passed(3_000, () => pass(account, 1_000))).toBe(1_000 - 66);
    await claim(id, "command", 1_000 - 64);
    NOW += HOUR;
    await account.tidy(NOW, false, false); // a record may still be on its way
    expect((await booksOf(id)).used).toBe(1_000);
    await account.tidy(NOW, false, true);
    expect(await booksOf(id)).toEqual({ used: 1_000 - 64, held: 0 });
    expect(await passed(300, () => pass(account, 1_000))).toBe(64);
  });

  test("of a return is no reason to take what was on its way back", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    expect(await passed(2, () => pass(account, 100))).toBe(2);
    await whileFailing("return_quota", () => expect(account.tidy(NOW, true, false)).rejects.toThrow());
    const { held } = await booksOf(id);
    // It was made all the same.
    await owner.query("select return_quota('command', $1, 'live', $2, $3)", [id, MONTH, held - 2]);
    expect(await passed(300, () => pass(account, 100))).toBe(98);
    expect(await booksOf(id)).toEqual({ used: 100, held: 100 });
  });

  test("what is in doubt is not given back while a request that took a unit may still be at work", async () => {
    const { id } = await newOrg();
    const account = new QuotaAccount(id, "live");
    await whileFailing("reserve_quota", () => expect(pass(account, 100)).rejects.toThrow());
    await account.tidy(NOW + 1, false, true);
    await owner.query("select reserve_quota('command', $1, 'live', $2, 100, 5, 1)", [id, MONTH]); // the lost one, late
    await account.tidy(NOW + 70_000, false, true); // a body may take a minute to arrive
    expect((await booksOf(id)).held).toBe(5);
    await account.tidy(NOW + HOUR, false, true);
    expect((await booksOf(id)).held).toBe(0);
  });

  test("giving back all that is in doubt never takes along what is being reserved meanwhile", async () => {
    const { id } = await newOrg();
    for (let round = 0; round < 30; round++) {
      const account = new QuotaAccount(id, "live");
      await whileFailing("reserve_quota", () => expect(pass(account, 100_000)).rejects.toThrow());
      NOW += HOUR;
      const tidied = account.tidy(NOW, false, true);
      const asked = passed(5, () => pass(account, 100_000, NOW));
      await Promise.all([tidied, asked]);
      let inMemory = await asked;
      while (account.take(NOW, 100_000)) inMemory += 1;
      expect((await booksOf(id)).held).toBeGreaterThanOrEqual(inMemory);
      NOW = Date.parse("2026-11-20T12:00:00.000Z");
      await owner.query(`delete from "QuotaBlock" where "orgId" = $1`, [id]);
    }
  });
});

describe("two nodes", () => {
  const ids = ["spl_a", "spl_b"];
  const [a, b] = ids.map((id) => newNode(id, ids)) as [Lease, Lease];
  const pairOf = (orgId: string) => [new QuotaAccount(orgId, "live"), new QuotaAccount(orgId, "live")] as const;
  let accounts: readonly QuotaAccount[] = [];
  const recalls: string[] = [];
  let ears: pg.Client;

  beforeAll(async () => {
    // What a lease's connection does: a node that is asked for its units gives them back.
    ears = new pg.Client({ connectionString: env().databaseUrl ?? "" });
    await ears.connect();
    await ears.query("listen latchkey");
    ears.on("notification", ({ payload = "" }) => {
      for (const thing of (JSON.parse(payload) as { things: string[] }).things) {
        recalls.push(thing);
        for (const [i, account] of accounts.entries())
          if (thing === `quota:${account.orgId}`) void nodes.run(i === 0 ? a : b, () => account.tidy(NOW, true, false));
      }
    });
  });
  afterAll(() => ears.end());
  afterEach(() => {
    accounts = [];
  });

  const on = (account: QuotaAccount, limit: number, at?: number) =>
    nodes.run(accounts.indexOf(account) === 0 ? a : b, () => pass(account, limit, at));

  test.each([1, 7, 50, 1_000])("let exactly %d pass of three times as many, asked of both at once", async (limit) => {
    const { id } = await newOrg();
    const [one, two] = pairOf(id);
    accounts = [one, two];
    expect(await passed(3 * limit, (i) => on(i % 2 === 0 ? one : two, limit))).toBe(limit);
    expect(await booksOf(id)).toEqual({ used: limit, held: limit });
  });

  test("let exactly a thousand pass of three thousand that come in waves, to the one or the other as it happens", async () => {
    const { id } = await newOrg();
    const [one, two] = pairOf(id);
    accounts = [one, two];
    let count = 0;
    for (let wave = 0; wave < 60; wave++) {
      NOW += 200;
      count += await passed(50, (i) => on((i * 7 + wave) % 3 === 0 ? one : two, 1_000));
    }
    expect(count).toBe(1_000);
    expect(await booksOf(id)).toEqual({ used: 1_000, held: 1_000 });
  });

  test("what one holds and does not use is asked for when the other runs out", async () => {
    const { id } = await newOrg();
    const [one, two] = pairOf(id);
    accounts = [one, two];
    expect(await on(one, 100)).toBe(true);
    expect(await passed(200, () => on(two, 100))).toBe(99);
    expect(recalls).toContain(`quota:${id}`);
  });

  test("know of each other's units when they ask, and one alone has no need to ask", async () => {
    const { id } = await newOrg();
    const [one, two] = pairOf(id);
    accounts = [one, two];
    expect(await on(one, 1_000)).toBe(true);
    const { used } = await booksOf(id);
    expect(two.state(NOW, 1_000).remaining).toBe(1_000);
    await nodes.run(b, () => two.refresh(NOW));
    expect(two.state(NOW, 1_000).remaining).toBe(1_000 - used);
    await nodes.run(a, () => one.refresh(NOW));
    expect(one.state(NOW, 1_000).remaining).toBe(999);
    const alone = new QuotaAccount(id, "live");
    await nodes.run(newNode("spl_alone"), () => alone.refresh(NOW));
    expect(alone.state(NOW, 1_000).remaining).toBe(1_000);
  });

  test("are asked for what they do not use also when the database is slow to say that nothing is left", async () => {
    const { id } = await newOrg();
    const [one, two] = pairOf(id);
    accounts = [one, two];
    expect(await on(one, 1_000)).toBe(true);
    const { used } = await booksOf(id);
    await owner.query(`update "QuotaPeriod" set "used" = 1000 where "orgId" = $1`, [id]);
    const release = await holdPeriod(id);
    const asked = on(two, 1_000);
    await sleep(60);
    await release();
    expect(await asked).toBe(true);
    expect(used).toBeGreaterThan(1);
  });

  test("a node that reserves ahead and finds nothing does not turn requests away while the other holds units", async () => {
    const { id } = await newOrg();
    const [one, two] = pairOf(id);
    accounts = [one, two];
    expect(await on(one, 1_000)).toBe(true);
    const { used: mine } = await booksOf(id);
    await owner.query("select reserve_quota('spl_b', $1, 'live', $2, 1000, 100, 1)", [id, MONTH]); // what the other holds
    const { used } = await booksOf(id);
    const limit = 1_000;
    await owner.query(`update "QuotaPeriod" set "used" = $2 where "orgId" = $1`, [id, limit]);
    expect(mine).toBeGreaterThan(8);
    for (let i = 1; i < mine; i++) expect(await on(one, limit)).toBe(true); // the last quarter asks ahead
    await sleep(100);
    const late = on(one, limit);
    await sleep(50);
    await owner.query("select return_quota('spl_b', $1, 'live', $2, 100)", [id, MONTH]);
    expect(await late).toBe(true);
    expect(used).toBeGreaterThan(mine);
  });

  test("whatever they do in whatever order: never above the limit, and the books hold", async () => {
    const step = fc.record({
      node: fc.constantFrom(0, 1),
      does: fc.constantFrom("pass", "pass", "pass", "many", "give", "idle", "drain"),
      limit: fc.constantFrom(30, 30, 30, 12),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { id } = await newOrg();
        accounts = pairOf(id);
        const taken = [0, 0]; // passed, no record drained yet
        let claimed = 0;
        let highest = 0;
        for (const { node, does, limit } of steps) {
          const account = accounts[node] as QuotaAccount;
          const name = ids[node] as string;
          const before = (taken[0] ?? 0) + (taken[1] ?? 0) + claimed;
          let more = 0;
          if (does === "pass") more = Number(await on(account, limit));
          else if (does === "many") more = await passed(10, () => on(account, limit));
          else if (does === "give" && (taken[node] ?? 0) > 0) {
            taken[node] = (taken[node] ?? 0) - 1;
            account.give(NOW);
          } else if (does === "idle") await nodes.run(node === 0 ? a : b, () => account.tidy(NOW + 11_000, false, false));
          else if (does === "drain") {
            await claim(id, name, taken[node] ?? 0);
            claimed += taken[node] ?? 0;
            taken[node] = 0;
          }
          if (more > 0) expect(before + more).toBeLessThanOrEqual(limit);
          taken[node] = (taken[node] ?? 0) + more;
          highest = Math.max(highest, (taken[0] ?? 0) + (taken[1] ?? 0) + claimed);
          const books = await booksOf(id);
          expect(books.used).toBe(claimed + books.held);
          expect(books.held).toBeGreaterThanOrEqual((taken[0] ?? 0) + (taken[1] ?? 0));
          expect(books.used).toBeLessThanOrEqual(30);
        }
        NOW += 2_000;
        const rest = await passed(60, (i) => on(accounts[i % 2] as QuotaAccount, 30));
        expect((taken[0] ?? 0) + (taken[1] ?? 0) + claimed + rest).toBe(30);
        expect(highest).toBeLessThanOrEqual(30);
      }),
      { numRuns: 12 },
    );
  });
});

describe("in the database", () => {
  const NODES = ["spl_1", "spl_2"];
  const pool = new pg.Pool({ connectionString: env().databaseUrl ?? "", max: 8 });
  afterAll(() => pool.end());

  interface Reserved {
    granted: number;
    handed_out: number;
    others: number;
  }
  const reserve = async (org: string, node: string, most: number, want: number, count = 2): Promise<Reserved> => {
    const { rows } = await pool.query<Reserved>("select * from reserve_quota($1, $2, 'live', $3, $4, $5, $6)", [
      node,
      org,
      MONTH,
      most,
      want,
      count,
    ]);
    return rows[0] as Reserved;
  };
  const giveBack = (org: string, node: string, units: number | null) =>
    pool.query("select return_quota($1, $2, 'live', $3, $4)", [node, org, MONTH, units]);
  const heldBy = async (org: string, node: string) =>
    (await pool.query<{ held: number }>(`select "held" from "QuotaBlock" where "orgId" = $1 and "spool" = $2`, [org, node])).rows[0]
      ?.held ?? 0;

  test("blocks shrink with the rest, and the last units go one by one", async () => {
    const { id } = await newOrg();
    const granted: number[] = [];
    for (;;) {
      const rest = 1_000 - (await booksOf(id)).used;
      const { granted: units, handed_out } = await reserve(id, NODES[granted.length % 2] as string, 1_000, 2_000);
      if (units === 0) break;
      expect(units).toBe(Math.max(1, Math.floor(rest / 16)));
      expect(handed_out).toBe(1_000 - rest + units);
      granted.push(units);
    }
    expect(granted[0]).toBe(62);
    expect(granted.slice(-31)).toEqual(granted.slice(-31).map(() => 1));
    expect(granted.reduce((x, y) => x + y)).toBe(1_000);
    expect(granted).toEqual(granted.toSorted((x, y) => y - x));
  });

  test("no block is larger than what is wanted", async () => {
    const { id } = await newOrg();
    expect((await reserve(id, "spl_1", 1_000_000, 64)).granted).toBe(64);
    expect((await reserve(id, "spl_1", 1_000_000, 2_000)).granted).toBe(2_000);
  });

  test("who finds nothing is told what others hold, and not what it holds itself", async () => {
    const { id } = await newOrg();
    await reserve(id, "spl_1", 2, 1);
    await reserve(id, "spl_2", 2, 1);
    expect(await reserve(id, "spl_1", 2, 1)).toEqual({ granted: 0, handed_out: 2, others: 1 });
    expect(await reserve(id, "spl_3", 2, 1)).toEqual({ granted: 0, handed_out: 2, others: 2 });
    await claim(id, "spl_2", 1);
    expect(await reserve(id, "spl_1", 2, 1)).toEqual({ granted: 0, handed_out: 2, others: 0 });
  });

  test.each([0, -5])("a limit of %d grants nothing", async (most) => {
    const { id } = await newOrg();
    expect((await reserve(id, "spl_1", most, 64)).granted).toBe(0);
    expect(await booksOf(id)).toEqual({ used: 0, held: 0 });
  });

  test("a limit below what is handed out grants nothing, one above it grants again", async () => {
    const { id } = await newOrg();
    await reserve(id, "spl_1", 1_000, 50);
    expect(await reserve(id, "spl_2", 40, 10)).toEqual({ granted: 0, handed_out: 50, others: 50 });
    expect((await reserve(id, "spl_2", 51, 10)).granted).toBe(1);
  });

  test.each([1, 7, 50, 1_000])("of two nodes that ask at once, over and over, exactly %d units are handed out", async (limit) => {
    const { id } = await newOrg();
    let total = 0;
    const asker = async (node: string) => {
      for (;;) {
        const { granted } = await reserve(id, node, limit, 64);
        if (granted === 0) return;
        total += granted;
      }
    };
    await Promise.all([...NODES, ...NODES, ...NODES, ...NODES].map(asker));
    expect(total).toBe(limit);
    expect(await booksOf(id)).toEqual({ used: limit, held: limit });
  });

  test("returned units can be taken again, by either", async () => {
    const { id } = await newOrg();
    for (let i = 0; i < 3; i++) await reserve(id, "spl_1", 3, 1);
    await giveBack(id, "spl_1", 2);
    expect(await booksOf(id)).toEqual({ used: 1, held: 1 });
    expect([(await reserve(id, "spl_2", 3, 9)).granted, (await reserve(id, "spl_1", 3, 9)).granted]).toEqual([1, 1]);
    expect((await reserve(id, "spl_2", 3, 9)).granted).toBe(0);
  });

  test("returning twice, more than is held, or for somebody who holds nothing, changes nothing", async () => {
    const { id } = await newOrg();
    await reserve(id, "spl_1", 1_000, 10);
    await reserve(id, "spl_2", 1_000, 10);
    await giveBack(id, "spl_1", 11);
    await giveBack(id, "spl_3", 5);
    await giveBack(id, "spl_3", null);
    expect(await booksOf(id)).toEqual({ used: 20, held: 20 });
    await giveBack(id, "spl_1", 10);
    await giveBack(id, "spl_1", 10);
    await giveBack(id, "spl_1", null);
    expect(await booksOf(id)).toEqual({ used: 10, held: 10 });
    expect(await heldBy(id, "spl_2")).toBe(10);
  });

  test("returning after the block was settled changes nothing", async () => {
    const { id } = await newOrg();
    await reserve(id, "spl_1", 1_000, 10);
    await claim(id, "spl_1", 4);
    await giveBack(id, "spl_1", null); // settled: what no record claimed
    await owner.query(`delete from "QuotaBlock" where "orgId" = $1 and "spool" = 'spl_1'`, [id]);
    await giveBack(id, "spl_1", 6);
    await giveBack(id, "spl_1", null);
    expect(await booksOf(id)).toEqual({ used: 4, held: 0 });
  });

  test("of two that return the same units at once, one does", async () => {
    const { id } = await newOrg();
    await reserve(id, "spl_1", 1_000, 10);
    await Promise.all(Array.from({ length: 8 }, () => giveBack(id, "spl_1", 10)));
    expect(await booksOf(id)).toEqual({ used: 0, held: 0 });
  });

  test("whatever two nodes do at once: never above the limit, and used is what was claimed and what is held", async () => {
    const step = fc.record({
      node: fc.constantFrom(...NODES),
      does: fc.constantFrom("reserve", "reserve", "reserve", "return", "all", "claim"),
      units: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 120 }),
        async (waves, limit) => {
          const { id } = await newOrg();
          let claimed = 0;
          for (const wave of waves) {
            // A record exists only for a unit that was held: each node claims of what it held before the wave, and then returns less.
            const held = Object.fromEntries(await Promise.all(NODES.map(async (node) => [node, await heldBy(id, node)])));
            await Promise.all(
              wave.map(async ({ node, does, units }) => {
                if (does === "reserve") await reserve(id, node, limit, units);
                if (does === "return") await giveBack(id, node, units);
                if (does === "all") await giveBack(id, node, null);
              }),
            );
            for (const { node } of wave.filter(({ does }) => does === "claim")) {
              const units = Math.min(held[node] ?? 0, await heldBy(id, node));
              await claim(id, node, units);
              claimed += units;
              held[node] = 0;
            }
            const books = await booksOf(id);
            expect(books.used).toBe(claimed + books.held);
            expect(books.used).toBeLessThanOrEqual(limit);
            for (const node of NODES) expect(await heldBy(id, node)).toBeGreaterThanOrEqual(0);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
