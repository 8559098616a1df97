import { describe, expect, test } from "vitest";
import { withChecksum } from "@/lib/keys/secret";
import { eventually } from "@/lib/testing/eventually";
import { ADMIN_TOKEN, type Answer, raw, roomInMinute, startApi, throughNext } from "./client";

const api = await startApi();
const { send, server } = api;
const person = await api.signUp();
const group = await api.newGroup(person);
const newKey = (input: object = {}) => api.newKey(person, { group_id: group.id, ...input });
const key = await newKey({ access: "write", scopes: ["status", "chat"] });

const identity = (answer: Answer) =>
  Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith("x-latchkey-") && name !== "x-latchkey-request-id"));

describe("what a proxy asks before it passes a request on", () => {
  // Next's own router redirects a slash at the end, and knows no method beyond its seven.
  test.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", ...(throughNext ? [] : ["PROPFIND"])])(
    "is answered to %s, here and below",
    async (method) => {
      for (const path of ["/v1/auth", "/v1/auth/any/path%20at?all=1", ...(throughNext ? [] : ["/v1/auth/"])]) {
        const answer = await raw(server, method, path, { key: key.secret });
        expect([path, answer.status]).toEqual([path, 200]);
        expect(identity(answer)).toEqual({
          "x-latchkey-organization": person.org,
          "x-latchkey-group": group.id,
          "x-latchkey-key": key.id,
          "x-latchkey-environment": "live",
          "x-latchkey-scopes": "status chat",
          "x-latchkey-access": "write",
        });
        expect(answer.headers["x-latchkey-request-id"]).toBe(answer.headers["x-request-id"]);
      }
    },
  );

  test("says the same as JSON", async () => {
    expect((await send("GET", "/v1/auth", { key: key.secret })).json).toEqual({
      organization_id: person.org,
      group_id: group.id,
      key_id: key.id,
      environment: "live",
      scopes: ["status", "chat"],
      access: "write",
    });
  });

  test("counts against the key's limit and the organization's month, and is in the log", async () => {
    await roomInMinute(5);
    const tight = await newKey({ rate_limit_rpm: 3 });
    const answers: Answer[] = [];
    for (let i = 0; i < 5; i++) answers.push(await send("GET", "/v1/auth/some/path", { key: tight.secret }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    const months = answers.map(({ headers }) => Number(/"month";r=(\d+)/.exec(headers.ratelimit ?? "")?.[1]));
    expect(months.map((left) => (months[0] ?? 0) - left)).toEqual([0, 1, 2, 2, 2]); // what was refused cost nothing
    const rows = await eventually(async () => {
      const { data } = (await send("GET", `/v1/logs?key_id=${tight.id}`, { as: person })).json;
      return data.length === 5 ? data : undefined;
    });
    expect(new Set(rows.map(({ route, outcome }: { route: string; outcome: string }) => `${route} ${outcome}`))).toEqual(
      new Set(["/v1/auth accepted", "/v1/auth rate_limit_exceeded"]),
    );
  });

  test.each<[string, string, number, string]>([
    ["a scope it has", "?scope=chat", 200, ""],
    ["two scopes it has", "?scope=chat&scope=status", 200, ""],
    ["a scope it does not have", "?scope=upload", 403, "insufficient_scope"],
    ["one that it has and one that it has not", "?scope=chat&scope=upload", 403, "insufficient_scope"],
    ["an access it includes", "?access=write", 200, ""],
    ["an access it does not include", "?access=read", 403, "insufficient_scope"],
    ["an access that is none", "?access=root", 400, "invalid_request"],
    ["a cost that is none", "?cost=-1", 400, "invalid_request"],
    ["a client's own parameters", "?page=2&q=x", 200, ""],
  ])("with %s", async (_, query, status, type) => {
    const answer = await send("GET", `/v1/auth${query}`, { key: key.secret });
    expect([answer.status, answer.json.error_code ?? ""]).toEqual([status, type]);
  });

  test("a key in the address is refused, whoever put it there", async () => {
    expect((await send("GET", `/v1/auth/x?token=${key.secret}`, { key: key.secret })).status).toBe(400);
    expect(server.logs()).not.toContain(key.secret);
  });

  test("a cost is charged once to a live key, and never below zero; a test key pays nothing", async () => {
    const { api_key } = await api.enable({ tier: "free" }); // 50 credits
    const left = async () => (await send("GET", "/v1/credits", { key: api_key })).json.credits.available;
    expect((await send("GET", "/v1/auth?cost=20", { key: api_key })).status).toBe(200);
    expect(await left()).toBe(30);
    const both = await Promise.all([1, 2].map(() => send("GET", "/v1/auth?cost=20", { key: api_key })));
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 402]);
    expect(both.find(({ status }) => status === 402)?.json.error_code).toBe("insufficient_credits");
    expect(await left()).toBe(10);
    const testKey = (await send("POST", "/v1/api-keys", { key: api_key, json: { name: "Test", environment: "test" } })).json;
    if (testKey.secret !== undefined) expect((await send("GET", "/v1/auth?cost=1000", { key: testKey.secret })).status).toBe(200);
    expect(await left()).toBe(10);
  });
});

