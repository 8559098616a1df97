// One throw-away PostgreSQL for a whole run, migrated once; every test database is a copy of it.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { startEmbedded } from "../embedded";
import { migrate } from "../migrations";

declare module "vitest" {
  interface ProvidedContext {
    cluster: { ownerUrl: string; appUrl: string };
  }
}

const PREFIX = "latchkey-unit-";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandoned();
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), `${PREFIX}${process.pid}-`));
  fs.chmodSync(dataDir, 0o711); // Started by root, the server runs as another user below it.
  const server = await startEmbedded({ dataDir, durable: false, log: () => {} });
  const migrationsDir = fileURLToPath(new URL("../../prisma/migrations", import.meta.url));
  await migrate({ ownerUrl: server.ownerUrl, appRole: new URL(server.appUrl).username, migrationsDir, log: () => {} });
  project.provide("cluster", { ownerUrl: server.ownerUrl, appUrl: server.appUrl });
  return async () => {
    await server.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  };
}

/** Servers of runs that were killed: nothing else would ever stop them. */
async function removeAbandoned(): Promise<void> {
  for (const name of fs.readdirSync(os.tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!pid || isAlive(pid)) continue;
    const dataDir = path.join(os.tmpdir(), name);
    const left = await startEmbedded({ dataDir, durable: false, log: () => {} }).catch(() => undefined);
    await left?.stop().catch(() => {});
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
