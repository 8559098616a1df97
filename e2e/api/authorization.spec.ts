import { expect, test } from "vitest";
import { type Call, PASSWORD, type Person, randomId, startApi, tokenMailedTo } from "./client";

/**
 * Who may do what, walked over every path of /openapi.json with every kind of caller, and compared whole with a table that was
 * written from contract §8 ("Who"), not from the code. A path that is missing here fails.
 */

// Behind a proxy, so that each route has an address of its own: what callers of one used up is not missing to another.
const api = await startApi({ TRUSTED_PROXIES: "127.0.0.1/32" });
const { send } = api;

const owner = await api.signUp("owner");
const stranger: Person = { ...(await api.signUp("stranger")), org: owner.org };
const group = await api.newGroup(owner);
await api.newGroup(owner);
const inGroup = (input: object) => api.newKey(owner, { group_id: group.id, ...input });

async function join(role: string): Promise<Person> {
  const email = `${role}@people.example`;
  await send("POST", "/v1/invites", { as: owner, json: { email, role } });
  const { json } = await send("POST", "/v1/invites/accept", {
    json: { token: await tokenMailedTo(api.server, email, "invites"), password: PASSWORD },
  });
  return { email, org: owner.org, slug: owner.slug, cookie: await api.openSession(json.ticket) };
}

const keyOf = async (input: object): Promise<Call> => ({ key: (await inGroup(input)).secret });
const revoked = await inGroup({});
await send("DELETE", `/v1/api-keys/${revoked.id}`, { as: owner });

const people: Record<string, Call> = {
  nobody: {},
  viewer: { as: await join("viewer") },
  developer: { as: await join("developer") },
  admin: { as: await join("admin") },
  owner: { as: owner },
  stranger: { as: stranger },
};
const newKeys = async (): Promise<Record<string, Call>> => ({
  "key read": await keyOf({ access: "read" }),
  "key write": await keyOf({ access: "write" }),
  "key full": await keyOf({ access: "full" }),
  "key admin": await keyOf({ access: "admin" }),
  "test full": await keyOf({ access: "full", environment: "test" }),
  "test admin": await keyOf({ access: "admin", environment: "test" }),
  revoked: { key: revoked.secret },
});

const target = await inGroup({});
const rotating = await inGroup({});
await send("POST", `/v1/api-keys/${rotating.id}/rotate`, { as: owner, json: {} });
const doomed = await inGroup({});
const link = await send("POST", `/v1/api-keys/${target.id}/hand-overs`, { as: owner, json: { secret: target.secret } });
let number = 0;
const unique = (word: string) => `${word}-${++number}`;
/** A key made by the owner, to be ended by whoever may. */
const victim = async () => (await inGroup({})).id;

interface Route {
  /** What fills `{id}`. */
  id?: () => string | Promise<string>;
  /** What fills `{handOver}`. */
  handOver?: () => string;
  query?: string;
  json?: () => object;
  /** One status per caller, in the order above. */
  expected: string;
}

