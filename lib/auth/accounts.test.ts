import fs from "node:fs";
import path from "node:path";
import { encode } from "next-auth/jwt";
import { afterEach, describe, expect, test } from "vitest";
import { authorize, DEPLOYMENT } from "@/lib/access/permissions";
import { acceptInvite, endSession, forgotPassword, inviteOffer, listSessions, resetPassword, signIn, signUp } from "@/lib/auth/accounts";
import { personActor } from "@/lib/auth/actor";
import { hashPassword, passwordMatches } from "@/lib/auth/passwords";
import { endSessions, sessionFrom } from "@/lib/auth/session";
import { issueToken, useToken as takeToken } from "@/lib/auth/tickets";
import { now, setClock } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { derivedKey, env, provideEnv } from "@/lib/env";
import { newId, orgIdFrom } from "@/lib/ids";
import { createInvite, enableAccess } from "@/lib/orgs/orgs";
import { eventually } from "@/lib/testing/eventually";
import {
  anonymous,
  eventsOf,
  newMember,
  newOrg,
  newPerson,
  operator,
  origin,
  refusal,
  type TestPerson,
  useDatabase,
} from "@/lib/testing/factories";

const { dataDir } = await useDatabase();

const PASSWORD = "a short sentence works";
const HASH = await hashPassword(PASSWORD);
const MINUTE = 60_000;
let number = 0;
const email = () => `someone-${++number}@people.example`;
// Tries are counted per address: each test has its own.
const from = () => origin({ ip: `198.51.100.${++number}` });
const parallel = <T>(times: number, work: () => Promise<T>) => Promise.allSettled(Array.from({ length: times }, work));
const succeeded = <T>(results: PromiseSettledResult<T>[]) =>
  results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));

/** Lets `ms` pass for the code under test. */
function later(ms: number): void {
  const at = now() + ms;
  setClock(() => at);
}
afterEach(() => {
  setClock(Date.now);
  provideEnv({ ...env(), signUp: "open" });
});

/** The newest mail to somebody, and the token in its link. */
async function mailTo(address: string): Promise<{ text: string; token: string }> {
  return eventually(() => {
    const outbox = path.join(dataDir, "outbox");
    const mails = fs.existsSync(outbox)
      ? fs
          .readdirSync(outbox)
          .toSorted()
          .map((name) => fs.readFileSync(path.join(outbox, name), "utf8"))
      : [];
    const text = mails.findLast((mail) => mail.includes(`To: ${address}\n`));
    const token = /\/(?:reset|invites)\/([\w-]+)/.exec(text ?? "")?.[1];
    return text === undefined || token === undefined ? undefined : { text, token };
  });
}

