import "server-only";
import { type Can, needsAccess } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import { creditsOf } from "@/lib/credits/credits";
import type { Api } from "@/lib/endpoint";
import { AppError, notFound, statusOf } from "@/lib/errors";
import { formatExact, formatNumber } from "@/lib/format";
import { canonicalAddress, entryFor, toBlocks } from "@/lib/keys/addresses";
import type { WhatIf, WhatIfAnswer } from "@/lib/keys/schema";
import { ERRORS } from "@/lib/keys/verification";
import {
  type Limits,
  type Need,
  type RefusalCode,
  type Rehearsed,
  readEntry,
  readLimits,
  rightsRefusal,
  stateRefusal,
} from "@/lib/keys/verify";
import { findKey } from "@/lib/keys/view";

/** Would a call of a key pass now, and which check decides? Verification's own checks (verify.ts), one by one; nothing is counted. */

type Check = WhatIfAnswer["checks"][number];
/** `code` of the refusal, or null where the check lets the call pass. */
interface Finding<Code = RefusalCode> {
  check: string;
  code: Code | null;
  message: string;
}

export async function whatIf(actor: Can<"keys.read">, id: string, input: WhatIf, api: Api): Promise<WhatIfAnswer> {
  const { id: keyId } = await findKey(actor, id);
  const ip = input.ip == null ? null : canonicalAddress(input.ip);
  if (input.ip != null && ip === null)
    throw new AppError("invalid_request", "The request is not valid: ip is not an address.", { details: { ip: "is not an address" } });
  const to = api.find(input.method, input.path);
  const atRoute = (code: string | null, message: string) => ({ check: "route", code, message });
  if (to.kind === "open") return toAnswer([atRoute(null, `${to.route} answers anybody: no key is looked at.`)], to.status);
  if (to.kind === "operator") return toAnswer([atRoute("unauthorized", `${to.route} is the operator's: no key opens it.`)], 401);
  const nowMs = now();
  const key = await readEntry(keyId, nowMs);
  if (key === null) throw notFound();
  const findings = await rehearse(key, { ...to.demand, ip, asker: null, within: null, requestId: "" }, nowMs);
  const refusal = findings.find(({ code }) => code !== null)?.code ?? null;
  const there = to.kind === "route" ? atRoute(null, `${to.route} takes the call.`) : atRoute(to.error.type, to.error.message);
  const then = to.kind === "route" ? to.status : to.error.status;
  return toAnswer([...findings, there], refusal === null ? then : statusOf(ERRORS[refusal]));
}

/** All checks of contract §4 before the body, in their order, each on its own. The first with a code decides. */
export async function rehearse(key: Rehearsed, need: Need, nowMs: number): Promise<Finding[]> {
  const limits = await readLimits(key.entry, need, nowMs);
  return [
    state(key, nowMs),
    organization(key, need),
    addresses(key, need, "key", "The key"),
    addresses(key, need, "group", "Its group"),
    addresses(key, need, "organization", "The organization"),
    access(key, need),
    scope(key, need),
    quota(key, need, limits),
    rateLimit(need, limits),
    await credits(key, need),
  ];
}

/** The first that says no decides; `status` is what the call is answered then, or when there is none. */
function toAnswer(findings: Finding<string>[], status: number): WhatIfAnswer {
  const decides = findings.findIndex(({ code }) => code !== null);
  const decider = findings[decides];
  const checks = findings.map(({ check, message }, i): Check => {
    if (decider !== undefined && i > decides) return { check, passes: null, message: "Not reached." };
    return { check, passes: i !== decides, message };
  });
  return { passes: decider === undefined, status, code: decider?.code ?? "valid", decided_by: decider?.check ?? null, checks };
}

function state({ entry, isArchived }: Rehearsed, nowMs: number): Finding {
  const code = stateRefusal(entry, nowMs);
  const words: Partial<Record<RefusalCode, string>> = {
    revoked: isArchived ? "Its group is archived, and with it its keys." : "It was revoked.",
    expired: `It expired: ${day(entry.expiresAt)}.`,
    paused: "It is paused.",
    scheduled: `It is not valid before ${day(entry.notBefore)}.`,
  };
  return { check: "state", code, message: code === null ? "It is active." : (words[code] ?? code) };
}

const day = (ms: number) => formatExact(new Date(ms), "UTC");

