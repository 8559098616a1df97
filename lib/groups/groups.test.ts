import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { db, writer } from "@/lib/db";
import type { AppError } from "@/lib/errors";
import { archiveGroup, createGroup, getGroup, listGroups, updateGroup } from "@/lib/groups/groups";
import { newId } from "@/lib/ids";
import { updateKey } from "@/lib/keys/edit";
import { importKeys } from "@/lib/keys/import";
import { createKey, revokeKey } from "@/lib/keys/keys";
import { ImportKeys } from "@/lib/keys/schema";
import { eventually } from "@/lib/testing/eventually";
import {
  eventsOf,
  newGroup,
  newKey,
  newMember,
  newOrg,
  newPerson,
  operator,
  refusal,
  type TestOrg,
  useDatabase,
} from "@/lib/testing/factories";

const { dataDir, owner } = await useDatabase();
const mails = () => {
  const outbox = path.join(dataDir, "outbox");
  return fs.existsSync(outbox) ? fs.readdirSync(outbox).map((name) => fs.readFileSync(path.join(outbox, name), "utf8")) : [];
};

const writerIn = async (org: TestOrg) => authorize(await newMember(org, "admin"), "groups.write");
const readerIn = async (org: TestOrg) => authorize(await newMember(org, "viewer"), "groups.read");

describe("making a group", () => {
  test("answers it as it is read afterwards, and leaves one event with what it became", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    const group = await createGroup(actor, { name: "Invoices", description: "For the intake" });
    expect(group).toEqual({
      id: expect.stringMatching(/^grp_/),
      object: "api_group",
      name: "Invoices",
      description: "For the intake",
      organization_id: org.id,
      rate_limit_rpm: null,
      allowed_ips: [],
      key_count: 0,
      created_at: expect.any(String),
      archived_at: null,
    });
    expect(await getGroup(authorize(actor, "groups.read"), group.id)).toEqual(group);
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({
        action: "api_group.create",
        targetId: group.id,
        targetName: "Invoices",
        actorId: actor.id,
        before: null,
        after: group,
      }),
    ]);
  });

  test.each(["Invoices", "invoices", "INVOICES"])("of a name that is taken (%s) is refused and leaves nothing", async (name) => {
    const org = await newOrg();
    const actor = await writerIn(org);
    await createGroup(actor, { name: "Invoices" });
    expect(await refusal(createGroup(actor, { name }))).toMatchObject({ type: "conflict", details: { name: "is taken" } });
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test("of one name ten times at once makes one", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    const made = await Promise.allSettled(Array.from({ length: 10 }, () => createGroup(actor, { name: "Invoices" })));
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await db.group.count({ where: { orgId: org.id } })).toBe(1);
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test("may take the name of an archived one, and that of another organization's", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    await newGroup(org, { name: "Invoices", archivedAt: new Date() });
    await newGroup(other, { name: "Invoices" });
    expect((await createGroup(await writerIn(org), { name: "Invoices" })).name).toBe("Invoices");
  });
});

