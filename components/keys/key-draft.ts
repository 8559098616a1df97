import type { ChangeRow } from "@/components/ui/changes";
import { formatDate, formatExact, formatNumber } from "@/lib/format";
import { type Key, type Scope, UpdateKey } from "@/lib/keys/schema";
import { isAdmitted } from "./admitted";

/** What the edit dialog holds: the fields of a key as they are typed, what of them is changed, and what a change takes away. Pure: `now` is passed in. */

const DAY = 86_400_000;

export interface Draft {
  name: string;
  group_id: string;
  access: Key["access"];
  scopes: readonly string[];
  /** Calls per minute as typed; empty for none of its own. */
  limit: string;
  allowed_ips: readonly string[];
  /** `same`, a number of days from now, `never`, or `date`. */
  expiry: "same" | "30" | "90" | "365" | "never" | "date";
  expiry_date: string;
  /** Date and time in the reader's zone, as the browser's field writes it; empty for at once. */
  not_before: string;
  owner: "same" | "member" | "organization";
  metadata: readonly { name: string; value: string }[];
}

export type EditableField = keyof UpdateKey;

export function draftOf(key: Key): Draft {
  return {
    name: key.name,
    group_id: key.group_id,
    access: key.access,
    scopes: key.scopes,
    limit: key.rate_limit_rpm === null ? "" : String(key.rate_limit_rpm),
    allowed_ips: key.allowed_ips,
    expiry: "same",
    expiry_date: "",
    not_before: toField(key.not_before),
    owner: "same",
    metadata: Object.entries(key.metadata).map(([name, value]) => ({ name, value })),
  };
}

/** Only what differs: two people who edit different fields do not undo each other. */
export function bodyOf(key: Key, draft: Draft, now: number): UpdateKey {
  const expiresAt = expiryOf(key, draft, now);
  const limit = draft.limit.trim() === "" ? null : Number(draft.limit);
  const metadata = Object.fromEntries(pairsOf(draft).map(({ name, value }) => [name, value]));
  return {
    ...(draft.name.trim() === key.name ? {} : { name: draft.name.trim() }),
    ...(draft.group_id === key.group_id ? {} : { group_id: draft.group_id }),
    ...(draft.access === key.access ? {} : { access: draft.access }),
    ...(isSameSet(draft.scopes, key.scopes) ? {} : { scopes: draft.scopes as Scope[] }),
    ...(limit === key.rate_limit_rpm ? {} : { rate_limit_rpm: limit }),
    ...(isSameSet(draft.allowed_ips, key.allowed_ips) ? {} : { allowed_ips: [...draft.allowed_ips] }),
    ...(expiresAt === key.expires_at ? {} : { expires_at: expiresAt }),
    ...(draft.not_before === toField(key.not_before) ? {} : { not_before: fromField(draft.not_before) }),
    ...(draft.owner === "same" ? {} : { owner: draft.owner }),
    ...(isSameRecord(metadata, key.metadata) ? {} : { metadata }),
  };
}

/** The preview: each changed field, before and after, in the words of the page. */
export function changesOf(key: Key, draft: Draft, now: number, groupName: (id: string) => string): ChangeRow[] {
  const body = bodyOf(key, draft, now);
  const changes: ChangeRow[] = [];
  const one = (field: EditableField, label: string, from: string, to: string) =>
    changes.push({ field, label, from: [from], to: [to], isList: false });
  const list = (field: EditableField, label: string, from: readonly string[], to: readonly string[], none: string) =>
    changes.push({
      field,
      label,
      from: from.length === 0 ? [none] : from.filter((each) => !to.includes(each)),
      to: to.length === 0 ? [none] : to.filter((each) => !from.includes(each)),
      isList: true,
    });
  if (body.name !== undefined) one("name", "Name", key.name, body.name);
  if (body.group_id !== undefined) one("group_id", "Group", groupName(key.group_id), groupName(body.group_id));
  if (body.access !== undefined) one("access", "Access", accessNames[key.access], accessNames[body.access]);
  if (body.scopes !== undefined) list("scopes", "Scopes", key.scopes, body.scopes, "None");
  if (body.rate_limit_rpm !== undefined) one("rate_limit_rpm", "Limit", limitText(key.rate_limit_rpm), limitText(body.rate_limit_rpm));
  if (body.allowed_ips !== undefined) list("allowed_ips", "Addresses", key.allowed_ips, body.allowed_ips, "Any address");
  if (body.expires_at !== undefined) one("expires_at", "Expires", dateText(key.expires_at), dateText(body.expires_at));
  if (body.not_before !== undefined) one("not_before", "Works from", startText(key.not_before), startText(body.not_before));
  if (body.owner !== undefined) one("owner", "Owner", ownerText(key), body.owner === "member" ? "You" : "The organization");
  if (body.metadata !== undefined) list("metadata", "Metadata", pairTexts(key.metadata), pairTexts(body.metadata), "None");
  return changes;
}

export interface Seen {
  /** Who called, and when last; undefined while it is not known. */
  addresses: readonly { ip: string | null; last_at: string }[] | undefined;
  /** Scopes that calls of the last 30 days needed. */
  usedScopes: readonly string[] | undefined;
}

