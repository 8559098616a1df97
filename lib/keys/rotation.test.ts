import { describe, expect, test } from "vitest";
import { type Actor, authorize, type Role } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { newId } from "@/lib/ids";
import { pauseKey } from "@/lib/keys/edit";
import { keyInsights } from "@/lib/keys/insight";
import { getKey, revokeKey } from "@/lib/keys/keys";
import { extendRotation, finishRotation, rotateKey } from "@/lib/keys/rotation";
import type { RotateKey } from "@/lib/keys/schema";
import { parseSecret } from "@/lib/keys/secret";
import { verify } from "@/lib/keys/verify";
import { anyCall, eventsOf, newGroup, newKey, newMember, newOrg, refusal, type TestOrg, useDatabase } from "@/lib/testing/factories";

await useDatabase();

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const inDays = (days: number) => new Date(now() + days * DAY);
const updater = (actor: Actor) => authorize(actor, "keys.update");
const rotate = (actor: Actor, key: { id: string }, input: RotateKey = {}) => rotateKey(updater(actor), key.id, input);
const finish = (actor: Actor, key: { id: string }) => finishRotation(updater(actor), key.id);
const extend = (actor: Actor, key: { id: string }, grace_seconds: number) => extendRotation(updater(actor), key.id, { grace_seconds });
const view = (actor: Actor, key: { id: string }) => getKey(authorize(actor, "keys.read"), key.id);
const isAccepted = async (secret: string, at = now()) => (await verify(secret, anyCall, at)).valid;
const secretsOf = (key: { id: string }) => db.keySecret.findMany({ where: { keyId: key.id }, orderBy: { createdAt: "asc" } });
const liveSecrets = async (key: { id: string }) =>
  (await secretsOf(key)).filter(({ endsAt }) => endsAt === null || endsAt.getTime() > now());

async function setting(role: Role = "admin"): Promise<{ org: TestOrg; actor: Actor & { id: string } }> {
  const org = await newOrg();
  return { org, actor: await newMember(org, role) };
}

