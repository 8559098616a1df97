// What stands between a checkout and a running server: dependencies, the Prisma client, Next's pages, the bundled server.
// Promises: each part is made again exactly when its sources changed; a part that was interrupted is made again; every failure is one
// sentence, after the output of the tool that failed. Only node: modules at the top: this runs before the first dependency exists.
// `npm run build` runs this file itself.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => path.join(root, ...parts);
const OLDEST_NODE = [20, 19];
const PACKAGES_MEGABYTES = 1200;

/** What the pages and the server are made from. Tests and documents are not among it. */
const SOURCES = [
  "app",
  "components",
  "lib",
  "public",
  "prisma/schema.prisma",
  "server.ts",
  "latchkey.config.ts",
  "next.config.ts",
  "postcss.config.mjs",
  "tsconfig.json",
  "package-lock.json",
];
const SCHEMA = ["prisma/schema.prisma", "prisma.config.ts", "package-lock.json"];

/** A failure that the reader can do something about: printed as its sentence, under what the tool said. */
export class Failure extends Error {
  constructor(sentence, output = "") {
    super(sentence);
    this.output = output;
  }
}

// The steps

export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new Failure(
    `Latchkey needs Node.js ${OLDEST_NODE.join(".")} or newer, and this is ${version}: install a current one from https://nodejs.org.`,
  );
}

/** Runs `npm ci` when node_modules is not what package-lock.json says. `dev` asks for the tools of the tests as well. */
export async function install({ dev = false } = {}) {
  if (!isInstallStale(readJson(at("package-lock.json")), readJson(at("node_modules/.package-lock.json")), dev)) return;
  await alone(async () => {
    if (!isInstallStale(readJson(at("package-lock.json")), readJson(at("node_modules/.package-lock.json")), dev)) return;
    if (!fs.existsSync(at("node_modules")) && freeMegabytes() < PACKAGES_MEGABYTES) {
      throw new Failure(
        `Installing the packages needs ${PACKAGES_MEGABYTES} MB on the disk that holds ${root}, and ${Math.floor(freeMegabytes())} MB are free: free some space and start again.`,
      );
    }
    // Always all of them: an install without the tools, redone for the tests, would take twice as long.
    const npm = process.env.npm_execpath?.endsWith("npm-cli.js")
      ? [process.execPath, process.env.npm_execpath]
      : [process.platform === "win32" ? "npm.cmd" : "npm"];
    await step("Installing packages", () =>
      tool("install", [...npm, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]),
    );
  });
}

/** Makes those of the parts that are missing or older than their sources. */
export async function prepare({ force = false, only = ["client", "server", "pages"] } = {}) {
  const wanted = Object.fromEntries(only.map((part) => [part, hashOf(part === "client" ? SCHEMA : SOURCES)]));
  const stale = () => only.filter((part) => force || !isMade(part) || readStamp()[part] !== wanted[part]);
  if (stale().length === 0) return;
  await alone(async () => {
    // Asked again: whoever had the lock before may have made everything.
    for (const part of stale()) {
      writeStamp(part, undefined);
      await make[part]();
      writeStamp(part, wanted[part]);
    }
  });
}

const make = {
  client: () =>
    step("Generating the database client", () => tool("prisma", [process.execPath, at("node_modules/prisma/build/index.js"), "generate"])),
  server: () => step("Bundling the server", () => bundle("server.ts", at(".build/server.mjs"))),
  pages: () => step("Building the pages", () => tool("next", [process.execPath, at("node_modules/next/dist/bin/next"), "build"])),
};

function isMade(part) {
  return fs.existsSync(at({ client: "prisma/generated", server: ".build/server.mjs", pages: ".next/BUILD_ID" }[part]));
}

