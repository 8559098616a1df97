import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Embedded, startEmbedded } from "./embedded";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-embedded-"));
fs.chmodSync(root, 0o711);
const running: Embedded[] = [];
let number = 0;

const newDir = () => path.join(root, String(++number));

async function start(dataDir: string, log: (line: string) => void = () => {}): Promise<Embedded> {
  const server = await startEmbedded({ dataDir, log });
  running.push(server);
  return server;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

const pidOf = (dataDir: string) => Number(fs.readFileSync(path.join(dataDir, "pg18", "postmaster.pid"), "utf8").split("\n")[0]);
const isUp = (dataDir: string) => fs.existsSync(path.join(dataDir, "pg18", "postmaster.pid"));

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await check().catch(() => false)) return;
    await sleep(100);
  }
  throw new Error("It did not become true within ten seconds");
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop().catch(() => {});
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

describe("the embedded database", () => {
  test("keeps its data, its port and its passwords from one start to the next", async () => {
    const dataDir = newDir();
    const first = await start(dataDir);
    expect(first.adopted).toBe(false);
    await ask(first.ownerUrl, "create table kept as select 42 as n");
    await first.stop();
    expect(isUp(dataDir)).toBe(false);
    const second = await start(dataDir);
    expect([second.ownerUrl, second.appUrl]).toEqual([first.ownerUrl, first.appUrl]);
    expect(await ask(second.ownerUrl, "select n from kept")).toBe(42);
  });

  test("gives the application a role that may create nothing, on this machine only, with durable commits", async () => {
    const dataDir = newDir();
    const server = await start(dataDir);
    expect(await ask(server.appUrl, "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user")).toBe(
      false,
    );
    await expect(ask(server.appUrl, "create table mine (n int)")).rejects.toThrow(/permission denied/);
    expect(
      await ask(
        server.ownerUrl,
        "select concat_ws(' ', current_setting('listen_addresses'), current_setting('fsync'), current_setting('synchronous_commit'))",
      ),
    ).toBe("127.0.0.1 on on");
    expect(fs.statSync(path.join(dataDir, "pg18", "latchkey.json")).mode & 0o777).toBe(0o600);
    await expect(ask(server.appUrl.replace(/:[0-9a-f]{48}@/, ":wrong@"), "select 1")).rejects.toThrow(/password/);
  });

  test("is shared by a second process and stopped by the last one that leaves", async () => {
    const dataDir = newDir();
    const first = await start(dataDir);
    const second = await start(dataDir);
    expect(second.adopted).toBe(true);
    await first.stop();
    expect(await ask(second.appUrl, "select 1")).toBe(1);
    await second.stop();
    expect(isUp(dataDir)).toBe(false);
  });

  test("survives two first starts at the same moment", async () => {
    const dataDir = newDir();
    const [one, two] = await Promise.all([start(dataDir), start(dataDir)]);
    expect(one?.ownerUrl).toBe(two?.ownerUrl);
    expect(fs.readdirSync(dataDir)).toEqual(["pg18"]);
  });

  test("that is killed is started again under the same address, with all that was committed", async () => {
    const dataDir = newDir();
    const lines: string[] = [];
    const server = await start(dataDir, (line) => lines.push(line));
    await ask(server.ownerUrl, "create table kept as select 42 as n");
    process.kill(pidOf(dataDir), "SIGKILL");
    await eventually(async () => (await ask(server.ownerUrl, "select n from kept")) === 42);
    await eventually(async () => lines.includes("The embedded database had stopped and was started again"));
  });

  test("is not fooled by a lock file that names another program", async () => {
    const dataDir = newDir();
    await (await start(dataDir)).stop();
    fs.writeFileSync(path.join(dataDir, "pg18", "postmaster.pid"), `${process.pid}\n${dataDir}/pg18\n0\n1\n\n127.0.0.1\n1 1\nready\n`);
    expect((await start(dataDir)).adopted).toBe(false);
  });

  test("moves to another port when its own is taken", async () => {
    const dataDir = newDir();
    const first = await start(dataDir);
    await first.stop();
    const port = Number(new URL(first.ownerUrl).port);
    const squatter = net.createServer().listen(port, "127.0.0.1");
    await once(squatter, "listening");
    const second = await start(dataDir);
    expect(new URL(second.ownerUrl).port).not.toBe(String(port));
    expect(await ask(second.appUrl, "select 1")).toBe(1);
    squatter.close();
  });

  test("starts after a first start that was interrupted half-way", async () => {
    const dataDir = newDir();
    fs.mkdirSync(path.join(dataDir, "pg18.new-2147483646-abc"), { recursive: true });
    await start(dataDir);
    expect(fs.readdirSync(dataDir)).toEqual(["pg18"]);
  });
});

