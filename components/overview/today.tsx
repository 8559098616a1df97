"use client";

import { useHydrated } from "@/components/ui/media";
import { formatDayHeading } from "@/lib/format";

/** "Today, 20 November" in the reader's zone. */
export function Today() {
  const now = new Date();
  return <span suppressHydrationWarning>{formatDayHeading(now, now, useHydrated() ? undefined : "UTC")}</span>;
}
