import type { Key } from "@/lib/keys/schema";

/** As many as one call takes. */
export const MOST_SELECTED = 1_000;

/** What is ticked, by id; it may lie on other pages of the list. */
export type Selection = ReadonlyMap<string, Key>;

/** With these keys ticked or not. What goes beyond the most that one call takes stays as it is. */
export function tick(selection: Selection, keys: readonly Key[], on: boolean): Selection {
  const next = new Map(selection);
  for (const key of keys) {
    if (!on) next.delete(key.id);
    else if (next.has(key.id) || next.size < MOST_SELECTED) next.set(key.id, key);
  }
  return next;
}

/** The rows from the one that was ticked last to this one, both included; only this one where the other is not in the list. */
export function rangeTo(rows: readonly Key[], from: string | null, to: string): Key[] {
  const end = rows.findIndex((key) => key.id === to);
  const start = rows.findIndex((key) => key.id === from);
  if (end < 0) return [];
  return start < 0 ? rows.slice(end, end + 1) : rows.slice(Math.min(start, end), Math.max(start, end) + 1);
}
