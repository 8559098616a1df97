import { z } from "zod";
import { callersOf, isOrgPermission } from "@/lib/access/permissions";
import * as audit from "@/lib/audit/schema";
import * as auth from "@/lib/auth/schema";
import * as documents from "@/lib/documents/schema";
import type { Endpoint } from "@/lib/endpoint";
import { AppError, type ErrorType, errorTypes, statusOf, toErrorBody } from "@/lib/errors";
import { ForwardAuthQuery, ForwardAuthView } from "@/lib/gateway/forward-auth";
import * as groups from "@/lib/groups/schema";
import { callersIn, countsOf, operationIdOf, parameterWords, pathParameters, tagWords } from "@/lib/http/describe";
import { errorGuide } from "@/lib/http/error-guide";
import { exampleOfInput, exampleOfOutput, type JsonSchema, toJson } from "@/lib/http/examples";
import { describeForms, gitleaksRules, scannerPaths, securityText, trufflehogRules } from "@/lib/keys/scanner";
import * as keys from "@/lib/keys/schema";
import * as orgs from "@/lib/orgs/schema";
import * as usage from "@/lib/usage/schema";

/** /openapi.json, made from the declarations that serve the API: OpenAPI 3.1, whose schemas are JSON Schema as zod writes it. Pure. */

const ErrorBody = z.object({
  error: z.object({
    type: z.enum(errorTypes as [ErrorType, ...ErrorType[]]),
    code: z.string().describe("the type in capitals; some types share one"),
    message: z.string(),
    retry_after: z.int().optional().describe("seconds"),
  }),
  error_code: z.string().describe("the same as error.type"),
  message: z.string(),
  details: z.record(z.string(), z.string()).describe("JSON path → what is wrong there"),
  request_id: z.string(),
  timestamp: z.string(),
});

const NodeHealth = z.object({
  status: z.enum(["ok", "unavailable"]),
  database: z.boolean(),
  lease: z.object({ held: z.boolean(), lag_ms: z.number(), nodes: z.int() }),
  cache: z.object({ keys: z.int(), unknown: z.int(), hit_rate: z.number().nullable() }),
  limiter: z.object({ store: z.string(), counters: z.int() }),
  usage_waiting: z.int(),
  usage_lag_seconds: z.number(),
  usage_lost: z.int(),
});

/** A schema that somebody exports has its name here too. */
const named = new Map<unknown, string>([
  [ErrorBody, "Error"],
  [NodeHealth, "NodeHealth"],
  [ForwardAuthView, "ForwardAuth"],
  ...[audit, auth, documents, groups, keys, orgs, usage]
    .flatMap((exports) => Object.entries(exports as Record<string, unknown>))
    .flatMap(([name, value]): [unknown, string][] => (value instanceof z.ZodType ? [[value, name]] : [])),
]);

/** Every error an endpoint can answer, by status. */
export function errorsOf(e: Endpoint): Map<number, ErrorType[]> {
  const callers = callersOf(e.permission);
  // Any call can come with a key that is wrong, too small for it, or written into the address; who calls does not always matter.
  const types = new Set<ErrorType>(["invalid_request", "rate_limit_exceeded", "internal_error", "unavailable", ...e.errors]);
  if (!callers.anybody) types.add("unauthorized");
  if (e.method !== "GET") for (const type of ["payload_too_large", "unsupported_media_type"] as const) types.add(type);
  if (callers.key) for (const type of ["account_deactivated", "ip_not_allowed", "quota_exceeded"] as const) types.add(type);
  if (callers.key || !(callers.operator || callers.anybody)) types.add("insufficient_scope");
  if (callers.session || callers.anonymous) types.add("forbidden");
  if (callers.session && e.method !== "GET") types.add("unsupported_media_type");
  if (callers.operator || isOrgPermission(e.permission) || e.path.includes("{")) types.add("not_found");
  return byStatus([...types]);
}

