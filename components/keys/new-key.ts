import { formatDate, formatNumber } from "@/lib/format";
import { CreateKey, type Key, type Scope } from "@/lib/keys/schema";

/** What the create dialog holds, and the call that it would send. Pure: `now` is passed in. */

const DAY = 86_400_000;

export interface NewKeyDraft {
  name: string;
  groupId: string;
  environment: Key["environment"];
  access: Key["access"];
  scopes: readonly string[];
  expiry: "30" | "90" | "365" | "never" | "date";
  /** A day in the reader's zone; the key works until its end. */
  expiryDate: string;
  /** Date and time in the reader's zone, as the browser's field writes it; empty for at once. */
  notBefore: string;
  /** Calls per minute as typed; empty for none of its own. */
  limit: string;
  addresses: readonly string[];
  owner: Key["owner"]["type"];
  metadata: readonly Pair[];
}

export interface Pair {
  name: string;
  value: string;
}

/** The body of the call; what is left as it is by default is left out. `all` are the organization's scopes. */
export function toInput(draft: NewKeyDraft, all: readonly string[], now: number): CreateKey {
  const expires = expiryOf(draft, now);
  const limit = draft.limit.trim();
  const pairs = filled(draft.metadata);
  return {
    name: draft.name.trim(),
    group_id: draft.groupId,
    environment: draft.environment,
    access: draft.access,
    ...(draft.scopes.length === all.length ? {} : { scopes: draft.scopes as Scope[] }),
    expires_at: expires === null ? null : expires.toISOString(),
    ...(draft.notBefore === "" ? {} : { not_before: new Date(draft.notBefore).toISOString() }),
    ...(limit === "" ? {} : { rate_limit_rpm: Number(limit) }),
    ...(draft.addresses.length === 0 ? {} : { allowed_ips: [...draft.addresses] }),
    ...(draft.owner === "member" ? {} : { owner: draft.owner }),
    ...(pairs.length === 0 ? {} : { metadata: Object.fromEntries(pairs.map(({ name, value }) => [name, value])) }),
  };
}

/** What can be told before it is sent, by path as the API names it. */
export function problemsOf(draft: NewKeyDraft, all: readonly string[], now: number): Record<string, string> {
  const problems: Record<string, string> = {};
  const names = filled(draft.metadata).map(({ name }) => name);
  if (names.some((name) => name === "")) problems.metadata = "needs a name for each value";
  else if (new Set(names).size < names.length) problems.metadata = "has a name twice";
  if (draft.limit.trim() !== "" && !/^\d+$/.test(draft.limit.trim())) problems.rate_limit_rpm = "must be a whole number";
  if (draft.expiry === "date" && draft.expiryDate === "") problems.expires_at = "needs a date";
  else if ((expiryOf(draft, now)?.getTime() ?? Number.POSITIVE_INFINITY) <= now) problems.expires_at = "must be in the future";
  else if (startsAfterEnd(draft, now)) problems.not_before = "must be before it expires";
  for (const issue of CreateKey.safeParse(toInput(draft, all, now)).error?.issues ?? []) {
    if (problems[String(issue.path[0])] === undefined) problems[issue.path.join(".")] = issue.message;
  }
  if (draft.name.trim() === "") problems.name = "give it a name: it is how you will find the key again";
  return problems;
}

/** The folded part in a line: "Full access, all 9 scopes, expires 20 Nov 2027". */
export function summaryOf(draft: NewKeyDraft, all: readonly string[], now: number, access: string): string {
  const expires = expiryOf(draft, now);
  const pairs = filled(draft.metadata).length;
  return [
    access,
    draft.scopes.length === all.length ? `all ${all.length} scopes` : `${draft.scopes.length} of ${all.length} scopes`,
    expires !== null ? `expires ${formatDate(expires)}` : draft.expiry === "date" ? "expires on a date" : "never expires",
    draft.notBefore !== "" && `works from ${formatDate(new Date(draft.notBefore))}`,
    /^\d+$/.test(draft.limit.trim()) && `${formatNumber(Number(draft.limit))} calls a minute`,
    draft.addresses.length > 0 && `${draft.addresses.length} ${draft.addresses.length === 1 ? "address" : "addresses"}`,
    draft.owner === "organization" && "owned by the organization",
    pairs > 0 && `${pairs} ${pairs === 1 ? "note" : "notes"}`,
  ]
    .filter(Boolean)
    .join(", ");
}

function expiryOf({ expiry, expiryDate }: NewKeyDraft, now: number): Date | null {
  if (expiry === "never" || (expiry === "date" && expiryDate === "")) return null;
  if (expiry !== "date") return new Date(now + Number(expiry) * DAY);
  const [year = 0, month = 1, day = 1] = expiryDate.split("-").map(Number);
  return new Date(year, month - 1, day, 23, 59, 59);
}

function startsAfterEnd(draft: NewKeyDraft, now: number): boolean {
  const expires = expiryOf(draft, now);
  return draft.notBefore !== "" && expires !== null && Date.parse(draft.notBefore) >= expires.getTime();
}

function filled(pairs: readonly Pair[]): Pair[] {
  return pairs.map(({ name, value }) => ({ name: name.trim(), value })).filter(({ name, value }) => name !== "" || value !== "");
}
