"use client";

import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useTransition } from "react";

type Changes = Record<string, string | null>;

/** Filters live in the address. `set` asks the server for the list anew; `show` only changes what is open beside it. */
export function useFilters() {
  const router = useRouter();
  const pathname = usePathname();
  const params = useSearchParams();
  const [pending, start] = useTransition();
  const href = (changes: Changes) => {
    const next = new URLSearchParams(params);
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
    set: (changes: Changes) => start(() => router.push(href(changes), { scroll: false })),
    show: (changes: Changes) => window.history.replaceState(null, "", href(changes)),
  };
}
