import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { db, disconnect, writer } from "@/lib/db";
import { startEmbedded } from "@/lib/embedded";
import { ConfigError, type Env, provideEnv, secretCheck } from "@/lib/env";
import { connectionProblem, migrate } from "@/lib/migrations";

/**
 * Opens a deployment for a process: its secret, its database (embedded, unless DATABASE_URL names a server), the schema of this
 * code. The server and the commands begin here. Throws an error with one sentence; gives back what closes it again.
 */
export async function openDeployment(env: Env, say: (line: string) => void): Promise<() => Promise<void>> {
  const secret = env.secret ?? (await storedSecret(env.dataDir));
  const migrationsDir = join(process.cwd(), "prisma/migrations");
  let stop = async () => {};
  if (env.databaseUrl === null) {
    const embedded = await startEmbedded({ dataDir: resolve(env.dataDir), log: say });
    stop = () => embedded.stop();
    await migrate({ ownerUrl: embedded.ownerUrl, appRole: new URL(embedded.appUrl).username, migrationsDir, log: say });
    provideEnv({ ...env, secret, databaseUrl: embedded.appUrl, databaseOwnerUrl: embedded.ownerUrl });
  } else {
    const ownerUrl = env.databaseOwnerUrl ?? env.databaseUrl;
    const appRole = decodeURIComponent(new URL(env.databaseUrl).username);
    const apart = ownerUrl === env.databaseUrl ? {} : { appRole, setting: "DATABASE_OWNER_URL" };
    await migrate({ ownerUrl, ...apart, migrationsDir, log: say });
    provideEnv({ ...env, secret });
  }
  const close = async () => {
    await disconnect();
    await stop();
  };
  try {
    await checkSecret(env.databaseUrl);
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}

/** The secret of a deployment that was given none: made once, kept beside the data. */
async function storedSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, "secret");
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o711 });
    const kept = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? "" : Promise.reject(error),
    );
    if (kept.trim().length >= 32) return kept.trim();
    const made = randomBytes(32).toString("hex");
    await writeFile(file, `${made}\n`, { mode: 0o600 });
    const handle = await open(file);
    await handle.sync();
    await handle.close();
    return made;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC") throw new ConfigError(`The disk is full: nothing can be written to ${resolve(dataDir)}.`);
    if (code === "EEXIST" || code === "ENOTDIR") throw new ConfigError(`DATA_DIR is ${resolve(dataDir)}, which is not a directory.`);
    throw new ConfigError(
      `The data directory ${resolve(dataDir)} cannot be written to (${code}). Give this user the right to, or choose another: DATA_DIR=… npm start`,
    );
  }
}

/** Every process of a deployment must hold the same secret: sessions and cursors of one would be noise to another. */
async function checkSecret(url: string | null): Promise<void> {
  const check = secretCheck();
  try {
    await writer().deployment.createMany({ data: [{ id: "latchkey", secretCheck: check }], skipDuplicates: true });
  } catch (error) {
    throw url === null ? error : new ConfigError(connectionProblem(error, url));
  }
  const row = await db.deployment.findUniqueOrThrow({ where: { id: "latchkey" } });
  if (row.secretCheck !== check)
    throw new ConfigError(
      "LATCHKEY_SECRET is not the one this database was set up with. Start with that one: your own LATCHKEY_SECRET, or the file `secret` in the data directory of the first start.",
    );
}
