// Whether a call costs the same however many keys and usage rows there are: GET /v1/auth at 16 connections, on deployments of different
// sizes, each a server process and a database of its own, one loaded at a time, in several rounds.
import fs from "node:fs";
import { Failure, say, step } from "../scripts/prepare.mjs";
import { fixed, median, medianRatio, printTable, rotated, whole } from "./figures.mjs";
import { authRequests, fillUsage, organizationWithKeys } from "./keys.mjs";
import { load } from "./load.mjs";

const CONNECTIONS = 16;
const TOLERANCE = 0.1;
/** With its indexes. */
const BYTES_PER_ROW = 700;

export async function measure(stand, { quick, rows = quick ? 100_000 : 10_000_000, called = 1000 }) {
  const [rounds, seconds, warm] = quick ? [2, 1, 1] : [5, 5, 3];
  const needed = rows * BYTES_PER_ROW * 1.3; // and the database's log
  const { bavail, bsize } = fs.statfsSync(stand.dir);
  if (bavail * bsize < needed)
    throw new Failure(`${whole(rows)} usage rows need ${whole(needed / 1e6)} MB below ${stand.dir}: --rows takes fewer.`);

  const sizes = [
    { keys: 10, rows: 0 },
    { keys: 1000, rows: 0 },
    { keys: 100_000, rows: 0 },
    { keys: 1000, rows },
  ];
  for (const [i, size] of sizes.entries()) {
    await step(`A deployment with ${whole(size.keys)} keys and ${whole(size.rows)} usage rows`, async () => {
      const server = await stand.latchkey(`flat_${i}`);
      const organization = await organizationWithKeys(server, "flat", size.keys, called);
      if (size.rows > 0) await fillUsage(server, organization, size.keys, size.rows);
      const requests = authRequests(organization.secrets);
      Object.assign(size, { server, requests, measured: [] });
      await refuseUnless200(server.url, requests[0]);
      await load(server.url, requests, { connections: CONNECTIONS, seconds: warm });
      await server.settled();
    });
  }
  for (let round = 0; round < rounds; round++) {
    await step(`Round ${round + 1} of ${rounds}`, async () => {
      for (const size of rotated(sizes, round)) {
        size.measured.push(await load(size.server.url, size.requests, { connections: CONNECTIONS, seconds }));
        await size.server.settled();
      }
    });
  }
  show(sizes);
  say(
    `GET /v1/auth at ${CONNECTIONS} connections, up to ${whole(called)} keys called in turn; medians of ${rounds} rounds of ${seconds} s.`,
  );
  say("Microseconds a request are one second divided by the requests in it; the ratio is the median of the rounds' own ratios.");
}

export async function refuseUnless200(url, { path, headers }) {
  const { status } = await fetch(url + path, { headers });
  if (status !== 200) throw new Failure(`GET ${path} answers ${status}: there is nothing to measure.`);
}

function show(sizes) {
  const costs = ({ measured }) => measured.map(({ perSecond }) => 1e6 / perSecond);
  // Keys are compared with the fewest keys, usage rows with as many keys and no row.
  const smallest = (size) => (size.rows === 0 ? sizes[0] : sizes[1]);
  printTable(
    ["Keys", "usage rows", "requests/s", "µs a request", "p50 ms", "not 200", "to", "ratio", "within 10 %"],
    sizes.map((size) => {
      const base = smallest(size);
      const ratio = medianRatio(costs(size), costs(base));
      return [
        whole(size.keys),
        whole(size.rows),
        whole(median(size.measured.map(({ perSecond }) => perSecond))),
        fixed(median(costs(size)), 1),
        fixed(median(size.measured.map(({ p50 }) => p50)), 3),
        whole(size.measured.reduce((sum, { failed }) => sum + failed, 0)),
        size === base ? "" : `${whole(base.keys)} keys, no rows`,
        size === base ? "1.00" : fixed(ratio),
        size === base ? "" : Math.abs(ratio - 1) <= TOLERANCE ? "yes" : "no",
      ];
    }),
  );
}
