import "server-only";
import { writer } from "@/lib/db";
import { addHistogram, binOf, emptyHistogram } from "@/lib/usage/histogram";
import type { UsageRecord } from "@/lib/usage/record";
import { beginning, type Position } from "@/lib/usage/spool";

interface Bucket {
  orgId: string;
  start: string;
  keyId: string;
  groupId: string;
  environment: string;
  route: string;
  outcome: string;
  requests: number;
  credits: number;
  latency: number[];
}

/**
 * Writes records, the hourly sums, each key's last use and how far their spool has been drained in one transaction. A record that is there already (a batch that was
 * written although its answer got lost) changes nothing, so that calling again after any failure counts each once.
 */
export async function drain(records: readonly UsageRecord[], from?: { name: string; position: Position }): Promise<void> {
  if (records.length === 0) return;
  const rows = JSON.stringify(records.map((r) => ({ ...r, createdAt: new Date(r.at).toISOString() })));
  await writer().$transaction(async (tx) => {
    if (from !== undefined) {
      const { segment, offset } = from.position;
      await tx.spoolPosition.upsert({
        where: { name: from.name },
        create: { name: from.name, segment, offset },
        update: { segment, offset },
      });
    }
    const days = records.map((r) => r.at);
    await tx.$executeRaw`select usage_partitions(${new Date(Math.min(...days)).toISOString().slice(0, 10)}::date, ${new Date(Math.max(...days)).toISOString().slice(0, 10)}::date)`;
    const inserted = await tx.$queryRaw<{ requestId: string }[]>`
      insert into "UsageEvent" ("requestId", "createdAt", "orgId", "groupId", "keyId", "secretId", "keyPrefix", "environment", "method", "route", "status", "outcome", "latencyUs", "credits", "ip", "country", "userAgent")
      select "requestId", "createdAt", "orgId", "groupId", "keyId", "secretId", "keyPrefix", "environment", "method", "route", "status", "outcome", "latencyUs", "credits", "ip", "country", "userAgent"
      from jsonb_to_recordset(${rows}::jsonb) as r("requestId" text, "createdAt" timestamptz(3), "orgId" text, "groupId" text, "keyId" text, "secretId" text, "keyPrefix" text, "environment" text, "method" text, "route" text, "status" int, "outcome" text, "latencyUs" int, "credits" int, "ip" text, "country" text, "userAgent" text)
      on conflict do nothing returning "requestId"`;
    const fresh = new Set(inserted.map((row) => row.requestId));
    const counted = records.filter((r) => fresh.delete(r.requestId));
    if (counted.length === 0) return;
    // Sorted, so that two nodes lock rows in one order.
    const buckets = JSON.stringify(bucketsOf(counted));
    await tx.$executeRaw`
      insert into "UsageBucket" ("orgId", "start", "keyId", "groupId", "environment", "route", "outcome", "requests", "credits", "latency")
      select "orgId", "start", "keyId", "groupId", "environment", "route", "outcome", "requests", "credits", "latency"
      from jsonb_to_recordset(${buckets}::jsonb) as b("orgId" text, "start" timestamptz(3), "keyId" text, "groupId" text, "environment" text, "route" text, "outcome" text, "requests" int, "credits" int, "latency" int[])
      on conflict ("orgId", "start", "keyId", "groupId", "environment", "route", "outcome") do update set
        "requests" = "UsageBucket"."requests" + excluded."requests",
        "credits" = "UsageBucket"."credits" + excluded."credits",
        "latency" = (select array_agg(a + b order by i) from unnest("UsageBucket"."latency", excluded."latency") with ordinality as t(a, b, i))`;
    const uses = JSON.stringify(usesOf(counted));
    await tx.$executeRaw`
      update "Key" k set "requestCount" = k."requestCount" + u."calls",
        "lastUsedAt" = greatest(k."lastUsedAt", u."at"),
        "lastUsedIp" = case when k."lastUsedAt" is null or u."at" >= k."lastUsedAt" then u."ip" else k."lastUsedIp" end,
        "lastUsedAgent" = case when k."lastUsedAt" is null or u."at" >= k."lastUsedAt" then u."agent" else k."lastUsedAgent" end
      from (select * from jsonb_to_recordset(${uses}::jsonb) as x("keyId" text, "calls" int, "at" timestamptz(3), "ip" text, "agent" text)) u
      where k."id" = u."keyId"`;
  });
}

/** Where the draining of a spool has got to. */
export async function spoolPosition(name: string): Promise<Position> {
  const row = await writer().spoolPosition.findUnique({ where: { name } });
  return row === null ? beginning : { segment: row.segment, offset: row.offset };
}

export async function forgetSpool(name: string): Promise<void> {
  await writer().spoolPosition.deleteMany({ where: { name } });
}

function bucketsOf(records: readonly UsageRecord[]): Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (const r of records) {
    const start = new Date(Math.floor(r.at / 3_600_000) * 3_600_000).toISOString();
    const name = [r.orgId, start, r.keyId, r.groupId, r.environment, r.route, r.outcome].join("\n");
    const { orgId, keyId, groupId, environment, route, outcome } = r;
    const bucket = buckets.get(name) ?? {
      orgId,
      start,
      keyId,
      groupId,
      environment,
      route,
      outcome,
      requests: 0,
      credits: 0,
      latency: emptyHistogram(),
    };
    bucket.requests += 1;
    bucket.credits += r.credits;
    const one = emptyHistogram();
    one[binOf(r.latencyUs)] = 1;
    addHistogram(bucket.latency, one);
    buckets.set(name, bucket);
  }
  return [...buckets.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bucket]) => bucket);
}

function usesOf(records: readonly UsageRecord[]): { keyId: string; calls: number; at: string; ip: string | null; agent: string | null }[] {
  const uses = new Map<string, { keyId: string; calls: number; at: string; ip: string | null; agent: string | null }>();
  for (const r of records) {
    const at = new Date(r.at).toISOString();
    const use = uses.get(r.keyId) ?? { keyId: r.keyId, calls: 0, at: "", ip: null, agent: null };
    use.calls += 1;
    if (at >= use.at) Object.assign(use, { at, ip: r.ip, agent: r.userAgent });
    uses.set(r.keyId, use);
  }
  return [...uses.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
}
