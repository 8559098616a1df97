import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { startEmbedded } from "@/lib/embedded";
import { startServer } from "@/lib/testing/server";
import { apiOf } from "./client";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-start-"));
fs.chmodSync(root, 0o711);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
let number = 0;
const newDir = () => {
  const dir = path.join(root, String(++number));
  fs.mkdirSync(dir, { mode: 0o711 });
  return dir;
};

interface Exit {
  code: number | null;
  stderr: string;
  seconds: number;
}

/** Starts a server that is expected to give up. */
function start(env: Record<string, string>): Promise<Exit> {
  const begun = Date.now();
  const child = spawn(process.execPath, [path.resolve(".build/server.mjs")], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      PORT: "0",
      DATA_DIR: newDir(),
      ...env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const tooLong = setTimeout(() => child.kill("SIGKILL"), 15_000);
  return new Promise((done) => {
    child.on("close", (code) => {
      clearTimeout(tooLong);
      done({ code, stderr, seconds: (Date.now() - begun) / 1000 });
    });
  });
}

function expectSentence({ code, stderr, seconds }: Exit, sentence: RegExp): void {
  const lines = stderr.split("\n").filter(Boolean);
  expect(lines).toEqual(["Latchkey cannot start.", expect.stringMatching(sentence)]);
  expect(lines[1]).toMatch(/\.$|: openssl rand -hex 32$|npm start$/);
  expect(code).toBe(1);
  expect(seconds).toBeLessThan(10);
}

const freePort = () =>
  new Promise<number>((done) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => done(port));
    });
  });

const SECRET = "one secret for every node of the tests";
const PORT = String(await freePort());

