import { fileURLToPath } from "node:url";
import { defineConfig } from "prisma/config";

// Prisma would download its native schema engine at the first command; the stand-in runs the WebAssembly build from npm.
if (process.platform !== "win32") {
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(new URL("./scripts/prisma-schema-engine.mjs", import.meta.url));
}

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env.DATABASE_OWNER_URL ?? process.env.DATABASE_URL ?? "postgresql://unset@127.0.0.1:1/unset" },
});
