import { afterAll, describe, expect, test } from "vitest";
import { type Actor, authorize, type Role } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { bulkKeys } from "@/lib/keys/bulk";
import { createKey } from "@/lib/keys/keys";
import { BulkKeys, type Key } from "@/lib/keys/schema";
import { verify } from "@/lib/keys/verify";
import {
  anyCall,
  eventsOf,
  newCall,
  newGroup,
  newKey,
  newMember,
  newOrg,
  refusal,
  type TestKey,
  type TestOrg,
  useDatabase,
} from "@/lib/testing/factories";
import { closeDrainPool, drain } from "@/lib/usage/drain";

const { owner } = await useDatabase();
afterAll(closeDrainPool);

const HOUR = 3_600_000;
const bulk = (actor: Actor, input: object) => bulkKeys(authorize(actor, "keys.update"), BulkKeys.parse(input));
const accepted = (keys: readonly TestKey[]) => Promise.all(keys.map(async ({ secret }) => (await verify(secret, anyCall, now())).valid));

async function setting(role: Role = "admin"): Promise<{ org: TestOrg; group: { id: string }; actor: Actor & { id: string } }> {
  const org = await newOrg();
  return { org, group: await newGroup(org), actor: await newMember(org, role) };
}

describe("an act on many keys", () => {
  test.each([
    ["pause", {}, [false, false, false], "api_key.pause", ["paused", "paused", "paused"]],
    ["resume", {}, [true, true, true], "api_key.resume", ["active", "active", "active"]],
    ["revoke", { reason: "cleaning up" }, [false, false, false], "api_key.revoke", ["revoked", "revoked", "revoked"]],
  ] as const)("%s: all of them, an event for each that changes, in the order asked", async (action, more, works, event, statuses) => {
    const { org, group, actor } = await setting();
    const first = action === "resume" ? { pausedAt: new Date() } : {};
    const keys = [await newKey(org, { group, ...first }), await newKey(org, { group, ...first }), await newKey(org, { group })];
    const already = { pause: { pausedAt: new Date() }, resume: {}, revoke: { revokedAt: new Date(), revokedReason: "cleaning up" } };
    await writer().key.update({ where: { id: keys[2]?.id ?? "" }, data: already[action] });
    const ids = keys.map(({ id }) => id).toReversed();
    const { dry_run, data } = await bulk(actor, { action, ids: [...ids, ids[0]], ...more });
    expect(dry_run).toBe(false);
    expect(data.map(({ key, outcome }) => [key.id, outcome])).toEqual(ids.map((id, i) => [id, i === 0 ? "unchanged" : "changed"]));
    expect(data.map(({ key }) => key.status)).toEqual(statuses);
    expect(await accepted(keys)).toEqual(works);
    const events = await eventsOf(org);
    expect(events.map(({ action: name, targetId }) => [name, targetId])).toEqual(ids.slice(1).map((id) => [event, id]));
    for (const each of events) expect(each.after).toMatchObject(data.find(({ key }) => key.id === each.targetId)?.key ?? {});
    if (action === "revoke") expect(data.map(({ key }) => key.revoked_reason)).toEqual(Array(3).fill("cleaning up"));
  });

  test("move: takes them to the group", async () => {
    const { org, group, actor } = await setting();
    const keys = [await newKey(org), await newKey(org), await newKey(org, { group })];
    const { data } = await bulk(actor, { action: "move", ids: keys.map(({ id }) => id), group_id: group.id });
    expect(data.map(({ key, outcome }) => [key.group_id, outcome])).toEqual([
      [group.id, "changed"],
      [group.id, "changed"],
      [group.id, "unchanged"],
    ]);
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.move", "api_key.move"]);
  });

  test("that changes none of them leaves nothing", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { pausedAt: new Date() });
    expect((await bulk(actor, { action: "pause", ids: [key.id] })).data[0]?.outcome).toBe("unchanged");
    expect(await eventsOf(org)).toEqual([]);
  });

  test("as a dry run changes nothing, and says what would change and how many calls each had in a day", async () => {
    const { org, group, actor } = await setting();
    const [busy, quiet, paused] = [
      await newKey(org, { group }),
      await newKey(org, { group }),
      await newKey(org, { group, pausedAt: new Date() }),
    ];
    const record = (key: TestKey, at: number, outcome = "accepted") => ({
      requestId: newId("req"),
      at,
      orgId: org.id,
      groupId: group.id,
      keyId: key.id,
      secretId: "sec_1",
      keyPrefix: key.prefix,
      environment: "live",
      method: "GET",
      route: "/v1/status",
      status: 200,
      outcome,
      latencyUs: 1_500,
      credits: 0,
      counted: false,
      ip: null,
      country: null,
      userAgent: null,
    });
    await drain([
      record(busy, now()),
      record(busy, now() - 23 * HOUR, "ip_not_allowed"),
      record(busy, now() - 26 * HOUR),
      record(paused, now()),
    ] as never);
    const before = await db.key.findMany({ where: { orgId: org.id }, orderBy: { id: "asc" } });
    for (const action of ["pause", "revoke"]) {
      const { dry_run, data } = await bulk(actor, { action, ids: [busy.id, quiet.id, paused.id], dry_run: true });
      expect(dry_run).toBe(true);
      expect(data.map(({ key, outcome, calls }) => [key.id, key.status, outcome, calls])).toEqual([
        [busy.id, "active", "changed", 2],
        [quiet.id, "active", "changed", 0],
        [paused.id, "paused", action === "pause" ? "unchanged" : "changed", 1],
      ]);
    }
    expect(await db.key.findMany({ where: { orgId: org.id }, orderBy: { id: "asc" } })).toEqual(before);
    expect(await eventsOf(org)).toEqual([]);
  });

  test("on a thousand of them is one transaction", async () => {
    const { org, group, actor } = await setting();
    const template = await newKey(org, { group });
    await owner.query(
      `insert into "Key" select (r).* from (
         select jsonb_populate_record(k, jsonb_build_object('id', 'key_01' || lpad(i::text, 24, '0'))) as r from "Key" k, generate_series(1, 1000) i where k."id" = $1
       ) t`,
      [template.id],
    );
    const ids = (await db.key.findMany({ where: { orgId: org.id, id: { not: template.id } }, select: { id: true } })).map(({ id }) => id);
    const { data } = await bulk(actor, { action: "revoke", ids });
    expect(data.filter(({ outcome }) => outcome === "changed")).toHaveLength(1_000);
    expect(await eventsOf(org)).toHaveLength(1_000);
    expect(await db.key.count({ where: { orgId: org.id, revokedAt: null } })).toBe(1);
  });
});

