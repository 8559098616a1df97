// What tests of operations need: a database of the file's own, and people, organizations, groups and keys in it, made in one line.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll } from "vitest";
import {
  type Access,
  type Actor,
  authorize,
  type Can,
  type Environment,
  type Origin,
  type Permission,
  type Role,
} from "@/lib/access/permissions";
import { anonymousActor, operatorActor, personActor } from "@/lib/auth/actor";
import { db, disconnect, type Prisma, writer } from "@/lib/db";
import { parseEnv, provideEnv } from "@/lib/env";
import { type AppError, isAppError } from "@/lib/errors";
import { insertGroup } from "@/lib/groups/groups";
import { newId } from "@/lib/ids";
import { insertKey, type KeyToInsert } from "@/lib/keys/keys";
import type { Need } from "@/lib/keys/verify";
import { insertOrg } from "@/lib/orgs/orgs";
import { testDatabase } from "@/lib/testing/database";
import type { UsageRecord } from "@/lib/usage/record";

export const SECRET = "a secret of the tests that is long enough";

/** Gives the test file a migrated database and points the code at it. Call it once, awaited, at the top of the file. */
export async function useDatabase(variables: Record<string, string> = {}): Promise<{ owner: pg.Client; dataDir: string }> {
  const { ownerUrl, appUrl } = await testDatabase();
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-test-"));
  provideEnv(parseEnv({ DATABASE_URL: appUrl, LATCHKEY_SECRET: SECRET, LOG_LEVEL: "silent", DATA_DIR: dataDir, ...variables }));
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  afterAll(async () => {
    await Promise.all([owner.end(), disconnect()]);
    fs.rmSync(dataDir, { recursive: true, force: true });
  });
  return { owner, dataDir };
}

let made = 0;
const unique = () => `${process.pid}-${++made}`;

export function origin(changed: Partial<Origin> = {}): Origin {
  return { id: newId("req"), ip: "203.0.113.7", country: "NL", userAgent: "tests/1", ...changed };
}

export const anonymous = <P extends Permission>(permission: P, request = origin()): Can<P> =>
  authorize(anonymousActor(request), permission);
export const operator = <P extends Permission>(permission: P): Can<P> => authorize(operatorActor(origin()), permission);

export interface TestOrg {
  id: string;
  name: string;
  slug: string;
}

/** An organization without members, groups or events. `planId` is "free" unless given. */
export async function newOrg({
  planId = "free",
  ...data
}: Partial<Prisma.OrgUncheckedUpdateInput> & { planId?: string } = {}): Promise<TestOrg> {
  const { org } = await writer().$transaction((tx) => insertOrg(tx, { name: `Org ${unique()}`, planId }));
  return writer().org.update({ where: { id: org.id }, data, select: { id: true, name: true, slug: true } });
}

export interface TestPerson {
  id: string;
  name: string;
  email: string;
}

export async function newPerson(data: { passwordHash?: string; disabledAt?: Date } = {}): Promise<TestPerson> {
  const name = `Person ${unique()}`;
  const email = `${name.replace(" ", "").toLowerCase()}@people.example`;
  return writer().user.create({ data: { id: newId("usr"), name, email, ...data }, select: { id: true, name: true, email: true } });
}

/** A person with a role in the organization, as the actor of their requests. */
export async function newMember(org: TestOrg, role: Role, person?: TestPerson): Promise<Actor & { id: string }> {
  const user = person ?? (await newPerson());
  await writer().member.create({ data: { orgId: org.id, userId: user.id, role } });
  return { ...personActor(user, origin()), id: user.id, orgId: org.id, role };
}

export async function newGroup(org: TestOrg, data: Partial<Prisma.GroupUncheckedUpdateInput> = {}): Promise<{ id: string; name: string }> {
  const { group } = await writer().$transaction((tx) => insertGroup(tx, org.id, { name: `Group ${unique()}` }));
  return writer().group.update({ where: { id: group.id }, data, select: { id: true, name: true } });
}

export interface TestKey {
  id: string;
  secret: string;
  prefix: string;
  groupId: string;
  /** The key as the actor of its requests. */
  actor: Actor & { id: string };
}

/** A key in the group, or in a new one: live, full access, the scope "status". State and owner by column name. */
export async function newKey(
  org: TestOrg,
  {
    group,
    insert = {},
    ...data
  }: {
    group?: { id: string };
    insert?: Partial<KeyToInsert> & { environment?: Environment; access?: Access };
  } & Partial<Prisma.KeyUncheckedUpdateInput> = {},
): Promise<TestKey> {
  const groupId = (group ?? (await newGroup(org))).id;
  const { key } = await writer().$transaction((tx) =>
    insertKey(tx, {
      orgId: org.id,
      groupId,
      name: `Key ${unique()}`,
      environment: "live",
      access: "full",
      scopes: ["status"],
      expiresAt: null,
      notBefore: null,
      requestsPerMinute: null,
      allowedIps: [],
      ownerId: null,
      parentId: null,
      createdBy: { type: "system", id: null, name: "tests" },
      metadata: {},
      ...insert,
    }),
  );
  await writer().key.update({ where: { id: key.id }, data });
  const actor: Actor & { id: string } = {
    type: "key",
    id: key.id,
    name: key.name,
    role: key.access,
    orgId: org.id,
    groupId,
    environment: key.environment,
    secretId: (await db.keySecret.findFirstOrThrow({ where: { keyId: key.id } })).id,
    request: origin(),
  };
  return { id: key.id, secret: key.secret, prefix: key.key_prefix, groupId, actor };
}

/** A call of the key, for drain(): accepted, from 203.0.113.7, now. */
/** A call that every key may make, and that counts nothing. */
export const anyCall: Need = {
  permission: "self.read",
  scopes: [],
  accesses: [],
  ip: "203.0.113.7",
  within: null,
  asker: null,
  free: true,
  route: null,
  cost: 0,
  requestId: "req_1",
};

export function newCall(org: TestOrg, key: TestKey, changed: Partial<UsageRecord> = {}): UsageRecord {
  return {
    requestId: newId("req"),
    at: Date.now(),
    orgId: org.id,
    groupId: key.groupId,
    keyId: key.id,
    secretId: "sec_1",
    keyPrefix: key.prefix,
    environment: key.actor.environment ?? "live",
    method: "GET",
    route: "/v1/status",
    status: 200,
    outcome: "accepted",
    latencyUs: 1_500,
    credits: 0,
    counted: false,
    ip: "203.0.113.7",
    country: "NL",
    userAgent: "tests/1",
    ...changed,
  };
}

/** The audit events of an organization in their order. */
export async function eventsOf(org: Pick<TestOrg, "id">): Promise<Prisma.AuditEventGetPayload<object>[]> {
  return db.auditEvent.findMany({ where: { chain: org.id }, orderBy: { sequence: "asc" } });
}

/** The AppError that `work` fails with. Throws when it does not fail, or with something else. */
export async function refusal(work: Promise<unknown> | (() => unknown)): Promise<AppError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (isAppError(error)) return error;
    throw error;
  }
  throw new Error("It was not refused");
}
