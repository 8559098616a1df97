import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { authorize } from "@/lib/access/permissions";
import { backgroundDone, inBackground } from "@/lib/background";
import { setClock } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { keyInsights } from "@/lib/keys/insight";
import { candidatesOf, placeOf, reportLeak, takeUpLeaks } from "@/lib/keys/leaks";
import { listKeys } from "@/lib/keys/list";
import { finishRotation } from "@/lib/keys/rotation";
import { hashSecret, newSecret, withChecksum } from "@/lib/keys/secret";
import { verify } from "@/lib/keys/verify";
import {
  anonymous,
  anyCall,
  eventsOf,
  newKey,
  newMember,
  newOrg,
  newPerson,
  origin,
  type TestKey,
  type TestOrg,
  useDatabase,
} from "@/lib/testing/factories";

const { owner: database, dataDir } = await useDatabase({ PUBLIC_URL: "https://keys.example.com" });

const NOW = Date.parse("2026-11-20T12:00:00.000Z");
beforeAll(() => setClock(() => NOW));
afterAll(() => setClock(() => Date.now()));

/** A request of its own each time. */
const finder = (ip = "198.51.100.23") => anonymous("keys.report", origin({ ip }));
const report = async (key: string, url?: string, by = finder()) => {
  const answer = await reportLeak(by, { key, ...(url === undefined ? {} : { url }) });
  await backgroundDone();
  return answer;
};
const reportsLeft = async () => (await db.leakReport.findMany()).length;
const URL_SEEN = "https://git.example.com/acme/app/blob/main/config.ts#L12";

const outbox = path.join(dataDir, "outbox");
const mails = () => (fs.existsSync(outbox) ? fs.readdirSync(outbox).map((name) => fs.readFileSync(path.join(outbox, name), "utf8")) : []);
const toOf = (mail: string) => /^To: (.*)$/m.exec(mail)?.[1];
beforeEach(() => fs.rmSync(outbox, { recursive: true, force: true }));

const works = async (secret: string) => (await verify(secret, anyCall, NOW)).valid;
const rowOf = ({ id }: { id: string }) => db.key.findUniqueOrThrow({ where: { id } });
/** When each of its secrets was found, the older first. */
const leaksOf = async ({ id }: { id: string }) =>
  (await db.keySecret.findMany({ where: { keyId: id }, orderBy: { id: "asc" } })).map(({ leakedAt }) => leakedAt);
const actionsOf = async (org: TestOrg) => (await eventsOf(org)).map(({ action }) => action);

/** A second secret, with which the key is being rotated: what it had runs out in an hour. */
async function rotate(key: TestKey): Promise<string> {
  const secret = newSecret("lk_live_");
  await writer().keySecret.updateMany({ where: { keyId: key.id }, data: { endsAt: new Date(NOW + 3_600_000) } });
  await writer().keySecret.create({
    data: { id: newId("sec"), keyId: key.id, hash: Buffer.from(secret.hash, "hex"), prefix: secret.prefix, createdAt: new Date(NOW) },
  });
  return secret.text;
}

async function scene(leakPolicy: "revoke" | "flag" = "revoke") {
  const org = await newOrg({ leakPolicy });
  const [owner, person] = [await newPerson(), await newPerson()];
  await newMember(org, "owner", owner);
  await newMember(org, "viewer");
  await newMember(org, "developer", person);
  const key = await newKey(org, { ownerId: person.id });
  return { org, key, emails: [owner.email, person.email].toSorted() };
}

