import { describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { db } from "@/lib/db";
import { generateAuthToken, revokeAuthToken } from "@/lib/keys/auth-token";
import { getKey } from "@/lib/keys/keys";
import { finishRotation, rotateKey } from "@/lib/keys/rotation";
import { newSecret } from "@/lib/keys/secret";
import { type Need, verify } from "@/lib/keys/verify";
import { eventsOf, newGroup, newKey, newMember, newOrg, refusal, useDatabase } from "@/lib/testing/factories";

await useDatabase();

const ANY_CALL: Need = {
  permission: "self.read",
  scopes: [],
  accesses: [],
  ip: "10.0.0.1",
  within: null,
  asker: null,
  free: true,
  route: null,
  cost: 0,
  requestId: "req_1",
};
const isAccepted = async (secret: string) => (await verify(secret, ANY_CALL, now())).valid;
const generate = (actor: Actor, token_name?: string) =>
  generateAuthToken(authorize(actor, "keys.create"), token_name === undefined ? {} : { token_name });
const revoke = (actor: Actor, auth_token: string) => revokeAuthToken(authorize(actor, "keys.revoke"), { auth_token });
const view = (actor: Actor, id: string) => getKey(authorize(actor, "keys.read"), id);
const rotate = (actor: Actor, id: string, input = {}) => rotateKey(authorize(actor, "keys.update"), id, input);

describe("generating a token", () => {
  test("gives a key with everything that the asking one has", async () => {
    const org = await newOrg();
    const member = await newMember(org, "developer");
    const key = await newKey(org, {
      insert: {
        name: "Intake",
        environment: "test",
        scopes: ["status", "search"],
        expiresAt: new Date(now() + 86_400_000),
        requestsPerMinute: 10,
        allowedIps: ["10.0.0.0/8"],
        metadata: { team: "a" },
        ownerId: member.id,
      },
    });
    const { auth_token, created_at_epoch_seconds, token_name } = await generate(key.actor);
    expect(token_name).toBe("Intake token");
    expect(Math.abs(created_at_epoch_seconds - now() / 1000)).toBeLessThan(60);
    const [own, made] = [await view(member, key.id), (await db.key.findFirstOrThrow({ where: { parentId: key.id } })).id];
    const child = await view(member, made);
    const { id, key_prefix, name, created_at, created_by, ...inherited } = own;
    expect(child).toMatchObject({ ...inherited, name: "Intake token", created_by: { type: "key", id: key.id, name: "Intake" } });
    expect(await isAccepted(auth_token)).toBe(true);
    expect((await eventsOf(org)).map(({ action, targetId }) => [action, targetId])).toEqual([["api_key.create", child.id]]);
  });

  test("takes a name; without one it is named after its parent, not longer at every turn", async () => {
    const org = await newOrg();
    const [key, long, token] = [
      await newKey(org),
      await newKey(org, { insert: { name: "ä".repeat(93) + "🙂".repeat(3) } }),
      await newKey(org, { insert: { name: "Intake token" } }),
    ];
    expect((await generate(key.actor, "Production")).token_name).toBe("Production");
    expect((await generate(token.actor)).token_name).toBe("Intake token");
    const name = (await generate(long.actor)).token_name ?? "";
    expect([name.length <= 100, name.isWellFormed(), name.endsWith(" token")]).toEqual([true, true, true]);
  });

  test("is nothing for a person, who has nothing to inherit", async () => {
    const owner = await newMember(await newOrg(), "owner");
    expect((await refusal(generate(owner))).type).toBe("forbidden");
  });

  test("is refused to a key of read or write access, and to every key where keys do not manage keys", async () => {
    const [org, closed] = [await newOrg(), await newOrg({ keysManageKeys: false })];
    for (const access of ["read", "write"] as const) {
      const key = await newKey(org, { insert: { access } });
      expect((await refusal(() => generate(key.actor))).type).toBe("insufficient_scope");
    }
    const key = await newKey(closed, { insert: { access: "admin" } });
    expect(await refusal(generate(key.actor))).toMatchObject({ details: { keys_manage_keys: "is off" } });
  });
});

describe("revoking a token", () => {
  test("the documented rotation: a new token from the old one, then the old one ends; and again", async () => {
    const org = await newOrg();
    const old = await newKey(org);
    const fresh = await generate(old.actor);
    const child = await db.key.findFirstOrThrow({ where: { parentId: old.id } });
    const actor = { ...old.actor, id: child.id, name: child.name };
    expect(await revoke(actor, old.secret)).toEqual({});
    expect([await isAccepted(old.secret), await isAccepted(fresh.auth_token)]).toEqual([false, true]);
    expect(await revoke(actor, old.secret)).toEqual({});
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.create", "api_key.revoke"]);
  });

  test("a key of any access ends itself, and nobody else where it does not reach", async () => {
    const org = await newOrg();
    const group = await newGroup(org);
    for (const access of ["read", "write", "full", "admin"] as const) {
      const [self, admin, elsewhere] = [
        await newKey(org, { group, insert: { access, environment: "test" } }),
        await newKey(org, { group, insert: { access: "admin", environment: "test" } }),
        await newKey(org, { insert: { environment: "live" } }),
      ];
      expect((await refusal(revoke(self.actor, elsewhere.secret))).type).toBe("not_found");
      if (access === "full") expect((await refusal(revoke(self.actor, admin.secret))).type).toBe("insufficient_scope");
      expect(await revoke(self.actor, self.secret)).toEqual({});
      expect(await isAccepted(self.secret)).toBe(false);
    }
  });

  test("somebody else's, one that nobody made and what is no token get one answer", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const [key, foreign] = [await newKey(org, { insert: { access: "admin" } }), await newKey(other)];
    const texts = [foreign.secret, newSecret("lk_live_").text, `${key.secret}x`, key.prefix, "", "ü".repeat(46)];
    const answers = await Promise.all(texts.map((text) => refusal(revoke(key.actor, text))));
    expect(new Set(answers.map(({ type, message }) => `${type} ${message}`)).size).toBe(1);
    expect(answers[0]?.type).toBe("not_found");
    expect(await isAccepted(foreign.secret)).toBe(true);
  });

  test("the old one of two secrets ends alone", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    const { secret, key_prefix } = await rotate(key.actor, key.id);
    expect(await revoke(key.actor, key.secret)).toEqual({});
    expect([await isAccepted(key.secret), await isAccepted(secret)]).toEqual([false, true]);
    expect(await view(key.actor, key.id)).toMatchObject({ status: "active", rotation: null, key_prefix });
    await revoke(key.actor, key.secret);
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.rotate", "api_key.secret_revoke"]);
  });

  test("the new one of two secrets ends alone, and the old one lasts again, through another rotation too", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    const before = await view(key.actor, key.id);
    const { secret } = await rotate(key.actor, key.id);
    expect(await revoke(key.actor, secret)).toEqual({});
    expect([await isAccepted(key.secret), await isAccepted(secret)]).toEqual([true, false]);
    expect(await view(key.actor, key.id)).toEqual(before);
    expect((await db.keySecret.findFirstOrThrow({ where: { keyId: key.id, prefix: key.prefix } })).endsAt).toBeNull();
    const next = await rotate(key.actor, key.id);
    expect(next.rotation?.old_key_prefix).toBe(key.prefix);
    expect([await isAccepted(key.secret), await isAccepted(secret), await isAccepted(next.secret)]).toEqual([true, false, true]);
    await finishRotation(authorize(key.actor, "keys.update"), key.id);
    expect([await isAccepted(key.secret), await isAccepted(next.secret)]).toEqual([false, true]);
  });

  test("the last one of two, one after the other, revokes the key", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    const { secret } = await rotate(key.actor, key.id);
    await Promise.all([revoke(key.actor, secret), revoke(key.actor, key.secret)]);
    expect([await isAccepted(key.secret), await isAccepted(secret)]).toEqual([false, false]);
    expect((await view(key.actor, key.id)).status).toBe("revoked");
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.rotate", "api_key.secret_revoke", "api_key.revoke"]);
  });

  test("where keys do not manage keys, a key ends itself only", async () => {
    const org = await newOrg({ keysManageKeys: false });
    const group = await newGroup(org);
    const [self, other] = [await newKey(org, { group }), await newKey(org, { group })];
    expect(await refusal(revoke(self.actor, other.secret))).toMatchObject({ details: { keys_manage_keys: "is off" } });
    expect(await revoke(self.actor, self.secret)).toEqual({});
  });
});
