// The public API as a program meets it: a server of the file's own, spoken to over HTTP alone. Every answer is held against the
// contract: headers (§5), the error body (§6), and the schema that /openapi.json declares for it.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { afterAll, expect } from "vitest";
import { z } from "zod";
import { eventually } from "@/lib/testing/eventually";
import { startServer, type TestServer } from "@/lib/testing/server";

/** Next answers what its own router cannot read before our handler sees it: addresses that do not decode, and bare mount points. */
export const throughNext = process.env.LATCHKEY_TEST_MOUNT === "next";
export const ADMIN_TOKEN = "operator-token-of-the-tests";
export const PASSWORD = "a short sentence works";

export interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a server answered is checked against its schema, not by the compiler
  json: any;
}

export interface Call {
  key?: string;
  /** Calls as a signed-in person in their organization, from the console's own pages. */
  as?: Person;
  org?: string | null;
  json?: unknown;
  /** A body as it is. */
  body?: string | Buffer;
  headers?: Record<string, string | string[] | null>;
}

export interface Person {
  email: string;
  /** id, slug */
  org: string;
  slug: string;
  cookie: string;
}

interface Media {
  schema: JsonSchema;
  example?: unknown;
  examples?: Record<string, { summary: string; value: unknown }>;
}

export interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  responses: Record<string, { description: string; headers?: Record<string, object>; content: Record<string, Media> }>;
  requestBody?: { required: boolean; content: { "application/json": Media } };
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: JsonSchema }[];
  security: Record<string, string[]>[];
}

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  enum?: unknown[];
  minimum?: number;
}