describe("a key that works and was found, where leaked keys are revoked", () => {
  test("stops at once, and says when and where it was found", async () => {
    const { org, key } = await scene();
    await report(key.secret, URL_SEEN);
    expect(await works(key.secret)).toBe(false);
    expect(await rowOf(key)).toMatchObject({ revokedAt: new Date(NOW), revokedReason: "Leaked" });
    expect(await leaksOf(key)).toEqual([new Date(NOW)]);
    expect(await eventsOf(org)).toMatchObject([
      {
        action: "api_key.leak",
        actorType: "anonymous",
        actorId: null,
        ip: "198.51.100.23",
        targetId: key.id,
        after: { key_prefix: key.prefix, url: URL_SEEN, policy: "revoke", outcome: "revoked" },
      },
      {
        action: "api_key.revoke",
        actorType: "anonymous",
        targetId: key.id,
        before: { status: "active" },
        after: { status: "revoked", revoked_reason: "Leaked" },
      },
    ]);
  });

  test("its owner and the organization's owners get one mail each, nobody else", async () => {
    const { org, key, emails } = await scene();
    await report(key.secret, URL_SEEN);
    expect(mails().map(toOf).toSorted()).toEqual(emails);
    for (const mail of mails())
      for (const part of [key.prefix, URL_SEEN, "revoked at once", `https://keys.example.com/orgs/${org.slug}/keys/${key.id}`])
        expect(mail).toContain(part);
  });

  test("is ended also when it has expired: nobody gives a published secret a new end", async () => {
    const { org, key } = await scene();
    await writer().key.update({ where: { id: key.id }, data: { expiresAt: new Date(NOW - 1) } });
    await report(key.secret);
    expect((await rowOf(key)).revokedAt).toEqual(new Date(NOW));
    expect([await actionsOf(org), mails().length]).toEqual([["api_key.leak", "api_key.revoke"], 2]);
  });

  test("the same report again changes nothing and mails nobody", async () => {
    const { org, key } = await scene();
    for (let i = 0; i < 3; i++) await report(key.secret);
    await Promise.all([report(key.secret), report(key.secret)]);
    expect([await actionsOf(org), mails().length]).toEqual([["api_key.leak", "api_key.revoke"], 2]);
  });

  test.each(["revoke", "flag"] as const)("many reports at once are one: %s", async (policy) => {
    const { org, key } = await scene(policy);
    await Promise.all(Array.from({ length: 20 }, () => reportLeak(finder(), { key: key.secret })));
    await backgroundDone();
    expect([(await actionsOf(org)).filter((action) => action === "api_key.leak"), mails().length]).toEqual([["api_key.leak"], 2]);
  });

  test("of a rotation the old secret alone ends; the new one goes on working", async () => {
    const { org, key } = await scene();
    const fresh = await rotate(key);
    await report(key.secret);
    expect([await works(key.secret), await works(fresh)]).toEqual([false, true]);
    expect((await rowOf(key)).revokedAt).toBeNull();
    expect(await leaksOf(key)).toEqual([new Date(NOW), null]);
    expect(await actionsOf(org)).toEqual(["api_key.leak", "api_key.secret_revoke"]);
    expect(mails()[0]).toContain("new secret goes on working");
    await report(key.secret);
    expect([(await actionsOf(org)).length, mails().length]).toEqual([2, 2]);
  });

  test("of a rotation the new secret ends the key", async () => {
    const { key } = await scene();
    const fresh = await rotate(key);
    await report(fresh);
    expect([await works(key.secret), await works(fresh)]).toEqual([false, false]);
  });

  test.each([
    ["paused", { pausedAt: new Date(NOW) }],
    ["not yet valid", { notBefore: new Date(NOW + 3_600_000) }],
  ])("a key that is %s is ended too: one day it would work", async (_, state) => {
    const { key } = await scene();
    await writer().key.update({ where: { id: key.id }, data: state });
    await report(key.secret);
    expect((await rowOf(key)).revokedAt).not.toBeNull();
  });
});

describe("where leaked keys are flagged", () => {
  test("it goes on working and is marked; its owners are told to rotate it", async () => {
    const { org, key, emails } = await scene("flag");
    await report(key.secret, URL_SEEN);
    expect(await works(key.secret)).toBe(true);
    expect((await rowOf(key)).revokedAt).toBeNull();
    expect(await leaksOf(key)).toEqual([new Date(NOW)]);
    expect(await actionsOf(org)).toEqual(["api_key.leak"]);
    expect(mails().map(toOf).toSorted()).toEqual(emails);
    expect(mails()[0]).toContain("Rotate it now");
  });

  test("the same secret again mails nobody, another secret of the key does", async () => {
    const { org, key } = await scene("flag");
    for (let i = 0; i < 3; i++) await report(key.secret);
    expect([await actionsOf(org), mails().length]).toEqual([["api_key.leak"], 2]);
    await report(await rotate(key));
    expect([(await actionsOf(org)).length, mails().length]).toEqual([2, 4]);
  });

  test("an old secret of a rotation marks the key until it ends, and its owners are told to finish", async () => {
    const { org, key } = await scene("flag");
    const reader = authorize(await newMember(org, "viewer"), "keys.read");
    const look = async () => ({
      said: (await keyInsights(reader, [key.id])).data[0]?.health.filter(({ code }) => code === "leaked"),
      listed: (await listKeys(reader, { health: "leaked", limit: 9 })).data.length,
    });
    await rotate(key);
    await report(key.secret);
    expect(await works(key.secret)).toBe(true);
    expect(mails()[0]).toContain("Finish the rotation");
    const leak = { code: "leaked", at: new Date(NOW).toISOString(), message: expect.stringContaining("Finish the rotation now") };
    expect(await look()).toEqual({ said: [leak], listed: 1 });
    await finishRotation(authorize(await newMember(org, "admin"), "keys.update"), key.id);
    expect(await look()).toEqual({ said: [], listed: 0 });
  });

  test("a change of the policy holds for the next report of the same secret", async () => {
    const { org, key } = await scene("flag");
    await report(key.secret);
    await writer().org.update({ where: { id: org.id }, data: { leakPolicy: "revoke" } });
    await report(key.secret);
    expect(await works(key.secret)).toBe(false);
  });
});

