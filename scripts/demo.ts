import { randomBytes } from "node:crypto";
import {
  type Access,
  type Actor,
  authorize,
  type Can,
  type Environment,
  type Origin,
  type Permission,
  type Role,
  reachOf,
} from "@/lib/access/permissions";
import { change } from "@/lib/audit/change";
import { operatorActor } from "@/lib/auth/actor";
import { hashPassword } from "@/lib/auth/passwords";
import { now, setClock } from "@/lib/clock";
import { db } from "@/lib/db";
import { openDeployment } from "@/lib/deployment";
import { parseEnv, provideEnv } from "@/lib/env";
import { createGroup } from "@/lib/groups/groups";
import { newId } from "@/lib/ids";
import { createKey, revokeKey } from "@/lib/keys/keys";
import type { CreateKey, NewKey } from "@/lib/keys/schema";
import { monthOf } from "@/lib/limits/window";
import { insertOrg } from "@/lib/orgs/orgs";
import { closeDrainPool, drain } from "@/lib/usage/drain";
import type { UsageRecord } from "@/lib/usage/record";

/**
 * `npm run demo`: an organization marked as demo, with people, groups, keys and 30 days of calls, made through the same operations
 * as real ones, under a clock that begins 31 days ago. `npm run demo -- --remove` takes it away; its audit log stays, as every log does.
 */

const DAY = 86_400_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;
const NAME = "Tideline Freight";
const DOMAIN = "@tideline.example";

const people: { name: string; role: Role; ip: string; country: string }[] = [
  { name: "Ines Marchetti", role: "owner", ip: "203.0.113.21", country: "FR" },
  { name: "Tomás Rey", role: "admin", ip: "203.0.113.88", country: "FR" },
  { name: "Priya Raman", role: "developer", ip: "198.51.100.90", country: "IN" },
  { name: "Ana Duarte", role: "developer", ip: "198.51.100.12", country: "PT" },
  { name: "Jonas Weber", role: "viewer", ip: "192.0.2.14", country: "DE" },
];

interface DemoKey {
  name: string;
  group: string;
  by: number;
  access: Access;
  environment?: Environment;
  scopes?: CreateKey["scopes"];
  /** Days from now at which it ends. */
  expiresIn?: number;
  /** Calls in the busiest hour of a working day. */
  peak: number;
  /** Its own limit per minute, and what it sometimes asks for within one. */
  limit?: number;
  burst?: number;
  /** Share of its calls that go where it may not. */
  astray?: number;
  from: { ip: string; country: string }[];
  agent: string;
  /** Days ago at which it was made, and since which it has been silent. */
  age: number;
  silentFor?: number;
  revokedAgo?: number;
}

const keys: DemoKey[] = [
  {
    name: "Invoice intake",
    group: "Production",
    by: 0,
    access: "write",
    peak: 34,
    expiresIn: 113,
    from: [{ ip: "203.0.113.24", country: "DE" }],
    agent: "node/22.11 undici",
    age: 30,
  },
  {
    name: "Customs worker",
    group: "Customs pipeline",
    by: 1,
    access: "full",
    peak: 22,
    expiresIn: 221,
    scopes: ["status", "documents", "summary", "search", "export", "extract"],
    astray: 0.01,
    from: [
      { ip: "198.51.100.7", country: "NL" },
      { ip: "198.51.100.9", country: "NL" },
    ],
    agent: "python-httpx/0.28",
    age: 30,
  },
  {
    name: "Partner portal",
    group: "Partners",
    by: 1,
    access: "read",
    peak: 18,
    expiresIn: 49,
    limit: 30,
    burst: 36,
    from: [{ ip: "192.0.2.118", country: "FR" }],
    agent: "okhttp/5.0",
    age: 30,
  },
  {
    name: "Warehouse sync",
    group: "Production",
    by: 2,
    access: "full",
    peak: 10,
    expiresIn: 3,
    from: [{ ip: "203.0.113.61", country: "DE" }],
    agent: "Go-http-client/2.0",
    age: 30,
  },
  {
    name: "Mobile upload",
    group: "Production",
    by: 2,
    access: "write",
    peak: 8,
    expiresIn: 74,
    limit: 20,
    burst: 26,
    from: [{ ip: "2001:db8:4f2::91c", country: "PL" }],
    agent: "Dart/3.9",
    age: 24,
  },
  {
    name: "Reconciliation of quarterly carrier statements, EU and UK",
    group: "Finance",
    by: 3,
    access: "full",
    peak: 3,
    from: [{ ip: "198.51.100.40", country: "IE" }],
    agent: "curl/8.9.1",
    age: 30,
  },
  {
    name: "שער ספקים",
    group: "Partners",
    by: 1,
    access: "read",
    peak: 2,
    expiresIn: 181,
    from: [{ ip: "192.0.2.77", country: "IL" }],
    agent: "axios/1.9",
    age: 20,
  },
  {
    name: "CI smoke tests",
    group: "Staging",
    by: 3,
    access: "full",
    environment: "test",
    peak: 4,
    expiresIn: 100,
    from: [{ ip: "198.51.100.201", country: "US" }],
    agent: "vitest",
    age: 28,
  },
  {
    name: "Nightly export",
    group: "Finance",
    by: 3,
    access: "read",
    scopes: ["export", "status"],
    peak: 1,
    expiresIn: 40,
    from: [{ ip: "203.0.113.24", country: "DE" }],
    agent: "curl/8.9.1",
    age: 30,
    silentFor: 12,
  },
  {
    name: "Notebook, data science",
    group: "Staging",
    by: 2,
    access: "read",
    environment: "test",
    peak: 0,
    expiresIn: 89,
    from: [],
    agent: "",
    age: 9,
  },
  {
    name: "Old ERP bridge",
    group: "Production",
    by: 0,
    access: "full",
    peak: 5,
    from: [{ ip: "203.0.113.70", country: "DE" }],
    agent: "Java/17",
    age: 30,
    silentFor: 2,
    revokedAgo: 2,
  },
];

