"use client";

import { createContext, type ReactNode, use, useSyncExternalStore } from "react";
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
  date: (at: Date, _: Date, zone?: string) => formatDate(at, zone),
  clock: (at: Date, _: Date, zone?: string) => formatClock(at, zone),
  exact: (at: Date, _: Date, zone?: string) => formatExact(at, zone),
};

const RenderedAt = createContext<string | undefined>(undefined);

/** When the server wrote this page: with it the first paint already says "6 h ago", and hydration says the same. */
export function ClockProvider({ now, children }: { now: string | undefined; children: ReactNode }) {
  return <RenderedAt value={now}>{children}</RenderedAt>;
}

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

/** The server writes UTC by its own clock, which hydration repeats; the reader's zone and clock follow. */
export function Time({ iso, as = "relative", className }: TimeProps) {
  const at = new Date(iso);
  const renderedAt = use(RenderedAt);
  const text = useSyncExternalStore(
    subscribe,
    () => forms[as](at, ticking ? now : new Date()),
    () =>
      renderedAt === undefined && (as === "relative" || as === "until")
        ? formatDate(at, "UTC")
        : forms[as](at, new Date(renderedAt ?? iso), "UTC"),
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