const routes: Record<string, Route> = {
  //                                             nobody   people: viewer developer admin owner stranger   keys: read write full admin   test: full admin   revoked
  "GET /v1/me": { expected: "401   200 200 200 200 404   200 200 200 200   200 200   401" },
  "GET /v1/limits": { expected: "401   403 403 403 403 403   200 200 200 200   200 200   401" },
  "GET /v1/credits": { expected: "401   200 200 200 200 404   200 200 200 200   200 200   401" },
  "GET /v1/status": { expected: "401   403 403 403 403 403   200 403 200 200   200 200   401" },
  "POST /v1/chat": {
    json: () => ({ messages: [{ role: "user", content: "x" }] }),
    expected: "401   403 403 403 403 403   403 200 200 200   200 200   401",
  },
  "POST /chat/completions": {
    json: () => ({ messages: [{ role: "user", content: "x" }] }),
    expected: "401   403 403 403 403 403   403 200 200 200   200 200   401",
  },
  "POST /v1/chat/completions": {
    json: () => ({ messages: [{ role: "user", content: "x" }] }),
    expected: "401   403 403 403 403 403   403 200 200 200   200 200   401",
  },
  "GET /v1/organization": { expected: "401   200 200 200 200 404   403 403 403 200   403 200   401" },
  "PATCH /v1/organization": { json: () => ({}), expected: "401   403 403 200 200 404   403 403 403 200   403 403   401" },
  "GET /v1/organizations": { expected: "401   200 200 200 200 200   403 403 403 403   403 403   401" },
  "POST /v1/organizations": { json: () => ({ name: "New" }), expected: "401   201 201 201 201 201   403 403 403 403   403 403   401" },
  "GET /v1/members": { expected: "401   200 200 200 200 404   403 403 403 403   403 403   401" },
  "POST /v1/invites": {
    json: () => ({ email: `${unique("guest")}@people.example`, role: "viewer" }),
    expected: "401   403 403 201 201 404   403 403 403 403   403 403   401",
  },
  "GET /v1/api-groups": { expected: "401   200 200 200 200 404   200 403 200 200   200 200   401" },
  "POST /v1/api-groups": {
    json: () => ({ name: unique("group") }),
    expected: "401   403 403 201 201 404   403 403 403 201   403 403   401",
  },
  "GET /v1/api-groups/{id}": { id: () => group.id, expected: "401   200 200 200 200 404   200 403 200 200   200 200   401" },
  "PATCH /v1/api-groups/{id}": {
    id: () => group.id,
    json: () => ({ description: unique("group") }),
    expected: "401   403 403 200 200 404   403 403 403 200   403 403   401",
  },
  "DELETE /v1/api-groups/{id}": {
    id: async () => (await api.newGroup(owner, unique("group"))).id,
    query: "?revoke_keys=true",
    json: () => ({}),
    expected: "401   403 403 200 200 404   403 403 403 200   403 403   401",
  },
  "GET /v1/api-keys": { expected: "401   200 200 200 200 404   200 200 200 200   200 200   401" },
  "POST /v1/api-keys": {
    json: () => ({ name: "New", group_id: group.id }),
    expected: "401   403 201 201 201 404   403 403 201 201   201 201   401",
  },
  // A key reads and ends itself at the least; another one is not there for it. Test keys see test keys only.
  "GET /v1/api-keys/{id}": { id: () => target.id, expected: "401   200 200 200 200 404   404 404 200 200   404 404   401" },
  "GET /v1/api-keys/{id}/activity": { id: () => target.id, expected: "401   200 200 200 200 404   404 404 200 200   404 404   401" },
  "GET /v1/api-keys/insights": { query: `?ids=${target.id}`, expected: "401   200 200 200 200 404   200 200 200 200   200 200   401" },
  "GET /v1/api-keys/{id}/rotation": { id: () => target.id, expected: "401   200 200 200 200 404   404 404 200 200   404 404   401" },
  "GET /v1/api-keys/{id}/suggestions": { id: () => target.id, expected: "401   200 200 200 200 404   404 404 200 200   404 404   401" },
  "POST /v1/api-keys/{id}/what-if": {
    id: () => target.id,
    json: () => ({ method: "GET", path: "/v1/status" }),
    expected: "401   200 200 200 200 404   404 404 200 200   404 404   401",
  },
  "PATCH /v1/api-keys/{id}": {
    id: () => target.id,
    json: () => ({ name: unique("key") }),
    expected: "401   403 403 200 200 404   403 403 200 200   404 404   401",
  },
  "POST /v1/api-keys/{id}/pause": { id: victim, expected: "401   403 403 200 200 404   403 403 200 200   404 404   401" },
  "POST /v1/api-keys/{id}/resume": { id: () => target.id, expected: "401   403 403 200 200 404   403 403 200 200   404 404   401" },
  "POST /v1/api-keys/{id}/rotate": { id: victim, expected: "401   403 403 200 200 404   403 403 200 200   404 404   401" },
  "POST /v1/api-keys/{id}/rotate/finish": {
    id: () => target.id,
    expected: "401   403 403 200 200 404   403 403 200 200   404 404   401",
  },
  "POST /v1/api-keys/{id}/rotate/extend": {
    id: () => rotating.id,
    json: () => ({ grace_seconds: 3_600 }),
    expected: "401   403 403 200 200 404   403 403 200 200   404 404   401",
  },
  "POST /v1/api-keys/bulk": {
    json: () => ({ action: "resume", ids: [target.id] }),
    expected: "401   403 403 200 200 404   403 403 200 200   404 404   401",
  },
  // By a key, which hands on what it has; and by any key about itself.
  "POST /generate_auth_token": { expected: "401   403 403 403 403 404   403 403 200 200   200 200   401" },
  "POST /revoke_auth_token": {
    json: () => ({ auth_token: doomed.secret }),
    expected: "401   403 403 200 200 404   404 404 200 200   404 404   401",
  },
  "DELETE /v1/api-keys/{id}": { id: victim, json: () => ({}), expected: "401   403 403 200 200 404   404 404 200 200   404 404   401" },
  // By any key about itself; the verification of others takes an admin key (its own organization's) or the operator.
  "GET /v1/auth": { expected: "401   401 401 401 401 401   200 200 200 200   200 200   401" },
  "POST /v1/keys/verify": { json: () => ({ key: "x" }), expected: "401   403 403 403 403 403   403 403 403 200   403 200   401" },
  "GET /v1/usage": { expected: "401   200 200 200 200 404   200 403 200 200   200 200   401" },
  "GET /v1/logs": { expected: "401   200 200 200 200 404   200 403 200 200   200 200   401" },
  "GET /v1/audit-logs": { expected: "401   200 200 200 200 404   403 403 200 200   200 200   401" },
  // Handing over is a change of the key; reading the receipts is reading the key. Opening takes a link and nothing else.
  "POST /v1/api-keys/{id}/hand-overs": {
    id: () => target.id,
    json: () => ({ secret: target.secret }),
    expected: "401   403 403 201 201 404   403 403 201 201   404 404   401",
  },
  "GET /v1/api-keys/{id}/hand-overs": { id: () => target.id, expected: "401   200 200 200 200 404   404 404 200 200   404 404   401" },
  "DELETE /v1/api-keys/{id}/hand-overs/{handOver}": {
    id: () => target.id,
    handOver: () => link.json.id,
    json: () => ({}),
    expected: "401   403 403 200 200 404   403 403 200 200   404 404   401",
  },
  "POST /v1/hand-overs/open": {
    json: () => ({ token: "x".repeat(43) }),
    expected: "404   404 404 404 404 404   404 404 404 404   404 404   404",
  },
  "POST /v1/sign-up": {
    json: () => ({ email: `${unique("new")}@people.example`, password: PASSWORD, organization: "New" }),
    expected: "201   201 201 201 201 201   403 403 403 403   403 403   401",
  },
  "POST /v1/sign-in": {
    json: () => ({ email: owner.email, password: PASSWORD }),
    expected: "200   200 200 200 200 200   403 403 403 403   403 403   401",
  },
  "POST /v1/password/forgot": {
    json: () => ({ email: "nobody@people.example" }),
    expected: "202   202 202 202 202 202   403 403 403 403   403 403   401",
  },
  "POST /v1/password/reset": {
    json: () => ({ token: "x", password: PASSWORD }),
    expected: "404   404 404 404 404 404   403 403 403 403   403 403   401",
  },
  "POST /v1/invites/accept": {
    json: () => ({ token: "x", password: PASSWORD }),
    expected: "404   404 404 404 404 404   403 403 403 403   403 403   401",
  },
  "GET /v1/sessions": { expected: "401   200 200 200 200 200   403 403 403 403   403 403   401" },
  "DELETE /v1/sessions/{id}": {
    id: () => randomId("ses"),
    json: () => ({}),
    expected: "401   404 404 404 404 404   403 403 403 403   403 403   401",
  },
  // The operator's token alone opens it.
  "POST /api/access/enable": {
    json: () => ({ email: `${unique("client")}@people.example`, company: "x", tier: "free" }),
    expected: "401   401 401 401 401 401   401 401 401 401   429 429   429",
  },
  "POST /api/access/rotate": {
    json: () => ({ client_id: owner.org, reason: "x" }),
    expected: "401   401 401 401 401 401   401 401 401 401   429 429   429",
  },
  "POST /api/keys/import": {
    json: () => ({ organization_id: owner.org, group_id: group.id, prefix: "acme_", length: 40, keys: [] }),
    expected: "401   401 401 401 401 401   401 401 401 401   429 429   429",
  },
  // What a call says of its caller is not read.
  "POST /v1/leaks": { json: () => ({ key: "x" }), expected: "202   202 202 202 202 202   202 202 202 202   202 202   202" },
};

