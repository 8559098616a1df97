import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Access, type Actor, accesses, authorize, type Role } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { excess, toPowers } from "@/lib/keys/ceiling";
import { pauseKey, resumeKey, updateKey } from "@/lib/keys/edit";
import { createKey, getKey, revokeKey } from "@/lib/keys/keys";
import type { CreateKey, UpdateKey } from "@/lib/keys/schema";
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

await useDatabase();

const DAY = 86_400_000;
const inDays = (days: number) => new Date(now() + days * DAY);
const updater = (actor: Actor) => authorize(actor, "keys.update");
const reader = (actor: Actor) => authorize(actor, "keys.read");
const revoker = (actor: Actor) => authorize(actor, "keys.revoke");
const edit = (actor: Actor, key: { id: string }, input: UpdateKey) => updateKey(updater(actor), key.id, input);
const isAccepted = async (secret: string) => (await verify(secret, anyCall, now())).valid;

async function setting(role: Role = "admin"): Promise<{ org: TestOrg; group: { id: string }; actor: Actor & { id: string } }> {
  const org = await newOrg();
  return { org, group: await newGroup(org), actor: await newMember(org, role) };
}

describe("editing a key", () => {
  test("changes what is given, leaves the rest, and its event has both views", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { insert: { metadata: { team: "a" } } });
    const before = await getKey(reader(actor), key.id);
    const [expires_at, not_before] = [inDays(2).toISOString(), inDays(1).toISOString()];
    const input: UpdateKey = {
      name: "Intake",
      access: "read",
      scopes: ["status", "search"],
      expires_at,
      not_before,
      rate_limit_rpm: 5,
      allowed_ips: ["10.0.0.0/8", "::ffff:10.0.0.1"],
      metadata: { team: "b" },
      owner: "member",
    };
    const after = await edit(actor, key, input);
    expect(after).toEqual({
      ...before,
      ...input,
      allowed_ips: ["10.0.0.0/8", "10.0.0.1"],
      owner: { type: "member", id: actor.id, name: actor.name },
      status: "scheduled",
      is_active: false,
    });
    expect(await getKey(reader(actor), key.id)).toEqual(after);
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({ action: "api_key.update", targetId: key.id, targetName: "Intake", before, after }),
    ]);
  });

  test("a limit above the organization's is refused; one that is stored already may stay", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { insert: { requestsPerMinute: 100 } });
    expect(await edit(actor, key, { name: "New", rate_limit_rpm: 100 })).toMatchObject({ name: "New", rate_limit_rpm: 100 });
    for (const rate_limit_rpm of [61, 99, 101])
      expect((await refusal(edit(actor, key, { rate_limit_rpm }))).details).toEqual({
        rate_limit_rpm: "may be at most the organization's limit, 60: a key only lowers it",
      });
    expect((await edit(actor, key, { rate_limit_rpm: 60 })).rate_limit_rpm).toBe(60);
  });

  test("takes a limit, an end, a beginning and addresses away again", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, {
      insert: { expiresAt: inDays(2), notBefore: inDays(1), requestsPerMinute: 5, allowedIps: ["10.0.0.1"], metadata: { a: "b" } },
    });
    const input = {
      expires_at: null,
      not_before: null,
      rate_limit_rpm: null,
      allowed_ips: [],
      metadata: {},
      owner: "organization",
    } as const;
    expect(await edit(actor, key, { ...input, allowed_ips: [] })).toMatchObject({
      ...input,
      owner: { type: "organization" },
      status: "active",
    });
  });

  test("holds on the next request", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    expect(await isAccepted(key.secret)).toBe(true);
    await edit(actor, key, { allowed_ips: ["198.51.100.1"] });
    expect(await isAccepted(key.secret)).toBe(false);
  });

  test.each<[string, UpdateKey]>([
    ["nothing", {}],
    ["the same name", { name: "Same" }],
    ["the same scopes in another order", { scopes: ["search", "status"] }],
    ["the same addresses, written otherwise", { allowed_ips: ["::ffff:10.0.0.2", "10.0.0.1"] }],
    ["the same metadata in another order", { metadata: { b: "2", a: "1" } }],
    ["the owner it has", { owner: "organization" }],
  ])("with %s is 200 and leaves no event", async (_, input) => {
    const { org, actor } = await setting();
    const insert = { name: "Same", scopes: ["status", "search"], allowedIps: ["10.0.0.1", "10.0.0.2"], metadata: { a: "1", b: "2" } };
    const key = await newKey(org, { insert });
    const before = await getKey(reader(actor), key.id);
    expect(await edit(actor, key, input)).toEqual(before);
    expect(await eventsOf(org)).toEqual([]);
  });

  test.each<[string, UpdateKey, string[]]>([
    [
      "addresses that are none",
      { allowed_ips: ["10.0.0.1", "x", "10.0.0.1/8", "0.0.0.0/0"] },
      ["allowed_ips.1", "allowed_ips.2", "allowed_ips.3"],
    ],
    ["an end in the past", { expires_at: inDays(-1).toISOString() }, ["expires_at"]],
    ["an end before its beginning", { expires_at: inDays(1).toISOString() }, ["expires_at"]],
    ["a beginning after its end", { not_before: inDays(9).toISOString() }, ["not_before"]],
  ])("with %s is 400, names each, and changes nothing", async (_, input, paths) => {
    const { org, actor } = await setting();
    const key = await newKey(org, { insert: { notBefore: inDays(2), expiresAt: inDays(5) } });
    const before = await getKey(reader(actor), key.id);
    const error = await refusal(edit(actor, key, { ...input, name: "New" }));
    expect([error.type, Object.keys(error.details)]).toEqual(["invalid_request", paths]);
    expect([await getKey(reader(actor), key.id), await eventsOf(org)]).toEqual([before, []]);
  });

  test("of a member's key for a member leaves it with who has it", async () => {
    const { org, actor } = await setting();
    const somebody = await newPerson();
    const key = await newKey(org, { insert: { ownerId: somebody.id } });
    expect((await edit(actor, key, { owner: "member" })).owner.id).toBe(somebody.id);
  });

  test("never gives scopes that the organization does not have; those it lost since may stay", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { insert: { scopes: ["status", "upload"] } });
    expect(await refusal(edit(actor, key, { scopes: ["status", "ask"] }))).toMatchObject({
      type: "insufficient_scope",
      details: { scopes: expect.stringMatching(/ask/) },
    });
    expect((await edit(actor, key, { scopes: ["upload"] })).scopes).toEqual(["upload"]);
    expect((await edit(actor, key, { name: "Still" })).name).toBe("Still");
  });

  test("a foreign, a missing and a malformed id get one answer", async () => {
    const [{ org, actor }, other] = [await setting(), await setting()];
    const foreign = await newKey(other.org);
    for (const act of [(id: string) => edit(actor, { id }, { name: "x" }), (id: string) => pauseKey(updater(actor), id, {})]) {
      const answers = await Promise.all([foreign.id, newId("key"), "x"].map((id) => refusal(act(id))));
      expect(new Set(answers.map(({ type, message }) => `${type} ${message}`)).size).toBe(1);
      expect(answers[0]?.type).toBe("not_found");
    }
    expect([await eventsOf(org), await eventsOf(other.org)]).toEqual([[], []]);
  });

  test("an end that comes earlier ends the old secret of a rotation with it", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    await writer().keySecret.updateMany({ where: { keyId: key.id }, data: { endsAt: inDays(9) } });
    const end = inDays(3);
    expect((await edit(actor, key, { expires_at: end.toISOString() })).rotation?.ends_at).toBe(end.toISOString());
  });
});

