import { canonicalAddress, compareEntries, networkOf } from "@/lib/keys/addresses";
import { enoughCalls, enoughDays, type Suggestions } from "@/lib/keys/schema";

/** What the calls of a key suggest about it. Pure. */

/** `from`: since when its calls are known, in milliseconds. */
export function isEnough({ calls, from }: { calls: number; from: number }, now: number): boolean {
  return calls >= enoughCalls && now - from >= enoughDays * 86_400_000;
}

/** Up to so many addresses each stands for itself. */
const FEW = 10;
const MOST_ENTRIES = 100;
/** Networks that addresses are merged into, by the length of IPv4's and IPv6's prefix; wider ones would be no protection. */
const STEPS = [
  [24, 64],
  [20, 56],
  [16, 48],
] as const;

/** A list that admits every one of `ips`; empty for none, and when it would take more than 100 networks. What is no address is left out. */
export function suggestAllowlist(ips: readonly string[]): string[] {
  const addresses = [...new Set(ips.flatMap((ip) => canonicalAddress(ip) ?? []))];
  if (addresses.length <= FEW) return addresses.toSorted(compareEntries);
  for (const [bits4, bits6] of STEPS) {
    const networks = new Map<string, string[]>();
    for (const ip of addresses) {
      const network = networkOf(ip, bits4, bits6);
      const others = networks.get(network);
      if (others === undefined) networks.set(network, [ip]);
      else others.push(ip);
    }
    if (networks.size > MOST_ENTRIES) continue;
    // An address that is alone in its network stays one.
    return [...networks].map(([network, [first = network, ...others]]) => (others.length === 0 ? first : network)).toSorted(compareEntries);
  }
  return [];
}

/** Calls by these paths may have asked for any scope, which is not recorded. */
const ASKED_ELSEWHERE = /^\S+ \/v1\/(?:auth|keys\/verify)$/;

/** `called` are routes such as `GET /v1/documents/{id}`, `scopeOf` what our own ask for. */
export function judgeScopes(
  scopes: readonly string[],
  called: readonly string[],
  scopeOf: ReadonlyMap<string, string>,
): Suggestions["scopes"] {
  const usedScopes = new Set(called.map((route) => scopeOf.get(route)));
  const used = scopes.filter((scope) => usedScopes.has(scope));
  const rest = scopes.filter((scope) => !usedScopes.has(scope));
  if (called.length === 0 || called.some((route) => ASKED_ELSEWHERE.test(route))) return { used, unused: [], not_judged: rest };
  const ours = new Set(scopeOf.values());
  return { used, unused: rest.filter((scope) => ours.has(scope)), not_judged: rest.filter((scope) => !ours.has(scope)) };
}
