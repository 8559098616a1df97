import { describe, expect, test } from "vitest";
import { ADMIN_TOKEN, type Answer, type Call, type JsonSchema, PASSWORD, type Person, raw, startApi, tokenMailedTo, wire } from "./client";

const api = await startApi();
const { send } = api;
const person: Person = await api.signUp();
await api.newGroup(person);
const admin = await api.newKey(person, { access: "admin" });

const post = (body: string | Buffer, headers: Record<string, string> = { "Content-Type": "application/json" }) =>
  send("POST", "/v1/api-groups", { as: person, body, headers });
const stateOf = async () =>
  JSON.stringify([
    (await send("GET", "/v1/api-groups?limit=1000", { as: person })).json.data,
    (await send("GET", "/v1/api-keys?limit=1000", { as: person })).json.data.map(({ id }: { id: string }) => id),
    (await send("GET", "/v1/members", { as: person })).json.data.length,
  ]);

/** Nothing of what `work` does may change anything that this person can see. */
async function changesNothing(work: () => Promise<unknown>): Promise<void> {
  const before = await stateOf();
  await work();
  expect(await stateOf()).toBe(before);
}

describe("a body that cannot be read is refused, and nothing changes", () => {
  test.each<[string, string | Buffer, number]>([
    ["nothing", "", 400],
    ["half of an object", '{"name":', 400],
    ["a trailing comma", '{"name":"x",}', 400],
    ["single quotes", "{'name':'x'}", 400],
    ["two objects", '{"name":"x"}{"name":"y"}', 400],
    ["a list", '["x"]', 400],
    ["a text", '"x"', 400],
    ["a number", "1", 400],
    ["null", "null", 400],
    ["true", "true", 400],
    ["XML", "<name>x</name>", 400],
    ["a form", "name=x", 400],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0x6e, 0x61, 0x6d, 0x65, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), 400],
    ["NUL in a text", '{"name":"a\\u0000b"}', 400],
    ["half of a character", '{"name":"a\\ud800b"}', 400],
    ["21 levels", `{"name":${"[".repeat(20)}${"]".repeat(20)}}`, 400],
    ["100,000 levels", "[".repeat(100_000) + "]".repeat(100_000), 400],
    ["__proto__", '{"name":"x","__proto__":{"isAdmin":true}}', 400],
    ["constructor", '{"name":"x","constructor":{"prototype":{"isAdmin":true}}}', 400],
    ["257 KB", JSON.stringify({ name: "x".repeat(257 * 1024) }), 413],
    ["5 MB", JSON.stringify({ name: "x".repeat(5 * 1024 * 1024) }), 413],
  ])("%s", async (_, body, status) => {
    await changesNothing(async () => expect((await post(body)).status).toBe(status));
  });

  test("exactly 256 KB are read, and refused for what they say", async () => {
    const name = "x".repeat(256 * 1024 - '{"name":""}'.length);
    const answer = await post(JSON.stringify({ name }));
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, ["name"]]);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "text/json",
    "application/javascript",
    "",
  ])("as %s", async (type) => {
    await changesNothing(async () => {
      expect(
        (
          await send("POST", "/v1/api-groups", {
            key: admin.secret,
            body: '{"name":"x"}',
            headers: type === "" ? {} : { "Content-Type": type },
          })
        ).status,
      ).toBe(415);
    });
  });

  test("of more than 256 KB in chunks, without a length", async () => {
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    const answer = await wire(
      api.server,
      `POST /v1/api-groups HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${admin.secret}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"error_code":"payload_too_large"');
  });

  test("an anonymous caller gets neither our validation's words nor its time", async () => {
    const bodies = ['{"name":', JSON.stringify({ name: "x".repeat(300 * 1024) }), "{}"];
    for (const body of bodies)
      expect((await send("POST", "/v1/api-groups", { body, headers: { "Content-Type": "application/json" } })).status).toBe(401);
  });
});

describe("texts that people see", () => {
  const UNSEEN = [
    "\u0007",
    "\u001b[31m",
    "\u007f",
    "\u0085",
    "\u200b",
    "\u200e",
    "\u200f",
    "\u202a",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u2028",
    "\ufeff",
  ];
  const fields: [string, string, (text: string) => object][] = [
    ["/v1/api-groups", "name", (text) => ({ name: text })],
    ["/v1/api-groups", "description", (text) => ({ name: "x", description: text })],
    ["/v1/api-keys", "name", (text) => ({ name: text })],
    ["/v1/organizations", "name", (text) => ({ name: text })],
  ];

  test.each(fields)("%s %s may not have control, direction or invisible characters", async (path, field, body) => {
    await changesNothing(async () => {
      for (const text of UNSEEN) {
        const answer = await send("POST", path, { as: person, json: body(`a${text}b`) });
        expect([text, answer.status, Object.keys(answer.json.details)]).toEqual([text, 400, [field]]);
      }
    });
  });

  test("the reason of a revocation neither", async () => {
    const key = await api.newKey(person);
    expect((await send("DELETE", `/v1/api-keys/${key.id}`, { as: person, json: { reason: "a\u202eb" } })).status).toBe(400);
    expect((await send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
  });

  test.each([
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{constructor.constructor('alert(1)')()}}",
    '\'; drop table "Key"; --',
    "=cmd|'/c calc'!A1",
    "日本語 ünï 👩‍👩‍👧‍👦",
    "می‌خواهم",
  ])("markup and any script are only text: %s", async (name) => {
    const made = await send("POST", "/v1/api-keys", { as: person, json: { name } });
    expect([made.status, made.json.name]).toEqual([201, name]);
    const read = await send("GET", `/v1/api-keys/${made.json.id}`, { as: person });
    expect([read.json.name, read.headers["content-type"]]).toEqual([name, "application/json"]);
  });
});

// Every field of every body, from the document the server gives out.
const OPERATORS: unknown[] = [
  { not: "" },
  { contains: "" },
  { $ne: null },
  { equals: "x" },
  { in: ["x"] },
  { toString: "x" },
  ["x"],
  [["x"]],
  [],
  {},
  0,
  true,
  null,
];

/** A value that the schema takes. */
function valid(name: string, schema: JsonSchema): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return valid(name, schema.anyOf.at(-1) as JsonSchema);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object")
    return Object.fromEntries((schema.required ?? []).map((field) => [field, valid(field, schema.properties?.[field] ?? {})]));
  if (type === "array") return schema.items === undefined ? [] : [valid(name, schema.items)];
  if (type === "integer" || type === "number") return Math.max(1, schema.minimum ?? 1);
  if (type === "boolean") return true;
  if (name === "email") return `nobody-${Math.random().toString(36).slice(2)}@people.example`;
  return { hash: "0".repeat(64), password: "a short sentence works", tier: "free", role: "viewer", path: "/x" }[name] ?? "x";
}

const isText = (schema: JsonSchema): boolean =>
  [schema.type].flat().includes("string") ||
  schema.anyOf?.some(isText) === true ||
  (schema.type === undefined && schema.anyOf === undefined);
const routes = Object.entries(api.document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, operation]) => {
    const schema = operation.requestBody?.content["application/json"].schema;
    // Data routes ignore what they do not know: each has a spec of its own.
    return schema === undefined || operation.tags.includes("Data")
      ? []
      : [{ method: method.toUpperCase(), path: path.replace("{id}", admin.id), schema }];
  }),
);
/** Admins of the organization, so that nobody's calls of a minute are used up: every route has one of them. */
const admins: Person[] = [];
for (const email of ["a@people.example", "b@people.example", "c@people.example", "d@people.example"]) {
  await send("POST", "/v1/invites", { as: person, json: { email, role: "admin" } });
  const token = await tokenMailedTo(api.server, email, "invites");
  const { json } = await send("POST", "/v1/invites/accept", { json: { token, password: PASSWORD } });
  admins.push({ ...person, email, cookie: await api.openSession(json.ticket) });
}
const adminOf = (path: string) => admins[routes.findIndex((route) => route.path === path) % admins.length] as Person;
const callerOf = (path: string): Call =>
  /^\/api\/(access|keys)\//.test(path) || path === "/v1/keys/verify"
    ? { headers: { "X-Admin-Token": ADMIN_TOKEN } }
    : /sign-|password|invites\/accept|hand-overs\/open|leaks/.test(path)
      ? {}
      : { as: adminOf(path) };

describe("every field of every body", () => {
  test("is known: the document names at least the bodies of this version", () => {
    expect(routes.map(({ method, path }) => `${method} ${path.replace(admin.id, "{id}")}`)).toEqual(
      expect.arrayContaining([
        "POST /v1/sign-up",
        "POST /v1/sign-in",
        "POST /v1/api-groups",
        "POST /v1/api-keys",
        "PATCH /v1/api-keys/{id}",
        "DELETE /v1/api-keys/{id}",
        "POST /v1/api-keys/{id}/pause",
        "POST /v1/api-keys/{id}/rotate",
        "POST /v1/api-keys/{id}/rotate/extend",
        "POST /v1/api-keys/bulk",
        "POST /generate_auth_token",
        "POST /revoke_auth_token",
        "POST /v1/organizations",
        "POST /v1/invites",
        "POST /api/access/enable",
        "POST /api/access/rotate",
        "PATCH /v1/organization",
        "PATCH /v1/api-groups/{id}",
      ]),
    );
  });

  // Those for anybody have limits per address and minute that this many calls would exceed: they get the first operators only.
  test.each(routes)("$method $path takes no object, list or number for a text, and no unknown field", async ({ method, path, schema }) => {
    const isOpen = callerOf(path).as === undefined;
    const base = valid("", schema) as Record<string, unknown>;
    await changesNothing(async () => {
      const answers: [string, Answer][] = [];
      for (const [field, part] of Object.entries(schema.properties ?? {}).filter(([, each]) => isText(each))) {
        for (const value of isOpen ? OPERATORS.slice(0, 2) : OPERATORS) {
          if (value === null && [part.type].flat().includes("null")) continue;
          if (value === null && part.anyOf?.some((each) => each.type === "null")) continue;
          answers.push([
            `${field}: ${JSON.stringify(value)}`,
            await send(method, path, { ...callerOf(path), json: { ...base, [field]: value } }),
          ]);
        }
      }
      for (const field of isOpen ? ["isAdmin"] : ["isAdmin", "userId", "orgId", "role_", "createdAt", "constructor"])
        answers.push([field, await send(method, path, { ...callerOf(path), json: { ...base, [field]: "x" } })]);
      for (const [what, answer] of answers) expect([what, answer.status]).toEqual([what, 400]);
    });
  });

  test.each(routes.filter(({ schema }) => (schema.required ?? []).length > 0))(
    "$method $path says which required field is missing",
    async ({ method, path, schema }) => {
      const base = valid("", schema) as Record<string, unknown>;
      for (const field of schema.required ?? []) {
        const { [field]: _, ...rest } = base;
        const answer = await send(method, path, { ...callerOf(path), json: rest });
        expect([field, answer.status, answer.json.details]).toEqual([field, 400, { [field]: "is needed" }]);
      }
    },
  );
});

const bodiless = Object.entries(api.document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { requestBody }]) =>
    method === "get" || requestBody !== undefined ? [] : [[method.toUpperCase(), path.replace(/\{id\}/, admin.id)] as const],
  ),
);

test.each(bodiless)("%s %s, which takes no body, ignores none", async (method, path) => {
  await changesNothing(async () => {
    const answer = await send(method, path, { as: person, json: { isAdmin: true } });
    expect([answer.status, answer.json.details]).toEqual([400, { isAdmin: "is not a field of this call" }]);
  });
  expect((await send(method, path, { as: person, json: [] })).status).toBe(400);
});

test("a call that takes no body takes none, and an empty one", async () => {
  const { id } = await api.newKey(person);
  for (const more of [{}, { body: "" }, { json: {} }]) {
    expect((await send("POST", `/v1/api-keys/${id}/pause`, { as: person })).status).toBe(200);
    expect((await send("POST", `/v1/api-keys/${id}/resume`, { as: person, ...more })).status).toBe(200);
  }
});

test("after all of this the server answers as before", async () => {
  expect((await raw(api.server, "GET", "/api/health")).json).toMatchObject({ status: "ok", usage_lost: 0 });
  expect(api.server.logs()).not.toMatch(/"level":"error"/);
});
