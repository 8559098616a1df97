import { describe, expect, test } from "vitest";
import { type Actor, authorize, type Can, type Role } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { createKey, getKey, keyActivity, revokeKey } from "@/lib/keys/keys";
import { countKeys, listKeys } from "@/lib/keys/list";
import type { CreateKey, KeyFilter } from "@/lib/keys/schema";
import { hashSecret, parseSecret } from "@/lib/keys/secret";
import { verify } from "@/lib/keys/verify";
import {
  anyCall,
  eventsOf,
  newGroup,
  newKey,
  newMember,
  newOrg,
  newPerson,
  refusal,
  type TestKey,
  type TestOrg,
  useDatabase,
} from "@/lib/testing/factories";

const { owner } = await useDatabase();

const DAY = 86_400_000;
const ALL: KeyFilter = { limit: 50 };
const creator = (actor: Actor) => authorize(actor, "keys.create");
const reader = (actor: Actor) => authorize(actor, "keys.read");
const revoker = (actor: Actor) => authorize(actor, "keys.revoke");
const isAccepted = async (secret: string) => (await verify(secret, anyCall, now())).valid;

async function setting(
  role: Role = "admin",
  org?: TestOrg,
): Promise<{ org: TestOrg; group: { id: string }; actor: Actor & { id: string } }> {
  const of = org ?? (await newOrg());
  return { org: of, group: await newGroup(of), actor: await newMember(of, role) };
}