describe("a group's limit and addresses", () => {
  test("are kept in canonical form, from its making on", async () => {
    const org = await newOrg();
    const group = await createGroup(await writerIn(org), {
      name: "Invoices",
      rate_limit_rpm: 30,
      allowed_ips: ["::ffff:10.0.0.1", "2001:DB8::/48", "10.0.0.1"],
    });
    expect(group).toMatchObject({ rate_limit_rpm: 30, allowed_ips: ["10.0.0.1", "2001:db8::/48"] });
  });

  test("a limit above the organization's is refused: a group only lowers it", async () => {
    const org = await newOrg({ requestsPerMinute: 100 });
    const actor = await writerIn(org);
    const { id } = await createGroup(actor, { name: "At the limit", rate_limit_rpm: 100 });
    for (const ask of [
      () => createGroup(actor, { name: "Above", rate_limit_rpm: 101 }),
      () => updateGroup(actor, id, { rate_limit_rpm: 101 }),
    ])
      expect(await refusal(ask)).toMatchObject({
        type: "invalid_request",
        details: { rate_limit_rpm: "may be at most the organization's limit, 100: a group only lowers it" },
      });
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test("where the organization has no limit of its own, the plan's is the ceiling", async () => {
    const actor = await writerIn(await newOrg({ planId: "free" }));
    expect((await createGroup(actor, { name: "x", rate_limit_rpm: 60 })).rate_limit_rpm).toBe(60);
    expect((await refusal(createGroup(actor, { name: "y", rate_limit_rpm: 61 }))).type).toBe("invalid_request");
  });

  test("every bad address is named by its place, and nothing is made", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    expect((await refusal(createGroup(actor, { name: "x", allowed_ips: ["10.0.0.1/8", "10.0.0.1", "nowhere"] }))).details).toEqual({
      "allowed_ips.0": "the range begins at 10.0.0.0/8",
      "allowed_ips.2": '"nowhere" is not an IPv4 or IPv6 address or range',
    });
    expect(await eventsOf(org)).toEqual([]);
  });
});

describe("changing a group", () => {
  test("changes what is given, leaves the rest, and leaves one event with before and after", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    const before = await createGroup(actor, { name: "Invoices", description: "For the intake", rate_limit_rpm: 30 });
    const after = await updateGroup(actor, before.id, { name: "Bills", allowed_ips: ["10.0.0.0/8"] });
    expect(after).toEqual({ ...before, name: "Bills", allowed_ips: ["10.0.0.0/8"] });
    expect(await getGroup(authorize(actor, "groups.read"), before.id)).toEqual(after);
    expect((await eventsOf(org)).at(-1)).toMatchObject({
      action: "api_group.update",
      targetId: before.id,
      targetName: "Bills",
      actorId: actor.id,
      before,
      after,
    });
  });

  test("takes limit, addresses and description away", async () => {
    const actor = await writerIn(await newOrg());
    const { id } = await createGroup(actor, { name: "x", description: "y", rate_limit_rpm: 30, allowed_ips: ["10.0.0.1"] });
    expect(await updateGroup(actor, id, { description: "", rate_limit_rpm: null, allowed_ips: [] })).toMatchObject({
      description: "",
      rate_limit_rpm: null,
      allowed_ips: [],
    });
  });

  test("to what it is already leaves no event, also ten times at once", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    const { id } = await createGroup(actor, { name: "Invoices", allowed_ips: ["10.0.0.1"] });
    const same = await updateGroup(actor, id, { name: "Invoices", allowed_ips: ["::ffff:10.0.0.1"] });
    expect(same).toEqual(await getGroup(authorize(actor, "groups.read"), id));
    expect(await updateGroup(actor, id, {})).toEqual(same);
    expect(await eventsOf(org)).toHaveLength(1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => updateGroup(actor, id, { name: "Bills" })));
    expect(new Set(answers.map(({ name }) => name))).toEqual(new Set(["Bills"]));
    expect(await eventsOf(org)).toHaveLength(2);
  });

  test("to a name that another open group has is refused; its own in other letters, or an archived one's, is not", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    await createGroup(actor, { name: "Invoices" });
    await newGroup(org, { name: "Gone", archivedAt: new Date() });
    const { id } = await createGroup(actor, { name: "Bills" });
    expect(await refusal(updateGroup(actor, id, { name: "INVOICES" }))).toMatchObject({ type: "conflict", details: { name: "is taken" } });
    expect((await updateGroup(actor, id, { name: "BILLS" })).name).toBe("BILLS");
    expect((await updateGroup(actor, id, { name: "Gone" })).name).toBe("Gone");
  });

  test("of two groups that want one name at once, one gets it", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    const groups = await Promise.all(["a", "b", "c"].map((name) => createGroup(actor, { name })));
    const wants = await Promise.allSettled(groups.map(({ id }) => updateGroup(actor, id, { name: "Invoices" })));
    expect(wants.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("that is archived is refused", async () => {
    const org = await newOrg();
    const { id } = await newGroup(org, { archivedAt: new Date() });
    expect((await refusal(updateGroup(await writerIn(org), id, { name: "New" }))).type).toBe("conflict");
    expect(await eventsOf(org)).toEqual([]);
  });

  test("a limit that is above a lowered ceiling may stay, but not be raised", async () => {
    const org = await newOrg({ requestsPerMinute: 10 });
    const { id } = await newGroup(org, { requestsPerMinute: 50 });
    const actor = await writerIn(org);
    expect(await updateGroup(actor, id, { name: "New", rate_limit_rpm: 50 })).toMatchObject({ name: "New", rate_limit_rpm: 50 });
    expect((await refusal(updateGroup(actor, id, { rate_limit_rpm: 49 }))).type).toBe("invalid_request");
  });

  test("a key does not shut itself out of its own group; of another one it may write any list", async () => {
    const org = await newOrg();
    const key = await newKey(org, { insert: { access: "admin" } });
    const actor = authorize(key.actor, "groups.write");
    expect((await refusal(updateGroup(actor, key.groupId, { allowed_ips: ["10.0.0.0/8"] }))).details).toEqual({
      allowed_ips: "must hold 203.0.113.7, from which this key calls",
    });
    expect((await updateGroup(actor, key.groupId, { allowed_ips: ["203.0.113.0/24"] })).allowed_ips).toEqual(["203.0.113.0/24"]);
    const other = await newGroup(org);
    expect((await updateGroup(actor, other.id, { allowed_ips: ["10.0.0.0/8"] })).allowed_ips).toEqual(["10.0.0.0/8"]);
  });

  test("a foreign, a missing and a malformed id get one answer, also for the archive", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const foreign = await newGroup(other);
    const actor = await writerIn(org);
    for (const act of [(id: string) => updateGroup(actor, id, { name: "x" }), (id: string) => archiveGroup(actor, id, {})]) {
      const answers = await Promise.all([foreign.id, newId("grp"), "grp_1", newId("key")].map((id) => refusal(act(id))));
      expect(new Set(answers.map(({ type, message, details }) => JSON.stringify([type, message, details])))).toEqual(
        new Set([JSON.stringify(["not_found", answers[0]?.message, {}])]),
      );
    }
    expect(await eventsOf(other)).toEqual([]);
  });
});

