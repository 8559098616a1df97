// npm run bench [-- table|flat|memory|drain] [options]: installs what is missing, builds the server when it is stale, measures, tidies up.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Failure, install, isInstallStale, main, prepare, root, say, step, tool } from "../scripts/prepare.mjs";

const MEASUREMENTS = ["table", "flat", "memory", "drain"];
const bench = path.join(root, "bench");

await main(async (handOver) => {
  const { measurement, options } = readArguments();
  await install();
  await installBench();
  await prepare();
  // Not before: these import what was installed a moment ago.
  const { loadTool } = await import("./load.mjs");
  const { openStand } = await import("./stand.mjs");
  const { measure } = await import(`./${measurement}.mjs`);

  say(`${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} × ${os.cpus()[0]?.model.trim()}, Node.js ${process.versions.node}`);
  say(`Load by ${loadTool} on the same machine, over loopback; load average before it ${os.loadavg()[0].toFixed(1)}`);
  const stand = await openStand();
  // From here on a Ctrl-C has servers to stop.
  handOver();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stand.close().then(() => process.exit(130)));
  try {
    await measure(stand, options);
  } finally {
    await stand.close();
  }
});

function readArguments() {
  const known = { quick: { type: "boolean" }, only: { type: "string" }, rows: { type: "string" }, called: { type: "string" } };
  const usage = `Usage: npm run bench -- [${MEASUREMENTS.join("|")}] [--quick] [--only <row>,…] [--rows <number>] [--called <number>]`;
  try {
    const { values, positionals } = parseArgs({ options: known, allowPositionals: true });
    const [measurement = "table"] = positionals;
    const numbers = ["rows", "called"].filter((name) => values[name] !== undefined);
    if (!MEASUREMENTS.includes(measurement) || positionals.length > 1)
      throw new Error(`there is no measurement "${positionals.join(" ")}"`);
    for (const name of numbers) if (!/^[1-9]\d*$/.test(values[name])) throw new Error(`--${name} must be a whole number`);
    return {
      measurement,
      options: {
        quick: values.quick ?? false,
        only: values.only?.split(","),
        ...Object.fromEntries(numbers.map((n) => [n, Number(values[n])])),
      },
    };
  } catch (error) {
    throw new Failure(`${error.message}. ${usage}`);
  }
}

/** The rivals' packages: apart from the product's own, so that nobody who only runs Latchkey installs them. */
async function installBench() {
  const read = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined);
  if (!isInstallStale(read(path.join(bench, "package-lock.json")), read(path.join(bench, "node_modules/.package-lock.json")), false))
    return;
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  await step("Installing what is measured against", () =>
    tool("bench-install", [...npm, "ci", "--prefix", bench, "--loglevel=error"], {
      sentence: "The packages of bench/ could not be installed.",
    }),
  );
}
