import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { meterPool } from "@/lib/db";
import { env, parseEnv, provideEnv } from "@/lib/env";
import { newId } from "@/lib/ids";
import { digestOf, formOfImport, looksLikeKey, openForms, ownForms } from "@/lib/keys/forms";
import { hashSecret, newSecret, ownForm } from "@/lib/keys/secret";
import { lease, openLease } from "@/lib/leases";
import { once, provide } from "@/lib/runtime";
import { SECRET, useDatabase } from "@/lib/testing/factories";

const { owner, dataDir } = await useDatabase();

const ELSEWHERE = { prefix: "acme_", length: 40 };
const textOf = ({ prefix, length } = ELSEWHERE) => prefix.padEnd(length, "aB3-.~");
const addForm = ({ prefix, length } = ELSEWHERE, checksum = false) =>
  owner.query(`insert into "SecretForm" ("prefix", "length", "checksum") values ($1, $2, $3)`, [prefix, length, checksum]);
/** As another node's import announces it. */
const announce = () => owner.query("select announce(array['grp_of_another_node'])");

let queries = 0;
const count = () => {
  queries += 1;
};
beforeAll(() => void meterPool().on("acquire", count));

/** As if the process had just been started. */
const forget = () => provide("keys.forms", { known: [], readUnder: null, running: null, next: null });
const known = () => once<{ known: unknown[] }>("keys.forms", () => ({ known: [] })).known;

beforeEach(async () => {
  await owner.query(`delete from "SecretForm"`);
  forget();
});

describe("without a lease", () => {
  test("our own secrets are told without asking anybody", () => {
    const { text, hash } = newSecret("lk_live_");
    expect(digestOf(text)).toBe(hash);
  });

  test("so is what can be no secret at all, a typo in one of ours too", () => {
    const { text } = newSecret("lk_live_");
    queries = 0;
    for (const wrong of [
      "",
      "short",
      "x".repeat(513),
      "two words that are long enough",
      "ü".repeat(40),
      text.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
    ])
      expect(digestOf(wrong), wrong).toBeNull();
    expect(queries).toBe(0);
  });

  test("an imported form is found, and by its prefix, length and characters alone", async () => {
    await addForm();
    const text = textOf();
    expect(await digestOf(text)).toBe(hashSecret(text));
    for (const wrong of [`${text}x`, text.slice(0, -1), `bcme_${text.slice(5)}`, `${text.slice(0, -1)}é`, `${text.slice(0, -1)} `])
      expect(await digestOf(wrong), wrong).toBeNull();
  });
});

test("a text that comes while the forms are being read waits for the next reading: that one began too early", async () => {
  const answers: ((rows: { rows: object[] }) => void)[] = [];
  const real = meterPool();
  provide("db.meter", { query: () => new Promise((answer) => answers.push(answer)) });
  try {
    const early = digestOf("eyJhbGciOiJIUzI1NiJ9.e30.early");
    const imported = digestOf(textOf()); // its import was answered between the two
    answers[0]?.({ rows: [] });
    expect(await early).toBeNull();
    while (answers.length < 2) await new Promise((done) => setImmediate(done));
    answers[1]?.({ rows: [{ ...ELSEWHERE, checksum: false }] });
    expect(await imported).toBe(hashSecret(textOf()));
  } finally {
    provide("db.meter", real);
  }
});