describe("rotating a key", () => {
  test("gives the same key a new secret; both work until the grace ends, then the new one alone", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { insert: { requestsPerMinute: 7, metadata: { a: "b" } } });
    const before = await view(actor, key);
    expect(await isAccepted(key.secret)).toBe(true);
    const { secret, ...rotated } = await rotate(actor, key, { grace_seconds: 3_600, reason: "quarterly" });
    expect(parseSecret(secret, ["lk_live_"])?.prefix).toBe(rotated.key_prefix);
    const ends = Date.parse(rotated.rotation?.ends_at ?? "");
    expect(rotated).toEqual({
      ...before,
      key_prefix: rotated.key_prefix,
      status: "rotating",
      rotation: {
        started_at: new Date(ends - HOUR).toISOString(),
        ends_at: expect.any(String),
        old_key_prefix: key.prefix,
        old_last_used_at: null,
      },
    });
    expect(await view(actor, key)).toEqual(rotated);
    for (const [at, old] of [
      [now(), true],
      [ends - 1, true],
      [ends, false],
      [ends + DAY, false],
    ] as const)
      expect([await isAccepted(key.secret, at), await isAccepted(secret, at)]).toEqual([old, true]);
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({ action: "api_key.rotate", targetId: key.id, before, after: { ...rotated, reason: "quarterly" } }),
    ]);
    expect(JSON.stringify(await eventsOf(org))).not.toContain(secret.slice(14));
  });

  test("lets the old secret work for 24 hours where nothing is said, and never longer than the key", async () => {
    const { org, actor } = await setting();
    const [key, short] = [await newKey(org), await newKey(org, { insert: { expiresAt: inDays(0.5) } })];
    const { rotation } = await rotate(actor, key);
    expect(Date.parse(rotation?.ends_at ?? "") - Date.parse(rotation?.started_at ?? "")).toBe(DAY);
    expect((await rotate(actor, short, { grace_seconds: 30 * 86_400 })).rotation?.ends_at).toBe((await view(actor, short)).expires_at);
  });

  test("with a grace of 0 ends the old secret at once", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const { secret, rotation, status } = await rotate(actor, key, { grace_seconds: 0 });
    expect([rotation, status, await isAccepted(key.secret), await isAccepted(secret)]).toEqual([null, "active", false, true]);
  });

  test("while one runs is 409, but with a grace of 0 ends all older secrets", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const first = await rotate(actor, key, { grace_seconds: 600 });
    const refused = await refusal(rotate(actor, key, { grace_seconds: 60 }));
    expect(refused).toMatchObject({ type: "conflict", details: { rotation: "is running" } });
    expect(refused.message).toContain(first.rotation?.ends_at);
    const last = await rotate(actor, key, { grace_seconds: 0 });
    expect(await Promise.all([key, first, last].map(({ secret }) => isAccepted(secret)))).toEqual([false, false, true]);
    expect([last.rotation, (await liveSecrets(key)).length]).toEqual([null, 1]);
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.rotate", "api_key.rotate"]);
  });

  test("can begin again when the grace is over", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const first = await rotate(actor, key, { grace_seconds: 600 });
    await writer().keySecret.updateMany({ where: { keyId: key.id, endsAt: { not: null } }, data: { endsAt: new Date(now() - 1) } });
    const second = await rotate(actor, key, { grace_seconds: 600 });
    expect(second.rotation?.old_key_prefix).toBe(first.key_prefix);
    expect(await Promise.all([key, first, second].map(({ secret }) => isAccepted(secret)))).toEqual([false, true, true]);
  });

  test.each([[{}], [{ grace_seconds: 0 }], [{ grace_seconds: 60 }]])(
    "twice at once with %j: one has the new secret, the other 409",
    async (input) => {
      const { org, actor } = await setting();
      for (let round = 0; round < 5; round++) {
        const key = await newKey(org);
        const answers = await Promise.allSettled([rotate(actor, key, input), rotate(actor, key, input)]);
        const [done, refused] = answers.toSorted((a) => (a.status === "fulfilled" ? -1 : 1));
        if (done?.status !== "fulfilled" || refused?.status !== "rejected") throw new Error(JSON.stringify(answers));
        expect((await refusal(Promise.reject(refused.reason))).type).toBe("conflict");
        expect(await isAccepted(done.value.secret)).toBe(true);
        expect((await liveSecrets(key)).length).toBeLessThanOrEqual(2);
      }
    },
  );

  test("of one that has ended is 409; a paused one stays paused", async () => {
    const { org, actor } = await setting();
    const [revoked, expired, paused] = [
      await newKey(org, { revokedAt: new Date() }),
      await newKey(org, { expiresAt: inDays(-1) }),
      await newKey(org, { pausedAt: new Date() }),
    ];
    for (const key of [revoked, expired])
      for (const act of [
        () => rotate(actor, key),
        () => rotate(actor, key, { grace_seconds: 0 }),
        () => finish(actor, key),
        () => extend(actor, key, 60),
      ])
        expect((await refusal(act)).type).toBe("conflict");
    const rotated = await rotate(actor, paused);
    expect([rotated.status, await isAccepted(rotated.secret)]).toEqual(["paused", false]);
  });

  test("at the same time as its revocation never leaves a secret that works", async () => {
    const { org, actor } = await setting();
    for (let round = 0; round < 5; round++) {
      const key = await newKey(org);
      const [rotated] = await Promise.allSettled([
        rotate(actor, key, { grace_seconds: 0 }),
        revokeKey(authorize(actor, "keys.revoke"), key.id, {}),
      ]);
      expect(await isAccepted(key.secret)).toBe(false);
      if (rotated.status === "fulfilled") expect(await isAccepted(rotated.value.secret)).toBe(false);
    }
  });

  test("keeps when the old secret was last used, if it was", async () => {
    const { org, actor } = await setting();
    const at = new Date(now() + 1_000);
    const [used, before] = [await newKey(org, { lastUsedAt: at }), await newKey(org, { lastUsedAt: inDays(-1) })];
    expect((await rotate(actor, used)).rotation?.old_last_used_at).toBe(at.toISOString());
    expect((await rotate(actor, before)).rotation?.old_last_used_at).toBeNull();
  });

  test("is no longer leaked when the secret that was found has ended, and still is when another one has", async () => {
    const { org, actor } = await setting();
    const reader = authorize(actor, "keys.read");
    const find = (where: object) => writer().keySecret.updateMany({ where, data: { leakedAt: new Date(now()) } });
    const isLeaked = async (key: { id: string }) =>
      (await keyInsights(reader, [key.id])).data[0]?.health.some(({ code }) => code === "leaked") ?? false;
    const [atOnce, later] = [await newKey(org), await newKey(org)];
    for (const key of [atOnce, later]) await find({ keyId: key.id });
    await rotate(actor, atOnce, { grace_seconds: 0 });
    await rotate(actor, later);
    expect([await isLeaked(atOnce), await isLeaked(later)]).toEqual([false, true]);
    await finish(actor, later);
    expect(await isLeaked(later)).toBe(false);
    // Found while it is on its way out, it goes the same way; the new one does not.
    await rotate(actor, later);
    await find({ keyId: later.id, endsAt: { gt: new Date(now()) } });
    expect(await isLeaked(later)).toBe(true);
    await finish(actor, later);
    expect(await isLeaked(later)).toBe(false);
    await rotate(actor, later);
    await find({ keyId: later.id, endsAt: null });
    await finish(actor, later);
    expect(await isLeaked(later)).toBe(true);
  });

  test("a foreign, a missing and a malformed id get one answer", async () => {
    const { actor } = await setting();
    const foreign = await newKey(await newOrg());
    for (const act of [rotate, finish, (by: Actor, key: { id: string }) => extend(by, key, 60)]) {
      const answers = await Promise.all([foreign.id, newId("key"), "x"].map((id) => refusal(act(actor, { id }))));
      expect(new Set(answers.map(({ type, message }) => `${type} ${message}`)).size).toBe(1);
      expect(answers[0]?.type).toBe("not_found");
    }
    expect(await secretsOf(foreign)).toHaveLength(1);
  });
});