describe("what cannot work is one sentence", () => {
  const sentence = async (dataDir: string) => {
    const error = await startEmbedded({ dataDir, log: () => {} }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    const { message } = error as Error;
    expect(message).not.toContain("\n");
    return message;
  };

  test("a data directory that is a file", async () => {
    const file = newDir();
    fs.writeFileSync(file, "");
    expect(await sentence(file)).toMatch(/^Cannot write to .* \(it is not a directory\): .* set DATA_DIR to another directory\.$/);
  });

  test("data of another PostgreSQL version, beside or inside", async () => {
    const beside = newDir();
    fs.mkdirSync(path.join(beside, "pg17"), { recursive: true });
    expect(await sentence(beside)).toMatch(/was made by PostgreSQL 17 and this version of Latchkey brings PostgreSQL 18/);
    const inside = newDir();
    fs.mkdirSync(path.join(inside, "pg18"), { recursive: true });
    fs.writeFileSync(path.join(inside, "pg18", "PG_VERSION"), "16\n");
    expect(await sentence(inside)).toMatch(/was made by PostgreSQL 16/);
  });

  test("settings that are gone", async () => {
    const dataDir = newDir();
    await (await start(dataDir)).stop();
    fs.rmSync(path.join(dataDir, "pg18", "latchkey.json"));
    expect(await sentence(dataDir)).toMatch(/latchkey\.json .* is missing or damaged: restore it from a backup/);
  });

  test("a server that refuses its configuration: its own last word", async () => {
    const dataDir = newDir();
    await (await start(dataDir)).stop();
    fs.appendFileSync(path.join(dataDir, "pg18", "postgresql.conf"), "\nnonsense = 1\n");
    expect(await sentence(dataDir)).toMatch(/^The embedded database did not start: .*(nonsense|configuration).* Its log is /);
  });

  test("a full disk", async (context) => {
    const mountPoint = newDir();
    fs.mkdirSync(mountPoint);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m,mode=711", "tmpfs", mountPoint], { stdio: "ignore" });
    } catch {
      return context.skip(); // Only root may mount.
    }
    try {
      expect(await sentence(mountPoint)).toBe(`The disk that holds ${mountPoint} is full: free some space and start again.`);
    } finally {
      execFileSync("umount", [mountPoint]);
    }
  });
});

describe("a process that dies without stopping", () => {
  let script: string;
  beforeAll(async () => {
    const { build } = await import("esbuild");
    script = path.join("node_modules", ".cache", `embedded-${process.pid}.mjs`);
    await build({
      stdin: {
        contents: `import { startEmbedded } from "./lib/embedded"; const s = await startEmbedded({ dataDir: process.argv[2], log() {} }); console.log(s.appUrl); setInterval(() => {}, 1000);`,
        resolveDir: process.cwd(),
      },
      outfile: script,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
    });
  });
  afterAll(() => fs.rmSync(script, { force: true }));

  test("leaves a server that the next start adopts and stops", async () => {
    const dataDir = newDir();
    const child: ChildProcess = spawn(process.execPath, [script, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
    if (child.stdout) await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isUp(dataDir)).toBe(true);
    const next = await start(dataDir);
    expect(next.adopted).toBe(true);
    await next.stop();
    expect(isUp(dataDir)).toBe(false);
  });
});
