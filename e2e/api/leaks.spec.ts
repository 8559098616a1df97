import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startEmbedded } from "@/lib/embedded";
import { eventually } from "@/lib/testing/eventually";
import { startServer, type TestServer } from "@/lib/testing/server";
import { type Answer, apiOf, type Call, mailsOf, raw, roomInMinute, startApi } from "./client";

const api = await startApi({ TRUSTED_PROXIES: "127.0.0.1", PUBLIC_URL: "https://keys.example.com" });
const { send, server } = api;
const owner = await api.signUp("owner");
await api.newGroup(owner);

let number = 0;
/** From an address of its own, unless it is given: reports are limited per address. */
const report = (json: unknown, call: Call = {}, address = `203.0.113.${++number}`) =>
  send("POST", "/v1/leaks", { ...call, json, headers: { ...call.headers, "X-Forwarded-For": address } });
const isDead = (key: string) => eventually(async () => ((await send("GET", "/v1/me", { key })).status === 401 ? true : undefined));
const withoutDate = ({ status, headers, text }: Answer) => {
  const { date: _, "x-request-id": __, "x-ratelimit-reset": ___, ratelimit: ____, ...rest } = headers;
  return JSON.stringify([status, rest, text]);
};

describe("a report", () => {
  test("ends a real key, and its owners hear of it", async () => {
    const key = await api.newKey(owner, { name: "Invoice intake" });
    const answer = await report({ key: key.secret, url: "https://git.example.com/acme/app/blob/main/.env" });
    expect([answer.status, answer.json]).toEqual([202, { received: true, message: expect.any(String) }]);
    await isDead(key.secret);
    const read = await send("GET", `/v1/api-keys/${key.id}`, { as: owner });
    expect(read.json).toMatchObject({ status: "revoked", revoked_reason: "Leaked" });
    const mail = await eventually(() => mailsOf(server).find((text) => text.includes(`To: ${owner.email}\n`) && text.includes("Leaked: ")));
    for (const part of ["Invoice intake", key.key_prefix, "https://git.example.com/acme/app/blob/main/.env"]) expect(mail).toContain(part);
    const log = await send("GET", `/v1/audit-logs?api_key=${key.id}`, { as: owner });
    expect(log.json.data.map(({ action }: { action: string }) => action)).toEqual(["api_key.revoke", "api_key.leak", "api_key.create"]);
    expect(log.json.data[1]).toMatchObject({ actor: { type: "anonymous", id: null }, ip: expect.stringMatching(/^203\.0\.113\./) });
    for (const kept of [log.text, server.logs(), ...mailsOf(server)]) expect(kept).not.toContain(key.secret.slice(14));
  });

  test("is answered the same, byte for byte, whatever was found", async () => {
    const [real, dead] = [await api.newKey(owner), await api.newKey(owner)];
    await send("DELETE", `/v1/api-keys/${dead.id}`, { as: owner });
    const unknown = real.secret.replace(/^(.{20})(.)/, (_, start, c) => start + (c === "a" ? "b" : "a"));
    const answers = [];
    for (const key of [real.secret, real.secret, dead.secret, unknown, "nonsense", "", "x".repeat(1_000)])
      answers.push(await report({ key }));
    for (const url of ["https://x.example", "javascript:alert(1)", "", "x".repeat(2_000)]) answers.push(await report({ key: "x", url }));
    expect(new Set(answers.map(withoutDate)).size).toBe(1);
    expect(answers[0]?.status).toBe(202);
  });

  test("takes no longer for a real key", async () => {
    const times: Record<"real" | "unknown", number[]> = { real: [], unknown: [] };
    for (let i = 0; i < 12; i++) {
      const key = (await api.newKey(owner)).secret;
      for (const [kind, text] of [["real", key] as const, ["unknown", `${key.slice(0, -1)}${key.endsWith("a") ? "b" : "a"}`] as const]) {
        const begun = performance.now();
        await report({ key: text });
        times[kind].push(performance.now() - begun);
        await isDead(key);
      }
    }
    const median = (list: number[]) => list.toSorted((x, y) => x - y)[Math.floor(list.length / 2)] as number;
    // What a revocation takes, two commits and word to every node, is far more.
    expect(Math.abs(median(times.real) - median(times.unknown))).toBeLessThan(10);
  });

  test("reads nothing of its caller: neither key nor session, right or wrong, and counts against none", async () => {
    const [found, own, revoked] = [await api.newKey(owner), await api.newKey(owner), await api.newKey(owner)];
    await send("DELETE", `/v1/api-keys/${revoked.id}`, { as: owner });
    for (const call of [
      { key: own.secret },
      { key: revoked.secret },
      { key: "nonsense" },
      { headers: { Authorization: `Bearer ${own.secret}`, "X-API-Key": revoked.secret } },
      { as: owner },
      { headers: { Cookie: owner.cookie, "Sec-Fetch-Site": "cross-site" } },
      { key: found.secret },
    ] satisfies Call[])
      expect((await report({ key: found.secret }, call)).status).toBe(202);
    await isDead(found.secret);
    expect((await send("GET", `/v1/api-keys/${own.id}`, { as: owner })).json.request_count).toBe(0);
    expect((await send("GET", `/v1/logs?key_id=${own.id}`, { as: owner })).json.data).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ["no key", {}, "key"],
    ["a key that is no text", { key: ["x"] }, "key"],
    ["more than any key", { key: "x".repeat(1_001) }, "key"],
    ["an address that is no text", { key: "x", url: 7 }, "url"],
    ["a field that is none", { key: "x", name: "me" }, "name"],
  ])("with %s is refused for its form alone", async (_, json, field) => {
    const answer = await report(json);
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
  });

  test("is taken twenty times a minute from one address", async () => {
    await roomInMinute(5);
    const statuses = [];
    for (let i = 0; i < 22; i++) statuses.push((await report({ key: "x" }, {}, "192.0.2.77")).status);
    expect(statuses).toEqual([...Array(20).fill(202), 429, 429]);
  });
});