describe("generating a key", () => {
  test("answers the key with its secret once; the secret works; the event has neither secret nor hash", async () => {
    const { org, group, actor } = await setting();
    const { secret, ...key } = await createKey(creator(actor), { name: "Intake" });
    expect(parseSecret(secret, ["lk_live_"])?.prefix).toBe(key.key_prefix);
    expect(key).toEqual({
      id: expect.stringMatching(/^key_/),
      object: "api_key",
      name: "Intake",
      key_prefix: secret.slice(0, 14),
      environment: "live",
      group_id: group.id,
      organization_id: org.id,
      owner: { type: "member", id: actor.id, name: actor.name },
      access: "full",
      scopes: ["status", "documents", "summary", "search", "export", "chat", "extract"],
      is_active: true,
      status: "active",
      created_at: expect.any(String),
      created_by: { type: "user", id: actor.id, name: actor.name },
      expires_at: null,
      not_before: null,
      last_used_at: null,
      last_used_ip: null,
      request_count: 0,
      rate_limit_rpm: null,
      allowed_ips: [],
      metadata: {},
      rotation: null,
      revoked_at: null,
      revoked_reason: null,
    });
    expect(await isAccepted(secret)).toBe(true);
    expect(await getKey(reader(actor), key.id)).toEqual(key);
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({
        action: "api_key.create",
        targetType: "api_key",
        targetId: key.id,
        targetName: "Intake",
        before: null,
        after: key,
      }),
    ]);
  });

  test("stores the SHA-256 of the secret and nothing else of it in any column", async () => {
    const { actor } = await setting();
    const { secret } = await createKey(creator(actor), { name: "Intake", metadata: { a: "b" } });
    const tables = await owner.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    for (const { name } of tables.rows) {
      const { rows } = await owner.query<{ n: number }>(`select count(*)::int as n from "${name}" t where t::text like $1`, [
        `%${secret.slice(14)}%`,
      ]);
      expect(rows[0]?.n, name).toBe(0);
    }
    const { rows } = await owner.query<{ hash: Buffer }>(`select "hash" from "KeySecret" where "hash" = $1`, [
      Buffer.from(hashSecret(secret), "hex"),
    ]);
    expect(rows).toHaveLength(1);
  });

  test("a limit above the organization's is refused: a key only lowers it", async () => {
    const { org, group, actor } = await setting();
    const key = await newKey(org, { group });
    for (const by of [actor, key.actor]) {
      const ask = (rate_limit_rpm: number) => createKey(creator(by), { name: "x", group_id: group.id, rate_limit_rpm });
      expect((await ask(60)).rate_limit_rpm).toBe(60);
      expect(await refusal(ask(61))).toMatchObject({
        type: "invalid_request",
        details: { rate_limit_rpm: "may be at most the organization's limit, 60: a key only lowers it" },
      });
    }
    await writer().org.update({ where: { id: org.id }, data: { requestsPerMinute: 100 } });
    expect((await createKey(creator(actor), { name: "x", group_id: group.id, rate_limit_rpm: 100 })).rate_limit_rpm).toBe(100);
  });

  test("takes every field", async () => {
    const { group, actor } = await setting();
    const [expires_at, not_before] = [new Date(now() + 2 * DAY).toISOString(), new Date(now() + DAY).toISOString()];
    const input: CreateKey = {
      name: "x",
      group_id: group.id,
      environment: "test",
      access: "read",
      scopes: ["status", "status"],
      expires_at,
      not_before,
      rate_limit_rpm: 5,
      allowed_ips: ["10.0.0.0/8", "::ffff:10.0.0.1"],
      metadata: { team: "a" },
      owner: "organization",
    };
    expect(await createKey(creator(actor), input)).toMatchObject({
      secret: expect.stringMatching(/^lk_test_/),
      environment: "test",
      access: "read",
      scopes: ["status"],
      expires_at,
      not_before,
      rate_limit_rpm: 5,
      allowed_ips: ["10.0.0.0/8", "10.0.0.1"],
      metadata: { team: "a" },
      owner: { type: "organization" },
      status: "scheduled",
      is_active: false,
    });
  });

  const bad: [string, Partial<CreateKey>, string][] = [
    ["an expiry in the past", { expires_at: new Date(now() - 1).toISOString() }, "expires_at"],
    [
      "a beginning after its end",
      { not_before: new Date(now() + 2 * DAY).toISOString(), expires_at: new Date(now() + DAY).toISOString() },
      "not_before",
    ],
    ["an address that is none", { allowed_ips: ["10.0.0.1", "010.0.0.1"] }, "allowed_ips.1"],
    ["a range with host bits", { allowed_ips: ["10.0.0.1/8"] }, "allowed_ips.0"],
    ["a range of everything", { allowed_ips: ["0.0.0.0/0"] }, "allowed_ips.0"],
  ];
  test.each(bad)("with %s is refused, names the field, and leaves nothing", async (_, part, field) => {
    const { org, actor } = await setting();
    const error = await refusal(createKey(creator(actor), { name: "x", ...part }));
    expect(error).toMatchObject({ type: "invalid_request", details: { [field]: expect.any(String) } });
    expect([await db.key.count({ where: { orgId: org.id } }), await eventsOf(org)]).toEqual([0, []]);
  });

  test("beyond the plan's scopes is refused, naming them", async () => {
    const { actor } = await setting();
    expect(await refusal(createKey(creator(actor), { name: "x", scopes: ["status", "upload"] }))).toMatchObject({
      type: "insufficient_scope",
      details: { scopes: expect.stringMatching(/upload/) },
    });
  });

  describe("in which group", () => {
    test("none exists: says to make one first", async () => {
      const actor = await newMember(await newOrg(), "admin");
      expect(await refusal(createKey(creator(actor), { name: "x" }))).toMatchObject({
        type: "invalid_request",
        details: { group_id: expect.stringMatching(/create a group first/) },
      });
    });

    test("several: it must be said", async () => {
      const { org, group, actor } = await setting();
      await newGroup(org);
      expect(await refusal(createKey(creator(actor), { name: "x" }))).toMatchObject({
        type: "invalid_request",
        details: { group_id: expect.stringMatching(/more than one/) },
      });
      expect((await createKey(creator(actor), { name: "x", group_id: group.id })).group_id).toBe(group.id);
    });

    test("an archived one does not count, and takes no key", async () => {
      const { org, group, actor } = await setting();
      const archived = await newGroup(org, { archivedAt: new Date() });
      expect((await createKey(creator(actor), { name: "x" })).group_id).toBe(group.id);
      expect((await refusal(createKey(creator(actor), { name: "x", group_id: archived.id }))).type).toBe("not_found");
    });

    test("another organization's is not there", async () => {
      const [{ org, actor }, other] = [await setting(), await setting()];
      const answers = await Promise.all(
        [other.group.id, newId("grp"), "x"].map((group_id) => refusal(createKey(creator(actor), { name: "x", group_id }))),
      );
      expect(new Set(answers.map(({ type, message }) => `${type} ${message}`)).size).toBe(1);
      expect(answers[0]?.type).toBe("not_found");
      expect(await eventsOf(org)).toEqual([]);
    });
  });

  describe("by a person", () => {
    test("who is a developer goes up to full access", async () => {
      const { actor } = await setting("developer");
      expect((await createKey(creator(actor), { name: "x", access: "full" })).access).toBe("full");
      expect(await refusal(createKey(creator(actor), { name: "x", access: "admin" }))).toMatchObject({
        type: "insufficient_scope",
        details: { access: expect.any(String) },
      });
    });

    test.each(["admin", "owner"] as const)("who is %s goes up to admin access", async (role) => {
      const { actor } = await setting(role);
      expect((await createKey(creator(actor), { name: "x", access: "admin" })).access).toBe("admin");
    });

    test("who is a viewer is refused", async () => {
      const { actor } = await setting("viewer");
      expect((await refusal(() => creator(actor))).type).toBe("forbidden");
    });
  });

  describe("by a key", () => {
    test("inherits what is left out: group, environment, access, scopes, expiry, rate, addresses, owner", async () => {
      const { org, actor } = await setting();
      const group = await newGroup(org);
      const expiresAt = new Date(now() + DAY);
      const parent = await newKey(org, {
        group,
        insert: {
          environment: "test",
          scopes: ["status", "search"],
          expiresAt,
          requestsPerMinute: 10,
          allowedIps: ["10.0.0.0/8"],
          ownerId: actor.id,
        },
      });
      expect(await createKey(creator(parent.actor), { name: "child" })).toMatchObject({
        group_id: group.id,
        environment: "test",
        access: "full",
        scopes: ["status", "search"],
        expires_at: expiresAt.toISOString(),
        rate_limit_rpm: 10,
        allowed_ips: ["10.0.0.0/8"],
        owner: { type: "member", id: actor.id },
        created_by: { type: "key", id: parent.id },
      });
    });

    const expiresAt = new Date(now() + DAY);
    test.each<[string, CreateKey]>([
      ["environment", { name: "x", environment: "live" }],
      ["access", { name: "x", access: "admin" }],
      ["scopes", { name: "x", scopes: ["chat"] }],
      ["expires_at", { name: "x", expires_at: null }],
      ["expires_at", { name: "x", expires_at: new Date(expiresAt.getTime() + 1).toISOString() }],
      ["rate_limit_rpm", { name: "x", rate_limit_rpm: 11 }],
      ["rate_limit_rpm", { name: "x", rate_limit_rpm: null }],
      ["allowed_ips", { name: "x", allowed_ips: [] }],
      ["allowed_ips", { name: "x", allowed_ips: ["11.0.0.1"] }],
    ])("that asks for more %s than it has is refused whole", async (part, input) => {
      const { org } = await setting();
      const parent = await newKey(org, { insert: { environment: "test", expiresAt, requestsPerMinute: 10, allowedIps: ["10.0.0.0/8"] } });
      const error = await refusal(createKey(creator(parent.actor), input));
      expect(error).toMatchObject({ type: "insufficient_scope", details: { [part]: expect.any(String) } });
      expect(Object.keys(error.details)).toEqual([part]);
      expect(await db.key.count({ where: { orgId: org.id } })).toBe(1);
    });

    test("of full access reaches its own group only, of admin access every group", async () => {
      const { org, group } = await setting();
      const [full, admin] = [await newKey(org), await newKey(org, { insert: { access: "admin" } })];
      expect((await refusal(createKey(creator(full.actor), { name: "x", group_id: group.id }))).type).toBe("not_found");
      expect((await createKey(creator(admin.actor), { name: "x", group_id: group.id })).group_id).toBe(group.id);
    });

    test.each(["read", "write"] as const)("of %s access is refused", async (access) => {
      const { org } = await setting();
      const key = await newKey(org, { insert: { access } });
      expect((await refusal(() => creator(key.actor))).type).toBe("insufficient_scope");
    });
  });
});

