import { formatDayHeading } from "@/lib/format";

/** Rows that are newest first, under the headings of their days. */
export function byDay<T extends { created_at: string }>(rows: readonly T[], zone: string | undefined): { heading: string; rows: T[] }[] {
  const days: { heading: string; rows: T[] }[] = [];
  const now = new Date();
  for (const row of rows) {
    const heading = formatDayHeading(new Date(row.created_at), now, zone);
    const last = days.at(-1);
    if (last?.heading === heading) last.rows.push(row);
    else days.push({ heading, rows: [row] });
  }
  return days;
}