/** One file of JavaScript for plain Node from a TypeScript entry. Packages stay outside; our own "@/…" modules go in. */
export async function bundle(entry, outfile) {
  const { build } = await import("esbuild");
  try {
    await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      packages: "external",
      sourcemap: true,
      logLevel: "silent",
      // Outside of Next's bundler this package throws; its own empty half does not.
      alias: { "@": root.replace(/[/\\]$/, ""), "server-only": at("node_modules/server-only/empty.js") },
    });
  } catch (error) {
    const messages = error.errors ?? [];
    const said = messages.map(({ text, location }) => (location ? `${location.file}:${location.line}: ${text}` : text)).join("\n");
    throw explain(said || String(error), `${entry} could not be bundled.`);
  }
}

// Staleness

/** Whether the installed packages differ from the locked ones. What npm may leave out (optional, other platforms) does not count. */
export function isInstallStale(lock, installed, dev) {
  if (installed === undefined) return true;
  return Object.entries(lock.packages).some(([place, { version, integrity, optional, devOptional, dev: tool }]) => {
    if (place === "") return false;
    const found = installed.packages[place];
    if (found === undefined) return !optional && !devOptional && (dev || !tool);
    return found.version !== version || (integrity !== undefined && found.integrity !== undefined && found.integrity !== integrity);
  });
}