/** Asks for nothing: each check below adds what it is about. */
const bare = (need: Need): Need => ({ ...need, permission: null, accesses: [], scopes: [] });

function organization({ entry }: Rehearsed, need: Need): Finding {
  const code = rightsRefusal({ ...entry, addresses: [] }, bare(need))?.code ?? null;
  return { check: "organization", code, message: code === null ? "The organization is active." : "The organization is deactivated." };
}

function addresses({ entry, lists }: Rehearsed, need: Need, whose: keyof Rehearsed["lists"], who: string): Finding {
  const list = lists[whose];
  const blocks = list.length === 0 ? [] : [toBlocks(list)];
  const code = rightsRefusal({ ...entry, deactivated: false, addresses: blocks }, bare(need))?.code ?? null;
  const message =
    list.length === 0
      ? `${who} has no list of addresses: every address may call.`
      : code === null
        ? `${need.ip} is on the list of addresses: ${entryFor(list, need.ip)}.`
        : `${who} has a list of addresses, and ${need.ip ?? "an unknown address"} is not on it.`;
  return { check: `${whose}_addresses`, code, message };
}

function access({ entry }: Rehearsed, need: Need): Finding {
  const asked = { ...bare(need), permission: need.permission, accesses: need.accesses };
  const refused = rightsRefusal({ ...entry, deactivated: false, addresses: [] }, asked);
  const message =
    refused === null
      ? `Its access, ${entry.key.access}, allows the call.`
      : refused.needed !== null && "permission" in refused.needed
        ? needsAccess(refused.needed.permission, entry.key.access).message
        : `Its access, ${entry.key.access}, does not hold ${need.accesses.join(" and ")}.`;
  return { check: "access", code: refused?.code ?? null, message };
}

function scope({ entry, keyScopes }: Rehearsed, need: Need): Finding {
  const refused = rightsRefusal({ ...entry, deactivated: false, addresses: [] }, { ...bare(need), scopes: need.scopes });
  const lacks = refused?.needed != null && "scope" in refused.needed ? refused.needed.scope : null;
  const message =
    need.scopes.length === 0
      ? "The call needs no scope."
      : lacks === null
        ? `It has the scope ${need.scopes.join(" and ")}.`
        : keyScopes.includes(lacks)
          ? `It has the scope ${lacks}, but its organization no longer does.`
          : `It does not have the scope ${lacks}.`;
  return { check: "scope", code: refused?.code ?? null, message };
}

const FREE = "Calls here are free: they do not count.";

function quota({ entry }: Rehearsed, need: Need, { quota: { remaining, limit } }: Limits): Finding {
  if (need.free) return { check: "quota", code: null, message: FREE };
  const of = `of this month's ${formatNumber(limit)} ${entry.key.environment} requests`;
  if (remaining > 0) return { check: "quota", code: null, message: `${formatNumber(remaining)} ${of} are left.` };
  return { check: "quota", code: "quota_exceeded", message: `None ${of} is left.` };
}

function rateLimit(need: Need, { rate, route }: Limits): Finding {
  const asked = [...(need.free ? [] : [rate]), ...(route === null ? [] : [route])];
  const tightest = asked.toSorted((a, b) => a.remaining - b.remaining)[0];
  if (tightest === undefined) return { check: "rate_limit", code: null, message: FREE };
  const whose = tightest === route ? "the route's" : "its";
  const of = `of ${whose} ${formatNumber(tightest.limit)} calls a minute`;
  if (tightest.remaining > 0) return { check: "rate_limit", code: null, message: `${formatNumber(tightest.remaining)} ${of} are left.` };
  return { check: "rate_limit", code: "rate_limit_exceeded", message: `None ${of} is left until the next minute.` };
}

async function credits({ entry: { key } }: Rehearsed, { cost }: Need): Promise<Finding> {
  const finding = (code: RefusalCode | null, message: string): Finding => ({ check: "credits", code, message });
  if (cost === 0) return finding(null, "The call costs no credits.");
  if (key.environment === "test") return finding(null, "A test key is charged no credits.");
  const available = await creditsOf(key.orgId);
  const of = `It costs ${formatNumber(cost)} credits, and the organization has ${formatNumber(available)}.`;
  return finding(available >= cost ? null : "insufficient_credits", of);
}
