// How many records a second go from the spool into PostgreSQL. A lock on the table of usage holds the drain back while calls go on (they
// need nothing of it), as a database that was away would; then the load ends, the lock goes, and the backlog shrinks on its own.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { say, step } from "../scripts/prepare.mjs";
import { fixed, whole } from "./figures.mjs";
import { refuseUnless200 } from "./flat.mjs";
import { authRequests, organizationWithKeys } from "./keys.mjs";
import { load } from "./load.mjs";

const KEYS = 1000;

export async function measure(stand, { quick, rows = quick ? 50_000 : 400_000 }) {
  const server = await stand.latchkey("drain");
  const { secrets } = await organizationWithKeys(server, "drain", KEYS, KEYS);
  const requests = authRequests(secrets);
  await refuseUnless200(server.url, requests[0]);
  await server.settled();
  const before = await recorded(server);

  const holder = new pg.Client({ connectionString: server.ownerUrl });
  await holder.connect();
  let failed = 0;
  let peak = 0;
  try {
    await holder.query('begin; lock table "UsageEvent" in access exclusive mode');
    await step(`Filling the spool with ${whole(rows)} records`, async () => {
      while (peak < rows) {
        const done = await load(server.url, requests, { connections: 64, seconds: quick ? 1 : 5 });
        failed += done.failed;
        peak = await resting(server);
      }
    });
  } finally {
    await holder.end(); // and with the session its lock
  }

  // From the first batch that is seen to be in: what the drain waits after a failure is not its speed.
  let first;
  await step("Draining", async () => {
    for (let left = peak; left > 0; await sleep(20)) {
      left = await server.waiting();
      if (left < peak) first ??= { at: performance.now(), left };
    }
  });
  const seconds = (performance.now() - first.at) / 1000;
  const perSecond = whole(first.left / seconds);
  say(`${whole(first.left)} records of ${whole(KEYS)} keys in ${fixed(seconds)} s: ${perSecond} records a second, with nothing else to do`);
  say(`${whole(peak)} had waited and ${whole((await recorded(server)) - before)} are in the database; ${whole(failed)} calls were not 200`);
}

/** The load generator leaves while answers are on their way: what waits once the last of them is out. */
async function resting(server) {
  for (let [last, now] = [-1, await server.waiting()]; ; [last, now] = [now, await server.waiting()]) {
    if (now === last) return now;
    await sleep(200);
  }
}

const recorded = async (server) => Number((await server.sql('select coalesce(sum("calls"), 0) as "count" from "UsageEvent"'))[0].count);