function byStatus(types: readonly ErrorType[]): Map<number, ErrorType[]> {
  const found = new Map<number, ErrorType[]>();
  for (const type of errorTypes.filter((each) => types.includes(each)))
    found.set(statusOf(type), [...(found.get(statusOf(type)) ?? []), type]);
  return found;
}

const HEADERS = {
  "X-Request-Id": { description: "Finds the call in the request log and in the operator’s.", schema: { type: "string" } },
  "X-RateLimit-Limit": { description: "Requests that the window allows.", schema: { type: "integer" } },
  "X-RateLimit-Remaining": { description: "How many of them are left.", schema: { type: "integer" } },
  "X-RateLimit-Reset": { description: "When the next window begins, in Unix seconds.", schema: { type: "integer" } },
  RateLimit: { description: "What is left of every limit that applies, and for how many seconds.", schema: { type: "string" } },
  "RateLimit-Policy": { description: "Every limit that applies, with its window in seconds.", schema: { type: "string" } },
  "Retry-After": { description: "Seconds to wait; of a quota, until the month ends.", schema: { type: "integer" } },
  "WWW-Authenticate": { description: "Bearer.", schema: { type: "string", const: "Bearer" } },
  "X-Latchkey-Status": { description: "With refuse=403, the status that it would have been.", schema: { type: "integer" } },
};
type HeaderName = keyof typeof HEADERS;
const ALWAYS: HeaderName[] = [
  ...(["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"] as const),
  ...(["RateLimit", "RateLimit-Policy"] as const),
];

const refsTo = (kind: string, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/${kind}/${name}` }]));

interface Operation {
  method: string;
  path: string;
  id: string;
  summary: string;
  description: string;
  tag: string;
  security: Record<string, string[]>[];
  query?: z.ZodType | null;
  body?: { schema: z.ZodType; required: boolean } | null;
  success: { status: number; description: string; content: Record<string, object>; headers?: readonly HeaderName[] };
  errors: Map<number, ErrorType[]>;
}

interface Deployment {
  endpoints: readonly Endpoint[];
  url: string;
  sessionCookie: string;
}

export function openApiDocument({ endpoints, url, sessionCookie }: Deployment): object {
  const components = new Components();
  const operations = [...endpoints.map((e) => operationOf(e, components)), ...apart(components, url)];
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    (paths[operation.path] as Record<string, object>)[operation.method.toLowerCase()] = written(operation, components);
  }
  const tags = new Set(operations.map(({ tag }) => tag));
  return {
    openapi: "3.1.1",
    info: {
      title: "Latchkey",
      version: "1",
      description: [
        "Keys, groups, usage and audit for the API behind this gateway, and that API itself.",
        "Send a key as `Authorization: Bearer <key>` or `X-API-Key: <key>`, never in the address. From a browser a key may be sent from any site.",
        "Lists answer `data`, `has_more` and `next_cursor`; hand the cursor back to read on. Times are ISO 8601 in UTC. Unknown fields of a change are refused; those of a data route are ignored.",
        "Every answer carries `X-Request-Id` and what is left of its limits; every error has the one body `Error`.",
        "“Session only” marks what a key cannot call: the console’s own calls, by cookie and `Latchkey-Organization`.",
      ].join("\n\n"),
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url }],
    externalDocs: { url: `${url}/docs`, description: "Quick start, errors, and how to put it in front of an API" },
    tags: [...Object.keys(tagWords).filter((tag) => tags.has(tag)), ...[...tags].filter((tag) => tagWords[tag] === undefined)].map(
      (name) => ({ name, description: tagWords[name] }),
    ),
    paths,
    components: { ...components.used(), securitySchemes: securitySchemes(sessionCookie) },
  };
}

function securitySchemes(sessionCookie: string): Record<string, object> {
  return {
    bearer: { type: "http", scheme: "bearer", description: "A key: `Authorization: Bearer <key>`." },
    apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "A key, in a header of its own." },
    session: {
      type: "apiKey",
      in: "cookie",
      name: sessionCookie,
      description: "A person signed in to the console. Changes are taken from its own pages only, and as JSON.",
    },
    organization: {
      type: "apiKey",
      in: "header",
      name: "Latchkey-Organization",
      description: "Beside a session: id or slug of the organization that the call is about.",
    },
    adminToken: { type: "apiKey", in: "header", name: "X-Admin-Token", description: "The operator’s token." },
  };
}

function operationOf(e: Endpoint, components: Components): Operation {
  const callers = callersOf(e.permission);
  const scopes = e.scope === null ? [] : [e.scope];
  const description = [
    `Called by ${callersIn(e).join("; ")}.`,
    ...(e.scope === null ? [] : [`Takes the scope \`${e.scope}\`.`]),
    `Counts ${countsOf(e)}.`,
    ...(e.event === null
      ? []
      : ["With `stream: true` it answers as server-sent events, each with such a chunk as its data; `[DONE]` ends them."]),
  ];
  return {
    method: e.method,
    path: e.path,
    id: operationIdOf(e),
    summary: e.summary,
    description: description.join(" "),
    tag: e.tag,
    security: [
      ...(callers.key ? [{ bearer: scopes }, { apiKey: scopes }] : []),
      ...(callers.session ? [isOrgPermission(e.permission) ? { session: [], organization: [] } : { session: [] }] : []),
      ...(callers.operator ? [{ adminToken: [] }] : []),
      ...(callers.anonymous ? [{}] : []),
    ],
    query: e.query,
    body: e.body === null ? null : { schema: e.body, required: !e.bodyOptional },
    success: {
      status: e.status,
      description: { 200: "Done", 201: "Made", 202: "Taken" }[e.status],
      content: {
        "application/json": {
          schema: components.schema(e.returns, "output"),
          example: exampleOfOutput(e.returns, `${e.method} ${e.path}`),
        },
        ...(e.event === null
          ? {}
          : { "text/event-stream": { schema: components.schema(e.event, "output"), example: exampleOfOutput(e.event) } }),
      },
    },
    errors: errorsOf(e),
  };
}

