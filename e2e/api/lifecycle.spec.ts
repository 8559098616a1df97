import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { type Answer, type Call, type Person, randomId, startApi, tokenMailedTo } from "./client";

/** What happens to a key between its making and its end, as programs and people do it over HTTP. */

const api = await startApi();
const { send } = api;
const owner: Person = await api.signUp("owner");
const group = await api.newGroup(owner, "Invoices");
const elsewhere = await api.newGroup(owner, "Elsewhere");
const foreign = await api.newKey({ ...(await signedUpWithGroup()) });

async function signedUpWithGroup(): Promise<Person> {
  const person = await api.signUp("stranger");
  await api.newGroup(person);
  return person;
}

const asOwner: Call = { as: owner };
const newKey = (input: object = {}) => api.newKey(owner, { group_id: group.id, ...input });
const at = (id: string, rest = "") => `/v1/api-keys/${id}${rest}`;
const statusOf = async (secret: string) => (await send("GET", "/v1/me", { key: secret })).status;
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();
const eventsOf = async (id: string): Promise<{ action: string; before: object; after: object; actor: { type: string } }[]> =>
  (await send("GET", `/v1/audit-logs?limit=1000&api_key=${id}`, asOwner)).json.data;
const actionsOf = async (id: string) => (await eventsOf(id)).map(({ action }) => action).toReversed();
const codeOf = ({ status, json }: Answer) => [status, json.error_code];

describe("PATCH /v1/api-keys/{id}", () => {
  test("200: changes what is given, on the next request, and leaves before and after", async () => {
    const { secret, ...key } = await newKey({ metadata: { team: "a" } });
    const answer = await send("PATCH", at(key.id), {
      ...asOwner,
      json: { name: "Renamed", allowed_ips: ["198.51.100.0/24"], access: "read" },
    });
    expect([answer.status, answer.json]).toEqual([200, { ...key, name: "Renamed", allowed_ips: ["198.51.100.0/24"], access: "read" }]);
    expect(codeOf(await send("GET", "/v1/me", { key: secret }))).toEqual([403, "ip_not_allowed"]);
    expect((await eventsOf(key.id))[0]).toMatchObject({ action: "api_key.update", before: key, after: answer.json });
  });

  test("200 without an event where nothing changes", async () => {
    const key = await newKey();
    expect((await send("PATCH", at(key.id), { ...asOwner, json: {} })).status).toBe(200);
    expect(await actionsOf(key.id)).toEqual(["api_key.create"]);
  });

  test("400: says each bad entry of a list by its place", async () => {
    const key = await newKey();
    const answer = await send("PATCH", at(key.id), { ...asOwner, json: { allowed_ips: ["10.0.0.1", "x", "10.0.0.1/8"] } });
    expect([...codeOf(answer), Object.keys(answer.json.details)]).toEqual([400, "invalid_request", ["allowed_ips.1", "allowed_ips.2"]]);
    expect((await send("PATCH", at(key.id), { ...asOwner, json: { environment: "test" } })).json.details).toEqual({
      environment: "is not a field of this call",
    });
  });

  const pairs = (count: number, value = "x") => Object.fromEntries(Array.from({ length: count }, (_, i) => [`name-${i}`, value]));
  const tooMany = { metadata: "may have at most 50 pairs and 4 KB" };

  test.each<[string, object, object]>([
    ["51 pairs of metadata", { metadata: pairs(51) }, tooMany],
    ["more than 4 KB of metadata, in bytes", { metadata: pairs(4, "日".repeat(500)) }, tooMany],
    [
      "101 addresses",
      { allowed_ips: Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`) },
      { allowed_ips: "may have at most 100 entries" },
    ],
  ])("400: %s are too many, when a key is made and when it is changed; as many as are allowed are not", async (_, json, details) => {
    const key = await newKey({ metadata: pairs(50), allowed_ips: Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`) });
    for (const answer of [
      await send("POST", "/v1/api-keys", { ...asOwner, json: { name: "New", group_id: group.id, ...json } }),
      await send("PATCH", at(key.id), { ...asOwner, json }),
    ])
      expect([answer.status, answer.json.details]).toEqual([400, details]);
  });

  test("403: a key gives no more than it has, and changes none that is stronger", async () => {
    const [self, weak, strong] = [
      await newKey({ rate_limit_rpm: 30 }),
      await newKey({ rate_limit_rpm: 30, access: "read" }),
      await newKey(),
    ];
    const call: Call = { key: self.secret };
    for (const [target, json, part] of [
      [weak, { rate_limit_rpm: 31 }, "rate_limit_rpm"],
      [self, { rate_limit_rpm: null }, "rate_limit_rpm"],
      [weak, { access: "admin" }, "access"],
      [strong, { name: "x" }, "rate_limit_rpm"],
    ] as const) {
      const answer = await send("PATCH", at(target.id), { ...call, json });
      expect([...codeOf(answer), Object.keys(answer.json.details)]).toEqual([403, "insufficient_scope", [part]]);
    }
    expect((await send("PATCH", at(weak.id), { ...call, json: { access: "full", rate_limit_rpm: 20 } })).status).toBe(200);
  });

  test("404: not there, somebody else's, or malformed, in one body", async () => {
    const answers = await Promise.all(
      [foreign.id, randomId("key"), "x"].map((id) => send("PATCH", at(id), { ...asOwner, json: { name: "x" } })),
    );
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.message}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
    const key = await newKey();
    expect((await send("PATCH", at(key.id), { ...asOwner, json: { group_id: randomId("grp") } })).status).toBe(404);
  });

  test("409: a revoked key stays as it is, an edit beside the revocation changes nothing of that", async () => {
    const key = await newKey();
    const [, edited] = await Promise.all([
      send("DELETE", at(key.id), { ...asOwner, json: {} }),
      send("PATCH", at(key.id), { ...asOwner, json: { name: "x", expires_at: null } }),
    ]);
    expect([200, 409]).toContain(edited.status);
    expect(codeOf(await send("PATCH", at(key.id), { ...asOwner, json: { name: "y" } }))).toEqual([409, "conflict"]);
    expect((await send("GET", at(key.id), asOwner)).json.status).toBe("revoked");
    expect(await statusOf(key.secret)).toBe(401);
  });

  test("moves a key", async () => {
    const key = await newKey();
    expect((await send("PATCH", at(key.id), { ...asOwner, json: { group_id: elsewhere.id } })).json.group_id).toBe(elsewhere.id);
    expect(await actionsOf(key.id)).toEqual(["api_key.create", "api_key.move"]);
  });
});

