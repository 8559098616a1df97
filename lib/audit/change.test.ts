import { describe, expect, test } from "vitest";
import { type Actor, authorize, type Can, DEPLOYMENT } from "@/lib/access/permissions";
import { emptyChain, follow } from "@/lib/audit/chain";
import { change, type Event, record } from "@/lib/audit/change";
import { db, Prisma, type Tx, writer } from "@/lib/db";
import { toAppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { anonymous, eventsOf, newMember, newOrg, type TestOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

const event = (name: string, changed: Partial<Event> = {}): Event => ({
  action: "api_group.create",
  target: { type: "api_group", id: null, name },
  ...changed,
});

async function setting(): Promise<{ org: TestOrg; actor: Can<"groups.write"> }> {
  const org = await newOrg();
  return { org, actor: authorize(await newMember(org, "admin"), "groups.write") };
}

const groupNames = async (org: TestOrg) =>
  (await db.group.findMany({ where: { orgId: org.id }, orderBy: { name: "asc" } })).map(({ name }) => name);

function addGroup(org: TestOrg, name: string): Parameters<typeof change<string>>[1] {
  return async (tx) => {
    await tx.group.create({ data: { id: newId("grp"), orgId: org.id, name } });
    return { result: name, events: [event(name)] };
  };
}

describe("a change", () => {
  test("gives back its result and leaves who, what, whence and when", async () => {
    const { org, actor } = await setting();
    const before = Date.now();
    expect(await change(actor, addGroup(org, "A"))).toBe("A");
    expect(await eventsOf(org)).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^aud_/),
        sequence: 1,
        action: "api_group.create",
        eventType: "create",
        actorType: "user",
        actorId: actor.id,
        actorName: actor.name,
        actorRole: "admin",
        targetName: "A",
        before: null,
        after: null,
        ip: actor.request.ip,
        country: actor.request.country,
        userAgent: actor.request.userAgent,
        requestId: actor.request.id,
      }),
    ]);
    const [written] = await eventsOf(org);
    expect(written?.createdAt.getTime()).toBeGreaterThanOrEqual(before - 1);
    expect(written?.createdAt.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test("that fails leaves neither change nor event", async () => {
    const { org, actor } = await setting();
    const failing = change(actor, async (tx) => {
      await addGroup(org, "A")(tx);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect([await groupNames(org), await eventsOf(org)]).toEqual([[], []]);
  });

  test("whose event cannot be written is rolled back", async () => {
    const { org, actor } = await setting();
    await change(actor, addGroup(org, "A"));
    await owner.query(`alter table "AuditEvent" add constraint refused check ("targetName" <> 'B')`);
    try {
      await expect(change(actor, addGroup(org, "B"))).rejects.toThrow();
    } finally {
      await owner.query(`alter table "AuditEvent" drop constraint refused`);
    }
    await change(actor, addGroup(org, "C"));
    expect(await groupNames(org)).toEqual(["A", "C"]);
    const events = await eventsOf(org);
    expect(events.map(({ sequence, targetName }) => [sequence, targetName])).toEqual([
      [1, "A"],
      [2, "C"],
    ]);
    expect(follow(emptyChain, events).ok).toBe(true);
  });

  test("is rolled back too when the application may not write events at all", async () => {
    const { org, actor } = await setting();
    const role = await appRole();
    await owner.query(`revoke insert on "AuditEvent" from ${role}`);
    try {
      await expect(change(actor, addGroup(org, "A"))).rejects.toThrow();
    } finally {
      await owner.query(`grant insert on "AuditEvent" to ${role}`);
    }
    expect(await groupNames(org)).toEqual([]);
  });

  test("may leave events in several chains, each in its own order", async () => {
    const [{ org, actor }, other] = [await setting(), await newOrg()];
    await change(actor, async () => ({ result: null, events: [event("1"), event("2", { chain: other.id }), event("3")] }));
    expect((await eventsOf(org)).map(({ sequence, targetName }) => [sequence, targetName])).toEqual([
      [1, "1"],
      [2, "3"],
    ]);
    expect((await eventsOf(other)).map(({ sequence, targetName }) => [sequence, targetName])).toEqual([[1, "2"]]);
  });

  test("keeps before and after as they were said, verifiable after their way through the database", async () => {
    const { org, actor } = await setting();
    const after = {
      z: 1,
      a: { b: [1, "2", null, { d: true }], e: "ü “quoted” 👩‍👩‍👧‍👦 \\u0041" },
      empty: {},
      list: [],
      big: 9_007_199_254_740_991,
      small: 1e-7,
    };
    await change(actor, async () => ({ result: null, events: [event("x", { before: { z: 0 }, after })] }));
    const [written] = await eventsOf(org);
    expect(written?.after).toEqual(after);
    expect(written?.before).toEqual({ z: 0 });
    expect(follow(emptyChain, await eventsOf(org)).ok).toBe(true);
  });
});

describe("many changes at once", () => {
  test("fifty in one organization leave fifty events without gap or fork", async () => {
    const { org, actor } = await setting();
    const names = Array.from({ length: 50 }, (_, i) => `G${String(i).padStart(2, "0")}`);
    await Promise.all(names.map((name) => untilAvailable(() => change(actor, addGroup(org, name)))));
    const events = await eventsOf(org);
    expect(events.map(({ sequence }) => sequence)).toEqual(names.map((_, i) => i + 1));
    expect(events.map(({ targetName }) => targetName).toSorted()).toEqual(names);
    expect(follow(emptyChain, events)).toEqual({
      ok: true,
      state: { sequence: 50, hash: (await db.auditHead.findUniqueOrThrow({ where: { chain: org.id } })).hash },
    });
    expect(await groupNames(org)).toEqual(names);
  });

  test("over the same two chains in opposite order end all", async () => {
    const [one, two] = [await setting(), await setting()];
    const both = ({ org, actor }: typeof one, other: TestOrg) =>
      change(actor, async () => ({ result: null, events: [event("a", { chain: other.id }), event("b", { chain: org.id })] }));
    await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? both(one, two.org) : both(two, one.org))));
    for (const { org } of [one, two]) {
      expect(await eventsOf(org)).toHaveLength(10);
      expect(follow(emptyChain, await eventsOf(org)).ok).toBe(true);
    }
  });

  test.each<[string, (tx: Tx, id: string) => Promise<unknown>]>([
    ["by the client", (tx, id) => tx.group.update({ where: { id }, data: { description: "x" } })],
    ["by SQL", (tx, id) => tx.$executeRaw`update "Group" set "description" = 'x' where "id" = ${id}`],
    ["by a lock in SQL", (tx, id) => tx.$queryRaw`select 1 from "Group" where "id" = ${id} for update`],
  ])("of which PostgreSQL gave one up are run again: %s", async (_, lock) => {
    const { org, actor } = await setting();
    const [a, b] = [newId("grp"), newId("grp")];
    await writer().group.createMany({
      data: [
        { id: a, orgId: org.id, name: "a" },
        { id: b, orgId: org.id, name: "b" },
      ],
    });
    let arrived = 0;
    let open: () => void = () => {};
    const both = new Promise<void>((done) => {
      open = done;
    });
    const lockBoth = (first: string, second: string) =>
      change(actor, async (tx) => {
        await lock(tx, first);
        if (++arrived === 2) open();
        await both;
        await lock(tx, second);
        return { result: null, events: [event(first)] };
      });
    await Promise.all([lockBoth(a, b), lockBoth(b, a)]);
    expect(arrived).toBeGreaterThan(2);
    expect(await eventsOf(org)).toHaveLength(2);
  });
});

