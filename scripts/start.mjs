// npm start, and npm run dev (--dev): prepares what is missing or old, then becomes the server.
import path from "node:path";
import { become, install, main, prepare, root } from "./prepare.mjs";

// A SIGTERM to npm ends npm and its shell but not this process, which would keep the port: leave with them.
const parent = process.ppid;
if (process.env.npm_lifecycle_event) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 500);
  watch.unref();
}

await main(async (handOver) => {
  const dev = process.argv.includes("--dev");
  await install();
  // In development Next compiles a page when it is asked for.
  await prepare(dev ? { only: ["client", "server"] } : {});
  process.env.NODE_ENV = dev ? "development" : "production";
  process.env.NEXT_TELEMETRY_DISABLED ??= "1";
  await become(path.join(root, ".build/server.mjs"), handOver);
});
