import "server-only";
import { gzipSync } from "node:zlib";
import { auditEndpoints } from "@/lib/audit/endpoints";
import { authEndpoints } from "@/lib/auth/endpoints";
import type { Front } from "@/lib/auth/front";
import { sessionCookie } from "@/lib/auth/session";
import { now } from "@/lib/clock";
import { documentEndpoints } from "@/lib/documents/endpoints";
import { demandOf, type Endpoint, endpoint, Nothing } from "@/lib/endpoint";
import { env } from "@/lib/env";
import { statusOf, toAppError, toErrorBody } from "@/lib/errors";
import { gatewayEndpoints } from "@/lib/gateway/endpoints";
import { demandsOf, FORWARD_AUTH, identityOf, refusesWith403 } from "@/lib/gateway/forward-auth";
import { groupEndpoints } from "@/lib/groups/endpoints";
import { parse, readJson } from "@/lib/http/body";
import { type Answer, type Call, isWhole, refuseTwoKeys } from "@/lib/http/call";
import {
  addressLimit,
  credentialOf,
  hasCredential,
  newTrace,
  note,
  recognise,
  refuse,
  refuseUrl,
  type Trace,
  take,
  unauthorized,
} from "@/lib/http/caller";
import { EVENTS_TYPE, isInParts, toEvents } from "@/lib/http/events";
import { health, metrics } from "@/lib/http/health";
import { limitHeaders } from "@/lib/http/limits";
import { openApiDocument } from "@/lib/http/openapi";
import { absence, apiOf, Routes } from "@/lib/http/routes";
import { wellKnown } from "@/lib/http/well-known";
import { keyEndpoints } from "@/lib/keys/endpoints";
import { type Need, type Verdict, verify } from "@/lib/keys/verify";
import { whileReachable } from "@/lib/leases";
import { limitStore } from "@/lib/limits/store";
import type { LimitState } from "@/lib/limits/window";
import { describe, log, warnSeldom } from "@/lib/log";
import { countRequest } from "@/lib/metrics";
import { orgEndpoints } from "@/lib/orgs/endpoints";
import { once } from "@/lib/runtime";
import { usageEndpoints } from "@/lib/usage/endpoints";
import { recordUsage } from "@/lib/usage/record";

/**
 * The public API, put together from every noun's endpoints: who is it, may they, parse, call, respond, record. Routes.ts finds the
 * endpoint and openapi.ts describes it; requests and answers are plain values (call.ts), which Node's server and Next's handlers translate.
 */

export const endpoints: Endpoint[] = [
  ...orgEndpoints,
  ...groupEndpoints,
  ...keyEndpoints,
  ...usageEndpoints,
  ...auditEndpoints,
  ...gatewayEndpoints,
  ...documentEndpoints,
  ...authEndpoints,
];

/** The paths that belong to this application and not to Next. */
export const API_PATHS =
  /^\/(v1|generate_auth_token|revoke_auth_token|chat\/completions|api\/access|api\/keys|api\/health|api\/metrics|\.well-known)([/?]|$)|^\/openapi\.json(\?|$)/;

/** A key's call to a path that is not there counts like any other, under one name however many paths are tried. */
const NOWHERE = "(unknown path)";
const nowhere = endpoint(`GET /${NOWHERE}`, { tag: "", summary: "", permission: "self.read", returns: Nothing }, async () => ({}));
const scrape = endpoint("GET /api/metrics", { tag: "", summary: "", permission: "metrics.read", returns: Nothing }, async () => ({}));

/** An answer before the headers that every answer has. */
interface Draft {
  status: number;
  body: Answer["body"];
  /** Names and values in turn, the content type among them where there is a body. */
  headers: readonly string[];
}

type Work = (trace: Trace, nowMs: number) => Draft | Promise<Draft>;

const JSON_TYPE = ["Content-Type", "application/json"] as const;

function json(status: number, body: object, headers: readonly string[] = []): Draft & { body: string } {
  return { status, body: JSON.stringify(body), headers: headers.length === 0 ? JSON_TYPE : [...JSON_TYPE, ...headers] };
}

