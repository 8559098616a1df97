import fs from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { authorize, DEPLOYMENT } from "@/lib/access/permissions";
import { memberActor, personActor } from "@/lib/auth/actor";
import { now, setClock } from "@/lib/clock";
import { chargeCredits, creditsOf, grantCredits, refundCredits } from "@/lib/credits/credits";
import { db, writer } from "@/lib/db";
import { clientIdOf, newId, orgIdFrom } from "@/lib/ids";
import { type Need, verify } from "@/lib/keys/verify";
import { getCredits, getLimits, getMe } from "@/lib/orgs/me";
import { createInvite, createOrg, enableAccess, getOrg, listMembers, listOrgs } from "@/lib/orgs/orgs";
import { eventsOf, newKey, newMember, newOrg, newPerson, operator, origin, refusal, useDatabase } from "@/lib/testing/factories";

const { dataDir } = await useDatabase();

const HOUR = 3_600_000;
const START = Math.ceil(now() / HOUR) * HOUR;
const clockAt = (ms: number) => setClock(() => ms);
afterEach(() => setClock(Date.now));

let number = 0;
const email = () => `client-${++number}@people.example`;
const reading = (scope: string): Need => ({
  permission: "data.read",
  scopes: [scope],
  accesses: [],
  ip: null,
  within: null,
  asker: null,
  free: true,
  route: null,
  cost: 0,
  requestId: "req_1",
});
const outbox = () =>
  fs.readdirSync(path.join(dataDir, "outbox")).map((name) => fs.readFileSync(path.join(dataDir, "outbox", name), "utf8"));

describe("an organization", () => {
  test("is made with its maker as owner, the free plan, first credits, and one event in its own log", async () => {
    const person = await newPerson();
    const actor = personActor(person, origin());
    const org = await createOrg(authorize(actor, "orgs.create"), { name: "Kestrel" });
    expect(org).toEqual({
      id: expect.stringMatching(/^org_/),
      client_id: clientIdOf(org.id),
      name: "Kestrel",
      slug: expect.stringMatching(/^kestrel/),
      plan: { id: "free", name: expect.any(String) },
      requests_per_minute: 60,
      requests_per_month: 1_000,
      scopes: ["status", "documents", "summary", "search", "export", "chat", "extract"],
      most_keys: 100,
      allowed_ips: [],
      keys_manage_keys: true,
      leak_policy: "revoke",
      is_demo: false,
      is_active: true,
      created_at: expect.any(String),
    });
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({ action: "organization.create", targetId: org.id, actorId: person.id, before: null, after: org }),
    ]);
    expect(await creditsOf(org.id)).toBe(50);
    expect(await listOrgs(authorize(actor, "account.manage"))).toEqual([
      { id: org.id, name: "Kestrel", slug: org.slug, role: "owner", is_demo: false },
    ]);
    expect(await getOrg(authorize(await memberActor(person, org.id, origin()), "org.read"))).toEqual(org);
  });

  test.each(["!!!", "你好", "x"])("called %s has an address all the same", async (name) => {
    const org = await createOrg(authorize(personActor(await newPerson(), origin()), "orgs.create"), { name });
    expect(org.slug).toMatch(/^[a-z0-9][a-z0-9-]+$/);
  });

  test("shows what the operator set instead of the plan's", async () => {
    const org = await newOrg({ requestsPerMinute: 7, requestsPerMonth: 8, scopes: ["status"], deactivatedAt: new Date() });
    expect(await getOrg(authorize(await newMember(org, "viewer"), "org.read"))).toMatchObject({
      requests_per_minute: 7,
      requests_per_month: 8,
      scopes: ["status"],
      is_active: false,
    });
  });

  test("is found by its members by id, client id and slug; a stranger's and a missing one are the same", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const person = await newPerson();
    await newMember(org, "developer", person);
    for (const name of [org.id, clientIdOf(org.id), org.slug])
      expect(await memberActor(person, name, origin())).toMatchObject({ orgId: org.id, role: "developer", type: "user" });
    const answers = await Promise.all(
      [other.id, clientIdOf(other.id), other.slug, "nothing", "", "' or 1=1"].map((name) => refusal(memberActor(person, name, origin()))),
    );
    expect(new Set(answers.map(({ type, message, details }) => JSON.stringify([type, message, details]))).size).toBe(1);
    expect(answers[0]?.type).toBe("not_found");
  });

  test("lists its members alone, with the keys that are theirs here", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const person = await newPerson();
    const actor = await newMember(org, "admin", person);
    await newMember(other, "owner", person);
    await newMember(other, "viewer");
    await newKey(org, { ownerId: person.id });
    await newKey(org, { ownerId: person.id, revokedAt: new Date() });
    await newKey(other, { ownerId: person.id });
    expect((await listMembers(authorize(actor, "members.read"))).data).toEqual([
      {
        user_id: person.id,
        name: person.name,
        email: person.email,
        role: "admin",
        joined_at: expect.any(String),
        key_count: 1,
        last_seen_at: null,
      },
    ]);
  });
});

