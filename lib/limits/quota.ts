import "server-only";
import { writer } from "@/lib/db";

/**
 * Counts one request against an organization's month; false when the month is used up. One atomic statement, so that
 * never more than `limit` pass, on any number of nodes. `month` is `YYYY-MM` in UTC.
 */
export async function takeQuota(
  orgId: string,
  environment: string,
  month: string,
  limit: number,
): Promise<{ allowed: boolean; used: number }> {
  if (limit <= 0) return { allowed: false, used: 0 };
  const rows = await writer().$queryRaw<{ used: number }[]>`
    insert into "QuotaPeriod" ("orgId", "environment", "month", "used") values (${orgId}, ${environment}, ${month}, 1)
    on conflict ("orgId", "environment", "month") do update set "used" = "QuotaPeriod"."used" + 1 where "QuotaPeriod"."used" < ${limit}
    returning "used"`;
  const row = rows[0];
  return row === undefined ? { allowed: false, used: limit } : { allowed: true, used: row.used };
}
