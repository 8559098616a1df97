import { describe, expect, test } from "vitest";
import { z } from "zod";
import { checker, ERROR_CODES, type JsonSchema, type OpenApi, resolveRef, startApi } from "./client";

const api = await startApi();
const { document, source, send } = api;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, method, path, operation })),
);

/** Every object anywhere in the document. */
function* nodes(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const part of Object.values(value)) yield* nodes(part);
}

/** What contract §8 promises of this version, as it is written there. */
const CONTRACT = [
  "GET /v1/me",
  "GET /v1/limits",
  "GET /v1/credits",
  "GET /v1/status",
  "GET /v1/api-keys",
  "POST /v1/api-keys",
  "GET /v1/api-keys/{id}",
  "PATCH /v1/api-keys/{id}",
  "DELETE /v1/api-keys/{id}",
  "POST /v1/api-keys/{id}/pause",
  "POST /v1/api-keys/{id}/resume",
  "POST /v1/api-keys/{id}/rotate",
  "POST /v1/api-keys/{id}/rotate/finish",
  "POST /generate_auth_token",
  "POST /revoke_auth_token",
  "GET /v1/api-groups",
  "POST /v1/api-groups",
  "GET /v1/api-groups/{id}",
  "PATCH /v1/api-groups/{id}",
  "DELETE /v1/api-groups/{id}",
  "GET /v1/usage",
  "GET /v1/logs",
  "GET /v1/audit-logs",
  "GET /v1/auth",
  "POST /v1/chat",
  "POST /chat/completions",
  "POST /v1/keys/verify",
  "POST /api/access/enable",
  "POST /api/keys/import",
  "POST /v1/leaks",
  "POST /api/access/rotate",
];

test("the document is OpenAPI 3.1, answered to anybody, with the same headers as all else", async () => {
  const answer = await send("GET", "/openapi.json");
  expect(answer.status).toBe(200);
  expect(answer.json).toMatchObject({
    openapi: expect.stringMatching(/^3\.1\.\d+$/),
    info: { title: expect.any(String), version: expect.any(String) } satisfies Record<string, unknown>,
  });
  expect((answer.json as OpenApi).paths).toEqual(source.paths);
  expect(source.servers.every(({ url }) => URL.canParse(url))).toBe(true);
});

test("every endpoint that the contract names is there", () => {
  expect(operations.map(({ name }) => name)).toEqual(expect.arrayContaining(CONTRACT));
});

// A linter of our own: what the widespread ones ask for, and what this product promises besides.

test("every reference leads somewhere, and nothing is described that nothing refers to", () => {
  const refs = [...nodes(source)].map(({ $ref }) => $ref).filter((ref): ref is string => typeof ref === "string");
  expect(refs.filter((ref) => !ref.startsWith("#/") || resolveRef(source, ref) === undefined)).toEqual([]);
  const { securitySchemes = {}, ...components } = source.components;
  const described = Object.entries(components).flatMap(([kind, parts]) => Object.keys(parts).map((name) => `#/components/${kind}/${name}`));
  expect(described.filter((ref) => !refs.includes(ref))).toEqual([]);
  const ways = operations.flatMap(({ operation }) => operation.security.flatMap((way) => Object.keys(way)));
  expect(Object.keys(securitySchemes).toSorted()).toEqual([...new Set(ways)].toSorted());
  expect(
    Object.keys(source.components)
      .flatMap((kind) => Object.keys(source.components[kind] ?? {}))
      .filter((name) => !/^[\w.-]+$/.test(name)),
  ).toEqual([]);
});

test("every operation has a name of its own that a program can use, a summary, a description and one tag that is described", () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]{2,40}$/.test(id))).toEqual([]);
  const tags = document.tags.map(({ name }) => name);
  expect(document.tags.filter(({ description }) => !/\S/.test(description ?? ""))).toEqual([]);
  expect(tags.toSorted()).toEqual([...new Set(operations.flatMap(({ operation }) => operation.tags))].toSorted());
  for (const { name, operation } of operations) {
    expect(operation, name).toMatchObject({ summary: expect.stringMatching(/\S/), description: expect.stringMatching(/^Called /) });
    expect(operation.tags, name).toHaveLength(1);
    expect(operation.summary, name).not.toMatch(/\.$/);
    const fields = ["operationId", "summary", "description", "tags", "security", "parameters", "requestBody", "responses"];
    expect(
      Object.keys(operation).filter((field) => !fields.includes(field)),
      name,
    ).toEqual([]);
  }
});

