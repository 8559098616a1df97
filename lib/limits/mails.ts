import { hash } from "node:crypto";
import type { Limit } from "@/lib/limits/window";

/** What anybody can have sent to somebody else: counted per recipient, whoever asks and for whichever organization. */

/** A reset's is as long as its link works: who was sent the last one still holds one that does. */
const WINDOW_SECONDS = { invitation: 3_600, reset: 1_800 } as const;

/** `email` as schemas normalise it; the store learns only its digest. */
export function mailLimit(kind: keyof typeof WINDOW_SECONDS, email: string): Limit {
  return { name: "recipient", subject: `mail:${kind}:${hash("sha256", email, "hex")}`, limit: 3, windowSeconds: WINDOW_SECONDS[kind] };
}
