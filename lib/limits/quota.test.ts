import { expect, test } from "vitest";
import { db } from "@/lib/db";
import { takeQuota } from "@/lib/limits/quota";
import { newOrg, useDatabase } from "@/lib/testing/factories";

await useDatabase();

const MONTH = "2026-11";
const rowsOf = (orgId: string) =>
  db.quotaPeriod.findMany({
    where: { orgId },
    orderBy: [{ month: "asc" }, { environment: "asc" }],
    select: { month: true, environment: true, used: true },
  });

test("says how much is used, and stops exactly at the limit", async () => {
  const { id } = await newOrg();
  const taken = [];
  for (let i = 0; i < 4; i++) taken.push(await takeQuota(id, "live", MONTH, 3));
  expect(taken).toEqual([
    { allowed: true, used: 1 },
    { allowed: true, used: 2 },
    { allowed: true, used: 3 },
    { allowed: false, used: 3 },
  ]);
  expect(await rowsOf(id)).toEqual([{ month: MONTH, environment: "live", used: 3 }]);
});

test.each([1, 7, 50])("of a hundred at once, from nothing, exactly %d pass, each told another number", async (limit) => {
  const { id } = await newOrg();
  const taken = await Promise.all(Array.from({ length: 100 }, () => takeQuota(id, "live", MONTH, limit)));
  const numbers = taken.filter(({ allowed }) => allowed).map(({ used }) => used);
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: limit }, (_, i) => i + 1));
  expect((await rowsOf(id))[0]?.used).toBe(limit);
});

test("months, environments and organizations do not share", async () => {
  const [one, two] = [await newOrg(), await newOrg()];
  for (const [id, environment, month] of [
    [one.id, "live", MONTH],
    [one.id, "test", MONTH],
    [one.id, "live", "2026-12"],
    [two.id, "live", MONTH],
  ] as const) {
    expect(await takeQuota(id, environment, month, 1)).toEqual({ allowed: true, used: 1 });
    expect((await takeQuota(id, environment, month, 1)).allowed).toBe(false);
  }
  expect(await rowsOf(one.id)).toHaveLength(3);
});

test.each([0, -1])("a limit of %d lets nobody pass and writes nothing", async (limit) => {
  const { id } = await newOrg();
  expect((await takeQuota(id, "live", MONTH, limit)).allowed).toBe(false);
  expect(await rowsOf(id)).toEqual([]);
});

test("a limit that was lowered below what is used refuses, and one that was raised lets on", async () => {
  const { id } = await newOrg();
  for (let i = 0; i < 5; i++) await takeQuota(id, "live", MONTH, 5);
  expect((await takeQuota(id, "live", MONTH, 2)).allowed).toBe(false);
  expect(await takeQuota(id, "live", MONTH, 6)).toEqual({ allowed: true, used: 6 });
});
