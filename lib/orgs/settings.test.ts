import { describe, expect, test } from "vitest";
import { authorize } from "@/lib/access/permissions";
import { getOrg, updateOrg } from "@/lib/orgs/orgs";
import { eventsOf, newKey, newMember, newOrg, refusal, type TestOrg, useDatabase } from "@/lib/testing/factories";

await useDatabase();

const writerIn = async (org: TestOrg) => authorize(await newMember(org, "admin"), "org.write");
/** An admin key, which calls from 203.0.113.7. */
const keyIn = async (org: TestOrg) => authorize((await newKey(org, { insert: { access: "admin" } })).actor, "org.write");

describe("changing an organization's settings", () => {
  test("changes what is given, leaves the rest, and leaves one event with before and after", async () => {
    const org = await newOrg();
    const actor = await writerIn(org);
    const reader = authorize(actor, "org.read");
    const before = await getOrg(reader);
    const after = await updateOrg(actor, {
      name: "Kestrel",
      allowed_ips: ["::ffff:10.0.0.1", "10.0.0.1", "2001:DB8::/48"],
      keys_manage_keys: false,
      leak_policy: "flag",
    });
    expect(after).toEqual({
      ...before,
      name: "Kestrel",
      allowed_ips: ["10.0.0.1", "2001:db8::/48"],
      keys_manage_keys: false,
      leak_policy: "flag",
    });
    expect(await getOrg(reader)).toEqual(after);
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({
        action: "organization.update",
        targetId: org.id,
        targetName: "Kestrel",
        actorId: actor.id,
        before,
        after,
      }),
    ]);
    expect(await updateOrg(actor, { leak_policy: "revoke" })).toEqual({ ...after, leak_policy: "revoke" });
  });

  test("to what they are already leaves no event, also ten times at once", async () => {
    const org = await newOrg({ allowedIps: ["10.0.0.1"] });
    const actor = await writerIn(org);
    const same = await updateOrg(actor, { name: org.name, allowed_ips: ["::ffff:10.0.0.1"], keys_manage_keys: true });
    expect([same, await updateOrg(actor, {})]).toEqual([same, await getOrg(authorize(actor, "org.read"))]);
    expect(await eventsOf(org)).toEqual([]);
    await Promise.all(Array.from({ length: 10 }, () => updateOrg(actor, { name: "Kestrel" })));
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test("names every bad address by its place, and changes nothing", async () => {
    const org = await newOrg();
    expect((await refusal(updateOrg(await writerIn(org), { name: "Kestrel", allowed_ips: ["10.0.0.1", "10.0.0.1/8"] }))).details).toEqual({
      "allowed_ips.1": "the range begins at 10.0.0.0/8",
    });
    expect(await eventsOf(org)).toEqual([]);
  });

  test("a key does not shut itself out; a person may write any list, for it is about calls with keys", async () => {
    const org = await newOrg();
    const key = await keyIn(org);
    expect(await refusal(updateOrg(key, { allowed_ips: ["10.0.0.0/8"] }))).toMatchObject({
      type: "invalid_request",
      details: { allowed_ips: "must hold 203.0.113.7, from which this key calls" },
    });
    expect((await updateOrg(key, { allowed_ips: ["203.0.113.0/24"] })).allowed_ips).toEqual(["203.0.113.0/24"]);
    expect((await updateOrg(key, { name: "Kestrel" })).name).toBe("Kestrel");
    expect((await updateOrg(await writerIn(org), { allowed_ips: ["10.0.0.0/8"] })).allowed_ips).toEqual(["10.0.0.0/8"]);
  });

  test("a key takes key management away from keys, but only a person gives it back", async () => {
    const org = await newOrg();
    const key = await keyIn(org);
    expect((await updateOrg(key, { keys_manage_keys: false })).keys_manage_keys).toBe(false);
    expect(await refusal(updateOrg(key, { keys_manage_keys: true, name: "Kestrel" }))).toMatchObject({ type: "insufficient_scope" });
    expect((await updateOrg(key, { keys_manage_keys: false, leak_policy: "flag" })).leak_policy).toBe("flag");
    expect((await updateOrg(await writerIn(org), { keys_manage_keys: true })).keys_manage_keys).toBe(true);
  });

  test("leaves every other organization as it was", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const reader = authorize(await newMember(other, "viewer"), "org.read");
    const before = await getOrg(reader);
    await updateOrg(await writerIn(org), { name: "Kestrel", leak_policy: "flag" });
    expect(await getOrg(reader)).toEqual(before);
    expect(await eventsOf(other)).toEqual([]);
  });
});

test("a test key changes nothing of the organization that live keys belong to", async () => {
  const { actor } = await newKey(await newOrg(), { insert: { access: "admin", environment: "test" } });
  expect((await refusal(() => authorize(actor, "org.write"))).type).toBe("insufficient_scope");
});
