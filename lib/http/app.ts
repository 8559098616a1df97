import "server-only";
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { auditEndpoints } from "@/lib/audit/endpoints";
import { authEndpoints } from "@/lib/auth/endpoints";
import type { Front } from "@/lib/auth/front";
import { sessionCookie } from "@/lib/auth/session";
import { now } from "@/lib/clock";
import { ping } from "@/lib/db";
import { type Endpoint, endpoint, Nothing } from "@/lib/endpoint";
import { env } from "@/lib/env";
import { AppError, notFound, statusOf, toAppError, toErrorBody } from "@/lib/errors";
import { gatewayEndpoints } from "@/lib/gateway/endpoints";
import { groupEndpoints } from "@/lib/groups/endpoints";
import { parse, readJson } from "@/lib/http/body";
import { addressLimit, hasCredential, recognise, type Trace } from "@/lib/http/caller";
import { limitHeaders } from "@/lib/http/limits";
import { describeEndpoint, describeSecurity } from "@/lib/http/openapi";
import { keyEndpoints } from "@/lib/keys/endpoints";
import { limitStore } from "@/lib/limits/store";
import type { LimitState } from "@/lib/limits/window";
import { describe, log } from "@/lib/log";
import { orgEndpoints } from "@/lib/orgs/endpoints";
import { once } from "@/lib/runtime";
import { usageEndpoints } from "@/lib/usage/endpoints";
import { recordUsage, usageBacklog } from "@/lib/usage/record";

/**
 * The public API: one Hono application put together from every noun's endpoints, mounted by the front server on Node's HTTP and by
 * Next's route handlers. Each call: who is it, may they, parse, call, respond, record.
 */

export const endpoints: Endpoint[] = [
  ...orgEndpoints,
  ...groupEndpoints,
  ...keyEndpoints,
  ...usageEndpoints,
  ...auditEndpoints,
  ...gatewayEndpoints,
  ...authEndpoints,
];

/** The paths that belong to this application and not to Next. */
export const API_PATHS = /^\/(v1|api\/access|api\/health)(\/|$)|^\/openapi\.json$/;

/** A key's call to a path that is not there counts like any other, under one name however many paths are tried. */
const NOWHERE = "(unknown path)";
const nowhere = endpoint(`GET /${NOWHERE}`, { tag: "", summary: "", permission: "self.read", returns: Nothing }, async () => ({}));

interface Bindings {
  Bindings: { front: Front };
  Variables: { trace: Trace };
}

const EXPOSED = [
  "X-Request-Id",
  "X-RateLimit-Limit",
  "X-RateLimit-Remaining",
  "X-RateLimit-Reset",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "WWW-Authenticate",
];

/** Answers a request of the public API; `front` says where it came from. */
export function handle(request: Request, front: Front): Response | Promise<Response> {
  return once("http.app", createApp).fetch(request, { front });
}

function createApp(): OpenAPIHono<Bindings> {
  const app = new OpenAPIHono<Bindings>();
  app.use(async (c, next) => {
    c.set("trace", { shown: null, limits: [], key: null, refusal: null });
    await next();
    await dress(c);
  });
  app.use(
    cors({
      origin: "*",
      allowMethods: ["GET", "POST", "PATCH", "DELETE"],
      allowHeaders: ["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key"],
      exposeHeaders: EXPOSED,
      maxAge: 600,
    }),
  );
  for (const e of endpoints) {
    app.on(e.method, e.path.replace(/\{(\w+)\}/g, ":$1"), (c) => serve(c, e));
    describeEndpoint(app as unknown as OpenAPIHono, e);
  }
  describeSecurity(app as unknown as OpenAPIHono, sessionCookie());
  let document: object | null = null;
  app.get("/openapi.json", (c) => {
    document ??= app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: { title: "Latchkey", version: "1", description: "Keys, groups, usage and audit for the API behind this gateway." },
      servers: [{ url: env().publicUrl }],
    });
    return respond(c, 200, document);
  });
  app.get("/api/health/live", (c) => respond(c, 200, { status: "ok" }));
  app.get("/api/health", async (c) => {
    const database = await ping().catch(() => false);
    const usage = usageBacklog();
    return respond(
      c,
      database ? 200 : 503,
      { status: database ? "ok" : "unavailable", database, usage_waiting: usage.waiting, usage_lost: usage.lost },
      database ? {} : { "Retry-After": "2" },
    );
  });
  app.notFound((c) => {
    const there = endpoints.filter((e) => matches(e.path, c.req.path));
    const methods = there.map((e) => e.method);
    const error =
      methods.length === 0 ? notFound() : new AppError("method_not_allowed", `Here go ${methods.join(", ")}, not ${c.req.method}.`);
    const headers = methods.length === 0 ? {} : { Allow: methods.join(", ") };
    return answer(c, c.req.method, there[0]?.path ?? NOWHERE, async (trace, nowMs) => {
      if (hasCredential(c.req.raw.headers)) await recognise(c.req.raw, c.env.front, nowhere, trace, nowMs);
      return fail(c, error, headers);
    });
  });
  app.onError((error, c) => fail(c, error));
  return app;
}