describe("signing up", () => {
  test("makes person, organization and ownership, and a ticket that opens a session once", async () => {
    const input = { email: email(), password: PASSWORD, organization: "Kestrel & Söhne" };
    const { ticket, organization } = await signUp(anonymous("accounts.create"), input);
    expect(organization).toMatch(/^kestrel-sohne/);
    const user = await db.user.findUniqueOrThrow({ where: { email: input.email }, include: { members: { include: { org: true } } } });
    expect(user.members).toEqual([
      expect.objectContaining({
        role: "owner",
        org: expect.objectContaining({ name: "Kestrel & Söhne", slug: organization, planId: "free" }),
      }),
    ]);
    expect(await takeToken("ticket", ticket)).toBe(user.id);
    const events = await eventsOf({ id: user.members[0]?.orgId ?? "" });
    expect(events.map(({ action, actorType, actorId }) => [action, actorType, actorId])).toEqual([
      ["organization.create", "user", user.id],
      ["user.create", "user", user.id],
    ]);
    expect(JSON.stringify(events)).not.toMatch(/argon2|sentence works/);
  });

  test("keeps the password as argon2id with the agreed parameters, salted", async () => {
    const addresses = [email(), email()];
    for (const address of addresses) await signUp(anonymous("accounts.create"), { email: address, password: PASSWORD, organization: "x" });
    const rows = await writer().user.findMany({ where: { email: { in: addresses } }, select: { passwordHash: true } });
    for (const { passwordHash } of rows) expect(passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(new Set(rows.map(({ passwordHash }) => passwordHash)).size).toBe(2);
  });

  test("gives the first credits of the plan", async () => {
    const { organization } = await signUp(anonymous("accounts.create"), { email: email(), password: PASSWORD, organization: "x" });
    const org = await db.org.findUniqueOrThrow({ where: { slug: organization ?? "" }, include: { credits: true } });
    expect(org.credits).toEqual([expect.objectContaining({ kind: "grant", amount: 50 })]);
  });

  test("with an e-mail that has an account is refused and leaves nothing", async () => {
    const address = email();
    await signUp(anonymous("accounts.create"), { email: address, password: PASSWORD, organization: "First" });
    expect(
      await refusal(signUp(anonymous("accounts.create"), { email: address, password: PASSWORD, organization: "Second of the same" })),
    ).toMatchObject({ type: "conflict", details: { email: expect.any(String) } });
    expect(await db.org.count({ where: { name: "Second of the same" } })).toBe(0);
  });

  test("five times at once with one e-mail makes one account and one organization", async () => {
    const address = email();
    const results = await parallel(5, () =>
      signUp(anonymous("accounts.create"), { email: address, password: PASSWORD, organization: `Org of ${address}` }),
    );
    expect(succeeded(results)).toHaveLength(1);
    expect(await db.org.count({ where: { name: `Org of ${address}` } })).toBe(1);
  });

  test.each(["invite", "closed"] as const)("is refused when it is %s", async (mode) => {
    provideEnv({ ...env(), signUp: mode });
    expect((await refusal(signUp(anonymous("accounts.create"), { email: email(), password: PASSWORD, organization: "x" }))).type).toBe(
      "forbidden",
    );
  });

  test("gives organizations of one name addresses of their own", async () => {
    const slugs = [];
    for (let i = 0; i < 3; i++)
      slugs.push(
        (await signUp(anonymous("accounts.create"), { email: email(), password: PASSWORD, organization: "Same Name" })).organization,
      );
    expect(new Set(slugs).size).toBe(3);
  });
});

describe("a ticket", () => {
  test("is good for one of twenty at once", async () => {
    const { id } = await newPerson();
    const ticket = await issueToken("ticket", id);
    const used = await Promise.all(Array.from({ length: 20 }, () => takeToken("ticket", ticket)));
    expect(used.filter((userId) => userId === id)).toHaveLength(1);
    expect(used.filter((userId) => userId === null)).toHaveLength(19);
  });

  test.each<["ticket" | "reset", number]>([
    ["ticket", 60_000],
    ["reset", 30 * MINUTE],
  ])("(%s) ends after %d ms", async (kind, lifetime) => {
    const { id } = await newPerson();
    setClock(() => 1_800_000_000_000);
    const [early, late] = [await issueToken(kind, id), await issueToken(kind, id)];
    later(lifetime - 1);
    expect(await takeToken(kind, early)).toBe(id);
    later(1);
    expect(await takeToken(kind, late)).toBeNull();
  });

  test("is not good for anything else", async () => {
    const { id } = await newPerson();
    expect(await takeToken("reset", await issueToken("ticket", id))).toBeNull();
    expect(await takeToken("ticket", await issueToken("reset", id))).toBeNull();
  });

  test("has 256 bits and is stored as its hash alone", async () => {
    const { id } = await newPerson();
    const ticket = await issueToken("ticket", id);
    expect(Buffer.from(ticket, "base64url")).toHaveLength(32);
    const row = await db.oneTimeToken.findFirstOrThrow({ where: { userId: id } });
    expect(JSON.stringify(row)).not.toContain(ticket);
    expect(await takeToken("ticket", row.hash)).toBeNull();
  });
});

describe("signing in", () => {
  test("with the right password gives a ticket, the organization to open, and an event in each organization", async () => {
    const person = await newPerson({ passwordHash: HASH });
    const [org, other] = [await newOrg(), await newOrg()];
    await newMember(org, "viewer", person);
    await newMember(other, "admin", person);
    const { ticket, organization } = await signIn(anonymous("sessions.create", from()), { email: person.email, password: PASSWORD });
    expect(organization).toBe(org.slug);
    expect(await takeToken("ticket", ticket)).toBe(person.id);
    for (const each of [org, other])
      expect(await eventsOf(each)).toEqual([expect.objectContaining({ action: "session.create", actorType: "user", actorId: person.id })]);
  });

  test("answers the same for a wrong password, an unknown e-mail, a disabled person and one without a password", async () => {
    const people = [
      await newPerson({ passwordHash: HASH }),
      { email: email() },
      await newPerson({ passwordHash: HASH, disabledAt: new Date() }),
      await newPerson(),
    ];
    const passwords = ["a wrong password", "a wrong password", PASSWORD, PASSWORD];
    const answers = [];
    for (const [i, person] of people.entries())
      answers.push(await refusal(signIn(anonymous("sessions.create", from()), { email: person.email, password: passwords[i] as string })));
    expect(
      new Set(answers.map(({ type, message, details, retryAfterSeconds }) => JSON.stringify([type, message, details, retryAfterSeconds])))
        .size,
    ).toBe(1);
    expect(answers[0]?.type).toBe("unauthorized");
  });

  test("takes as long for an unknown e-mail as for a wrong password", async () => {
    const person = await newPerson({ passwordHash: HASH });
    const time = async (address: string) => {
      const begun = performance.now();
      await refusal(signIn(anonymous("sessions.create", from()), { email: address, password: "a wrong password" }));
      return performance.now() - begun;
    };
    await time(email());
    const times = { known: [] as number[], unknown: [] as number[] };
    for (let i = 0; i < 7; i++) {
      times.known.push(await time(person.email));
      times.unknown.push(await time(email()));
    }
    const median = (list: number[]) => list.toSorted((a, b) => a - b)[3] as number;
    // The hash alone takes tens of milliseconds: without it an unknown e-mail would answer in a fraction.
    expect(median(times.unknown)).toBeGreaterThan(median(times.known) / 2);
  });

  test("that failed is on record, without the password", async () => {
    const person = await newPerson({ passwordHash: HASH });
    const org = await newOrg();
    await newMember(org, "viewer", person);
    await refusal(signIn(anonymous("sessions.create", from()), { email: person.email, password: "a wrong password" }));
    const unknown = email();
    await refusal(signIn(anonymous("sessions.create", from()), { email: unknown, password: "a wrong password" }));
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({ action: "session.refuse", actorType: "anonymous", targetId: person.id, targetName: person.email }),
    ]);
    const deployment = (await eventsOf({ id: DEPLOYMENT })).at(-1);
    expect(deployment).toMatchObject({ action: "session.refuse", targetId: null, targetName: unknown });
    expect(JSON.stringify([await eventsOf(org), deployment])).not.toContain("a wrong password");
  });

  test("pauses an account after ten failures in a quarter of an hour, for the right password too, and only that one", async () => {
    const [person, other] = [await newPerson({ passwordHash: HASH }), await newPerson({ passwordHash: HASH })];
    setClock(() => 1_800_000_000_000);
    const wrong = await parallel(20, () =>
      signIn(anonymous("sessions.create", from()), { email: person.email, password: "a wrong password" }),
    );
    const types = wrong.map((result) => (result.status === "rejected" ? result.reason.type : "in"));
    expect(types.filter((type) => type === "unauthorized")).toHaveLength(10);
    expect(types.filter((type) => type === "rate_limit_exceeded")).toHaveLength(10);
    const paused = await refusal(signIn(anonymous("sessions.create", from()), { email: person.email, password: PASSWORD }));
    expect(paused).toMatchObject({ type: "rate_limit_exceeded", retryAfterSeconds: expect.any(Number) });
    expect((await signIn(anonymous("sessions.create", from()), { email: other.email, password: PASSWORD })).ticket).toBeTruthy();
    later((paused.retryAfterSeconds ?? 0) * 1_000);
    expect((await signIn(anonymous("sessions.create", from()), { email: person.email, password: PASSWORD })).ticket).toBeTruthy();
  });

  test("pauses an unknown e-mail alike", async () => {
    const address = email();
    for (let i = 0; i < 10; i++)
      await refusal(signIn(anonymous("sessions.create", from()), { email: address, password: "a wrong password" }));
    expect((await refusal(signIn(anonymous("sessions.create", from()), { email: address, password: "a wrong password" }))).type).toBe(
      "rate_limit_exceeded",
    );
  });

  test("that succeeds does not count", async () => {
    const person = await newPerson({ passwordHash: HASH });
    for (let i = 0; i < 12; i++)
      expect((await signIn(anonymous("sessions.create", from()), { email: person.email, password: PASSWORD })).ticket).toBeTruthy();
  });
});

