/** Whether a list of addresses and ranges admits an address: the rule of lib/keys/addresses, for a form that shows what a new list would refuse. Pure. */

export function isAdmitted(list: readonly string[], ip: string): boolean {
  if (list.length === 0) return true;
  const address = read(ip);
  return address !== null && list.some((entry) => covers(entry, address));
}

interface Address {
  size: 32 | 128;
  value: bigint;
}

/** An entry that cannot be read covers nothing. */
function covers(entry: string, { size, value }: Address): boolean {
  const [text = "", bitsText, extra] = entry.trim().split("/");
  const block = read(text);
  if (block === null || block.size !== size || extra !== undefined || !/^(\d{1,3})?$/.test(bitsText ?? "")) return false;
  const bits = bitsText === undefined ? size : Number(bitsText);
  return bits <= size && block.value >> BigInt(size - bits) === value >> BigInt(size - bits);
}

/** IPv4-mapped IPv6 is read as IPv4. */
function read(text: string): Address | null {
  if (/^(\d{1,3}\.){3}\d{1,3}$/.test(text)) {
    const parts = text.split(".").map(Number);
    return parts.some((part) => part > 255) ? null : { size: 32, value: parts.reduce((sum, part) => (sum << 8n) + BigInt(part), 0n) };
  }
  if (!text.includes(":") || !URL.canParse(`http://[${text}]/`)) return null;
  const [head = "", tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const words = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  const value = words.reduce((sum, word) => (sum << 16n) + BigInt(`0x${word}`), 0n);
  return value >> 32n === 0xffffn ? { size: 32, value: value & 0xffffffffn } : { size: 128, value };
}
