import { isIP } from "node:net";

/** Allowlists: IPv4 and IPv6 addresses and CIDR ranges, compared as numbers, IPv4-mapped IPv6 as IPv4. Pure. */

export interface Block {
  family: 4 | 6;
  first: bigint;
  last: bigint;
  bits: number;
}

/** The canonical form of one entry, or a sentence that says what is wrong with it (and the range that was probably meant). */
export function normaliseEntry(entry: string): { ok: true; value: string } | { ok: false; why: string } {
  const range = rangeOf(entry.trim());
  if (range === null) return { ok: false, why: `"${entry}" is not an IPv4 or IPv6 address or range` };
  const { family, value, bits, size, mapped } = range;
  if (bits === 0) return { ok: false, why: `/${mapped ? 96 : 0} admits every address; leave the list empty for that` };
  if (bits === null) {
    const kind = mapped ? "IPv4-mapped addresses" : `IPv${family}`;
    return { ok: false, why: `a range of ${kind} ends in /${mapped ? 97 : 1} to /${mapped ? 128 : size}` };
  }
  const first = (value >> BigInt(size - bits)) << BigInt(size - bits);
  if (first !== value) return { ok: false, why: `the range begins at ${format(family, first)}/${bits}` };
  return { ok: true, value: bits === size ? format(family, first) : `${format(family, first)}/${bits}` };
}

/** A whole list in canonical form, each entry once; or what is wrong, by path (`allowed_ips.2`). */
export function normaliseList(entries: readonly string[]): { ok: true; list: string[] } | { ok: false; wrong: Record<string, string> } {
  const read = entries.map(normaliseEntry);
  const wrong = Object.fromEntries(read.flatMap((entry, i) => (entry.ok ? [] : [[`allowed_ips.${i}`, entry.why]])));
  if (Object.keys(wrong).length > 0) return { ok: false, wrong };
  return { ok: true, list: [...new Set(read.flatMap((entry) => (entry.ok ? [entry.value] : [])))] };
}

/** Whether `ip` is on the list. An empty list admits everybody; an address we do not know is admitted by no list. */
export function admits(list: readonly string[], ip: string | null): boolean {
  return list.length === 0 || blocksAdmit(toBlocks(list), ip);
}

/** A list that is asked often, read once. An entry that cannot be read admits nobody. */
export function toBlocks(list: readonly string[]): Block[] {
  return list.map((entry) => toBlock(entry) ?? NOBODY);
}

/** As `admits`, for a list that was read before. */
export function blocksAdmit(blocks: readonly Block[], ip: string | null): boolean {
  if (blocks.length === 0) return true;
  const address = ip === null ? null : parseAddress(ip);
  if (address === null) return false;
  return blocks.some((block) => block.family === address.family && address.value >= block.first && address.value <= block.last);
}

/** Whether every entry of `inner` lies within `outer` (an empty `outer` holds everything, an empty `inner` only itself). */
export function within(inner: readonly string[], outer: readonly string[]): boolean {
  if (outer.length === 0) return true;
  if (inner.length === 0) return false;
  const blocks = outer.map(toBlock);
  return inner.every((entry) => {
    const block = toBlock(entry);
    return block !== null && blocks.some((o) => o !== null && o.family === block.family && block.first >= o.first && block.last <= o.last);
  });
}

/** The canonical text of an address (IPv6 compressed, IPv4-mapped as IPv4), or null when it is none. */
export function canonicalAddress(text: string): string | null {
  const address = parseAddress(text);
  return address === null ? null : format(address.family, address.value);
}

/** What a per-address limit counts: an IPv4 address, or the /64 of an IPv6 one. */
export function addressGroup(ip: string): string {
  if (!ip.includes(":")) return ip;
  const address = parseAddress(ip);
  if (address === null) return ip;
  if (address.family === 4) return format(4, address.value);
  return `${format(6, (address.value >> 64n) << 64n)}/64`;
}

/** The entry of a list that admits `ip`, or null. */
export function entryFor(list: readonly string[], ip: string | null): string | null {
  return list.find((entry) => blocksAdmit(toBlocks([entry]), ip)) ?? null;
}

/** The network of a canonical address, by the length of IPv4's or IPv6's prefix. */
export function networkOf(ip: string, bits4: number, bits6: number): string {
  const { family, value } = parseAddress(ip) ?? { family: 4 as const, value: 0n };
  const [size, bits] = family === 4 ? [32, bits4] : [128, bits6];
  const free = BigInt(size - bits);
  return `${format(family, (value >> free) << free)}/${bits}`;
}

/** IPv4 before IPv6, then by number. */
export function compareEntries(a: string, b: string): number {
  const [x, y] = [toBlock(a) ?? NOBODY, toBlock(b) ?? NOBODY];
  if (x.family !== y.family) return x.family - y.family;
  return x.first < y.first ? -1 : x.first > y.first ? 1 : x.bits - y.bits;
}

const NOBODY: Block = { family: 4, first: 1n, last: 0n, bits: 32 };

/** Null for an entry that cannot be read: it admits nobody. */
function toBlock(entry: string): Block | null {
  const range = rangeOf(entry);
  if (range === null || range.bits === null) return null;
  const { family, value, bits, size } = range;
  const free = BigInt(size - bits);
  const first = (value >> free) << free;
  return { family, first, last: first + (1n << free) - 1n, bits };
}

/** An entry taken apart, an IPv4-mapped range (::ffff:10.0.0.0/104) as the IPv4 one that it is. `bits` is null where they are no length. */
function rangeOf(entry: string): { family: 4 | 6; value: bigint; size: number; bits: number | null; mapped: boolean } | null {
  const [text = "", bitsText, extra] = entry.split("/");
  const address = parseAddress(text);
  if (address === null || extra !== undefined) return null;
  const mapped = address.family === 4 && text.includes(":");
  const size = address.family === 4 ? 32 : 128;
  if (bitsText === undefined) return { ...address, size, bits: size, mapped };
  const bits = /^(0|[1-9]\d{0,2})$/.test(bitsText) ? Number(bitsText) - (mapped ? 96 : 0) : -1;
  return { ...address, size, bits: bits >= 0 && bits <= size ? bits : null, mapped };
}

function parseAddress(text: string): { family: 4 | 6; value: bigint } | null {
  const family = isIP(text);
  if (family === 0 || text.includes("%")) return null;
  if (family === 4) return { family: 4, value: ipv4(text) };
  const value = ipv6(text);
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

function ipv4(text: string): bigint {
  return text.split(".").reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
}

function ipv6(text: string): bigint {
  const lastColon = text.lastIndexOf(":");
  const dotted = text.includes(".") ? ipv4(text.slice(lastColon + 1)) : null;
  const words =
    dotted === null ? text : `${text.slice(0, lastColon + 1)}${(dotted >> 16n).toString(16)}:${(dotted & 0xffffn).toString(16)}`;
  const [head = "", tail] = words.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill("0"), ...right].reduce((sum, word) => (sum << 16n) + BigInt(`0x${word}`), 0n);
}

/** RFC 5952: the longest run of zero words is compressed. */
function format(family: 4 | 6, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const words = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (words[at + length] === "0") length++;
    if (length > best.length) best = { at, length };
    at += length;
  }
  if (best.at === -1) return words.join(":");
  return `${words.slice(0, best.at).join(":")}::${words.slice(best.at + best.length).join(":")}`;
}
