import { createHash, hkdfSync } from "node:crypto";
import { isIP } from "node:net";
import { z } from "zod";
import { once, provide } from "@/lib/runtime";

const KEY_PREFIX = /^[A-Za-z0-9_-]{1,24}$/;
const optional = (name: string) => z.string().trim().min(1, `${name} is empty; leave it out or give it a value.`).optional();
function isHttpOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && /^https?:\/\/[^/?#]+\/*$/i.test(text);
}

const databaseUrl = (name: string) =>
  z
    .string()
    .regex(/^postgres(ql)?:\/\//, { error: `${name} must begin with postgresql://.`, abort: true })
    .refine(
      (text) => URL.canParse(text) && isPercentEncoded(text),
      `${name} cannot be read: it should look like postgresql://user:password@host:5432/database, with other characters than letters and digits as %XX.`,
    )
    .optional();
function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const list = (text: string) => text.split(/[\s,]+/).filter(Boolean);
function isRange(entry: string): boolean {
  const [address = "", bits] = entry.split(/\/(.*)/s);
  const size = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return size > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= size));
}

/** Every variable of contract.md §11 that the code knows, with the sentence a wrong value earns. */
const Variables = z.object({
  PORT: z.coerce
    .number({ error: "PORT must be a number from 1 to 65535." })
    .int()
    .min(1, "PORT must be a number from 1 to 65535.")
    .max(65535, "PORT must be a number from 1 to 65535.")
    .default(3000),
  HOST: z.string().min(1).default("127.0.0.1"),
  PUBLIC_URL: z
    .string()
    .refine(isHttpOrigin, "PUBLIC_URL must be an address such as https://keys.example.com.")
    .transform((url) => url.replace(/\/+$/, ""))
    .optional(),
  DATA_DIR: z.string().min(1).default(".data"),
  LATCHKEY_SECRET: z
    .string()
    .refine((s) => Buffer.byteLength(s) >= 32, "LATCHKEY_SECRET must have 32 bytes or more.")
    .optional(),
  DATABASE_URL: databaseUrl("DATABASE_URL"),
  DATABASE_OWNER_URL: databaseUrl("DATABASE_OWNER_URL"),
  ADMIN_TOKEN: z.string().min(16, "ADMIN_TOKEN must have 16 characters or more.").optional(),
  KEY_PREFIX_LIVE: z.string().regex(KEY_PREFIX, "KEY_PREFIX_LIVE must be 1 to 24 of A-Z a-z 0-9 _ -.").default("lk_live_"),
  KEY_PREFIX_TEST: z.string().regex(KEY_PREFIX, "KEY_PREFIX_TEST must be 1 to 24 of A-Z a-z 0-9 _ -.").default("lk_test_"),
  TRUSTED_PROXIES: z
    .string()
    .refine((text) => list(text).every(isRange), "TRUSTED_PROXIES must be addresses or ranges such as 10.0.0.0/8, with commas between.")
    .default(""),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//, "SMTP_URL must begin with smtp:// or smtps://.")
    .optional(),
  MAIL_FROM: optional("MAIL_FROM"),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"], { error: "LOG_LEVEL must be debug, info, warn, error or silent." })
    .default("info"),
  SIGN_UP: z.enum(["open", "invite", "closed"], { error: "SIGN_UP must be open, invite or closed." }).default("open"),
});

export class ConfigError extends Error {}

export interface Env {
  port: number;
  host: string;
  /** The canonical origin without a trailing slash. */
  publicUrl: string;
  /** False when `publicUrl` is only a guess from HOST and PORT. */
  publicUrlIsSet: boolean;
  dataDir: string;
  databaseUrl: string | null;
  databaseOwnerUrl: string | null;
  adminToken: string | null;
  keyPrefixes: { live: string; test: string };
  trustedProxies: string[];
  smtpUrl: string | null;
  mailFrom: string;
  logLevel: "debug" | "info" | "warn" | "error" | "silent";
  signUp: "open" | "invite" | "closed";
  secret: string | null;
}

/** Throws ConfigError with one sentence per fault. */
export function parseEnv(raw: Record<string, string | undefined>): Env {
  const present = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = Variables.safeParse(present);
  if (!parsed.success)
    throw new ConfigError(
      parsed.error.issues
        .map((issue) =>
          issue.message.includes(String(issue.path[0])) ? issue.message : `${String(issue.path[0])} is not valid: ${issue.message}.`,
        )
        .join("\n"),
    );
  const v = parsed.data;
  if (v.KEY_PREFIX_LIVE === v.KEY_PREFIX_TEST) throw new ConfigError("KEY_PREFIX_LIVE and KEY_PREFIX_TEST must differ.");
  if (v.DATABASE_URL !== undefined && v.LATCHKEY_SECRET === undefined)
    throw new ConfigError(
      "LATCHKEY_SECRET is required with DATABASE_URL: every node must hold the same one. Make one with: openssl rand -hex 32",
    );
  const shownHost = v.HOST === "0.0.0.0" || v.HOST === "::" || v.HOST === "127.0.0.1" ? "localhost" : v.HOST;
  return {
    port: v.PORT,
    host: v.HOST,
    publicUrl: v.PUBLIC_URL ?? `http://${shownHost.includes(":") ? `[${shownHost}]` : shownHost}:${v.PORT}`,
    publicUrlIsSet: v.PUBLIC_URL !== undefined,
    dataDir: v.DATA_DIR,
    databaseUrl: v.DATABASE_URL ?? null,
    databaseOwnerUrl: v.DATABASE_OWNER_URL ?? null,
    adminToken: v.ADMIN_TOKEN ?? null,
    keyPrefixes: { live: v.KEY_PREFIX_LIVE, test: v.KEY_PREFIX_TEST },
    trustedProxies: list(v.TRUSTED_PROXIES),
    smtpUrl: v.SMTP_URL ?? null,
    mailFrom: v.MAIL_FROM ?? "Latchkey <latchkey@localhost>",
    logLevel: v.LOG_LEVEL,
    signUp: v.SIGN_UP,
    secret: v.LATCHKEY_SECRET ?? null,
  };
}

/** The configuration of this process: what the server put in place, else the environment's. */
export function env(): Env {
  return once("env", () => parseEnv(process.env));
}

export function provideEnv(value: Env): Env {
  return provide("env", value);
}

/** 32 bytes for one purpose, derived from LATCHKEY_SECRET by HKDF-SHA-256 (RFC 5869), as hex. Throws when no secret is known yet. */
export function derivedKey(purpose: "session" | "encryption" | "signing" | "check"): string {
  const { secret } = env();
  if (secret === null) throw new Error("LATCHKEY_SECRET is not known yet");
  return Buffer.from(hkdfSync("sha256", secret, "latchkey", purpose, 32)).toString("hex");
}

/** What the database keeps to recognise the right LATCHKEY_SECRET; says nothing about it. */
export function secretCheck(): string {
  return createHash("sha256").update(derivedKey("check")).digest("hex");
}