export interface OpenApi {
  openapi: string;
  servers: { url: string }[];
  tags: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

const METHODS_OF_BODY = ["POST", "PATCH", "DELETE", "PUT"];

export interface Api {
  server: TestServer;
  /** /openapi.json with every reference resolved, and as it is. */
  document: OpenApi;
  source: OpenApi;
  /** Sends and checks. `path` is as it goes over the wire. */
  send(method: string, path: string, call?: Call): Promise<Answer>;
  signUp(name?: string): Promise<Person>;
  /** Ticket → cookie, by next-auth's own form. */
  openSession(ticket: string): Promise<string>;
  newGroup(as: Person, name?: string): Promise<{ id: string }>;
  newKey(as: Person, input?: object): Promise<{ id: string; secret: string; key_prefix: string; group_id: string }>;
  /** A customer that the operator enabled, with limits of its own. */
  enable(input?: object): Promise<{ client_id: string; api_key: string; key_prefix: string }>;
}

/** Starts a server and stops it at the end of the file or `describe`. Awaited there, never inside a test: that would leave it running. */
export async function startApi(env: Record<string, string> = {}): Promise<Api> {
  const server = await startServer({ env: { ADMIN_TOKEN, ...env } });
  afterAll(() => server.stop());
  return apiOf(server);
}

export async function apiOf(server: TestServer): Promise<Api> {
  const source = (await raw(server, "GET", "/openapi.json")).json as OpenApi;
  const document = inlined(source, source) as OpenApi;
  const check = checker(document);
  let number = 0;

  async function send(method: string, path: string, call: Call = {}): Promise<Answer> {
    const answer = await raw(server, method, path, call);
    if (/^\/(v1|chat|(generate|revoke)_auth_token|api\/(access|health|keys)|openapi\.json)/.test(path)) check(method, path, answer);
    return answer;
  }

  async function openSession(ticket: string): Promise<string> {
    const csrf = await raw(server, "GET", "/api/auth/csrf");
    const cookies = cookiesOf(csrf);
    const form = new URLSearchParams({ csrfToken: csrf.json.csrfToken, ticket, json: "true", callbackUrl: server.url });
    const answer = await raw(server, "POST", "/api/auth/callback/ticket", {
      body: form.toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded", Cookie: cookies },
    });
    const session = cookiesOf(answer)
      .split("; ")
      .find((cookie) => cookie.includes("latchkey.session="));
    if (answer.status !== 200 || session === undefined) throw new Error(`No session was opened: ${answer.status} ${answer.text}`);
    return session;
  }

  async function signUp(name = `person-${++number}`): Promise<Person> {
    const email = `${name}-${randomBytes(4).toString("hex")}@people.example`;
    const answer = await send("POST", "/v1/sign-up", { json: { email, password: PASSWORD, organization: `Org of ${name}` } });
    expect(answer.status).toBe(201);
    const cookie = await openSession(answer.json.ticket);
    const person = { email, slug: answer.json.organization, org: "", cookie };
    return { ...person, org: (await send("GET", "/v1/organization", { as: person, org: person.slug })).json.id };
  }

  async function made<T>(answer: Answer): Promise<T> {
    if (answer.status !== 201) throw new Error(`Nothing was made: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  return {
    server,
    document,
    source,
    send,
    signUp,
    openSession,
    newGroup: async (as, name = `Group ${++number}`) => made(await send("POST", "/v1/api-groups", { as, json: { name } })),
    newKey: async (as, input = {}) => made(await send("POST", "/v1/api-keys", { as, json: { name: `Key ${++number}`, ...input } })),
    enable: async (input = {}) =>
      made(
        await send("POST", "/api/access/enable", {
          headers: { "X-Admin-Token": ADMIN_TOKEN },
          json: { email: `client-${++number}@people.example`, company: "Client", tier: "free", ...input },
        }),
      ),
  };
}

/** "name=value; …" of what an answer sets. */
export function cookiesOf(answer: Answer): string {
  return (answer.headers["set-cookie"] ?? "")
    .split("\n")
    .map((cookie) => cookie.split(";")[0])
    .join("; ");
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });
afterAll(() => agent.destroy());

/** One request, with exactly these headers. */
export function raw(
  server: Pick<TestServer, "url">,
  method: string,
  path: string,
  { key, as, org = as?.org, json, body, headers = {} }: Call = {},
): Promise<Answer> {
  const content = body ?? (json === undefined ? undefined : JSON.stringify(json));
  const sent: Record<string, string | string[] | null> = {
    ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
    ...(as === undefined ? {} : { Cookie: as.cookie, "Sec-Fetch-Site": "same-origin", ...(org ? { "Latchkey-Organization": org } : {}) }),
    ...(json !== undefined || (as !== undefined && METHODS_OF_BODY.includes(method)) ? { "Content-Type": "application/json" } : {}),
    ...(content === undefined ? {} : { "Content-Length": String(Buffer.byteLength(content)) }),
    ...headers,
  };
  const { hostname, port } = new URL(server.url);
  return new Promise((done, fail) => {
    const request = http.request(
      {
        agent,
        hostname,
        port,
        method,
        path,
        headers: Object.fromEntries(Object.entries(sent).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const flat = Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join("\n") : (value ?? "")]),
          );
          done({ status: response.statusCode ?? 0, headers: flat, text, json: parsed(text) });
        });
      },
    );
    request.on("error", fail);
    request.end(content);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Bytes as they are over a socket; the answer as it came, until the server closes or `seconds` pass. */
export function wire(server: Pick<TestServer, "url">, bytes: string | Buffer, seconds = 5): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((done) => {
    const socket = net.connect(Number(port), hostname);
    let text = "";
    const timer = setTimeout(() => socket.destroy(), seconds * 1000);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      done(text);
    });
    // Not ended: a server that sees the other half closed owes no answer any more.
    if (bytes.length > 0) socket.write(bytes);
    else socket.end();
  });
}

export const ERROR_CODES: Record<string, [number, string]> = {
  invalid_request: [400, "INVALID_PAYLOAD"],
  unauthorized: [401, "UNAUTHORIZED"],
  insufficient_credits: [402, "INSUFFICIENT_CREDITS"],
  forbidden: [403, "FORBIDDEN"],
  insufficient_scope: [403, "INSUFFICIENT_SCOPE"],
  ip_not_allowed: [403, "IP_NOT_ALLOWED"],
  account_deactivated: [403, "ACCOUNT_DEACTIVATED"],
  not_found: [404, "NOT_FOUND"],
  method_not_allowed: [405, "METHOD_NOT_ALLOWED"],
  conflict: [409, "CONFLICT"],
  payload_too_large: [413, "PAYLOAD_TOO_LARGE"],
  unsupported_media_type: [415, "UNSUPPORTED_MEDIA_TYPE"],
  rate_limit_exceeded: [429, "RATE_LIMITED"],
  quota_exceeded: [429, "RATE_LIMITED"],
  internal_error: [500, "INTERNAL_ERROR"],
  unavailable: [503, "UNAVAILABLE"],
};

/** The body of contract §6, whole. */
function checkError({ status, headers, json }: Answer): void {
  const type: string = json?.error?.type;
  const [right, code] = ERROR_CODES[type] ?? [];
  const retry = headers["retry-after"];
  expect(json).toEqual({
    error: { type, code, message: expect.stringMatching(/\S/), ...(retry === undefined ? {} : { retry_after: Number(retry) }) },
    error_code: type,
    message: json?.error?.message,
    details: expect.any(Object),
    request_id: headers["x-request-id"],
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  expect(status, type).toBe(right);
  expect(Object.values(json.details).every((word) => typeof word === "string")).toBe(true);
  if (status === 401) expect(headers["www-authenticate"]).toBe("Bearer");
  if (status === 429 || status === 503) expect(Number(retry)).toBeGreaterThanOrEqual(1);
}

/** The headers of contract §5. */
function checkHeaders({ headers }: Answer): void {
  expect(headers["x-request-id"]).toMatch(/^req_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  for (const name of ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]) expect(headers[name], name).toMatch(/^\d+$/);
  expect(Number(headers["x-ratelimit-remaining"])).toBeLessThanOrEqual(Number(headers["x-ratelimit-limit"]));
  const away = Number(headers["x-ratelimit-reset"]) - Date.now() / 1000;
  expect(away).toBeGreaterThan(-2);
  expect(away).toBeLessThanOrEqual(901);
  expect(headers["ratelimit-policy"]).toMatch(/^"\w+";q=\d+;w=\d+(, "\w+";q=\d+;w=\d+)*$/);
  expect(headers.ratelimit).toMatch(/^"\w+";r=\d+;t=\d+(, "\w+";r=\d+;t=\d+)*$/);
  expect(headers["access-control-allow-origin"]).toBe("*");
  expect(headers["access-control-allow-credentials"]).toBeUndefined();
  expect(headers["cache-control"]).toMatch(/no-store/);
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers["x-powered-by"]).toBeUndefined();
}

/** Holds answers against the document: a status or a path that it does not declare is a fault, and so is a body of another shape. */
export function checker(document: OpenApi): (method: string, path: string, answer: Answer) => void {
  const schemas = new Map<string, z.ZodType>();
  return (method, path, answer) => {
    checkHeaders(answer);
    if (method === "HEAD" || method === "OPTIONS") return expect(answer.text).toBe("");
    const type = answer.headers["content-type"]?.split(";")[0] ?? "";
    expect(type).toMatch(/^(application\/json|text\/event-stream)$/);
    if (answer.status >= 400 && !path.startsWith("/api/health")) checkError(answer);
    const template = templateOf(document, path);
    const declared = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
    if (declared === undefined) {
      // Of /v1/auth any method and every path below is answered like the one that is declared.
      if (answer.status >= 400 || /^\/v1\/auth([/?]|$)/.test(path)) return;
      throw new Error(`${method} ${path} answers ${answer.status} and is not declared in /openapi.json`);
    }
    const name = `${method} ${template} ${answer.status} ${type}`;
    const schema = declared.responses[answer.status]?.content[type]?.schema;
    if (schema === undefined) throw new Error(`${name} is not declared in /openapi.json: ${answer.text}`);
    if (!schemas.has(name)) schemas.set(name, z.fromJSONSchema(closed(schema) as never));
    for (const part of type === "text/event-stream" ? eventsOf(answer) : [answer.json]) {
      const parsed = schemas.get(name)?.safeParse(part);
      if (parsed?.success !== true) throw new Error(`${name} is not as declared: ${parsed?.error.message}\n${answer.text}`);
    }
  };
}

/** What a stream of server-sent events says, without the [DONE] that must end it. */
export function eventsOf({ text }: Answer): ReturnType<typeof JSON.parse>[] {
  expect(text).toMatch(/^(data: \{.*\}\n\n)+data: \[DONE\]\n\n$/);
  const events = text.slice(0, -2).split("\n\n");
  return events.slice(0, -1).map((event) => JSON.parse(event.slice("data: ".length)));
}

export function templateOf(document: OpenApi, path: string): string | undefined {
  const plain = path.split("?")[0] ?? "";
  if (document.paths[plain] !== undefined) return plain;
  return Object.keys(document.paths).find((template) => new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`).test(plain));
}

/** The schema with every object closed: a field that nobody declared is a leak. */
function closed(schema: JsonSchema): JsonSchema {
  const inner = (each: JsonSchema) => closed(each);
  return {
    ...schema,
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, inner(each)])),
          additionalProperties: schema.additionalProperties ?? false,
        }),
    ...(schema.items === undefined ? {} : { items: inner(schema.items) }),
    ...(schema.anyOf === undefined ? {} : { anyOf: schema.anyOf.map(inner) }),
  };
}

