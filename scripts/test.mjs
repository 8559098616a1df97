// npm test [-- checks|unit|api|rig|browser …]: installs what the tests need, runs every runner, and ends with "N passed, N failed".
// npm run test:rig [-- --short]: the rig alone (faults, kills, two nodes), in full rounds; RIG_SEED=<number> repeats a run.
// A part that fails does not keep the next ones from running; what it said is shown at once, what passed is one line.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { bundle, dim, Failure, green, install, main, prepare, red, root, step, tool } from "./prepare.mjs";

const PARTS = ["checks", "unit", "api", "rig", "browser"];
const MOUNTS = ["server", "next"];
const at = (...parts) => path.join(root, ...parts);
const bin = (name) => at("node_modules", ".bin", process.platform === "win32" ? `${name}.cmd` : name);
const total = { passed: 0, failed: 0, named: [] };

await main(async () => {
  const wanted = process.argv.slice(2).filter((word) => word !== "--full" && word !== "--short");
  const full = process.argv.includes("--full") && !process.argv.includes("--short");
  const unknown = wanted.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Failure(`There is no part "${unknown}": npm test -- ${PARTS.join("|")}`);
  const parts = wanted.length > 0 ? wanted : PARTS;

  await install({ dev: true });
  await prepare({ only: ["client"] });
  if (parts.includes("checks")) await checks();
  if (parts.includes("unit")) await vitest("Unit tests", "unit");
  if (parts.some((part) => ["api", "rig", "browser"].includes(part))) {
    const built = await check("Build", () => prepare());
    if (parts.includes("api")) for (const mount of MOUNTS) await publicApi(mount, built);
    if (parts.includes("rig")) await rig(full, built, wanted.length > 0);
    if (parts.includes("browser")) await browser(built);
  }

  // Once more at the end, where they are found: what they said stands far above.
  if (total.named.length > 0) process.stdout.write(`\n${total.named.map((line) => `  ${red("✗")} ${line}\n`).join("")}`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
});

// The parts

async function checks() {
  await check("Lint", () => tool("lint", [bin("biome"), "check", "--max-diagnostics=200", "."], failing("Lint found something")));
  await check("Types", async () => {
    // The routes' types, which Next would otherwise write only in a build.
    await tool("typegen", [bin("next"), "typegen"], failing("Next could not write the routes' types"));
    await tool("types", [bin("tsc"), "--noEmit"], failing("The types do not fit"));
  });
  await check("Unused code", () => tool("knip", [bin("knip"), "--no-progress"], failing("Something is not used")));
  await check("Schema and migrations agree", schemaInSync);
}

function failing(sentence) {
  return { sentence: `${sentence}.` };
}

/** A database made by our migrations must be what prisma/schema.prisma describes. */
async function schemaInSync() {
  const load = async (name) => {
    const file = at(".build", `${name}.mjs`);
    await bundle(`lib/${name}.ts`, file);
    return import(pathToFileURL(file).href);
  };
  const { startEmbedded } = await load("embedded");
  const { migrate } = await load("migrations");
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-schema-"));
  fs.chmodSync(dataDir, 0o711); // Started by root, the server runs as another user below it.
  const server = await startEmbedded({ dataDir, durable: false, log: () => {} });
  try {
    await migrate({ ownerUrl: server.ownerUrl, migrationsDir: at("prisma/migrations"), log: () => {} });
    const diff = ["migrate", "diff", "--from-config-datasource", "--to-schema", "prisma/schema.prisma", "--exit-code"];
    const said = await tool("schema", [process.execPath, at("node_modules/prisma/build/index.js"), ...diff], {
      env: { DATABASE_OWNER_URL: server.ownerUrl },
      ...failing("prisma/schema.prisma and prisma/migrations differ: make a migration"),
    });
    // Its exit code is also 0 when it could not connect.
    if (!/No difference detected/.test(said)) throw new Failure("Prisma could not compare the schema with the migrations.", said);
  } finally {
    await server.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

async function vitest(title, project, env = {}) {
  const report = at(".build", `${title.replaceAll(/\W+/g, "-").toLowerCase()}.json`);
  fs.rmSync(report, { force: true });
  const args = ["run", "--project", project, "--passWithNoTests", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  await runner(
    title,
    () => tool("vitest", [bin("vitest"), ...args], { env: { NODE_ENV: "test", ...env }, sentence: "" }),
    () => {
      const { numPassedTests, numFailedTests, testResults } = JSON.parse(fs.readFileSync(report, "utf8"));
      // A file that cannot even be loaded has no tests to count.
      const broken = testResults.filter(
        ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
      );
      const named = testResults.flatMap(({ name, assertionResults }) =>
        assertionResults
          .filter((test) => test.status === "failed")
          .map((test) => `${path.relative(root, name)} › ${test.fullName}: ${firstLine(test.failureMessages[0])}`),
      );
      for (const { name, message } of broken) named.push(`${path.relative(root, name)}: ${firstLine(message)}`);
      return { passed: numPassedTests, failed: numFailedTests + broken.length, named };
    },
  );
}

async function publicApi(mount, built) {
  const title = `Public API, mounted in ${mount}`;
  if (!built) return notRun(title);
  await vitest(title, "api", { LATCHKEY_TEST_MOUNT: mount });
}

/** Faults, kills and two nodes. `tell`: with the line that each test leaves about what it saw; they are in .build/rig.txt as well. */
async function rig(full, built, tell) {
  const title = full ? "Rig, full rounds" : "Rig, short rounds";
  if (!built) return notRun(title);
  if (!fs.existsSync("/proc/self/stat")) {
    process.stdout.write(`  ${dim(`– ${title}: not run, it stops and finds processes through /proc, which only Linux has`)}\n`);
    return;
  }
  const lines = at(".build", "rig.txt");
  fs.writeFileSync(lines, "");
  await vitest(title, "rig", { RIG: full ? "full" : "short", RIG_LINES: lines });
  if (tell) process.stdout.write(`${fs.readFileSync(lines, "utf8").replace(/^/gm, "    ").trimEnd()}\n`);
}

async function browser(built) {
  const title = "Browser journeys";
  if (!built) return notRun(title);
  const report = at(".build", "browser.json");
  fs.rmSync(report, { force: true });
  await runner(
    title,
    async () => {
      const chromium = await findBrowser();
      const env = { NODE_ENV: "test", PLAYWRIGHT_JSON_OUTPUT_NAME: report, ...(chromium ? { CHROMIUM_PATH: chromium } : {}) };
      return tool("playwright", [bin("playwright"), "test", "--pass-with-no-tests", "--reporter=list,json"], { env, sentence: "" });
    },
    () => {
      const { stats, errors, suites } = JSON.parse(fs.readFileSync(report, "utf8"));
      const specs = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specs)];
      const named = suites
        .flatMap(specs)
        .filter((spec) => !spec.ok)
        .map((spec) => `e2e/${spec.file}:${spec.line} › ${spec.title}: ${firstLine(spec.tests[0]?.results.at(-1)?.error?.message)}`);
      return { passed: stats.expected, failed: stats.unexpected + stats.flaky + errors.length, named };
    },
  );
}

// Counting

function firstLine(message) {
  return stripVTControlCharacters(message ?? "").split("\n")[0];
}

/** Something that passes or fails as one. */
async function check(title, work) {
  return runner(title, work, (failed) => ({ passed: failed ? 0 : 1, failed: failed ? 1 : 0 }));
}

/** Runs it, shows what went wrong, and adds what `count` reads from its report. A run that fails without a failed test counts as one. */
async function runner(title, work, count) {
  const start = Date.now();
  let failure;
  try {
    await step(title, work, { quiet: true });
  } catch (error) {
    failure = error;
  }
  let counted = { passed: 0, failed: 0 };
  try {
    counted = count(failure !== undefined);
  } catch (error) {
    failure ??= error;
  }
  if (failure !== undefined) {
    counted.failed = Math.max(counted.failed, 1);
    process.stdout.write(
      `\n${failure.output ?? failure.stack ?? failure}\n${failure.output && failure.message ? `\n${red(failure.message)}\n` : ""}\n`,
    );
  }
  if (counted.failed > 0) total.named.push(...(counted.named?.length ? counted.named : [title]));
  add(title, counted, `${Math.round((Date.now() - start) / 1000)} s`);
  return counted.failed === 0;
}

function notRun(title) {
  add(title, { passed: 0, failed: 1 }, "not run: the build failed");
}

function add(title, { passed, failed }, note) {
  total.passed += passed;
  total.failed += failed;
  const words = `${passed} passed${failed > 0 ? `, ${failed} failed` : ""}`;
  process.stdout.write(`  ${failed > 0 ? red("✗") : green("✓")} ${title}: ${words} ${dim(`(${note})`)}\n`);
}

// The browser

/** The path of a Chromium, or undefined when Playwright brings its own. Installs one when there is none. */
async function findBrowser() {
  const found = presentBrowser();
  if (found) return found.path;
  const tried = [];
  const attempt = async (title, command) => {
    try {
      await tool("browser", command, { sentence: title });
      return presentBrowser();
    } catch (error) {
      tried.push(`${title}: ${error.output?.split("\n").at(-1) ?? error.message}`);
      return undefined;
    }
  };
  const own = await attempt("npx playwright install chromium", [bin("playwright"), "install", "chromium"]);
  if (own) return own.path;
  if (process.getuid?.() === 0 && onPath("apt-get")) {
    const debian = await attempt("apt-get install chromium", [
      "sh",
      "-c",
      "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium",
    ]);
    if (debian) return debian.path;
  }
  throw new Failure(
    'The browser tests need Chromium, and it could not be installed: install it (on Debian "sudo apt-get install chromium") or name one in CHROMIUM_PATH.',
    tried.join("\n"),
  );
}

function presentBrowser() {
  if (process.env.CHROMIUM_PATH) return { path: process.env.CHROMIUM_PATH };
  const { chromium } = createRequire(at("package.json"))("@playwright/test");
  if (fs.existsSync(chromium.executablePath())) return { path: undefined };
  const name = ["chromium", "chromium-browser", "google-chrome"].map(onPath).find(Boolean);
  return name ? { path: name } : undefined;
}

function onPath(name) {
  const { status, stdout } = spawnSync(process.platform === "win32" ? "where" : "which", [name], { encoding: "utf8" });
  return status === 0 ? stdout.split("\n")[0].trim() : undefined;
}
