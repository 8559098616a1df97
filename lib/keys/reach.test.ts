import { describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { db, writer } from "@/lib/db";
import { isAppError } from "@/lib/errors";
import { archiveGroup } from "@/lib/groups/groups";
import { updateKey } from "@/lib/keys/edit";
import { createKey, revokeKey } from "@/lib/keys/keys";
import { rotateKey } from "@/lib/keys/rotation";
import type { NewKey } from "@/lib/keys/schema";
import { newGroup, newKey, newMember, newOrg, origin, refusal, type TestOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

const make = (actor: Actor, input: Parameters<typeof createKey>[1]) => createKey(authorize(actor, "keys.create"), input);
const rotate = (actor: Actor, id: string) => rotateKey(authorize(actor, "keys.update"), id, { grace_seconds: 0 });
const revoke = (actor: Actor, id: string) => revokeKey(authorize(actor, "keys.revoke"), id, {});

/** The actor that calls with a key. */
async function calling(key: NewKey, secretId?: string): Promise<Actor> {
  const { id } = await db.keySecret.findFirstOrThrow({ where: { keyId: key.id, endsAt: null } });
  return {
    type: "key",
    id: key.id,
    name: key.name,
    role: key.access,
    orgId: key.organization_id,
    groupId: key.group_id,
    environment: key.environment,
    secretId: secretId ?? id,
    request: origin(),
  };
}

async function setting(): Promise<{ org: TestOrg; group: { id: string }; admin: Actor; developer: Actor & { id: string } }> {
  const org = await newOrg();
  return { org, group: await newGroup(org), admin: await newMember(org, "admin"), developer: await newMember(org, "developer") };
}

describe("a developer's key", () => {
  test("manages what the developer made and what it made, and nobody else's", async () => {
    const { group, admin, developer } = await setting();
    const foreign = await make(admin, { name: "The owner's", group_id: group.id });
    const own = await make(developer, { name: "Mine", group_id: group.id });
    const other = await make(developer, { name: "Mine too", group_id: group.id });
    const actor = await calling(own);
    const child = await make(actor, { name: "Child" });
    const grandchild = await make(await calling(child), { name: "Grandchild" });
    for (const act of [
      () => rotate(actor, foreign.id),
      () => updateKey(authorize(actor, "keys.update"), foreign.id, { owner: "member" }),
      () => revoke(actor, foreign.id),
      async () => rotate(await calling(grandchild), foreign.id),
    ]) {
      const refused = await refusal(act());
      expect([refused.type, refused.details]).toEqual(["insufficient_scope", { [foreign.id]: "The owner's" }]);
    }
    for (const { id } of [child, grandchild, other]) await rotate(actor, id);
    await revoke(actor, child.id);
  });

  test("does so as long as its maker is one, and after that too; an admin's reaches its group", async () => {
    const { org, group, admin, developer } = await setting();
    const foreign = await make(admin, { name: "The owner's", group_id: group.id });
    const actor = await calling(await make(developer, { name: "Mine", group_id: group.id }));
    await writer().member.updateMany({ where: { orgId: org.id, userId: developer.id }, data: { role: "admin" } });
    await rotate(actor, foreign.id);
    await writer().member.deleteMany({ where: { orgId: org.id, userId: developer.id } });
    expect((await refusal(rotate(actor, foreign.id))).type).toBe("insufficient_scope");
    await rotate(await calling(await make(admin, { name: "An admin's", group_id: group.id })), foreign.id);
  });
});

test("a key ends the key that made it, and changes nothing else about it", async () => {
  const { group, admin } = await setting();
  const parent = await make(admin, { name: "Parent", group_id: group.id });
  const child = await make(await calling(parent), { name: "Child" });
  const grandchild = await calling(await make(await calling(child), { name: "Grandchild" }));
  for (const actor of [await calling(child), grandchild]) {
    const refused = await refusal(rotate(actor, parent.id));
    expect([refused.type, refused.details]).toEqual(["insufficient_scope", { key: "made this one" }]);
    expect((await refusal(updateKey(authorize(actor, "keys.update"), parent.id, { name: "Taken" }))).type).toBe("insufficient_scope");
  }
  await revoke(grandchild, parent.id);
});

describe("while keys make keys as fast as they can", () => {
  /** Loops of one key that makes children until it is told that it may not. */
  function making(actor: Actor, loops: number): Promise<number[]> {
    return Promise.all(
      Array.from({ length: loops }, async () => {
        for (let made = 0; ; made++) {
          try {
            await make(actor, { name: `Child ${made}` });
          } catch (error) {
            if (isAppError(error) && error.type !== "unavailable") return made;
          }
        }
      }),
    );
  }

  test("their own is revoked at once", async () => {
    const { org, group, admin } = await setting();
    await owner.query('update "Org" set "mostKeys" = 100000 where "id" = $1', [org.id]);
    const key = await newKey(org, { group });
    const loops = making(key.actor, 8);
    await new Promise((done) => setTimeout(done, 300));
    await revoke(admin, key.id);
    const made = await loops;
    expect(Math.max(...made)).toBeGreaterThan(0);
  });

  test("their group is archived, and none is left in it", async () => {
    const { org, group, admin } = await setting();
    await owner.query('update "Org" set "mostKeys" = 100000 where "id" = $1', [org.id]);
    const loops = Promise.all([await newKey(org, { group }), await newKey(org, { group })].map((key) => making(key.actor, 4)));
    await new Promise((done) => setTimeout(done, 300));
    await archiveGroup(authorize(admin, "groups.write"), group.id, { revoke_keys: "true" });
    await loops;
    expect(await db.key.count({ where: { groupId: group.id, revokedAt: null } })).toBe(0);
  });
});
