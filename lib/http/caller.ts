import { hash, timingSafeEqual } from "node:crypto";
import { authorize, type Can, callersOf, isOrgPermission, needsAccess, type Origin, type Permission } from "@/lib/access/permissions";
import { record } from "@/lib/audit/change";
import { anonymousActor, keyActor, memberActor, operatorActor, personActor } from "@/lib/auth/actor";
import { sessionFrom } from "@/lib/auth/session";
import { type Caller, demandOf, type Endpoint } from "@/lib/endpoint";
import { env } from "@/lib/env";
import { AppError, notFound } from "@/lib/errors";
import type { Call } from "@/lib/http/call";
import { addressGroup } from "@/lib/keys/addresses";
import { looksLikeKey } from "@/lib/keys/forms";
import { type KeySnapshot, type Need, type RefusalCode, type Refused, type Verdict, verify } from "@/lib/keys/verify";
import { limitStore } from "@/lib/limits/store";
import { type Limit, type LimitState, secondsUntil } from "@/lib/limits/window";
import { log } from "@/lib/log";
import { counter } from "@/lib/metrics";
import { once } from "@/lib/runtime";

/** Who calls, and whether this endpoint is for them: credential → verdict or session → actor that was asked. */

export interface Recognised {
  actor: Can<Permission>;
  caller: Caller;
}

/** What the response and the log need, also when the answer is no. Filled in as the checks proceed. */
export interface Trace {
  /** What the X-RateLimit headers speak of; null until a limit was asked, and then the address's is shown. */
  shown: LimitState | null;
  limits: LimitState[];
  key: KeySnapshot | null;
  /** The refusal in our own words, which the outside does not see. */
  refusal: RefusalCode | null;
  /** Whether it was counted against the quota, and the credits it was charged. */
  counted: boolean;
  charged: number;
}

export function newTrace(): Trace {
  return { shown: null, limits: [], key: null, refusal: null, counted: false, charged: 0 };
}

const PER_PERSON = 600;
const PER_ADDRESS = 600;
const WRONG_TOKENS = 10;
const noCaller: Caller = { sessionId: null, email: null, key: null };

/** The limit of an address where nobody was recognised. */
export function addressLimit(ip: string | null): Limit {
  return { name: "address", subject: `anyone:${addressGroup(ip ?? "?")}`, limit: PER_ADDRESS, windowSeconds: 60 };
}

export async function recognise(call: Call, origin: Origin, endpoint: Endpoint, trace: Trace, nowMs: number): Promise<Recognised> {
  refuseUrl(call);
  const callers = callersOf(endpoint.permission);
  if (callers.operator && (!callers.key || call.header("x-admin-token") !== null))
    return { actor: await operator(call, origin, endpoint.permission, trace, nowMs), caller: noCaller };
  const credential = callers.anybody ? null : credentialOf(call);
  if (credential !== null) return byKey(credential, origin, endpoint, trace, nowMs);
  // Also where only keys may call: whoever is signed in is told so.
  const takesSession = callers.session || callers.key;
  const session = takesSession ? await sessionFrom(call.header("cookie"), { ip: origin.ip, userAgent: origin.userAgent }) : null;
  if (session !== null) {
    if (call.method !== "GET" && call.method !== "HEAD") requireSameOrigin(call);
    await take(trace, { name: "person", subject: `person:${session.user.id}`, limit: PER_PERSON, windowSeconds: 60 }, nowMs);
    const asked = call.header("latchkey-organization");
    if (isOrgPermission(endpoint.permission) && asked === null)
      throw new AppError("invalid_request", "Say which organization: Latchkey-Organization, an id or slug.", {
        details: { "Latchkey-Organization": "is needed" },
      });
    const actor =
      asked !== null && isOrgPermission(endpoint.permission)
        ? await memberActor(session.user, asked, origin)
        : personActor(session.user, origin);
    return { actor: authorize(actor, endpoint.permission), caller: { sessionId: session.id, email: session.user.email, key: null } };
  }
  const anyone = addressLimit(origin.ip);
  await take(
    trace,
    endpoint.perAddress === null ? anyone : { ...anyone, subject: `${endpoint.path}:${anyone.subject}`, limit: endpoint.perAddress },
    nowMs,
  );
  if (callers.anonymous && !callers.anybody && call.header("sec-fetch-site") === "cross-site")
    throw new AppError("forbidden", "This call is not made from another site.");
  if (!callers.anonymous) throw unauthorized();
  return { actor: authorize(anonymousActor(origin), endpoint.permission), caller: noCaller };
}

