import type { UsageRecord } from "@/lib/usage/record";

/**
 * A usage record as one line: a row of "UsageEvent" in PostgreSQL's COPY format (tabs between fields, a backslash before what has a
 * meaning), so that the drain passes a spool's bytes on as they are. What names an hourly sum stands in front, in one piece, so that
 * adding up needs no splitting. Pure. Source: postgresql.org/docs/18/sql-copy.html, "Text Format".
 */

/** The fields in their order: columns of "UsageEvent". */
export const columns = [
  ...["orgId", "keyId", "groupId", "environment", "route", "outcome", "createdAt", "calls", "latencyUs"],
  ...["credits", "requestId", "secretId", "keyPrefix", "method", "status", "ip", "country", "userAgent"],
] as const;

const MOST_INT = 2_147_483_647;
const INSTANT = 24; // the length of 2026-11-21T09:30:00.000Z

const UNSAFE = /[\\\t\n\r\0]/;
const escapes: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd" };
const meanings: Record<string, string> = { "\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r" };

/** Without its end. What PostgreSQL cannot hold (NUL, half a surrogate pair) becomes U+FFFD, here or when it is written as UTF-8. */
export function toLine(r: UsageRecord, isSum = false): string {
  // To PostgreSQL "1", "01" and "+1" are one number; to us a leading 0 says that it was charged to the quota, a plus that it is a sum.
  const calls = `${isSum ? "+" : ""}${r.counted ? "0" : ""}${r.calls ?? 1}`;
  const latencyUs = r.latencyUs > MOST_INT ? MOST_INT : r.latencyUs;
  return `${r.orgId}\t${r.keyId}\t${r.groupId}\t${r.environment}\t${text(r.route)}\t${text(r.outcome)}\t${instantOf(r.at)}\t${calls}\t${latencyUs}\t${r.credits}\t${r.requestId}\t${r.secretId}\t${text(r.keyPrefix)}\t${text(r.method)}\t${r.status}\t${text(r.ip)}\t${text(r.country)}\t${text(r.userAgent)}`;
}

function text(value: string | null): string {
  if (value === null) return "\\N";
  return UNSAFE.test(value) ? value.replace(/[\\\t\n\r\0]/g, (each) => escapes[each] as string) : value;
}

let lastMs = 0;
let lastInstant = new Date(0).toISOString();

/** Records come many to the millisecond. */
function instantOf(atMs: number): string {
  const ms = Math.floor(atMs);
  if (ms !== lastMs) {
    lastInstant = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastInstant;
}

/** What is needed to add a line up. */
export interface Head {
  /** Organization, key, group, environment, route, outcome and the UTC hour: an hourly sum's name, as it stands in the line. */
  bucket: string;
  createdAt: string;
  calls: number;
  counted: boolean;
  isSum: boolean;
  latencyUs: number;
  credits: number;
}

/** Null for a line that no process wrote like this: torn at the machine's end. */
export function headOf(line: string): Head | null {
  let start = 0;
  for (let field = 0; field < 6; field++) {
    start = line.indexOf("\t", start) + 1;
    if (start === 0) return null;
  }
  const callsAt = start + INSTANT + 1;
  const latencyAt = line.indexOf("\t", callsAt) + 1;
  const creditsAt = line.indexOf("\t", latencyAt) + 1;
  const end = line.indexOf("\t", creditsAt);
  if (latencyAt === 0 || creditsAt === 0 || end === -1 || line.charCodeAt(callsAt - 1) !== 9) return null;
  const isSum = line.charCodeAt(callsAt) === 43;
  const counted = line.charCodeAt(isSum ? callsAt + 1 : callsAt) === 48;
  const calls = Number(line.substring(callsAt, latencyAt - 1));
  const latencyUs = Number(line.substring(latencyAt, creditsAt - 1));
  const credits = Number(line.substring(creditsAt, end));
  if (!(calls >= 1 && latencyUs >= 0 && Number.isInteger(credits))) return null;
  return {
    bucket: line.substring(0, start + 13),
    createdAt: line.substring(start, start + INSTANT),
    calls,
    counted,
    isSum,
    latencyUs,
    credits,
  };
}

export type Row = Record<(typeof columns)[number], string | null>;

/** All fields as texts; null for a line that was torn. */
export function rowOf(line: string): Row | null {
  const row: Record<string, string | null> = {};
  const fields = line.split("\t");
  if (fields.length !== columns.length || !/^\d+$/.test(fields[columns.indexOf("status")] ?? "")) return null;
  for (let i = 0; i < columns.length; i++) row[columns[i] as string] = meaningOf(fields[i] ?? "");
  return row as Row;
}

/** Address and agent: the last field, and the last but two. */
export function clientOf(line: string): { ip: string | null; userAgent: string | null } {
  const agentAt = line.lastIndexOf("\t") + 1;
  const countryAt = line.lastIndexOf("\t", agentAt - 2) + 1;
  const ipAt = line.lastIndexOf("\t", countryAt - 2) + 1;
  return { ip: meaningOf(line.substring(ipAt, countryAt - 1)), userAgent: meaningOf(line.substring(agentAt)) };
}

/** What a field says: null for `\N`. */
export function meaningOf(field: string): string | null {
  if (field === "\\N") return null;
  return field.includes("\\") ? field.replace(/\\[\\tnr]/g, (each) => meanings[each] as string) : field;
}

/** When a line's record was made, in milliseconds since 1970. */
export function madeAt(line: string): number | null {
  const head = headOf(line);
  const at = head === null ? Number.NaN : Date.parse(head.createdAt);
  return Number.isNaN(at) ? null : at;
}
