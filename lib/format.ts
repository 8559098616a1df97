/** How figures, times and hashes are written (ui.md §7). Pure: `now`, zone and locale are passed in.
 *  Missing is a dash, never 0. */

const missing = "—";
/** Between a figure and its sign: narrow. Between a figure and a word: a space that does not break. */
const thin = "\u202f";
const fixed = "\u00a0";

type Maybe<T> = T | null | undefined;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** 318402 → "318,402". */
export function formatNumber(value: Maybe<number>, locale = "en"): string {
  return value === null || value === undefined ? missing : new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }).format(value);
}

/** For axes, and for cards beyond 9,999,999: 45000 → "45k", 1200000 → "1.2 M", 10⁹ → "1.0 bn". */
export function formatCompact(value: Maybe<number>): string {
  if (value === null || value === undefined) return missing;
  const size = Math.abs(value);
  if (size >= 999_500_000) return `${(value / 1e9).toFixed(1)}${thin}bn`;
  if (size >= 999_500) return `${trim(value / 1e6)}${thin}M`;
  if (size >= 1000) return `${trim(value / 1e3)}k`;
  return String(Math.round(value * 10) / 10);
}

/** Exact up to seven digits, short beyond: for the figure of a card. */
export function formatFigure(value: Maybe<number>, locale = "en"): string {
  return value !== null && value !== undefined && Math.abs(value) > 9_999_999 ? formatCompact(value) : formatNumber(value, locale);
}

/** Share of 0 to 1 → "6.2 %"; "0.0 %" only for true zero, else "< 0.1 %"; never "100.0 %" for less than all. */
export function formatPercent(share: Maybe<number>, locale = "en"): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return missing;
  const form = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  if (share > 0 && share < 0.001) return `<${thin}${form.format(0.1)}${thin}%`;
  if (share > 0.999 && share < 1) return `>${thin}${form.format(99.9)}${thin}%`;
  return `${form.format(share * 100)}${thin}%`;
}

/** Milliseconds → "41 ms", "1.8 s", "42 s", "17 h 52 min", "3 days". */
export function formatDuration(milliseconds: Maybe<number>): string {
  if (milliseconds === null || milliseconds === undefined) return missing;
  const ms = Math.max(0, milliseconds);
  if (ms > 0 && ms < 1) return `<${thin}1${fixed}ms`;
  if (ms < 999.5) return `${Math.round(ms)}${fixed}ms`;
  if (ms < 9.95 * second) return `${(ms / second).toFixed(1)}${fixed}s`;
  if (ms < 59.5 * second) return `${Math.round(ms / second)}${fixed}s`;
  const minutes = Math.round(ms / minute);
  if (minutes < 60) return `${minutes}${fixed}min`;
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(ms / hour);
  const days = Math.floor(hours / 24);
  return days === 1 && hours % 24 ? pair(24 + (hours % 24), "h", 0, "min") : `${days} ${days === 1 ? "day" : "days"}`;
}

/** "Just now" under 5 s, "12 s ago", "38 min ago", "6 h ago"; from 24 h on the date. A future instant is its date. */
export function formatRelative(at: Date, now: Date, timeZone?: string): string {
  const ago = now.getTime() - at.getTime();
  if (Number.isNaN(ago)) return missing;
  // Two clocks are never quite equal.
  if (ago >= day || ago < -5 * second) return formatDate(at, timeZone);
  if (ago < 5 * second) return "Just now";
  if (ago < minute) return `${Math.floor(ago / second)}${fixed}s ago`;
  if (ago < hour) return `${Math.floor(ago / minute)}${fixed}min ago`;
  return `${Math.floor(ago / hour)}${fixed}h ago`;
}

/** "in 18 h", "in 3 days", "in 7 weeks", "in 4 months", "in 1 year", to the nearest; past: "3 days ago". Days are those of the zone's calendar. */
export function formatUntil(at: Date, now: Date, timeZone?: string): string {
  const left = at.getTime() - now.getTime();
  if (Number.isNaN(left)) return missing;
  const words = span(Math.abs(left), Math.abs(daysBetween(now, at, timeZone)));
  return words === null ? "now" : left > 0 ? `in ${words}` : `${words} ago`;
}