describe("archiving a group", () => {
  test("without live keys takes it out of the list and leaves one event; again answers the same and leaves none", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    await newKey(org, { group, revokedAt: new Date() });
    await newKey(org, { group, expiresAt: new Date(Date.now() - 1000) });
    const actor = await writerIn(org);
    const archived = await archiveGroup(actor, group.id, {});
    expect(archived.archived_at).not.toBeNull();
    const reader = authorize(actor, "groups.read");
    expect((await listGroups(reader, { limit: 50 })).data).toEqual([]);
    expect((await listGroups(reader, { limit: 50, archived: "true" })).data).toEqual([archived]);
    expect(await archiveGroup(actor, group.id, { revoke_keys: "true" })).toEqual(archived);
    expect((await eventsOf(org)).map(({ action, targetId, before, after }) => ({ action, targetId, before, after }))).toEqual([
      { action: "api_group.archive", targetId: group.id, before: { ...archived, archived_at: null }, after: archived },
    ]);
  });

  test("with live keys is refused and says how many; a paused one and one that is not yet valid are live", async () => {
    const org = await newOrg();
    const group = await newGroup(org, { name: "Invoices" });
    const actor = await writerIn(org);
    await newKey(org, { group, pausedAt: new Date() });
    expect((await refusal(archiveGroup(actor, group.id, {}))).message).toContain("has 1 live key.");
    await newKey(org, { group, notBefore: new Date(Date.now() + 1_000_000) });
    await newKey(org, { group, revokedAt: new Date() });
    const refused = await refusal(archiveGroup(actor, group.id, { revoke_keys: "false" }));
    expect(refused).toMatchObject({ type: "conflict", details: { live_keys: "2" } });
    expect(refused.message).toContain('"Invoices" has 2 live keys.');
    expect((await getGroup(authorize(actor, "groups.read"), group.id)).archived_at).toBeNull();
    expect(await eventsOf(org)).toEqual([]);
  });

  test("while keys are being imported into it waits for them, and is refused: they would be live keys of an archived group", async () => {
    const org = await newOrg({ planId: "enterprise" });
    const group = await newGroup(org);
    const actor = await writerIn(org);
    const waiting = async () => {
      const sql = `select count(*)::int as "n" from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return (await owner.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
    };
    // Holds the import where it has looked at the group and writes its rows next.
    await owner.query(`begin; lock table "Key" in share row exclusive mode`);
    const keys = [{ hash: "ab".repeat(32), name: "Old" }];
    const input = { organization_id: org.id, group_id: group.id, prefix: "acme_", length: 40, keys };
    const imported = importKeys(operator("keys.import"), ImportKeys.parse(input));
    await eventually(async () => (await waiting()) === 1 || undefined);
    let isOver = false;
    const archived = refusal(archiveGroup(actor, group.id, {})).finally(() => {
      isOver = true;
    });
    archived.catch(() => {}); // read below
    await eventually(async () => isOver || (await waiting()) === 2 || undefined);
    await owner.query("commit");
    expect((await imported).imported).toBe(1);
    expect(await archived).toMatchObject({ type: "conflict", details: { live_keys: "1" } });
    expect((await getGroup(authorize(actor, "groups.read"), group.id)).archived_at).toBeNull();
  });

  test("with its live keys ends each of them with an event of its own, and leaves other groups' alone", async () => {
    const org = await newOrg();
    const group = await newGroup(org, { name: "Invoices" });
    const live = [await newKey(org, { group }), await newKey(org, { group, pausedAt: new Date() })];
    const ended = await newKey(org, { group, revokedAt: new Date(0), revokedReason: "Earlier" });
    const elsewhere = await newKey(org);
    const archived = await archiveGroup(await writerIn(org), group.id, { revoke_keys: "true" });
    expect(archived).toMatchObject({ key_count: 0, archived_at: expect.any(String) });
    const events = await eventsOf(org);
    expect(events.map(({ action }) => action)).toEqual(["api_group.archive", "api_key.revoke", "api_key.revoke"]);
    expect(events.flatMap(({ action, targetId }) => (action === "api_key.revoke" ? [targetId] : [])).toSorted()).toEqual(
      live.map(({ id }) => id).toSorted(),
    );
    expect(events[1]).toMatchObject({
      before: { revoked_at: null },
      after: { status: "revoked", is_active: false, revoked_at: archived.archived_at, revoked_reason: "The group Invoices was archived" },
    });
    const states = await db.key.findMany({ where: { orgId: org.id } });
    const revokedOf = (id: string) => states.find((key) => key.id === id)?.revokedAt;
    for (const key of live) expect(revokedOf(key.id)?.toISOString()).toBe(archived.archived_at);
    expect(revokedOf(ended.id)).toEqual(new Date(0));
    expect(revokedOf(elsewhere.id)).toBeNull();
  });

  test("five times at once, while its keys are revoked one by one, ends each key once", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    const keys = await Promise.all(Array.from({ length: 6 }, () => newKey(org, { group })));
    const actor = await writerIn(org);
    await Promise.all([
      ...Array.from({ length: 5 }, () => archiveGroup(actor, group.id, { revoke_keys: "true" })),
      ...keys.map(({ id }) => revokeKey(authorize(actor, "keys.revoke"), id, {})),
    ]);
    const events = await eventsOf(org);
    expect(events.filter(({ action }) => action === "api_group.archive")).toHaveLength(1);
    expect(events.flatMap(({ action, targetId }) => (action === "api_key.revoke" ? [targetId] : [])).toSorted()).toEqual(
      keys.map(({ id }) => id).toSorted(),
    );
  });

  test("while keys are made in it, and moved into it, leaves none of them live", async () => {
    const org = await newOrg();
    const [group, other] = [await newGroup(org), await newGroup(org)];
    const moving = await Promise.all(Array.from({ length: 4 }, () => newKey(org, { group: other })));
    const actor = await writerIn(org);
    const done = await Promise.allSettled([
      ...Array.from({ length: 4 }, (_, i) => createKey(authorize(actor, "keys.create"), { name: `Key ${i}`, group_id: group.id })),
      archiveGroup(actor, group.id, { revoke_keys: "true" }),
      ...moving.map(({ id }) => updateKey(authorize(actor, "keys.update"), id, { group_id: group.id })),
    ]);
    expect(done[4]?.status).toBe("fulfilled");
    for (const each of done) if (each.status === "rejected") expect((each.reason as AppError).type).toBe("not_found");
    expect(await db.key.count({ where: { groupId: group.id, revokedAt: null } })).toBe(0);
  });

  test("by a key where keys do not manage keys leaves everything as it was; without live keys it may", async () => {
    const org = await newOrg({ keysManageKeys: false });
    const [group, empty] = [await newGroup(org), await newGroup(org)];
    await newKey(org, { group });
    const actor = authorize((await newKey(org, { insert: { access: "admin" } })).actor, "groups.write");
    expect(await refusal(archiveGroup(actor, group.id, { revoke_keys: "true" }))).toMatchObject({ type: "insufficient_scope" });
    expect(await eventsOf(org)).toEqual([]);
    expect((await archiveGroup(actor, empty.id, { revoke_keys: "true" })).archived_at).not.toBeNull();
  });

  test("tells the owners of its keys, but not whoever did it", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    const person = await newPerson();
    const owner = await newMember(org, "developer", person);
    const key = await newKey(org, { group, insert: { ownerId: owner.id } });
    await archiveGroup(await writerIn(org), group.id, { revoke_keys: "true" });
    const mail = await eventually(() => mails().find((text) => text.includes(`To: ${person.email}`)));
    expect(mail).toContain(key.prefix);
    expect(mail).not.toContain(key.secret);
  });

  test("of a thousand keys is one transaction that ends in time; more are refused", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    const { id: _, ...pattern } = await db.key.findUniqueOrThrow({ where: { id: (await newKey(org, { group })).id } });
    await writer().key.createMany({
      data: Array.from({ length: 999 }, () => ({ ...pattern, id: newId("key"), metadata: {} })),
    });
    const actor = await writerIn(org);
    const { id: more } = await newKey(org, { group });
    expect((await refusal(archiveGroup(actor, group.id, { revoke_keys: "true" }))).message).toContain("At most 1000 are revoked with it.");
    await writer().key.delete({ where: { id: more } });
    await archiveGroup(actor, group.id, { revoke_keys: "true" });
    expect(await db.key.count({ where: { groupId: group.id, revokedAt: null } })).toBe(0);
    expect(await eventsOf(org)).toHaveLength(1001);
  });
});

describe("reading groups", () => {
  test("lists the open ones in the order they were made, page by page, each once", async () => {
    const org = await newOrg();
    const names = ["c", "a", "b", "e", "d"];
    for (const name of names) await newGroup(org, { name });
    await newGroup(org, { name: "archived", archivedAt: new Date() });
    const actor = await readerIn(org);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listGroups(actor, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.data.map(({ name }) => name));
      cursor = page.next_cursor ?? undefined;
      expect(page.has_more).toBe(cursor !== undefined);
    } while (cursor !== undefined);
    expect(seen).toEqual(names);
  });

  test("counts its keys that are neither revoked nor expired", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    await newKey(org, { group });
    await newKey(org, { group, pausedAt: new Date() });
    await newKey(org, { group, revokedAt: new Date() });
    await newKey(org, { group, expiresAt: new Date(Date.now() - 1000) });
    expect((await getGroup(await readerIn(org), group.id)).key_count).toBe(2);
  });

  test("a foreign, a missing and a malformed id get one answer", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const foreign = await newGroup(other);
    const actor = await readerIn(org);
    const answers = await Promise.all([foreign.id, newId("grp"), "grp_1", "x", newId("key")].map((id) => refusal(getGroup(actor, id))));
    expect(new Set(answers.map(({ type, message, details }) => JSON.stringify([type, message, details])))).toEqual(
      new Set([JSON.stringify(["not_found", answers[0]?.message, {}])]),
    );
    expect((await listGroups(actor, { limit: 50 })).data).toEqual([]);
  });

  test("a cursor of another organization is refused", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    await newGroup(other);
    await newGroup(other);
    const { next_cursor } = await listGroups(await readerIn(other), { limit: 1 });
    expect((await refusal(listGroups(await readerIn(org), { limit: 1, cursor: next_cursor ?? "" }))).type).toBe("invalid_request");
  });

  test.each(["read", "full"] as const)("a key of access %s sees its own group alone, an admin key all", async (access) => {
    const org = await newOrg();
    const other = await newGroup(org);
    const key = await newKey(org, { insert: { access } });
    const actor = authorize(key.actor, "groups.read");
    expect((await listGroups(actor, { limit: 50 })).data.map(({ id }) => id)).toEqual([key.groupId]);
    expect((await refusal(getGroup(actor, other.id))).type).toBe("not_found");
    const admin = authorize((await newKey(org, { group: other, insert: { access: "admin" } })).actor, "groups.read");
    expect((await listGroups(admin, { limit: 50 })).data).toHaveLength(2);
  });
});

test("a test key sees test keys only, also in what a group counts, and changes no group", async () => {
  const org = await newOrg();
  const group = await newGroup(org);
  for (const environment of ["live", "live", "test"] as const) await newKey(org, { group, insert: { environment } });
  const tester = await newKey(org, { group, insert: { access: "admin", environment: "test" } });
  const counts = async (actor: Actor) => {
    const reader = authorize(actor, "groups.read");
    return [(await getGroup(reader, group.id)).key_count, ...(await listGroups(reader, { limit: 50 })).data.map((each) => each.key_count)];
  };
  expect(await counts(tester.actor)).toEqual([2, 2]);
  expect(await counts(await newMember(org, "viewer"))).toEqual([4, 4]);
  expect((await refusal(() => authorize(tester.actor, "groups.write"))).type).toBe("insufficient_scope");
});