interface DemoRoute {
  method: string;
  route: string;
  permission: Permission;
  scope: string | null;
  free?: true;
  /** Of the calls of a key that may call all of them. */
  share: number;
  latencyMs: number;
}

const routes: DemoRoute[] = [
  { method: "GET", route: "/v1/status", permission: "data.read", scope: "status", share: 0.52, latencyMs: 4 },
  { method: "POST", route: "/v1/chat", permission: "data.write", scope: "chat", share: 0.22, latencyMs: 38 },
  { method: "GET", route: "/v1/me", permission: "self.read", scope: null, share: 0.14, latencyMs: 6 },
  { method: "GET", route: "/v1/limits", permission: "limits.read", scope: null, free: true, share: 0.07, latencyMs: 5 },
  { method: "GET", route: "/v1/logs", permission: "logs.read", scope: null, share: 0.05, latencyMs: 24 },
];

/** Repeatable: the demo looks alike wherever it is made (xorshift32). */
let seed = 0x1a7c4;
function random(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) / 2 ** 32;
}

async function fill(): Promise<void> {
  if ((await db.org.count({ where: { isDemo: true } })) > 0)
    throw new Error("There is a demo organization already. `npm run demo -- --remove` takes it away.");
  const end = Date.now();
  /** In office hours of the day that many days ago. */
  const officeHours = (daysAgo: number, minutes: number) =>
    Math.min(end - HOUR, Math.floor((end - daysAgo * DAY) / DAY) * DAY + 9 * HOUR + minutes * 60_000);
  let clock = officeHours(31, 0);
  setClock(() => (clock += 37)); // a moment passes with every step, so that the log reads in order
  const password = randomBytes(12).toString("base64url");
  const { org, users } = await makeOrg(await hashPassword(password));
  const actors = users.map((user, i) => ({ ...user, orgId: org.id, role: people[i]?.role ?? "viewer" }) as Actor);
  const owner = actors[0] as Actor;

  for (const [name, description] of [
    ["Production", "What customers reach"],
    ["Customs pipeline", "Declarations to the authorities"],
    ["Partners", "Keys that leave the house"],
    ["Finance", ""],
    ["Staging", "Nothing here matters"],
  ] as const) {
    await createGroup(authorize(owner, "groups.write"), { name, description });
  }
  const groups = new Map((await db.group.findMany({ where: { orgId: org.id } })).map((group) => [group.name, group.id]));

  const made: { plan: DemoKey; key: NewKey; secretId: string }[] = [];
  for (const plan of keys.toSorted((a, b) => b.age - a.age)) {
    clock = officeHours(plan.age, 23 * made.length);
    const key = await createKey(authorize(actors[plan.by] as Actor, "keys.create"), {
      name: plan.name,
      group_id: groups.get(plan.group),
      environment: plan.environment ?? "live",
      access: plan.access,
      owner: plan.by === 0 ? "organization" : "member",
      ...(plan.scopes === undefined ? {} : { scopes: plan.scopes }),
      ...(plan.limit === undefined ? {} : { rate_limit_rpm: plan.limit }),
      ...(plan.expiresIn === undefined ? {} : { expires_at: new Date(end + plan.expiresIn * DAY).toISOString() }),
    });
    const secret = await db.keySecret.findFirstOrThrow({ where: { keyId: key.id } });
    made.push({ plan, key, secretId: secret.id });
  }
  const revokedAt = ({ revokedAgo }: DemoKey) => (revokedAgo === undefined ? end : officeHours(revokedAgo, 95));
  const records = made
    .flatMap(({ plan, key, secretId }) => calls(plan, key, secretId, end, Math.min(end - (plan.silentFor ?? 0) * DAY, revokedAt(plan))))
    .toSorted((a, b) => a.at - b.at);
  for (let i = 0; i < records.length; i += 4_000) {
    if (process.stdout.isTTY)
      process.stdout.write(
        `\r  Writing calls … ${Math.min(records.length, i + 4_000).toLocaleString("en")} of ${records.length.toLocaleString("en")}`,
      );
    await drain(records.slice(i, i + 4_000));
  }
  process.stdout.write("\n");
  await setQuota(owner, records, monthOf(end));
  for (const { plan, key } of made.filter(({ plan }) => plan.revokedAgo !== undefined)) {
    clock = revokedAt(plan);
    await revokeKey(authorize(owner, "keys.revoke"), key.id, { reason: "Replaced" });
  }
  const guest = await inviteFirstAccount(owner);
  process.stdout.write(
    `\n  ${NAME} is ready: ${people.length} people, ${groups.size} groups, ${made.length} keys, ${records.length.toLocaleString("en")} calls.\n\n  Sign in    ${users[0]?.email}\n  Password   ${password}\n${guest === null ? "" : `  or as      ${guest}, who is an owner of it too\n`}  Remove     npm run demo -- --remove\n\n`,
  );
}

