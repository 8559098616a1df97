import { describe, expect, test } from "vitest";
import { z } from "zod";
import { endpoint } from "@/lib/endpoint";
import { errorTypes } from "@/lib/errors";
import { operationIdOf } from "@/lib/http/describe";
import { exampleOfInput, exampleOfOutput } from "@/lib/http/examples";
import { openApiDocument } from "@/lib/http/openapi";
import { CreateKey, Key, KeyList, NewKey } from "@/lib/keys/schema";

describe("an operation's name says what it does", () => {
  const One = z.object({ id: z.string() });
  const Many = z.object({ data: z.array(One) });

  test.each<[string, string, z.ZodType]>([
    ["GET /v1/api-keys", "listApiKeys", Many],
    ["POST /v1/api-keys", "createApiKey", One],
    ["GET /v1/api-keys/{id}", "getApiKey", One],
    ["PATCH /v1/api-keys/{id}", "updateApiKey", One],
    ["DELETE /v1/api-keys/{id}", "revokeApiKey", One],
    ["POST /v1/api-keys/{id}/rotate", "rotateApiKey", One],
    ["GET /v1/api-keys/{id}/activity", "getApiKeyActivity", One],
    ["GET /v1/api-keys/{id}/hand-overs", "listApiKeyHandOvers", Many],
    ["POST /v1/api-keys/{id}/hand-overs", "createApiKeyHandOver", One],
    ["POST /v1/keys/verify", "verifyKey", One],
    ["GET /v1/me", "getMe", One],
    ["POST /v1/sign-up", "signUp", One],
    ["POST /generate_auth_token", "generateAuthToken", One],
    ["POST /api/access/enable", "enableAccess", One],
  ])("%s is %s", (route, id, returns) => {
    const [method, path] = route.split(" ") as ["GET", string];
    expect(operationIdOf({ method, path, returns })).toBe(id);
  });
});

describe("an example", () => {
  test("of what is sent has what must be sent, of an empty body its first field", () => {
    expect(exampleOfInput(CreateKey)).toEqual({ name: "Invoice intake" });
    expect(exampleOfInput(CreateKey.partial())).toEqual({ name: "Invoice intake" });
    expect(exampleOfInput(z.strictObject({}))).toEqual({});
  });

  test("of what is given has every field, and is what its schema gives", () => {
    for (const schema of [Key, NewKey, KeyList]) {
      const example = exampleOfOutput(schema);
      expect(schema.safeParse(example).error).toBeUndefined();
    }
    expect(exampleOfOutput(Key)).toMatchObject({ object: "api_key", status: "active", is_active: true, revoked_at: null, rotation: null });
  });

  test("of any schema is one that the schema takes", () => {
    const strange = z.object({
      status: z.enum(["queued", "done"]),
      limit: z.int().max(5),
      name: z.string().regex(/^\d+$/).or(z.null()),
      things: z.array(z.object({ at: z.iso.datetime(), on: z.boolean(), score: z.number().min(3) })),
      either: z.union([z.object({ a: z.literal("x") }), z.null()]),
      map: z.record(z.string(), z.int()),
      any: z.unknown(),
    });
    expect(strange.safeParse(exampleOfOutput(strange)).error?.issues ?? []).toMatchObject([{ path: ["name"] }]);
  });
});

describe("the document", () => {
  const Thing = z.object({ id: z.string(), key: Key.nullable() });
  const made = openApiDocument({
    endpoints: [
      endpoint("GET /v1/things", { tag: "Keys", summary: "a", permission: "keys.read", returns: KeyList }, async () => ({}) as never),
      endpoint(
        "POST /v1/things",
        { tag: "Keys", summary: "b", permission: "org.write", body: CreateKey, returns: Thing },
        async () => ({}) as never,
      ),
      endpoint(
        "POST /v1/things/{id}/ask",
        { tag: "Data", summary: "c", permission: "data.write", scope: "chat", returns: Thing, event: z.object({ part: z.string() }) },
        async () => ({}) as never,
      ),
      endpoint("POST /v1/find", { tag: "Operator", summary: "d", permission: "metrics.read", returns: Thing }, async () => ({}) as never),
      endpoint("POST /v1/open", { tag: "Keys", summary: "e", permission: "sessions.create", returns: Thing }, async () => ({}) as never),
      endpoint("GET /v1/mine", { tag: "Keys", summary: "f", permission: "account.manage", returns: Thing }, async () => ({}) as never),
    ],
    url: "https://keys.example",
    sessionCookie: "the.session",
    // biome-ignore lint/suspicious/noExplicitAny: a document is looked into, not typed
  }) as any;
  const of = (route: string) => {
    const [method = "", path = ""] = route.split(" ");
    return made.paths[path][method.toLowerCase()];
  };

  test("names each schema once, and refers to it", () => {
    const { schemas } = made.components;
    expect(Object.keys(schemas).toSorted()).toEqual(["CreateKey", "Error", "ForwardAuth", "Key", "KeyList", "NodeHealth"]);
    expect(schemas.KeyList.properties.data.items).toEqual({ $ref: "#/components/schemas/Key" });
    expect(of("POST /v1/things").requestBody.content["application/json"].schema).toEqual({ $ref: "#/components/schemas/CreateKey" });
    expect(JSON.stringify(made)).not.toContain("x-name");
  });

  test("closes what is taken, not what is given: that may grow", () => {
    expect(made.components.schemas.CreateKey.additionalProperties).toBe(false);
    expect(made.components.schemas.Key).not.toHaveProperty("additionalProperties");
  });

  test("says how each kind of caller gets in", () => {
    const session = { session: [], organization: [] };
    expect(of("GET /v1/things").security).toEqual([{ bearer: [] }, { apiKey: [] }, session]);
    expect(of("POST /v1/things/{id}/ask").security).toEqual([{ bearer: ["chat"] }, { apiKey: ["chat"] }]);
    expect(of("POST /v1/find").security).toEqual([{ adminToken: [] }]);
    expect(of("POST /v1/open").security).toEqual([{ session: [] }, {}]);
    expect(of("GET /v1/mine").security).toEqual([{ session: [] }]);
    expect(of("GET /v1/mine").description).toContain("session only");
    expect(made.components.securitySchemes.session).toMatchObject({ in: "cookie", name: "the.session" });
  });

  test("has every error of every endpoint with its words, and each type has an example", () => {
    const { responses, examples } = made.components;
    expect(of("GET /v1/things").responses["401"]).toEqual({ $ref: "#/components/responses/Unauthorized" });
    expect(responses.Unauthorized.headers).toHaveProperty("WWW-Authenticate");
    expect(responses.RateLimitExceededOrQuotaExceeded.headers).toHaveProperty("Retry-After");
    expect(examples.rate_limit_exceeded.value).toMatchObject({
      error: { code: "RATE_LIMITED", retry_after: 30 },
      error_code: "rate_limit_exceeded",
    });
    expect(Object.keys(examples).every((type) => (errorTypes as string[]).includes(type))).toBe(true);
  });

  test("describes an answer in parts beside the whole one", () => {
    expect(Object.keys(of("POST /v1/things/{id}/ask").responses["200"].content)).toEqual(["application/json", "text/event-stream"]);
  });
});