test("says of every operation how to get in: with a key, as a session and for which organization, as the operator, or just so", () => {
  const ways = new Set(["bearer", "apiKey", "session", "session organization", "adminToken", ""]);
  for (const { name, operation } of operations) {
    const given = operation.security.map((way) => Object.keys(way).join(" "));
    expect(
      given.filter((way) => !ways.has(way)),
      name,
    ).toEqual([]);
    expect(given.includes("bearer") === given.includes("apiKey") || name === "GET /api/metrics", name).toBe(true);
    // "session only" where neither a key nor anybody else can.
    const isForSessions = given.length > 0 && given.every((way) => way.startsWith("session"));
    expect(operation.description.includes("session only"), name).toBe(isForSessions);
  }
});

test("every parameter is described and stands once; every part of a path is one, and needed", () => {
  for (const { name, path, operation } of operations) {
    const parameters = operation.parameters ?? [];
    expect(new Set(parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).size, name).toBe(parameters.length);
    expect(
      parameters.filter(({ description, schema }) => !/\S/.test(description ?? "") || schema === undefined),
      name,
    ).toEqual([]);
    const inPath = parameters.filter((parameter) => parameter.in === "path");
    expect(inPath.map((parameter) => parameter.name).toSorted(), name).toEqual(
      [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).toSorted(),
    );
    expect(
      inPath.filter(({ required }) => required !== true),
      name,
    ).toEqual([]);
  }
  const templates = Object.keys(document.paths).map((path) => path.replaceAll(/\{\w+\}/g, "{}"));
  expect(new Set(templates).size).toBe(templates.length);
});

/** Everything with a schema: where it is, and the examples of it. */
const bodies = operations.flatMap(({ name, operation }) => [
  ...Object.entries(operation.requestBody?.content ?? {}).map(([type, media]) => ({ where: `${name} ${type}`, media })),
  ...Object.entries(operation.responses).flatMap(([status, response]) =>
    Object.entries(response.content).map(([type, media]) => ({ where: `${name} ${status} ${type}`, media })),
  ),
]);

test("everything that is sent or answered has an example, and the example is what its schema says", () => {
  const faults = bodies.flatMap(({ where, media: { schema, example, examples = {} } }) => {
    const given = [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)];
    if (given.length === 0) return [`${where} has no example`];
    const checked = z.fromJSONSchema(schema as never);
    return given.flatMap((each) => {
      const { error } = checked.safeParse(each);
      return error === undefined ? [] : [`${where}: ${z.prettifyError(error)}`];
    });
  });
  expect(faults).toEqual([]);
});

test("what must be sent is needed by its schema, and names in a schema are there", () => {
  for (const { required = [], properties = {} } of [...nodes(bodies.map(({ media }) => media.schema))] as JsonSchema[]) {
    if (!Array.isArray(required) || typeof properties !== "object") continue;
    expect(required.filter((name) => properties[name] === undefined)).toEqual([]);
  }
});