function matches(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replace(/\{\w+\}/g, "[^/]+")}$`).test(path);
}

function serve(c: Context<Bindings>, e: Endpoint): Promise<Response> {
  return answer(c, e.method, e.path, async (trace, nowMs) => {
    const { actor, caller } = await recognise(c.req.raw, c.env.front, e, trace, nowMs);
    const query = e.query === null ? {} : parse(e.query, c.req.query());
    const body = e.body === null ? {} : parse(e.body, await readJson(c.req.raw, e.bodyOptional));
    const result = await e.run(actor, { params: c.req.param() as Record<string, string>, query, body, caller });
    return respond(c, e.status, result as object);
  });
}

/** Runs the work, turns what it throws into an answer, and records it when a key was recognised. */
async function answer(
  c: Context<Bindings>,
  method: string,
  route: string,
  work: (trace: Trace, nowMs: number) => Promise<Response>,
): Promise<Response> {
  const { front } = c.env;
  const { trace } = c.var;
  const begun = performance.now();
  const nowMs = now();
  const response = await work(trace, nowMs).catch((error: unknown) => fail(c, error));
  if (trace.key !== null) {
    const { key } = trace;
    await recordUsage({
      requestId: front.id,
      at: nowMs,
      orgId: key.orgId,
      groupId: key.groupId,
      keyId: key.keyId,
      secretId: key.secretId,
      keyPrefix: key.prefix,
      environment: key.environment,
      method,
      route,
      status: response.status,
      outcome: trace.refusal ?? (response.status >= 500 ? "error" : "accepted"),
      latencyUs: Math.round((performance.now() - begun) * 1000),
      credits: 0,
      ip: front.ip,
      country: front.country,
      userAgent: front.userAgent,
    });
  }
  return response;
}

/** What every answer carries, errors and unknown paths too. */
async function dress(c: Context<Bindings>): Promise<void> {
  const nowMs = now();
  const { front } = c.env;
  const { trace } = c.var;
  const limits = trace.shown === null ? await limitStore().peek([addressLimit(front.ip)], nowMs) : trace.limits;
  const headers = {
    "X-Request-Id": front.id,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...limitHeaders(trace.shown ?? (limits[0] as LimitState), limits, nowMs),
  };
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
}

function respond(c: Context<Bindings>, status: 200 | 201 | 202 | 503, body: object, headers: Record<string, string> = {}): Response {
  return c.json(body, status, headers);
}

/** While the database is away one line a second says so. */
function mayComplain(): boolean {
  const last = once("http.complaint", () => ({ at: 0 }));
  if (now() - last.at < 1_000) return false;
  last.at = now();
  return true;
}

function fail(c: Context<Bindings>, thrown: unknown, headers: Record<string, string> = {}): Response {
  const error = toAppError(thrown);
  const status = statusOf(error.type);
  const { id } = c.env.front;
  if (error.type === "internal_error" || (status >= 500 && mayComplain()))
    log(error.type === "internal_error" ? "error" : "warn", "request failed", {
      request_id: id,
      method: c.req.method,
      path: c.req.path,
      ...describe(error.cause ?? error),
    });
  return c.json(toErrorBody(error, id, now()), status, {
    ...(error.retryAfterSeconds === null ? {} : { "Retry-After": String(error.retryAfterSeconds) }),
    ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
    ...headers,
  });
}
