import { once, provide } from "@/lib/runtime";

/** Milliseconds since 1970. Every decision takes its instant from here and passes it on; pure code never asks. */
export function now(): number {
  return once<() => number>("clock", () => Date.now)();
}

/** Puts another clock in place: for demo data, which has a past, and for tests. */
export function setClock(clock: () => number): void {
  provide("clock", clock);
}
