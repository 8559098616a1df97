"use client";

import { useSyncExternalStore } from "react";
import { formatClock, formatDate, formatExact, formatRelative, formatUntil } from "@/lib/format";

type TimeProps = {
  iso: string;
  /** relative: "6 h ago", after a day the date · date: "18 Aug 2026" · until: "in 3 days" · clock: "14:02:11" · exact: date, time and zone. */
  as?: keyof typeof forms | undefined;
  className?: string | undefined;
};

const forms = {
  relative: formatRelative,
  until: formatUntil,
  date: (at: Date) => formatDate(at),
  clock: (at: Date) => formatClock(at),
  exact: (at: Date) => formatExact(at),
};

// One clock for the page; a figure is drawn again only when its words change.
let now = new Date();
let ticking: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(changed: () => void): () => void {
  if (listeners.size === 0) now = new Date();
  listeners.add(changed);
  ticking ??= setInterval(() => {
    now = new Date();
    for (const listener of listeners) listener();
  }, 1000);
  return () => {
    listeners.delete(changed);
    if (listeners.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

/** The server writes UTC, which is the same for everybody; the reader's zone and clock follow after hydration. */
export function Time({ iso, as = "relative", className }: TimeProps) {
  const at = new Date(iso);
  const text = useSyncExternalStore(
    subscribe,
    () => forms[as](at, ticking ? now : new Date()),
    () => (as === "clock" ? formatClock(at, "UTC") : as === "exact" ? formatExact(at, "UTC") : formatDate(at, "UTC")),
  );
  const exact = useSyncExternalStore(
    subscribe,
    () => formatExact(at),
    () => formatExact(at, "UTC"),
  );
  return (
    <time dateTime={iso} title={exact} className={className}>
      {text}
    </time>
  );
}

/** The reader's zone, named once per page: "times are yours, Europe/Paris". */
export function ZoneName() {
  return useSyncExternalStore(
    subscribe,
    () => new Intl.DateTimeFormat().resolvedOptions().timeZone,
    () => "UTC",
  );
}
