import fs from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Actor, authorize, type Role } from "@/lib/access/permissions";
import { now, setClock } from "@/lib/clock";
import { env } from "@/lib/env";
import { newId } from "@/lib/ids";
import { createHandOver, listHandOvers, openHandOver, recallHandOver, startSweepingHandOvers, sweepHandOvers } from "@/lib/keys/hand-over";
import { CreateHandOver } from "@/lib/keys/schema";
import { newToken } from "@/lib/keys/seal";
import { eventually } from "@/lib/testing/eventually";
import {
  anonymous,
  eventsOf,
  newGroup,
  newKey,
  newMember,
  newOrg,
  newPerson,
  origin,
  refusal,
  type TestKey,
  type TestOrg,
  useDatabase,
} from "@/lib/testing/factories";

const { owner, dataDir } = await useDatabase();

const HOUR = 3_600_000;
const updater = (actor: Actor) => authorize(actor, "keys.update");
const reader = (actor: Actor) => authorize(actor, "keys.read");
const input = (secret: string, more: object = {}) => CreateHandOver.parse({ secret, ...more });
const tokenOf = (url: string) => new URL(url).hash.slice(1);
const open = (token: string) => openHandOver(anonymous("keys.receive"), { token });
const sealedOf = async (id: string): Promise<Buffer | null> =>
  (await owner.query<{ sealed: Buffer | null }>('select "sealed" from "HandOver" where "id" = $1', [id])).rows[0]?.sealed ?? null;

afterEach(() => setClock(() => Date.now()));

const SECOND_SECRET = `with other as (
    insert into "KeySecret" ("id", "keyId", "hash", "prefix") select 'sec_' || h."id", h."keyId", sha256(h."id"::bytea), 'lk_live_x' from "HandOver" h where h."id" = $1
    returning "id"
  ) update "HandOver" set "secretId" = (select "id" from other) where "id" = $1`;

/** The clock of everything, this much later. */
function later(milliseconds: number): void {
  setClock(() => Date.now() + milliseconds);
}

interface Setting {
  org: TestOrg;
  actor: Actor & { id: string };
  key: TestKey;
}

async function setting(role: Role = "admin"): Promise<Setting> {
  const org = await newOrg();
  return { org, actor: await newMember(org, role), key: await newKey(org) };
}

async function waiting(more: object = {}): Promise<Setting & { id: string; token: string }> {
  const made = await setting();
  const { id, url } = await createHandOver(updater(made.actor), made.key.id, input(made.key.secret, more));
  return { ...made, id, token: tokenOf(url) };
}

