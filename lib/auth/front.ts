import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Origin } from "@/lib/access/permissions";
import { countryOf } from "@/lib/country";
import { newId } from "@/lib/ids";
import { admits, canonicalAddress } from "@/lib/keys/addresses";
import { once } from "@/lib/runtime";

/**
 * What the front server knows of a request and hands on: its id, the client's address, the CSP nonce. It travels in a header whose
 * name is random per process, so that nobody outside can set it (Next would believe a client's own X-Forwarded-For).
 */

export interface Front extends Origin {
  /** Of the request, with its query: where a page came from, for the way back after signing in. */
  path: string;
  /** Of a page; empty elsewhere. */
  nonce: string;
  /** Nothing says that it was passed on by a proxy: who is at the socket is the client. */
  direct: boolean;
}

const headerName = () => once("front.header", () => `x-latchkey-${randomBytes(12).toString("hex")}`);

/** Headers that mean something inside and are dropped when they come from outside. */
const INTERNAL =
  /^(x-latchkey-|x-middleware-|x-invoke-|x-nextjs-(?!data)|x-matched-path|x-forwarded-host$|x-forwarded-proto$|x-forwarded-port$|x-real-ip$|forwarded$)/;

/** Reads what the front handed on; a request that did not come through it has no address and is trusted with nothing. */
export function frontOf(headers: { get(name: string): string | null }): Front {
  const handed = headers.get(headerName());
  return handed === null ? newFront(null, null, "/") : (JSON.parse(decodeURIComponent(handed)) as Front);
}

function newFront(ip: string | null, userAgent: string | null, path: string): Front {
  return { id: newId("req"), path, ip, country: countryOf(ip), userAgent, nonce: "", direct: false };
}

const PASSED_ON = ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host", "x-forwarded-proto"];

/** Takes a request in at the front: what it is called and where it comes from. */
export function receive(message: IncomingMessage, trustedProxies: readonly string[]): Front {
  const { headers } = message;
  const forwarded = headers["x-forwarded-for"];
  const socket = socketAddress(message.socket);
  const ip = trustedProxies.length === 0 ? socket : clientAddress(socket, typeof forwarded === "string" ? forwarded : null, trustedProxies);
  const agent = headers["user-agent"];
  const front = newFront(ip, agent === undefined ? null : agent.slice(0, 300), (message.url ?? "/").slice(0, 1000));
  front.direct = PASSED_ON.every((name) => headers[name] === undefined);
  return front;
}

const addresses = new WeakMap<object, string | null>();

/** A connection keeps its address, so it is read once. */
function socketAddress(socket: IncomingMessage["socket"]): string | null {
  let address = addresses.get(socket);
  if (address === undefined) {
    address = canonicalAddress(socket.remoteAddress ?? "");
    addresses.set(socket, address);
  }
  return address;
}

/** Makes a request ready for Next: cleans its headers of what only we may say, adds what we know, and a nonce for the page. */
export function handOn(message: IncomingMessage, front: Front): void {
  front.nonce = randomBytes(16).toString("base64");
  const kept: string[] = [];
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = (message.rawHeaders[i] as string).toLowerCase();
    if (!INTERNAL.test(name) && name !== "x-forwarded-for") kept.push(message.rawHeaders[i] as string, message.rawHeaders[i + 1] as string);
    else delete message.headers[name];
  }
  const handed = encodeURIComponent(JSON.stringify(front));
  kept.push(headerName(), handed);
  message.rawHeaders = kept;
  message.headers[headerName()] = handed;
}

/**
 * The client's address: the socket's, or, while that is a trusted proxy, the next entry of X-Forwarded-For counted from the right.
 * An entry that is no address ends the walk with "unknown" (null).
 */
export function clientAddress(socket: string | null, forwardedFor: string | null, trustedProxies: readonly string[]): string | null {
  const chain = (forwardedFor ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean);
  let address = socket === null ? null : canonicalAddress(socket);
  while (address !== null && trustedProxies.length > 0 && admits(trustedProxies, address) && chain.length > 0) {
    const next = chain.pop() as string;
    address =
      canonicalAddress(next) ?? canonicalAddress(next.replace(/^\[(.+)\](:\d+)?$/, "$1")) ?? canonicalAddress(next.replace(/:\d+$/, ""));
  }
  return address;
}