/** A digest of names and contents of these files and folders below `base`. */
export function hashOf(places, base = root) {
  const hash = createHash("sha256");
  for (const place of places) {
    for (const file of filesOf(path.join(base, place))) {
      const content = fs.readFileSync(file);
      hash.update(`${path.relative(base, file).replaceAll("\\", "/")}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest("hex");
}

function filesOf(place) {
  const found = fs.statSync(place, { throwIfNoEntry: false });
  if (!found) return [];
  if (found.isFile()) return [place];
  return fs
    .readdirSync(place)
    .sort()
    .filter((name) => !name.startsWith(".") && name !== "testing" && !/\.(test|spec)\.tsx?$/.test(name))
    .flatMap((name) => filesOf(path.join(place, name)));
}

const readStamp = () => readJson(at(".build/stamp.json")) ?? {};

function writeStamp(part, hash) {
  writable(() => {
    fs.mkdirSync(at(".build"), { recursive: true });
    fs.writeFileSync(at(".build/stamp.json"), JSON.stringify({ ...readStamp(), [part]: hash }));
  });
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

// Running tools

let current;

/** Ends the tool in progress: for whoever is told to stop meanwhile. */
export const stopTool = () => current?.kill("SIGTERM");

/**
 * Runs a program. Resolves with its output, or throws a Failure that holds the end of it; all of it is then in .build/<name>.log.
 * With a `sentence` of the caller the output is not searched for causes: what a test prints is about the test.
 */
export function tool(name, [command, ...args], { env = {}, sentence } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: {
        ...process.env,
        NODE_ENV: "production",
        NEXT_TELEMETRY_DISABLED: "1",
        CHECKPOINT_DISABLE: "1",
        PRISMA_HIDE_UPDATE_MESSAGE: "1",
        // One of the two only: Node.js complains about both.
        FORCE_COLOR: "0",
        NO_COLOR: undefined,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
      shell: command.endsWith(".cmd"),
    });
    current = child;
    // Kept in memory until the end: on a full disk a log file would miss just the line that says so.
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", (error) => reject(new Failure(`${command} could not be started (${error.message}).`)));
    child.on("close", (code, signal) => {
      current = undefined;
      const log = at(".build", `${name}.log`);
      let kept = "";
      try {
        fs.mkdirSync(path.dirname(log), { recursive: true });
        fs.writeFileSync(log, output);
        kept = `; all of its output is in ${path.relative(root, log)}`;
      } catch {
        // The failure below matters more than its log.
      }
      if (code === 0) return resolve(output);
      if (sentence !== undefined) return reject(new Failure(sentence, tail(output, 300)));
      reject(explain(output, `${SENTENCES[name]} failed (${signal ?? `exit code ${code}`})${kept}.`));
    });
  });
}

const SENTENCES = { install: "Installing the packages", prisma: "Generating the database client", next: "Building the pages" };

/** The failures that have nothing to do with our code, in the reader's words; else the end of what the tool said, and `sentence`. */
export function explain(output, sentence) {
  // npm writes half a file on a full disk and fails later over something else.
  if (/ENOSPC|no space left on device|EDQUOT/i.test(output) || freeMegabytes() < 20)
    return new Failure(`The disk that holds ${root} is full: free some space and start again.`);
  if (/EACCES|EROFS|EPERM: operation not permitted/.test(output))
    return new Failure(`Cannot write to ${root}: give the user who starts Latchkey write access to it.`, tail(output));
  if (/(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT)/.test(output)) {
    return new Failure("npm cannot reach its registry: check the network (and the proxy, if there is one) and start again.", tail(output));
  }
  if (/heap out of memory|ENOMEM/.test(output))
    return new Failure("There is not enough memory to build: about 1 GB must be free.", tail(output));
  return new Failure(sentence, tail(output));
}

function freeMegabytes() {
  const { bavail, bsize } = fs.statfsSync(root);
  return (bavail * bsize) / 1e6;
}

const tail = (output, lines = 40) => output.trimEnd().split("\n").slice(-lines).join("\n");

function writable(work) {
  try {
    return work();
  } catch (error) {
    throw new Failure(explain(error.message, error.message).message);
  }
}

/** One process prepares a checkout at a time: two builds into the same folders would spoil each other. */
async function alone(work) {
  const file = at(".build/preparing");
  writable(() => fs.mkdirSync(at(".build"), { recursive: true }));
  for (let told = false; ; await sleep(200)) {
    const free = writable(() => {
      try {
        fs.writeFileSync(file, String(process.pid), { flag: "wx" });
        return true;
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
        return false;
      }
    });
    if (free) break;
    if (!isAlive(Number(readText(file)))) fs.rmSync(file, { force: true });
    else if (!told) say("Another process is preparing this checkout; waiting for it");
    told = true;
  }
  const release = () => fs.rmSync(file, { force: true });
  process.once("exit", release);
  try {
    await work();
  } finally {
    release();
    process.off("exit", release);
  }
}

function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isAlive(pid) {
  if (!pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

// What the terminal shows

const colourful = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) => (colourful ? `\x1b[${code}m${text}\x1b[0m` : text);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);

export const say = (line) => process.stdout.write(`  ${line}\n`);

let inStep = false;

/** Shows that something takes a while, and for how long it has. A step inside a step is silent; a quiet one leaves no line behind. */
export async function step(title, work, { quiet = false } = {}) {
  if (inStep) return work();
  inStep = true;
  const start = Date.now();
  const { isTTY } = process.stdout;
  const seconds = () => `${Math.round((Date.now() - start) / 1000)} s`;
  const show = (text) => (isTTY ? process.stdout.write(`\r\x1b[2K  ${text}`) : say(text));
  const leave = (mark) => isTTY && process.stdout.write(quiet ? "\r\x1b[2K" : `\r\x1b[2K  ${mark} ${title} ${dim(`(${seconds()})`)}\n`);
  if (isTTY || !quiet) show(`${title} …`);
  const timer = setInterval(() => show(`${title} … ${seconds()}`), isTTY ? 1000 : 10_000);
  try {
    const result = await work();
    leave(green("✓"));
    return result;
  } catch (error) {
    leave(red("✗"));
    throw error;
  } finally {
    clearInterval(timer);
    inStep = false;
  }
}

/** Runs a command's work; a failure is shown and becomes exit code 1. */
export async function main(work) {
  process.chdir(root);
  const stop = (signal) => {
    stopTool();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  try {
    checkNode();
    await work(() => {
      for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, stop);
    });
  } catch (error) {
    if (error instanceof Failure) {
      if (error.output) process.stderr.write(`\n${dim(error.output)}\n`);
      process.stderr.write(`\n${red(error.message)}\n`);
    } else {
      console.error(error);
    }
    process.exit(1);
  }
}

/** Hands this process over to a bundle: one process less to forward signals and exit codes between. */
export async function become(file, handOver) {
  process.noDeprecation = true; // Ours to read, in development; not our users'.
  process.setSourceMapsEnabled(true);
  handOver();
  await import(pathToFileURL(file).href);
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await install();
    await prepare({ force: process.argv.includes("--force") });
  });
}