describe("nothing happens for", () => {
  test.each<[string, (key: TestKey) => Promise<string>]>([
    ["a key that nobody made", async () => newSecret("lk_live_").text],
    ["a key with a typo", async ({ secret }) => secret.replace(/.$/, (c) => (c === "0" ? "1" : "0"))],
    ["nonsense", async () => "what is this?"],
    ["nothing", async () => ""],
    ["the shown start of a key", async ({ prefix }) => prefix],
    ["the hash of a key", async ({ secret }) => hashSecret(secret)],
    ["the id of a key", async ({ id }) => id],
    [
      "a revoked key",
      async ({ id, secret }) => {
        await writer().key.update({ where: { id }, data: { revokedAt: new Date(NOW - 1), revokedReason: "Replaced" } });
        return secret;
      },
    ],
    [
      "a secret that has run out",
      async (key) => {
        await rotate(key);
        await writer().keySecret.updateMany({ where: { keyId: key.id, endsAt: { not: null } }, data: { endsAt: new Date(NOW) } });
        return key.secret;
      },
    ],
  ])("%s", async (_, make) => {
    const { org, key } = await scene();
    const text = await make(key);
    const before = await rowOf(key);
    await report(text, URL_SEEN);
    expect([await rowOf(key), await eventsOf(org), mails()]).toEqual([before, [], []]);
  });
});

describe("a finder", () => {
  test.each([
    ["with spaces around", (key: string) => `  ${key}\n`],
    ["at the end of a sentence", (key: string) => `The key is ${key}.`],
    ["in an address", (key: string) => `https://api.example/v1/me?api_key=${key}&limit=5`],
    ["as a part of a path", (key: string) => `https://api.example/${key}/`],
    ["as a line of an .env file", (key: string) => `LATCHKEY_API_KEY=${key}`],
    ["as a line of code", (key: string) => `const client = new Client("${key}"); // do not commit`],
    ["as a header", (key: string) => `Authorization: Bearer ${key}`],
  ])("may paste the key %s", async (_, paste) => {
    const { key } = await scene();
    await report(paste(key.secret));
    expect(await works(key.secret)).toBe(false);
  });

  test("may paste two keys of two organizations at once", async () => {
    const [a, b] = [await scene(), await scene()];
    await report(`${a.key.secret}\n${b.key.secret}`);
    expect([await works(a.key.secret), await works(b.key.secret)]).toEqual([false, false]);
    expect([(await eventsOf(a.org)).length, (await eventsOf(b.org)).length]).toEqual([2, 2]);
  });

  test("makes us look at twenty texts at the most", () => {
    expect(
      candidatesOf(Array.from({ length: 50 }, (_, i) => withChecksum(`lk_live_${String(i).padStart(32, "0")}`)).join(" ")),
    ).toHaveLength(20);
  });

  test("hears the same at once, whatever it was, and the work is done after", async () => {
    const { key } = await scene();
    const answers = [];
    for (const text of [key.secret, newSecret("lk_live_").text, "nonsense", ""]) answers.push(await reportLeak(finder(), { key: text }));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await works(key.secret)).toBe(true);
    await backgroundDone();
    expect(await works(key.secret)).toBe(false);
  });
});

