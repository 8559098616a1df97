import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { callersOf, isOrgPermission } from "@/lib/access/permissions";
import type { Endpoint } from "@/lib/endpoint";
import { type ErrorType, errorTypes, statusOf } from "@/lib/errors";
import { ForwardAuthQuery, ForwardAuthView } from "@/lib/gateway/forward-auth";

const ErrorBody = z.object({
  error: z.object({
    type: z.enum(errorTypes as [ErrorType, ...ErrorType[]]),
    code: z.string(),
    message: z.string(),
    retry_after: z.int().optional(),
  }),
  error_code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.string()),
  request_id: z.string(),
  timestamp: z.string(),
});

/** Every error an endpoint can answer, by status. */
export function errorsOf(e: Endpoint): Map<number, ErrorType[]> {
  const callers = callersOf(e.permission);
  // Any call can come with a key that is wrong, too small for it, or written into the address.
  const types = new Set<ErrorType>([
    "invalid_request",
    "unauthorized",
    "rate_limit_exceeded",
    "internal_error",
    "unavailable",
    ...e.errors,
  ]);
  if (e.body !== null) for (const type of ["payload_too_large", "unsupported_media_type"] as const) types.add(type);
  if (callers.key) for (const type of ["account_deactivated", "ip_not_allowed", "quota_exceeded"] as const) types.add(type);
  if (callers.key || !callers.operator) types.add("insufficient_scope");
  if (callers.session || callers.anonymous) types.add("forbidden");
  if (callers.session && e.method !== "GET") types.add("unsupported_media_type");
  if (callers.operator || isOrgPermission(e.permission) || e.path.includes("{")) types.add("not_found");
  const byStatus = new Map<number, ErrorType[]>();
  for (const type of types) byStatus.set(statusOf(type), [...(byStatus.get(statusOf(type)) ?? []), type]);
  return byStatus;
}

/** Describes an endpoint from its declaration: what it takes, gives, and every status it can answer. */
export function describeEndpoint(app: OpenAPIHono, e: Endpoint): void {
  const callers = callersOf(e.permission);
  const security = [
    ...(callers.key ? [{ bearer: [] }, { apiKey: [] }] : []),
    ...(callers.session ? [{ session: [] }] : []),
    ...(callers.operator ? [{ adminToken: [] }] : []),
  ];
  const byStatus = errorsOf(e);
  const only = callers.session && !callers.key ? " (session only)" : callers.operator ? " (operator)" : "";
  const names = [...e.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  app.openAPIRegistry.registerPath(
    createRoute({
      method: e.method.toLowerCase() as "get" | "post" | "patch" | "delete",
      path: e.path,
      operationId: `${e.method.toLowerCase()}${e.path.replace(/[^a-zA-Z0-9]+/g, "_")}`,
      summary: `${e.summary}${only}`,
      tags: [e.tag],
      security,
      request: {
        ...(names.length > 0 ? { params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) } : {}),
        ...(e.query === null ? {} : { query: e.query as z.ZodObject }),
        ...(e.body === null ? {} : { body: { required: !e.bodyOptional, content: { "application/json": { schema: e.body } } } }),
      },
      responses: {
        [e.status]: { description: "Done", content: { "application/json": { schema: e.returns } } },
        ...Object.fromEntries(
          [...byStatus].map(([status, list]) => [
            status,
            { description: list.join(", "), content: { "application/json": { schema: ErrorBody } } },
          ]),
        ),
      },
    }),
  );
}

/** The one call that takes any method, and every path below it. */
export function describeForwardAuth(app: OpenAPIHono): void {
  const errors: Record<number, string> = {
    400: "invalid_request",
    401: "unauthorized",
    402: "insufficient_credits",
    403: "account_deactivated, ip_not_allowed, insufficient_scope; with refuse=403 every refusal",
    429: "rate_limit_exceeded, quota_exceeded",
    500: "internal_error",
    503: "unavailable",
  };
  app.openAPIRegistry.registerPath(
    createRoute({
      method: "get",
      path: "/v1/auth",
      operationId: "get_v1_auth",
      summary: "Ask for a proxy whether a request may pass; any method, and any path below",
      tags: ["Gateway"],
      security: [{ bearer: [] }, { apiKey: [] }],
      request: { query: ForwardAuthQuery },
      responses: {
        200: {
          description: "It may. X-Latchkey-Organization, -Group, -Key, -Environment, -Scopes, -Access and -Request-Id say whose it is",
          content: { "application/json": { schema: ForwardAuthView } },
        },
        ...Object.fromEntries(
          Object.entries(errors).map(([status, description]) => [
            status,
            { description, content: { "application/json": { schema: ErrorBody } } },
          ]),
        ),
      },
    }),
  );
}

export function describeSecurity(app: OpenAPIHono, sessionCookie: string): void {
  const component = (name: string, scheme: Parameters<typeof app.openAPIRegistry.registerComponent<"securitySchemes">>[2]) =>
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  component("bearer", { type: "http", scheme: "bearer", description: "Authorization: Bearer <secret>" });
  component("apiKey", { type: "apiKey", in: "header", name: "X-API-Key" });
  component("session", {
    type: "apiKey",
    in: "cookie",
    name: sessionCookie,
    description: "A person signed in to the console; with Latchkey-Organization.",
  });
  component("adminToken", { type: "apiKey", in: "header", name: "X-Admin-Token", description: "The operator's token." });
}
