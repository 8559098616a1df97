import { randomBytes } from "node:crypto";

/** What an id names, by its type prefix. */
export type IdType = "org" | "usr" | "grp" | "key" | "sec" | "ses" | "req" | "aud" | "crd" | "spl";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const BODY = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

let lastMs = 0;
let lastRandom = Buffer.alloc(10);

/**
 * `<type>_` + 26 lower-case ULID characters (48 bits of time, 80 random). Ids made by one process ascend, also within a millisecond.
 * Source: github.com/ulid/spec.
 */
export function newId(type: IdType, now: number = Date.now()): string {
  if (now > lastMs) {
    lastMs = now;
    lastRandom = randomBytes(10);
    lastRandom[0] = (lastRandom[0] as number) & 0x7f; // room to count up within the millisecond
  } else {
    for (let i = 9; i >= 0; i--) {
      lastRandom[i] = ((lastRandom[i] as number) + 1) & 0xff;
      if (lastRandom[i] !== 0) break;
    }
  }
  let text = "";
  let time = lastMs;
  for (let i = 0; i < 10; i++) {
    text = ALPHABET[time % 32] + text;
    time = Math.floor(time / 32);
  }
  let bits = 0;
  let held = 0;
  for (const byte of lastRandom) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET[(bits >> held) & 31];
    }
    bits &= (1 << held) - 1;
  }
  return `${type}_${text}`;
}

/** Whether `text` has the form of an id of this type; a malformed id is answered like a missing one. */
export function isId(type: IdType, text: string): boolean {
  return text.startsWith(`${type}_`) && BODY.test(text.slice(type.length + 1));
}

/** `cli_…` is an alias accepted wherever an organization's id is. */
export function orgIdFrom(text: string): string {
  return text.startsWith("cli_") ? `org_${text.slice(4)}` : text;
}

/** The organization's id as Perceptiq's clients know it. */
export function clientIdOf(orgId: string): string {
  return `cli_${orgId.slice(4)}`;
}