describe("revoking a key", () => {
  test("holds on the next request, keeps the row, and leaves before and after", async () => {
    const { org, actor } = await setting();
    const { secret, ...key } = await createKey(creator(actor), { name: "Intake" });
    expect(await isAccepted(secret)).toBe(true);
    const revoked = await revokeKey(revoker(actor), key.id, { reason: "laptop lost" });
    expect(await isAccepted(secret)).toBe(false);
    expect(revoked).toEqual({ ...key, status: "revoked", is_active: false, revoked_at: expect.any(String), revoked_reason: "laptop lost" });
    expect(await getKey(reader(actor), key.id)).toEqual(revoked);
    expect((await eventsOf(org)).at(-1)).toMatchObject({
      action: "api_key.revoke",
      eventType: "delete",
      targetId: key.id,
      before: key,
      after: revoked,
    });
  });

  test("again changes nothing, answers the same and leaves no second event", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const first = await revokeKey(revoker(actor), key.id, { reason: "one" });
    expect(await revokeKey(revoker(actor), key.id, { reason: "two" })).toEqual(first);
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test("ten times at once is one revocation with one event, and everyone gets the same answer", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => revokeKey(revoker(actor), key.id, { reason: String(i) })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test.each([
    ["paused", { pausedAt: new Date() }],
    ["expired", { expiresAt: new Date(now() - 1) }],
    ["scheduled", { notBefore: new Date(now() + DAY) }],
  ])("works on one that is %s, and wins over that", async (_, state) => {
    const { org, actor } = await setting();
    const key = await newKey(org, state);
    expect((await revokeKey(revoker(actor), key.id, {})).status).toBe("revoked");
  });

  test("by a key ends none that is stronger than itself, and any that is not", async () => {
    const { org } = await setting();
    const group = await newGroup(org);
    const [full, admin, peer, weaker] = [
      await newKey(org, { group }),
      await newKey(org, { group, insert: { access: "admin" } }),
      await newKey(org, { group }),
      await newKey(org, { group, insert: { access: "write" } }),
    ];
    const refused = await refusal(revokeKey(revoker(full.actor), admin.id, {}));
    expect([refused.type, Object.keys(refused.details)]).toEqual(["insufficient_scope", ["access"]]);
    expect(await isAccepted(admin.secret)).toBe(true);
    for (const each of [peer, weaker, full]) expect((await revokeKey(revoker(full.actor), each.id, {})).status).toBe("revoked");
  });

  test("a foreign, a missing and a malformed id get one answer, and nothing changes", async () => {
    const [{ org, actor }, other] = [await setting(), await newOrg()];
    const foreign = await newKey(other);
    const answers = await Promise.all(
      [foreign.id, newId("key"), "key_1", "x"].flatMap((id) => [
        refusal(revokeKey(revoker(actor), id, {})),
        refusal(getKey(reader(actor), id)),
        refusal(keyActivity(reader(actor), id)),
      ]),
    );
    expect(new Set(answers.map(({ type, message, details }) => JSON.stringify([type, message, details]))).size).toBe(1);
    expect(answers[0]?.type).toBe("not_found");
    expect(await isAccepted(foreign.secret)).toBe(true);
    expect([await eventsOf(org), await eventsOf(other)]).toEqual([[], []]);
  });
});

describe("revoking a key with the keys it made", () => {
  const childOf = (org: TestOrg, parent: { id: string; groupId: string }, more: Parameters<typeof newKey>[1] = {}) =>
    newKey(org, { group: { id: parent.groupId }, ...more, insert: { ...more.insert, parentId: parent.id } });
  const statuses = async (keys: Record<string, TestKey>) => {
    const rows = await db.key.findMany({ where: { id: { in: Object.values(keys).map(({ id }) => id) } } });
    const ended = new Set(rows.filter(({ revokedAt }) => revokedAt !== null).map(({ id }) => id));
    return Object.entries(keys).flatMap(([name, { id }]) => (ended.has(id) ? [name] : []));
  };

  test("ends all that are not revoked, expired ones too, down to the last, each with an event, and nobody else's", async () => {
    const { org, actor } = await setting();
    const parent = await newKey(org);
    const child = await childOf(org, parent);
    const ended = await childOf(org, parent, { revokedAt: new Date(now() - DAY), revokedReason: "before" });
    const keys = {
      parent,
      child,
      grandchild: await childOf(org, child),
      ofEnded: await childOf(org, ended),
      expired: await childOf(org, parent, { expiresAt: new Date(now() - 1) }),
      sibling: await newKey(org, { group: { id: parent.groupId } }),
      foreign: await newKey(await newOrg(), { insert: { parentId: parent.id } }),
    };
    expect((await revokeKey(revoker(actor), parent.id, { revoke_children: true, reason: "leak" })).revoked_reason).toBe("leak");
    expect(await statuses(keys)).toEqual(["parent", "child", "grandchild", "ofEnded", "expired"]);
    for (const { secret } of [parent, child, keys.grandchild]) expect(await isAccepted(secret)).toBe(false);
    expect((await eventsOf(org)).map(({ action, targetId }) => [action, targetId]).toSorted()).toEqual(
      [parent, child, keys.grandchild, keys.ofEnded, keys.expired].map(({ id }) => ["api_key.revoke", id]).toSorted(),
    );
    expect((await db.key.findUniqueOrThrow({ where: { id: ended.id } })).revokedReason).toBe("before");
  });

  test("without being asked leaves them; asked later it ends them, though the parent has ended", async () => {
    const { org, actor } = await setting();
    const parent = await newKey(org);
    const child = await childOf(org, parent);
    const first = await revokeKey(revoker(actor), parent.id, {});
    expect(await isAccepted(child.secret)).toBe(true);
    expect(await revokeKey(revoker(actor), parent.id, { revoke_children: true })).toEqual(first);
    expect(await isAccepted(child.secret)).toBe(false);
    expect(await eventsOf(org)).toHaveLength(2);
  });

  test("is refused whole, and names them, when some are out of the actor's reach", async () => {
    const { org, actor } = await setting("developer");
    const parent = await newKey(org, { createdByType: "user", createdById: actor.id });
    const [child, moved, admin] = [
      await childOf(org, parent),
      await childOf(org, parent, { group: await newGroup(org) }),
      await childOf(org, parent),
    ];
    await writer().key.update({ where: { id: admin.id }, data: { access: "admin" } });
    const byPerson = await refusal(revokeKey(revoker(actor), parent.id, { revoke_children: true }));
    expect([byPerson.type, Object.keys(byPerson.details).toSorted()]).toEqual(["forbidden", [child.id, moved.id, admin.id].toSorted()]);
    const byKey = await refusal(revokeKey(revoker(parent.actor), parent.id, { revoke_children: true }));
    expect([byKey.type, Object.keys(byKey.details).toSorted()]).toEqual(["insufficient_scope", [moved.id, admin.id].toSorted()]);
    for (const { secret } of [parent, child, moved, admin]) expect(await isAccepted(secret)).toBe(true);
    expect(await eventsOf(org)).toEqual([]);
  });

  test("ends more than a thousand in one go", async () => {
    const { org, actor } = await setting();
    const parent = await newKey(org);
    await owner.query(
      `insert into "Key" select (jsonb_populate_record(k, jsonb_build_object('id', 'key_01' || lpad(i::text, 24, '0'), 'parentId', k."id"))).*
       from "Key" k, generate_series(1, 1500) i where k."id" = $1`,
      [parent.id],
    );
    await revokeKey(revoker(actor), parent.id, { revoke_children: true });
    expect(await db.key.count({ where: { orgId: org.id, revokedAt: null } })).toBe(0);
    expect(await db.auditEvent.count({ where: { chain: org.id } })).toBe(1_501);
  });

  test("that are more than one change takes are refused with their number, and none of them ends, nor does the key", async () => {
    const { org, actor } = await setting();
    const parent = await newKey(org);
    await owner.query(
      `insert into "Key" select (jsonb_populate_record(k, jsonb_build_object('id', 'key_02' || lpad(i::text, 24, '0'), 'parentId', k."id"))).*
       from "Key" k, generate_series(1, 2001) i where k."id" = $1`,
      [parent.id],
    );
    const refused = await refusal(revokeKey(revoker(actor), parent.id, { revoke_children: true }));
    expect([refused.type, refused.details]).toEqual(["conflict", { revoke_children: "would revoke 2001, at most 2000" }]);
    expect(await db.key.count({ where: { orgId: org.id, revokedAt: null } })).toBe(2_002);
    expect(await eventsOf(org)).toEqual([]);
    expect((await revokeKey(revoker(actor), parent.id, {})).status).toBe("revoked");
  });

  test("a child that is being made meanwhile is ended too, or not made", async () => {
    const { org, actor } = await setting();
    for (let round = 0; round < 10; round++) {
      const parent = await newKey(org);
      const answers = await Promise.allSettled([
        createKey(creator(parent.actor), { name: "one" }),
        revokeKey(revoker(actor), parent.id, { revoke_children: true }),
        createKey(creator(parent.actor), { name: "two" }),
      ]);
      expect(answers[1]?.status).toBe("fulfilled");
      expect(await db.key.count({ where: { parentId: parent.id, revokedAt: null } })).toBe(0);
    }
  });
});

describe("as many keys as the plan allows", () => {
  test("are those that are neither revoked nor expired; one more is 409 and says so", async () => {
    const { org, group, actor } = await setting("admin", await newOrg({ mostKeys: 2 }));
    await newKey(org, { group, revokedAt: new Date() });
    await newKey(org, { group, expiresAt: new Date(now() - 1) });
    await newKey(org, { group, pausedAt: new Date() });
    const last = await createKey(creator(actor), { name: "x", group_id: group.id });
    const error = await refusal(createKey(creator(actor), { name: "x", group_id: group.id }));
    expect(error).toMatchObject({ type: "conflict", details: { keys: "are 2 of at most 2" } });
    await revokeKey(revoker(actor), last.id, {});
    expect((await createKey(creator(actor), { name: "x", group_id: group.id })).status).toBe("active");
  });

  test("hold the plan's number where the operator set none", async () => {
    const { actor } = await setting();
    const plan = await writer().plan.findUniqueOrThrow({ where: { id: "free" } });
    await writer().plan.update({ where: { id: "free" }, data: { mostKeys: 0 } });
    expect((await refusal(createKey(creator(actor), { name: "x" }))).details).toEqual({ keys: "are 0 of at most 0" });
    await writer().plan.update({ where: { id: "free" }, data: { mostKeys: plan.mostKeys } });
  });

  test("hold for many at once, by people and by keys", async () => {
    const { org, group, actor } = await setting("admin", await newOrg({ mostKeys: 4 }));
    const key = await newKey(org, { group });
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => createKey(creator(i % 2 ? actor : key.actor), { name: "x", group_id: group.id })),
    );
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(await db.key.count({ where: { orgId: org.id } })).toBe(4);
  });
});