describe("moving a key", () => {
  test("is an act of its own, unless more is changed", async () => {
    const { org, group, actor } = await setting();
    const [key, other] = [await newKey(org), await newKey(org)];
    expect((await edit(actor, key, { group_id: group.id })).group_id).toBe(group.id);
    await edit(actor, other, { group_id: group.id, name: "Moved" });
    await edit(actor, key, { group_id: group.id });
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.move", "api_key.update"]);
  });

  test("goes to no archived, foreign or missing group", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    for (const group_id of [(await newGroup(org, { archivedAt: new Date() })).id, (await newGroup(await newOrg())).id, newId("grp"), "x"])
      expect((await refusal(edit(actor, key, { group_id }))).type).toBe("not_found");
    expect((await getKey(reader(actor), key.id)).group_id).toBe(key.groupId);
  });

  test("by a key of full access stays in its group; of admin access goes anywhere", async () => {
    const { org, group } = await setting();
    const own = await newGroup(org);
    const [full, admin, target] = [
      await newKey(org, { group: own }),
      await newKey(org, { group: own, insert: { access: "admin" } }),
      await newKey(org, { group: own }),
    ];
    expect((await refusal(edit(full.actor, target, { group_id: group.id }))).type).toBe("not_found");
    expect((await refusal(edit(full.actor, full, { group_id: group.id }))).type).toBe("not_found");
    expect((await edit(admin.actor, target, { group_id: group.id })).group_id).toBe(group.id);
  });
});