describe("passwords", () => {
  test("match themselves and nothing near", async () => {
    const stored = await hashPassword("Pässwörter sind gut");
    expect(await passwordMatches(stored, "Pässwörter sind gut")).toBe(true);
    for (const near of ["pässwörter sind gut", "Pässwörter sind gut ", "Pässwörter sind gu", ""])
      expect(await passwordMatches(stored, near)).toBe(false);
    expect(await passwordMatches(null, "nobody has this password")).toBe(false);
  });

  test("more than four at once wait their turn and all get their answer", async () => {
    expect(await Promise.all(Array.from({ length: 12 }, () => passwordMatches(HASH, PASSWORD)))).toEqual(Array(12).fill(true));
  });

  test("more than can wait are told to come again", async () => {
    const results = await parallel(100, () => passwordMatches(HASH, PASSWORD));
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refused.length).toBe(100 - 4 - 64);
    expect(refused[0]).toMatchObject({ type: "unavailable", retryAfterSeconds: expect.any(Number) });
  });
});

async function cookieFor(person: TestPerson, changed: { secret?: string; expiresAt?: Date } = {}): Promise<{ id: string; cookie: string }> {
  const id = newId("ses");
  await writer().session.create({ data: { id, userId: person.id, expiresAt: changed.expiresAt ?? new Date(now() + 60 * MINUTE) } });
  const token = await encode({ token: { sub: person.id, sid: id }, secret: changed.secret ?? derivedKey("session") });
  return { id, cookie: `other=1; latchkey.session=${token}; more=2` };
}

