import { z } from "zod";

/** Pieces that every noun's schemas share. Browser-safe. */

// What a schema has no words of its own for, the API and the console's forms say in these.
z.config({ customError: sayFault });

const KINDS: Record<string, string> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

const isWhole = (schema: unknown) => schema instanceof z.ZodNumberFormat; // z.int() says of a text that it expected "number"

/** What is wrong, to be read after the path; never the value. */
function sayFault(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${KINDS[isWhole(issue.inst) ? "int" : issue.expected] ?? "of another kind"}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.join(", ")}`;
    case "invalid_format":
      return issue.format === "starts_with" ? `must begin with ${issue.prefix}` : "does not have the form that it must have";
    case "too_big":
      return issue.origin === "string" || issue.origin === "array"
        ? `may have at most ${issue.maximum} ${issue.origin === "string" ? "characters" : "entries"}`
        : `may be at most ${issue.maximum}`;
    case "too_small":
      if (issue.origin !== "string" && issue.origin !== "array") return `must be at least ${issue.minimum}`;
      return issue.minimum === 1
        ? "may not be empty"
        : `needs at least ${issue.minimum} ${issue.origin === "string" ? "characters" : "entries"}`;
    case "invalid_key":
      return `has a name that ${issue.issues[0]?.message ?? "is none"}`;
    case "invalid_union":
      return issue.errors.at(-1)?.[0]?.message ?? "is of no kind that is taken here";
    default:
      return "is not valid";
  }
}

// C0, DEL, C1, bidirectional controls, zero-width and line separators: what could make a name look like another.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
// Not white, not a filler or joiner, not Braille's empty cell.
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** One line of text a person chose: trimmed, 1 to `max` characters, no control or direction characters, and something to see. Markup is only text. */
export function PlainText(max: number) {
  return z
    .string()
    .trim()
    .min(1, "may not be empty")
    .max(max, `may have at most ${max} characters`)
    .refine((text) => !UNSAFE.test(text) && text.isWellFormed(), "may not have control, direction or invisible characters")
    .refine((text) => VISIBLE.test(text), "needs a character that can be seen");
}

/** Later ones ISO 8601 writes with a sign and six digits of a year, which PostgreSQL does not read. */
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const isInSpan = (ms: number) => ms >= 0 && ms <= LAST_MS;

/** An instant as ISO 8601 with a zone, of the years 1970 to 9999 in UTC. */
export const Instant = z.iso
  .datetime({ offset: true, error: "must be an ISO 8601 instant such as 2026-12-31T23:59:59Z" })
  .refine((text) => isInSpan(Date.parse(text)), "must be in the years 1970 to 9999, in UTC");

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/;

/** Milliseconds; NaN for what is no date. Date.parse alone reads 30 February as 2 March, and a time without a zone as the machine's: here that is UTC. */
function timeOf(text: string): number {
  const [day, time] = [text.slice(0, 10), text.slice(10)];
  const midnight = DAY.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (new Date(midnight).getUTCDate() !== Number(day.slice(8))) return Number.NaN;
  if (time === "") return midnight;
  return TIME.test(time) ? Date.parse(/[Z+-]/.test(time) ? text : `${text}Z`) : Number.NaN;
}

/** A day (UTC) or an instant; `end` of a range given as a day includes that day. */
export const DateOrInstant = z
  .string()
  .refine((text) => !Number.isNaN(timeOf(text)), { message: "must be an ISO 8601 date or instant", abort: true })
  .refine((text) => isInSpan(timeOf(text)), "must be in the years 1970 to 9999, in UTC");

/** `start_date/end_date` and `start/end` are synonyms in every list that has a range. */
export const RangeQuery = {
  start_date: DateOrInstant.optional(),
  end_date: DateOrInstant.optional(),
  start: DateOrInstant.optional(),
  end: DateOrInstant.optional(),
};

export interface Range {
  from: Date | null;
  /** Exclusive. */
  to: Date | null;
}

/** The half-open span a range query means. A `to` not after `from` is reported to `refuse`. */
export function rangeOf(
  query: { start_date?: string | undefined; end_date?: string | undefined; start?: string | undefined; end?: string | undefined },
  refuse: (message: string) => never,
): Range {
  const start = query.start_date ?? query.start;
  const end = query.end_date ?? query.end;
  const from = start === undefined ? null : new Date(timeOf(start));
  const to = end === undefined ? null : new Date(Math.min(timeOf(end) + (DAY.test(end) ? 86_400_000 : 0), LAST_MS));
  if (from !== null && to !== null && to <= from) refuse("the range ends before it begins");
  return { from, to };
}

export const PageQuery = {
  // Digits only: Number() would also read "1e2" and "0x10".
  limit: z
    .preprocess((text) => (typeof text === "string" && /^-?\d+$/.test(text) ? Number(text) : text), z.int().min(1).max(1000))
    .default(50),
  cursor: z.string().max(600).optional(),
};

/** `{data, has_more, next_cursor}`: what every list answers. */
export function ListOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), has_more: z.boolean(), next_cursor: z.string().nullable() });
}

export interface List<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}