describe("a key that has ended", () => {
  test("is revoked: stays as it is, whoever asks", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { revokedAt: new Date() });
    for (const act of [
      () => edit(actor, key, { name: "x" }),
      () => edit(actor, key, { expires_at: inDays(9).toISOString() }),
      () => pauseKey(updater(actor), key.id, {}),
      () => resumeKey(updater(actor), key.id),
    ])
      expect(await refusal(act)).toMatchObject({ type: "conflict", message: expect.stringMatching(/revoked, and that is final/) });
    expect(await eventsOf(org)).toEqual([]);
  });

  test("has expired: a person gives it a new end, and it works again; nothing else is changed, and no key does it", async () => {
    const { org, actor } = await setting();
    const ended = inDays(-1);
    const key = await newKey(org, { expiresAt: ended });
    const admin = await newKey(org, { insert: { access: "admin" } });
    for (const act of [
      () => edit(actor, key, { name: "x" }),
      () => edit(actor, key, { name: "x", expires_at: ended.toISOString() }),
      () => pauseKey(updater(actor), key.id, {}),
      () => edit(admin.actor, key, { expires_at: inDays(9).toISOString() }),
    ])
      expect(await refusal(act)).toMatchObject({ type: "conflict", message: expect.stringMatching(/has expired/) });
    expect(await isAccepted(key.secret)).toBe(false);
    expect(await edit(actor, key, { expires_at: inDays(30).toISOString(), name: "Again" })).toMatchObject({
      status: "active",
      name: "Again",
    });
    expect(await isAccepted(key.secret)).toBe(true);
  });

  test("has expired in a group that was archived since: comes back only with another group", async () => {
    const { org, group, actor } = await setting();
    const key = await newKey(org, { group: await newGroup(org, { archivedAt: new Date() }), expiresAt: inDays(-1) });
    expect(await refusal(edit(actor, key, { expires_at: null }))).toMatchObject({ type: "conflict", details: { group_id: "is archived" } });
    expect((await edit(actor, key, { expires_at: null, group_id: group.id })).status).toBe("active");
    expect(await isAccepted(key.secret)).toBe(true);
  });

  test("takes a place again when it gets a new end", async () => {
    const org = await newOrg({ mostKeys: 1 });
    const actor = await newMember(org, "owner");
    const expired = await newKey(org, { expiresAt: inDays(-1) });
    await newKey(org);
    expect(await refusal(edit(actor, expired, { expires_at: null }))).toMatchObject({
      type: "conflict",
      details: { keys: "are 1 of at most 1" },
    });
  });

  test("by an edit at the same time as its revocation stays revoked", async () => {
    const { org, actor } = await setting();
    for (let round = 0; round < 10; round++) {
      const key = await newKey(org);
      const answers = await Promise.allSettled([
        edit(actor, key, { name: "New", expires_at: inDays(9).toISOString() }),
        revokeKey(revoker(actor), key.id, {}),
        edit(actor, key, { access: "read" }),
        pauseKey(updater(actor), key.id, {}),
        resumeKey(updater(actor), key.id),
      ]);
      expect(answers[1]?.status).toBe("fulfilled");
      expect((await getKey(reader(actor), key.id)).status).toBe("revoked");
      expect(await isAccepted(key.secret)).toBe(false);
    }
  });
});