describe("inviting", () => {
  test("mails a link, leaves an event without the link, and stores the token's hash alone", async () => {
    const org = await newOrg();
    const address = email();
    const invite = await createInvite(authorize(await newMember(org, "admin"), "members.write"), { email: address, role: "developer" });
    expect(invite).toEqual({ email: address, role: "developer", expires_at: expect.any(String) });
    const mail = outbox().find((text) => text.includes(`To: ${address}`)) ?? "";
    const token = /\/invites\/([\w-]{43})/.exec(mail)?.[1] ?? "none";
    expect(mail).toContain(org.name);
    expect(await eventsOf(org)).toEqual([expect.objectContaining({ action: "invite.create", targetName: address, after: invite })]);
    expect(JSON.stringify([await eventsOf(org), await db.invite.findMany({ where: { orgId: org.id } })])).not.toContain(token);
  });

  test("sends one address 3 an hour, whoever invites it and however many ask at once; then says how long to wait", async () => {
    clockAt(START);
    const address = email();
    const invite = async (role: "owner" | "admin" = "admin") =>
      createInvite(authorize(await newMember(await newOrg(), role), "members.write"), { email: address, role: "viewer" });
    const done = await Promise.allSettled(Array.from({ length: 10 }, () => invite()));
    expect(done.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(outbox().filter((text) => text.includes(`To: ${address}\n`))).toHaveLength(3);
    expect(await refusal(invite())).toMatchObject({
      type: "rate_limit_exceeded",
      message: `${address} was sent 3 invitations within the hour, which is the most. Try again in 60 minutes.`,
      retryAfterSeconds: 3_600,
      details: { email: expect.any(String) },
    });
    clockAt(START + HOUR);
    expect((await invite()).email).toBe(address);
  });

  test("sends 60 an hour for one organization; what was refused does not count", async () => {
    clockAt(START);
    const org = await newOrg();
    const actor = authorize(await newMember(org, "admin"), "members.write");
    const member = await newPerson();
    await newMember(org, "viewer", member);
    for (let i = 0; i < 5; i++) expect((await refusal(createInvite(actor, { email: member.email, role: "admin" }))).type).toBe("conflict");
    for (let i = 0; i < 60; i++) await createInvite(actor, { email: email(), role: "viewer" });
    const refused = await refusal(createInvite(actor, { email: email(), role: "viewer" }));
    expect([refused.type, refused.retryAfterSeconds, refused.details]).toEqual(["rate_limit_exceeded", 3_600, {}]);
    expect(refused.message).toContain("This organization sent 60 invitations");
    expect(await db.invite.count({ where: { orgId: org.id } })).toBe(60);
  });

  test("an owner takes an owner", async () => {
    const org = await newOrg();
    expect(
      (await refusal(createInvite(authorize(await newMember(org, "admin"), "members.write"), { email: email(), role: "owner" }))).type,
    ).toBe("forbidden");
    expect((await createInvite(authorize(await newMember(org, "owner"), "members.write"), { email: email(), role: "owner" })).role).toBe(
      "owner",
    );
  });

  test("a member is refused, and leaves nothing", async () => {
    const org = await newOrg();
    const person = await newPerson();
    await newMember(org, "viewer", person);
    expect(
      (await refusal(createInvite(authorize(await newMember(org, "owner"), "members.write"), { email: person.email, role: "admin" }))).type,
    ).toBe("conflict");
    expect([await eventsOf(org), await db.invite.count({ where: { orgId: org.id } })]).toEqual([[], 0]);
  });
});

describe("the operator gives access", () => {
  const enable = (input: Partial<Parameters<typeof enableAccess>[1]> = {}) =>
    enableAccess(operator("orgs.enable"), { email: email(), company: "Kestrel", tier: "starter", ...input });

  test("makes organization, group, an organization-owned key shown once, and a claim mail", async () => {
    const address = email();
    const enabled = await enable({ email: address });
    expect(enabled).toEqual({
      client_id: expect.stringMatching(/^cli_/),
      api_key: expect.stringMatching(/^lk_live_/),
      key_prefix: enabled.api_key.slice(0, 14),
      tier: "starter",
      scopes: expect.arrayContaining(["status"]),
      rate_limit_rpm: 150,
    });
    const org = { id: `org_${enabled.client_id.slice(4)}` };
    const [group] = await db.group.findMany({ where: { orgId: org.id } });
    expect(group?.name).toBe("Default");
    expect(await db.key.findMany({ where: { orgId: org.id } })).toEqual([
      expect.objectContaining({ ownerId: null, groupId: group?.id, createdByType: "operator", access: "full", environment: "live" }),
    ]);
    const verdict = await verify(enabled.api_key, reading("status"), now());
    expect(verdict).toMatchObject({ valid: true, key: { minuteLimit: 150 } });
    const events = await eventsOf(org);
    expect(events.map(({ action, actorType }) => [action, actorType])).toEqual([
      ["organization.create", "operator"],
      ["api_group.create", "operator"],
      ["api_key.create", "operator"],
    ]);
    const mail = outbox().find((text) => text.includes(`To: ${address}`)) ?? "";
    expect(mail).toMatch(/\/invites\/[\w-]{43}/);
    for (const text of [mail, JSON.stringify(events)]) expect(text).not.toContain(enabled.api_key.slice(14));
  });

  test("with limit, scopes and access of its own", async () => {
    const enabled = await enable({ tier: "pro", rate_limit_rpm: 1_234, scopes: ["status", "upload"], access: "read" });
    expect(enabled).toMatchObject({ tier: "pro", scopes: ["status", "upload"], rate_limit_rpm: 1_234 });
    const verdict = await verify(enabled.api_key, reading("upload"), now());
    expect(verdict).toMatchObject({ valid: true, key: { minuteLimit: 1_234, access: "read" } });
  });

  test("again to the same e-mail is refused, names the client, and leaves nothing", async () => {
    const address = email();
    const { client_id } = await enable({ email: address });
    const before = await db.org.count();
    expect(await refusal(enable({ email: address, company: "Other" }))).toMatchObject({
      type: "conflict",
      message: expect.stringContaining(client_id),
      details: { client_id },
    });
    expect(await db.org.count()).toBe(before);
  });

  test("and an invitation of the same e-mail by the organization's members takes none of it away", async () => {
    const address = email();
    const { client_id } = await enable({ email: address });
    const org = { id: orgIdFrom(client_id), name: "", slug: "" };
    const admin = authorize(await newMember(org, "admin"), "members.write");
    for (const role of ["viewer", "developer"] as const) await createInvite(admin, { email: address, role });
    const invites = await db.invite.findMany({ where: { orgId: org.id }, orderBy: { createdAt: "asc" } });
    expect(invites.map(({ role, byOperator }) => [role, byOperator])).toEqual([
      ["owner", true],
      ["developer", false],
    ]);
    expect(await refusal(enable({ email: address, company: "Other" }))).toMatchObject({ type: "conflict", details: { client_id } });
  });

  test("five times at once to one e-mail makes one organization", async () => {
    const address = email();
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => enable({ email: address, company: address })));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await db.org.count({ where: { name: address } })).toBe(1);
  });

  test("to somebody whom a customer invited as an owner: that is no access of the operator's, and not named", async () => {
    const address = email();
    await createInvite(authorize(await newMember(await newOrg(), "owner"), "members.write"), { email: address, role: "owner" });
    expect((await enable({ email: address })).client_id).toMatch(/^cli_/);
  });
});