test("where leaked keys are flagged the key goes on, and the change of the policy holds at once", async () => {
  const person = await api.signUp();
  await api.newGroup(person);
  expect((await send("PATCH", "/v1/organization", { as: person, json: { leak_policy: "flag" } })).status).toBe(200);
  const key = await api.newKey(person);
  await report({ key: key.secret });
  await eventually(() => mailsOf(server).find((text) => text.includes(`To: ${person.email}\n`) && text.includes("Leaked: ")));
  expect((await send("GET", "/v1/me", { key: key.secret })).status).toBe(200);
  await send("PATCH", "/v1/organization", { as: person, json: { leak_policy: "revoke" } });
  await report({ key: key.secret });
  await isDead(key.secret);
});

test("of a rotation the old secret alone ends", async () => {
  const key = await api.newKey(owner);
  const { secret } = (await send("POST", `/v1/api-keys/${key.id}/rotate`, { as: owner, json: {} })).json;
  await report({ key: key.secret });
  await isDead(key.secret);
  expect((await send("GET", "/v1/me", { key: secret })).status).toBe(200);
});

describe("what scanners read", () => {
  const files = {
    "/.well-known/latchkey-secret-scanning.json": /^application\/json/,
    "/.well-known/latchkey-gitleaks.toml": /^application\/toml/,
    "/.well-known/latchkey-trufflehog.yaml": /^application\/yaml/,
    "/.well-known/security.txt": /^text\/plain; charset=utf-8/,
  };

  test.each(Object.entries(files))("%s is there for everybody, with the headers of the API", async (path, type) => {
    const answer = await raw(server, "GET", path);
    expect([answer.status, answer.headers["access-control-allow-origin"], answer.headers["x-content-type-options"]]).toEqual([
      200,
      "*",
      "nosniff",
    ]);
    expect(answer.headers["content-type"]).toMatch(type);
    expect((await raw(server, "HEAD", path)).status).toBe(200);
    expect((await raw(server, "POST", path, { json: {} })).status).toBe(405);
  });

  test("finds a key that was just made, and not one with a letter less", async () => {
    const { secret } = await api.newKey(owner);
    const { json } = await raw(server, "GET", "/.well-known/latchkey-secret-scanning.json");
    const found = (text: string) => json.secrets.some(({ regex }: { regex: string }) => new RegExp(regex).test(text));
    expect([found(`token: "${secret}"`), found(`token: "${secret.slice(0, -1)}"`)]).toEqual([true, false]);
    for (const path of ["/.well-known/latchkey-gitleaks.toml", "/.well-known/latchkey-trufflehog.yaml"])
      expect((await raw(server, "GET", path)).text).toContain(`'${json.secrets[0].regex}'`);
  });

  test("leads to the page of finders, under the configured address", async () => {
    const { json } = await raw(server, "GET", "/.well-known/latchkey-secret-scanning.json");
    expect(json.report).toMatchObject({ page: "https://keys.example.com/leaked", url: "https://keys.example.com/v1/leaks" });
    expect((await raw(server, "GET", "/.well-known/security.txt")).text).toMatch(/^Contact: https:\/\/keys\.example\.com\/leaked$/m);
    const page = await raw(server, "GET", "/leaked");
    expect([page.status, page.headers["content-type"]]).toEqual([200, expect.stringMatching(/^text\/html/)]);
  });

  test("is all that stands there", async () => {
    const answer = await raw(server, "GET", "/.well-known/change-password");
    expect([answer.status, answer.json?.error_code]).toEqual([404, "not_found"]);
  });
});