describe("making a link", () => {
  test("answers the link once, with the token behind the #; list and event have neither token nor secret", async () => {
    const { org, actor, key } = await setting();
    const { url, ...view } = await createHandOver(
      updater(actor),
      key.id,
      input(key.secret, { recipient: "Ana", expires_in_seconds: 3600 }),
    );
    expect(url).toMatch(/^http:\/\/[^#?]+\/hand-over#[A-Za-z0-9_-]{43}$/);
    expect(url.startsWith(env().publicUrl)).toBe(true);
    expect(view).toEqual({
      id: expect.stringMatching(/^hov_/),
      object: "hand_over",
      key_id: key.id,
      recipient: "Ana",
      status: "waiting",
      created_by: { id: actor.id, name: actor.name },
      created_at: expect.any(String),
      expires_at: new Date(Date.parse(view.created_at) + HOUR).toISOString(),
      opened_at: null,
      opened_from: null,
      recalled_at: null,
    });
    expect(await listHandOvers(reader(actor), key.id)).toEqual({ data: [view] });
    const events = await eventsOf(org);
    expect(events).toEqual([
      expect.objectContaining({ action: "api_key.hand_over", targetType: "api_key", targetId: key.id, before: null, after: view }),
    ]);
    expect(JSON.stringify(events)).not.toContain(tokenOf(url));
    expect(JSON.stringify(events)).not.toContain(key.secret);
  });

  test("lives a day where nothing is said, and never longer than 72 hours, the key, or the secret", async () => {
    const { org, actor } = await setting();
    const lifeOf = async (key: TestKey, more: object = {}) => {
      const { created_at, expires_at } = await createHandOver(updater(actor), key.id, input(key.secret, more));
      return Date.parse(expires_at) - Date.parse(created_at);
    };
    expect(await lifeOf(await newKey(org))).toBe(24 * HOUR);
    expect(await lifeOf(await newKey(org), { expires_in_seconds: 259_200 })).toBe(72 * HOUR);
    expect(CreateHandOver.safeParse({ secret: "x", expires_in_seconds: 259_201 }).success).toBe(false);
    expect(await lifeOf(await newKey(org, { expiresAt: new Date(now() + HOUR) }))).toBeLessThanOrEqual(HOUR);
    const rotating = await newKey(org);
    await owner.query('update "KeySecret" set "endsAt" = $2 where "keyId" = $1', [rotating.id, new Date(now() + 2 * HOUR)]);
    expect(await lifeOf(rotating)).toBeLessThanOrEqual(2 * HOUR);
  });

  test("takes a live secret of this very key and nothing else", async () => {
    const { org, actor, key } = await setting();
    const other = await newKey(org);
    const ended = await newKey(org);
    await owner.query('update "KeySecret" set "endsAt" = $2 where "keyId" = $1', [ended.id, new Date(now() - 1)]);
    const wrong: [string, string][] = [
      [key.id, other.secret],
      [key.id, `${key.secret}x`],
      [key.id, ""],
      [ended.id, ended.secret],
      ...(await Promise.all(
        [{ revokedAt: new Date() }, { expiresAt: new Date(now() - 1) }].map(async (state): Promise<[string, string]> => {
          const dead = await newKey(org, state);
          return [dead.id, dead.secret];
        }),
      )),
    ];
    for (const [id, secret] of wrong) {
      const error = await refusal(createHandOver(updater(actor), id, input(secret)));
      expect(error).toMatchObject({ type: "invalid_request", details: { secret: "is not a live secret of this key" } });
      expect(`${error.message} ${error.stack}`).not.toContain(other.secret);
    }
    expect(await eventsOf(org)).toEqual([]);
  });

  test("at most five wait for one key, also when ten are asked for at once; opened and recalled ones make room", async () => {
    const { actor, key } = await setting();
    const make = () => createHandOver(updater(actor), key.id, input(key.secret));
    const made = await Promise.allSettled(Array.from({ length: 10 }, make));
    const links = made.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(links).toHaveLength(5);
    expect(await refusal(make)).toMatchObject({ type: "conflict" });
    await open(tokenOf(links[0]?.url ?? ""));
    await make();
    await recallHandOver(updater(actor), key.id, links[1]?.id ?? "");
    await make();
    expect(await refusal(make)).toMatchObject({ type: "conflict" });
    later(25 * HOUR);
    await make();
  });

  test("by who may change the key: a developer their own, a key none stronger than itself, nobody another organization's", async () => {
    const { org, actor } = await setting();
    const developer = await newMember(org, "developer");
    const own = await newKey(org, { ownerId: developer.id });
    await createHandOver(updater(developer), own.id, input(own.secret));
    const others = await newKey(org);
    expect((await refusal(createHandOver(updater(developer), others.id, input(others.secret)))).type).toBe("forbidden");
    expect(await refusal(() => updater({ ...actor, role: "viewer" }))).toMatchObject({ type: "forbidden" });

    const group = await newGroup(org);
    const full = await newKey(org, { group });
    const admin = await newKey(org, { group, insert: { access: "admin" } });
    const foreignGroup = await newKey(org);
    await createHandOver(updater(full.actor), full.id, input(full.secret));
    expect(await refusal(createHandOver(updater(full.actor), admin.id, input(admin.secret)))).toMatchObject({
      type: "insufficient_scope",
      details: { access: expect.any(String) },
    });
    expect((await refusal(createHandOver(updater(full.actor), foreignGroup.id, input(foreignGroup.secret)))).type).toBe("not_found");
    await createHandOver(updater(admin.actor), foreignGroup.id, input(foreignGroup.secret));
    await owner.query('update "Org" set "keysManageKeys" = false where "id" = $1', [org.id]);
    expect((await refusal(createHandOver(updater(admin.actor), full.id, input(full.secret)))).type).toBe("insufficient_scope");
    await createHandOver(updater(actor), full.id, input(full.secret));

    const stranger = await setting();
    const missing = await refusal(createHandOver(updater(stranger.actor), newId("key"), input(own.secret)));
    for (const work of [
      () => createHandOver(updater(stranger.actor), own.id, input(own.secret)),
      () => listHandOvers(reader(stranger.actor), own.id),
      () => recallHandOver(updater(stranger.actor), own.id, newId("hov")),
      () => recallHandOver(updater(actor), own.id, newId("hov")),
      () => recallHandOver(updater(actor), own.id, "x"),
    ])
      expect(await refusal(work)).toMatchObject({ type: missing.type, message: missing.message });
  });
});

describe("opening a link", () => {
  test("shows the secret once, wipes it, and leaves a receipt with time and address", async () => {
    const { org, actor, key, id, token } = await waiting({ recipient: "Ana" });
    expect(await sealedOf(id)).not.toBeNull();
    const from = origin({ ip: "198.51.100.9", country: "FR", userAgent: "Firefox/1" });
    const opened = await openHandOver(anonymous("keys.receive", from), { token });
    expect(opened).toEqual({
      secret: key.secret,
      name: expect.stringMatching(/^Key /),
      key_prefix: key.prefix,
      organization: org.name,
      from: actor.name,
    });
    expect(await sealedOf(id)).toBeNull();
    const [row] = (await listHandOvers(reader(actor), key.id)).data;
    expect(row).toMatchObject({
      status: "opened",
      opened_at: expect.any(String),
      opened_from: { ip: "198.51.100.9", country: "FR", user_agent: "Firefox/1" },
    });
    const event = (await eventsOf(org)).at(-1);
    expect(event).toMatchObject({
      action: "api_key.hand_over_open",
      actorType: "anonymous",
      actorId: null,
      ip: "198.51.100.9",
      targetId: key.id,
      after: row,
    });
    expect(JSON.stringify(event)).not.toContain(key.secret);
    expect((await refusal(open(token))).type).toBe("not_found");
  });

  test("tells whoever made it by mail, when and from where, without the secret", async () => {
    const person = await newPerson();
    const org = await newOrg();
    const actor = await newMember(org, "admin", person);
    const key = await newKey(org);
    const { url } = await createHandOver(updater(actor), key.id, input(key.secret, { recipient: "Ana" }));
    await openHandOver(anonymous("keys.receive", origin({ ip: "198.51.100.9", country: "FR" })), { token: tokenOf(url) });
    const mail = await eventually(() => mails().find((each) => each.includes(`To: ${person.email}`)));
    for (const words of ["198.51.100.9, FR", "Ana", key.prefix, `/orgs/${org.slug}/keys/${key.id}`]) expect(mail).toContain(words);
    expect(mail).not.toContain(key.secret);
    expect(mail).not.toContain(tokenOf(url));
  });

  test("of a link that a key made, tells the owner of the key", async () => {
    const person = await newPerson();
    const org = await newOrg();
    await newMember(org, "developer", person);
    const key = await newKey(org, { ownerId: person.id });
    const { url } = await createHandOver(updater(key.actor), key.id, input(key.secret));
    await open(tokenOf(url));
    await eventually(() => mails().find((each) => each.includes(`To: ${person.email}`)));
  });

  test("tells nobody who has left the organization", async () => {
    const person = await newPerson();
    const org = await newOrg();
    const actor = await newMember(org, "admin", person);
    const key = await newKey(org);
    const links = [await createHandOver(updater(actor), key.id, input(key.secret)), await waiting()] as const;
    await owner.query('delete from "Member" where "userId" = $1', [person.id]);
    await open(tokenOf(links[0].url));
    await open(links[1].token);
    const told = await owner.query<{ email: string }>('select "email" from "User" where "id" = $1', [links[1].actor.id]);
    await eventually(() => mails().find((each) => each.includes(`To: ${told.rows[0]?.email}`))); // the later one has arrived
    expect(mails().filter((each) => each.includes(person.email))).toEqual([]);
  });

  test("twenty at once: one gets it, nineteen find nothing, one event", async () => {
    for (let round = 0; round < 3; round++) {
      const { org, key, token } = await waiting();
      const all = await Promise.allSettled(Array.from({ length: 20 }, () => open(token)));
      const got = all.flatMap((each) => (each.status === "fulfilled" ? [each.value.secret] : []));
      expect(got).toEqual([key.secret]);
      for (const each of all) if (each.status === "rejected") expect(each.reason).toMatchObject({ type: "not_found" });
      expect((await eventsOf(org)).filter(({ action }) => action === "api_key.hand_over_open")).toHaveLength(1);
    }
  });

  test("opening and recalling at once: either it was seen or it was recalled, never both", async () => {
    for (let round = 0; round < 8; round++) {
      const { org, actor, key, id, token } = await waiting();
      const [opened, recalled] = await Promise.allSettled([open(token), recallHandOver(updater(actor), key.id, id)]);
      expect([opened.status, recalled.status].toSorted()).toEqual(["fulfilled", "rejected"]);
      if (recalled.status === "rejected")
        expect(recalled.reason).toMatchObject({ type: "conflict", details: { opened_at: expect.any(String) } });
      expect(await sealedOf(id)).toBeNull();
      expect((await eventsOf(org)).length).toBe(2);
    }
  });

  test("unknown, cut short, opened, recalled, expired, and of a dead secret: one answer, byte for byte, and nothing is written", async () => {
    const gone: Record<string, () => Promise<string>> = {
      unknown: async () => newToken(),
      "cut short": async () => (await waiting()).token.slice(0, -1),
      "another spelling of the same bytes": async () => {
        const { token } = await waiting();
        const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        return token.slice(0, -1) + last[last.indexOf(token.at(-1) ?? "") ^ 1];
      },
      opened: async () => {
        const { token } = await waiting();
        await open(token);
        return token;
      },
      recalled: async () => {
        const { actor, key, id, token } = await waiting();
        await recallHandOver(updater(actor), key.id, id);
        return token;
      },
      expired: async () => {
        const { id, token } = await waiting();
        // The row as it is, with its seal: only the instant has passed.
        await owner.query(`update "HandOver" set "expiresAt" = now() - interval '1 ms' where "id" = $1`, [id]);
        return token;
      },
      "of a revoked key": async () => {
        const { key, token } = await waiting();
        await owner.query('update "Key" set "revokedAt" = now() where "id" = $1', [key.id]);
        return token;
      },
      "of an expired key": async () => {
        const { key, token } = await waiting();
        await owner.query('update "Key" set "expiresAt" = now() where "id" = $1', [key.id]);
        return token;
      },
      "of an ended secret": async () => {
        const { key, token } = await waiting();
        await owner.query('update "KeySecret" set "endsAt" = now() where "keyId" = $1', [key.id]);
        return token;
      },
      "of a secret that is not there": async () => {
        const { key, token } = await waiting();
        await owner.query('delete from "KeySecret" where "keyId" = $1', [key.id]);
        return token;
      },
    };
    for (const [what, make] of Object.entries(gone)) {
      const token = await make();
      const { rows: before } = await owner.query<{ n: number }>('select count(*)::int as n from "AuditEvent"');
      const error = await refusal(open(token));
      expect([what, error.type, error.message, error.details]).toEqual([
        what,
        "not_found",
        "This link was opened already, was recalled, or is too old. Ask for a new one.",
        {},
      ]);
      const { rows: after } = await owner.query<{ n: number }>('select count(*)::int as n from "AuditEvent"');
      expect([what, after]).toEqual([what, before]);
    }
  });

  test("is open until its last millisecond, and not in the next", async () => {
    const early = await waiting({ expires_in_seconds: 60 });
    const late = await waiting({ expires_in_seconds: 60 });
    const endOf = async (id: string) =>
      (await owner.query<{ at: Date }>('select "expiresAt" as at from "HandOver" where "id" = $1', [id])).rows[0]?.at.getTime() ?? 0;
    const [earlyEnd, lateEnd] = [await endOf(early.id), await endOf(late.id)];
    setClock(() => earlyEnd - 1);
    expect((await open(early.token)).secret).toBe(early.key.secret);
    setClock(() => lateEnd);
    expect((await refusal(open(late.token))).type).toBe("not_found");
  });

  test("a paused key's link opens: a pause is taken back", async () => {
    const { key, token } = await waiting();
    await owner.query('update "Key" set "pausedAt" = now() where "id" = $1', [key.id]);
    expect((await open(token)).secret).toBe(key.secret);
  });
});

describe("a row that was changed in the database does not open, and is not counted as opened", () => {
  test.each<[string, (mine: string, theirs: string) => [string, unknown[]]]>([
    [
      "one bit of the seal",
      (mine) => [`update "HandOver" set "sealed" = set_bit("sealed", 100, 1 - get_bit("sealed", 100)) where "id" = $1`, [mine]],
    ],
    ["another secret of the same key", (mine) => [SECOND_SECRET, [mine]]],
    ["a longer life", (mine) => [`update "HandOver" set "expiresAt" = "expiresAt" + interval '1 hour' where "id" = $1`, [mine]]],
    [
      "the seal of another row",
      (mine, theirs) => [
        'update "HandOver" set "sealed" = (select "sealed" from "HandOver" where "id" = $2) where "id" = $1',
        [mine, theirs],
      ],
    ],
    [
      "the whole of another row but its id and token",
      (mine, theirs) => [
        `update "HandOver" h set "sealed" = t."sealed", "orgId" = t."orgId", "keyId" = t."keyId", "secretId" = t."secretId",
           "createdAt" = t."createdAt", "expiresAt" = t."expiresAt" from "HandOver" t where h."id" = $1 and t."id" = $2`,
        [mine, theirs],
      ],
    ],
    [
      "another key, with its secret",
      (mine, theirs) => [
        `update "HandOver" h set "keyId" = t."keyId", "secretId" = t."secretId", "orgId" = t."orgId" from "HandOver" t where h."id" = $1 and t."id" = $2`,
        [mine, theirs],
      ],
    ],
  ])("%s", async (_, change) => {
    const [mine, theirs] = [await waiting(), await waiting()];
    await owner.query(...change(mine.id, theirs.id));
    const sealed = await sealedOf(mine.id);
    expect((await refusal(open(mine.token))).type).toBe("not_found");
    expect(await sealedOf(mine.id)).toEqual(sealed);
    const { rows } = await owner.query('select "openedAt" from "HandOver" where "id" = $1', [mine.id]);
    expect(rows).toEqual([{ openedAt: null }]);
  });

  test("another id", async () => {
    const { id, token } = await waiting();
    await owner.query('update "HandOver" set "id" = $2 where "id" = $1', [id, newId("hov")]);
    expect((await refusal(open(token))).type).toBe("not_found");
  });

  test("the token's hash put on another row, by somebody who has the token of their own", async () => {
    const [mine, theirs] = [await waiting(), await waiting()];
    const { rows } = await owner.query<{ hash: string }>('select "tokenHash" as hash from "HandOver" where "id" = $1', [mine.id]);
    await owner.query('delete from "HandOver" where "id" = $1', [mine.id]);
    await owner.query('update "HandOver" set "tokenHash" = $2 where "id" = $1', [theirs.id, rows[0]?.hash]);
    expect((await refusal(open(mine.token))).type).toBe("not_found");
    expect((await refusal(open(theirs.token))).type).toBe("not_found");
  });

  test("the database itself refuses a seal beside an opening, and a life beyond 72 hours", async () => {
    const { id } = await waiting();
    for (const set of [`"openedAt" = now()`, `"recalledAt" = now()`, `"expiresAt" = "createdAt" + interval '73 hours'`])
      await expect(owner.query(`update "HandOver" set ${set} where "id" = $1`, [id])).rejects.toThrow(/check constraint/);
  });
});

describe("recalling a link", () => {
  test("wipes the secret; again it answers the same, and there is one event", async () => {
    const { org, actor, key, id, token } = await waiting();
    const recalled = await recallHandOver(updater(actor), key.id, id);
    expect(recalled).toMatchObject({ id, status: "recalled", recalled_at: expect.any(String), opened_at: null });
    expect(await sealedOf(id)).toBeNull();
    expect(await recallHandOver(updater(actor), key.id, id)).toEqual(recalled);
    expect((await refusal(open(token))).type).toBe("not_found");
    const events = await eventsOf(org);
    expect(events.map(({ action }) => action)).toEqual(["api_key.hand_over", "api_key.hand_over_recall"]);
    expect(events.at(-1)).toMatchObject({ targetId: key.id, before: { status: "waiting" }, after: recalled });
  });

  test("after it was opened says when", async () => {
    const { actor, key, id, token } = await waiting();
    await open(token);
    const opened_at = (await listHandOvers(reader(actor), key.id)).data[0]?.opened_at;
    expect(await refusal(recallHandOver(updater(actor), key.id, id))).toMatchObject({
      type: "conflict",
      message: expect.stringContaining(String(opened_at)),
      details: { opened_at },
    });
  });

  test("ten at once: all are answered that it is recalled, and there is one event", async () => {
    const { org, actor, key, id } = await waiting();
    const all = await Promise.all(Array.from({ length: 10 }, () => recallHandOver(updater(actor), key.id, id)));
    expect(new Set(all.map((each) => JSON.stringify(each))).size).toBe(1);
    expect((await eventsOf(org)).length).toBe(2);
  });

  test("of one that has expired changes nothing", async () => {
    const { org, actor, key, id } = await waiting();
    later(25 * HOUR);
    expect(await recallHandOver(updater(actor), key.id, id)).toMatchObject({ status: "expired", recalled_at: null });
    expect((await eventsOf(org)).length).toBe(1);
  });

  test("takes the link's own key: under another key of the same organization it is not there", async () => {
    const { org, actor, id, token, key } = await waiting();
    expect((await refusal(recallHandOver(updater(actor), (await newKey(org)).id, id))).type).toBe("not_found");
    expect((await open(token)).secret).toBe(key.secret);
  });

  test("a key recalls none of a stronger one", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    const [full, admin] = [await newKey(org, { group }), await newKey(org, { group, insert: { access: "admin" } })];
    const { id } = await createHandOver(updater(admin.actor), admin.id, input(admin.secret));
    expect((await refusal(recallHandOver(updater(full.actor), admin.id, id))).type).toBe("insufficient_scope");
  });
});

describe("nothing sealed is kept longer than it can be opened", () => {
  test("the sweep wipes what is too old and what belongs to ended secrets, and leaves what waits", async () => {
    const young = await waiting({ expires_in_seconds: 259_200 });
    const old = await waiting({ expires_in_seconds: 60 });
    const revoked = await waiting({ expires_in_seconds: 259_200 });
    const ended = await waiting({ expires_in_seconds: 259_200 });
    await owner.query('update "Key" set "revokedAt" = now() where "id" = $1', [revoked.key.id]);
    await owner.query('update "KeySecret" set "endsAt" = now() where "keyId" = $1', [ended.key.id]);
    await sweepHandOvers(now() + 60_001);
    expect(await sealedOf(young.id)).not.toBeNull();
    for (const { id } of [old, revoked, ended]) expect(await sealedOf(id)).toBeNull();
    later(60_002);
    for (const each of [old, revoked, ended]) {
      const [row] = (await listHandOvers(reader(each.actor), each.key.id)).data;
      expect(row?.status).toBe("expired");
      expect(Date.parse(row?.expires_at ?? "")).toBeLessThanOrEqual(now());
      expect((await refusal(open(each.token))).type).toBe("not_found");
    }
    expect((await open(young.token)).secret).toBe(young.key.secret);
    await sweepHandOvers(now() + 72 * HOUR + 1);
    expect((await owner.query('select 1 from "HandOver" where "sealed" is not null')).rows).toEqual([]);
  });

  test("a link of a secret that has just ended is told as ended before the sweep comes by", async () => {
    const { actor, key } = await waiting();
    await owner.query('update "Key" set "revokedAt" = now() where "id" = $1', [key.id]);
    expect((await listHandOvers(reader(actor), key.id)).data[0]?.status).toBe("expired");
  });

  test("the server sweeps when it starts, again and again, and not after it was told to stop", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const expire = ({ id }: { id: string }) => owner.query(`update "HandOver" set "expiresAt" = now() where "id" = $1`, [id]);
      const wiped = ({ id }: { id: string }) => eventually(async () => ((await sealedOf(id)) === null ? true : undefined));
      const [first, second, third] = [await waiting(), await waiting(), await waiting()];
      await expire(first);
      const stop = startSweepingHandOvers();
      await wiped(first);
      await expire(second);
      vi.advanceTimersByTime(10_000);
      await wiped(second);
      stop();
      await expire(third);
      vi.advanceTimersByTime(60_000);
      await new Promise((done) => setTimeout(done, 100));
      expect(await sealedOf(third.id)).not.toBeNull();
    } finally {
      vi.useRealTimers();
    }
  });
});

test("no column of any table has the secret or the token, in any state", async () => {
  const made = await Promise.all([waiting(), waiting(), waiting()]);
  const [, opened, recalled] = made as [(typeof made)[0], (typeof made)[0], (typeof made)[0]];
  await open(opened.token);
  await recallHandOver(updater(recalled.actor), recalled.key.id, recalled.id);
  const tables = await owner.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  for (const { key, token } of made) {
    for (const words of [
      key.secret.slice(14),
      token,
      Buffer.from(key.secret).toString("hex"),
      Buffer.from(token, "base64url").toString("hex"),
    ]) {
      for (const { name } of tables.rows) {
        const { rows } = await owner.query<{ n: number }>(`select count(*)::int as n from "${name}" t where t::text like $1`, [
          `%${words}%`,
        ]);
        expect(rows[0]?.n, name).toBe(0);
      }
    }
  }
});

function mails(): string[] {
  const outbox = path.join(dataDir, "outbox");
  return fs.existsSync(outbox) ? fs.readdirSync(outbox).map((name) => fs.readFileSync(path.join(outbox, name), "utf8")) : [];
}
