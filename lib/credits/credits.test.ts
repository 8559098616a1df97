import { describe, expect, test } from "vitest";
import { now } from "@/lib/clock";
import { chargeCredits, creditsOf, grantCredits, refundCredits } from "@/lib/credits/credits";
import { db, type Prisma, writer } from "@/lib/db";
import { postgresCodeOf } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { eventually } from "@/lib/testing/eventually";
import { newOrg, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();

/** An organization with exactly so many credits: the plan's first ones, less or more. */
async function orgWith(credits: number): Promise<{ id: string }> {
  const org = await newOrg();
  const first = await creditsOf(org.id);
  if (credits > first) await grant(org.id, credits - first);
  else await chargeCredits(org.id, first - credits, "spent before", newId("req"));
  expect(await creditsOf(org.id)).toBe(credits);
  return org;
}

const grant = (orgId: string, amount: number) => writer().$transaction((tx) => grantCredits(tx, orgId, amount, "bought"));
const entriesOf = (orgId: string) => db.creditEntry.findMany({ where: { orgId }, orderBy: { id: "asc" } });

async function ledgerOf(orgId: string): Promise<number> {
  return (await entriesOf(orgId)).reduce((sum, { amount }) => sum + amount, 0);
}

describe("the balance", () => {
  test("is the plan's first credits, then the ledger's sum", async () => {
    const org = await newOrg();
    expect(await creditsOf(org.id)).toBe(50);
    await grant(org.id, 7);
    await chargeCredits(org.id, 20, "call", newId("req"));
    await refundCredits(org.id, 3, "call that failed", newId("req"));
    expect([await creditsOf(org.id), await ledgerOf(org.id)]).toEqual([40, 40]);
  });

  test("of an organization that never had any, or does not exist, is 0", async () => {
    const org = await writer().org.create({ data: { id: newId("org"), name: "Poor", slug: newId("org"), planId: "free" } });
    expect([await creditsOf(org.id), await creditsOf("org_none")]).toEqual([0, 0]);
    for (const id of [org.id, "org_none"]) expect(await chargeCredits(id, 1, "call", newId("req"))).toEqual({ paid: false, available: 0 });
    await grant(org.id, 5);
    expect(await chargeCredits(org.id, 5, "call", newId("req"))).toEqual({ paid: true, available: 0 });
  });

  test("is kept from going below zero by the database itself, whoever writes", async () => {
    const org = await orgWith(10);
    const data = { id: newId("crd"), orgId: org.id, kind: "charge", amount: -11, reason: "by hand" };
    const error = await writer()
      .creditEntry.create({ data })
      .catch((thrown: unknown) => thrown);
    expect(postgresCodeOf(error) ?? String((error as Error).message)).toMatch(/23514|CreditBalance_available_check/);
    expect([await creditsOf(org.id), await ledgerOf(org.id)]).toEqual([10, 10]);
  });

  test("is undone with the change that granted", async () => {
    const org = await orgWith(10);
    const failing = writer().$transaction(async (tx) => {
      await grantCredits(tx, org.id, 5, "bought");
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect([await creditsOf(org.id), await ledgerOf(org.id)]).toEqual([10, 10]);
  });
});

describe("a charge", () => {
  test("is paid, says what is left, and leaves one entry that names the request and when", async () => {
    const org = await orgWith(100);
    const requestId = newId("req");
    const before = now();
    expect(await chargeCredits(org.id, 30, "extraction", requestId)).toEqual({ paid: true, available: 70 });
    const [entry] = (await entriesOf(org.id)).filter((e) => e.requestId === requestId);
    expect(entry).toEqual({
      id: expect.stringMatching(/^crd_[0-9a-z]{26}$/),
      orgId: org.id,
      kind: "charge",
      amount: -30,
      reason: "extraction",
      requestId,
      createdAt: expect.any(Date),
    } satisfies Record<keyof Prisma.CreditEntryGetPayload<object>, unknown>);
    expect(entry?.createdAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(entry?.createdAt.getTime()).toBeLessThanOrEqual(now());
  });

  test("takes the last credit and not one more; refused it writes nothing", async () => {
    const org = await orgWith(3);
    expect(await chargeCredits(org.id, 4, "call", newId("req"))).toEqual({ paid: false, available: 3 });
    expect(await chargeCredits(org.id, 3, "call", newId("req"))).toEqual({ paid: true, available: 0 });
    const entries = (await entriesOf(org.id)).length;
    expect(await chargeCredits(org.id, 1, "call", newId("req"))).toEqual({ paid: false, available: 0 });
    expect(await entriesOf(org.id)).toHaveLength(entries);
  });

  test("of nothing is paid and writes nothing, also without credits", async () => {
    const org = await orgWith(0);
    const entries = (await entriesOf(org.id)).length;
    expect(await chargeCredits(org.id, 0, "call", newId("req"))).toEqual({ paid: true, available: 0 });
    await refundCredits(org.id, 0, "call", newId("req"));
    await grant(org.id, 0);
    expect(await entriesOf(org.id)).toHaveLength(entries);
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, "5" as unknown as number])(
    "of %s is a fault of the caller's, as are such grants and refunds: nothing is written",
    async (amount) => {
      const org = await orgWith(10);
      await expect(chargeCredits(org.id, amount, "call", newId("req"))).rejects.toThrow(RangeError);
      await expect(refundCredits(org.id, amount, "call", newId("req"))).rejects.toThrow(RangeError);
      await expect(grant(org.id, amount)).rejects.toThrow(RangeError);
      expect([await creditsOf(org.id), await ledgerOf(org.id)]).toEqual([10, 10]);
    },
  );

  test("touches its own organization alone", async () => {
    const [org, other] = [await orgWith(10), await orgWith(10)];
    await chargeCredits(org.id, 10, "call", newId("req"));
    expect([await creditsOf(org.id), await creditsOf(other.id)]).toEqual([0, 10]);
  });
});

describe("at once", () => {
  test("of 100 charges exactly those are paid that the credits last for, and each leaves a balance of its own", async () => {
    const org = await orgWith(37);
    const requests = Array.from({ length: 100 }, () => newId("req"));
    const results = await Promise.all(requests.map((id) => chargeCredits(org.id, 1, "call", id)));
    const paid = results.filter((result) => result.paid);
    expect(paid.map(({ available }) => available).sort((a, b) => a - b)).toEqual(Array.from({ length: 37 }, (_, i) => i));
    const charged = (await entriesOf(org.id)).filter(({ requestId }) => requestId !== null && requests.includes(requestId));
    expect(charged.map(({ requestId }) => requestId).sort()).toEqual(requests.filter((_, i) => results[i]?.paid).sort());
    expect([await creditsOf(org.id), await ledgerOf(org.id)]).toEqual([0, 0]);
  });

  test("charges, refunds and grants of all sizes add up, and no refused charge had its credits at the end", async () => {
    const org = await orgWith(200);
    const amounts = Array.from({ length: 90 }, (_, i) => 1 + ((i * 7) % 23));
    const results = await Promise.all([
      ...amounts.map((amount) => chargeCredits(org.id, amount, "call", newId("req"))),
      ...Array.from({ length: 5 }, () => refundCredits(org.id, 2, "call that failed", newId("req"))),
      ...Array.from({ length: 5 }, () => grant(org.id, 4)),
    ]);
    const spent = amounts.filter((_, i) => results[i]?.paid).reduce((sum, amount) => sum + amount, 0);
    const left = 200 + 5 * 2 + 5 * 4 - spent;
    expect(left).toBeGreaterThanOrEqual(0);
    expect([await creditsOf(org.id), await ledgerOf(org.id)]).toEqual([left, left]);
  });

  test.each([
    ["commits", false],
    ["is rolled back", true],
  ])("a charge waits for another's that is not over; when that %s, paid is %s", async (_, paid) => {
    const org = await orgWith(10);
    await owner.query("begin");
    await owner.query(`insert into "CreditEntry" ("id", "orgId", "kind", "amount", "reason") values ($1, $2, 'charge', -8, 'slow')`, [
      newId("crd"),
      org.id,
    ]);
    let answered = false;
    const charge = chargeCredits(org.id, 5, "call", newId("req")).finally(() => {
      answered = true;
    });
    await waitsForALock();
    expect(answered).toBe(false);
    await owner.query(paid ? "rollback" : "commit");
    expect(await charge).toEqual(paid ? { paid: true, available: 5 } : { paid: false, available: 2 });
    expect(await creditsOf(org.id)).toBe(await ledgerOf(org.id));
  });
});

async function waitsForALock(): Promise<void> {
  const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await eventually(async () => ((await owner.query(waiting)).rows.length > 0 ? true : undefined), 1.5);
}