/** What is no endpoint: the call that takes any method and every path below it, and what says how the deployment does. */
function apart(components: Components, url: string): Operation[] {
  const json = (schema: z.ZodType) => ({
    "application/json": { schema: components.schema(schema, "output"), example: exampleOfOutput(schema) },
  });
  const open = { method: "GET", tag: "Deployment", security: [], errors: byStatus(["internal_error"]) };
  const scanned = { forms: [{ prefix: "lk_live_", length: 46 }], publicUrl: url };
  const identity = ["Organization", "Group", "Key", "Environment", "Scopes", "Access", "Request-Id"].map((name) => `X-Latchkey-${name}`);
  return [
    {
      method: "GET",
      path: "/v1/auth",
      id: "authorizeRequest",
      summary: "Ask for a proxy whether a request may pass; any method, and any path below",
      description: `Called with the client’s own key. Headers of the answer say whose it is: ${identity.join(", ")}. Counts against the key’s limit and the quota.`,
      tag: "Gateway",
      security: [{ bearer: [] }, { apiKey: [] }],
      query: ForwardAuthQuery,
      success: { status: 200, description: "It may pass", content: json(ForwardAuthView) },
      errors: byStatus([
        ...(["invalid_request", "unauthorized", "insufficient_credits", "account_deactivated", "ip_not_allowed"] as const),
        ...(["insufficient_scope", "rate_limit_exceeded", "quota_exceeded", "internal_error", "unavailable"] as const),
      ]),
    },
    {
      ...open,
      path: "/api/health",
      id: "getHealth",
      summary: "Whether this node can serve, and how it does",
      description: "Called by anybody. 503 while it cannot reach its database, with the same body.",
      success: { status: 200, description: "It can", content: json(NodeHealth) },
    },
    {
      ...open,
      path: "/api/health/live",
      id: "getLiveness",
      summary: "Whether this process runs",
      description: "Called by anybody. Touches nothing.",
      success: { status: 200, description: "It does", content: json(z.object({ status: z.literal("ok") })) },
    },
    {
      ...open,
      path: "/api/metrics",
      id: "getMetrics",
      summary: "Figures of this node for Prometheus",
      description: "Called by the operator, with X-Admin-Token or the same token as a bearer; from the machine itself without.",
      security: [{}, { adminToken: [] }, { bearer: [] }],
      success: {
        status: 200,
        description: "Prometheus’ text",
        content: { "text/plain": { schema: { type: "string" }, example: "latchkey_lease_held 1\n" } },
      },
      errors: byStatus(["invalid_request", "unauthorized", "not_found", "rate_limit_exceeded", "internal_error", "unavailable"]),
    },
    {
      ...open,
      path: scannerPaths.description,
      id: "getSecretScanning",
      summary: "How a leaked key is recognised: form, checksum, and where to report one",
      description: "Called by anybody, scanners above all.",
      success: {
        status: 200,
        description: "The forms of our keys",
        content: {
          "application/json": {
            schema: { type: "object" },
            example: describeForms(scanned),
          },
        },
      },
      errors: byStatus(["internal_error", "unavailable"]),
    },
    ...[
      {
        path: scannerPaths.gitleaks,
        id: "getGitleaksRules",
        what: "Rules for gitleaks",
        type: "application/toml",
        example: gitleaksRules(scanned),
      },
      {
        path: scannerPaths.trufflehog,
        id: "getTrufflehogRules",
        what: "Rules for TruffleHog",
        type: "application/yaml",
        example: trufflehogRules(scanned),
      },
      {
        path: scannerPaths.security,
        id: "getSecurityText",
        what: "Whom to tell about a fault (RFC 9116)",
        type: "text/plain",
        example: securityText(url, EXAMPLE_MS),
      },
    ].map(({ path, id, what, type, example }) => ({
      ...open,
      path,
      id,
      summary: what,
      description: "Called by anybody.",
      success: { status: 200, description: what, content: { [type]: { schema: { type: "string" }, example } } },
      errors: byStatus(["internal_error", "unavailable"]),
    })),
    {
      ...open,
      path: "/openapi.json",
      id: "getOpenApi",
      summary: "This description",
      description: "Called by anybody.",
      success: {
        status: 200,
        description: "OpenAPI 3.1",
        content: { "application/json": { schema: { type: "object" }, example: { openapi: "3.1.1" } } },
      },
    },
  ];
}

