"use client";

import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useRef, useTransition } from "react";

type Changes = Record<string, string | null>;

/** Filters live in the address. `set` asks the server for the list anew; `show` only changes what is open beside it. */
export function useFilters() {
  const router = useRouter();
  const pathname = usePathname();
  const params = useSearchParams();
  const [pending, start] = useTransition();
  const asked = useRef("");
  const href = (changes: Changes, from = params.toString()) => {
    const next = new URLSearchParams(from);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") next.delete(name);
      else next.set(name, value);
    }
    return next.size === 0 ? pathname : `${pathname}?${next}`;
  };
  return {
    value: (name: string) => params.get(name),
    href,
    pending,
    set: (changes: Changes) => {
      // What was chosen a moment ago and is still on its way stays chosen.
      const next = href(changes, pending ? asked.current : undefined);
      asked.current = next.slice(pathname.length + 1);
      start(() => router.push(next, { scroll: false }));
    },
    show: (changes: Changes) => window.history.replaceState(null, "", href(changes)),
  };
}
