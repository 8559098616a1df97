import { describe, expect, test } from "vitest";
import { authorize } from "@/lib/access/permissions";
import { db } from "@/lib/db";
import { createGroup, getGroup, listGroups } from "@/lib/groups/groups";
import { newId } from "@/lib/ids";
import { eventsOf, newGroup, newKey, newMember, newOrg, refusal, type TestOrg, useDatabase } from "@/lib/testing/factories";

await useDatabase();

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

  test("counts its keys that are not revoked", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    await newKey(org, { group });
    await newKey(org, { group, pausedAt: new Date() });
    await newKey(org, { group, revokedAt: new Date() });
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