interface DemoUser {
  type: "user";
  id: string;
  name: string;
  email: string;
  groupId: null;
  environment: null;
  secretId: null;
  request: Origin;
}

async function makeOrg(passwordHash: string): Promise<{ org: { id: string }; users: DemoUser[] }> {
  const users = people.map((person): DemoUser => {
    const email = `${person.name.normalize("NFKD").replace(/\p{M}/gu, "").split(" ")[0]?.toLowerCase()}${DOMAIN}`;
    return {
      type: "user",
      id: newId("usr", now()),
      name: person.name,
      email,
      groupId: null,
      environment: null,
      secretId: null,
      request: { id: newId("req", now()), ip: person.ip, country: person.country, userAgent: "Firefox 146 on macOS" },
    };
  });
  const org = await change(operator(), async (tx) => {
    await tx.user.createMany({
      data: users.map(({ id, name, email }, i) => ({
        id,
        name,
        email,
        passwordHash: i === 0 ? passwordHash : null,
        createdAt: new Date(now()),
      })),
    });
    const { org, event } = await insertOrg(tx, { name: NAME, planId: "business", isDemo: true, createdAt: new Date(now()) });
    await tx.member.createMany({
      data: users.map(({ id }, i) => ({ orgId: org.id, userId: id, role: people[i]?.role ?? "viewer", createdAt: new Date(now()) })),
    });
    return { result: org, events: [event] };
  });
  return { org, users };
}

function operator(): Can<"orgs.enable"> {
  return authorize(operatorActor({ id: newId("req", now()), ip: null, country: null, userAgent: "npm run demo" }), "orgs.enable");
}

/** A key's calls until `last`: busy by day, quiet at night and at weekends. Refused is what the key's own rules refuse. */
function calls(plan: DemoKey, key: NewKey, secretId: string, end: number, last: number): UsageRecord[] {
  const times: number[] = [];
  const first = Math.max(end - 30 * DAY, Date.parse(key.created_at));
  for (let hour = Math.ceil(first / HOUR) * HOUR; hour < last; hour += HOUR) {
    const date = new Date(hour);
    const day = [0, 6].includes(date.getUTCDay()) ? 0.3 : 1;
    const time = 0.08 + 0.92 * Math.exp(-(((date.getUTCHours() - 12) / 4.5) ** 2));
    const span = Math.min(HOUR, last - hour);
    const count = Math.round((plan.peak * day * time * (0.7 + 0.6 * random()) * span) / HOUR + random() - 0.5);
    for (let i = 0; i < count; i++) times.push(hour + Math.floor(random() * span));
    const minute = hour + Math.floor(random() * 60) * MINUTE;
    const bursts = plan.burst !== undefined && count > 0 && random() < 0.15 && minute + MINUTE <= last;
    for (let i = 0; bursts && i < (plan.burst ?? 0); i++) times.push(minute + Math.floor(random() * MINUTE));
  }
  const inMinute = new Map<number, number>();
  return times
    .toSorted((a, b) => a - b)
    .map((at) => {
      const minute = Math.floor(at / MINUTE);
      const record = call(plan, key, secretId, at, (inMinute.get(minute) ?? 0) >= (plan.limit ?? Number.POSITIVE_INFINITY));
      if (record.counted) inMinute.set(minute, (inMinute.get(minute) ?? 0) + 1);
      return record;
    });
}

