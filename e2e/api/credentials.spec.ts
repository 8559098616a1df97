import { describe, expect, test } from "vitest";
import { newSecret } from "@/lib/keys/secret";
import { type Answer, bodyOf, type Person, randomId, raw, roomInMinute, startApi, throughNext } from "./client";

const api = await startApi();
const { send } = api;
const person: Person = await api.signUp();
await api.newGroup(person);
const key = await api.newKey(person);
const other = await api.newKey(person, { environment: "test" });
const typo = (secret: string) => secret.slice(0, -1) + (secret.endsWith("0") ? "1" : "0");
const enabled = async (rpm: number) => (await api.enable({ rate_limit_rpm: rpm })).api_key;

describe("a key is presented", () => {
  test.each<[string, Record<string, string>]>([
    ["as a bearer token", { Authorization: `Bearer ${key.secret}` }],
    ["in X-API-Key", { "X-API-Key": key.secret }],
    ["under a name in lower case", { authorization: `Bearer ${key.secret}` }],
    ["under a name in capitals", { "X-API-KEY": key.secret }],
    ["with the scheme in lower case", { Authorization: `bearer ${key.secret}` }],
    ["with the scheme in capitals", { Authorization: `BEARER ${key.secret}` }],
    ["with more than one blank", { Authorization: `Bearer    ${key.secret}  ` }],
    ["twice, the same", { Authorization: `Bearer ${key.secret}`, "X-API-Key": key.secret }],
  ])("%s", async (_, headers) => {
    const answer = await send("GET", "/v1/me", { headers });
    expect([answer.status, answer.json.key.id]).toEqual([200, key.id]);
  });

  test.each<[string, Record<string, string | string[]>]>([
    ["in two Authorization headers", { Authorization: [`Bearer ${key.secret}`, `Bearer ${other.secret}`] }],
    ["in two Authorization headers, the same", { Authorization: [`Bearer ${key.secret}`, `Bearer ${key.secret}`] }],
    ["in two X-API-Key headers", { "X-API-Key": [key.secret, other.secret] }],
    ["twice, different", { Authorization: `Bearer ${key.secret}`, "X-API-Key": other.secret }],
    ["twice, one of them empty", { Authorization: `Bearer ${key.secret}`, "X-API-Key": "" }],
    ["twice, once by another scheme", { Authorization: "Basic dXNlcjpwYXNz", "X-API-Key": key.secret }],
  ])("%s: refused as invalid", async (_, headers) => {
    for (const path of ["/v1/me", "/v1/auth", "/v1/nothing"]) {
      const answer = await send("GET", path, { headers });
      expect([path, answer.status, answer.json.error_code]).toEqual([path, 400, "invalid_request"]);
    }
  });

  test.each(["api_key", "key", "access_token", "q", "anything"])(
    "in the query as %s: refused with the reason, and never logged",
    async (name) => {
      for (const secret of [key.secret, typo(key.secret)]) {
        const answer = await send("GET", `/v1/me?${name}=${secret}`, { key: key.secret });
        expect([answer.status, answer.json.error_code]).toEqual([400, "invalid_request"]);
        expect(answer.json.message).toMatch(/address/);
        expect(answer.text).not.toContain(secret.slice(14));
      }
      expect(api.server.logs()).not.toContain(key.secret.slice(14, 40));
    },
  );

  test("in the query percent-encoded, as a second parameter, or of a path that does not exist: refused or not found, never accepted", async () => {
    const encoded = [...key.secret].map((c) => `%${c.charCodeAt(0).toString(16)}`).join("");
    expect((await send("GET", `/v1/me?api_key=${encoded}`)).status).toBe(400);
    expect((await send("GET", `/v1/me?a=1&a=${key.secret}`, { key: key.secret })).status).toBe(400);
    expect((await send("GET", `/v1/nothing?api_key=${key.secret}`)).status).toBeGreaterThanOrEqual(400);
  });

  test("by its id in the query: an id is no secret", async () => {
    expect((await send("GET", `/v1/audit-logs?api_key=${key.id}`, { key: key.secret })).status).toBe(200);
    expect((await send("GET", `/v1/audit-logs?api_key=${key.key_prefix}`, { key: key.secret })).status).toBe(200);
  });
});

