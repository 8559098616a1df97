import { describe, expect, test } from "vitest";
import { ADMIN_TOKEN, bodyOf, mailsOf, type Person, randomId, startApi } from "./client";

/** Groups, the organization's settings and the first key of a client, as a program meets them. */

// Behind a proxy, so that calls come from the address that the test says.
const api = await startApi({ TRUSTED_PROXIES: "127.0.0.1/32" });
const { send } = api;
const from = (ip: string) => ({ "X-Forwarded-For": ip });
const ask = (key: string, ip = "203.0.113.7") => send("GET", "/v1/status", { key, headers: from(ip) });

async function scene(): Promise<{ owner: Person; group: { id: string } }> {
  const owner = await api.signUp();
  return { owner, group: await api.newGroup(owner) };
}

/** For what is refused and changes nothing: an address may sign up a few times only. */
const home = await scene();

describe("a group's limit and addresses", () => {
  test("hold for its keys from the answer on, and are gone with it again", async () => {
    const { owner, group } = await scene();
    const key = await api.newKey(owner, { group_id: group.id });
    const other = await api.newKey(owner, { group_id: (await api.newGroup(owner)).id });
    expect((await ask(key.secret)).headers["x-ratelimit-limit"]).toBe("60");

    const path = `/v1/api-groups/${group.id}`;
    const changed = await send("PATCH", path, {
      as: owner,
      json: { rate_limit_rpm: 7, allowed_ips: ["::ffff:203.0.113.7", "2001:DB8::/48"] },
    });
    expect([changed.status, changed.json.rate_limit_rpm, changed.json.allowed_ips]).toEqual([200, 7, ["203.0.113.7", "2001:db8::/48"]]);
    expect((await ask(key.secret)).headers["x-ratelimit-limit"]).toBe("7");
    expect((await ask(key.secret, "203.0.113.8")).json.error_code).toBe("ip_not_allowed");
    expect((await ask(key.secret, "2001:db8:0:1::1")).status).toBe(200);
    expect([(await ask(other.secret, "203.0.113.8")).status, (await ask(other.secret)).headers["x-ratelimit-limit"]]).toEqual([200, "60"]);

    await send("PATCH", path, { as: owner, json: { rate_limit_rpm: null, allowed_ips: [] } });
    expect([(await ask(key.secret, "203.0.113.8")).status, (await ask(key.secret)).headers["x-ratelimit-limit"]]).toEqual([200, "60"]);
  });

  test("a refused address uses up nothing of the key's minute", async () => {
    const { owner, group } = await scene();
    const key = await api.newKey(owner, { group_id: group.id });
    await send("PATCH", `/v1/api-groups/${group.id}`, { as: owner, json: { rate_limit_rpm: 3, allowed_ips: ["203.0.113.7"] } });
    for (let i = 0; i < 10; i++) expect((await ask(key.secret, "203.0.113.8")).status).toBe(403);
    expect((await ask(key.secret)).headers["x-ratelimit-remaining"]).toBe("2");
  });

  test.each<[string, object, Record<string, string>]>([
    [
      "a limit above the plan's",
      { rate_limit_rpm: 61 },
      { rate_limit_rpm: "may be at most the organization's limit, 60: a group only lowers it" },
    ],
    ["no limit at all", { rate_limit_rpm: 0 }, { rate_limit_rpm: "must be at least 1" }],
    ["an entry that is none", { allowed_ips: ["10.0.0.1", "x"] }, { "allowed_ips.1": '"x" is not an IPv4 or IPv6 address or range' }],
    ["a range that begins elsewhere", { allowed_ips: ["10.0.0.1/8"] }, { "allowed_ips.0": "the range begins at 10.0.0.0/8" }],
    ["everybody", { allowed_ips: ["::/0"] }, { "allowed_ips.0": "/0 admits every address; leave the list empty for that" }],
    [
      "an entry more than a list has",
      { allowed_ips: Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`) },
      { allowed_ips: "may have at most 100 entries" },
    ],
  ])("of %s are refused, when it is made and when it is changed", async (_, json, details) => {
    const { owner, group } = home;
    for (const answer of [
      await send("POST", "/v1/api-groups", { as: owner, json: { name: "New", ...json } }),
      await send("PATCH", `/v1/api-groups/${group.id}`, { as: owner, json }),
    ])
      expect([answer.status, answer.json.details]).toEqual([400, details]);
    expect((await send("GET", "/v1/api-groups", { as: owner })).json.data).toHaveLength(1);
  });
});

describe("archiving", () => {
  test("takes a group with live keys only when these end with it, and then they have ended with the answer", async () => {
    const { owner, group } = await scene();
    const keys = [await api.newKey(owner, { group_id: group.id }), await api.newKey(owner, { group_id: group.id })];
    const path = `/v1/api-groups/${group.id}`;
    const refused = await send("DELETE", path, { as: owner, json: {} });
    expect([refused.status, refused.json.details]).toEqual([409, { live_keys: "2" }]);
    expect((await ask(keys[0]?.secret ?? "")).status).toBe(200);

    const archived = await send("DELETE", `${path}?revoke_keys=true`, { as: owner, json: {} });
    expect([archived.status, archived.json.archived_at, archived.json.key_count]).toEqual([200, expect.any(String), 0]);
    for (const key of keys) expect((await ask(key.secret)).status).toBe(401);
    expect((await send("DELETE", path, { as: owner, json: {} })).json).toEqual(archived.json);
    expect((await send("GET", path, { as: owner })).json).toEqual(archived.json);
    expect((await send("GET", `/v1/api-keys?group_id=${group.id}&status=revoked`, { as: owner })).json.data).toHaveLength(2);
  });

  test("leaves no way to put a key into it, change it, or find it among the open ones; its name is free again", async () => {
    const { owner, group } = await scene();
    const made = await send("GET", `/v1/api-groups/${group.id}`, { as: owner });
    await send("DELETE", `/v1/api-groups/${group.id}`, { as: owner, json: {} });
    expect((await send("POST", "/v1/api-keys", { as: owner, json: { name: "x", group_id: group.id } })).status).toBe(404);
    expect((await send("PATCH", `/v1/api-groups/${group.id}`, { as: owner, json: { name: "x" } })).status).toBe(409);
    const idsOf = async (query: string) =>
      (await send("GET", `/v1/api-groups${query}`, { as: owner })).json.data.map(({ id }: { id: string }) => id);
    expect([await idsOf(""), await idsOf("?archived=false"), await idsOf("?archived=true")]).toEqual([[], [], [group.id]]);
    expect((await send("POST", "/v1/api-groups", { as: owner, json: { name: made.json.name } })).status).toBe(201);
  });

  test("while keys are made in it leaves none that works", async () => {
    const { owner, group } = await scene();
    const [archived, ...made] = await Promise.all([
      send("DELETE", `/v1/api-groups/${group.id}?revoke_keys=true`, { as: owner, json: {} }),
      ...Array.from({ length: 8 }, (_, i) => send("POST", "/v1/api-keys", { as: owner, json: { name: `Key ${i}`, group_id: group.id } })),
    ]);
    expect(archived?.status).toBe(200);
    for (const { status, json } of made) {
      expect([201, 404]).toContain(status);
      if (status === 201) expect((await ask(json.secret)).status).toBe(401);
    }
  });

  test.each(["yes", "", "TRUE", "1"])("revoke_keys=%s is refused", async (word) => {
    const { owner, group } = home;
    const answer = await send("DELETE", `/v1/api-groups/${group.id}?revoke_keys=${word}`, { as: owner, json: {} });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, ["revoke_keys"]]);
  });

  test("a group that is missing, malformed or a stranger's gets one answer to every call", async () => {
    const { owner } = await scene();
    const foreign = (await scene()).group;
    for (const [method, json] of [
      ["GET", undefined],
      ["PATCH", { name: "x" }],
      ["DELETE", {}],
    ] as const) {
      const answers = await Promise.all(
        [foreign.id, randomId("grp"), "grp_1"].map((id) => send(method, `/v1/api-groups/${id}`, { as: owner, json })),
      );
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
      expect(new Set(answers.map(bodyOf)).size).toBe(1);
    }
  });
});

describe("the organization's settings", () => {
  test("its addresses hold for every key from the answer on, and for no session", async () => {
    const { owner } = await scene();
    const key = await api.newKey(owner);
    const saved = await send("PATCH", "/v1/organization", { as: owner, json: { allowed_ips: ["198.51.100.0/24"] } });
    expect([saved.status, saved.json.allowed_ips]).toEqual([200, ["198.51.100.0/24"]]);
    expect([(await ask(key.secret)).json.error_code, (await ask(key.secret, "198.51.100.9")).status]).toEqual(["ip_not_allowed", 200]);
    expect((await send("GET", "/v1/organization", { as: owner, headers: from("203.0.113.7") })).status).toBe(200);
  });

  test("a key does not shut itself out", async () => {
    const { owner } = await scene();
    const admin = await api.newKey(owner, { access: "admin" });
    const patch = (allowed_ips: string[]) =>
      send("PATCH", "/v1/organization", { key: admin.secret, headers: from("203.0.113.7"), json: { allowed_ips } });
    expect((await patch(["198.51.100.0/24"])).json.details).toEqual({ allowed_ips: "must hold 203.0.113.7, from which this key calls" });
    expect((await patch(["203.0.113.0/24"])).status).toBe(200);
  });

  test("switched off, keys make no keys, and only a person switches it on again", async () => {
    const { owner } = await scene();
    const admin = await api.newKey(owner, { access: "admin" });
    const make = () => send("POST", "/v1/api-keys", { key: admin.secret, json: { name: "Child" } });
    expect((await make()).status).toBe(201);
    expect((await send("PATCH", "/v1/organization", { key: admin.secret, json: { keys_manage_keys: false } })).json.keys_manage_keys).toBe(
      false,
    );
    expect([(await make()).status, (await make()).json.error_code]).toEqual([403, "insufficient_scope"]);
    expect((await send("PATCH", "/v1/organization", { key: admin.secret, json: { keys_manage_keys: true } })).status).toBe(403);
    await send("PATCH", "/v1/organization", { as: owner, json: { keys_manage_keys: true } });
    expect((await make()).status).toBe(201);
  });

  test.each<[string, object]>([
    ["name", { name: "" }],
    ["name", { name: "a\u202eb" }],
    ["leak_policy", { leak_policy: "ignore" }],
    ["keys_manage_keys", { keys_manage_keys: "no" }],
    ["plan", { plan: "enterprise" }],
    ["requests_per_minute", { requests_per_minute: 1_000_000 }],
    ["most_keys", { most_keys: 1_000_000 }],
  ])("a bad %s, or one that is the operator's, is refused", async (field, json) => {
    const { owner } = home;
    const answer = await send("PATCH", "/v1/organization", { as: owner, json });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
  });
});

describe("the operator rotates a client's first key", () => {
  const rotate = (json: object) => send("POST", "/api/access/rotate", { headers: { "X-Admin-Token": ADMIN_TOKEN }, json });

  test("whose old secret has stopped with the answer", async () => {
    const client = await api.enable();
    const { status, json } = await rotate({ client_id: client.client_id, reason: "Lost" });
    expect([status, json]).toEqual([
      200,
      {
        client_id: client.client_id,
        api_key: expect.stringMatching(/^lk_live_[0-9A-Za-z]{38}$/),
        key_prefix: json.api_key.slice(0, 14),
        rotated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    ]);
    expect([(await ask(client.api_key)).status, (await ask(json.api_key)).status]).toEqual([401, 200]);
    for (const kept of [...mailsOf(api.server), api.server.logs()])
      for (const secret of [client.api_key, json.api_key]) expect(kept).not.toContain(secret.slice(14));
    const graced = await rotate({ client_id: client.client_id, reason: "Again", grace_seconds: 60 });
    expect([(await ask(json.api_key)).status, (await ask(graced.json.api_key)).status]).toEqual([200, 200]);
  });

  test.each<[string, object, number]>([
    ["no reason", { client_id: randomId("cli") }, 400],
    ["an empty reason", { client_id: randomId("cli"), reason: "" }, 400],
    ["a grace of more than 30 days", { client_id: randomId("cli"), reason: "x", grace_seconds: 2_592_001 }, 400],
    ["nobody's id", { client_id: randomId("cli"), reason: "x" }, 404],
    ["nonsense", { client_id: "x", reason: "x" }, 404],
  ])("with %s it is refused", async (_, json, status) => {
    expect((await rotate(json)).status).toBe(status);
  });
});
