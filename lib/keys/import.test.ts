import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setClock } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { clientIdOf, newId } from "@/lib/ids";
import { openForms } from "@/lib/keys/forms";
import { importKeys } from "@/lib/keys/import";
import { ImportKeys } from "@/lib/keys/schema";
import { hashSecret, newSecret } from "@/lib/keys/secret";
import { verify } from "@/lib/keys/verify";
import { toKey, WITH } from "@/lib/keys/view";
import { openLease } from "@/lib/leases";
import { provide } from "@/lib/runtime";
import { anyCall, eventsOf, newGroup, newKey, newOrg, operator, refusal, type TestOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();
await openForms();

const NOW = Date.parse("2026-11-20T12:00:00.000Z");
beforeAll(() => setClock(() => NOW));
afterAll(() => setClock(() => Date.now()));

const importer = operator("keys.import");
const PREFIX = "acme_";
const LENGTH = 40;
const newText = (prefix = PREFIX, length = LENGTH) =>
  prefix +
  randomBytes(length)
    .toString("hex")
    .slice(0, length - prefix.length);
type Entry = Partial<ImportKeys["keys"][number]>;

function entries(count: number, changed: Entry = {}): { texts: string[]; keys: ImportKeys["keys"] } {
  const texts = Array.from({ length: count }, () => newText());
  return { texts, keys: texts.map((text, i) => ({ hash: hashSecret(text), name: `Old ${i}`, ...changed }) as ImportKeys["keys"][number]) };
}

async function scene(data: Parameters<typeof newOrg>[0] = {}) {
  const org = await newOrg({ planId: "enterprise", ...data });
  const group = await newGroup(org);
  const ask = (keys: unknown[], changed: object = {}) =>
    importKeys(
      importer,
      ImportKeys.parse({ organization_id: org.id, group_id: group.id, prefix: PREFIX, length: LENGTH, keys, ...changed }),
    );
  return { org, group, ask };
}

const verdictOf = async (text: string) => verify(text, anyCall, NOW);
const countOf = (org: TestOrg) => db.key.count({ where: { orgId: org.id } });

describe("an import", () => {
  test("makes keys that work under their own text, with the defaults", async () => {
    const { org, group, ask } = await scene();
    const { texts, keys } = entries(3);
    const result = await ask(keys);
    expect(result).toEqual({
      dry_run: false,
      imported: 3,
      data: keys.map(({ name }, index) => ({ index, id: expect.stringMatching(/^key_/), name })),
    });
    for (const [i, text] of texts.entries())
      expect(await verdictOf(text)).toMatchObject({ valid: true, key: { keyId: result.data[i]?.id, orgId: org.id, groupId: group.id } });
    const row = await db.key.findUniqueOrThrow({ where: { id: result.data[0]?.id ?? "" }, include: WITH });
    expect(toKey(row, NOW)).toMatchObject({
      name: "Old 0",
      key_prefix: PREFIX,
      environment: "live",
      access: "full",
      owner: { type: "organization" },
      scopes: expect.arrayContaining(["status", "compare", "metrics"]),
      created_by: { type: "operator", id: "operator", name: "Operator" },
      created_at: "2026-11-20T12:00:00.000Z",
      expires_at: null,
      allowed_ips: [],
      metadata: {},
      rate_limit_rpm: null,
      status: "active",
    });
    expect(await db.keySecret.findMany({ where: { keyId: row.id } })).toMatchObject([{ imported: true, endsAt: null, prefix: PREFIX }]);
  });

  test("takes every field, and hashes in capitals", async () => {
    const { ask } = await scene();
    const text = newText();
    const { data } = await ask([
      {
        hash: hashSecret(text).toUpperCase(),
        name: "  Café ☕ ",
        key_prefix: text.slice(0, 12),
        environment: "test",
        access: "read",
        scopes: ["status", "status", "search"],
        expires_at: "2027-01-01T00:00:00.9999+01:00", // as the API reads it everywhere: PostgreSQL would round it up
        rate_limit_rpm: 7,
        allowed_ips: ["203.0.113.0/24", "::ffff:203.0.113.9", "203.0.113.9"],
        metadata: { "a b": 'x"y\\z', c: "日本" },
      },
    ]);
    const row = await db.key.findUniqueOrThrow({ where: { id: data[0]?.id ?? "" }, include: WITH });
    expect(toKey(row, NOW)).toMatchObject({
      name: "Café ☕",
      key_prefix: text.slice(0, 12),
      environment: "test",
      access: "read",
      scopes: ["status", "search"],
      expires_at: "2026-12-31T23:00:00.999Z",
      rate_limit_rpm: 7,
      allowed_ips: ["203.0.113.0/24", "203.0.113.9"],
      metadata: { "a b": 'x"y\\z', c: "日本" },
    });
    expect(await verdictOf(text)).toMatchObject({ valid: true, key: { environment: "test", access: "read" } });
  });

  test("is told by one event under the group, which names the keys and nothing of their secrets", async () => {
    const { org, group, ask } = await scene();
    const { texts, keys } = entries(2);
    const { data } = await ask(keys);
    const events = await eventsOf(org);
    expect(events).toEqual([
      expect.objectContaining({
        action: "api_key.import",
        eventType: "create",
        actorType: "operator",
        targetType: "api_group",
        targetId: group.id,
        targetName: group.name,
        after: { imported: 2, prefix: PREFIX, length: LENGTH, keys: data.map(({ id }) => id) },
      }),
    ]);
    for (const text of texts) expect(JSON.stringify(events)).not.toContain(hashSecret(text));
  });

  test("of an organization by its other name", async () => {
    const { org, ask } = await scene();
    expect(await ask(entries(1).keys, { organization_id: clientIdOf(org.id) })).toMatchObject({ imported: 1 });
  });

  test("of 10,000 keys is one call of about two seconds, and leaves an event for every 500", async () => {
    const { org, ask } = await scene();
    const { texts, keys } = entries(10_000, { metadata: { customer: "42" }, scopes: ["status"] });
    const begun = performance.now();
    const { imported, data } = await ask(keys);
    expect(performance.now() - begun).toBeLessThan(30_000); // nothing that grows with the square
    expect([imported, data.length, await countOf(org)]).toEqual([10_000, 10_000, 10_000]);
    for (const at of [0, 4_999, 9_999])
      expect(await verdictOf(texts[at] ?? "")).toMatchObject({ valid: true, key: { keyId: data[at]?.id } });
    const told = (await eventsOf(org)).map((event) => (event.after as { keys: string[] }).keys);
    expect(told.map((ids) => ids.length)).toEqual(Array(20).fill(500));
    expect(told.flat()).toEqual(data.map(({ id }) => id));
  });

  test("with keys of another deployment's making keeps the checksum", async () => {
    const { ask } = await scene();
    const secret = newSecret("lk_live_");
    const forged = "lk_live_".padEnd(46, "a");
    const keys = [secret.hash, hashSecret(forged)].map((hash, i) => ({ hash, name: `${i}` }));
    await ask(keys, { prefix: "lk_live_", length: 46 });
    expect(await verdictOf(secret.text)).toMatchObject({ valid: true });
    expect(await verdictOf(forged)).toMatchObject({ valid: false, code: "not_found" });
  });
});

describe("a dry run", () => {
  test("says what would be, and writes nothing", async () => {
    const { org, ask } = await scene();
    const { texts, keys } = entries(2);
    expect(await ask(keys, { dry_run: true, prefix: "dryrun_" })).toEqual({
      dry_run: true,
      imported: 0,
      data: [
        { index: 0, id: null, name: "Old 0" },
        { index: 1, id: null, name: "Old 1" },
      ],
    });
    expect([await countOf(org), await eventsOf(org)]).toEqual([0, []]);
    expect(await verdictOf(texts[0] ?? "")).toMatchObject({ code: "not_found" });
    expect(await db.secretForm.count({ where: { prefix: "dryrun_" } })).toBe(0);
  });

  test("finds the same faults", async () => {
    const { ask } = await scene();
    const { keys } = entries(1);
    await ask(keys);
    expect(await refusal(ask(keys, { dry_run: true }))).toMatchObject({ type: "conflict", details: { "keys.0.hash": expect.any(String) } });
  });
});

describe("an import that is refused makes no key", () => {
  async function refused(org: TestOrg, work: () => Promise<unknown>) {
    const before = [await countOf(org), (await eventsOf(org)).length];
    const error = await refusal(work);
    expect([await countOf(org), (await eventsOf(org)).length]).toEqual(before);
    return error;
  }

  test("when a hash stands in it twice, in whatever case", async () => {
    const { org, ask } = await scene();
    const { keys } = entries(3);
    const twice = [...keys, { hash: keys[1]?.hash.toUpperCase(), name: "again" }];
    expect(await refused(org, () => ask(twice))).toMatchObject({
      type: "invalid_request",
      details: { "keys.3.hash": "is the same as keys.1.hash" },
      message: expect.stringContaining("None of the 4 keys"),
    });
  });

  test("when a key is here already: imported, or one of ours, of whatever organization", async () => {
    const { org, ask } = await scene();
    const ours = await newKey(await newOrg());
    const { keys } = entries(2);
    await ask(keys.slice(0, 1));
    const fresh = entries(1).keys;
    const error = await refused(org, () => ask([...fresh, ...keys, { hash: hashSecret(ours.secret), name: "ours" }]));
    expect([error.type, Object.keys(error.details).toSorted()]).toEqual(["conflict", ["keys.1.hash", "keys.3.hash"]]);
  });

  test.each<[string, Entry, string]>([
    ["a scope that the organization does not have", { scopes: ["verify"] }, "keys.1.scopes"],
    ["an expiry in the past", { expires_at: "2026-11-20T11:59:59Z" }, "keys.1.expires_at"],
    ["an expiry at this moment", { expires_at: "2026-11-20T12:00:00Z" }, "keys.1.expires_at"],
    ["an address that is none", { allowed_ips: ["10.0.0.1", "10.0.0.300"] }, "keys.1.allowed_ips.1"],
    ["a shown start that is not its start", { key_prefix: "other_abc" }, "keys.1.key_prefix"],
    ["a shown start that shows too much", { key_prefix: "acme_".padEnd(25, "a") }, "keys.1.key_prefix"],
    ["a shown start with a space", { key_prefix: "acme_ a" }, "keys.1.key_prefix"],
  ])("when an entry has %s", async (_, bad, path) => {
    const { org, ask } = await scene();
    const [first, second] = entries(2).keys;
    const error = await refused(org, () => ask([first, { ...second, ...bad }]));
    expect([error.type, Object.keys(error.details)]).toEqual(["invalid_request", [path]]);
  });

  test("when many entries are wrong: of those it tells a hundred, and how many there are", async () => {
    const { org, ask } = await scene();
    const error = await refused(org, () => ask(entries(250, { scopes: ["verify"] }).keys));
    expect(Object.keys(error.details)).toHaveLength(100);
    expect(error.message).toContain("and 247 more");
  });

  test.each([
    ["organization_id", { organization_id: newId("org") }],
    ["organization_id", { organization_id: "nonsense" }],
    ["group_id", { group_id: newId("grp") }],
    ["group_id", { group_id: "nonsense" }],
  ])("into nothing: %s", async (_, changed) => {
    const { org, ask } = await scene();
    expect((await refused(org, () => ask(entries(1).keys, changed))).type).toBe("not_found");
  });

  test("into another organization's group, or an archived one", async () => {
    const { org, ask } = await scene();
    const foreign = await newGroup(await newOrg());
    const archived = await newGroup(org, { archivedAt: new Date(NOW) });
    for (const group of [foreign, archived])
      expect((await refused(org, () => ask(entries(1).keys, { group_id: group.id }))).type).toBe("not_found");
  });

  test("beyond the keys that the organization may have, its own number before the plan's", async () => {
    const { org, ask } = await scene({ planId: "free", mostKeys: 3 });
    await newKey(org);
    await newKey(org, { revokedAt: new Date(NOW) });
    await newKey(org, { expiresAt: new Date(NOW) });
    expect(await refused(org, () => ask(entries(3).keys))).toMatchObject({
      type: "conflict",
      details: { keys: "are 1 of at most 3" },
    });
    expect(await ask(entries(2).keys)).toMatchObject({ imported: 2 });
  });

  test.each<[string, object, string]>([
    ["so short that what follows the prefix could be guessed", { prefix: "a_prefix_of_24_characters".slice(0, 24), length: 39 }, "length"],
    ["that would fit our own keys", { prefix: "lk_", length: 46 }, "prefix"],
  ])("of a form %s", async (_, form, path) => {
    const { org, ask } = await scene();
    const error = await refused(org, () => ask(entries(1).keys, form));
    expect([error.type, Object.keys(error.details)]).toEqual(["invalid_request", [path]]);
  });

  test("when two import the same at once: one does, the other is told", async () => {
    const [a, b] = [await scene(), await scene()];
    const { keys } = entries(50);
    const results = await Promise.allSettled([a.ask(keys), b.ask(keys)]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(results.find((result) => result.status === "rejected")?.reason).toMatchObject({ type: "conflict" });
    expect((await countOf(a.org)) + (await countOf(b.org))).toBe(50);
  });

  test("when two fill the last places at once, no more than there are", async () => {
    const { org, ask } = await scene({ mostKeys: 10 });
    const results = await Promise.allSettled([1, 2, 3].map(() => ask(entries(6).keys)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await countOf(org)).toBe(6);
  });
});

describe("an instant that has no text", () => {
  const LAST = "9999-12-31T23:59:59.999Z";
  const MIGRATION = fs.readFileSync("prisma/migrations/20261121000009_sayable_instants/migration.sql", "utf8");

  test.each(["infinity", "-infinity", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"])("%s is in no row", async (instant) => {
    const { id } = await newKey(await newOrg());
    for (const column of ["expiresAt", "notBefore"])
      await expect(owner.query(`update "Key" set "${column}" = $1 where "id" = $2`, [instant, id])).rejects.toMatchObject({
        code: "23514",
      });
  });

  test("that a row had from before became the nearest that has one", async () => {
    const org = await newOrg();
    const [never, late, over, untouched] = [await newKey(org), await newKey(org), await newKey(org), await newKey(org)];
    await owner.query('alter table "Key" drop constraint "Key_expiresAt_check", drop constraint "Key_notBefore_check"');
    const set = (id: string, sql: string) => owner.query(`update "Key" set ${sql} where "id" = $1`, [id]);
    await set(never.id, `"expiresAt" = 'infinity', "notBefore" = '-infinity'`);
    await set(late.id, `"expiresAt" = '9999-12-31T23:59:59-14:00', "notBefore" = 'infinity'`);
    await set(over.id, `"expiresAt" = '-infinity'`);
    await owner.query(MIGRATION);
    const said = async ({ id }: { id: string }) => {
      const { expires_at, not_before, status } = toKey(await db.key.findUniqueOrThrow({ where: { id }, include: WITH }), NOW);
      return [expires_at, not_before, status];
    };
    expect(await said(never)).toEqual([LAST, "1970-01-01T00:00:00.000Z", "active"]);
    expect(await said(late)).toEqual([LAST, LAST, "scheduled"]);
    expect(await said(over)).toEqual(["1970-01-01T00:00:00.000Z", null, "expired"]);
    expect(await said(untouched)).toEqual([null, null, "active"]);
  });
});

describe("after an import", () => {
  test("a text that was unknown a moment ago is known when the import is answered, under a lease too", async () => {
    setClock(() => Date.now());
    const close = await openLease(newId("spl"));
    try {
      const { ask } = await scene();
      const { texts, keys } = entries(1);
      const seen = async () => (await verify(texts[0] ?? "", anyCall, Date.now())).valid;
      expect(await seen()).toBe(false);
      expect(await seen()).toBe(false);
      await ask(keys);
      expect(await seen()).toBe(true);
    } finally {
      await close();
      provide("lease", { lease: null });
      setClock(() => NOW);
    }
  });

  test("its keys are like others: paused, ended and limited", async () => {
    const { ask } = await scene();
    const { texts, keys } = entries(2, { allowed_ips: ["10.0.0.0/8"] });
    const { data } = await ask(keys);
    expect(await verdictOf(texts[0] ?? "")).toMatchObject({ code: "ip_not_allowed" });
    await writer().key.update({ where: { id: data[0]?.id ?? "" }, data: { revokedAt: new Date(NOW) } });
    expect(await verdictOf(texts[0] ?? "")).toMatchObject({ code: "revoked" });
  });
});