describe("what a person may do to a key", () => {
  test("a developer changes what they made or own, and gives at most full access", async () => {
    const { org, actor } = await setting("developer");
    const [made, theirs] = [await newKey(org, { createdByType: "user", createdById: actor.id }), await newKey(org)];
    expect((await edit(actor, made, { name: "Mine", access: "write" })).access).toBe("write");
    expect(await refusal(edit(actor, made, { access: "admin" }))).toMatchObject({
      type: "insufficient_scope",
      details: { access: "goes beyond your access, full" },
    });
    for (const act of [() => edit(actor, theirs, { name: "Mine" }), () => revokeKey(revoker(actor), theirs.id, {})])
      expect(await refusal(act)).toMatchObject({
        type: "forbidden",
        message: expect.stringMatching(/^Your role, developer, changes only the keys that you made or own, and "Key .*" is none of them/),
      });
    const foreign = await newKey(await newOrg());
    expect((await refusal(edit(actor, foreign, { name: "Mine" }))).type).toBe("not_found");
  });

  test("a developer does not touch an admin key, their own neither, but ends it", async () => {
    const { org, actor } = await setting("developer");
    const key = await newKey(org, { pausedAt: new Date(), insert: { access: "admin", ownerId: actor.id } });
    for (const act of [
      () => edit(actor, key, { name: "x" }),
      () => edit(actor, key, { access: "read" }),
      () => resumeKey(updater(actor), key.id),
    ])
      expect(await refusal(act)).toMatchObject({ type: "insufficient_scope", details: { access: expect.any(String) } });
    expect((await revokeKey(revoker(actor), key.id, {})).status).toBe("revoked");
  });

  test("an admin gives admin access", async () => {
    const { org, actor } = await setting("admin");
    expect((await edit(actor, await newKey(org), { access: "admin" })).access).toBe("admin");
  });

  test("a viewer is refused", async () => {
    const { actor } = await setting("viewer");
    expect((await refusal(() => updater(actor))).type).toBe("forbidden");
  });
});