describe("POST /v1/api-keys/{id}/pause and /resume", () => {
  test("200: 401 from the next request on, and back; again changes nothing", async () => {
    const key = await newKey();
    expect(await statusOf(key.secret)).toBe(200);
    for (const [act, status, works] of [
      ["/pause", "paused", 401],
      ["/pause", "paused", 401],
      ["/resume", "active", 200],
      ["/resume", "active", 200],
    ] as const) {
      const answer = await send("POST", at(key.id, act), { ...asOwner, json: {} });
      expect([answer.status, answer.json.status, await statusOf(key.secret)]).toEqual([200, status, works]);
    }
    expect(await actionsOf(key.id)).toEqual(["api_key.create", "api_key.pause", "api_key.resume"]);
  });

  test("need no body from a key, and 409 where the key has ended", async () => {
    const [self, key] = [await newKey(), await newKey()];
    expect((await send("POST", at(key.id, "/pause"), { key: self.secret })).json.status).toBe("paused");
    await send("DELETE", at(key.id), asOwner);
    for (const act of ["/pause", "/resume"])
      expect(codeOf(await send("POST", at(key.id, act), { key: self.secret }))).toEqual([409, "conflict"]);
  });
});

describe("POST /v1/api-keys/{id}/rotate", () => {
  test("200: the same key with a new secret, both work; finished, the new one alone", async () => {
    const { secret: old, ...key } = await newKey();
    expect(await statusOf(old)).toBe(200);
    const rotated = await send("POST", at(key.id, "/rotate"), { ...asOwner, json: { grace_seconds: 3_600, reason: "quarterly" } });
    expect(rotated.status).toBe(200);
    const { secret, rotation } = rotated.json;
    expect(rotated.json).toMatchObject({ id: key.id, status: "rotating", rotation: { old_key_prefix: key.key_prefix } });
    expect([await statusOf(old), await statusOf(secret)]).toEqual([200, 200]);

    const extended = await send("POST", at(key.id, "/rotate/extend"), { ...asOwner, json: { grace_seconds: 7_200 } });
    expect(Date.parse(extended.json.rotation.ends_at)).toBeGreaterThan(Date.parse(rotation.ends_at));
    const finished = await send("POST", at(key.id, "/rotate/finish"), { ...asOwner, json: {} });
    expect([finished.status, finished.json.rotation, finished.json.status]).toEqual([200, null, "active"]);
    expect([await statusOf(old), await statusOf(secret)]).toEqual([401, 200]);
    const { id, key_prefix, status } = finished.json;
    const again = await send("POST", at(key.id, "/rotate/finish"), { ...asOwner, json: {} });
    expect([again.status, again.json]).toEqual([200, expect.objectContaining({ id, key_prefix, status, rotation: null })]);
    expect(await actionsOf(key.id)).toEqual(["api_key.create", "api_key.rotate", "api_key.rotation_extend", "api_key.rotation_finish"]);
  });

  test("the old secret stops when its grace is over", async () => {
    const { secret: old, id } = await newKey();
    const { json } = await send("POST", at(id, "/rotate"), { ...asOwner, json: { grace_seconds: 2 } });
    expect(await statusOf(old)).toBe(200);
    // Free: asking often is not what refuses it.
    await eventually(async () => ((await send("GET", "/v1/limits", { key: old })).status === 401 ? true : undefined));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(json.rotation.ends_at));
    expect(await statusOf(json.secret)).toBe(200);
    expect((await send("GET", at(id), asOwner)).json).toMatchObject({ status: "active", rotation: null });
  });

  test("a key does it for itself without a body, and shows who still calls with the old secret", async () => {
    const old = await newKey();
    const { json } = await send("POST", at(old.id, "/rotate"), { key: old.secret });
    expect(Date.parse(json.rotation.ends_at) - Date.parse(json.rotation.started_at)).toBe(86_400_000);
    const { date } = (await send("GET", "/v1/me", { key: old.secret })).headers;
    const seen = await eventually(async () => {
      const { rotation } = (await send("GET", at(old.id), { key: json.secret })).json;
      return rotation.old_last_used_at === null || rotation.old_last_used_at < rotation.started_at ? undefined : rotation.old_last_used_at;
    });
    expect(Math.abs(Date.parse(seen) - Date.parse(date ?? ""))).toBeLessThan(2_000);
  });

  test("409 while one runs; grace_seconds 0 ends all older secrets", async () => {
    const { secret: first, id } = await newKey();
    const second = (await send("POST", at(id, "/rotate"), { ...asOwner, json: {} })).json.secret;
    expect(codeOf(await send("POST", at(id, "/rotate"), { ...asOwner, json: {} }))).toEqual([409, "conflict"]);
    const third = await send("POST", at(id, "/rotate"), { ...asOwner, json: { grace_seconds: 0 } });
    expect([await statusOf(first), await statusOf(second), await statusOf(third.json.secret)]).toEqual([401, 401, 200]);
  });

  test.each<[{ grace_seconds?: number }]>([[{}], [{ grace_seconds: 0 }]])("two at once with %j: one 200, one 409", async (json) => {
    const { id } = await newKey();
    const answers = await Promise.all([1, 2].map(() => send("POST", at(id, "/rotate"), { ...asOwner, json })));
    // They may also come one after the other; then a second one that ends the first is what was asked.
    const secrets = answers.flatMap((answer) => (answer.status === 200 ? [answer.json.secret] : []));
    expect(secrets.length).toBeGreaterThan(0);
    if (json.grace_seconds === undefined) expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect((await Promise.all(secrets.map(statusOf))).filter((status) => status === 200)).toHaveLength(1);
  });

  test("409 of a key that has ended, and where there is nothing to extend; 400 of a grace past 30 days", async () => {
    const [ended, key] = [await newKey(), await newKey()];
    await send("DELETE", at(ended.id), asOwner);
    for (const act of ["/rotate", "/rotate/finish"])
      expect((await send("POST", at(ended.id, act), { ...asOwner, json: {} })).status).toBe(409);
    expect((await send("POST", at(key.id, "/rotate/extend"), { ...asOwner, json: { grace_seconds: 60 } })).status).toBe(409);
    for (const grace_seconds of [30 * 86_400 + 1, -1, 1.5])
      expect(codeOf(await send("POST", at(key.id, "/rotate"), { ...asOwner, json: { grace_seconds } }))).toEqual([400, "invalid_request"]);
  });

  test("never past the key's end", async () => {
    const key = await newKey({ expires_at: inSeconds(3_600) });
    const { json } = await send("POST", at(key.id, "/rotate"), { ...asOwner, json: { grace_seconds: 30 * 86_400 } });
    expect(json.rotation.ends_at).toBe(json.expires_at);
  });

  test("404 and 403: not there, or stronger than the key that asks", async () => {
    const [self, admin] = [await newKey(), await newKey({ access: "admin" })];
    expect((await send("POST", at(foreign.id, "/rotate"), { ...asOwner, json: {} })).status).toBe(404);
    for (const act of ["/rotate", "/rotate/finish"])
      expect(codeOf(await send("POST", at(admin.id, act), { key: self.secret }))).toEqual([403, "insufficient_scope"]);
  });
});