describe("a session", () => {
  test("is recognised by its cookie and says who", async () => {
    const person = await newPerson();
    const { id, cookie } = await cookieFor(person);
    expect(await sessionFrom(cookie, { ip: "203.0.113.9", userAgent: "x" })).toEqual({
      id,
      user: { id: person.id, name: person.name, email: person.email },
    });
    expect(await db.session.findUniqueOrThrow({ where: { id } })).toMatchObject({ ip: "203.0.113.9", userAgent: "x" });
  });

  test("that ended is refused on the next request, the others of the person go on", async () => {
    const person = await newPerson();
    const [one, two] = [await cookieFor(person), await cookieFor(person)];
    expect(await sessionFrom(one.cookie)).not.toBeNull();
    expect(await endSessions({ id: one.id })).toBe(1);
    expect([await sessionFrom(one.cookie), (await sessionFrom(two.cookie))?.id]).toEqual([null, two.id]);
    expect(await endSessions({ id: one.id })).toBe(0);
  });

  test("ends with all others of the person but one", async () => {
    const person = await newPerson();
    const sessions = [await cookieFor(person), await cookieFor(person), await cookieFor(person)];
    expect(await endSessions({ userId: person.id, except: sessions[1]?.id ?? "" })).toBe(2);
    expect(await Promise.all(sessions.map(async ({ cookie }) => (await sessionFrom(cookie)) !== null))).toEqual([false, true, false]);
  });

  test("is over at its end, to the millisecond", async () => {
    const person = await newPerson();
    const end = now() + MINUTE;
    const { cookie } = await cookieFor(person, { expiresAt: new Date(end) });
    setClock(() => end - 1);
    expect(await sessionFrom(cookie)).not.toBeNull();
    setClock(() => end);
    expect(await sessionFrom(cookie)).toBeNull();
  });

  test("of a person who was disabled is refused at once", async () => {
    const person = await newPerson();
    const { cookie } = await cookieFor(person);
    await writer().user.update({ where: { id: person.id }, data: { disabledAt: new Date() } });
    expect(await sessionFrom(cookie)).toBeNull();
  });

  test("of a person who is gone is refused", async () => {
    const person = await newPerson();
    const { cookie } = await cookieFor(person);
    await writer().user.delete({ where: { id: person.id } });
    expect(await sessionFrom(cookie)).toBeNull();
  });

  test("is not opened by any cookie that is not ours", async () => {
    const person = await newPerson();
    const { id, cookie } = await cookieFor(person);
    const foreign = await cookieFor(person, { secret: "0".repeat(64) });
    const unsigned = Buffer.from(JSON.stringify({ sub: person.id, sid: id })).toString("base64url");
    const token = /latchkey\.session=([^;]+)/.exec(cookie)?.[1] ?? "";
    const cookies = [
      null,
      "",
      ";;;",
      "=",
      "latchkey.session",
      "latchkey.session=",
      "latchkey.session=%",
      "latchkey.session=%ff%fe",
      "latchkey.session=x.y.z",
      `latchkey.session=${id}`,
      `latchkey.session=e30.${unsigned}.`,
      `latchkey.session=${token.slice(0, -2)}`,
      `Latchkey.Session=${token}`,
      `xlatchkey.session=${token}`,
      `__Host-latchkey.session=${token}`,
      foreign.cookie,
    ];
    for (const each of cookies) expect(await sessionFrom(each), String(each)).toBeNull();
    expect(await sessionFrom(cookie)).not.toBeNull();
  });

  test("list and end reach one's own alone; somebody else's is not there", async () => {
    const [me, other] = [await newPerson(), await newPerson()];
    const [mine, second, theirs] = [await cookieFor(me), await cookieFor(me), await cookieFor(other)];
    const actor = authorize(personActor(me, origin()), "account.manage");
    const { data } = await listSessions(actor, second.id);
    expect(data.map(({ id, is_current }) => [id, is_current])).toEqual([
      [second.id, true],
      [mine.id, false],
    ]);
    const answers = await Promise.all([theirs.id, newId("ses"), "x"].map((id) => refusal(endSession(actor, id))));
    expect(new Set(answers.map(({ type, message }) => `${type} ${message}`)).size).toBe(1);
    expect(await sessionFrom(theirs.cookie)).not.toBeNull();
    await endSession(actor, mine.id);
    expect(await sessionFrom(mine.cookie)).toBeNull();
    expect((await listSessions(actor, second.id)).data).toHaveLength(1);
    expect((await eventsOf({ id: DEPLOYMENT })).at(-1)).toMatchObject({ action: "session.end", actorId: me.id });
  });
});