test("a server that is stopped right after a report deals with the key first", async () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-leaks-"));
  fs.chmodSync(dataDir, 0o711); // Started by root, the database runs as another user below it.
  let running = await startServer({ dataDir });
  try {
    const first = await apiOf(running);
    const person = await first.signUp();
    await first.newGroup(person);
    const keys = [];
    for (let i = 0; i < 10; i++) keys.push((await first.newKey(person)).secret);
    const answers = await Promise.all(keys.map((key) => first.send("POST", "/v1/leaks", { json: { key } })));
    await running.stop();
    expect(answers.map(({ status }) => status)).toEqual(keys.map(() => 202));
    expect(running.logs()).not.toMatch(/"level":"error"/);
    expect(mailsOf({ dataDir })).toHaveLength(10);
    running = await startServer({ dataDir });
    const answered = async (key: string) => {
      const { status } = await raw(running, "GET", "/v1/me", { key });
      return status === 503 ? undefined : status; // a busy machine may need a moment for the lease
    };
    for (const key of keys) expect(await eventually(() => answered(key), 30)).toBe(401);
  } finally {
    await running.stop();
    fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
});

describe("a report whose server is killed right after the answer", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-leaks-"));
  fs.chmodSync(folder, 0o711);
  const cluster = await startEmbedded({ dataDir: path.join(folder, "database"), durable: true, log: () => {} });
  const database = new pg.Client({ connectionString: cluster.ownerUrl });
  await database.connect();
  const mailServer = net.createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1"); // takes every call and says nothing
  await once(mailServer, "listening");
  const { port } = mailServer.address() as net.AddressInfo;
  const hanging = { SMTP_URL: `smtp://127.0.0.1:${port}?greetingTimeout=600000&socketTimeout=600000` };

  const servers: TestServer[] = [];
  const newFolder = () => fs.mkdtempSync(path.join(folder, "server-"));
  async function start(dataDir: string, extra: Record<string, string> = {}): Promise<TestServer> {
    const urls = { DATABASE_URL: cluster.appUrl, DATABASE_OWNER_URL: cluster.ownerUrl };
    const server = await startServer({ dataDir, env: { ...urls, LATCHKEY_SECRET: "one secret for every node of the tests", ...extra } });
    servers.push(server);
    return server;
  }
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });
  afterAll(async () => {
    await database.end();
    await cluster.stop();
    mailServer.close();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Reports while somebody else holds the key, and kills: nothing was done but the answer. */
  async function reportAndKill(server: TestServer, key: { id: string; secret: string }): Promise<void> {
    await database.query("begin");
    await database.query('select from "Key" where "id" = $1 for update', [key.id]);
    const answer = await raw(server, "POST", "/v1/leaks", { json: { key: `KEY=${key.secret} # and nonsense` } });
    expect(answer.status).toBe(202);
    await server.kill();
    await database.query("rollback");
  }
  const left = async () => (await database.query('select * from "LeakReport"')).rows;
  const isDone = () => eventually(async () => (await left()).length === 0 || undefined, 60);
  const isRefused = (server: TestServer, key: { secret: string }) =>
    eventually(async () => (await raw(server, "GET", "/v1/me", { key: key.secret })).status === 401 || undefined, 60);
  const mailsAbout = (dataDir: string, key: { key_prefix: string }) =>
    mailsOf({ dataDir }).filter((mail) => mail.includes("Leaked: ") && mail.includes(key.key_prefix)).length;
  const reportsOf = async ({ id }: { id: string }) =>
    (await database.query(`select from "AuditEvent" where "targetId" = $1 and "action" = 'api_key.leak'`, [id])).rows.length;

  test("is dealt with when it starts again, and its mail goes out, also when that was all that was missing", {
    timeout: 240_000,
  }, async () => {
    const dataDir = newFolder();
    let server = await start(dataDir);
    const first = await apiOf(server);
    const person = await first.signUp();
    await first.newGroup(person);
    const [one, two] = [await first.newKey(person), await first.newKey(person)];

    await reportAndKill(server, one);
    const rows = await left();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(one.secret.slice(14));
    server = await start(dataDir, hanging);
    await isRefused(server, one);

    expect((await raw(server, "POST", "/v1/leaks", { json: { key: two.secret } })).status).toBe(202);
    await isRefused(server, two);
    expect([await left(), mailsAbout(dataDir, one), mailsAbout(dataDir, two)]).toEqual([[expect.anything(), expect.anything()], 0, 0]);
    await server.kill();
    server = await start(dataDir);
    await isDone();
    for (const key of [one, two]) expect([await reportsOf(key), mailsAbout(dataDir, key)]).toEqual([1, 1]);
  });

  test("is dealt with by one of the servers that are left", { timeout: 240_000 }, async () => {
    const folders = [newFolder(), newFolder(), newFolder()] as const;
    const [server, ...others] = [await start(folders[0]), await start(folders[1]), await start(folders[2])];
    const first = await apiOf(server);
    const person = await first.signUp();
    await first.newGroup(person);
    const key = await first.newKey(person);
    await reportAndKill(server, key);
    await isDone();
    for (const other of others) await isRefused(other, key);
    expect(await reportsOf(key)).toBe(1);
    expect(folders.reduce((sum, each) => sum + mailsAbout(each, key), 0)).toBe(1);
  });
});