/** A part of the document with what it refers to in place of the references. */
function inlined(document: OpenApi, part: unknown): unknown {
  if (typeof part !== "object" || part === null) return part;
  if (Array.isArray(part)) return part.map((each) => inlined(document, each));
  const { $ref } = part as { $ref?: unknown };
  if (typeof $ref === "string") return inlined(document, resolveRef(document, $ref));
  return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, inlined(document, each)]));
}

/** What "#/…" points at, or undefined. */
export function resolveRef(document: OpenApi, ref: string): unknown {
  return ref
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>(
      (place, name) => (place as Record<string, unknown> | undefined)?.[name.replaceAll("~1", "/").replaceAll("~0", "~")],
      document,
    );
}

/** What a server without SMTP_URL has mailed, oldest first. */
export function mailsOf({ dataDir }: Pick<TestServer, "dataDir">): string[] {
  const outbox = path.join(dataDir, "outbox");
  if (!fs.existsSync(outbox)) return [];
  return fs
    .readdirSync(outbox)
    .toSorted()
    .map((name) => fs.readFileSync(path.join(outbox, name), "utf8"));
}

/** The token in the newest link of this kind that was mailed to somebody. */
export function tokenMailedTo(server: TestServer, email: string, kind: "reset" | "invites"): Promise<string> {
  const link = new RegExp(`/${kind}/([\\w-]+)`);
  return eventually(() => link.exec(mailsOf(server).findLast((mail) => mail.includes(`To: ${email}\n`) && link.test(mail)) ?? "")?.[1]);
}

/** Waits until at least `seconds` of the running UTC minute are left, so that a count is not cut in two. */
export async function roomInMinute(seconds: number): Promise<void> {
  const left = 60 - ((Date.now() / 1000) % 60);
  if (left < seconds) await new Promise((done) => setTimeout(done, (left + 0.1) * 1000));
}

export const randomId = (type: string) =>
  `${type}_0${Array.from(randomBytes(25), (byte) => "0123456789abcdefghjkmnpqrstvwxyz"[byte % 32]).join("")}`;

/** The errors of two answers, without what every answer has of its own. */
export function bodyOf({ status, text }: Answer): string {
  return `${status} ${text.replace(/req_[0-9a-z]{26}/g, "req_…").replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…")}`;
}
