import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/**
 * A secret sealed with a token that only the holder of a link has. AES-256-GCM under a key that HKDF-SHA256 (RFC 5869) takes from the
 * token; the token is found again by a hash taken with another label, so that what is stored opens nothing. Pure but for randomness.
 */

const LOOK_UP = "latchkey hand-over: look-up";
const SEAL = "latchkey hand-over: seal";
const IV = 12;
const TAG = 16;

/** 256 bits from the operating system's CSPRNG, as 43 characters that a URL takes as they are. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** By which a token is found: says nothing about the key that the token gives. */
export function hashOfToken(token: string): string {
  return derive(token, LOOK_UP).toString("hex");
}

/** `bound` is what the seal belongs to: beside anything else it does not open. */
export function seal(text: string, token: string, bound: string): Buffer<ArrayBuffer> {
  const iv = randomBytes(IV);
  const cipher = createCipheriv("aes-256-gcm", derive(token, SEAL), iv, { authTagLength: TAG }).setAAD(Buffer.from(bound));
  return Buffer.concat([iv, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** Null where token, seal or what it is bound to is not the one it was sealed with. */
export function unseal(sealed: Uint8Array, token: string, bound: string): string | null {
  if (sealed.byteLength < IV + TAG) return null;
  const end = sealed.byteLength - TAG;
  const decipher = createDecipheriv("aes-256-gcm", derive(token, SEAL), sealed.subarray(0, IV), { authTagLength: TAG });
  decipher.setAAD(Buffer.from(bound)).setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(IV, end)), decipher.final()]).toString("utf8");
  } catch {
    return null;
  }
}

function derive(token: string, label: string): Buffer {
  return Buffer.from(hkdfSync("sha256", token, "", label, 32));
}
