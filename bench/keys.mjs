// Keys and usage by the million, written by SQL: through the product's own operations they would take hours.
import { ours } from "./stand.mjs";

const DAYS = 30;

/**
 * An organization with so many keys. Resolves with it and the secrets of `called` of them; nobody knows those of the others. Rows are
 * copies of its first key's, whatever columns those have.
 */
export async function organizationWithKeys(server, company, keys, called) {
  const { newSecret } = await ours("lib/keys/secret.ts");
  const secrets = Array.from({ length: Math.min(keys, called) }, () => newSecret("lk_live_"));
  const organization = await server.organization(company);
  await server.sql(
    `insert into "Key" select copy.* from "Key" k, generate_series(1, $2::int) n,
       jsonb_populate_record(k, jsonb_build_object('id', 'key_' || lpad(n::text, 26, '0'), 'name', 'Key ' || n)) copy
     where k."id" = $1`,
    [organization.keyId, keys],
  );
  await server.sql(
    `insert into "KeySecret" select copy.* from "KeySecret" s, generate_series(1, $2::int) n
       left join unnest($3::text[]) with ordinality as called(hash, n) using (n),
       jsonb_populate_record(s, jsonb_build_object('id', 'sec_' || lpad(n::text, 26, '0'), 'keyId', 'key_' || lpad(n::text, 26, '0'),
         'hash', coalesce(called.hash, sha256(convert_to('nobody knows ' || n, 'UTF8'))::text))) copy
     where s."keyId" = $1`,
    [organization.keyId, keys, secrets.map(({ hash }) => `\\x${hash.toString("hex")}`)],
  );
  await server.sql(`analyze "Key", "KeySecret"`);
  return { ...organization, secrets: secrets.map(({ text }) => text) };
}

/** So many usage rows of these keys, spread over the last 30 days, today among them. */
export async function fillUsage(server, { orgId }, keys, rows) {
  await server.sql(`select usage_partitions((now() - $1 * interval '1 day')::date, now()::date)`, [DAYS - 1]);
  await server.sql("set synchronous_commit = off");
  for (let ago = DAYS - 1; ago >= 0; ago--) {
    await server.sql(
      `insert into "UsageEvent" ("requestId", "createdAt", "orgId", "groupId", "keyId", "secretId", "keyPrefix", "environment", "method", "route", "status", "outcome", "latencyUs", "ip", "userAgent")
       select 'req_' || lpad((n + $1::int * $2::int)::text, 26, '0'), begin + (until - begin) * n / $2::int, $3, 'grp_' || lpad('', 26, '0'), 'key_' || lpad(k::text, 26, '0'), 'sec_' || lpad(k::text, 26, '0'), 'lk_live_000000', 'live', 'GET', '/v1/auth', 200, 'accepted', 150, '127.0.0.1', 'bench'
       from (select date_trunc('day', now()) - $1::int * interval '1 day' as begin, least(now(), date_trunc('day', now()) - ($1::int - 1) * interval '1 day') as until) today,
         generate_series(0, $2::int - 1) n, lateral (select 1 + n % $4::int as k) key`,
      [ago, Math.ceil(rows / DAYS), orgId, keys],
    );
  }
  // By hand, so that it does not happen by itself during the measurement.
  await server.sql(`vacuum (analyze) "UsageEvent"`);
  await server.sql("checkpoint");
}

export const authRequests = (secrets) =>
  secrets.map((secret) => ({ method: "GET", path: "/v1/auth", headers: { Authorization: `Bearer ${secret}` } }));
