import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { authorize } from "@/lib/access/permissions";
import { now, setClock } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { clientIdOf, newId, orgIdFrom } from "@/lib/ids";
import { revokeKey } from "@/lib/keys/keys";
import { type Need, verify } from "@/lib/keys/verify";
import { enableAccess, rotateAccess } from "@/lib/orgs/orgs";
import { eventually } from "@/lib/testing/eventually";
import { eventsOf, newGroup, newKey, newMember, newOrg, newPerson, operator, refusal, useDatabase } from "@/lib/testing/factories";

const { dataDir } = await useDatabase();

let number = 0;
const actor = operator("orgs.enable");
async function newClient() {
  const email = `client-${++number}@clients.example`;
  const enabled = await enableAccess(actor, { email, company: `Client ${number}`, tier: "free" });
  const org = { id: orgIdFrom(enabled.client_id) };
  return { ...enabled, email, org };
}
const rotate = (client_id: string, input: { grace_seconds?: number } = {}) => rotateAccess(actor, { client_id, reason: "Lost", ...input });
const works = async (secret: string) => (await verify(secret, need, now())).valid;
const need: Need = {
  permission: "self.read",
  scopes: [],
  accesses: [],
  ip: null,
  within: null,
  asker: null,
  free: true,
  route: null,
  cost: 0,
  requestId: "req_1",
};
const mailsTo = (email: string) =>
  fs
    .readdirSync(path.join(dataDir, "outbox"))
    .map((name) => fs.readFileSync(path.join(dataDir, "outbox", name), "utf8"))
    .filter((mail) => mail.includes(`To: ${email}`));

describe("the operator rotates a client's first key", () => {
  test("whose old secret stops at once; the key, its id and its limits stay, and the organization's log says why", async () => {
    const client = await newClient();
    const before = await db.key.findFirstOrThrow({ where: { orgId: client.org.id } });
    const rotated = await rotate(client.client_id);
    expect(rotated).toEqual({
      client_id: client.client_id,
      api_key: expect.stringMatching(/^lk_live_[0-9A-Za-z]{38}$/),
      key_prefix: rotated.api_key.slice(0, 14),
      rotated_at: expect.any(String),
    });
    expect([await works(client.api_key), await works(rotated.api_key)]).toEqual([false, true]);
    const after = await db.key.findMany({ where: { orgId: client.org.id } });
    expect(after).toEqual([{ ...before, prefix: rotated.key_prefix }]);
    const event = (await eventsOf(client.org)).at(-1);
    expect(event).toMatchObject({
      action: "api_key.rotate",
      actorType: "operator",
      targetId: before.id,
      before: { key_prefix: client.key_prefix },
      after: { key_prefix: rotated.key_prefix, reason: "Lost" },
    });
    for (const secret of [client.api_key, rotated.api_key]) expect(JSON.stringify(event)).not.toContain(secret);
  });

  test("with a grace both secrets work; a second one with a grace is refused, one without ends both", async () => {
    const client = await newClient();
    const second = await rotate(client.client_id, { grace_seconds: 60 });
    expect([await works(client.api_key), await works(second.api_key)]).toEqual([true, true]);
    expect((await refusal(rotate(client.client_id, { grace_seconds: 60 }))).type).toBe("conflict");
    const third = await rotate(client.client_id);
    expect([await works(client.api_key), await works(second.api_key), await works(third.api_key)]).toEqual([false, false, true]);
  });

  test("five times at once leaves one secret that works, and somebody has it", async () => {
    const client = await newClient();
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => rotate(client.client_id)));
    const made = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.api_key] : []));
    expect((await Promise.all(made.map(works))).filter(Boolean)).toHaveLength(1);
    expect(await db.keySecret.count({ where: { key: { orgId: client.org.id }, endsAt: null } })).toBe(1);
  });

  test("is by either id of the organization; a key that somebody made before or since is left alone", async () => {
    const client = await newClient();
    const others = [await newKey({ ...client.org, name: "", slug: "" }), await newKey({ ...client.org, name: "", slug: "" })];
    const rotated = await rotate(client.org.id);
    expect(rotated.client_id).toBe(clientIdOf(client.org.id));
    expect(await works(rotated.api_key)).toBe(true);
    for (const other of others) expect(await works(other.secret)).toBe(true);
  });

  test("tells the address it was made for, and once claimed the owners, without a secret", async () => {
    const client = await newClient();
    const first = await rotate(client.client_id);
    expect(mailsTo(client.email).some((mail) => mail.includes(first.key_prefix) && mail.includes("Reason: Lost"))).toBe(true);
    const person = await newPerson();
    await newMember({ ...client.org, name: "", slug: "" }, "owner", person);
    const second = await rotate(client.client_id);
    const mail = await eventually(() => mailsTo(person.email)[0]);
    expect(mail).toContain(second.key_prefix);
    expect(mailsTo(client.email).some((text) => text.includes(second.key_prefix))).toBe(false);
    for (const each of [mail, ...mailsTo(client.email)])
      for (const { api_key } of [client, first, second]) expect(each).not.toContain(api_key.slice(14));
  });

  test("that was revoked, or has expired, is refused", async () => {
    const client = await newClient();
    const { id } = await db.key.findFirstOrThrow({ where: { orgId: client.org.id } });
    await writer().key.update({ where: { id }, data: { expiresAt: new Date(now() - 1) } });
    expect((await refusal(rotate(client.client_id))).type).toBe("conflict");
    const member = await newMember({ ...client.org, name: "", slug: "" }, "owner");
    await revokeKey(authorize(member, "keys.revoke"), id, {});
    expect((await refusal(rotate(client.client_id))).type).toBe("conflict");
    expect((await eventsOf(client.org)).at(-1)?.action).toBe("api_key.revoke");
  });

  test("of an organization that made itself, of none and of nonsense is one 404", async () => {
    const org = await newOrg();
    await newKey(org, { group: await newGroup(org) });
    const ids = [org.id, clientIdOf(org.id), newId("org"), clientIdOf(newId("org")), "cli_1", "", newId("key")];
    const answers = await Promise.all(ids.map((id) => refusal(rotate(id))));
    expect(new Set(answers.map(({ type, message, details }) => JSON.stringify([type, message, details]))).size).toBe(1);
    expect(answers[0]?.type).toBe("not_found");
  });
});

test("a grace never passes the key's own end", async () => {
  const client = await newClient();
  const end = new Date(now() + 30_000);
  await writer().key.updateMany({ where: { orgId: client.org.id }, data: { expiresAt: end } });
  await rotate(client.client_id, { grace_seconds: 3600 });
  const [old] = await db.keySecret.findMany({ where: { key: { orgId: client.org.id }, endsAt: { not: null } } });
  expect(old?.endsAt).toEqual(end);
  setClock(() => end.getTime() + 1);
  expect(await works(client.api_key)).toBe(false);
  setClock(Date.now);
});