/** "18 Aug 2026". */
export function formatDate(at: Date, timeZone?: string): string {
  return Number.isNaN(at.getTime())
    ? missing
    : parts(at, { day: "numeric", month: "short", year: "numeric" }, timeZone, "{day} {month} {year}");
}

/** "18 Aug": where the year is said elsewhere, as on an axis. */
export function formatDayMonth(at: Date, timeZone?: string): string {
  return parts(at, { day: "numeric", month: "short" }, timeZone, "{day} {month}");
}

/** "14:02:11", under a day heading. */
export function formatClock(at: Date, timeZone?: string): string {
  return Number.isNaN(at.getTime())
    ? missing
    : parts(at, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }, timeZone, "{hour}:{minute}:{second}");
}

/** "14:02". */
export function formatMinute(at: Date, timeZone?: string): string {
  return parts(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, timeZone, "{hour}:{minute}");
}

/** "20 Nov 2026, 14:07:31 CET": what the short forms leave out. */
export function formatExact(at: Date, timeZone?: string): string {
  if (Number.isNaN(at.getTime())) return missing;
  return parts(
    at,
    {
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      timeZoneName: "short",
    },
    timeZone,
    "{day} {month} {year}, {hour}:{minute}:{second} {timeZoneName}",
  );
}

/** "Today, 20 November", "Yesterday, 19 November", "Wednesday, 18 November", with the year when it is another one. */
export function formatDayHeading(at: Date, now: Date, timeZone?: string): string {
  const date = parts(at, { day: "numeric", month: "long" }, timeZone, "{day} {month}");
  const distance = daysBetween(at, now, timeZone);
  const name = distance === 0 ? "Today" : distance === 1 ? "Yesterday" : parts(at, { weekday: "long" }, timeZone, "{weekday}");
  const year = calendarDay(at, timeZone).slice(0, 4);
  return `${name}, ${date}${year === calendarDay(now, timeZone).slice(0, 4) ? "" : ` ${year}`}`;
}

/** "9c4107fe…5a1ed7b2" as "9c41 07fe … 5a1e d7b2"; a short one stays whole. Nothing else is ever cut in the middle. */
export function shortenHash(hash: Maybe<string>): string {
  if (!hash) return missing;
  if (hash.length <= 16) return hash;
  const four = (text: string) => `${text.slice(0, 4)} ${text.slice(4)}`;
  return `${four(hash.slice(0, 8))} … ${four(hash.slice(-8))}`;
}

/** As it is written: an address is compared character by character. */
export function formatAddress(address: Maybe<string>): string {
  return address || missing;
}

function trim(value: number): string {
  return Math.abs(value) >= 99.95 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return `${large}${fixed}${largeUnit}${small ? `${fixed}${small}${fixed}${smallUnit}` : ""}`;
}

/** Beside a date it must count as the reader does: `days` apart on the calendar. */
function span(ms: number, days: number): string | null {
  if (ms < minute) return null;
  if (ms < 59.5 * minute) return `${Math.round(ms / minute)}${fixed}min`;
  if (ms < 23.5 * hour) return `${Math.round(ms / hour)}${fixed}h`;
  if (days < 14) return count(Math.max(1, days), "day");
  if (days < 61) return count(Math.round(days / 7), "week");
  const months = Math.round(days / 30.44);
  return months < 24 && months !== 12 ? count(months, "month") : count(Math.round(days / 365.25), "year");
}

function calendarDay(at: Date, timeZone: string | undefined): string {
  return parts(at, { year: "numeric", month: "2-digit", day: "2-digit" }, timeZone, "{year}-{month}-{day}");
}

function daysBetween(from: Date, to: Date, timeZone: string | undefined): number {
  return Math.round((Date.parse(calendarDay(to, timeZone)) - Date.parse(calendarDay(from, timeZone))) / day);
}

function count(many: number, unit: string): string {
  return `${many} ${unit}${many === 1 ? "" : "s"}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

// Order and separators are ours, names are English: the words around them are.
function parts(at: Date, options: Intl.DateTimeFormatOptions, timeZone: string | undefined, pattern: string): string {
  const key = `${timeZone ?? ""}|${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", timeZone === undefined ? options : { ...options, timeZone });
    formats.set(key, format);
  }
  const found = new Map(format.formatToParts(at).map((part) => [part.type as string, part.value]));
  // ICU writes "Sept" in British English.
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => (found.get(name) ?? "").replace(/^Sept$/, "Sep"));
}
