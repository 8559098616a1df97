// Compares what clients were answered with what the database holds. Every question here must be answered with an empty list.
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type ChainedFields, emptyChain, follow } from "@/lib/audit/chain";
import type { Journal, Sent } from "./load";
import type { Database, Node } from "./nodes";
import { many } from "./rounds";

interface Row {
  requestId: string;
  keyId: string;
  status: number;
  outcome: string;
  calls: number;
}

/** Answers to a key that the log must hold: all but those of a database that was away (before the key was recognised, or after). */
const isCounted = ({ keyId, status }: Sent) => keyId !== null && status !== 0 && status !== 503;

/**
 * USE-1, USE-4 and the promises about changes, once nothing waits in a spool any more: every answer is recorded once, all sums agree, every
 * chain is whole, and every change that was answered is there with its event. Says how much that was.
 */
export async function judge(journal: Journal, nodes: readonly Node[], database: Database): Promise<string> {
  await drained(journal, nodes, database);
  expect(await usageFaults(journal, database)).toEqual([]);
  expect(await sumFaults(database)).toEqual([]);
  expect(await chainFaults(database)).toEqual([]);
  expect(await changeFaults(journal, database)).toEqual([]);
  const counted = journal.where(isCounted).length;
  return `${many(counted)} answers recorded once, sums and chains whole`;
}

/** Waits until the database has all that was answered, at most 30 s; what is missing then is a fault, which `usageFaults` names. */
async function drained(journal: Journal, nodes: readonly Node[], database: Database): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(100)) {
    const waiting = await Promise.all(nodes.map(async (node) => (await node.health()).waiting));
    if (waiting.every((each) => each === 0) && (await usageFaults(journal, database)).length === 0) return;
  }
}

const eventsOf = (journal: Journal, database: Database): Promise<Row[]> =>
  database.rows<Row>('select "requestId", "keyId", "status", "outcome", "calls" from "UsageEvent" where "keyId" = any($1)', [
    [...new Set(journal.entries.flatMap(({ keyId }) => keyId ?? []))],
  ]);

/** USE-1: exactly one row for each answer. Rows that sum refusals (`sum_…`) stand for as many answers of their key as they say. */
export async function usageFaults(journal: Journal, database: Database): Promise<string[]> {
  const rows = await eventsOf(journal, database);
  const faults: string[] = [];
  const found = new Map<string, Row>();
  const summed = new Map<string, number>();
  const calls = new Map<string, number>();
  for (const row of rows) {
    calls.set(row.keyId, (calls.get(row.keyId) ?? 0) + row.calls);
    if (row.calls < 1) faults.push(`${row.requestId} counts ${row.calls} calls`);
    if (row.requestId.startsWith("sum_")) summed.set(row.keyId, (summed.get(row.keyId) ?? 0) + row.calls);
    else if (found.has(row.requestId)) faults.push(`${row.requestId} is recorded twice`);
    else found.set(row.requestId, row);
  }
  const sent = new Map<string, number>();
  for (const entry of journal.entries) {
    const { keyId, status, requestId, call } = entry;
    if (keyId === null) continue;
    sent.set(keyId, (sent.get(keyId) ?? 0) + 1);
    if (!isCounted(entry)) continue;
    const row = found.get(requestId);
    if (row !== undefined) {
      if (row.keyId !== keyId || row.status !== status)
        faults.push(`${requestId} (${call}) was answered ${status}, recorded as ${row.status}`);
      continue;
    }
    const left = summed.get(keyId) ?? 0;
    if (status >= 400 && left > 0) summed.set(keyId, left - 1);
    else faults.push(`${requestId} (${call}, ${status}, ${entry.node}) is not recorded`);
  }
  for (const [keyId, count] of calls) {
    if (count > (sent.get(keyId) ?? 0)) faults.push(`${keyId} made ${sent.get(keyId)} calls, and ${count} are recorded`);
  }
  return faults;
}

const COUNTED = `"outcome" in ('accepted', 'error') and "route" <> '/v1/limits'`;

/** USE-4: rows that must not exist, whatever happened. */
const SUMS: Record<string, string> = {
  "a bucket is not the sum of its events": `
    select coalesce(e."orgId", b."orgId") as "org", coalesce(e."start", b."start") as "hour", e."calls", b."requests" from
      (select "orgId", date_trunc('hour', "createdAt", 'UTC') as "start", sum("calls") as "calls" from "UsageEvent" group by 1, 2) e full join
      (select "orgId", "start", sum("requests") as "requests" from "UsageBucket" group by 1, 2) b using ("orgId", "start")
    where e."calls" is distinct from b."requests"`,
  "a bucket's histogram does not hold its requests": `
    select "orgId", "keyId", "requests" from "UsageBucket" where (select sum(x) from unnest("latency") x) is distinct from "requests"`,
  "a key's count is not the sum of its events": `
    select k."id", k."requestCount", e."calls" from "Key" k left join
      (select "keyId", sum("calls") as "calls" from "UsageEvent" group by 1) e on e."keyId" = k."id"
    where k."requestCount" <> coalesce(e."calls", 0)`,
  "a key's last use is before its last event": `
    select k."id", k."lastUsedAt", e."at" from "Key" k join (select "keyId", max("createdAt") as "at" from "UsageEvent" group by 1) e on e."keyId" = k."id"
    where k."lastUsedAt" is null or k."lastUsedAt" < e."at"`,
  "a quota is not what was counted and what is held": `
    select "orgId", "environment", "month", q."used", e."calls" as "counted", b."held"
    from "QuotaPeriod" q
      full join (select "orgId", "environment", to_char("createdAt" at time zone 'UTC', 'YYYY-MM') as "month", sum("calls") as "calls" from "UsageEvent" where ${COUNTED} group by 1, 2, 3) e using ("orgId", "environment", "month")
      full join (select "orgId", "environment", "month", sum("held") as "held" from "QuotaBlock" group by 1, 2, 3) b using ("orgId", "environment", "month")
    where coalesce(q."used", 0) <> coalesce(e."calls", 0) + coalesce(b."held", 0)`,
  "something is negative": `
    select 'quota' as "what", "orgId" from "QuotaPeriod" where "used" < 0 union all
    select 'block', "orgId" from "QuotaBlock" where "held" < 0 union all
    select 'bucket', "orgId" from "UsageBucket" where "requests" < 0 or "credits" < 0 union all
    select 'key', "id" from "Key" where "requestCount" < 0 union all
    select 'event', "orgId" from "UsageEvent" where "latencyUs" < 0 or "credits" < 0 or "calls" < 1 union all
    select 'credits', "orgId" from "CreditBalance" where "available" < 0`,
  "a balance is not the sum of its ledger": `
    select o."id" from "Org" o where coalesce((select "available" from "CreditBalance" where "orgId" = o."id"), 0)
      <> coalesce((select sum("amount") from "CreditEntry" where "orgId" = o."id"), 0)`,
  "an event's key is nobody's": `select distinct e."keyId" from "UsageEvent" e left join "Key" k on k."id" = e."keyId" where k."id" is null`,
};

