import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { type Call, type Person, randomId, startApi } from "./client";

const api = await startApi();
const { send } = api;
const person: Person = await api.signUp();
const group = await api.newGroup(person);
const stranger = await api.signUp();
const newKey = (input: object = {}) => api.newKey(person, { group_id: group.id, ...input });
const read = async (path: string) => {
  const answer = await send("GET", path, { as: person });
  expect(answer.status).toBe(200);
  return answer.json;
};

describe("the list of keys", () => {
  test("is sorted and filtered, several statuses at once, with a cursor that belongs to both", async () => {
    const [b, a] = [await newKey({ name: "sorted b" }), await newKey({ name: "Sorted a" })];
    const paused = await newKey({ name: "sorted c" });
    await send("POST", `/v1/api-keys/${paused.id}/pause`, { as: person });
    const ids = async (query: string) => (await read(`/v1/api-keys?q=sorted&${query}`)).data.map(({ id }: { id: string }) => id);
    expect(await ids("sort=name")).toEqual([a.id, b.id, paused.id]);
    expect(await ids("sort=-created&status=active")).toEqual([a.id, b.id]);
    expect(await ids("status=active,paused&sort=created")).toEqual([b.id, a.id, paused.id]);
    expect(await ids("health=no_expiry&sort=name&limit=2")).toEqual([a.id, b.id]);
    expect(await ids("health=leaked")).toEqual([]);
    const { next_cursor } = await read("/v1/api-keys?q=sorted&sort=name&limit=2");
    expect(await ids(`sort=name&limit=2&cursor=${next_cursor}`)).toEqual([paused.id]);
    for (const query of [`q=sorted&limit=2&cursor=${next_cursor}`, "sort=age", "status=active,gone", "health=fine"])
      expect((await send("GET", `/v1/api-keys?${query}`, { as: person })).status).toBe(400);
  });

  test("holds with health=attention what needs somebody, page by page", async () => {
    const later = new Date(Date.now() + 300 * 86_400_000).toISOString();
    const well = await newKey({ name: "asking well", expires_at: later });
    const [endless, soon] = [
      await newKey({ name: "asking endless" }),
      await newKey({ name: "asking soon", expires_at: new Date(Date.now() + 3 * 86_400_000).toISOString() }),
    ];
    const paused = await newKey({ name: "asking paused" });
    await send("POST", `/v1/api-keys/${paused.id}/pause`, { as: person });
    const list = async (query: string) => read(`/v1/api-keys?q=asking&sort=name&${query}`);
    const ids = async (query: string) => (await list(query)).data.map(({ id }: { id: string }) => id);
    expect(await ids("")).toEqual([endless.id, paused.id, soon.id, well.id]);
    expect(await ids("health=attention")).toEqual([endless.id, soon.id]);
    const first = await list("health=attention&limit=1");
    expect(await ids(`health=attention&limit=1&cursor=${first.next_cursor}`)).toEqual([soon.id]);
    expect((await send("GET", `/v1/api-keys?q=asking&sort=name&limit=1&cursor=${first.next_cursor}`, { as: person })).status).toBe(400);
    const byItself = await send("GET", "/v1/api-keys?health=attention", {
      key: (await newKey({ access: "read", expires_at: later })).secret,
    });
    expect([byItself.status, byItself.json.data]).toEqual([200, []]);
  });

  test("finds the keys that a key made", async () => {
    const parent = await newKey({ access: "full" });
    const child = await send("POST", "/v1/api-keys", { key: parent.secret, json: { name: "child" } });
    expect((await read(`/v1/api-keys?parent_id=${parent.id}`)).data.map(({ id }: { id: string }) => id)).toEqual([child.json.id]);
  });
});