describe("what a key may do to a key", () => {
  const end = inDays(5);
  const insert = { environment: "test", scopes: ["status"], expiresAt: end, requestsPerMinute: 10, allowedIps: ["10.0.0.0/8"] } as const;
  const bounded = { ...insert, scopes: [...insert.scopes], allowedIps: [...insert.allowedIps] };

  test.each<[string, UpdateKey]>([
    ["access", { access: "admin" }],
    ["scopes", { scopes: ["status", "search"] }],
    ["expires_at", { expires_at: null }],
    ["expires_at", { expires_at: new Date(end.getTime() + 1).toISOString() }],
    ["rate_limit_rpm", { rate_limit_rpm: 11 }],
    ["rate_limit_rpm", { rate_limit_rpm: null }],
    ["allowed_ips", { allowed_ips: [] }],
    ["allowed_ips", { allowed_ips: ["11.0.0.1"] }],
  ])("more %s than it has it gives neither another nor itself: %j", async (part, input) => {
    const { org, group } = await setting();
    const self = await newKey(org, { group, insert: bounded });
    const weaker = await newKey(org, { group, insert: { ...bounded, access: "read" } });
    for (const target of [self, weaker]) {
      const error = await refusal(edit(self.actor, target, { ...input, name: "New" }));
      expect([error.type, Object.keys(error.details)]).toEqual(["insufficient_scope", [part]]);
    }
    expect(await eventsOf(org)).toEqual([]);
  });

  test.each<[string, object]>([
    ["access", { access: "admin" }],
    ["scopes", { scopes: ["status", "search"] }],
    ["expires_at", { expiresAt: null }],
    ["rate_limit_rpm", { requestsPerMinute: 11 }],
    ["allowed_ips", { allowedIps: ["10.0.0.1", "11.0.0.1"] }],
  ])("one with more %s than itself it does not change, pause or resume at all", async (part, more) => {
    const { org, group } = await setting();
    const self = await newKey(org, { group, insert: bounded });
    const stronger = await newKey(org, { group, insert: { ...bounded, ...more } });
    for (const act of [
      () => edit(self.actor, stronger, { name: "New" }),
      () => edit(self.actor, stronger, { access: "read" }),
      () => pauseKey(updater(self.actor), stronger.id, {}),
      () => resumeKey(updater(self.actor), stronger.id),
    ]) {
      const error = await refusal(act);
      expect([error.type, Object.keys(error.details)]).toEqual(["insufficient_scope", [part]]);
    }
    expect(await eventsOf(org)).toEqual([]);
  });

  test("it narrows itself and others", async () => {
    const { org, group } = await setting();
    const self = await newKey(org, { group, insert: bounded });
    const other = await newKey(org, { group, insert: bounded });
    const less: UpdateKey = { rate_limit_rpm: 9, allowed_ips: ["10.1.0.0/16"], expires_at: inDays(4).toISOString() };
    expect(await edit(self.actor, other, { ...less, access: "read" })).toMatchObject({ ...less, access: "read" });
    expect(await edit(self.actor, self, less)).toMatchObject(less);
  });

  test("nothing, where keys do not manage keys; it still reads", async () => {
    const org = await newOrg({ keysManageKeys: false });
    const group = await newGroup(org);
    const [admin, other] = [await newKey(org, { group, insert: { access: "admin" } }), await newKey(org, { group })];
    for (const act of [
      () => createKey(authorize(admin.actor, "keys.create"), { name: "x" }),
      () => edit(admin.actor, other, { name: "x" }),
      () => edit(admin.actor, admin, { name: "x" }),
      () => pauseKey(updater(admin.actor), other.id, {}),
      () => resumeKey(updater(admin.actor), other.id),
      () => revokeKey(revoker(admin.actor), other.id, {}),
    ])
      expect(await refusal(act)).toMatchObject({ type: "insufficient_scope", message: expect.stringMatching(/keys do not manage keys/) });
    expect((await getKey(reader(admin.actor), other.id)).status).toBe("active");
    expect((await revokeKey(revoker(admin.actor), admin.id, {})).status).toBe("revoked");
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.revoke"]);
  });

  test("a key that was revoked while its call was under way changes nothing", async () => {
    const { org, group } = await setting();
    const [self, other] = [await newKey(org, { group, revokedAt: new Date() }), await newKey(org, { group })];
    expect((await refusal(edit(self.actor, other, { name: "x" }))).type).toBe("unauthorized");
    expect((await refusal(createKey(authorize(self.actor, "keys.create"), { name: "x" }))).type).toBe("unauthorized");
  });
});

describe("pausing and resuming", () => {
  test("a paused key is refused from the next request on, a resumed one accepted; the events say who and why", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    expect(await isAccepted(key.secret)).toBe(true);
    const paused = await pauseKey(updater(actor), key.id, { reason: "too loud" });
    expect([paused.status, paused.is_active, await isAccepted(key.secret)]).toEqual(["paused", false, false]);
    const resumed = await resumeKey(updater(actor), key.id);
    expect([resumed.status, resumed.is_active, await isAccepted(key.secret)]).toEqual(["active", true, true]);
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({ action: "api_key.pause", after: { ...paused, reason: "too loud" } }),
      expect.objectContaining({ action: "api_key.resume", before: paused, after: resumed }),
    ]);
  });

  test("again, also many at once, changes nothing, answers the same and leaves one event", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const paused = await Promise.all(Array.from({ length: 5 }, () => pauseKey(updater(actor), key.id, {})));
    expect(paused.map(({ status }) => status)).toEqual(Array(5).fill("paused"));
    await Promise.all(Array.from({ length: 5 }, () => resumeKey(updater(actor), key.id)));
    expect((await resumeKey(updater(actor), key.id)).status).toBe("active");
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.pause", "api_key.resume"]);
  });

  test("a key pauses itself", async () => {
    const key = await newKey(await newOrg());
    expect((await pauseKey(updater(key.actor), key.id, {})).status).toBe("paused");
    expect(await isAccepted(key.secret)).toBe(false);
  });
});