describe("finishing a rotation", () => {
  test("ends the old secret now; again, and where none runs, it changes nothing", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    const { secret } = await rotate(actor, key);
    expect(await isAccepted(key.secret)).toBe(true);
    const finished = await finish(actor, key);
    expect([finished.rotation, await isAccepted(key.secret), await isAccepted(secret)]).toEqual([null, false, true]);
    expect(await finish(actor, key)).toEqual(finished);
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual(["api_key.rotate", "api_key.rotation_finish"]);
  });

  test("works on a paused key", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    await rotate(actor, key);
    await pauseKey(updater(actor), key.id, {});
    expect((await finish(actor, key)).rotation).toBeNull();
  });
});

describe("extending a rotation", () => {
  test("counts from now, never past the key's end", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org, { insert: { expiresAt: inDays(3) } });
    await rotate(actor, key, { grace_seconds: 60 });
    const asked = now();
    const extended = Date.parse((await extend(actor, key, 7_200)).rotation?.ends_at ?? "");
    expect(extended - asked).toBeGreaterThanOrEqual(2 * HOUR);
    expect(extended - asked).toBeLessThan(2 * HOUR + 10_000);
    expect([await isAccepted(key.secret, extended - 1), await isAccepted(key.secret, extended)]).toEqual([true, false]);
    const most = await extend(actor, key, 30 * 86_400);
    expect(most.rotation?.ends_at).toBe(most.expires_at);
    expect((await eventsOf(org)).map(({ action }) => action)).toEqual([
      "api_key.rotate",
      "api_key.rotation_extend",
      "api_key.rotation_extend",
    ]);
  });

  test("never brings back a secret that has ended", async () => {
    const { org, actor } = await setting();
    const key = await newKey(org);
    expect(await refusal(extend(actor, key, 60))).toMatchObject({ type: "conflict", details: { rotation: "is not running" } });
    await rotate(actor, key);
    await finish(actor, key);
    expect((await refusal(extend(actor, key, 60))).type).toBe("conflict");
    expect(await isAccepted(key.secret)).toBe(false);
  });
});

describe("who rotates", () => {
  test("a key rotates itself and its equals, and none that does more than itself", async () => {
    const { org } = await setting();
    const group = await newGroup(org);
    const self = await newKey(org, { group, insert: { requestsPerMinute: 10 } });
    const [equal, stronger, admin] = [
      await newKey(org, { group, insert: { requestsPerMinute: 10 } }),
      await newKey(org, { group }),
      await newKey(org, { group, insert: { access: "admin", requestsPerMinute: 10 } }),
    ];
    expect((await rotate(self.actor, self)).status).toBe("rotating");
    expect((await rotate(self.actor, equal)).status).toBe("rotating");
    for (const [key, part] of [
      [stronger, "rate_limit_rpm"],
      [admin, "access"],
    ] as const)
      for (const act of [() => rotate(self.actor, key), () => finish(self.actor, key), () => extend(self.actor, key, 60)]) {
        const error = await refusal(act);
        expect([error.type, Object.keys(error.details)]).toEqual(["insufficient_scope", [part]]);
      }
  });

  test("a developer rotates what is theirs, and no admin key", async () => {
    const { org, actor } = await setting("developer");
    const [own, admin, theirs] = [
      await newKey(org, { insert: { ownerId: actor.id } }),
      await newKey(org, { insert: { ownerId: actor.id, access: "admin" } }),
      await newKey(org),
    ];
    expect((await rotate(actor, own)).status).toBe("rotating");
    expect((await refusal(rotate(actor, admin))).type).toBe("insufficient_scope");
    expect((await refusal(rotate(actor, theirs))).type).toBe("forbidden");
  });

  test("no key, where keys do not manage keys", async () => {
    const key = await newKey(await newOrg({ keysManageKeys: false }));
    for (const act of [() => rotate(key.actor, key), () => finish(key.actor, key), () => extend(key.actor, key, 60)])
      expect(await refusal(act)).toMatchObject({ type: "insufficient_scope", details: { keys_manage_keys: "is off" } });
  });
});

test("an old secret gives its own key neither a longer grace nor a new secret; the new one does", async () => {
  const org = await newOrg();
  const key = await newKey(org);
  const old = authorize(key.actor, "keys.update");
  await rotateKey(old, key.id, { grace_seconds: 3_600 });
  const rotate = () => rotateKey(old, key.id, { grace_seconds: 0 });
  const extend = () => extendRotation(old, key.id, { grace_seconds: 7_200 });
  for (const act of [rotate, extend])
    expect(await refusal(act)).toMatchObject({ type: "insufficient_scope", details: { secret: "is running out" } });
  const { id } = await db.keySecret.findFirstOrThrow({ where: { keyId: key.id, endsAt: null } });
  const fresh = authorize({ ...key.actor, secretId: id }, "keys.update");
  expect((await extendRotation(fresh, key.id, { grace_seconds: 7_200 })).status).toBe("rotating");
  expect((await rotateKey(fresh, key.id, { grace_seconds: 0 })).rotation).toBeNull();
});
