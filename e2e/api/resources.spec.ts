import { describe, expect, test } from "vitest";
import { type Answer, bodyOf, type Person, randomId, startApi, throughNext } from "./client";

const api = await startApi();
const { send } = api;
const owner: Person = await api.signUp("owner");
const stranger: Person = await api.signUp("stranger");
const group = await api.newGroup(owner, "Invoices");
const foreignGroup = await api.newGroup(stranger, "Theirs");
const foreignKey = await api.newKey(stranger);
const eventsOf = async (
  person: Person,
  query = "",
): Promise<{ action: string; target: { id: string }; ip: string; request_id: string }[]> =>
  (await send("GET", `/v1/audit-logs?limit=1000${query}`, { as: person })).json.data;

/** Follows the cursors of a list to its end. */
async function walk(path: string, person: Person, limit: number): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  let [pages, cursor] = [0, ""];
  do {
    const { status, json } = await send("GET", `${path}limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { as: person });
    expect([status, json.data.length <= limit, json.has_more]).toEqual([200, true, json.next_cursor !== null]);
    ids.push(...json.data.map((row: { id?: string; request_id: string }) => row.id ?? row.request_id));
    cursor = json.next_cursor ?? "";
    pages += 1;
  } while (cursor !== "");
  return { ids, pages };
}

describe("a group", () => {
  test("is made, read and listed as one and the same", async () => {
    const made = await send("POST", "/v1/api-groups", { as: owner, json: { name: "Reports", description: "Monthly" } });
    expect([made.status, made.json.name, made.json.description, made.json.organization_id]).toEqual([201, "Reports", "Monthly", owner.org]);
    expect((await send("GET", `/v1/api-groups/${made.json.id}`, { as: owner })).json).toEqual(made.json);
    expect((await send("GET", "/v1/api-groups", { as: owner })).json.data).toContainEqual(made.json);
  });

  test("of a taken name is refused, in any case", async () => {
    const answer = await send("POST", "/v1/api-groups", { as: owner, json: { name: "INVOICES" } });
    expect([answer.status, answer.json.error_code, answer.json.details]).toEqual([409, "conflict", { name: "is taken" }]);
  });
});

describe("a key", () => {
  test("shows its secret in the answer that makes it and in no other", async () => {
    const made = await send("POST", "/v1/api-keys", { as: owner, json: { name: "Intake", group_id: group.id, metadata: { team: "a" } } });
    expect(made.status).toBe(201);
    const { secret, ...view } = made.json;
    expect(secret).toMatch(/^lk_live_[0-9A-Za-z]{38}$/);
    const later = [
      await send("GET", `/v1/api-keys/${view.id}`, { as: owner }),
      await send("GET", "/v1/api-keys?limit=1000", { as: owner }),
      await send("GET", "/v1/audit-logs", { as: owner }),
      await send("GET", "/v1/me", { key: secret }),
      await send("GET", `/v1/api-keys/${view.id}/activity`, { as: owner }),
    ];
    expect(later[0]?.json).toEqual(view);
    for (const answer of later) {
      expect(answer.status).toBe(200);
      expect(answer.text).not.toContain(secret.slice(14));
      expect(answer.text).not.toMatch(/"hash":"[0-9a-f]{64}","secret|passwordHash|secretId/);
    }
    expect(api.server.logs()).not.toContain(secret.slice(14));
  });

  test("is revoked for good: refused on the next request, still listed, again the same answer", async () => {
    const key = await api.newKey(owner, { group_id: group.id });
    expect((await send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
    const revoked = await send("DELETE", `/v1/api-keys/${key.id}`, { as: owner, json: { reason: "laptop lost" } });
    expect((await send("GET", "/v1/status", { key: key.secret })).status).toBe(401);
    expect([revoked.status, revoked.json.status, revoked.json.is_active, revoked.json.revoked_reason]).toEqual([
      200,
      "revoked",
      false,
      "laptop lost",
    ]);
    const again = await send("DELETE", `/v1/api-keys/${key.id}`, { as: owner, json: { reason: "other" } });
    expect([again.status, again.json.revoked_at, again.json.revoked_reason]).toEqual([200, revoked.json.revoked_at, "laptop lost"]);
    const listed = await send("GET", "/v1/api-keys?status=revoked", { as: owner });
    expect(listed.json.data.map(({ id }: { id: string }) => id)).toContain(key.id);
  });

  test("revoked by two browsers at once: both get 200 and the same key, and exactly one event is left", async () => {
    for (let round = 0; round < 5; round++) {
      const key = await api.newKey(owner, { group_id: group.id });
      const answers = await Promise.all(
        [1, 2].map((n) => send("DELETE", `/v1/api-keys/${key.id}`, { as: owner, json: { reason: `browser ${n}` } })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers[0]?.json).toEqual(answers[1]?.json);
      expect((await eventsOf(owner, `&api_key=${key.id}&event_type=api_key.revoke`)).length).toBe(1);
    }
  });

  test("is revoked without a body, with an empty one, and by itself", async () => {
    const keys = [
      await api.newKey(owner, { group_id: group.id }),
      await api.newKey(owner, { group_id: group.id }),
      await api.newKey(owner, { group_id: group.id, access: "write" }),
    ];
    expect((await send("DELETE", `/v1/api-keys/${keys[0]?.id}`, { as: owner })).status).toBe(200);
    expect((await send("DELETE", `/v1/api-keys/${keys[1]?.id}`, { as: owner, json: {} })).status).toBe(200);
    const own = await send("DELETE", `/v1/api-keys/${keys[2]?.id}`, { key: keys[2]?.secret ?? "" });
    expect([own.status, own.json.status]).toEqual([200, "revoked"]);
  });

  test("leaves who did what, whence, and the request's own id", async () => {
    const made = await send("POST", "/v1/api-keys", { as: owner, json: { name: "Traced", group_id: group.id } });
    const [event] = await eventsOf(owner, `&api_key=${made.json.id}`);
    expect(event).toMatchObject({
      action: "api_key.create",
      ip: "127.0.0.1",
      request_id: made.headers["x-request-id"],
      actor: { type: "user", role: "owner" },
      before: null,
    });
  });

  test("that a key makes never goes beyond it: the part is named and nothing is made", async () => {
    const parent = await api.newKey(owner, {
      group_id: group.id,
      scopes: ["status"],
      rate_limit_rpm: 50,
      allowed_ips: ["127.0.0.0/8"],
      expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const asked: [string, object][] = [
      ["access", { access: "admin" }],
      ["scopes", { scopes: ["status", "chat"] }],
      ["expires_at", { expires_at: null }],
      ["rate_limit_rpm", { rate_limit_rpm: 51 }],
      ["allowed_ips", { allowed_ips: ["128.0.0.1"] }],
    ];
    for (const [part, input] of asked) {
      const answer = await send("POST", "/v1/api-keys", { key: parent.secret, json: { name: "child", ...input } });
      expect([answer.status, answer.json.error_code, Object.keys(answer.json.details)]).toEqual([403, "insufficient_scope", [part]]);
    }
    const child = await send("POST", "/v1/api-keys", { key: parent.secret, json: { name: "child" } });
    expect([
      child.status,
      child.json.scopes,
      child.json.rate_limit_rpm,
      child.json.allowed_ips,
      child.json.group_id,
      child.json.created_by.id,
    ]).toEqual([201, ["status"], 50, ["127.0.0.0/8"], group.id, parent.id]);
    expect((await send("GET", "/v1/api-keys?q=child", { as: owner })).json.data).toHaveLength(1);
  });

  test("without a group is refused with words that help", async () => {
    const newcomer = await api.signUp("newcomer");
    const answer = await send("POST", "/v1/api-keys", { as: newcomer, json: { name: "x" } });
    expect([answer.status, answer.json.details.group_id]).toEqual([400, expect.stringMatching(/create a group first/)]);
  });
});

describe("what belongs to somebody else does not exist", () => {
  const addressed: [string, string, (id: string) => string][] = [
    ["GET", "grp", (id) => `/v1/api-groups/${id}`],
    ["GET", "key", (id) => `/v1/api-keys/${id}`],
    ["DELETE", "key", (id) => `/v1/api-keys/${id}`],
    ["GET", "key", (id) => `/v1/api-keys/${id}/activity`],
    ["DELETE", "ses", (id) => `/v1/sessions/${id}`],
  ];

  test.each(addressed)("%s of a foreign %s is byte for byte the answer to a random id", async (method, type, path) => {
    const foreign =
      { grp: foreignGroup.id, key: foreignKey.id, ses: (await send("GET", "/v1/sessions", { as: stranger })).json.data[0].id as string }[
        type
      ] ?? "";
    const ids = [
      foreign,
      randomId(type),
      `${type}_1`,
      "x",
      foreign.toUpperCase(),
      `${foreign}x`,
      "%27%20or%201%3D1",
      "..%2f..%2fme",
      ...(throughNext ? [] : ["%ff"]),
      "a".repeat(2_000),
      "undefined",
      "null",
      "%7B%22not%22%3A%22%22%7D",
    ];
    const answers: Answer[] = [];
    for (const id of ids) answers.push(await send(method, path(id), { as: owner }));
    expect(new Set(answers.map(bodyOf)).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
    const admin = await api.newKey(owner, { group_id: group.id, access: "admin" });
    if (type !== "ses") expect(bodyOf(await send(method, path(foreign), { key: admin.secret }))).toBe(bodyOf(answers[0] as Answer));
    expect((await send("GET", "/v1/status", { key: foreignKey.secret })).status).toBe(200);
    expect((await eventsOf(stranger)).filter(({ action }) => action === "api_key.revoke")).toEqual([]);
  });

  test("a foreign group takes no key of ours", async () => {
    const [foreign, random] = await Promise.all(
      [foreignGroup.id, randomId("grp")].map((group_id) => send("POST", "/v1/api-keys", { as: owner, json: { name: "x", group_id } })),
    );
    expect(foreign?.status).toBe(404);
    expect(bodyOf(foreign as Answer)).toBe(bodyOf(random as Answer));
  });

  test("an organization that is not one's own is not there, by id, client id or slug", async () => {
    const names = [stranger.org, `cli_${stranger.org.slice(4)}`, stranger.slug, randomId("org"), "nothing", "%"];
    const answers = await Promise.all(names.map((org) => send("GET", "/v1/api-keys", { as: owner, org })));
    expect(new Set(answers.map(bodyOf)).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
  });

  test("one's own is there by id, client id and slug, and must be said", async () => {
    for (const org of [owner.org, `cli_${owner.org.slice(4)}`, owner.slug])
      expect((await send("GET", "/v1/organization", { as: owner, org })).json.id).toBe(owner.org);
    const answer = await send("GET", "/v1/organization", { as: owner, org: null });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, ["Latchkey-Organization"]]);
  });

  test("a key cannot be turned to another organization by a header, a query or a body", async () => {
    const key = await api.newKey(owner, { group_id: group.id });
    expect(
      (await send("GET", "/v1/me", { key: key.secret, headers: { "Latchkey-Organization": stranger.org } })).json.organization.id,
    ).toBe(owner.org);
    for (const query of [`organization_id=${stranger.org}`, `orgId=${stranger.org}`, `group_id=${foreignGroup.id}`]) {
      const ids = (await send("GET", `/v1/api-keys?${query}`, { key: key.secret })).json.data.map(({ id }: { id: string }) => id);
      expect(ids).not.toContain(foreignKey.id);
    }
    for (const field of [
      "orgId",
      "organization_id",
      "userId",
      "user_id",
      "ownerId",
      "role",
      "isAdmin",
      "id",
      "createdAt",
      "created_at",
      "prefix",
      "secret",
      "hash",
      "requestCount",
      "status",
      "revoked_at",
    ]) {
      const answer = await send("POST", "/v1/api-keys", { key: key.secret, json: { name: "x", [field]: "x" } });
      expect([field, answer.status, answer.json.details]).toEqual([field, 400, { [field]: "is not a field of this call" }]);
    }
  });

  test("filters by foreign ids find nothing", async () => {
    for (const path of [
      `/v1/logs?key_id=${foreignKey.id}`,
      `/v1/logs?group_id=${foreignGroup.id}`,
      `/v1/audit-logs?api_key=${foreignKey.id}`,
      `/v1/audit-logs?api_key=${foreignKey.key_prefix}`,
      `/v1/audit-logs?user=${stranger.email}`,
      `/v1/api-keys?group_id=${foreignGroup.id}`,
      `/v1/api-keys?q=${foreignKey.key_prefix}`,
    ]) {
      expect((await send("GET", path, { as: owner })).json.data, path).toEqual([]);
    }
  });
});

describe("lists", () => {
  test.each([
    ["/v1/api-keys?", 7],
    ["/v1/api-groups?", 7],
    ["/v1/audit-logs?", 7],
  ])("%s give every row once, in pages", async (path, count) => {
    const person = await api.signUp("lister");
    for (let i = 0; i < count; i++) await api.newGroup(person);
    const groups = (await send("GET", "/v1/api-groups", { as: person })).json.data;
    for (let i = 0; i < count; i++) await api.newKey(person, { group_id: groups[0].id });
    const whole = await walk(path, person, 1_000);
    const small = await walk(path, person, 3);
    expect(whole.pages).toBe(1);
    expect(small.pages).toBeGreaterThan(2);
    expect(small.ids).toEqual(whole.ids);
    expect(new Set(small.ids).size).toBe(small.ids.length);
    expect(small.ids.length).toBeGreaterThanOrEqual(count);
  });

  test("a cursor is bound to its organization, its list and its filters", async () => {
    for (let i = 0; i < 2; i++) await api.newKey(stranger);
    const { next_cursor } = (await send("GET", "/v1/api-keys?limit=1", { as: stranger })).json;
    const cursor = encodeURIComponent(next_cursor);
    expect((await send("GET", `/v1/api-keys?limit=2&cursor=${cursor}`, { as: stranger })).status).toBe(200);
    const misused = [
      await send("GET", `/v1/api-keys?cursor=${cursor}`, { as: owner }),
      await send("GET", `/v1/api-keys?cursor=${cursor}&status=active`, { as: stranger }),
      await send("GET", `/v1/api-keys?cursor=${cursor}&group_id=${foreignGroup.id}`, { as: stranger }),
      await send("GET", `/v1/api-keys?cursor=${cursor}&q=x`, { as: stranger }),
      await send("GET", `/v1/api-groups?cursor=${cursor}`, { as: stranger }),
      await send("GET", `/v1/audit-logs?cursor=${cursor}`, { as: stranger }),
      await send("GET", `/v1/logs?cursor=${cursor}`, { as: stranger }),
      await send("GET", `/v1/api-keys?cursor=${cursor.slice(0, -1)}`, { as: stranger }),
      await send("GET", `/v1/api-keys?cursor=x${cursor}`, { as: stranger }),
      await send("GET", "/v1/api-keys?cursor=", { as: stranger }),
      await send("GET", "/v1/api-keys?cursor=2", { as: stranger }),
    ];
    expect(misused.map(({ status }) => status)).toEqual(misused.map(() => 400));
    expect(new Set(misused.map(({ json }) => Object.keys(json.details).join()))).toEqual(new Set(["cursor"]));
  });

  const faults: [string, string][] = [
    ["limit", "limit=0"],
    ["limit", "limit=1001"],
    ["limit", "limit=-1"],
    ["limit", "limit=1.5"],
    ["limit", "limit=ten"],
    ["limit", "limit="],
  ];
  test.each(["/v1/api-keys", "/v1/api-groups", "/v1/logs", "/v1/audit-logs"])("%s refuse a size that is none", async (path) => {
    for (const [field, query] of faults) {
      const answer = await send("GET", `${path}?${query}`, { as: owner });
      expect([query, answer.status, Object.keys(answer.json.details)]).toEqual([query, 400, [field]]);
    }
  });

  test.each<[string, string]>([
    ["/v1/api-keys?status=lost", "status"],
    ["/v1/api-keys?environment=prod", "environment"],
    [`/v1/api-keys?q=${"x".repeat(101)}`, "q"],
    ["/v1/logs?status=600", "status"],
    ["/v1/logs?status=4xxx", "status"],
    ["/v1/logs?start_date=yesterday", "start_date"],
    ["/v1/logs?start_date=2026-02-30", "start_date"],
    ["/v1/logs?start_date=2026-11-20&end_date=2026-11-19", "end_date"],
    ["/v1/audit-logs?start=2026-11-20&end=2026-11-19", "end"],
    ["/v1/usage?start_date=2026-11-20&end_date=2026-11-19", "end_date"],
    ["/v1/usage?start=2026-11-20&end=2026-11-19", "end"],
    ["/v1/audit-logs?event_type=api_key.destroy", "event_type"],
    ["/v1/usage?interval=1w", "interval"],
    ["/v1/usage?group_by=key,secret", "group_by.1"],
    ["/v1/usage?interval=1m&start=2026-01-01&end=2026-12-31", "interval"],
    ["/v1/usage?environment=prod", "environment"],
  ])("%s is refused, naming %s", async (path, field) => {
    const answer = await send("GET", path, { as: owner });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
  });

  test.each(["/v1/logs", "/v1/audit-logs", "/v1/usage?interval=1d&"])("%s take the far ends of the calendar", async (path) => {
    const glue = path.includes("?") ? "" : "?";
    for (const range of ["start_date=1970-01-01&end_date=1970-01-02", "start_date=9999-12-30&end_date=9999-12-31", "end_date=9999-12-31"]) {
      expect([200, 400], range).toContain((await send("GET", `${path}${glue}${range}`, { as: owner })).status);
    }
  });

  test.each([
    "%00",
    "a%00b",
    "%u0000",
    "%ff%fe",
    "%ed%a0%80",
    "%f0%9f%98%80",
    "'%3B--",
    "%25",
    "_",
    "%5C",
    "%7B%22contains%22%3A%22%22%7D",
  ])("a search for %s is answered and finds no more than text", async (text) => {
    const answer = await send("GET", `/v1/api-keys?q=${text}`, { as: owner });
    expect([200, 400]).toContain(answer.status);
    if (answer.status === 200) expect(answer.json.data).toEqual([]);
  });

  test("a parameter given as a list or an object is no operator", async () => {
    for (const query of ["q[contains]=x", "q[]=x", "group_id[not]=x", "status[in]=active", "q=a&q=b"]) {
      expect([200, 400], query).toContain((await send("GET", `/v1/api-keys?${query}`, { as: owner })).status);
    }
  });
});
