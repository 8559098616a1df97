import fs from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { backgroundDone } from "@/lib/background";
import { db, writer } from "@/lib/db";
import { bulkKeys } from "@/lib/keys/bulk";
import { pauseKey, resumeKey, updateKey } from "@/lib/keys/edit";
import { revokeKey } from "@/lib/keys/keys";
import { tellOwners } from "@/lib/keys/notices";
import { rotateKey } from "@/lib/keys/rotation";
import { targetOf, toKey, WITH } from "@/lib/keys/view";
import { eventually } from "@/lib/testing/eventually";
import { newKey, newMember, newOrg, newPerson, type TestKey, type TestOrg, type TestPerson, useDatabase } from "@/lib/testing/factories";

const { dataDir } = await useDatabase();
const outbox = path.join(dataDir, "outbox");
beforeEach(() => fs.rmSync(outbox, { recursive: true, force: true }));

interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** What lies in the outbox, by address. */
function mails(): Mail[] {
  if (!fs.existsSync(outbox)) return [];
  const whole = fs.readdirSync(outbox).flatMap((name) => fs.readFileSync(path.join(outbox, name), "utf8") || []); // one may just be begun
  const read = whole.map((file) => {
    const [head = "", ...text] = file.split("\n\n");
    expect(head.split("\n").map((line) => line.split(":")[0])).toEqual(["From", "To", "Subject"]);
    const of = (field: string) => new RegExp(`^${field}: (.*)$`, "m").exec(head)?.[1] ?? "";
    return { to: of("To"), subject: of("Subject"), text: text.join("\n\n") };
  });
  return read.toSorted((a, b) => a.to.localeCompare(b.to));
}

const updater = (actor: Actor) => authorize(actor, "keys.update");
const revoker = (actor: Actor) => authorize(actor, "keys.revoke");

async function scene(): Promise<{ org: TestOrg; owner: TestPerson; holder: TestPerson; actor: Actor & { id: string } }> {
  const org = await newOrg();
  const [owner, holder] = [await newPerson(), await newPerson()];
  await newMember(org, "owner", owner);
  await newMember(org, "developer", holder);
  return { org, owner, holder, actor: await newMember(org, "admin") };
}

/** Waits for the word on a change that somebody made. */
const sent = () => eventually(() => (mails().length > 0 ? mails() : undefined));