describe("revoking many with the keys that they made", () => {
  const childOf = (org: TestOrg, parent: TestKey, name: string, data: object = {}) =>
    newKey(org, { group: { id: parent.groupId }, ...data, insert: { parentId: parent.id, name } });

  async function family(role: Role = "admin") {
    const { org, group, actor } = await setting(role);
    const theirs = { createdByType: "user", createdById: actor.id };
    const [one, two, alone] = [
      await newKey(org, { group, ...theirs }),
      await newKey(org, { group, ...theirs }),
      await newKey(org, { group }),
    ];
    const child = await childOf(org, one, "child");
    const grandchild = await childOf(org, child, "grandchild");
    const ofTwo = await childOf(org, two, "of two", { expiresAt: new Date(now() - 1) });
    const ended = await childOf(org, two, "ended", { revokedAt: new Date() });
    return { org, actor, one, two, alone, child, grandchild, ofTwo, ended };
  }

  test("says first which, and then ends them all in one go: those asked for in their order, their children behind", async () => {
    const { org, actor, one, two, alone, child, grandchild, ofTwo, ended } = await family();
    await drain([newCall(org, child)]);
    const body = { action: "revoke", ids: [two.id, one.id, child.id], revoke_children: true };
    const expected = [two, one, child, grandchild, ofTwo].map(({ id }) => id);
    const preview = await bulk(actor, { ...body, dry_run: true });
    expect(preview.data.map(({ key, outcome }) => [key.id, outcome])).toEqual(expected.map((id) => [id, "changed"]));
    expect(preview.data.map(({ calls }) => calls)).toEqual([0, 0, 1, 0, 0]);
    expect(await accepted([one, two, child, grandchild])).toEqual([true, true, true, true]);
    expect(await eventsOf(org)).toEqual([]);
    const done = await bulk(actor, { ...body, reason: "leak" });
    expect(done.data.map(({ key, outcome }) => [key.id, outcome, key.revoked_reason])).toEqual(
      expected.map((id) => [id, "changed", "leak"]),
    );
    expect(await accepted([one, two, child, grandchild, alone])).toEqual([false, false, false, false, true]);
    expect((await eventsOf(org)).map(({ action, targetId }) => [action, targetId])).toEqual(expected.map((id) => ["api_key.revoke", id]));
    expect((await db.key.findUniqueOrThrow({ where: { id: ended.id } })).revokedReason).toBeNull();
  });

  test("without being asked leaves them; a child's calls are told beside it", async () => {
    const { org, actor, one, child, grandchild } = await family();
    await drain([newCall(org, grandchild), newCall(org, grandchild)]);
    const { data } = await bulk(actor, { action: "revoke", ids: [one.id], revoke_children: true, dry_run: true });
    expect(data.map(({ key, calls }) => [key.name, calls])).toEqual([
      [expect.any(String), 0],
      ["child", 0],
      ["grandchild", 2],
    ]);
    expect((await bulk(actor, { action: "revoke", ids: [one.id] })).data).toHaveLength(1);
    expect(await accepted([one, child])).toEqual([false, true]);
  });

  test.each([true, false])("is refused whole, and names them, when some are out of reach (dry_run %s)", async (dry_run) => {
    const { org, actor, one, two, child, grandchild, ofTwo } = await family("developer");
    const body = { action: "revoke", ids: [one.id, two.id], revoke_children: true, dry_run };
    const error = await refusal(bulk(actor, body));
    expect([error.type, Object.keys(error.details).toSorted()]).toEqual(["forbidden", [child.id, grandchild.id, ofTwo.id].toSorted()]);
    const stronger = await childOf(org, one, "stronger");
    await writer().key.update({ where: { id: stronger.id }, data: { access: "admin" } });
    const byKey = await refusal(bulk(one.actor, { ...body, ids: [one.id] }));
    expect([byKey.type, Object.keys(byKey.details)]).toEqual(["insufficient_scope", [stronger.id]]);
    expect([await accepted([one, two, child, grandchild]), await eventsOf(org)]).toEqual([[true, true, true, true], []]);
  });

  test.each([true, false])("takes at most 2,000 children, as one key does (dry_run %s)", async (dry_run) => {
    const { org, actor, one, two } = await family();
    for (const [parent, prefix, count] of [
      [one, "key_01", 1_000],
      [two, "key_02", 999],
    ] as const)
      await owner.query(
        `insert into "Key" select (jsonb_populate_record(k, jsonb_build_object('id', $2 || lpad((random() * 1e9)::bigint::text, 12, '0') || lpad(i::text, 12, '0'), 'parentId', k."id"))).*
         from "Key" k, generate_series(1, $3) i where k."id" = $1`,
        [parent.id, prefix, count],
      );
    const error = await refusal(bulk(actor, { action: "revoke", ids: [one.id, two.id], revoke_children: true, dry_run }));
    expect([error.type, error.details]).toEqual(["conflict", { revoke_children: "would revoke 2002, at most 2000" }]);
    expect([await accepted([one, two]), await eventsOf(org)]).toEqual([[true, true], []]);
  });

  test("a key that one of the children makes meanwhile is ended too, or not made", async () => {
    const { org, actor } = await setting();
    for (let round = 0; round < 10; round++) {
      const parents = [await newKey(org), await newKey(org)];
      const children = [];
      for (const parent of parents) children.push(await childOf(org, parent, "child"));
      const made = children.flatMap((child) => ["one", "two"].map((name) => createKey(authorize(child.actor, "keys.create"), { name })));
      const body = { action: "revoke", ids: parents.map(({ id }) => id), revoke_children: true };
      const [ended] = await Promise.allSettled([bulk(actor, body), ...made]);
      expect(ended.status).toBe("fulfilled");
      expect(await db.key.count({ where: { orgId: org.id, revokedAt: null } })).toBe(0);
    }
  });
});