describe("a forgotten password", () => {
  test("is set anew by a link that works once of five times at once, and every session ends", async () => {
    const person = await newPerson({ passwordHash: HASH });
    const org = await newOrg();
    await newMember(org, "viewer", person);
    const { cookie } = await cookieFor(person);
    expect(await forgotPassword(anonymous("sessions.create"), { email: person.email })).toEqual({});
    const { token } = await mailTo(person.email);
    const results = await parallel(5, () => resetPassword(anonymous("sessions.create"), { token, password: "another sentence works" }));
    const [done, ...more] = succeeded(results);
    expect(more).toEqual([]);
    expect(await takeToken("ticket", done?.ticket ?? "")).toBe(person.id);
    expect(await sessionFrom(cookie)).toBeNull();
    expect((await refusal(signIn(anonymous("sessions.create", from()), { email: person.email, password: PASSWORD }))).type).toBe(
      "unauthorized",
    );
    expect(
      (await signIn(anonymous("sessions.create", from()), { email: person.email, password: "another sentence works" })).ticket,
    ).toBeTruthy();
    const events = (await eventsOf(org)).filter(({ action }) => action === "password.reset");
    expect(events).toHaveLength(1);
    expect(JSON.stringify(events)).not.toMatch(/argon2|another sentence/);
  });

  test("answers the same for an unknown e-mail, and mails nobody", async () => {
    const address = email();
    expect(await forgotPassword(anonymous("sessions.create"), { email: address })).toEqual({});
    const person = await newPerson({ passwordHash: HASH });
    await forgotPassword(anonymous("sessions.create"), { email: person.email });
    await mailTo(person.email);
    const outbox = path.join(dataDir, "outbox");
    expect(fs.readdirSync(outbox).some((name) => fs.readFileSync(path.join(outbox, name), "utf8").includes(address))).toBe(false);
  });

  test("mails an account 3 links while one of them works, and answers as ever", async () => {
    const start = Math.ceil(now() / (30 * MINUTE)) * 30 * MINUTE;
    const at = (ms: number) => setClock(() => ms);
    const [person, other] = [await newPerson({ passwordHash: HASH }), await newPerson({ passwordHash: HASH })];
    const ask = ({ email }: { email: string }) => forgotPassword(anonymous("sessions.create"), { email });
    const links = () => db.oneTimeToken.count({ where: { userId: person.id } });
    at(start);
    for (let i = 0; i < 10; i++) expect(await ask(person)).toEqual({});
    await eventually(async () => (await links()) >= 3 || undefined);
    await ask(other);
    await mailTo(other.email);
    expect(await links()).toBe(3);
    at(start + 30 * MINUTE);
    await ask(person);
    await eventually(async () => (await links()) === 4 || undefined);
  });

  test("leads to the configured address, whatever the request claimed to be", async () => {
    const person = await newPerson({ passwordHash: HASH });
    await forgotPassword(anonymous("sessions.create"), { email: person.email });
    expect((await mailTo(person.email)).text).toContain(`${env().publicUrl}/reset/`);
  });

  test.each(["", "x", "0".repeat(43)])("is not set by the token %j", async (token) => {
    expect((await refusal(resetPassword(anonymous("sessions.create"), { token, password: "another sentence works" }))).type).toBe(
      "not_found",
    );
  });
});