/** Keys that make and change keys, three generations deep, with whatever they ask for: nothing goes beyond, and a refusal says what would. */
test("whatever is made or edited through a key never exceeds it, and what is refused names the part", async () => {
  const { org, group } = await setting();
  await writer().org.update({ where: { id: org.id }, data: { mostKeys: 100_000 } });
  const scope = fc.constantFrom("status", "search", "chat");
  const address = fc.constantFrom("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32");
  const day = fc.integer({ min: 1, max: 4 }).map((n) => inDays(n).toISOString());
  const part = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
  const asked = fc
    .record({
      access: part(fc.constantFrom<Access>(...accesses)),
      scopes: part(fc.uniqueArray(scope, { minLength: 1 })),
      expires_at: part(fc.option(day)),
      rate_limit_rpm: part(fc.option(fc.integer({ min: 1, max: 4 }))),
      allowed_ips: part(fc.uniqueArray(address, { maxLength: 2 })),
    })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Omit<UpdateKey, "name">);
  const PARTS = ["access", "scopes", "expires_at", "rate_limit_rpm", "allowed_ips", "environment"];
  const rowOf = (id: string) => db.key.findUniqueOrThrow({ where: { id } });
  const tally = { made: 0, edited: 0, refused: 0 };

  const through = async (by: TestKey, work: Promise<{ id: string }>): Promise<string | null> => {
    const done = await work.then(
      ({ id }) => id,
      (error: unknown) => error,
    );
    if (typeof done === "string") {
      expect(excess(toPowers(await rowOf(by.id)), toPowers(await rowOf(done)))).toEqual({});
      return done;
    }
    const error = await refusal(Promise.reject(done));
    expect(error.type).toBe("insufficient_scope");
    expect(Object.keys(error.details).length).toBeGreaterThan(0);
    for (const name of Object.keys(error.details)) expect(PARTS).toContain(name);
    tally.refused += 1;
    return null;
  };

  await fc.assert(
    fc.asyncProperty(
      fc.record({ access: fc.constantFrom<Access>("full", "admin"), environment: fc.constantFrom("live" as const, "test" as const) }),
      asked,
      asked,
      asked,
      fc.constantFrom("live" as const, "test" as const),
      async (top, bounds, first, second, environment) => {
        const parent = await newKey(org, {
          group,
          insert: {
            ...top,
            scopes: bounds.scopes ?? ["status", "search"],
            expiresAt: bounds.expires_at ? new Date(bounds.expires_at) : null,
            requestsPerMinute: bounds.rate_limit_rpm ?? null,
            allowedIps: bounds.allowed_ips ?? [],
          },
        });
        const create = (input: Partial<CreateKey>) => createKey(authorize(parent.actor, "keys.create"), { name: "child", ...input });
        const child = (await through(parent, create({ ...first, environment }))) ?? (await through(parent, create({})));
        if (child === null) throw new Error("a key could not make one like itself");
        tally.made += 1;
        if ((await through(parent, edit(parent.actor, { id: child }, second))) !== null) tally.edited += 1;
        expect(excess(toPowers(await rowOf(parent.id)), toPowers(await rowOf(child)))).toEqual({});
        const before = toPowers(await rowOf(parent.id));
        await through(parent, edit(parent.actor, parent, second));
        expect(excess(before, toPowers(await rowOf(parent.id)))).toEqual({});
      },
    ),
    { numRuns: 60 },
  );
  expect(tally.made).toBe(60);
  expect(tally.edited).toBeGreaterThan(5);
  expect(tally.refused).toBeGreaterThan(20);
}, 180_000);
