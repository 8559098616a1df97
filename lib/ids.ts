import { randomBytes } from "node:crypto";

/** What an id names, by its type prefix. */
export type IdType = "org" | "usr" | "grp" | "key" | "sec" | "ses" | "req" | "aud" | "crd" | "spl" | "hov";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const BODY = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

let lastMs = 0;
let lastTime = "";
let lastRandom = Buffer.alloc(10);

/**
 * `<type>_` + 26 lower-case ULID characters (48 bits of time, 80 random). Ids made by one process ascend, also within a millisecond.
 * Source: github.com/ulid/spec.
 */
export function newId(type: IdType, now: number = Date.now()): string {
  if (now > lastMs) {
    lastMs = now;
    lastTime = timePart(now);
    lastRandom = randomBytes(10);
    lastRandom[0] = (lastRandom[0] as number) & 0x7f; // room to count up within the millisecond
  } else {
    for (let i = 9; i >= 0; i--) {
      lastRandom[i] = ((lastRandom[i] as number) + 1) & 0xff;
      if (lastRandom[i] !== 0) break;
    }
  }
  return `${type}_${lastTime}${fiveBytes(0)}${fiveBytes(5)}`;
}

function timePart(ms: number): string {
  let text = "";
  for (let i = 0, time = ms; i < 10; i++, time = Math.floor(time / 32)) text = ALPHABET[time % 32] + text;
  return text;
}

/** 40 bits of the random part as eight characters. */
function fiveBytes(at: number): string {
  const high = lastRandom.readUIntBE(at, 2) * 16 + (lastRandom[at + 2] as number) / 16; // 20 bits and a fraction
  const low = lastRandom.readUIntBE(at + 2, 3) & 0xfffff;
  return twentyBits(Math.floor(high)) + twentyBits(low);
}

function twentyBits(value: number): string {
  return PAIRS[value >> 10] + (PAIRS[value & 1023] as string);
}

const PAIRS = Array.from({ length: 1024 }, (_, i) => `${ALPHABET[i >> 5]}${ALPHABET[i & 31]}`);

/** Whether `text` has the form of an id of this type; a malformed id is answered like a missing one. */
export function isId(type: IdType, text: string): boolean {
  return text.startsWith(`${type}_`) && BODY.test(text.slice(type.length + 1));
}

/** Whether a text that begins so and is so long could be an id of ours: three letters, an underscore and 26 characters. */
export function isFormOfId(prefix: string, length: number): boolean {
  return length === 30 && /^([a-z]{1,3}|[a-z]{3}_[0-9a-z]*)$/.test(prefix);
}

/** `cli_…` is an alias accepted wherever an organization's id is. */
export function orgIdFrom(text: string): string {
  return text.startsWith("cli_") ? `org_${text.slice(4)}` : text;
}

/** The organization's id as Perceptiq's clients know it. */
export function clientIdOf(orgId: string): string {
  return `cli_${orgId.slice(4)}`;
}
