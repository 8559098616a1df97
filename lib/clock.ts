/** Milliseconds since 1970. Every decision takes its instant from here and passes it on; pure code never asks. */
export function now(): number {
  return Date.now();
}