test("what was handed in stands in no table and no mail, in the address neither", async () => {
  const [a, b] = [await scene(), await scene("flag")];
  await report(a.key.secret, `https://x.example/search?q=${a.key.secret}`);
  await report(b.key.secret, `https://x.example/%6c${b.key.secret.slice(1)}`);
  const tables = await database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  for (const { secret } of [a.key, b.key]) {
    for (const { name } of tables.rows) {
      const { rows } = await database.query<{ n: number }>(`select count(*)::int as n from "${name}" t where t::text ilike $1`, [
        `%${secret.slice(14)}%`,
      ]);
      expect(rows[0]?.n, name).toBe(0);
    }
    for (const mail of mails()) expect(mail).not.toContain(secret.slice(14));
  }
  expect((await eventsOf(a.org))[0]).toMatchObject({ after: { url: "https://x.example/…" } });
});

test("where people are invented, as in a demo, the key ends and nobody gets a mail", async () => {
  const { org, key } = await scene();
  await writer().org.update({ where: { id: org.id }, data: { isDemo: true } });
  await report(key.secret);
  expect([await works(key.secret), mails()]).toEqual([false, []]);
});

test("reports are no way around the limit on guesses: what nobody made counts for its address", async () => {
  const { key } = await scene();
  const ip = "198.51.100.99";
  const guesses = () => Array.from({ length: 15 }, () => newSecret("lk_live_").text).join(" ");
  const next = async () => (await verify(newSecret("lk_live_").text, { ...anyCall, ip }, NOW)) as { code?: string };
  await report(guesses(), undefined, finder(ip));
  expect((await next()).code).toBe("not_found");
  await report(guesses(), undefined, finder(ip));
  expect((await next()).code).toBe("rate_limit_exceeded");
  // What is somebody's is dealt with all the same.
  await report(key.secret, undefined, finder(ip));
  expect(await works(key.secret)).toBe(false);
});

describe("a report outlives the process that answered it", () => {
  /** What a process leaves that is killed after its answer: a row, and nothing else. */
  async function leave(node: string, secrets: string[], by = finder()): Promise<void> {
    const digests = secrets.map(hashSecret);
    await writer().leakReport.create({
      data: { requestId: by.request.id, node, actor: { ...by, request: { ...by.request } }, digests, place: URL_SEEN },
    });
  }
  const live = async (id: string, seconds: number) => {
    await writer().node.create({ data: { id, leaseUntil: new Date(Date.now() + seconds * 1000), confirmed: Number.MAX_SAFE_INTEGER } });
    return id;
  };
  /** No act begins before the result is called: the moment in which a process may be killed, held. */
  function busy(): () => void {
    let release = () => {};
    const freed = new Promise<void>((done) => {
      release = done;
    });
    for (let i = 0; i < 3; i++) inBackground("acts", "what comes before it", () => freed);
    return release;
  }
  const takeUp = async (by?: string) => {
    await takeUpLeaks(by);
    await backgroundDone();
  };

  test("a row of digests is there before the answer, for every text alike, and none when all is done", async () => {
    const { key } = await scene();
    const [unknown, other] = [newSecret("lk_live_").text, newSecret("lk_test_").text];
    for (const [text, secrets] of [
      [key.secret, [key.secret]],
      [unknown, [unknown]],
      ["nonsense of some length", []],
      [`KEY=${key.secret} ${other}`, [key.secret, other]],
    ] as const) {
      const release = busy();
      const by = finder();
      await reportLeak(by, { key: text, url: URL_SEEN });
      expect(await db.leakReport.findMany()).toMatchObject([
        {
          ...{ requestId: by.request.id, digests: secrets.map(hashSecret), place: URL_SEEN },
          actor: { type: "anonymous", request: { ip: "198.51.100.23" } },
        },
      ]);
      release();
      await backgroundDone();
      expect(await reportsLeft()).toBe(0);
    }
  });

  test("what a node that is gone has left is done, with its events, in the finder's name, and its mails", async () => {
    const { org, key, emails } = await scene();
    await leave("gone", [newSecret("lk_live_").text, key.secret]);
    await takeUp();
    expect(await works(key.secret)).toBe(false);
    expect(await eventsOf(org)).toMatchObject([
      { action: "api_key.leak", actorType: "anonymous", ip: "198.51.100.23", after: { url: URL_SEEN } },
      { action: "api_key.revoke" },
    ]);
    expect([mails().map(toOf).toSorted(), await reportsLeft()]).toEqual([emails, 0]);
    await takeUp();
    expect(mails()).toHaveLength(2);
  });

  test.each(["revoke", "flag"] as const)(
    "when it was killed before the mails were handed over, they are sent, and nothing is done twice: %s",
    async (policy) => {
      const { org, key } = await scene(policy);
      const by = finder();
      await report(key.secret, URL_SEEN, by);
      const done = await eventsOf(org);
      fs.rmSync(outbox, { recursive: true, force: true });
      await leave("gone", [key.secret], by);
      await takeUp();
      expect([await eventsOf(org), mails().length, await reportsLeft()]).toEqual([done, 2, 0]);
      expect(mails()[0]).toContain(policy === "flag" ? "Rotate it now" : "revoked at once");
    },
  );

  test("a node that lives keeps its own; one whose lease has run out does not", async () => {
    const { key } = await scene();
    await leave(await live("busy", 60), [key.secret]);
    await takeUp();
    expect([await works(key.secret), await reportsLeft()]).toEqual([true, 1]);
    await writer().node.update({ where: { id: "busy" }, data: { leaseUntil: new Date(Date.now() - 1) } });
    await takeUp();
    expect([await works(key.secret), await reportsLeft()]).toEqual([false, 0]);
  });

  test("a sweep leaves alone what is being done here", async () => {
    const { org, key } = await scene();
    const release = busy();
    await reportLeak(finder(), { key: key.secret });
    for (let i = 0; i < 3; i++) await takeUpLeaks();
    release();
    await backgroundDone();
    expect([await actionsOf(org), mails().length, await reportsLeft()]).toEqual([["api_key.leak", "api_key.revoke"], 2, 0]);
  });

  test("of many that come for it at once one gets it", async () => {
    const { org, key } = await scene();
    await leave("gone", [key.secret]);
    const nodes = await Promise.all(Array.from({ length: 8 }, (_, i) => live(`other-${i}`, 60)));
    await Promise.all(nodes.map((node) => takeUpLeaks(node)));
    await backgroundDone();
    expect([await actionsOf(org), mails().length]).toEqual([["api_key.leak", "api_key.revoke"], 2]);
  });

  test("what failed is done by the next sweep of the node it is with, which lives", async () => {
    const { key } = await scene();
    await live("command", 60); // as this process signs without a lease
    await database.query(`alter table "AuditEvent" rename to "Gone"`);
    await report(key.secret);
    await database.query(`alter table "Gone" rename to "AuditEvent"`);
    expect([await works(key.secret), await reportsLeft()]).toEqual([true, 1]);
    await takeUp();
    expect([await works(key.secret), mails().length, await reportsLeft()]).toEqual([false, 2, 0]);
  });

  test("while its row cannot be written it is not taken", async () => {
    const { key } = await scene();
    await database.query(`alter table "LeakReport" rename to "Gone"`);
    await expect(report(key.secret)).rejects.toThrow();
    await database.query(`alter table "Gone" rename to "LeakReport"`);
    expect(await works(key.secret)).toBe(true);
  });
});