describe("a refusal", () => {
  const paused = "lk_live_x";
  test("is the status it is, or with refuse=403 always 403 and the status in a header, because nginx knows no other", async () => {
    await roomInMinute(10);
    const tight = await newKey({ rate_limit_rpm: 1 });
    await send("GET", "/v1/auth", { key: tight.secret });
    const bound = await newKey({ allowed_ips: ["203.0.113.9"] });
    const cases: [string, { key?: string }, string, number][] = [
      ["no key", {}, "", 401],
      ["a malformed key", { key: paused }, "", 401],
      ["a used up limit", { key: tight.secret }, "", 429],
      ["an address that is not allowed", { key: bound.secret }, "", 403],
      ["a scope", { key: key.secret }, "scope=upload", 403],
    ];
    for (const [name, call, query, status] of cases) {
      const plain = await send("GET", `/v1/auth?${query}`, call);
      expect([name, plain.status]).toEqual([name, status]);
      expect(plain.headers["x-latchkey-status"]).toBeUndefined();
      const masked = await raw(server, "GET", `/v1/auth?${query}&refuse=403`, call);
      expect([name, masked.status, masked.headers["x-latchkey-status"]]).toEqual([name, 403, String(status)]);
      expect(masked.json.error_code).toBe(plain.json.error_code);
      expect(identity(masked)["x-latchkey-organization"]).toBeUndefined();
    }
  });

  test("of a revoked key comes with the very next request", async () => {
    const gone = await newKey();
    expect((await send("GET", "/v1/auth", { key: gone.secret })).status).toBe(200);
    await send("DELETE", `/v1/api-keys/${gone.id}`, { as: person });
    expect((await send("GET", "/v1/auth", { key: gone.secret })).status).toBe(401);
  });
});

