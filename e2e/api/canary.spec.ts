// Every secret that is made in the life of a deployment is searched for in all that the deployment keeps and says: the database row by row
// and file by file, its logs, mails and spools, every page as HTML and as payload, and every answer but the one that reveals it.
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { startEmbedded } from "@/lib/embedded";
import { eventually } from "@/lib/testing/eventually";
import { startServer } from "@/lib/testing/server";
import { ADMIN_TOKEN, type Answer, apiOf, type Call, mailsOf, raw } from "./client";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-canary-"));
fs.chmodSync(folder, 0o711); // Started by root, the database runs as another user below it.
const cluster = await startEmbedded({ dataDir: path.join(folder, "database"), durable: false, log: () => {} });
const server = await startServer({
  dataDir: fs.mkdtempSync(path.join(folder, "server-")),
  env: {
    ADMIN_TOKEN,
    DATABASE_URL: cluster.appUrl,
    DATABASE_OWNER_URL: cluster.ownerUrl,
    LATCHKEY_SECRET: "a secret of the canary that is long enough",
    LOG_LEVEL: "debug",
  },
});
afterAll(async () => {
  await server.stop();
  await cluster.stop();
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
const api = await apiOf(server);

const operator = { "X-Admin-Token": ADMIN_TOKEN };
/** What must be found nowhere, by what it is. */
const secrets = new Map<string, string>();
/** All that was said, with the one secret that may stand in it. */
const said: { what: string; text: string; reveals: string | null }[] = [];

async function call(method: string, target: string, options: Call = {}, reveals?: (json: Answer["json"]) => string): Promise<Answer> {
  const answer = await raw(server, method, target, options);
  const own = reveals?.(answer.json);
  if (reveals !== undefined && typeof own !== "string")
    throw new Error(`${method} ${target} revealed nothing: ${answer.status} ${answer.text}`);
  if (own !== undefined) secrets.set(own, `made by ${method} ${target.split("?")[0]}`);
  const text = `${JSON.stringify(answer.headers)}\n${answer.text}`;
  said.push({ what: `the answer ${answer.status} to ${method} ${target.slice(0, 60)}`, text, reveals: own ?? null });
  return answer;
}

/** A text as it could have been written down: as it is, without its prefix, and encoded. */
function formsOf(secret: string): string[] {
  const body = secret.slice(-38);
  const encoded = [secret, body].flatMap((text) => [
    Buffer.from(text).toString("hex"),
    Buffer.from(text).toString("base64").replace(/=+$/, ""),
  ]);
  return [body, ...encoded, [...body].reverse().join("")];
}

function expectClean(what: string, text: string, reveals: string | null = null): void {
  for (const [secret, made] of secrets) {
    if (secret === reveals) continue;
    for (const form of formsOf(secret)) if (text.includes(form)) expect.fail(`${what} holds a secret ${made}: …${around(text, form)}…`);
  }
}

const around = (text: string, form: string) => text.slice(Math.max(0, text.indexOf(form) - 80), text.indexOf(form) + 20);

/** Every row of every table, as text. */
async function dump(): Promise<string> {
  const client = new pg.Client({ connectionString: cluster.ownerUrl });
  await client.connect();
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`,
  );
  const parts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await client.query<{ row: string }>(`select row_to_json(t)::text as row from ${name} t`);
    parts.push(name, ...rows.map(({ row }) => row));
  }
  await client.end();
  return parts.join("\n");
}

function filesBelow(where: string): string[] {
  return fs
    .readdirSync(where, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [path.join(entry.parentPath, entry.name)] : []));
}

test("no secret is kept or said anywhere but in the one answer that reveals it", { timeout: 120_000 }, async () => {
  const person = await api.signUp("canary");
  const as = person;
  const group = await api.newGroup(person, "Canaries");
  await call("PATCH", "/v1/organization", { as, json: { leak_policy: "flag" } });

  // Every way to make a secret.
  const create = (input: object, by: Call = { as }) =>
    call("POST", "/v1/api-keys", { ...by, json: { name: "Canary", group_id: group.id, ...input } }, (json) => json.secret);
  const key = (await create({ access: "admin" })).json;
  const child = (await create({ metadata: { team: "intake" } }, { key: key.secret })).json;
  const test_ = (await create({ environment: "test" })).json;
  const rotated = (await call("POST", `/v1/api-keys/${child.id}/rotate`, { as, json: { grace_seconds: 600 } }, (json) => json.secret)).json;
  const token = (await call("POST", "/generate_auth_token", { key: key.secret, json: { token_name: "Token" } }, (json) => json.auth_token))
    .json;
  const enabled = (
    await call(
      "POST",
      "/api/access/enable",
      { headers: operator, json: { email: "client@people.example", company: "Client", tier: "free" } },
      (json) => json.api_key,
    )
  ).json;
  await call(
    "POST",
    "/api/access/rotate",
    { headers: operator, json: { client_id: enabled.client_id, reason: "A drill" } },
    (json) => json.api_key,
  );
  const handedOver = (
    await call(
      "POST",
      `/v1/api-keys/${test_.id}/hand-overs`,
      { as, json: { secret: test_.secret, recipient: "Noor" } },
      (json) => json.url.split("#")[1],
    )
  ).json;
  const recalled = (
    await call("POST", `/v1/api-keys/${key.id}/hand-overs`, { as, json: { secret: key.secret } }, (json) => json.url.split("#")[1])
  ).json;
  await call("DELETE", `/v1/api-keys/${key.id}/hand-overs/${recalled.id}`, { as });
  const opened = await call("POST", "/v1/hand-overs/open", { json: { token: handedOver.url.split("#")[1] } }, (json) => json.secret);
  expect(opened.json.secret).toBe(test_.secret);

  // Every way to show one, right and wrong.
  for (const { secret } of [key, child, test_, rotated]) {
    for (const target of ["/v1/me", "/v1/limits", "/v1/auth?scope=search", "/v1/nowhere", "/v1/api-keys/key_x"]) {
      await call("GET", target, { key: secret });
      await call("GET", target, { headers: { "X-API-Key": secret } });
    }
    await call("POST", "/v1/chat", { key: secret, json: { messages: [{ role: "user", content: "Anything?" }] } });
    await call("GET", "/v1/me", { key: secret, headers: { "X-API-Key": key.secret === secret ? child.secret : key.secret } });
    await call("POST", "/v1/keys/verify", { headers: operator, json: { key: secret, scope: "search" } });
    await call("POST", "/v1/keys/verify", { headers: operator, body: `{"key": "${secret}`, json: undefined });
    await call("POST", "/v1/keys/verify", { headers: operator, json: { key: secret, scope: 5, secret } });
    for (const target of [
      `/v1/me?api_key=${secret}`,
      `/v1/api-keys?q=${secret}`,
      `/v1/api-keys/${secret}`,
      `/${secret}`,
      `/v1/${secret}`,
    ]) {
      await call("GET", target, { key: key.secret });
      await call("GET", target, { as });
      await call("DELETE", target);
    }
    await call("GET", `/orgs/${person.slug}/keys/${secret}`, { headers: { Cookie: person.cookie } });
    await call("GET", `/orgs/${person.slug}/keys?q=${secret}`, { headers: { Cookie: person.cookie, Referer: `${server.url}/${secret}` } });
    await call("GET", "/v1/me", { headers: { Authorization: `Basic ${Buffer.from(`${secret}:`).toString("base64")}` } });
    await call("GET", "/v1/me", { headers: { Authorization: `Token ${secret}` } });
  }
  await call("POST", "/v1/leaks", { json: { key: child.secret, url: `https://paste.example/${child.secret}` } });
  await call("POST", "/v1/leaks", { json: { key: rotated.secret, url: "https://paste.example/1" } });
  await call("POST", "/revoke_auth_token", { key: key.secret, json: { auth_token: token.auth_token } });
  await call("POST", "/revoke_auth_token", { key: key.secret, json: { auth_token: token.auth_token, more: token.auth_token } });
  await call("POST", `/v1/api-keys/${child.id}/rotate/finish`, { as, json: {} });
  const imported = randomBytes(24).toString("hex").slice(0, 45);
  secrets.set(imported, "imported");
  const own = { organization_id: person.org, group_id: group.id, prefix: imported.slice(0, 4), length: imported.length };
  const asImport = { ...own, keys: [{ hash: createHash("sha256").update(imported).digest("hex"), name: "Imported" }] };
  expect((await call("POST", "/api/keys/import", { headers: operator, json: asImport })).status).toBe(200);
  expect((await call("GET", "/v1/me", { key: imported })).status).toBe(200);
  expect((await call("POST", "/v1/api-keys/bulk", { as, json: { action: "pause", ids: [key.id], dry_run: true } })).status).toBe(200);
  expect((await call("POST", `/v1/api-keys/${key.id}/what-if`, { as, json: { method: "GET", path: "/v1/me" } })).status).toBe(200);
  expect((await call("GET", `/v1/api-keys/insights?ids=${key.id},${child.id}`, { as })).status).toBe(200);
  await call("DELETE", `/v1/api-keys/${test_.id}`, { as, json: { reason: "Done" } });
  for (const each of [
    "",
    `/${key.id}`,
    `/${child.id}`,
    `/${child.id}/activity`,
    `/${child.id}/rotation`,
    `/${key.id}/hand-overs`,
    `/${child.id}/suggestions`,
  ])
    await call("GET", `/v1/api-keys${each}`, { as });
  for (const target of [
    "/v1/logs",
    "/v1/usage",
    "/v1/audit-logs",
    "/v1/members",
    "/v1/organization",
    "/api/health",
    "/api/metrics",
    "/openapi.json",
  ])
    await call("GET", target, { as });

  // What it says on its pages.
  const home = `/orgs/${person.slug}`;
  const places = [
    "",
    "/keys",
    `/keys/${key.id}`,
    `/keys/${child.id}`,
    `/keys/${test_.id}`,
    "/groups",
    `/groups/${group.id}`,
    "/usage",
    "/logs",
    "/audit",
    "/members",
    "/settings",
  ];
  for (const place of [
    ...places.map((each) => home + each),
    "/account",
    "/hand-over",
    "/docs",
    "/docs/reference",
    "/docs/errors",
    "/docs/gateway",
    "/docs/leaks",
    "/leaked",
  ]) {
    const page = await call("GET", place, { headers: { Cookie: person.cookie } });
    expect([place, page.status]).toEqual([place, 200]);
    const payload = await call("GET", `${place}?_rsc`, { headers: { Cookie: person.cookie, RSC: "1" } });
    expect([place, payload.status, payload.headers["content-type"]]).toEqual([place, 200, expect.stringContaining("text/x-component")]);
  }

  // The search finds what is there: the start of a secret may be shown.
  const shown: string = key.key_prefix;
  for (const what of [`GET ${home}/keys`, `GET ${home}/keys/${key.id}`, "GET /v1/api-keys"])
    expect(
      said.filter((each) => each.what.includes(what)).some(({ text }) => text.includes(shown)),
      what,
    ).toBe(true);
  expect(secrets.size).toBe(10);
  for (const { what, text, reveals } of said) expectClean(what, text, reveals);

  // What it keeps, once all of it is written.
  const drained = async () => ((await raw(server, "GET", "/api/health")).json.usage_waiting === 0 ? true : undefined);
  await eventually(drained);
  const rows = await dump();
  expect(rows).toContain(shown);
  expectClean("the database", rows);
  for (const mail of mailsOf(server)) expectClean("a mail", mail);
  await server.stop();
  expectClean("the log", server.logs());
  await cluster.stop();
  const files = filesBelow(folder);
  const contents = files.map((file) => ({ file, text: fs.readFileSync(file).toString("latin1") }));
  expect(contents.some(({ text }) => text.includes(shown))).toBe(true);
  for (const { file, text } of contents) expectClean(`the file ${path.relative(folder, file)}`, text);
});