describe("all or nothing", () => {
  const nothingHappened = async (org: TestOrg, keys: readonly TestKey[]) => {
    expect([await accepted(keys), await eventsOf(org)]).toEqual([keys.map(() => true), []]);
  };

  test.each([true, false])("a foreign, a missing or a malformed id is 404 for all (dry_run %s)", async (dry_run) => {
    const { org, actor } = await setting();
    const [key, foreign] = [await newKey(org), await newKey(await newOrg())];
    const answers = await Promise.all(
      [foreign.id, newId("key"), "x"].map((id) => refusal(bulk(actor, { action: "revoke", ids: [key.id, id], dry_run }))),
    );
    expect(new Set(answers.map(({ type, message, details }) => `${type} ${message} ${JSON.stringify(details)}`)).size).toBe(1);
    expect(answers[0]?.type).toBe("not_found");
    await nothingHappened(org, [key, foreign]);
  });

  test.each([true, false])("a key that has ended refuses the act on all, and is named (dry_run %s)", async (dry_run) => {
    const { org, group, actor } = await setting();
    const [key, revoked, expired] = [
      await newKey(org),
      await newKey(org, { revokedAt: new Date() }),
      await newKey(org, { expiresAt: new Date(now() - 1) }),
    ];
    const ids = [key.id, revoked.id, expired.id];
    for (const act of [{ action: "pause" }, { action: "resume" }, { action: "move", group_id: group.id }]) {
      const error = await refusal(bulk(actor, { ...act, ids, dry_run }));
      expect([error.type, Object.keys(error.details).toSorted()]).toEqual(["conflict", [revoked.id, expired.id].toSorted()]);
    }
    await nothingHappened(org, [key]);
  });

  test.each([true, false])("a group that is not there, archived or foreign is 404 (dry_run %s)", async (dry_run) => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    for (const { id } of [await newGroup(org, { archivedAt: new Date() }), await newGroup(await newOrg()), { id: "x" }])
      expect((await refusal(bulk(actor, { action: "move", ids: [key.id], group_id: id, dry_run }))).type).toBe("not_found");
  });

  test.each([true, false])("a key acts on none that is stronger than itself (dry_run %s)", async (dry_run) => {
    const { org, group } = await setting();
    const [self, weaker, stronger, admin] = [
      await newKey(org, { group, insert: { requestsPerMinute: 10 } }),
      await newKey(org, { group, insert: { requestsPerMinute: 5 } }),
      await newKey(org, { group }),
      await newKey(org, { group, insert: { access: "admin" } }),
    ];
    const error = await refusal(bulk(self.actor, { action: "pause", ids: [weaker.id, stronger.id], dry_run }));
    expect([error.type, Object.keys(error.details)]).toEqual(["insufficient_scope", [stronger.id]]);
    expect((await refusal(bulk(self.actor, { action: "revoke", ids: [weaker.id, admin.id], dry_run }))).type).toBe("insufficient_scope");
    await nothingHappened(org, [self, weaker, stronger, admin]);
    const { data } = await bulk(self.actor, { action: "revoke", ids: [weaker.id, stronger.id], dry_run });
    expect(data.map(({ outcome }) => outcome)).toEqual(["changed", "changed"]);
  });

  test("a developer acts on what is theirs; a viewer and a reading key on nothing; no key where keys do not manage keys", async () => {
    const { org, actor } = await setting("developer");
    const [own, theirs] = [await newKey(org, { ownerId: actor.id }), await newKey(org)];
    for (const dry_run of [true, false])
      expect((await refusal(bulk(actor, { action: "pause", ids: [own.id, theirs.id], dry_run }))).type).toBe("forbidden");
    expect((await bulk(actor, { action: "pause", ids: [own.id] })).data[0]?.key.status).toBe("paused");
    const viewer = await newMember(org, "viewer");
    expect((await refusal(() => bulk(viewer, { action: "pause", ids: [own.id] }))).type).toBe("forbidden");
    const reader = await newKey(org, { insert: { access: "read" } });
    expect((await refusal(() => bulk(reader.actor, { action: "revoke", ids: [reader.id] }))).type).toBe("insufficient_scope");
    await writer().org.update({ where: { id: org.id }, data: { keysManageKeys: false } });
    const admin = await newKey(org, { insert: { access: "admin" } });
    for (const action of ["pause", "revoke"])
      expect(await refusal(bulk(admin.actor, { action, ids: [theirs.id] }))).toMatchObject({ details: { keys_manage_keys: "is off" } });
  });

  test("two at once on the same keys: each is changed once", async () => {
    const { org, actor } = await setting();
    const keys: TestKey[] = [];
    while (keys.length < 10) keys.push(await newKey(org));
    const ids = keys.map(({ id }) => id);
    const answers = await Promise.all([bulk(actor, { action: "revoke", ids }), bulk(actor, { action: "revoke", ids: ids.toReversed() })]);
    expect(answers.flatMap(({ data }) => data).filter(({ outcome }) => outcome === "changed")).toHaveLength(10);
    expect(await eventsOf(org)).toHaveLength(10);
    const views = (answer: (typeof answers)[number]): Key[] =>
      answer.data.map(({ key }) => key).toSorted((a, b) => a.id.localeCompare(b.id));
    expect(views(answers[0])).toEqual(views(answers[1]));
  });
});

test("what it takes is checked: a group belongs to a move alone, 1 to 1,000 ids", () => {
  for (const body of [
    { action: "move", ids: ["key_1"] },
    { action: "pause", ids: ["key_1"], group_id: "grp_1" },
    { action: "pause", ids: [] },
    { action: "pause", ids: Array(1_001).fill("key_1") },
    { action: "rename", ids: ["key_1"] },
    { action: "pause", ids: ["key_1"], revoke_children: true },
  ])
    expect(BulkKeys.safeParse(body).success).toBe(false);
});