function written(o: Operation, components: Components): object {
  const query = o.query == null ? {} : (toJson(o.query, "input") as JsonSchema);
  const parameters = [
    ...pathParameters(o.path).map(({ name, description, example }) => ({
      name,
      in: "path",
      required: true,
      description,
      schema: { type: "string" },
      example,
    })),
    ...Object.entries(query.properties ?? {}).map(([name, { description = parameterWords(name), ...schema }]) => ({
      name,
      in: "query",
      required: query.required?.includes(name) === true && schema.default === undefined,
      description,
      schema,
    })),
  ];
  const success = components.answer(o.success.description, o.success.content, o.success.headers ?? []);
  return {
    operationId: o.id,
    summary: o.summary,
    description: o.description,
    tags: [o.tag],
    security: o.security,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(o.body == null
      ? {}
      : {
          requestBody: {
            required: o.body.required,
            content: {
              "application/json": {
                schema: components.schema(o.body.schema, "input"),
                example: exampleOfInput(o.body.schema, `${o.method} ${o.path}`),
              },
            },
          },
        }),
    responses: {
      [o.success.status]: success,
      ...(o.path === "/api/health" ? { 503: components.answer("It cannot", o.success.content, ["Retry-After"]) } : {}),
      ...Object.fromEntries([...o.errors].map(([status, types]) => [status, components.refusal(status, types, o.path === "/v1/auth")])),
    },
  };
}