/** Which of these keys an operation reaches: the others are not there for this actor. */
async function reached(actor: Actor, permission: "keys.read" | "keys.revoke", keys: Record<string, TestKey>): Promise<string[]> {
  const names: string[] = [];
  for (const [name, key] of Object.entries(keys)) {
    const work = permission === "keys.read" ? getKey(reader(actor), key.id) : revokeKey(revoker(actor), key.id, {});
    if (
      await work.then(
        () => true,
        () => false,
      )
    )
      names.push(name);
    await writer().key.update({ where: { id: key.id }, data: { revokedAt: null } });
  }
  return names;
}

describe("who reaches which keys", () => {
  async function scene(): Promise<{ org: TestOrg; me: Actor & { id: string }; keys: Record<string, TestKey> }> {
    const org = await newOrg();
    const [me, somebody] = [await newMember(org, "developer"), await newPerson()];
    const [group, other] = [await newGroup(org), await newGroup(org)];
    const keys = {
      made: await newKey(org, { group: other, createdByType: "user", createdById: me.id }),
      owned: await newKey(org, { group: other, ownerId: me.id }),
      theirs: await newKey(org, { group: other, ownerId: somebody.id, createdByType: "user", createdById: somebody.id }),
      live: await newKey(org, { group }),
      test: await newKey(org, { group, insert: { environment: "test" } }),
      foreign: await newKey(await newOrg()),
    };
    return { org, me, keys };
  }

  test("a developer sees all, and revokes what they made or own", async () => {
    const { me, keys } = await scene();
    expect(await reached(me, "keys.read", keys)).toEqual(["made", "owned", "theirs", "live", "test"]);
    expect(await reached(me, "keys.revoke", keys)).toEqual(["made", "owned"]);
  });

  test.each(["admin", "owner"] as const)("%s sees and revokes all", async (role) => {
    const { org, keys } = await scene();
    const actor = await newMember(org, role);
    expect(await reached(actor, "keys.read", keys)).toEqual(["made", "owned", "theirs", "live", "test"]);
    expect(await reached(actor, "keys.revoke", keys)).toEqual(["made", "owned", "theirs", "live", "test"]);
  });

  test("a key made by somebody whose id is a key's is not one's own", async () => {
    const { org, me } = await scene();
    const lookalike = await newKey(org, { createdByType: "key", createdById: me.id });
    expect(await reached(me, "keys.revoke", { lookalike })).toEqual([]);
  });

  test.each<["read" | "write" | "full" | "admin", "live" | "test", string[]]>([
    ["read", "live", ["self"]],
    ["write", "live", ["self"]],
    ["read", "test", ["self"]],
    ["full", "live", ["live", "test", "self"]],
    ["full", "test", ["test", "self"]],
    ["admin", "live", ["made", "owned", "theirs", "live", "test", "self"]],
    ["admin", "test", ["test", "self"]],
  ])("a key of %s access, %s, sees and revokes %j", async (access, environment, expected) => {
    const { org, keys } = await scene();
    const self = await newKey(org, { group: { id: keys.live?.groupId ?? "" }, insert: { access, environment } });
    expect(await reached(self.actor, "keys.read", { ...keys, self })).toEqual(expected);
    expect(await reached(self.actor, "keys.revoke", { ...keys, self })).toEqual(expected);
    const listed = (await listKeys(reader(self.actor), ALL)).data.map(({ id }) => id);
    expect(
      Object.entries({ ...keys, self })
        .filter(([, { id }]) => listed.includes(id))
        .map(([name]) => name),
    ).toEqual(expected);
  });
});