describe("POST /v1/api-keys/bulk", () => {
  const bulk = (json: object, call: Call = asOwner) => send("POST", "/v1/api-keys/bulk", { ...call, json });

  test("200: a preview, then the act, on all of them", async () => {
    const keys = [await newKey(), await newKey(), await newKey()];
    await send("POST", at(keys[2]?.id ?? "", "/pause"), { ...asOwner, json: {} });
    const ids = keys.map(({ id }) => id);
    expect(await statusOf(keys[0]?.secret ?? "")).toBe(200);
    const outcomes = ({ json }: Answer) => json.data.map(({ outcome }: { outcome: string }) => outcome);
    const preview = await bulk({ action: "pause", ids, dry_run: true });
    expect([preview.status, preview.json.dry_run, outcomes(preview)]).toEqual([200, true, ["changed", "changed", "unchanged"]]);
    expect(await statusOf(keys[0]?.secret ?? "")).toBe(200);
    const done = await bulk({ action: "pause", ids });
    expect([done.status, done.json.dry_run, outcomes(done)]).toEqual([200, false, outcomes(preview)]);
    expect(await Promise.all(keys.map(({ secret }) => statusOf(secret)))).toEqual([401, 401, 401]);
    expect((await bulk({ action: "move", ids, group_id: elsewhere.id })).status).toBe(200);
    expect((await bulk({ action: "revoke", ids, reason: "done" })).json.data[0].key).toMatchObject({
      status: "revoked",
      revoked_reason: "done",
    });
    expect(await actionsOf(ids[2] ?? "")).toEqual(["api_key.create", "api_key.pause", "api_key.move", "api_key.revoke"]);
  });

  test("400, 403, 404, 409: then none of them is changed", async () => {
    const [key, ended, admin] = [await newKey(), await newKey(), await newKey({ access: "admin" })];
    await send("DELETE", at(ended.id), asOwner);
    expect((await bulk({ action: "move", ids: [key.id] })).json.details).toEqual({ group_id: "belongs to a move, and only there" });
    expect(codeOf(await bulk({ action: "revoke", ids: [key.id, admin.id] }, { key: key.secret }))).toEqual([403, "insufficient_scope"]);
    expect(codeOf(await bulk({ action: "pause", ids: [key.id, foreign.id] }))).toEqual([404, "not_found"]);
    const conflict = await bulk({ action: "pause", ids: [key.id, ended.id] });
    expect([...codeOf(conflict), Object.keys(conflict.json.details)]).toEqual([409, "conflict", [ended.id]]);
    expect(await statusOf(key.secret)).toBe(200);
    expect(await actionsOf(key.id)).toEqual(["api_key.create"]);
  });
});