describe("what a caller knows of itself", () => {
  test("a member's key: the person, the organization, the key, no secret", async () => {
    const org = await newOrg();
    const person = await newPerson();
    await newMember(org, "developer", person);
    const key = await newKey(org, { ownerId: person.id });
    const me = await getMe(authorize(key.actor, "self.read"));
    expect(me).toMatchObject({
      user: {
        user_id: person.id,
        email: person.email,
        name: person.name,
        credits_available: 50,
        key_name: key.actor.name,
        key_expires_at: null,
      },
      organization: { id: org.id, client_id: clientIdOf(org.id), name: org.name, slug: org.slug, plan: "free" },
      key: { id: key.id, key_prefix: key.prefix },
    });
    expect(JSON.stringify(me)).not.toMatch(new RegExp(`${key.secret.slice(14)}|"hash"`));
  });

  test("an organization's key: the organization stands for the person", async () => {
    const org = await newOrg();
    const key = await newKey(org);
    expect((await getMe(authorize(key.actor, "self.read"))).user).toMatchObject({ user_id: org.id, email: null, name: org.name });
  });

  test("a key of somebody who left names nobody's e-mail", async () => {
    const org = await newOrg();
    const person = await newPerson();
    const key = await newKey(org, { ownerId: person.id });
    expect((await getMe(authorize(key.actor, "self.read"))).user.email).toBeNull();
  });

  test("a session: the person and the organization, no key", async () => {
    const actor = await newMember(await newOrg(), "viewer");
    expect(await getMe(authorize(actor, "self.read"))).toMatchObject({ user: { user_id: actor.id, key_name: null }, key: null });
  });

  test("credits: what charges and refunds left of them, grants as purchases, of this organization alone", async () => {
    const [org, other] = [await newOrg(), await newOrg()];
    const [first, later] = [await db.creditEntry.findFirstOrThrow({ where: { orgId: org.id } }), now() + 60_000];
    await writer().$transaction((tx) => grantCredits(tx, org.id, 100, "bought", later));
    await writer().$transaction((tx) => grantCredits(tx, other.id, 1_000, "bought by others"));
    await chargeCredits(org.id, 30, "call", newId("req"));
    await refundCredits(org.id, 5, "call that failed", newId("req"));
    expect(await getCredits(authorize((await newKey(org)).actor, "self.read"))).toEqual({
      credits: {
        available: 125,
        purchases: [
          expect.objectContaining({
            id: expect.stringMatching(/^crd_/),
            amount: 100,
            remaining: 100,
            reason: "bought",
            created_at: new Date(later).toISOString(),
          }),
          // 25 were used up, of the oldest first.
          {
            id: first.id,
            purchase_id: first.id,
            plan: "free",
            credits: 50,
            amount: 50,
            remaining: 25,
            reason: "first credits of the plan Free",
            expires_at: null,
            created_at: first.createdAt.toISOString(),
            purchased_at: first.createdAt.toISOString(),
          },
        ],
      },
    });
  });

  test("limits: what is left of rate, quota and credits", async () => {
    const org = await newOrg();
    const key = await newKey(org, { insert: { expiresAt: new Date(Date.UTC(2030, 0, 1)) } });
    const limits = { rate: { limit: 60, remaining: 59, resetAt: 1 }, quota: { limit: 1_000, remaining: 999, resetAt: 2 } };
    const today = new Date();
    const period = today.toISOString().slice(0, 7);
    await writer().quotaPeriod.create({ data: { orgId: org.id, environment: "live", month: period, used: 3 } }); // also by other nodes
    expect(
      await getLimits(authorize(key.actor, "limits.read"), { sessionId: null, email: null, key: { scopes: ["status"], limits } }),
    ).toEqual({
      rate_limit: { limit: 60, remaining: 59, reset: 1, window_seconds: 60 },
      quota: { limit: 1_000, remaining: 997, reset: Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1, 1) / 1000, period },
      credits: { available: 50 },
      expires_at: "2030-01-01T00:00:00.000Z",
      environment: "live",
      access: "full",
      scopes: ["status"],
    });
  });
});

test("nothing that belongs to an organization went into the deployment's log", async () => {
  expect(
    (await eventsOf({ id: DEPLOYMENT })).filter(({ targetType }) => ["organization", "api_key", "api_group"].includes(targetType)),
  ).toEqual([]);
});