describe("listing keys", () => {
  test("is newest first, page by page, each once, and not disturbed by a key made meanwhile", async () => {
    const { org, group, actor } = await setting();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await newKey(org, { group })).id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listKeys(reader(actor), { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor ?? undefined;
      await newKey(org, { group });
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
  });

  test("of one instant still has an order", async () => {
    const { org, group, actor } = await setting();
    const createdAt = new Date(now());
    for (let i = 0; i < 4; i++) await newKey(org, { group, createdAt });
    const first = await listKeys(reader(actor), { limit: 2 });
    const second = await listKeys(reader(actor), { limit: 2, cursor: first.next_cursor ?? "" });
    expect(new Set([...first.data, ...second.data].map(({ id }) => id)).size).toBe(4);
    expect(second.has_more).toBe(false);
  });

  test("a cursor holds for its organization and its filters only", async () => {
    const { org, group, actor } = await setting();
    for (let i = 0; i < 3; i++) await newKey(org, { group });
    const { next_cursor } = await listKeys(reader(actor), { limit: 1 });
    const cursor = next_cursor ?? "";
    for (const filter of [{ status: ["active" as const] }, { group_id: group.id }, { environment: "live" as const }, { q: "x" }]) {
      expect((await refusal(listKeys(reader(actor), { limit: 1, cursor, ...filter }))).type).toBe("invalid_request");
    }
    const stranger = await setting();
    expect((await refusal(listKeys(reader(stranger.actor), { limit: 1, cursor }))).type).toBe("invalid_request");
    expect((await listKeys(reader(actor), { limit: 1, cursor })).data).toHaveLength(1);
  });

  describe("by status, each key has exactly one", () => {
    const past = new Date(now() - DAY);
    const future = new Date(now() + 30 * DAY);
    const soon = new Date(now() + 3 * DAY);
    const states = {
      revoked: { revokedAt: past, expiresAt: past, pausedAt: past, notBefore: future },
      expired: { expiresAt: past, pausedAt: past, notBefore: future },
      paused: { pausedAt: past, notBefore: future, expiresAt: soon },
      scheduled: { notBefore: future },
      rotating: { expiresAt: soon },
      expiring: { expiresAt: soon },
      active: { expiresAt: future, notBefore: past },
    };

    test("the first that holds, in the list, in the filter and in the count", async () => {
      const { org, group, actor } = await setting();
      for (const [name, state] of Object.entries(states)) {
        const key = await newKey(org, { group, insert: { name }, ...state });
        if (name === "rotating")
          await writer().keySecret.create({
            data: { id: newId("sec"), keyId: key.id, hash: Buffer.from(hashSecret(key.id), "hex"), prefix: "lk_live_oldone", endsAt: soon },
          });
      }
      const all = await listKeys(reader(actor), ALL);
      expect(Object.fromEntries(all.data.map(({ name, status }) => [name, status]))).toEqual(
        Object.fromEntries(Object.keys(states).map((name) => [name, name])),
      );
      expect(
        all.data
          .filter(({ is_active }) => is_active)
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(["active", "expiring", "rotating"]);
      for (const status of Object.keys(states) as (keyof typeof states)[]) {
        expect(
          (await listKeys(reader(actor), { limit: 50, status: [status] })).data.map(({ name }) => name),
          status,
        ).toEqual([status]);
      }
      expect(all.data.find(({ name }) => name === "rotating")?.rotation).toMatchObject({
        ends_at: soon.toISOString(),
        old_key_prefix: "lk_live_oldone",
      });
      const one = Object.fromEntries(Object.keys(states).map((name) => [name, 1]));
      expect(await countKeys(reader(actor))).toEqual({ ...one, all: 7, live: 5, ended: 2 });
    });
  });

  test("by group, environment and text", async () => {
    const { org, group, actor } = await setting();
    const one = await newKey(org, { group, insert: { name: "Invoice intake" } });
    const two = await newKey(org, { insert: { name: "100% paper_less", environment: "test" } });
    const find = async (filter: Partial<KeyFilter>) => (await listKeys(reader(actor), { ...ALL, ...filter })).data.map(({ id }) => id);
    expect(await find({ group_id: group.id })).toEqual([one.id]);
    expect(await find({ group_id: newId("grp") })).toEqual([]);
    expect(await find({ environment: "test" })).toEqual([two.id]);
    expect(await find({ q: "INVOICE" })).toEqual([one.id]);
    expect(await find({ q: one.prefix.slice(0, 12) })).toEqual([one.id]);
    expect(await find({ q: "" })).toEqual([two.id, one.id]);
    // Text is text: neither a wildcard nor SQL.
    expect(await find({ q: "%" })).toEqual([two.id]);
    expect(await find({ q: "paper_l" })).toEqual([two.id]);
    expect(await find({ q: "Invoice_intake" })).toEqual([]);
    expect(await find({ q: "\\" })).toEqual([]);
    expect(await find({ q: "' or '1'='1" })).toEqual([]);
  });
});

test("a key that never called has an empty day behind it", async () => {
  const { org, actor } = await setting();
  const key = await newKey(org);
  expect(await keyActivity(reader(actor), key.id)).toEqual({
    since: expect.any(String),
    calls: 0,
    refused: 0,
    addresses: [],
    address_count: 0,
    routes: [],
    last_call: null,
  });
});

test("an actor is taken only when it was asked", () => {
  const asks: (actor: Can<"keys.create">) => void = () => {};
  // @ts-expect-error an actor that nobody asked is no proof
  asks({} as Actor);
  // @ts-expect-error a proof for reading is none for making
  asks({} as Can<"keys.read">);
  expect(asks).toBeDefined();
});

test("where keys do not manage keys, one that ends itself does not end its children", async () => {
  const org = await newOrg();
  await writer().org.update({ where: { id: org.id }, data: { keysManageKeys: false } });
  const parent = await newKey(org);
  const child = await newKey(org, { group: { id: parent.groupId }, insert: { parentId: parent.id } });
  const actor = authorize(parent.actor, "keys.revoke");
  expect((await refusal(revokeKey(actor, parent.id, { revoke_children: true }))).type).toBe("insufficient_scope");
  expect(await isAccepted(child.secret)).toBe(true);
  expect((await revokeKey(actor, parent.id, {})).status).toBe("revoked");
});