describe("POST /generate_auth_token and /revoke_auth_token", () => {
  test("200: the documented rotation, with and without a name and a body", async () => {
    const key = await newKey({ name: "Production", metadata: { team: "a" }, rate_limit_rpm: 30 });
    const made = await send("POST", "/generate_auth_token", { key: key.secret, json: { token_name: "Next" } });
    expect([made.status, made.json]).toEqual([
      200,
      { auth_token: expect.stringMatching(/^lk_live_/), created_at_epoch_seconds: expect.any(Number), token_name: "Next" },
    ]);
    const unnamed = await send("POST", "/generate_auth_token", { key: key.secret });
    expect([unnamed.status, unnamed.json.token_name]).toEqual([200, "Production token"]);
    expect((await send("POST", "/generate_auth_token", { key: key.secret, headers: { "Content-Type": "application/json" } })).status).toBe(
      200,
    );

    const fresh: Call = { key: made.json.auth_token };
    const me = (await send("GET", "/v1/me", fresh)).json.key;
    expect(me).toMatchObject({ name: "Next" });
    expect((await send("GET", at(me.id), fresh)).json).toMatchObject({ group_id: group.id, rate_limit_rpm: 30, metadata: { team: "a" } });
    for (let again = 0; again < 2; again++) {
      const answer = await send("POST", "/revoke_auth_token", { ...fresh, json: { auth_token: key.secret } });
      expect([answer.status, answer.json]).toEqual([200, {}]);
      expect(await statusOf(key.secret)).toBe(401);
    }
    expect((await send("POST", "/revoke_auth_token", { ...fresh, json: { auth_token: made.json.auth_token } })).status).toBe(200);
    expect(await statusOf(made.json.auth_token)).toBe(401);
  });

  test("200: one of two secrets ends alone, the last one ends the key", async () => {
    const { secret: old, id } = await newKey();
    const { secret } = (await send("POST", at(id, "/rotate"), { ...asOwner, json: {} })).json;
    await send("POST", "/revoke_auth_token", { key: old, json: { auth_token: secret } });
    expect([await statusOf(old), await statusOf(secret)]).toEqual([200, 401]);
    await send("POST", "/revoke_auth_token", { key: old, json: { auth_token: old } });
    expect((await send("GET", at(id), asOwner)).json.status).toBe("revoked");
    expect((await actionsOf(id)).slice(1)).toEqual(["api_key.rotate", "api_key.secret_revoke", "api_key.revoke"]);
  });

  test("404: somebody else's token and text that is none, in one body; 400 without a token", async () => {
    const { secret } = await newKey({ access: "admin" });
    const answers = await Promise.all(
      [foreign.secret, `${secret}x`, "x", "x".repeat(5_000)].map((auth_token) =>
        send("POST", "/revoke_auth_token", { key: secret, json: { auth_token } }),
      ),
    );
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.message}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
    expect((await send("POST", "/revoke_auth_token", { key: secret, json: {} })).json.details).toEqual({ auth_token: "is needed" });
    expect(await statusOf(foreign.secret)).toBe(200);
  });

  test("401, 403: nobody, a session, a key that may not make keys", async () => {
    expect((await send("POST", "/generate_auth_token")).status).toBe(401);
    expect((await send("POST", "/generate_auth_token", { ...asOwner, json: {} })).status).toBe(403);
    expect((await send("POST", "/generate_auth_token", { key: (await newKey({ access: "read" })).secret })).status).toBe(403);
  });
});