describe("an event without a change", () => {
  test("goes into the chain of its actor, the deployment's for nobody", async () => {
    await record(anonymous("accounts.create"), {
      action: "operator.refuse",
      target: { type: "endpoint", id: null, name: "/api/access/enable" },
    });
    expect(await eventsOf({ id: DEPLOYMENT })).toEqual([
      expect.objectContaining({ action: "operator.refuse", actorType: "anonymous", actorName: "Somebody" }),
    ]);
  });

  test("that cannot be written changes nothing and throws nothing", async () => {
    const { org } = await setting();
    const actor: Actor = { ...anonymous("accounts.create"), orgId: org.id, name: "a\0b" };
    await expect(record(actor, event("x"))).resolves.toBeUndefined();
    expect(await eventsOf(org)).toEqual([]);
  });
});

describe("the audit log only grows", () => {
  test.each([
    [`update "AuditEvent" set "actorName" = 'x'`],
    [`update "AuditEvent" set "actorName" = "actorName" where false`],
    [`delete from "AuditEvent"`],
    [`truncate "AuditEvent"`],
  ])("%s is refused to the application and to the tables' owner", async (sql) => {
    const { org, actor } = await setting();
    await change(actor, addGroup(org, "A"));
    await expect(writer().$executeRawUnsafe(sql)).rejects.toThrow();
    await expect(owner.query(sql)).rejects.toThrow(/audit/i);
    await expect(owner.query(`set session_replication_role = replica; ${sql}`)).rejects.toThrow(/audit/i);
    await owner.query("set session_replication_role = default");
    expect(await eventsOf(org)).toHaveLength(1);
  });

  test.each([
    'delete from "AuditHead"',
    'truncate "AuditHead"',
    'drop trigger audit_append_only on "AuditEvent"',
    'alter table "AuditEvent" disable trigger all',
    'drop table "AuditEvent"',
  ])("%s is refused to the application", async (sql) => {
    await expect(writer().$executeRawUnsafe(sql)).rejects.toThrow();
  });
});

describe("the client for reading", () => {
  test.each([
    [`insert into "AuditHead" ("chain", "sequence", "hash") values ('x', 0, 'x')`],
    [`update "Org" set "name" = 'x'`],
    [`delete from "Session"`],
    [`create table x (n int)`],
    [`with gone as (delete from "Session" returning 1) select * from gone`],
  ])("refuses %s", async (sql) => {
    await expect(db.$queryRaw(Prisma.raw(sql))).rejects.toThrow(/read-only/);
  });

  test("refuses writes that got past the types", async () => {
    const { org } = await setting();
    const open = db as unknown as ReturnType<typeof writer>;
    await expect(open.org.update({ where: { id: org.id }, data: { name: "x" } })).rejects.toThrow(/read-only/);
    expect((await db.org.findUniqueOrThrow({ where: { id: org.id } })).name).toBe(org.name);
  });

  test("never gives out hashes unless they are asked for by name", async () => {
    const { org } = await setting();
    await newMember(org, "owner");
    expect(await db.user.findFirstOrThrow()).not.toHaveProperty("passwordHash");
  });
});

/** Whoever finds no free connection in time is turned away unharmed, and comes again. */
async function untilAvailable<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (toAppError(error).type !== "unavailable") throw error;
    }
  }
}

async function appRole(): Promise<string> {
  const { rows } = await owner.query<{ role: string }>(
    `select grantee as role from information_schema.role_table_grants where table_name = 'AuditEvent' and privilege_type = 'INSERT' and grantee <> current_user`,
  );
  return `"${rows[0]?.role}"`;
}
