import { describe, expect, test } from "vitest";
import { ConfigError, derivedKey, parseEnv, provideEnv, secretCheck } from "@/lib/env";

const LONG = "0123456789abcdef0123456789abcdef";

test("every variable may be left out", () => {
  expect(parseEnv({})).toEqual({
    port: 3000,
    host: "127.0.0.1",
    publicUrl: "http://localhost:3000",
    publicUrlIsSet: false,
    dataDir: ".data",
    databaseUrl: null,
    databaseOwnerUrl: null,
    adminToken: null,
    keyPrefixes: { live: "lk_live_", test: "lk_test_" },
    trustedProxies: [],
    smtpUrl: null,
    mailFrom: "Latchkey <latchkey@localhost>",
    logLevel: "info",
    signUp: "open",
    secret: null,
  });
});

test("an empty variable counts as left out", () => {
  const empty = Object.fromEntries(
    ["PORT", "HOST", "PUBLIC_URL", "DATA_DIR", "LATCHKEY_SECRET", "DATABASE_URL", "ADMIN_TOKEN", "LOG_LEVEL", "SIGN_UP"].map((name) => [
      name,
      "",
    ]),
  );
  expect(parseEnv(empty)).toEqual(parseEnv({}));
});

describe("a value is taken", () => {
  test.each<[Record<string, string>, object]>([
    [{ PORT: "65535" }, { port: 65535, publicUrl: "http://localhost:65535" }],
    [{ HOST: "0.0.0.0" }, { host: "0.0.0.0", publicUrl: "http://localhost:3000" }],
    [{ HOST: "192.0.2.1" }, { publicUrl: "http://192.0.2.1:3000" }],
    [{ HOST: "2001:db8::1" }, { publicUrl: "http://[2001:db8::1]:3000" }],
    [{ PUBLIC_URL: "https://keys.example.com//" }, { publicUrl: "https://keys.example.com", publicUrlIsSet: true }],
    [{ LATCHKEY_SECRET: LONG }, { secret: LONG }],
    [{ LATCHKEY_SECRET: "ü".repeat(16) }, { secret: "ü".repeat(16) }],
    [{ DATABASE_URL: "postgresql://a@b/c", LATCHKEY_SECRET: LONG }, { databaseUrl: "postgresql://a@b/c" }],
    [{ DATABASE_URL: "postgres://a@b/c", LATCHKEY_SECRET: LONG }, { databaseUrl: "postgres://a@b/c" }],
    [{ ADMIN_TOKEN: "0123456789abcdef" }, { adminToken: "0123456789abcdef" }],
    [{ KEY_PREFIX_LIVE: "pplx-", KEY_PREFIX_TEST: "pplx-test-" }, { keyPrefixes: { live: "pplx-", test: "pplx-test-" } }],
    [{ KEY_PREFIX_LIVE: "a".repeat(24) }, { keyPrefixes: { live: "a".repeat(24), test: "lk_test_" } }],
    [{ TRUSTED_PROXIES: "10.0.0.0/8, 127.0.0.1 ::1" }, { trustedProxies: ["10.0.0.0/8", "127.0.0.1", "::1"] }],
    [
      { LOG_LEVEL: "silent", SIGN_UP: "closed" },
      { logLevel: "silent", signUp: "closed" },
    ],
    [
      { SMTP_URL: "smtps://u:p@mail.example.com", MAIL_FROM: "Keys <keys@example.com>" },
      { smtpUrl: "smtps://u:p@mail.example.com", mailFrom: "Keys <keys@example.com>" },
    ],
    [{ SOMETHING_ELSE: "x" }, { port: 3000 }],
  ])("%j", (variables, values) => {
    expect(parseEnv(variables)).toMatchObject(values);
  });
});

