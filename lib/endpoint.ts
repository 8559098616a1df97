import { z } from "zod";
import type { Access, Can, Permission } from "@/lib/access/permissions";
import type { ErrorType } from "@/lib/errors";

/**
 * One declaration per endpoint: routing, validation, OpenAPI, the docs page and the authorization matrix come from it.
 * lib/http serves it: authorise, parse, call, respond.
 */

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** What is known of the caller beyond the actor. */
export interface Caller {
  sessionId: string | null;
  email: string | null;
  /** A key's effective scopes and what it has left, as counted for this request. */
  key: { scopes: string[]; limits: { rate: Left; quota: Left } } | null;
}

/** What a route asks of a key, before the body is looked at. */
export interface Demand {
  permission: Permission | null;
  scopes: readonly string[];
  accesses: readonly Access[];
  /** Counts against neither limit nor quota. */
  free: boolean;
  /** A limit of the route's own, per minute and key. */
  route: { name: string; limit: number } | null;
  /** Whole credits, of a live key. */
  cost: number;
}

/** The API itself, for operations that speak about it. */
export interface Api {
  /** Scopes by route, `GET /v1/documents/{id}`, of the routes that ask for one. */
  scopes: ReadonlyMap<string, string>;
  /** Where a call would arrive. `open`: no key is looked at; `operator`: keys do not open it; `none`: nothing is there, which costs a call. */
  find(method: string, path: string): Destination;
}

export type Destination =
  | { kind: "route"; route: string; demand: Demand; status: number }
  | { kind: "none"; demand: Demand; error: { status: number; type: ErrorType; message: string } }
  | { kind: "open"; route: string; status: number }
  | { kind: "operator"; route: string };

interface Left {
  limit: number;
  remaining: number;
  resetAt: number;
}

/** What `run` may give beside `returns`: where events are declared, an answer in parts. */
type Streamed<E extends z.ZodType> = E extends z.ZodNever ? never : AsyncIterable<z.input<E>>;

interface Spec<P extends Permission, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType, E extends z.ZodType> {
  summary: string;
  tag: string;
  permission: P;
  /** Of data routes: what the key must be allowed to touch. */
  scope?: string;
  query?: Q;
  body?: B;
  /** The body may be left out; an empty object is parsed then. */
  bodyOptional?: true;
  /** The longest body, where it may be longer than other endpoints'. */
  maxBytes?: number;
  returns: R;
  /** Of an endpoint that may answer in parts: what each server-sent event is. `[DONE]` ends them. */
  event?: E;
  status?: 200 | 201 | 202;
  /** Calls per minute and address, for what anybody may call. */
  perAddress?: number;
  /** Calls per minute and key, besides the key's own limit. */
  perKey?: number;
  /** Counts against neither limit nor quota. */
  free?: true;
  /** Errors of its own, beyond those every endpoint can answer. */
  errors?: ErrorType[];
}

export interface Endpoint {
  method: Method;
  /** With `{id}` where a part varies. */
  path: string;
  summary: string;
  tag: string;
  permission: Permission;
  scope: string | null;
  query: z.ZodType | null;
  body: z.ZodType | null;
  bodyOptional: boolean;
  maxBytes: number | null;
  returns: z.ZodType;
  event: z.ZodType | null;
  status: 200 | 201 | 202;
  perAddress: number | null;
  perKey: number | null;
  free: boolean;
  errors: ErrorType[];
  run(
    actor: Can<Permission>,
    input: { params: Record<string, string>; query: unknown; body: unknown; caller: Caller; api: Api },
  ): Promise<unknown>;
}

declare const declared: unique symbol;

/** An endpoint whose declaration is also known to the compiler: what the console's client (lib/api.ts) is derived from. */
export type Declared<Route extends string = string, Query = unknown, Body = unknown, Returns = unknown> = Endpoint & {
  readonly [declared]: { route: Route; query: Query; body: Body; returns: Returns };
};
export type DeclarationOf<E extends Declared> = E[typeof declared];

export function endpoint<
  Route extends `${Method} /${string}`,
  P extends Permission,
  Q extends z.ZodType = z.ZodType<unknown>,
  B extends z.ZodType = z.ZodType<unknown>,
  R extends z.ZodType = z.ZodType<unknown>,
  E extends z.ZodType = z.ZodNever,
>(
  route: Route,
  spec: Spec<P, Q, B, R, E>,
  run: (
    actor: Can<P>,
    input: { params: Record<string, string>; query: z.output<Q>; body: z.output<B>; caller: Caller; api: Api },
  ) => Promise<z.input<R> | Streamed<E>>,
): Declared<Route, z.input<Q>, z.input<B>, z.output<R>> {
  const [method, path] = route.split(" ") as [Method, string];
  const made: Endpoint = {
    method,
    path,
    summary: spec.summary,
    tag: spec.tag,
    permission: spec.permission,
    scope: spec.scope ?? null,
    query: spec.query ?? null,
    body: spec.body ?? null,
    bodyOptional: spec.bodyOptional ?? false,
    maxBytes: spec.maxBytes ?? null,
    returns: spec.returns,
    event: spec.event ?? null,
    status: spec.status ?? 200,
    perAddress: spec.perAddress ?? null,
    perKey: spec.perKey ?? null,
    free: spec.free ?? false,
    errors: spec.errors ?? [],
    run: run as unknown as Endpoint["run"],
  };
  return made as Declared<Route, z.input<Q>, z.input<B>, z.output<R>>;
}

/** What a key needs for a call of the endpoint, as verification asks it. */
export function demandOf({ path, permission, scope, free, perKey }: Endpoint): Demand {
  return {
    permission,
    scopes: scope === null ? [] : [scope],
    accesses: [],
    free,
    route: perKey === null ? null : { name: path, limit: perKey },
    cost: 0,
  };
}

/** `{}`: what a call answers that has nothing to say. */
export const Nothing = z.strictObject({});