describe("an invitation", () => {
  async function invited(role: "viewer" | "developer" | "admin" | "owner" = "developer", address = email()) {
    const org = await newOrg();
    const owner = await newMember(org, "owner");
    await createInvite(authorize(owner, "members.write"), { email: address, role });
    return { org, owner, address, ...(await mailTo(address)) };
  }

  test("makes a new person a member with its role, once of five times at once, and leaves its event", async () => {
    const { org, address, token } = await invited("developer");
    expect(await inviteOffer(token)).toEqual({
      email: address,
      role: "developer",
      organization: { name: org.name, slug: org.slug },
      hasAccount: false,
    });
    const results = await parallel(5, () => acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD, name: "Ines" }));
    expect(succeeded(results)).toHaveLength(1);
    const members = await db.member.findMany({ where: { orgId: org.id }, include: { user: true } });
    expect(members.map(({ role, user }) => [role, user.email]).toSorted()).toEqual([
      ["developer", address],
      ["owner", expect.any(String)],
    ]);
    expect((await eventsOf(org)).filter(({ action }) => action === "member.add")).toEqual([
      expect.objectContaining({ actorName: "Ines", after: expect.objectContaining({ email: address, role: "developer" }) }),
    ]);
    expect(await inviteOffer(token)).toBeNull();
    expect((await refusal(acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD }))).type).not.toBe("internal_error");
  });

  test("of somebody with an account takes their own password, not a new one", async () => {
    const person = await newPerson({ passwordHash: HASH });
    const { org, token } = await invited("viewer", person.email);
    expect((await inviteOffer(token))?.hasAccount).toBe(true);
    expect((await refusal(acceptInvite(anonymous("sessions.create"), { token, password: "somebody else's choice" }))).type).toBe(
      "unauthorized",
    );
    expect((await refusal(acceptInvite(anonymous("sessions.create"), { token }))).type).toBe("invalid_request");
    await acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD });
    expect(await db.member.findFirst({ where: { orgId: org.id, userId: person.id } })).toMatchObject({ role: "viewer" });
    expect((await signIn(anonymous("sessions.create", from()), { email: person.email, password: PASSWORD })).ticket).toBeTruthy();
  });

  test("is accepted by the signed-in person it is for without a password, and by nobody else's session", async () => {
    const [person, other] = [await newPerson({ passwordHash: HASH }), await newPerson({ passwordHash: HASH })];
    const { org, token } = await invited("viewer", person.email);
    expect((await refusal(acceptInvite(authorize(personActor(other, origin()), "sessions.create"), { token }))).type).toBe(
      "invalid_request",
    );
    await acceptInvite(authorize(personActor(person, origin()), "sessions.create"), { token });
    expect(await db.member.count({ where: { orgId: org.id, userId: person.id } })).toBe(1);
  });

  test("ends after seven days", async () => {
    const { token } = await invited();
    later(7 * 24 * 60 * MINUTE);
    expect(await inviteOffer(token)).toBeNull();
    expect((await refusal(acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD }))).type).toBe("not_found");
  });

  test("sent again makes the earlier link worthless", async () => {
    const { owner, address, token } = await invited();
    await createInvite(authorize(owner, "members.write"), { email: address, role: "viewer" });
    expect(await inviteOffer(token)).toBeNull();
    expect((await refusal(acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD }))).type).toBe("not_found");
  });

  test("to an organization that the operator made for this address: the claim is honoured before and after", async () => {
    for (const claimsFirst of [true, false]) {
      const address = email();
      const { client_id } = await enableAccess(operator("orgs.enable"), { email: address, company: "Kestrel", tier: "free" });
      const claim = await mailTo(address);
      const org = { id: orgIdFrom(client_id), name: "", slug: "" };
      await createInvite(authorize(await newMember(org, "admin"), "members.write"), { email: address, role: "viewer" });
      const invite = await mailTo(address);
      expect(invite.token).not.toBe(claim.token);
      expect((await inviteOffer(claim.token))?.role).toBe("owner");
      for (const { token } of claimsFirst ? [claim, invite] : [invite, claim])
        await acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD, name: "Ines" });
      expect(await db.member.findFirst({ where: { orgId: org.id, user: { email: address } } })).toMatchObject({ role: "owner" });
      const joined = (await eventsOf(org)).filter(({ action }) => action === "member.add").map(({ after }) => after);
      expect(joined.at(claimsFirst ? 0 : -1)).toMatchObject({ email: address, role: "owner" });
    }
  });

  test.each(["", "x", "0".repeat(43)])("is not opened by the token %j", async (token) => {
    expect(await inviteOffer(token)).toBeNull();
    expect((await refusal(acceptInvite(anonymous("sessions.create"), { token, password: PASSWORD }))).type).toBe("not_found");
  });
});