/** Answers a request of the public API; `front` says where it came from. Never rejects. */
export function handle(call: Call, front: Front): Answer | Promise<Answer> {
  if (FORWARD_AUTH.test(call.path)) return answer(call, front, "/v1/auth", (trace, nowMs) => forwardAuth(call, front, trace, nowMs));
  if (call.method === "OPTIONS") return answer(call, front, "(preflight)", () => PREFLIGHT);
  const plain = PLAIN[call.path];
  if (plain !== undefined && isRead(call)) return answer(call, front, call.path, (trace, nowMs) => plain(call, front, trace, nowMs));
  const found = routes().find(isRead(call) ? "GET" : call.method, call.path);
  if (found === null) return answer(call, front, "", (trace, nowMs) => missing(call, front, trace, nowMs));
  const { endpoint: e, params } = found;
  return answer(call, front, e.path, (trace, nowMs) => whileReachable(serve(call, front, e, params, trace, nowMs)));
}

const isRead = ({ method }: Call) => method === "GET" || method === "HEAD";

const routes = () => once("http.routes", () => new Routes(endpoints));
const api = () =>
  once("http.api", () => apiOf(endpoints, routes(), { open: Object.keys(PLAIN), operator: [scrape.path] }, demandOf(nowhere)));

const PLAIN: Record<string, (call: Call, front: Front, trace: Trace, nowMs: number) => Draft | Promise<Draft>> = {
  "/openapi.json": (call) => {
    const headers = [...JSON_TYPE, "Vary", "Accept-Encoding"];
    if (!/\bgzip\b(?! *; *q=0(\.0*)?( *,|$))/i.test(call.header("accept-encoding") ?? ""))
      return { status: 200, body: document(), headers };
    const body = once("http.document.gzip", () => gzipSync(document()));
    return { status: 200, body, headers: [...headers, "Content-Encoding", "gzip"] };
  },
  ...Object.fromEntries(Object.entries(wellKnown).map(([path, tell]) => [path, (_call, _front, _trace, nowMs) => told(tell(nowMs))])),
  "/api/health/live": () => json(200, { status: "ok" }),
  "/api/health": async () => {
    const { status, body } = await health();
    return json(status, body, status === 200 ? [] : ["Retry-After", "2"]);
  },
  "/api/metrics": async (call, front, trace, nowMs) => {
    if (!isLocal(call, front)) await recognise(tokenAsBearer(call), front, scrape, trace, nowMs);
    return { status: 200, body: metrics(), headers: ["Content-Type", "text/plain; version=0.0.4; charset=utf-8"] };
  },
};

async function told(text: ReturnType<(typeof wellKnown)[string]>): Promise<Draft> {
  const { type, text: body } = await text;
  return { status: 200, body, headers: ["Content-Type", type] };
}

/** On this machine, with no proxy between and no token to be judged by. */
function isLocal(call: Call, front: Front): boolean {
  const isBrowser = call.header("origin") !== null || call.header("sec-fetch-site") !== null;
  const { publicUrl, publicUrlIsSet } = env();
  const asked = [`http://${call.header("host") ?? ""}`, ...(publicUrlIsSet ? [publicUrl] : [])];
  if (isBrowser || !front.direct || !asked.every((url) => URL.canParse(url) && LOOPBACK.test(new URL(url).hostname))) return false;
  return (front.ip === "127.0.0.1" || front.ip === "::1") && !hasCredential(call) && call.header("x-admin-token") === null;
}

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Prometheus sends its token as a bearer. */
function tokenAsBearer(call: Call): Call {
  const { method, path, query } = call;
  const bearer = credentialOf(call);
  return {
    method,
    path,
    query,
    body: (most) => call.body(most),
    header: (name) => call.header(name) ?? (name === "x-admin-token" ? bearer : null),
  };
}