describe("POST /v1/keys/verify", () => {
  const verify = (json: object, call: object = { headers: { "X-Admin-Token": ADMIN_TOKEN } }) =>
    send("POST", "/v1/keys/verify", { json, ...call });

  test("tells the operator's back end everything about a key, and charges the key", async () => {
    const owned = await newKey({ metadata: { customer: "42" }, rate_limit_rpm: 7 });
    const { status, json } = await verify({ key: owned.secret });
    expect(status).toBe(200);
    expect(json).toEqual({
      valid: true,
      code: "valid",
      key_id: owned.id,
      organization_id: person.org,
      group_id: group.id,
      environment: "live",
      access: "full",
      scopes: expect.arrayContaining(["status"]),
      owner: expect.objectContaining({ type: "member" }),
      metadata: { customer: "42" },
      rate_limit: { limit: 7, remaining: 6, reset: expect.any(Number) },
      quota: { limit: 1_000, remaining: expect.any(Number), reset: expect.any(Number) },
    });
    const [row] = await eventually(async () => {
      const { data } = (await send("GET", `/v1/logs?key_id=${owned.id}`, { as: person })).json;
      return data.length > 0 ? data : undefined;
    });
    expect(row).toMatchObject({ route: "/v1/keys/verify", status: 200, outcome: "accepted" });
  });

  test("an admin key asks about its own organization's keys; another's is not there, whatever its state", async () => {
    const admin = await newKey({ access: "admin" });
    const stranger = await api.signUp();
    await api.newGroup(stranger);
    const foreign = await api.newKey(stranger);
    expect((await verify({ key: key.secret }, { key: admin.secret })).json.code).toBe("valid");
    const answers = [await verify({ key: foreign.secret }, { key: admin.secret })];
    await send("DELETE", `/v1/api-keys/${foreign.id}`, { as: stranger });
    answers.push(await verify({ key: foreign.secret }, { key: admin.secret }));
    answers.push(await verify({ key: "nonsense" }, { key: admin.secret }));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.json).toMatchObject({ valid: false, code: "not_found", key_id: null });
  });

  test("a key of an organization to which the operator gave the scope verify asks about everybody's", async () => {
    const { api_key } = await api.enable({ tier: "enterprise", scopes: ["status", "verify"] });
    expect((await verify({ key: key.secret }, { key: api_key })).json).toMatchObject({ valid: true, organization_id: person.org });
    expect((await send("GET", "/v1/limits", { key: api_key })).json.quota.remaining).toBe(1_000_000); // the asking itself is free
  });

  test.each<[string, (secret: string) => object, string]>([
    ["a scope that is missing", (secret) => ({ key: secret, scope: "upload" }), "insufficient_scope"],
    ["an access that is missing", (secret) => ({ key: secret, access: "admin" }), "insufficient_scope"],
    ["too few credits", (secret) => ({ key: secret, cost: 1_000_000 }), "insufficient_credits"],
    ["a text that is no key", () => ({ key: "x" }), "not_found"],
  ])("says why for %s", async (_, json, code) => {
    const fresh = await newKey();
    expect((await verify(json(fresh.secret))).json).toMatchObject({ valid: false, code });
  });

  test("says revoked, ip_not_allowed, paused for not yet, and rate_limit_exceeded, each with 200", async () => {
    await roomInMinute(5);
    const gone = await newKey();
    await send("DELETE", `/v1/api-keys/${gone.id}`, { as: person });
    expect((await verify({ key: gone.secret })).json).toMatchObject({ valid: false, code: "revoked", key_id: gone.id, rate_limit: null });
    const bound = await newKey({ allowed_ips: ["203.0.113.0/24"] });
    expect((await verify({ key: bound.secret, ip: "198.51.100.1" })).json.code).toBe("ip_not_allowed");
    expect((await verify({ key: bound.secret })).json.code).toBe("ip_not_allowed");
    expect((await verify({ key: bound.secret, ip: "203.0.113.9" })).json.code).toBe("valid");
    const later = await newKey({ not_before: new Date(Date.now() + 3_600_000).toISOString() });
    expect((await verify({ key: later.secret })).json.code).toBe("paused");
    const tight = await newKey({ rate_limit_rpm: 1 });
    expect((await verify({ key: tight.secret })).json.code).toBe("valid");
    expect((await verify({ key: tight.secret })).json).toMatchObject({ valid: false, code: "rate_limit_exceeded" });
  });

  test.each([
    [{}],
    [{ key: 1 }],
    [{ key: { not: "" } }],
    [{ key: "x", nonsense: 1 }],
    [{ key: "x", ip: "1.2.3" }],
    [{ key: "x", cost: 1.5 }],
  ])("refuses %j", async (json) => {
    expect((await verify(json)).status).toBe(400);
  });

  test("unknown keys from one address are limited when the back end says which; good keys from there still pass", async () => {
    await roomInMinute(10);
    const codes = [];
    for (let i = 0; i < 35; i++) codes.push((await verify({ key: unknownKey(i), ip: "192.0.2.77" })).json.code);
    expect(codes.filter((code) => code === "not_found")).toHaveLength(30);
    expect(codes.slice(30)).toEqual(Array(5).fill("rate_limit_exceeded"));
    expect((await verify({ key: key.secret, ip: "192.0.2.77" })).json.code).toBe("valid");
    expect((await verify({ key: unknownKey(99), ip: "192.0.2.78" })).json.code).toBe("not_found");
  });
});

/** Well-formed, and nobody's. */
function unknownKey(number: number): string {
  return withChecksum(`lk_live_${String(number).padStart(32, "0")}`);
}

test("the documented nginx and Caddy say every header that an answer has, so that a client's own reach nobody", async () => {
  const passed = await send("GET", "/v1/auth", { key: key.secret });
  const refused = await raw(server, "GET", "/v1/auth?refuse=403");
  const names = Object.keys({ ...passed.headers, ...refused.headers }).filter((name) => name.startsWith("x-latchkey-"));
  expect(names).toEqual(expect.arrayContaining(["x-latchkey-organization", "x-latchkey-request-id", "x-latchkey-status"]));
  const page = (await send("GET", "/docs/gateway")).text.toLowerCase();
  const copied = /copy_headers ([^}]*)\}/.exec(page)?.[1] ?? "";
  expect(names.filter((name) => !page.includes(`proxy_set_header ${name} `))).toEqual([]);
  expect(names.filter((name) => !copied.includes(name))).toEqual([]);
});
