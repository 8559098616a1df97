import { hash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

/**
 * The text of a key: `<prefix><32 body characters><6 checksum characters>`. Pure but for the randomness of `newSecret`.
 * The checksum (base-62 CRC-32 of all before it) lets us, and scanners, refuse a typo without looking anything up.
 */

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY = 32;
const CHECKSUM = 6;
const SHOWN = 6;
const TAIL = /^[0-9A-Za-z]{38}$/;

export interface Secret {
  /** The whole text, shown once and never stored. */
  text: string;
  /** SHA-256 in hex: the only thing stored. The body's 190 bits need no slow hash (ASVS 6.5.2). */
  hash: string;
  /** The configured prefix and six characters of the body: safe to show. */
  prefix: string;
}

/** A new secret under a configured prefix, from the operating system's CSPRNG. */
export function newSecret(prefix: string): Secret {
  return describeSecret(withChecksum(prefix + randomBody()), prefix);
}

function randomBody(): string {
  let body = "";
  while (body.length < BODY) {
    for (const byte of randomBytes(48)) {
      if (byte < 248 && body.length < BODY) body += ALPHABET[byte % 62]; // 248 = 4 × 62: no character is likelier
    }
  }
  return body;
}

export function withChecksum(start: string): string {
  let rest = crc32(start) >>> 0;
  let sum = "";
  for (let i = 0; i < CHECKSUM; i++) {
    sum = ALPHABET[rest % 62] + sum;
    rest = Math.floor(rest / 62);
  }
  return start + sum;
}

/** What `text` is, if its prefix, length, alphabet and checksum are right; null otherwise. No I/O. */
export function parseSecret(text: string, prefixes: readonly string[]): Secret | null {
  for (const prefix of prefixes) {
    if (text.length !== prefix.length + BODY + CHECKSUM || !text.startsWith(prefix)) continue;
    if (!TAIL.test(text.slice(prefix.length))) return null;
    return hasChecksum(text) ? describeSecret(text, prefix) : null;
  }
  return null;
}

function hasChecksum(text: string): boolean {
  let rest = crc32(text.slice(0, -CHECKSUM)) >>> 0;
  for (let at = text.length - 1; at >= text.length - CHECKSUM; at--) {
    if (text.charCodeAt(at) !== ALPHABET.charCodeAt(rest % 62)) return false;
    rest = Math.floor(rest / 62);
  }
  return true;
}

function describeSecret(text: string, prefix: string): Secret {
  return { text, hash: hashSecret(text), prefix: text.slice(0, prefix.length + SHOWN) };
}

export function hashSecret(text: string): string {
  return hash("sha256", text, "hex");
}

/** A form that secrets may have: what they begin with, and how long they are. */
export interface Form {
  prefix: string;
  /** Of the whole text, in characters. */
  length: number;
  /** Ours, of today or under an earlier prefix; false for what was made elsewhere and imported. */
  checksum: boolean;
}

export const ownForm = (prefix: string): Form => ({ prefix, length: prefix.length + BODY + CHECKSUM, checksum: true });

/** Printable ASCII without spaces: what a header carries without being folded or cut. */
export function isPrintable(text: string): boolean {
  return /^[!-~]+$/.test(text);
}

export function hasForm(text: string, form: Form): boolean {
  if (text.length !== form.length || !text.startsWith(form.prefix)) return false;
  return form.checksum ? parseSecret(text, [form.prefix]) !== null : isPrintable(text);
}

/** Whether one text could begin and end like both. */
export function formsOverlap(a: Form, b: Form): boolean {
  return a.length === b.length && (a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix));
}

/** The text with every key of these prefixes cut down to the start that may be shown. */
export function cutSecrets(text: string, prefixes: readonly string[]): string {
  const rest = `[0-9A-Za-z]{${BODY + CHECKSUM - SHOWN}}`;
  return prefixes.reduce((cut, prefix) => cut.replace(new RegExp(`(${prefix}[0-9A-Za-z]{${SHOWN}})${rest}`, "g"), "$1"), text);
}

/** Whether `text` could be a key somebody put where it does not belong (a query string): an own prefix and a body's length of characters. */
export function looksLikeSecret(text: string, prefixes: readonly string[]): boolean {
  return prefixes.some(
    (prefix) => text.startsWith(prefix) && text.length >= prefix.length + 20 && /^[0-9A-Za-z]+$/.test(text.slice(prefix.length)),
  );
}