describe("the keys that many keys made", () => {
  test("are named first and end with them, if asked; out of reach they are named, and nothing ends", async () => {
    const parents = [await newKey(), await newKey()];
    const ids = parents.map(({ id }) => id);
    const children = await Promise.all(
      parents.map(async ({ secret }) => (await send("POST", "/v1/api-keys", { key: secret, json: { name: "Child" } })).json),
    );
    const bulk = (json: object) => send("POST", "/v1/api-keys/bulk", { ...asOwner, json: { action: "revoke", ids, ...json } });
    const idsOf = ({ json }: Answer) => json.data.map(({ key }: { key: { id: string } }) => key.id);
    const preview = await bulk({ revoke_children: true, dry_run: true });
    expect([preview.status, idsOf(preview).slice(0, 2)]).toEqual([200, ids]);
    expect(idsOf(preview).slice(2).toSorted()).toEqual(children.map(({ id }) => id).toSorted());
    expect(idsOf(await bulk({ dry_run: true }))).toEqual(ids);
    await send("PATCH", at(children[0].id), { ...asOwner, json: { group_id: elsewhere.id } });
    const refused = await send("POST", "/v1/api-keys/bulk", {
      key: parents[0]?.secret ?? "",
      json: { action: "revoke", ids, revoke_children: true },
    });
    expect([...codeOf(refused), Object.keys(refused.json.details)]).toEqual([403, "insufficient_scope", [children[0].id]]);
    expect(await statusOf(children[1].secret)).toBe(200);
    expect(idsOf(await bulk({ revoke_children: true }))).toEqual(idsOf(preview));
    expect(await Promise.all([...parents, ...children].map(({ secret }) => statusOf(secret)))).toEqual([401, 401, 401, 401]);
    const wrong = await bulk({ action: "pause", revoke_children: true });
    expect([...codeOf(wrong), wrong.json.details]).toEqual([
      400,
      "invalid_request",
      { revoke_children: "belongs to a revocation, and only there" },
    ]);
  });
});