describe("where it was found", () => {
  const key = newSecret("lk_live_").text;
  test.each<[string, string | undefined, string | null]>([
    ["is left out", undefined, null],
    ["is empty", " ", null],
    ["is an address", URL_SEEN, URL_SEEN],
    ["is an address without its beginning", "github.com/acme/app", "https://github.com/acme/app"],
    ["has a port", "git.example.com:8443/x", "https://git.example.com:8443/x"],
    ["is an address with a password", "https://me:hunter2@x.example/a", "https://x.example/a"],
    ["is script", "javascript:alert(1)", null],
    ["is data", "data:text/html,<script>alert(1)</script>", null],
    ["is a file", "file:///etc/passwd", null],
    ["is a sentence", "on a whiteboard", null],
    ["is an address with line breaks", "https://x.example/a\r\nBcc: all@x.example", "https://x.example/aBcc:%20all@x.example"],
    ["is long", `https://x.example/${"a".repeat(1_900)}`, `https://x.example/${"a".repeat(482)}`],
    ["has the key in it", `https://x.example/?q=${key}`, "https://x.example/…"],
    ["has the key in other letters", `https://x.example/?q=${key.toUpperCase()}`, "https://x.example/…"],
    ["has the key encoded", `https://x.example/?q=${encodeURIComponent(encodeURIComponent(`"${key}"`))}`, "https://x.example/…"],
    ["has another key in it", `https://x.example/?q=${newSecret("lk_test_").text}`, "https://x.example/…"],
    ["has the key for a host", `https://${key}.example/`, null],
    ["is broken", "https://", null],
  ])("%s", (_, url, place) => {
    expect(placeOf(url, [key])).toBe(place);
  });
});
