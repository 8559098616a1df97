// node scripts/run.mjs <script.ts> [arguments]: runs a TypeScript script of this repository the way the server runs.
import path from "node:path";
import { become, bundle, Failure, install, main, prepare, root } from "./prepare.mjs";

await main(async (handOver) => {
  const [script, ...rest] = process.argv.slice(2);
  if (!script) throw new Failure("Usage: node scripts/run.mjs <script.ts> [arguments]");
  await install();
  await prepare({ only: ["client"] });
  const file = path.join(root, ".build", `${path.basename(script, ".ts")}.mjs`);
  await bundle(script, file);
  process.argv = [process.execPath, file, ...rest];
  process.env.NODE_ENV ??= "production";
  await become(file, handOver);
});