describe("under a lease", () => {
  let close: () => Promise<void>;
  beforeAll(async () => {
    close = await openLease(newId("spl"));
  });
  afterAll(async () => {
    await close();
    provide("lease", { lease: null });
  });

  test("texts of no known form ask the database once, however many they are", async () => {
    await digestOf("eyJhbGciOiJIUzI1NiJ9.e30.first");
    queries = 0;
    for (let i = 0; i < 100; i++) expect(digestOf(`eyJhbGciOiJIUzI1NiJ9.e30.${i}`)).toBeNull();
    expect(queries).toBe(0);
  });

  test("a form that another node announced is known to the next text", async () => {
    expect(await digestOf(textOf())).toBeNull();
    const epoch = lease()?.epoch ?? 0;
    await addForm();
    await announce();
    while (lease()?.epoch === epoch) await new Promise((done) => setTimeout(done, 5));
    expect(await digestOf(textOf())).toBe(hashSecret(textOf()));
  });

  test("a form once known is told at once, whatever is announced after", async () => {
    await addForm();
    expect(await digestOf(textOf())).toBe(hashSecret(textOf()));
    lease()?.forget(null);
    queries = 0;
    expect(digestOf(textOf())).toBe(hashSecret(textOf()));
    expect(queries).toBe(0);
  });

  test("many texts at once share two queries: one that may have begun too early, and the next", async () => {
    lease()?.forget(null);
    queries = 0;
    await Promise.all(Array.from({ length: 200 }, (_, i) => digestOf(`eyJhbGciOiJIUzI1NiJ9.e30.${i}`)));
    expect(queries).toBeLessThanOrEqual(2);
  });

  test("what is read while something is announced is not believed to be all", async () => {
    lease()?.forget(null);
    const asked = digestOf("eyJhbGciOiJIUzI1NiJ9.e30.x");
    lease()?.forget([]); // before the answer
    expect(await asked).toBeNull();
    queries = 0;
    await digestOf("eyJhbGciOiJIUzI1NiJ9.e30.y");
    expect(queries).toBe(1);
  });
});

describe("earlier prefixes", () => {
  const now = env();
  const withPrefixes = (live: string, test: string) =>
    provideEnv(
      parseEnv({
        DATABASE_URL: now.databaseUrl ?? "",
        LATCHKEY_SECRET: SECRET,
        LOG_LEVEL: "silent",
        DATA_DIR: dataDir,
        KEY_PREFIX_LIVE: live,
        KEY_PREFIX_TEST: test,
      }),
    );
  afterEach(() => void provideEnv(now));

  test("stay valid after a change, with their checksum, also when a process starts anew", async () => {
    await openForms();
    const old = newSecret("lk_live_");
    withPrefixes("pp_live_", "pp_test_");
    forget();
    await openForms();
    expect(await digestOf(newSecret("pp_live_").text)).not.toBeNull();
    expect(await digestOf(old.text)).toBe(old.hash);
    expect(await digestOf(old.text.replace(/.$/, (c) => (c === "0" ? "1" : "0")))).toBeNull();
    expect((await ownForms()).map(({ prefix }) => prefix)).toEqual(
      expect.arrayContaining(["pp_live_", "pp_test_", "lk_live_", "lk_test_"]),
    );
    expect(looksLikeKey(old.text)).toBe(true);
  });

  test("are written down once", async () => {
    await openForms();
    await openForms();
    expect(known()).toHaveLength(2);
  });

  test("a prefix that was imported before it became ours keeps what was imported", async () => {
    const form = ownForm("zz_");
    await addForm(form);
    withPrefixes("zz_", "zt_");
    forget();
    await openForms();
    const [made, imported] = [newSecret("zz_").text, textOf(form)];
    expect(await digestOf(made)).toBe(hashSecret(made));
    expect(await digestOf(imported)).toBe(hashSecret(imported));
  });
});

describe("a form to import", () => {
  test("may be anything that no key of ours could have", async () => {
    await openForms();
    expect(await formOfImport("acme_", 40)).toEqual({ ok: true, form: { prefix: "acme_", length: 40, checksum: false } });
    expect(await formOfImport("lk_live_", 47)).toMatchObject({ ok: true });
  });

  test("of ours stays ours: the checksum goes on deciding", async () => {
    expect(await formOfImport("lk_live_", 46)).toEqual({ ok: true, form: { prefix: "lk_live_", length: 46, checksum: true } });
  });

  test.each(["lk_", "l", "lk_live_a"])("that begins with %s and is as long as ours is refused", async (prefix) => {
    expect(await formOfImport(prefix, 46)).toEqual({ ok: false, why: expect.stringContaining("lk_live_") });
  });
});

test("a text of an imported form is refused in an address, as ours are", async () => {
  expect(looksLikeKey(textOf())).toBe(false);
  await addForm();
  await digestOf(textOf());
  expect(looksLikeKey(textOf())).toBe(true);
  expect(looksLikeKey(textOf().slice(0, -1))).toBe(false);
  expect(looksLikeKey(newSecret("lk_test_").text)).toBe(true);
});