/** What a change takes away from programs that call now, a sentence each. */
export function lossesOf(key: Key, draft: Draft, now: number, seen: Seen): string[] {
  const body = bodyOf(key, draft, now);
  const losses: string[] = [];
  if (body.allowed_ips !== undefined) {
    const lately = (seen.addresses ?? []).filter(({ ip, last_at }) => ip !== null && Date.parse(last_at) >= now - DAY);
    const shut = [...new Set(lately.map(({ ip }) => ip as string))].filter(
      (ip) => isAdmitted(key.allowed_ips, ip) && !isAdmitted(body.allowed_ips ?? [], ip),
    );
    if (shut.length > 0)
      losses.push(
        `${shut.length === 1 ? "An address" : `${shut.length} addresses`} that called in the last 24 hours will be refused: ${some(shut)}.`,
      );
  }
  if (body.scopes !== undefined) {
    const gone = key.scopes.filter((scope) => !body.scopes?.some((kept) => kept === scope));
    const used = gone.filter((scope) => seen.usedScopes?.includes(scope));
    if (used.length > 0) losses.push(`Calls of the last 30 days needed ${some(used)}: such calls will be refused.`);
  }
  const lost = body.access === undefined ? [] : holds[key.access].filter((access) => !holds[body.access ?? key.access].includes(access));
  if (lost.length > 0) losses.push(`Calls that need ${lost.join(" or ")} access will be refused.`);
  if (body.rate_limit_rpm != null && (key.rate_limit_rpm === null || body.rate_limit_rpm < key.rate_limit_rpm))
    losses.push(`From the ${ordinal(body.rate_limit_rpm + 1)} call of a minute on it is refused.`);
  if (body.expires_at != null && (key.expires_at === null || Date.parse(body.expires_at) < Date.parse(key.expires_at)))
    losses.push(`It stops working for good on ${formatExact(new Date(body.expires_at))}.`);
  if (body.not_before != null && Date.parse(body.not_before) > now)
    losses.push(`Every call is refused until ${formatExact(new Date(body.not_before))}.`);
  if (body.group_id !== undefined)
    losses.push("The limit and the addresses of its new group apply at once, and its calls count there from now on.");
  return losses;
}

/** What is wrong before it is sent, by path as the API names it. */
export function problemsOf(key: Key, draft: Draft, now: number): Record<string, string> {
  const problems: Record<string, string> = {};
  if (draft.expiry === "date" && draft.expiry_date === "") problems.expires_at = "needs a date";
  if (draft.limit.trim() !== "" && !/^\d+$/.test(draft.limit.trim())) problems.rate_limit_rpm = "must be a whole number";
  const names = pairsOf(draft).map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) problems.metadata = `has "${twice}" twice`;
  if (pairsOf(draft).some(({ name }) => name === "")) problems.metadata = "needs a name for each value";
  if (Object.keys(problems).length > 0) return problems;
  const body = bodyOf(key, draft, now);
  const parsed = UpdateKey.safeParse(body);
  for (const issue of parsed.error?.issues ?? []) problems[issue.path.join(".")] ??= issue.message;
  if (body.name === "") problems.name = "give it a name: it is how you will find the key again";
  if (body.expires_at != null && Date.parse(body.expires_at) <= now) problems.expires_at = "must be in the future";
  return problems;
}

const accessNames: Record<Key["access"], string> = { read: "Read", write: "Write", full: "Full", admin: "Admin" };

// Read and write side by side, below full, below admin.
const holds: Record<Key["access"], readonly Key["access"][]> = {
  read: ["read"],
  write: ["write"],
  full: ["read", "write", "full"],
  admin: ["read", "write", "full", "admin"],
};

function expiryOf(key: Key, { expiry, expiry_date }: Draft, now: number): string | null {
  if (expiry === "same" || (expiry === "date" && expiry_date === "")) return key.expires_at;
  if (expiry === "never") return null;
  if (expiry !== "date") return new Date(now + Number(expiry) * DAY).toISOString();
  const [year = 0, month = 1, day = 1] = expiry_date.split("-").map(Number);
  return new Date(year, month - 1, day, 23, 59, 59).toISOString();
}

function toField(iso: string | null): string {
  if (iso === null) return "";
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function fromField(text: string): string | null {
  return text === "" ? null : new Date(text).toISOString();
}

function pairsOf(draft: Draft): { name: string; value: string }[] {
  return draft.metadata.map(({ name, value }) => ({ name: name.trim(), value })).filter(({ name, value }) => name !== "" || value !== "");
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}

function isSameRecord(a: Record<string, string>, b: Record<string, string>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);
}

function pairTexts(metadata: Record<string, string>): string[] {
  return Object.entries(metadata).map(([name, value]) => `${name}: ${value}`);
}

function limitText(limit: number | null): string {
  return limit === null ? "None of its own" : `${formatNumber(limit)} a minute`;
}

function dateText(iso: string | null): string {
  return iso === null ? "Never" : formatDate(new Date(iso));
}

function startText(iso: string | null): string {
  return iso === null ? "At once" : formatExact(new Date(iso));
}

function ownerText(key: Key): string {
  return key.owner.type === "organization" ? "The organization" : key.owner.name;
}

function some(texts: readonly string[]): string {
  return texts.length <= 4 ? texts.join(", ") : `${texts.slice(0, 3).join(", ")} and ${texts.length - 3} more`;
}

function ordinal(n: number): string {
  const suffix = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${formatNumber(n)}${suffix}`;
}