/** A test key makes 30 calls a minute: every twenty routes have keys of their own. */
const ROUTES_PER_KEY = 20;
const keys: Record<string, Call>[] = [];
while (keys.length * ROUTES_PER_KEY < Object.keys(routes).length) keys.push(await newKeys());

test("every path of the document is in the table, and none that is not", () => {
  const declared = Object.entries(api.document.paths).flatMap(([path, methods]) =>
    // What says how the deployment does looks at no key (health.spec.ts).
    Object.entries(methods).flatMap(([method, { tags }]) => (tags[0] === "Deployment" ? [] : [`${method.toUpperCase()} ${path}`])),
  );
  expect(Object.keys(routes).toSorted()).toEqual(declared.toSorted());
});

test.each(Object.entries(routes))("%s", async (route, { id, handOver, query = "", json, expected }) => {
  const [method = "", path = ""] = route.split(" ");
  const statuses: Record<string, number> = {};
  const index = Object.keys(routes).indexOf(route);
  const headers = { "X-Forwarded-For": `198.51.100.${1 + index}` };
  const callers = { ...people, ...keys[Math.floor(index / ROUTES_PER_KEY)] };
  for (const [name, call] of Object.entries(callers)) {
    const filled = path.replace("{id}", id === undefined ? "" : await id()).replace("{handOver}", handOver?.() ?? "");
    statuses[name] = (await send(method, filled + query, { ...call, headers, ...(json === undefined ? {} : { json: json() }) })).status;
  }
  const names = Object.keys(callers);
  expect(statuses).toEqual(Object.fromEntries(expected.split(/\s+/).map((status, i) => [names[i], Number(status)])));
});

test("whoever was refused changed nothing: no group, member, key or event that the table does not allow", async () => {
  const { json } = await send("GET", "/v1/audit-logs?limit=1000", { as: owner });
  const actors = (action: string) =>
    json.data
      .filter((event: { action: string }) => event.action === action)
      .map(({ actor }: { actor: { role: string } }) => actor.role)
      .toSorted();
  expect(new Set(actors("api_group.create"))).toEqual(new Set(["admin", "owner"]));
  for (const action of ["api_group.update", "api_group.archive"]) expect(new Set(actors(action))).toEqual(new Set(["admin", "owner"]));
  expect(new Set(actors("api_key.revoke"))).toEqual(new Set(["admin", "full", "owner"]));
  for (const action of ["api_key.update", "api_key.pause", "api_key.rotate", "api_key.rotation_extend"])
    expect(new Set(actors(action))).toEqual(new Set(["admin", "full", "owner"]));
  expect(new Set(actors("api_key.create"))).toEqual(new Set(["admin", "developer", "full", "owner"]));
  expect(new Set(actors("invite.create"))).toEqual(new Set(["admin", "owner"]));
});