/** One body for every 401, whatever the reason was. */
export function unauthorized(): AppError {
  return new AppError("unauthorized", "This call came without a valid key or session.");
}

export function hasCredential(call: Call): boolean {
  return call.header("authorization") !== null || call.header("x-api-key") !== null;
}

const BEARER = /^bearer +(\S+) *$/i;

/** The secret a request carries, or null for none. Two that differ are refused; a scheme other than Bearer counts as a wrong key. */
export function credentialOf(call: Call): string | null {
  const authorization = call.header("authorization");
  const bearer = authorization === null ? null : (BEARER.exec(authorization)?.[1] ?? "");
  const header = call.header("x-api-key")?.trim() ?? null;
  if (bearer !== null && header !== null && bearer !== header)
    throw new AppError("invalid_request", "Authorization and X-API-Key carry different keys. Send one.");
  return bearer ?? header;
}

/** A key in the address is refused, and so is what no database can hold. */
export function refuseUrl({ path, query }: Call): void {
  if (path.includes("%00") || query.includes("%00")) throw new AppError("invalid_request", "The address has a NUL character.");
  if (query === "") return;
  for (const [name, value] of new URLSearchParams(query)) {
    if ([name, value, value.replace(/^bearer\s+/i, "")].some(looksLikeKey))
      throw new AppError(
        "invalid_request",
        "A key stands in the address, where servers and browsers keep it. Send it as Authorization: Bearer, and rotate it.",
      );
  }
}

async function byKey(secret: string, origin: Origin, endpoint: Endpoint, trace: Trace, nowMs: number): Promise<Recognised> {
  const need: Need = { ...demandOf(endpoint), ip: origin.ip, asker: null, within: null, requestId: origin.id };
  const verdict = note(await verify(secret, need, nowMs), origin, trace);
  if (!verdict.valid) return refuse(verdict, origin, trace, nowMs);
  const { key, limits } = verdict;
  return {
    actor: authorize(keyActor(key, origin), endpoint.permission),
    caller: { sessionId: null, email: null, key: { scopes: key.scopes, limits } },
  };
}

/** Keeps what answer and log need of a verdict. */
export function note<V extends Verdict>(verdict: V, origin: Origin, trace: Trace): V {
  trace.key = verdict.key;
  if (verdict.limits !== null) {
    const { rate, route, quota } = verdict.limits;
    trace.shown = route ?? rate;
    trace.limits = route === null ? [rate, quota] : [rate, route, quota];
  }
  if (verdict.valid) {
    trace.counted = verdict.counted;
    trace.charged = verdict.charged;
  } else {
    trace.refusal = verdict.code;
    if (verdict.unknownLimit !== null) {
      trace.shown = verdict.unknownLimit;
      trace.limits = [verdict.unknownLimit];
      countUnknown(verdict, origin);
    }
  }
  return verdict;
}

const unknownSecrets = once("http.unknown", () =>
  counter("latchkey_unknown_secrets_total", "Calls with a well-formed key that nobody made."),
);

/** Nobody's log has a row for them: they are counted, and an address that has used up its minute is named once in ours. */
function countUnknown({ code, unknownLimit }: Refused, origin: Origin): void {
  unknownSecrets.add(1);
  if (code === "not_found" && unknownLimit?.remaining === 0)
    log("warn", "an address has tried as many unknown keys as a minute allows", { ip: origin.ip, tried: unknownLimit.limit });
}