describe("the insight of keys", () => {
  test("shows calls within two seconds, and only what the caller sees", async () => {
    const [key, other] = [await newKey(), await newKey({ access: "read" })];
    await send("GET", "/v1/status", { key: key.secret, headers: { "User-Agent": "tests/2" } });
    await send("GET", "/v1/members", { key: key.secret });
    const found = await eventually(async () => {
      const [insight] = (await read(`/v1/api-keys/insights?ids=${key.id},${randomId("key")},x`)).data;
      return insight.days.at(-1).refused === 1 && insight.last_used !== null ? insight : undefined; // two reads: a drain may come between
    }, 2);
    expect(found).toMatchObject({ key_id: key.id, last_used: { ip: "127.0.0.1", country: null }, health: [{ code: "no_expiry" }] });
    expect(found.days).toHaveLength(30);
    expect(found.days.at(-1)).toMatchObject({ accepted: 1, refused: 1 });
    const seen = async (call: Call) => (await send("GET", `/v1/api-keys/insights?ids=${key.id},${other.id}`, call)).json.data.length;
    expect(await seen({ key: other.secret })).toBe(1);
    expect(await seen({ as: stranger })).toBe(0);
  });

  test.each(["", "?ids=", `?ids=${Array(201).fill("x").join()}`])("needs 1 to 200 ids: %s", async (query) => {
    const answer = await send("GET", `/v1/api-keys/insights${query.slice(0, 600)}`, { as: person });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, ["ids"]]);
  });
});

test("a rotation shows who still calls with which secret, until it is finished", async () => {
  const key = await newKey();
  const view = async () => (await send("GET", `/v1/api-keys/${key.id}/rotation`, { as: person })).json;
  expect(await view()).toMatchObject({ rotation: null, old: null, new: { key_prefix: key.key_prefix, calls: 0 } });
  const rotated = await send("POST", `/v1/api-keys/${key.id}/rotate`, { as: person, json: {} });
  expect(rotated.status).toBe(200);
  for (const [secret, agent, times] of [
    [key.secret, "old/1", 2],
    [rotated.json.secret, "new/1", 1],
  ] as const)
    for (let i = 0; i < times; i++) await send("GET", "/v1/status", { key: secret, headers: { "User-Agent": agent } });
  const seen = await eventually(async () => {
    const now = await view();
    return now.old?.calls === 2 && now.new.calls === 1 ? now : undefined;
  }, 2);
  expect(seen.rotation).toMatchObject({ old_key_prefix: key.key_prefix });
  expect(seen.old).toMatchObject({ key_prefix: key.key_prefix, agents: [{ user_agent: expect.stringMatching(/^old\/1/), calls: 2 }] });
  expect(seen.old.routes).toMatchObject([{ method: "GET", route: "/v1/status", calls: 2 }]);
  expect(seen.old.per_minute.reduce((a: number, b: number) => a + b)).toBe(2);
  expect(seen.old.last_used_at).not.toBeNull();
  expect(seen.new).toMatchObject({ key_prefix: rotated.json.key_prefix, addresses: [{ ip: "127.0.0.1", calls: 1 }] });
  await send("POST", `/v1/api-keys/${key.id}/rotate/finish`, { as: person });
  expect(await view()).toMatchObject({ rotation: null, old: null, new: { key_prefix: rotated.json.key_prefix, calls: 1 } });
});

test("suggestions are made of the calls that were accepted", async () => {
  const key = await newKey({ scopes: ["status", "search"] });
  await send("GET", "/v1/status", { key: key.secret });
  const found = await eventually(async () => {
    const now = await read(`/v1/api-keys/${key.id}/suggestions`);
    return now.calls === 1 ? now : undefined;
  }, 2);
  expect(found).toMatchObject({ addresses: [{ ip: "127.0.0.1", calls: 1 }], address_count: 1, allowed_ips: ["127.0.0.1"] });
  expect(found.scopes.used).toEqual(["status"]);
  // A proxy may ask for any scope by this path: from now on nothing is called unused.
  await send("GET", "/v1/auth?scope=status", { key: key.secret });
  const then = await eventually(async () => {
    const now = await read(`/v1/api-keys/${key.id}/suggestions`);
    return now.calls === 2 ? now : undefined;
  }, 2);
  expect(then.scopes).toEqual({ used: ["status"], unused: [], not_judged: ["search"] });
});

