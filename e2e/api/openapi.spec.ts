import { describe, expect, test } from "vitest";
import { type JsonSchema, type OpenApi, resolveRef, startApi } from "./client";

const api = await startApi();
const { document, send } = api;
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
  "DELETE /v1/api-keys/{id}",
  "GET /v1/api-groups",
  "POST /v1/api-groups",
  "GET /v1/api-groups/{id}",
  "GET /v1/usage",
  "GET /v1/logs",
  "GET /v1/audit-logs",
  "GET /v1/auth",
  "POST /v1/keys/verify",
  "POST /api/access/enable",
];

test("the document is OpenAPI 3.1, answered to anybody, with the same headers as all else", async () => {
  const answer = await send("GET", "/openapi.json");
  expect(answer.status).toBe(200);
  expect(answer.json).toMatchObject({
    openapi: expect.stringMatching(/^3\.1\.\d+$/),
    info: { title: expect.any(String), version: expect.any(String) } satisfies Record<string, unknown>,
  });
  expect((answer.json as OpenApi).paths).toEqual(document.paths);
});

test("every endpoint that the contract names is there", () => {
  expect(operations.map(({ name }) => name)).toEqual(expect.arrayContaining(CONTRACT));
});

test("every reference leads somewhere", () => {
  const refs = [...nodes(document)].map(({ $ref }) => $ref).filter((ref): ref is string => typeof ref === "string");
  expect(refs.filter((ref) => !ref.startsWith("#/") || resolveRef(document, ref) === undefined)).toEqual([]);
});

test("every operation has a name of its own, a summary, tags and a way in that is defined", () => {
  const ids = [...nodes(document.paths)].map(({ operationId }) => operationId).filter((id) => id !== undefined);
  expect(ids).toHaveLength(operations.length);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { name, operation } of operations) {
    expect(operation, name).toMatchObject({ summary: expect.stringMatching(/\S/), tags: [expect.any(String)] });
    for (const scheme of (operation.security ?? []).flatMap((way) => Object.keys(way)))
      expect(document.components.securitySchemes, name).toHaveProperty(scheme);
  }
});

test("every part of a path is a declared parameter, and no other is", () => {
  for (const { name, path, operation } of operations) {
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    expect(declared.map((parameter) => parameter.name).toSorted(), name).toEqual(
      [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).toSorted(),
    );
    expect(
      declared.every(({ required }) => required === true),
      name,
    ).toBe(true);
  }
});

test("every operation declares one success and the errors that any call can meet, each with the one error body", () => {
  for (const { name, operation } of operations) {
    const statuses = Object.keys(operation.responses);
    expect(
      statuses.filter((status) => status.startsWith("2")),
      name,
    ).toHaveLength(1);
    expect(statuses, name).toEqual(expect.arrayContaining(["400", "401", "429", "500", "503"]));
    for (const [status, response] of Object.entries(operation.responses)) {
      const schema = response.content?.["application/json"]?.schema as JsonSchema | undefined;
      expect(schema, `${name} ${status}`).toBeDefined();
      if (!status.startsWith("2"))
        expect(Object.keys(schema?.properties ?? {}).toSorted(), `${name} ${status}`).toEqual([
          "details",
          "error",
          "error_code",
          "message",
          "request_id",
          "timestamp",
        ]);
    }
  }
});

test("every body of a change refuses fields that it does not know", () => {
  for (const { name, operation } of operations) {
    const schema = operation.requestBody?.content["application/json"].schema;
    if (schema !== undefined) expect(schema.additionalProperties, name).toBe(false);
  }
});

test("no answer declares a field for a secret but those that hand one out", () => {
  const handOut = new Set(["POST /v1/api-keys 201", "POST /api/access/enable 201"]);
  for (const { name, operation } of operations) {
    for (const [status, response] of Object.entries(operation.responses)) {
      const fields = [...nodes(response.content?.["application/json"]?.schema)].flatMap(({ properties }) =>
        Object.keys((properties as object | undefined) ?? {}),
      );
      const secret = fields.filter(
        (field) => /^(secret|api_key|hash|password.*|token)$/.test(field) && !(field === "hash" && name === "GET /v1/audit-logs"),
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