describe("a credential that is not good gets one identical answer", () => {
  test("malformed, unknown, revoked, expired, not yet valid, another scheme, empty, none", async () => {
    const made = {
      revoked: await api.newKey(person),
      expired: await api.newKey(person, { expires_at: new Date(Date.now() + 4_000).toISOString() }),
      scheduled: await api.newKey(person, { not_before: new Date(Date.now() + 3_600_000).toISOString() }),
    };
    expect((await send("GET", "/v1/me", { key: made.expired.secret })).status).toBe(200);
    await send("DELETE", `/v1/api-keys/${made.revoked.id}`, { as: person });
    await expect.poll(async () => (await send("GET", "/v1/me", { key: made.expired.secret })).status, { timeout: 20_000 }).toBe(401);
    const credentials: Record<string, string>[] = [
      {},
      { Authorization: "" },
      { Authorization: "Bearer" },
      { Authorization: "Bearer " },
      { Authorization: `Basic ${Buffer.from(`${key.secret}:`).toString("base64")}` },
      { Authorization: key.secret },
      { Authorization: `Token ${key.secret}` },
      { Authorization: `Bearer ${key.secret} x` },
      { Authorization: `Bearer ${key.secret},${key.secret}` },
      { "X-API-Key": "" },
      { "X-API-Key": "x" },
      { "X-API-Key": typo(key.secret) },
      { "X-API-Key": key.secret.toUpperCase() },
      { "X-API-Key": key.key_prefix },
      { "X-API-Key": key.id },
      { "X-API-Key": "' or '1'='1" },
      { "X-API-Key": newSecret("lk_live_").text },
      { "X-API-Key": made.revoked.secret },
      { "X-API-Key": made.expired.secret },
      { "X-API-Key": made.scheduled.secret },
    ];
    const answers: Answer[] = [];
    for (const headers of credentials) answers.push(await send("GET", "/v1/me", { headers }));
    expect(new Set(answers.map(bodyOf)).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
  });

  test("a revoked key answers 401 however often it calls, and valid keys from its address still pass", async () => {
    const revoked = await api.newKey(person);
    await send("DELETE", `/v1/api-keys/${revoked.id}`, { as: person });
    const statuses = new Set<number>();
    for (let round = 0; round < 13; round++)
      for (const answer of await Promise.all(Array.from({ length: 50 }, () => raw(api.server, "GET", "/v1/me", { key: revoked.secret }))))
        statuses.add(answer.status);
    expect([...statuses]).toEqual([401]);
    expect((await send("GET", "/v1/status", { key: await enabled(60) })).status).toBe(200);
  });
});

describe("beside a credential header no cookie is read", () => {
  test.each<[string, Record<string, string>, number]>([
    ["a good key wins over the session", { Authorization: `Bearer ${other.secret}` }, 200],
    ["a bad key is not saved by the session", { Authorization: "Bearer x" }, 401],
    ["an empty one neither", { "X-API-Key": "" }, 401],
  ])("%s", async (_, headers, status) => {
    const answer = await send("GET", "/v1/me", { as: person, headers });
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.json.key.id).toBe(other.id);
  });

  test("a key's access counts, not the role of whoever is signed in", async () => {
    const read = await api.newKey(person, { access: "read" });
    expect((await send("POST", "/v1/api-groups", { as: person, key: read.secret, json: { name: "x" } })).status).toBe(403);
  });
});