describe("the owner of a key is told when somebody else", () => {
  test("rotates it: until when the old secret works, and no secret", async () => {
    const { org, holder, actor } = await scene();
    const key = await newKey(org, { insert: { name: "Intake", ownerId: holder.id } });
    const { secret, rotation, key_prefix } = await rotateKey(updater(actor), key.id, { reason: "quarterly" });
    const [mail, ...more] = await sent();
    expect([mail?.to, mail?.subject, more]).toEqual([holder.email, `${actor.name} rotated the key Intake`, []]);
    for (const part of [org.name, "Intake", key_prefix, rotation?.ends_at ?? "-", "quarterly", `/orgs/${org.slug}/keys/${key.id}`])
      expect(mail?.text).toContain(part);
    for (const text of [secret, key.secret]) expect(mail?.text).not.toContain(text.slice(14));
  });

  test.each([
    ["pauses", "paused", (actor: Actor, id: string) => pauseKey(updater(actor), id, { reason: "too loud" }), {}],
    ["resumes", "resumed", (actor: Actor, id: string) => resumeKey(updater(actor), id), { pausedAt: new Date() }],
    ["revokes", "revoked", (actor: Actor, id: string) => revokeKey(revoker(actor), id, { reason: "laptop lost" }), {}],
  ])("%s it", async (_, word, act, state) => {
    const { org, holder, actor } = await scene();
    const key = await newKey(org, { insert: { name: "Intake", ownerId: holder.id }, ...state });
    await act(actor, key.id);
    const all = await sent();
    expect(all.map(({ to, subject }) => [to, subject])).toEqual([[holder.email, `${actor.name} ${word} the key Intake`]]);
    expect(all[0]?.text).toMatch(word === "paused" ? /Reason: too loud/ : word === "revoked" ? /Reason: laptop lost/ : /answered again/);
  });

  test("does it by a key, or to many keys: one mail per person, with theirs alone", async () => {
    const { org, owner, holder } = await scene();
    const self = await newKey(org, { insert: { name: "Robot", access: "admin" } });
    const keys = [
      await newKey(org, { insert: { name: "A", ownerId: holder.id } }),
      await newKey(org, { insert: { name: "B", ownerId: holder.id } }),
      await newKey(org, { insert: { name: "C" } }),
    ];
    await bulkKeys(updater(self.actor), { action: "pause", ids: keys.map(({ id }) => id) });
    const all = await eventually(() => (mails().length === 2 ? mails() : undefined));
    const to = (person: TestPerson) => all.find((mail) => mail.to === person.email);
    expect([to(owner)?.subject, to(holder)?.subject]).toEqual(["The key Robot paused the key C", "The key Robot paused 2 keys"]);
    expect(to(holder)?.text).toMatch(/A \(lk_live_.*\n {2}B \(/);
    expect(to(holder)?.text).not.toMatch(/ C \(/);
  });
});

async function tell(actor: Actor, ids: string[], changed: object = {}): Promise<void> {
  const rows = await db.key.findMany({ where: { id: { in: ids } }, include: WITH });
  const keys = rows.map((row) => ({ ...toKey(row, Date.now()), ...changed }));
  await tellOwners(
    actor,
    keys.map((key) => ({ action: "api_key.revoke" as const, target: targetOf(key), before: key, after: key })),
  );
}

describe("who is told", () => {
  test("nobody of what they did themselves, in person, by their key, or of a key that acts on itself", async () => {
    const { org, holder } = await scene();
    const me = await db.member.findFirstOrThrow({ where: { userId: holder.id }, select: { role: true } });
    const [own, robot] = [await newKey(org, { insert: { ownerId: holder.id } }), await newKey(org, { insert: { ownerId: holder.id } })];
    const organizations = await newKey(org);
    await tell({ ...own.actor, type: "user", id: holder.id, role: me.role as "developer" }, [own.id]);
    await tell(robot.actor, [own.id]);
    await tell(own.actor, [own.id]);
    await tell(organizations.actor, [organizations.id]);
    expect(mails()).toEqual([]);
  });

  test("the owners, of the organization's keys and of those whose member left or is disabled", async () => {
    const { org, owner, actor } = await scene();
    const second = await newPerson();
    await newMember(org, "owner", second);
    const [gone, disabled] = [await newPerson(), await newPerson({ disabledAt: new Date() })];
    await newMember(org, "developer", disabled);
    const keys = [
      await newKey(org),
      await newKey(org, { insert: { ownerId: gone.id } }),
      await newKey(org, { insert: { ownerId: disabled.id } }),
    ];
    await tell(
      actor,
      keys.map(({ id }) => id),
    );
    const all = mails();
    expect(all.map(({ to }) => to)).toEqual([owner.email, second.email].toSorted());
    for (const { text } of all) expect(text.match(/lk_live_/g)).toHaveLength(3);
  });

  test("nobody of a demo, whose people are invented", async () => {
    const { org, holder, actor } = await scene();
    await writer().org.update({ where: { id: org.id }, data: { isDemo: true } });
    await tell(actor, [(await newKey(org, { insert: { ownerId: holder.id } })).id]);
    expect(mails()).toEqual([]);
  });

  test("nobody of an edit, which takes nothing away unseen", async () => {
    const { org, holder, actor } = await scene();
    const key = await newKey(org, { insert: { ownerId: holder.id } });
    await updateKey(updater(actor), key.id, { name: "New" });
    await pauseKey(updater(actor), key.id, {});
    expect((await sent()).map(({ subject }) => subject)).toEqual([`${actor.name} paused the key New`]);
  });
});

test("names and reasons of the worst kind stay one line of their own, in the head and in the text", async () => {
  const { org, holder, actor } = await scene();
  const bad = "Intake\r\nBcc: everybody@people.example\n\nHello\u2028there\u0000";
  await writer().org.update({ where: { id: org.id }, data: { name: "Acme\r\nX: 1" } });
  const key = await newKey(org, { insert: { ownerId: holder.id } });
  await tell({ ...actor, name: bad }, [key.id], { name: bad, revoked_reason: bad });
  const [mail] = mails();
  const line = "Intake Bcc: everybody@people.example Hello there";
  expect(mail?.to).toBe(holder.email);
  expect(mail?.subject).toBe(`${line} revoked the key ${line}`);
  expect(mail?.text).not.toMatch(/^(Bcc|Hello|X:)/m);
  expect(mail?.text).toContain(`Reason: ${line}`);
});

test("of many keys the first fifty are listed", async () => {
  const { org, holder, actor } = await scene();
  const keys: TestKey[] = [];
  while (keys.length < 53) keys.push(await newKey(org, { insert: { ownerId: holder.id } }));
  await tell(
    actor,
    keys.map(({ id }) => id),
  );
  const [mail, ...more] = mails();
  expect([mail?.text.match(/lk_live_/g)?.length, mail?.text.includes("and 3 more"), more]).toEqual([50, true, []]);
});

test("a change is made and answered though nobody can be told", async () => {
  const { org, holder, actor } = await scene();
  fs.writeFileSync(outbox, "no folder");
  const key = await newKey(org, { insert: { ownerId: holder.id } });
  expect((await revokeKey(revoker(actor), key.id, {})).status).toBe("revoked");
  await backgroundDone();
});