function call(plan: DemoKey, key: NewKey, secretId: string, at: number, isFull: boolean): UsageRecord {
  const route = pickRoute(key, random() < (plan.astray ?? 0));
  const refused = !mayCall(key, route)
    ? { status: 403, outcome: "insufficient_scope" }
    : isFull && !route.free
      ? { status: 429, outcome: "rate_limit_exceeded" }
      : null;
  const failed = refused === null && random() < 0.003;
  const from = plan.from[Math.floor(random() * plan.from.length)] ?? { ip: "192.0.2.1", country: "DE" };
  return {
    requestId: newId("req", at),
    at,
    orgId: key.organization_id,
    groupId: key.group_id,
    keyId: key.id,
    secretId,
    keyPrefix: key.key_prefix,
    environment: key.environment,
    method: route.method,
    route: route.route,
    status: refused?.status ?? (failed ? 503 : 200),
    outcome: refused?.outcome ?? (failed ? "error" : "accepted"),
    latencyUs: Math.round(1000 * (refused === null ? route.latencyMs * Math.exp(random() + random() - 0.6) : 1)),
    credits: 0,
    counted: refused === null && !route.free,
    ip: from.ip,
    country: from.country,
    userAgent: plan.agent,
  };
}

function mayCall({ access, environment, scopes }: NewKey, { permission, scope }: DemoRoute): boolean {
  const reach = reachOf({ type: "key", role: access, environment }, permission);
  return reach !== null && (scope === null || scopes.some((each) => each === scope));
}

/** One that the key may call, or, astray, one that it may not. */
function pickRoute(key: NewKey, astray: boolean): DemoRoute {
  const choice = routes.filter((route) => mayCall(key, route) !== astray);
  let at = random() * choice.reduce((sum, { share }) => sum + share, 0);
  for (const route of choice) {
    at -= route.share;
    if (at < 0) return route;
  }
  return routes[0] as DemoRoute;
}

/** The month's requests, as if each had been counted. */
async function setQuota(actor: Actor, records: UsageRecord[], month: string): Promise<void> {
  const used = (environment: string) => records.filter((r) => r.environment === environment && monthOf(r.at) === month && r.counted).length;
  const data = (["live", "test"] as const).map((environment) => ({ orgId: actor.orgId, environment, month, used: used(environment) }));
  await change(authorize(actor, "groups.write"), async (tx) => {
    await tx.quotaPeriod.createMany({ data });
    return {
      result: null,
      events: [{ action: "demo.fill", target: { type: "organization", id: actor.orgId, name: NAME }, after: { calls: records.length } }],
    };
  });
}

/** Whoever set this deployment up finds the demo in the organization switcher. */
async function inviteFirstAccount(owner: Actor): Promise<string | null> {
  const first = await db.user.findFirst({ where: { email: { not: { endsWith: DOMAIN } } }, orderBy: { createdAt: "asc" } });
  if (first === null) return null;
  await change(authorize(owner, "members.write"), async (tx) => {
    await tx.member.create({ data: { orgId: owner.orgId, userId: first.id, role: "owner" } });
    return {
      result: null,
      events: [
        { action: "member.add", target: { type: "user", id: first.id, name: first.name }, after: { user_id: first.id, role: "owner" } },
      ],
    };
  });
  return first.email;
}

async function remove(): Promise<void> {
  const org = await db.org.findFirst({ where: { isDemo: true } });
  if (org === null) {
    process.stdout.write("  There is no demo organization.\n");
    return;
  }
  await change(operator(), async (tx) => {
    await tx.usageEvent.deleteMany({ where: { orgId: org.id } });
    await tx.usageBucket.deleteMany({ where: { orgId: org.id } });
    await tx.key.deleteMany({ where: { orgId: org.id } });
    await tx.org.delete({ where: { id: org.id } });
    await tx.user.deleteMany({ where: { email: { endsWith: DOMAIN }, members: { none: {} } } });
    return {
      result: null,
      events: [{ action: "organization.remove", target: { type: "organization", id: org.id, name: org.name }, chain: org.id }],
    };
  });
  process.stdout.write(`  ${org.name} is gone, with its people, keys and calls. Its audit log stays.\n`);
}

async function main(): Promise<void> {
  const close = await openDeployment(provideEnv(parseEnv(process.env)), (line) => process.stdout.write(`  ${line}\n`));
  try {
    await (process.argv.includes("--remove") ? remove() : fill());
  } finally {
    await closeDrainPool();
    await close();
  }
}

main()
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    process.stderr.write(`\nThe demo could not be made: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