describe("browsers may call with a key", () => {
  test("a preflight is answered for any origin, with the headers a key needs and without credentials", async () => {
    const { status, headers } = await send("OPTIONS", "/v1/api-keys", {
      headers: {
        Origin: "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-api-key,content-type",
      },
    });
    expect(status).toBe(204);
    expect(headers["access-control-allow-origin"]).toBe("*");
    expect(headers["access-control-allow-methods"]?.split(",")).toEqual(expect.arrayContaining(["GET", "POST", "PATCH", "DELETE"]));
    expect(headers["access-control-allow-headers"]?.toLowerCase().split(",")).toEqual(
      expect.arrayContaining(["authorization", "x-api-key", "content-type"]),
    );
    expect(headers["access-control-allow-headers"]?.toLowerCase()).not.toContain("latchkey-organization");
    expect(headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test("an answer exposes its limits and its request id", async () => {
    const { headers } = await send("GET", "/v1/me", { key: key.secret, headers: { Origin: "https://app.example" } });
    for (const name of [
      "X-Request-Id",
      "X-RateLimit-Limit",
      "X-RateLimit-Remaining",
      "X-RateLimit-Reset",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
    ])
      expect(headers["access-control-expose-headers"]).toContain(name);
  });
});

describe("every answer carries request id and limits", () => {
  test("of the key where it was recognised, also when it is refused by name", async () => {
    const read = await api.newKey(person, { access: "read", rate_limit_rpm: 7 });
    const elsewhere = await api.newKey(person, { rate_limit_rpm: 7, allowed_ips: ["203.0.113.7"] });
    const answers = [
      await send("GET", "/v1/me", { key: read.secret }),
      await send("POST", "/v1/api-groups", { key: read.secret, json: { name: "x" } }),
      await send("GET", `/v1/api-groups/${randomId("grp")}`, { key: read.secret }),
      await send("GET", "/v1/api-keys?limit=0", { key: read.secret }),
      await send("GET", "/v1/me", { key: elsewhere.secret }),
    ];
    expect(answers.map(({ status, headers }) => [status, headers["x-ratelimit-limit"]])).toEqual([
      [200, "7"],
      [403, "7"],
      [404, "7"],
      [400, "7"],
      [403, "7"],
    ]);
    for (const { headers } of answers) {
      expect(headers["ratelimit-policy"]).toMatch(/^"key";q=7;w=60, "month";q=1000;w=\d+$/);
      expect(headers.ratelimit).toMatch(new RegExp(`^"key";r=${headers["x-ratelimit-remaining"]};t=\\d+, "month";r=\\d+;t=\\d+$`));
    }
  });

  test("of the person where a session calls, of the address where nobody was recognised", async () => {
    expect((await send("GET", "/v1/me", { as: person })).headers["ratelimit-policy"]).toBe('"person";q=600;w=60');
    for (const [method, path] of [
      ["GET", "/v1/me"],
      ["GET", "/v1/nothing"],
      ["PUT", "/v1/me"],
      ["GET", "/openapi.json"],
      ["GET", "/api/health"],
      ["OPTIONS", "/v1/me"],
    ] as const) {
      expect((await send(method, path)).headers["ratelimit-policy"], path).toBe('"address";q=600;w=60');
    }
  });

  test("HEAD answers as GET does, without the body", async () => {
    const fresh = await api.newKey(person);
    const get = await send("GET", "/v1/status", { key: fresh.secret });
    const head = await send("HEAD", "/v1/status", { key: fresh.secret });
    expect([head.status, head.text]).toEqual([get.status, ""]);
    expect(Number(head.headers["x-ratelimit-remaining"])).toBe(Number(get.headers["x-ratelimit-remaining"]) - 1);
    expect((await send("HEAD", "/v1/status")).status).toBe(401);
    expect((await send("HEAD", "/v1/sign-in")).status).toBe(405);
  });

  test.each<[string, string, number, string]>([
    ["GET", "/v1/nothing", 404, ""],
    ["POST", "/v1", 404, ""],
    ["GET", `/v1/api-keys/${randomId("key")}/nothing`, 404, ""],
    ["PUT", "/v1/me", 405, "GET"],
    ["DELETE", "/v1/api-groups", 405, "GET, POST"],
    ["PATCH", "/v1/sign-in", 405, "POST"],
    ["POST", `/v1/api-keys/${randomId("key")}`, 405, "GET, PATCH, DELETE"],
    ["GET", "/api/access/enable", 405, "POST"],
    ["GET", "/api/access/nothing", 404, ""],
    ["GET", "/api/health/nothing", 404, ""],
  ])("%s %s is %d", async (method, path, status, allow) => {
    if (throughNext && path === "/v1") return; // below Next's mounts there is no bare /v1
    const answer = await send(method, path, { key: key.secret });
    expect(answer.status).toBe(status);
    expect(answer.headers.allow ?? "").toBe(allow);
  });
});

describe("the rate limit", () => {
  test("lets exactly its number pass in a minute, of parallel calls, and says when to come back", async () => {
    const fresh = await api.newKey(person, { rate_limit_rpm: 20 });
    await roomInMinute(6);
    const answers = await Promise.all(Array.from({ length: 30 }, () => send("GET", "/v1/status", { key: fresh.secret })));
    const passed = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status !== 200);
    expect([passed.length, refused.length]).toEqual([20, 10]);
    expect(passed.map(({ headers }) => Number(headers["x-ratelimit-remaining"])).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
    for (const { status, headers, json } of refused) {
      expect([status, json.error_code, headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]]).toEqual([
        429,
        "rate_limit_exceeded",
        "20",
        "0",
      ]);
      const away = Number(headers["x-ratelimit-reset"]) - Date.parse(headers.date ?? "") / 1000;
      expect(Math.abs(Number(headers["retry-after"]) - away)).toBeLessThan(2);
      expect(Number(headers["x-ratelimit-reset"]) % 60).toBe(0);
    }
    const limits = await send("GET", "/v1/limits", { key: fresh.secret });
    expect([limits.status, limits.json.rate_limit.remaining, limits.json.quota.remaining]).toEqual([200, 0, expect.any(Number)]);
  });

  test("is the plan's 60 a minute, half for a test key", async () => {
    const limit = async (input: object) =>
      (await send("GET", "/v1/limits", { key: (await api.newKey(person, input)).secret })).json.rate_limit.limit;
    expect([await limit({}), await limit({ environment: "test" }), await limit({ rate_limit_rpm: 20 })]).toEqual([60, 30, 20]);
    const above = await send("POST", "/v1/api-keys", { as: person, json: { name: "Above", rate_limit_rpm: 61 } });
    expect([above.status, above.json.details]).toEqual([
      400,
      { rate_limit_rpm: "may be at most the organization's limit, 60: a key only lowers it" },
    ]);
  });

  test("is free to be asked", async () => {
    const fresh = await api.newKey(person);
    const remaining = [];
    for (let i = 0; i < 5; i++) remaining.push((await send("GET", "/v1/limits", { key: fresh.secret })).json.rate_limit.remaining);
    expect(remaining).toEqual([60, 60, 60, 60, 60]);
  });

  test("of anybody's calls is the address's, and a valid key still passes", async () => {
    await roomInMinute(6);
    const statuses: number[] = [];
    for (let round = 0; round < 13; round++)
      statuses.push(...(await Promise.all(Array.from({ length: 50 }, () => raw(api.server, "GET", "/v1/me")))).map(({ status }) => status));
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(600);
    const refused = await send("GET", "/v1/me");
    expect([refused.status, refused.json.error_code]).toEqual([429, "rate_limit_exceeded"]);
    expect((await send("GET", "/v1/limits", { key: key.secret })).status).toBe(200);
  });
});

test("the monthly quota lets exactly its number pass and then says until when", async () => {
  const secret = await enabled(100_000);
  const statuses: number[] = [];
  for (let round = 0; round < 21; round++)
    statuses.push(
      ...(await Promise.all(Array.from({ length: 50 }, () => raw(api.server, "GET", "/v1/status", { key: secret })))).map(
        ({ status }) => status,
      ),
    );
  expect(statuses.filter((status) => status === 200)).toHaveLength(1_000);
  expect(statuses.filter((status) => status === 429)).toHaveLength(50);
  const refused = await send("GET", "/v1/status", { key: secret });
  expect([refused.status, refused.json.error_code, refused.json.error.code]).toEqual([429, "quota_exceeded", "RATE_LIMITED"]);
  const now = new Date();
  const left = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) / 1000 - now.getTime() / 1000;
  expect(Math.abs(Number(refused.headers["retry-after"]) - left)).toBeLessThan(5);
  const limits = await send("GET", "/v1/limits", { key: secret });
  expect([limits.status, limits.json.quota.remaining]).toEqual([200, 0]);
});

test("unknown well-formed secrets are limited to 30 a minute per address, and valid keys from there still pass", async () => {
  await roomInMinute(6);
  const statuses: number[] = [];
  for (let i = 0; i < 35; i++) statuses.push((await send("GET", "/v1/me", { key: newSecret("lk_live_").text })).status);
  expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(30);
  expect(statuses.at(-1)).toBe(429);
  expect((await send("GET", "/v1/limits", { key: key.secret })).status).toBe(200);
});