describe("a wrong value earns one sentence that names it", () => {
  test.each<[Record<string, string>, RegExp]>([
    [{ PORT: "abc" }, /^PORT must be a number from 1 to 65535\.$/],
    [{ PORT: "0" }, /^PORT must be a number from 1 to 65535\.$/],
    [{ PORT: "65536" }, /^PORT must be a number from 1 to 65535\.$/],
    [{ PORT: "-1" }, /^PORT must be a number from 1 to 65535\.$/],
    [{ PORT: "80.5" }, /^PORT must be a number from 1 to 65535\.$/],
    [{ PUBLIC_URL: "keys.example.com" }, /^PUBLIC_URL must be an address/],
    [{ PUBLIC_URL: "javascript:alert(1)" }, /^PUBLIC_URL must be an address/],
    [{ LATCHKEY_SECRET: LONG.slice(1) }, /^LATCHKEY_SECRET must have 32 bytes or more\.$/],
    [{ DATABASE_URL: "mysql://a@b/c", LATCHKEY_SECRET: LONG }, /^DATABASE_URL must begin with postgresql:\/\/\.$/],
    [{ DATABASE_URL: "postgresql://a@b/c" }, /^LATCHKEY_SECRET is required with DATABASE_URL/],
    [{ DATABASE_OWNER_URL: "b/c" }, /^DATABASE_OWNER_URL must begin with postgresql:\/\/\.$/],
    [{ ADMIN_TOKEN: "0123456789abcde" }, /^ADMIN_TOKEN must have 16 characters or more\.$/],
    [{ KEY_PREFIX_LIVE: "a".repeat(25) }, /^KEY_PREFIX_LIVE must be 1 to 24/],
    [{ KEY_PREFIX_LIVE: "lk live" }, /^KEY_PREFIX_LIVE must be 1 to 24/],
    [{ KEY_PREFIX_TEST: "lk_ü" }, /^KEY_PREFIX_TEST must be 1 to 24/],
    [{ KEY_PREFIX_TEST: "lk_live_" }, /^KEY_PREFIX_LIVE and KEY_PREFIX_TEST must differ\.$/],
    [{ TRUSTED_PROXIES: "10.0.0.0/x" }, /^TRUSTED_PROXIES must/],
    [{ TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/33" }, /^TRUSTED_PROXIES must/],
    [{ TRUSTED_PROXIES: "proxy.example.com" }, /^TRUSTED_PROXIES must/],
    [{ SMTP_URL: "mail.example.com" }, /^SMTP_URL must begin with smtp/],
    [{ LOG_LEVEL: "loud" }, /^LOG_LEVEL must be debug/],
    [{ SIGN_UP: "no" }, /^SIGN_UP must be open/],
  ])("%j", (variables, sentence) => {
    const fault = faultOf(variables);
    expect(fault).toBeInstanceOf(ConfigError);
    expect(fault.message).toMatch(sentence);
    expect(fault.message.split("\n")).toHaveLength(1);
  });

  test("each of several", () => {
    expect(
      faultOf({ PORT: "x", LOG_LEVEL: "loud", SIGN_UP: "no" })
        .message.split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual(["PORT", "LOG_LEVEL", "SIGN_UP"]);
  });

  test("and never repeats a secret", () => {
    const { message } = faultOf({
      LATCHKEY_SECRET: "hunter2",
      ADMIN_TOKEN: "hunter2",
      DATABASE_URL: "mysql://u:hunter2@b/c",
      SMTP_URL: "u:hunter2@mail",
    });
    expect(message).not.toContain("hunter2");
    expect(message.split("\n")).toHaveLength(4);
  });
});

function faultOf(variables: Record<string, string>): Error {
  try {
    parseEnv(variables);
  } catch (error) {
    return error as Error;
  }
  throw new Error("It was accepted");
}

describe("derived keys", () => {
  test("differ by purpose and by secret, are stable, and say nothing of the secret", () => {
    provideEnv(parseEnv({ LATCHKEY_SECRET: LONG }));
    const purposes = ["session", "encryption", "signing", "check"] as const;
    const keys = purposes.map(derivedKey);
    expect(new Set(keys).size).toBe(4);
    expect(purposes.map(derivedKey)).toEqual(keys);
    for (const key of [...keys, secretCheck()]) expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(keys).not.toContain(secretCheck());
    provideEnv(parseEnv({ LATCHKEY_SECRET: `${LONG}.` }));
    expect(purposes.map(derivedKey).filter((key) => keys.includes(key))).toEqual([]);
  });

  test("are refused while the secret is unknown", () => {
    provideEnv(parseEnv({}));
    expect(() => derivedKey("signing")).toThrow(/not known/);
  });
});