/** What a page on any site may send with a key: no session's header, and what OpenAI's and Perplexity's own clients add. */
const SENDABLE = [
  ...["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "User-Agent"],
  ...["Arch", "Helper-Method", "Lang", "OS", "Package-Version", "Retry-Count", "Runtime", "Runtime-Version", "Timeout"].map(
    (name) => `X-Stainless-${name}`,
  ),
];

/** To every OPTIONS but the one at /v1/auth, where a proxy would take it for a yes. Never with Access-Control-Allow-Credentials. */
const PREFLIGHT: Draft = {
  status: 204,
  body: "",
  headers: [
    ...["Access-Control-Allow-Methods", "GET,POST,PATCH,DELETE"],
    ...["Access-Control-Allow-Headers", SENDABLE.join(","), "Access-Control-Max-Age", "7200"],
  ],
};

function document(): string {
  return once("http.document", () => JSON.stringify(openApiDocument({ endpoints, url: env().publicUrl, sessionCookie: sessionCookie() })));
}

/** Authorise, parse, call, respond: an anonymous caller gets neither our validation messages nor our parsing time. */
async function serve(call: Call, front: Front, e: Endpoint, params: Record<string, string>, trace: Trace, nowMs: number): Promise<Draft> {
  refuseTwoKeys(call);
  const { actor, caller } = await recognise(call, front, e, trace, nowMs);
  const query = e.query === null ? {} : parse(e.query, firstOfEach(call.query));
  // Of a call that takes no body too: what it does not know it does not ignore.
  const optional = e.bodyOptional || e.body === null;
  const body = e.method === "GET" ? {} : parse(e.body ?? Nothing, await readJson(call, optional, e.maxBytes ?? undefined));
  const result = await e.run(actor, { params, query, body, caller, api: api() });
  if (!isInParts(result)) return json(e.status, result as object);
  // Recorded as it begins, so that whoever leaves early is in the log like the others.
  return { status: e.status, body: toEvents(result, (error) => fail(front, `${e.method} ${e.path}`, error).body), headers: EVENTS_TYPE };
}

function firstOfEach(query: string): Record<string, string> {
  const values: Record<string, string> = {};
  if (query !== "") for (const [name, value] of new URLSearchParams(query)) if (!Object.hasOwn(values, name)) values[name] = value;
  return values;
}

/** Any method, the client's own key: what a proxy asks for every request it passes on. */
function forwardAuth(call: Call, front: Front, trace: Trace, nowMs: number): Draft | Promise<Draft> {
  const refused = (thrown: unknown) => masked(call, front, thrown);
  try {
    const made = authenticate(call, front, trace, nowMs);
    return made instanceof Promise ? made.catch(refused) : made;
  } catch (thrown) {
    return refused(thrown);
  }
}

function authenticate(call: Call, front: Front, trace: Trace, nowMs: number): Draft | Promise<Draft> {
  refuseUrl(call);
  refuseTwoKeys(call);
  const secret = credentialOf(call);
  if (secret === null) return take(trace, addressLimit(front.ip), nowMs).then(() => Promise.reject(unauthorized()));
  const { scopes, accesses, cost } = demandsOf(call.query);
  const need: Need = {
    permission: null,
    scopes,
    accesses,
    ip: front.ip,
    asker: null,
    within: null,
    free: false,
    route: null,
    cost,
    requestId: front.id,
  };
  const respond = (verdict: Verdict): Draft | Promise<Draft> => {
    note(verdict, front, trace);
    if (!verdict.valid) return refuse(verdict, front, trace, nowMs);
    const { headers, body } = identityOf(verdict.key);
    return { status: 200, body, headers: [...JSON_TYPE, ...headers, "X-Latchkey-Request-Id", front.id] };
  };
  const verdict = verify(secret, need, nowMs);
  return verdict instanceof Promise ? whileReachable(verdict).then(respond) : respond(verdict);
}

/** With refuse=403 every refusal is one: nginx takes 401 and 403 for an answer and everything else for a fault of its own. */
function masked(call: Call, front: Front, thrown: unknown): Draft {
  const error = toAppError(thrown);
  const draft = fail(front, `${call.method} /v1/auth`, thrown);
  const asked = refusesWith403(call.query) && !["unavailable", "internal_error"].includes(error.type);
  return asked ? { ...draft, status: 403, headers: [...draft.headers, "X-Latchkey-Status", String(draft.status)] } : draft;
}

async function missing(call: Call, front: Front, trace: Trace, nowMs: number): Promise<Draft> {
  const methods = routes().methodsAt(call.path);
  if (methods.length === 0 && PLAIN[call.path] !== undefined) methods.push("GET");
  const error = absence(call.method, methods);
  refuseTwoKeys(call);
  if (hasCredential(call)) await recognise(call, front, nowhere, trace, nowMs);
  return fail(front, NOWHERE, error, methods.length === 0 ? [] : ["Allow", methods.join(", ")]);
}

/** The route a call is counted under: the endpoint's, or one name for all that are none. */
function routeOf(call: Call, route: string): string {
  if (route !== "") return route;
  const there = endpoints.find((e) => new RegExp(`^${e.path.replace(/\{\w+\}/g, "[^/]+")}$`).test(call.path));
  return there?.path ?? NOWHERE;
}

/** Runs the work, turns what it throws into an answer, and records it when a key was recognised. */
function answer(call: Call, front: Front, route: string, work: Work): Answer | Promise<Answer> {
  const begun = performance.now();
  const nowMs = now();
  const trace = newTrace();
  const failed = (error: unknown) => fail(front, `${call.method} ${routeOf(call, route)}`, error); // never the path: a key may stand in it
  let draft: Draft | Promise<Draft>;
  try {
    draft = work(trace, nowMs);
  } catch (error) {
    draft = failed(error);
  }
  const done = (made: Draft) => finish(call, front, routeOf(call, route), trace, made, begun, nowMs);
  return draft instanceof Promise ? draft.catch(failed).then(done) : done(draft);
}

function finish(
  call: Call,
  front: Front,
  route: string,
  trace: Trace,
  draft: Draft,
  begun: number,
  nowMs: number,
): Answer | Promise<Answer> {
  const latencyUs = Math.round((performance.now() - begun) * 1000);
  countRequest(call.method, route, draft.status, latencyUs);
  const { key } = trace;
  if (key === null) return dress(call, front, trace, draft, nowMs);
  return recordUsage({
    requestId: front.id,
    at: nowMs,
    orgId: key.orgId,
    groupId: key.groupId,
    keyId: key.keyId,
    secretId: key.secretId,
    keyPrefix: key.prefix,
    environment: key.environment,
    method: call.method,
    route,
    status: draft.status,
    outcome: trace.refusal ?? (draft.status >= 500 ? "error" : "accepted"),
    latencyUs,
    credits: trace.charged,
    counted: trace.counted,
    ip: front.ip,
    country: front.country,
    userAgent: front.userAgent,
  }).then(() => dress(call, front, trace, draft, nowMs));
}

const EXPOSED =
  "X-Request-Id,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset,RateLimit,RateLimit-Policy,Retry-After,WWW-Authenticate,Idempotent-Replayed";

/** What every answer carries, errors and unknown paths too. */
function dress(call: Call, front: Front, trace: Trace, draft: Draft, nowMs: number): Answer | Promise<Answer> {
  if (trace.shown !== null) return dressed(call, front, draft, trace.shown, trace.limits, nowMs);
  const states = limitStore().peek([addressLimit(front.ip)], nowMs);
  const then = (peeked: LimitState[]) => dressed(call, front, draft, peeked[0] as LimitState, peeked, nowMs);
  return states instanceof Promise ? states.then(then) : then(states);
}

function dressed(call: Call, front: Front, draft: Draft, shown: LimitState, all: readonly LimitState[], nowMs: number): Answer {
  const headers = limitHeaders(shown, all, nowMs);
  headers.push("X-Request-Id", front.id, "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff");
  headers.push("Access-Control-Allow-Origin", "*");
  if (call.header("origin") !== null) headers.push("Access-Control-Expose-Headers", EXPOSED); // a browser sends it with every such call
  for (const each of draft.headers) headers.push(each);
  if (draft.status !== 204 && isWhole(draft.body)) headers.push("Content-Length", String(Buffer.byteLength(draft.body)));
  return { status: draft.status, headers, body: draft.body };
}

function fail(front: Front, what: string, thrown: unknown, headers: readonly string[] = []): Draft & { body: string } {
  const error = toAppError(thrown);
  const status = statusOf(error.type);
  if (status >= 500) {
    const fields = { request_id: front.id, call: what, ...describe(error.cause ?? error) };
    if (error.type === "internal_error") log("error", "request failed", fields);
    else warnSeldom("request failed", fields);
  }
  return json(status, toErrorBody(error, front.id, now()), [
    ...(error.retryAfterSeconds === null ? [] : ["Retry-After", String(error.retryAfterSeconds)]),
    ...(status === 401 ? ["WWW-Authenticate", "Bearer"] : []),
    ...headers,
  ]);
}