describe("a start that cannot succeed ends within ten seconds with one sentence", () => {
  test("the port is taken", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    const { port } = await new Promise<net.AddressInfo>((done) => other.on("listening", () => done(other.address() as net.AddressInfo)));
    const dataDir = newDir();
    expectSentence(
      await start({ PORT: String(port), DATA_DIR: dataDir }),
      new RegExp(`^Port ${port} is taken by another program.*PORT=${port + 1} npm start$`),
    );
    expect(fs.readdirSync(dataDir)).toEqual([]); // said before anything was made
    other.close();
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["a port that is none", { PORT: "web" }, /^PORT must be a number from 1 to 65535\.$/],
    ["a host that is not this machine", { PORT, HOST: "203.0.113.7" }, /^HOST=203\.0\.113\.7 is not an address of this machine\.$/],
    ["a short operator's token", { PORT, ADMIN_TOKEN: "short" }, /^ADMIN_TOKEN must have 16 characters or more\.$/],
    ["a short secret", { PORT, LATCHKEY_SECRET: "short" }, /^LATCHKEY_SECRET must have 32 bytes or more\.$/],
    [
      "one prefix for both environments",
      { PORT, KEY_PREFIX_LIVE: "k_", KEY_PREFIX_TEST: "k_" },
      /^KEY_PREFIX_LIVE and KEY_PREFIX_TEST must differ\.$/,
    ],
    ["a proxy that is no address", { PORT, TRUSTED_PROXIES: "10.0.0.0/x" }, /^TRUSTED_PROXIES must be/],
    ["an unknown level of logging", { PORT, LOG_LEVEL: "loud" }, /^LOG_LEVEL must be/],
    [
      "a database that is no PostgreSQL",
      { PORT, DATABASE_URL: "mysql://a@b/c", LATCHKEY_SECRET: SECRET },
      /^DATABASE_URL must begin with postgresql:\/\/\.$/,
    ],
    [
      "a database without the secret",
      { PORT, DATABASE_URL: "postgresql://a@127.0.0.1:1/c" },
      /^LATCHKEY_SECRET is required with DATABASE_URL/,
    ],
    [
      "a database where nothing listens",
      { PORT, DATABASE_URL: "postgresql://user:hunter2@127.0.0.1:1/latchkey", LATCHKEY_SECRET: SECRET },
      /^Cannot use the database at 127\.0\.0\.1:1: nothing listens there\. Check DATABASE_URL\.$/,
    ],
    [
      "a data directory that nobody can write to",
      { PORT, DATA_DIR: "/sys/latchkey" },
      /^The data directory \/sys\/latchkey cannot be written to/,
    ],
    ["a data directory below a file", { PORT, DATA_DIR: path.join(root, "file", "data") }, /^DATA_DIR is .*, which is not a directory\.$/],
  ])("%s", async (_, env, sentence) => {
    fs.writeFileSync(path.join(root, "file"), "");
    const exit = await start(env);
    expectSentence(exit, sentence);
    expect(exit.stderr).not.toContain("hunter2");
  });

  test("several faults: one sentence each", async () => {
    const { code, stderr } = await start({ PORT: "web", LOG_LEVEL: "loud" });
    expect([
      code,
      stderr
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split(" ")[0]),
    ]).toEqual([1, ["Latchkey", "PORT", "LOG_LEVEL"]]);
  });

  test("a database made by another PostgreSQL", async () => {
    const dataDir = newDir();
    fs.mkdirSync(path.join(dataDir, "pg12"));
    fs.writeFileSync(path.join(dataDir, "pg12", "PG_VERSION"), "12\n");
    expectSentence(await start({ PORT, DATA_DIR: dataDir }), /was made by PostgreSQL 12/);
  });

  test("another secret than the one the data was set up with; with the right one it starts again, and all is there", async () => {
    const dataDir = newDir();
    const first = await startServer({ dataDir, env: { LATCHKEY_SECRET: SECRET } });
    const api = await apiOf(first);
    const person = await api.signUp();
    await api.newGroup(person);
    const key = await api.newKey(person);
    const called = await api.send("GET", "/v1/status", { key: key.secret });
    // Told to stop at once after the answer: what it holds in memory is written before it leaves.
    expect([called.status, await first.stop()]).toEqual([200, 0]);

    expectSentence(
      await start({ PORT, DATA_DIR: dataDir, LATCHKEY_SECRET: "quite another secret, as long as it has to be" }),
      /^LATCHKEY_SECRET is not the one this database was set up with\./,
    );

    const again = await startServer({ dataDir, env: { LATCHKEY_SECRET: SECRET } });
    try {
      const later = await apiOf(again);
      const logs = await later.send("GET", `/v1/logs?key_id=${key.id}`, { as: person });
      expect(logs.json.data.map(({ request_id }: { request_id: string }) => request_id)).toEqual([called.headers["x-request-id"]]);
      expect((await later.send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
      expect(again.logs()).toContain("with your e-mail and password");
    } finally {
      await again.stop();
    }
  });

  test("a wrong user, password or name of the database, and another secret than its other nodes have", async () => {
    const clusterDir = newDir();
    const cluster = await startEmbedded({ dataDir: clusterDir, durable: false, log: () => {} });
    const changed = (change: (url: URL) => void) => {
      const url = new URL(cluster.ownerUrl);
      change(url);
      return { PORT, DATABASE_URL: url.href, LATCHKEY_SECRET: SECRET };
    };
    try {
      expectSentence(
        await start(changed((url) => Object.assign(url, { password: "hunter2" }))),
        /it refuses the user name or password\. Check DATABASE_URL\.$/,
      );
      expectSentence(
        await start(changed((url) => Object.assign(url, { username: "nobody" }))),
        /it refuses the user name or password\. Check DATABASE_URL\.$/,
      );
      expectSentence(
        await start(changed((url) => Object.assign(url, { pathname: "/nothing" }))),
        /it has no database named "nothing"\. Check DATABASE_URL\.$/,
      );
      const node = await startServer({ env: changed(() => {}) });
      await node.stop();
      expectSentence(
        await start({ ...changed(() => {}), LATCHKEY_SECRET: "quite another secret, as long as it has to be" }),
        /^LATCHKEY_SECRET is not the one this database was set up with\./,
      );
    } finally {
      await cluster.stop();
    }
  });
});