export async function sumFaults(database: Database): Promise<string[]> {
  return database.snapshot(async (client) => {
    const faults: string[] = [];
    for (const [what, sql] of Object.entries(SUMS)) {
      for (const row of (await client.query(sql)).rows) faults.push(`${what}: ${JSON.stringify(row)}`);
    }
    return faults;
  });
}

async function chainFaults(database: Database): Promise<string[]> {
  return database.snapshot(async (client) => {
    const { rows: heads } = await client.query<{ chain: string; sequence: number; hash: string }>('select * from "AuditHead"');
    const faults: string[] = [];
    for (const { chain, sequence, hash } of heads) {
      const { rows } = await client.query<ChainedFields & { previousHash: string; hash: string }>(
        'select * from "AuditEvent" where "chain" = $1 order by "sequence"',
        [chain],
      );
      const followed = follow(emptyChain, rows);
      if (!followed.ok) faults.push(`${chain}, event ${followed.sequence}: ${followed.why}`);
      else if (followed.state.sequence !== sequence || followed.state.hash !== hash)
        faults.push(`${chain}: its head is not its last event`);
    }
    const { rows: orphans } = await client.query(
      'select distinct "chain" from "AuditEvent" where "chain" not in (select "chain" from "AuditHead")',
    );
    for (const { chain } of orphans) faults.push(`${chain} has no head`);
    return faults;
  });
}

/** Changes and events that are not one for one, whoever made them. */
const CHANGES: Record<string, string> = {
  "a key without the event of its making, or the other way round": `
    select coalesce(k."id", e."targetId") as "key", e."n" from "Key" k full join
      (select "targetId", count(*) as "n" from "AuditEvent" where "action" = 'api_key.create' group by 1) e on e."targetId" = k."id"
    where k."id" is null or e."n" is distinct from 1`,
  "a revoked key without the event of its end, or the other way round": `
    select coalesce(k."id", e."targetId") as "key", e."n" from (select "id" from "Key" where "revokedAt" is not null) k full join
      (select "targetId", count(*) as "n" from "AuditEvent" where "action" = 'api_key.revoke' group by 1) e on e."targetId" = k."id"
    where k."id" is null or e."n" is distinct from 1`,
  "a key without one lasting secret, or with more than two live ones": `
    select "keyId", count(*) as "live", count(*) filter (where "endsAt" is null) as "lasting" from "KeySecret"
    where "endsAt" is null or "endsAt" > now() group by 1 having count(*) > 2 or count(*) filter (where "endsAt" is null) <> 1`,
  "a key without a secret": `select k."id" from "Key" k where not exists (select from "KeySecret" s where s."keyId" = k."id")`,
  "an organization without the event of its making": `
    select o."id" from "Org" o where not exists (select from "AuditEvent" e where e."action" = 'organization.create' and e."targetId" = o."id")`,
  "one request made two of a kind": `
    select "requestId", "action" from "AuditEvent" where "action" like 'api_key.%' group by 1, 2, "targetId" having count(*) > 1`,
};

/** What was answered is there; what was not answered is there whole or not at all. */
async function changeFaults(journal: Journal, database: Database): Promise<string[]> {
  const created = journal.where(({ call, status }) => call === "POST /v1/api-keys" && status === 201);
  const revoked = journal.where(({ call, status }) => call.startsWith("DELETE /v1/api-keys/") && status === 200);
  return database.snapshot(async (client) => {
    const faults: string[] = [];
    for (const [what, sql] of Object.entries(CHANGES)) {
      for (const row of (await client.query(sql)).rows) faults.push(`${what}: ${JSON.stringify(row)}`);
    }
    const { rows: keys } = await client.query<{ id: string; revoked: boolean }>(
      'select "id", "revokedAt" is not null as "revoked" from "Key"',
    );
    const there = new Map(keys.map(({ id, revoked: ended }) => [id, ended]));
    for (const { body, requestId } of created) if (!there.has(body.id)) faults.push(`${requestId} made ${body.id}, which is not there`);
    for (const { body, requestId } of revoked)
      if (!there.get(body.id)) faults.push(`${requestId} revoked ${body.id}, which is not revoked`);
    return faults;
  });
}
