import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (place: string) => fileURLToPath(new URL(place, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@\//, replacement: at("./") },
      // Outside of Next's bundler the package throws; its own empty half does not.
      { find: "server-only", replacement: at("./node_modules/server-only/empty.js") },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["lib/**/*.test.ts", "components/**/*.test.{ts,tsx}", "scripts/**/*.test.ts"],
          globalSetup: "lib/testing/global-setup.ts",
          // What hangs is ended; what is slow on a busy machine is not.
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Two cores are what a build machine has; the database needs one of them.
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "api",
          include: ["e2e/api/**/*.spec.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // Every file starts servers of its own.
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "rig",
          include: ["e2e/rig/**/*.spec.ts"],
          testTimeout: process.env.RIG === "full" ? 3_600_000 : 300_000,
          hookTimeout: 180_000,
          // Every file starts a deployment, and measures.
          fileParallelism: false,
        },
      },
    ],
  },
});
