import { z } from "zod";

/** Pieces that every noun's schemas share. Browser-safe. */

// C0, DEL, C1, bidirectional controls, zero-width and line separators: what could make a name look like another.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;

/** One line of text a person chose: trimmed, 1 to `max` characters, no control or direction characters. Markup is only text. */
export function PlainText(max: number) {
  return z
    .string()
    .trim()
    .min(1, "may not be empty")
    .max(max, `may have at most ${max} characters`)
    .refine((text) => !UNSAFE.test(text) && text.isWellFormed(), "may not have control, direction or invisible characters");
}

/** An instant as ISO 8601 with a zone, from 1970 on. */
export const Instant = z.iso
  .datetime({ offset: true, error: "must be an ISO 8601 instant such as 2026-12-31T23:59:59Z" })
  .refine((text) => Date.parse(text) >= 0, "must be after 1970");

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
export const DateOrInstant = z.string().refine((text) => timeOf(text) >= 0, "must be an ISO 8601 date or instant");

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
  const to = end === undefined ? null : new Date(timeOf(end) + (DAY.test(end) ? 86_400_000 : 0));
  if (from !== null && to !== null && to <= from) refuse("the range ends before it begins");
  return { from, to };
}

export const PageQuery = {
  limit: z.coerce
    .number({ error: "must be a whole number" })
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .max(1000, "may be at most 1000")
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