/** Where a part of a schema says, until it is hoisted, under which name. */
const NAME = "x-name";

/** What several operations share, each under one name, and only what one of them uses. */
class Components {
  readonly #schemas: Record<string, JsonSchema> = {};
  readonly #responses: Record<string, object> = {};
  readonly #examples: Record<string, object> = {};
  readonly #headers = new Set<HeaderName>();

  used(): Record<string, object> {
    return {
      schemas: this.#schemas,
      responses: this.#responses,
      examples: this.#examples,
      headers: Object.fromEntries([...this.#headers].map((name) => [name, HEADERS[name]])),
    };
  }

  schema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    return this.#hoist(
      toJson(schema, io, (part, from) => {
        const name = named.get(from);
        if (name !== undefined) part[NAME] = name;
      }),
    );
  }

  answer(description: string, content: Record<string, object>, more: readonly HeaderName[]): object {
    const headers = [...ALWAYS, ...more];
    for (const name of headers) this.#headers.add(name);
    return { description, headers: refsTo("headers", headers), content };
  }

  refusal(status: number, types: readonly ErrorType[], masked: boolean): object {
    const name = `${types.map(pascal).join("Or")}${masked ? "ToProxy" : ""}`;
    this.#responses[name] ??= this.answer(
      types.map((type) => errorGuide[type].title).join(". "),
      {
        "application/json": {
          schema: this.schema(ErrorBody, "output"),
          examples: Object.fromEntries(types.map((type) => [type, this.#example(type)])),
        },
      },
      [
        ...(status === 401 ? (["WWW-Authenticate"] as const) : []),
        ...(status === 429 || status === 503 ? (["Retry-After"] as const) : []),
        ...(masked ? (["X-Latchkey-Status"] as const) : []),
      ],
    );
    return { $ref: `#/components/responses/${name}` };
  }

  #example(type: ErrorType): object {
    this.#examples[type] ??= { summary: errorGuide[type].title, value: errorExample(type) };
    return { $ref: `#/components/examples/${type}` };
  }

  /** Puts each part that has a name among the components, and a reference in its place. */
  #hoist({ [NAME]: own, ...json }: JsonSchema): JsonSchema {
    const inner = (part: JsonSchema) => this.#hoist(part);
    const { properties, items, anyOf, additionalProperties } = json;
    const bare: JsonSchema = {
      ...json,
      ...(properties === undefined
        ? {}
        : { properties: Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, inner(part)])) }),
      ...(items === undefined ? {} : { items: inner(items) }),
      ...(anyOf === undefined ? {} : { anyOf: anyOf.map(inner) }),
      ...(typeof additionalProperties === "object" ? { additionalProperties: inner(additionalProperties) } : {}),
    };
    if (own === undefined) return bare;
    // What is taken and what is given may differ under one name.
    const name = this.#schemas[own] === undefined || same(this.#schemas[own], bare) ? own : `${own}Input`;
    this.#schemas[name] ??= bare;
    return { $ref: `#/components/schemas/${name}` };
  }
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const pascal = (words: string) => words.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());

const EXAMPLE_MS = Date.parse("2026-11-20T12:00:00.000Z");

/** A body of this type, as it may read. */
export function errorExample(type: ErrorType): object {
  const details = { invalid_request: { limit: "must be at least 1" }, insufficient_scope: { scope: "chat" } }[type as string] ?? {};
  const wait = { rate_limit_exceeded: 30, quota_exceeded: 864_000, unavailable: 2 }[type as string];
  const error = new AppError(type, errorGuide[type].says, { details, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) });
  return toErrorBody(error, "req_01kafd7c3v5b8n0m2q4w6e9rty", EXAMPLE_MS);
}