describe("the keys that a key made", () => {
  test("end with it, if asked", async () => {
    const parent = await newKey();
    const child = (await send("POST", "/generate_auth_token", { key: parent.secret })).json.auth_token;
    const grandchild = (await send("POST", "/v1/api-keys", { key: child, json: { name: "grandchild" } })).json.secret;
    expect([await statusOf(child), await statusOf(grandchild)]).toEqual([200, 200]);
    expect((await send("DELETE", at(parent.id), { ...asOwner, json: { revoke_children: true } })).status).toBe(200);
    expect(await Promise.all([parent.secret, child, grandchild].map(statusOf))).toEqual([401, 401, 401]);
  });

  test("403: are named when they are out of reach, and nothing ends", async () => {
    const parent = await newKey();
    const child = (await send("POST", "/v1/api-keys", { key: parent.secret, json: { name: "Moved child" } })).json;
    await send("PATCH", at(child.id), { ...asOwner, json: { group_id: elsewhere.id } });
    const answer = await send("DELETE", at(parent.id), { key: parent.secret, json: { revoke_children: true } });
    expect([...codeOf(answer), Object.keys(answer.json.details)]).toEqual([403, "insufficient_scope", [child.id]]);
    expect(answer.json.message).toContain("Moved child");
    expect(await statusOf(parent.secret)).toBe(200);
  });
});

describe("where keys do not manage keys", () => {
  test("403 for each act of a key but reading and ending itself", async () => {
    const person = await api.signUp("closed");
    await api.newGroup(person);
    const [self, other] = [await api.newKey(person, { access: "admin" }), await api.newKey(person)];
    expect((await send("PATCH", "/v1/organization", { as: person, json: { keys_manage_keys: false } })).status).toBe(200);
    const call: Call = { key: self.secret };
    const acts: [string, string, object?][] = [
      ["POST", "/v1/api-keys", { name: "x" }],
      ["PATCH", at(other.id), { name: "x" }],
      ["POST", at(other.id, "/pause")],
      ["POST", at(other.id, "/resume")],
      ["POST", at(self.id, "/rotate")],
      ["POST", at(other.id, "/rotate/finish")],
      ["POST", at(other.id, "/rotate/extend"), { grace_seconds: 60 }],
      ["POST", "/v1/api-keys/bulk", { action: "pause", ids: [other.id] }],
      ["POST", "/generate_auth_token"],
      ["POST", "/revoke_auth_token", { auth_token: other.secret }],
      ["DELETE", at(other.id)],
    ];
    for (const [method, where, json] of acts) {
      const answer = await send(method, where, { ...call, ...(json === undefined ? {} : { json }) });
      expect([method, where, ...codeOf(answer), answer.json.details]).toEqual([
        method,
        where,
        403,
        "insufficient_scope",
        { keys_manage_keys: "is off" },
      ]);
    }
    expect((await send("GET", at(other.id), call)).status).toBe(200);
    expect((await send("POST", at(other.id, "/pause"), { as: person, json: {} })).status).toBe(200);
    expect((await send("DELETE", at(self.id), call)).status).toBe(200);
  });
});

test("the owner of a key hears from the outbox that somebody else revoked it, and no secret", async () => {
  const email = "holder@people.example";
  await send("POST", "/v1/invites", { as: owner, json: { email, role: "developer" } });
  const token = await tokenMailedTo(api.server, email, "invites");
  const { json } = await send("POST", "/v1/invites/accept", { json: { token, password: "a short sentence works" } });
  const holder: Person = { email, org: owner.org, slug: owner.slug, cookie: await api.openSession(json.ticket) };
  const key = await api.newKey(holder, { name: "Holder's key", group_id: group.id });
  await send("DELETE", at(key.id), { ...asOwner, json: { reason: "laptop lost" } });
  const outbox = path.join(api.server.dataDir, "outbox");
  const mail = await eventually(() =>
    fs
      .readdirSync(outbox)
      .map((name) => fs.readFileSync(path.join(outbox, name), "utf8"))
      .find((text) => text.includes(`To: ${email}`) && text.includes("revoked the key Holder's key")),
  );
  expect(mail).toContain("laptop lost");
  expect(mail).not.toContain(key.secret.slice(14));
});