const keys = {
  full: await newKey(),
  read: await newKey({ access: "read", scopes: ["search"] }),
  admin: await newKey({ access: "admin" }),
  elsewhere: await newKey({ allowed_ips: ["203.0.113.0/24"] }),
  later: await newKey({ not_before: new Date(Date.now() + 86_400_000).toISOString() }),
  paused: await newKey(),
  revoked: await newKey(),
};
await send("POST", `/v1/api-keys/${keys.paused.id}/pause`, { as: person });
await send("DELETE", `/v1/api-keys/${keys.revoked.id}`, { as: person });

describe("what if", () => {
  const ask = async (id: string, json: object, as = person) => send("POST", `/v1/api-keys/${id}/what-if`, { as, json });

  const calls: [method: string, path: string, json?: object][] = [
    ["GET", "/v1/status"],
    ["GET", "/v1/me"],
    ["GET", "/v1/limits"],
    ["GET", "/v1/organization"],
    ["GET", "/v1/members"],
    ["POST", "/v1/api-keys", { name: "made" }],
    ["GET", "/v1/auth?scope=search&access=write"],
    ["PUT", "/v1/auth/any/thing?cost=99999"],
    ["GET", "/v1/api-keys/insights?ids=x"],
    ["GET", "/v1/nothing"],
    ["PUT", "/v1/status", {}],
    ["POST", "/api/keys/import", {}],
    ["GET", "/openapi.json"],
    ["POST", "/v1/leaks", { key: "x" }],
  ];

  test.each(Object.entries(keys))("tells what a call of a key (%s) is then answered", async (_, key) => {
    for (const [method, path, json] of calls) {
      const told = await ask(key.id, { ip: "127.0.0.1", method, path });
      const called = await send(method, path, { key: key.secret, ...(json === undefined ? {} : { json }) });
      expect([method, path, told.json.status]).toEqual([method, path, called.status]);
      expect(told.json.passes).toBe(called.status < 400);
      expect(told.json.passes).toBe(told.json.decided_by === null);
    }
  });

  test("names the check that decides and has a sentence for each", async () => {
    const { json } = await ask(keys.elsewhere.id, { ip: "198.51.100.1", method: "GET", path: "/v1/status" });
    expect(json).toMatchObject({ passes: false, status: 403, code: "ip_not_allowed", decided_by: "key_addresses" });
    expect(json.checks[2]).toEqual({
      check: "key_addresses",
      passes: false,
      message: "The key has a list of addresses, and 198.51.100.1 is not on it.",
    });
    expect((await ask(keys.elsewhere.id, { ip: "203.0.113.9", method: "GET", path: "/v1/status" })).json.passes).toBe(true);
  });

  test("counts nothing: neither calls nor limits", async () => {
    const key = await newKey({ rate_limit_rpm: 1 });
    for (let i = 0; i < 3; i++) expect((await ask(key.id, { ip: "127.0.0.1", method: "GET", path: "/v1/status" })).json.passes).toBe(true);
    expect((await send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
    await eventually(async () => ((await read(`/v1/api-keys/${key.id}`)).request_count === 1 ? true : undefined));
  });

  test("another's key is not there, and faults are named", async () => {
    expect((await ask(keys.full.id, { method: "GET", path: "/v1/status" }, stranger)).status).toBe(404);
    for (const [json, field] of [
      [{ method: "GET", path: "v1/status" }, "path"],
      [{ method: "TRACE", path: "/v1/status" }, "method"],
      [{ method: "GET", path: "/v1/status", ip: "here" }, "ip"],
      [{ method: "GET", path: "/v1/auth?access=root" }, "access"],
    ] as const) {
      const answer = await ask(keys.full.id, json);
      expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
    }
  });
});
