import type { DeclarationOf, Declared, Method } from "@/lib/endpoint";
import type { ErrorBody, ErrorType } from "@/lib/errors";

/**
 * The console's one way to call its own API: `client<typeof keyEndpoints>()` knows each route's path, query, body and answer from the
 * declaration itself, of which only the types reach the browser.
 */

/** A refusal or fault as the API said it; `requestId` finds it in the operator's log. */
export class ApiError extends Error {
  readonly apiError = true;
  constructor(
    readonly status: number,
    readonly type: ErrorType | "offline",
    message: string,
    readonly details: Record<string, string>,
    readonly requestId: string | null,
    readonly retryAfterSeconds: number | null,
  ) {
    super(message);
  }
}

export function isApiError(error: unknown): error is ApiError {
  return typeof error === "object" && error !== null && (error as { apiError?: unknown }).apiError === true;
}

type ParamsOf<Route extends string> = Route extends `${string}{${infer Name}}${infer Rest}` ? Name | ParamsOf<Rest> : never;
type DeclarationAt<E extends Declared, Route> = Extract<DeclarationOf<E>, { route: Route }>;

interface Shared {
  /** Slug or id of the organization the call is about. */
  org?: string;
  signal?: AbortSignal;
  /** Paths that a signed-out person calls: a 401 is their answer, not the end of a session. */
  signedOut?: boolean;
}

type Options<D extends { route: string; query: unknown; body: unknown }> = Shared &
  ([ParamsOf<D["route"]>] extends [never] ? { params?: never } : { params: Record<ParamsOf<D["route"]>, string> }) & {
    query?: { [Name in keyof D["query"]]?: string | number | boolean | undefined };
  } & (unknown extends D["body"] ? { body?: never } : { body: D["body"] });

export type RouteIn<E extends readonly Declared[]> = DeclarationOf<E[number]>["route"];

/** A call per declared route. Throws ApiError. A session that has ended leads to the sign-in page, which comes back here. */
export function client<E extends readonly Declared[]>() {
  return <Route extends RouteIn<E>>(
    route: Route,
    options: Options<DeclarationAt<E[number], Route>>,
  ): Promise<DeclarationAt<E[number], Route>["returns"]> => send(route, options as Sent);
}

interface Sent extends Shared {
  params?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: object;
}

async function send<T>(route: string, { org, params, query, body, signal, signedOut }: Sent): Promise<T> {
  const [method, path] = route.split(" ") as [Method, string];
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params?.[name] ?? ""));
  const search = new URLSearchParams(
    Object.entries(query ?? {}).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, String(value)]])),
  );
  const url = search.size === 0 ? filled : `${filled}?${search}`;
  const response = await fetch(url, {
    method,
    credentials: "same-origin",
    headers: {
      Accept: "application/json",
      ...(org === undefined ? {} : { "Latchkey-Organization": org }),
      ...(method === "GET" ? {} : { "Content-Type": "application/json" }),
    },
    ...(method === "GET" ? {} : { body: JSON.stringify(body ?? {}) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "offline", "The console cannot be reached. Check the connection; nothing was changed.", {}, null, null);
  });
  const answer = (await response.json().catch(() => null)) as T | ErrorBody | null;
  if (response.ok && answer !== null) return answer as T;
  if (response.status === 401 && signedOut !== true) {
    window.location.assign(`/sign-in?ended=1&next=${encodeURIComponent(window.location.pathname + window.location.search)}`);
  }
  const error = answer as ErrorBody | null;
  throw new ApiError(
    response.status,
    error?.error_code ?? "internal_error",
    error?.message ?? "The answer could not be read.",
    error?.details ?? {},
    error?.request_id ?? response.headers.get("x-request-id"),
    error?.error.retry_after ?? null,
  );
}
