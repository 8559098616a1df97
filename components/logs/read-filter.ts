import type { z } from "zod";

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The filter that an address holds. What is not valid there is left out: an old link shows a list, not a fault. */
export function readFilter<T extends z.ZodObject>(schema: T, params: Record<string, string | string[] | undefined>): Given<z.output<T>> {
  const found = Object.entries(schema.shape).flatMap(([name, field]) => {
    const text = [params[name]].flat()[0];
    return text && (field as z.ZodType).safeParse(text).success ? [[name, text] as const] : [];
  });
  const given = Object.fromEntries(found);
  if (isReversed(given.start_date, given.end_date)) delete given.end_date;
  return schema.parse(given) as Given<z.output<T>>;
}

function isReversed(start: string | undefined, end: string | undefined): boolean {
  if (start === undefined || end === undefined) return false;
  // A day includes itself, an instant does not.
  return end.length === 10 ? end < start.slice(0, 10) : Date.parse(end) <= Date.parse(start);
}