/** Throws what a refused key is answered. */
export async function refuse(verdict: Refused, origin: Origin, trace: Trace, nowMs: number): Promise<never> {
  switch (verdict.code) {
    case "account_deactivated":
      throw new AppError("account_deactivated", "This organization is deactivated. Its operator can say why.");
    case "ip_not_allowed":
      throw new AppError("ip_not_allowed", `This key may not be used from ${origin.ip ?? "an unknown address"}.`);
    case "insufficient_scope": {
      const needed = verdict.needed;
      if (needed !== null && "permission" in needed) throw needsAccess(needed.permission, verdict.key?.access ?? null);
      const [what, name] = needed !== null && "access" in needed ? ["access", needed.access] : ["scope", needed?.scope ?? ""];
      throw new AppError("insufficient_scope", `This key does not have the ${what} ${name}.`, { details: { [what]: name } });
    }
    case "insufficient_credits":
      throw new AppError("insufficient_credits", "The organization has too few credits left for this call.");
    case "quota_exceeded":
      throw new AppError(
        "quota_exceeded",
        "The organization has used up this month's requests. They start again with the next UTC month.",
        { retryAfterSeconds: secondsUntil(verdict.limits?.quota.resetAt ?? 0, nowMs) },
      );
    case "rate_limit_exceeded": {
      const { rate = null, route = null } = verdict.limits ?? {};
      const state = route?.remaining === 0 ? route : (rate ?? verdict.unknownLimit);
      const words =
        verdict.unknownLimit === null
          ? `This key makes more than ${state?.limit === 1 ? "1 request" : `${state?.limit ?? 0} requests`} a minute${state === route && route !== null ? " here" : ""}.`
          : "Too many unknown keys came from this address.";
      throw new AppError("rate_limit_exceeded", words, { retryAfterSeconds: secondsUntil(state?.resetAt ?? 0, nowMs) });
    }
    default:
      // A key that was once good answers 401 however often it calls.
      if (trace.shown === null && verdict.key === null) await take(trace, addressLimit(origin.ip), nowMs);
      throw unauthorized();
  }
}

/** Counts the call against a limit and shows it; throws 429 that says too many of `what` came when it is used up. */
export async function take(trace: Trace, limit: Limit, nowMs: number, what = "requests"): Promise<void> {
  const taken = await limitStore().take([limit], nowMs);
  const state = taken.states[0] as LimitState;
  trace.shown = state;
  trace.limits = [state];
  if (!taken.allowed)
    throw new AppError("rate_limit_exceeded", `More than ${limit.limit} ${what} a minute came from this ${limit.name}.`, {
      retryAfterSeconds: secondsUntil(state.resetAt, nowMs),
    });
}

/** A write by cookie must come from our own pages: the browser says so itself, or its Origin does. */
function requireSameOrigin(call: Call): void {
  const site = call.header("sec-fetch-site");
  const origin = call.header("origin");
  const { publicUrl, publicUrlIsSet } = env();
  const own = publicUrlIsSet ? new URL(publicUrl).origin : `http://${call.header("host") ?? ""}`;
  const same = site === null ? origin !== null && origin === own : site === "same-origin";
  if (!same) throw new AppError("forbidden", "A change by session is made from the console's own pages only. Programs send a key.");
  const type = call.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json")
    throw new AppError("unsupported_media_type", "Send changes as JSON, with Content-Type: application/json.");
}

async function operator(call: Call, origin: Origin, permission: Permission, trace: Trace, nowMs: number): Promise<Can<Permission>> {
  const { adminToken } = env();
  if (adminToken === null) throw notFound();
  if (isAdminToken(call.header("x-admin-token") ?? "")) return authorize(operatorActor(origin), permission);
  // Wrong ones alone count: otherwise whoever shares the operator's address could keep them out.
  const subject = `operator:${addressGroup(origin.ip ?? "?")}`;
  await take(trace, { name: "address", subject, limit: WRONG_TOKENS, windowSeconds: 60 }, nowMs, "calls without the right token");
  await record(anonymousActor(origin), { action: "operator.refuse", target: { type: "endpoint", id: null, name: call.path } });
  throw unauthorized();
}

/** Compared in constant time. False where no token is configured. */
function isAdminToken(text: string): boolean {
  const { adminToken } = env();
  if (adminToken === null) return false;
  const right = once("http.adminToken", () => ({ of: "", digest: Buffer.alloc(32) }));
  if (right.of !== adminToken) Object.assign(right, { of: adminToken, digest: digestOf(adminToken) });
  return timingSafeEqual(digestOf(text), right.digest);
}

const digestOf = (text: string) => hash("sha256", text, "buffer");
