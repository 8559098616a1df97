// The table: every row's server in a process of its own, all of them up, one loaded at a time; row after row, in several rounds.
import fs from "node:fs";
import path from "node:path";
import { Failure, hashOf, root, say, step, tool } from "../scripts/prepare.mjs";
import { fixed, median, medianRatio, printTable, ratio, rotated, whole } from "./figures.mjs";
import { load } from "./load.mjs";
import { announcing, bundled, listening } from "./stand.mjs";

const CONNECTIONS = [16, 64];
/** Calls of one key wait for each other where each of them writes the key's row: the last row shows the same without that. */
const MANY_KEYS = 1000;

const rival = (name) => path.join(root, "bench/rivals", `${name}.mjs`);
const get = (target, secret) => ({ method: "GET", path: target, headers: { Authorization: `Bearer ${secret}` } });
const post = (target, headers, body) => ({
  method: "POST",
  path: target,
  headers: { ...headers, "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
const anySecret = `lk_live_${"0123456789abcdefghijklmnopqrstuvwxyzAB"}`;
const own = (name, requests, env) => async (stand) => ({
  ...(await stand.start(name, announcing(rival(name), await env?.()))),
  requests,
});

/** `base`: the row it is a ratio to, measured with it whatever was asked for. */
const ROWS = [
  { id: "node", title: "node:http, a constant answer", base: "hono", open: own("node-http", [get("/v1/auth", anySecret)]) },
  { id: "hono", title: "Hono, GET: one SHA-256, five headers", base: "hono", open: own("hono", [get("/v1/auth", anySecret)]) },
  {
    id: "hono-post",
    title: "Hono, POST: JSON validated, one SHA-256",
    base: "hono",
    open: own("hono-post", [post("/v1/keys/verify", {}, { key: anySecret, scope: "status" })], async () => ({
      SCHEMA: await bundled("lib/keys/schema.ts"),
    })),
  },
  {
    id: "next",
    title: "Next route handler, a constant answer",
    base: "hono",
    async open(stand) {
      await buildNext();
      const args = [path.join(root, "node_modules/next/dist/bin/next"), "start", NEXT, "-H", "127.0.0.1"];
      const server = await stand.start("Next", listening(args, "/v1/auth", { NEXT_TELEMETRY_DISABLED: "1" }));
      return { ...server, requests: [get("/v1/auth", anySecret)] };
    },
  },
  { id: "auth", title: "Latchkey GET /v1/auth", base: "hono", open: latchkey((_, { secret }) => get("/v1/auth", secret)) },
  {
    id: "verify",
    title: "Latchkey POST /v1/keys/verify",
    base: "hono-post",
    open: latchkey(({ adminToken }, { secret }) =>
      post("/v1/keys/verify", { "X-Admin-Token": adminToken }, { key: secret, scope: "status" }),
    ),
  },
  { id: "me", title: "Latchkey GET /v1/me", base: "hono", open: latchkey((_, { secret }) => get("/v1/me", secret)) },
  { id: "better-auth", title: "better-auth's API keys, one key", base: "hono", open: betterAuth(1) },
  { id: "better-auth-many", title: `better-auth's API keys, ${MANY_KEYS} keys in turn`, base: "hono", open: betterAuth(MANY_KEYS) },
];

/** Our rows share one process, as one deployment does; each has an organization of its own. */
function latchkey(requestOf) {
  return async (stand) => {
    stand.product ??= stand.latchkey("latchkey");
    const server = await stand.product;
    stand.organizations = (stand.organizations ?? 0) + 1;
    const organization = await server.organization(`org-${stand.organizations}`);
    return { url: server.url, requests: [requestOf(server, organization)], settled: server.settled };
  };
}

/** Its rows share one process too. */
function betterAuth(keys) {
  return async (stand) => {
    stand.betterAuth ??= stand.database("better_auth").then(({ ownerUrl }) => {
      const env = { DATABASE_URL: ownerUrl, KEYS: String(MANY_KEYS), BETTER_AUTH_TELEMETRY: "0" };
      return stand.start("better-auth", announcing(rival("better-auth"), env));
    });
    const { url, secrets } = await stand.betterAuth;
    return { url, requests: secrets.slice(0, keys).map((secret) => get("/", secret)) };
  };
}

const NEXT = path.join(root, "bench/rivals/next");

async function buildNext() {
  const stamp = path.join(NEXT, ".next/made-from");
  const made = hashOf(["bench/rivals/next", "bench/rivals/answers.mjs", "package-lock.json"]);
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === made) return;
  await step("Building the Next route handler", () =>
    tool("next", [process.execPath, path.join(root, "node_modules/next/dist/bin/next"), "build", NEXT]),
  );
  fs.writeFileSync(stamp, made);
}

export async function measure(stand, { quick, only }) {
  const [rounds, seconds, warm] = quick ? [2, 1, 1] : [3, 5, 3];
  const rows = chosen(only);
  for (const row of rows) {
    await step(`Starting ${row.title}`, async () => Object.assign(row, await row.open(stand)), { quiet: true });
    row.problem = await problemOf(row);
    row.measured = CONNECTIONS.map(() => []);
    if (row.problem === undefined) await load(row.url, row.requests, { connections: 16, seconds: warm });
    await row.settled?.();
  }
  const there = rows.filter(({ problem }) => problem === undefined);
  for (let round = 0; round < rounds; round++) {
    await step(`Round ${round + 1} of ${rounds}`, async () => {
      for (const row of rotated(there, round * 3)) {
        for (const [i, connections] of CONNECTIONS.entries()) {
          row.measured[i].push(await load(row.url, row.requests, { connections, seconds }));
          await row.settled?.();
        }
      }
    });
  }
  show(rows);
  say(
    `Medians of ${rounds} rounds of ${seconds} s after ${warm} s of warming up; latencies in milliseconds, measured by the load generator.`,
  );
  say("A ratio is the median of its rounds' own ratios, so that it may differ from the quotient of two medians beside it.");
  for (const row of there) {
    const all = row.measured.flat();
    const [total, failed] = ["total", "failed"].map((what) => all.reduce((sum, one) => sum + one[what], 0));
    if (failed > 0) say(`NOT ALL WERE 200: ${row.title}: ${whole(failed)} of ${whole(total)}.`);
  }
  if (stand.product !== undefined) await sayRecorded(await stand.product);
  showGoals(Object.fromEntries(there.map((row) => [row.id, row])));
}

function chosen(only) {
  if (only === undefined) return ROWS;
  const stranger = only.find((id) => !ROWS.some((row) => row.id === id));
  if (stranger !== undefined) throw new Failure(`There is no row "${stranger}": ${ROWS.map(({ id }) => id).join(", ")}.`);
  const wanted = new Set(["hono", ...only, ...ROWS.filter(({ id }) => only.includes(id)).map(({ base }) => base)]);
  return ROWS.filter(({ id }) => wanted.has(id));
}

/** A verdict of POST /v1/keys/verify is a 200 also when it is a refusal. */
async function sayRecorded({ sql }) {
  const [{ all, refused }] = await sql(
    `select coalesce(sum("calls"), 0) as "all", coalesce(sum("calls") filter (where "outcome" <> 'accepted'), 0) as "refused" from "UsageEvent"`,
  );
  say(`Latchkey recorded ${whole(Number(all))} calls, warming up among them; ${whole(Number(refused))} were refused.`);
}

/** Why a row cannot be measured; undefined when its first answer is 200. */
async function problemOf({ url, requests: [{ method, path: target, headers, body }] }) {
  const { status } = await fetch(url + target, { method, headers, body });
  return status === 200 ? undefined : status === 404 || status === 405 ? "not there" : `answers ${status}`;
}

const speeds = (row, i) => row.measured[i].map(({ perSecond }) => perSecond);
const of = (row, i, what) => median(row.measured[i].map((one) => one[what]));

function show(rows) {
  const hono = rows.find(({ id }) => id === "hono");
  printTable(
    ["", ...CONNECTIONS.flatMap((n) => [`${n} connections: requests/s`, "p50", "p99", "to Hono GET"])],
    rows.map((row) => [
      row.title,
      ...CONNECTIONS.flatMap((_, i) =>
        row.problem === undefined
          ? [
              whole(of(row, i, "perSecond")),
              fixed(of(row, i, "p50")),
              fixed(of(row, i, "p99")),
              `${ratio(medianRatio(speeds(row, i), speeds(hono, i)))} ×`,
            ]
          : [row.problem, "", "", ""],
      ),
    ]),
  );
}

function showGoals(rows) {
  const p99s = (row) => row.measured[1].map(({ p99 }) => p99);
  const faster = (a, b, least) => ({
    goal: `at least ${least} ×`,
    found: CONNECTIONS.map((_, i) => medianRatio(speeds(a, i), speeds(b, i))),
    met: (value) => value >= least,
  });
  const calmer = (a, b, most) => ({ goal: `at most ${most} ×`, found: [medianRatio(p99s(a), p99s(b))], met: (value) => value <= most });
  const goals = [
    ["GET /v1/auth to Hono GET", "auth", "hono", faster, 0.7],
    ["GET /v1/auth to the Next route handler", "auth", "next", faster, 10],
    ["GET /v1/auth to better-auth, one key each", "auth", "better-auth", faster, 30],
    ["POST /v1/keys/verify to Hono POST", "verify", "hono-post", faster, 0.7],
    ["p99 of GET /v1/auth at 64 connections to Hono GET", "auth", "hono", calmer, 3],
    ["p99 of POST /v1/keys/verify at 64 connections to Hono POST", "verify", "hono-post", calmer, 3],
  ].filter(([, a, b]) => rows[a] !== undefined && rows[b] !== undefined);
  if (goals.length === 0) return;
  printTable(
    ["Goal (at 16 and 64 connections)", "", "measured", "met"],
    goals.map(([title, a, b, compare, bound]) => {
      const { goal, found, met } = compare(rows[a], rows[b], bound);
      return [title, goal, `${found.map(ratio).join(" and ")} ×`, found.every(met) ? "yes" : "no"];
    }),
  );
}