test("every operation declares one success and the errors that any call can meet, each with the one error body and an example per type", () => {
  for (const { name, operation } of operations) {
    const { responses } = operation;
    const statuses = Object.keys(responses);
    expect(
      statuses.filter((status) => status.startsWith("2")),
      name,
    ).toHaveLength(1);
    if (operation.tags[0] === "Deployment") continue;
    const isForAll = operation.security.every((way) => Object.keys(way).length === 0);
    expect(statuses, name).toEqual(expect.arrayContaining([...(isForAll ? [] : ["401"]), "400", "429", "500", "503"]));
    if (operation.requestBody !== undefined) expect(statuses, name).toEqual(expect.arrayContaining(["413", "415"]));
    if (/\{\w+\}/.test(name)) expect(statuses, name).toContain("404");
    for (const status of statuses.filter((each) => !each.startsWith("2"))) {
      const { schema, examples = {} } = responses[status]?.content["application/json"] ?? { schema: {} };
      expect(Object.keys(schema.properties ?? {}).toSorted(), `${name} ${status}`).toEqual([
        ...["details", "error", "error_code", "message", "request_id", "timestamp"],
      ]);
      expect(Object.keys(examples).length, `${name} ${status}`).toBeGreaterThan(0);
      for (const [type, { value }] of Object.entries(examples)) {
        const [right, code] = ERROR_CODES[type] ?? [];
        expect([name, status, value]).toEqual([name, String(right), expect.objectContaining({ error_code: type })]);
        expect(value).toMatchObject({ error: { type, code } });
      }
    }
  }
});

test("every answer declares the headers it has", () => {
  const always = ["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"];
  for (const { name, operation } of operations) {
    for (const [status, { headers = {}, description }] of Object.entries(operation.responses)) {
      expect(description, `${name} ${status}`).toMatch(/\S/);
      const more = status === "401" ? ["WWW-Authenticate"] : status === "429" || status === "503" ? ["Retry-After"] : [];
      expect(Object.keys(headers), `${name} ${status}`).toEqual(expect.arrayContaining([...always, ...more]));
    }
  }
});

test("what a call can be answered stands in the table of its errors: a status that is not declared fails every spec", async () => {
  const narrow = { ...document, paths: { ...document.paths, "/v1/me": { get: { ...document.paths["/v1/me"]?.get, responses: {} } } } };
  const check = checker(narrow as OpenApi);
  const answer = await send("GET", "/v1/me");
  expect(() => check("GET", "/v1/me", answer)).toThrow(/401 .* is not declared/);
  const { "/v1/status": _, ...rest } = document.paths;
  expect(() => checker({ ...document, paths: rest })("GET", "/v1/status", { ...answer, status: 200 })).toThrow(/not declared/);
});

test("every body of a change refuses fields that it does not know; a data route ignores them", () => {
  for (const { name, operation } of operations) {
    if (operation.tags.includes("Data")) continue;
    const schema = operation.requestBody?.content["application/json"].schema;
    if (schema !== undefined) expect(schema.additionalProperties, name).toBe(false);
  }
});

test("no answer declares a field for a secret but those that hand one out", () => {
  const handOut = new Set([
    "POST /v1/api-keys/{id}/rotate 200",
    "POST /generate_auth_token 200",
    "POST /v1/api-keys 201",
    "POST /v1/hand-overs/open 200",
    "POST /api/access/enable 201",
    "POST /api/access/rotate 200",
  ]);
  for (const { name, operation } of operations) {
    for (const [status, response] of Object.entries(operation.responses)) {
      const fields = [...nodes(response.content["application/json"]?.schema)].flatMap(({ properties }) =>
        Object.keys((properties as object | undefined) ?? {}),
      );
      const secret = fields.filter(
        (field) =>
          /^(secret|api_key|auth_token|hash|password.*|token)$/.test(field) && !(field === "hash" && name === "GET /v1/audit-logs"),
      );
      expect(secret.length > 0, `${name} ${status}: ${secret}`).toBe(handOut.has(`${name} ${status}`));
    }
  }
});

describe("what is declared is there", () => {
  test.each(operations.map(({ name, method, path }) => ({ name, method: method.toUpperCase(), path })))(
    "$name",
    async ({ method, path }) => {
      const { status } = await send(method, path.replaceAll(/\{\w+\}/g, "x"), { json: {} });
      expect([404, 405]).not.toContain(status);
    },
  );
});

describe("health", () => {
  test("says that it lives and that it can serve", async () => {
    const [live, health] = [await send("GET", "/api/health/live"), await send("GET", "/api/health")];
    expect([live.status, live.json]).toEqual([200, { status: "ok" }]);
    expect([health.status, health.json]).toEqual([200, expect.objectContaining({ status: "ok", database: true, usage_lost: 0 })]);
    expect((await send("HEAD", "/api/health")).status).toBe(200);
  });
});
