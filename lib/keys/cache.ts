import type { Lease, Stale } from "@/lib/leases";

/**
 * What verification knows by heart: entries by the whole digest of their secret, and, apart from them, digests that nobody made. Both
 * bounded: what was not asked for since its last turn leaves first (second chance). Knows nothing of leases: who asks checks his own.
 */

/** Where all of it is in use: going round a hundred thousand entries takes 60 ms, in which nobody is answered. */
const MOST_LOOKED_AT = 1_000;

/** What an entry was made from: when one of these ids changes, it is stale. */
export interface Origins {
  keyId: string;
  groupId: string;
  orgId: string;
}

interface Slot<T> {
  value: T;
  asked: boolean;
}

export class Cache<T extends { key: Origins }> {
  readonly #most: number;
  readonly #mostUnknown: number;
  #slots = new Map<string, Slot<T>>();
  #hashesOfKey = new Map<string, string[]>();
  #unknown = new Set<string>();
  hits = 0;
  misses = 0;

  constructor(most: number, mostUnknown: number) {
    this.#most = most;
    this.#mostUnknown = mostUnknown;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Keys that have entries. */
  get keys(): number {
    return this.#hashesOfKey.size;
  }

  get unknownSize(): number {
    return this.#unknown.size;
  }

  /** The entry; null for a digest known to be nobody's; undefined when that is not known. */
  get(hash: string): T | null | undefined {
    const slot = this.#slots.get(hash);
    if (slot !== undefined) {
      slot.asked = true;
      this.hits += 1;
      return slot.value;
    }
    if (this.#unknown.has(hash)) {
      this.hits += 1;
      return null;
    }
    this.misses += 1;
    return undefined;
  }

  /** In place of what was known of the digest. */
  put(hash: string, value: T | null): void {
    this.#drop(hash);
    this.#unknown.delete(hash);
    if (value === null) {
      this.#unknown.add(hash);
      if (this.#unknown.size > this.#mostUnknown) this.#unknown.delete(this.#unknown.values().next().value as string);
      return;
    }
    const siblings = this.#hashesOfKey.get(value.key.keyId);
    if (siblings === undefined) this.#hashesOfKey.set(value.key.keyId, [hash]);
    else siblings.push(hash);
    this.#slots.set(hash, { value, asked: false });
    if (this.#slots.size > this.#most) this.#evict();
  }

  /** Drops what was made from any of these ids; null drops everything. What was unknown may be known from now on. */
  forget(stale: Stale): void {
    this.#unknown.clear();
    if (stale === null) {
      this.#slots.clear();
      this.#hashesOfKey.clear();
      return;
    }
    for (const id of stale) {
      const hashes = this.#hashesOfKey.get(id);
      if (hashes !== undefined) for (const hash of [...hashes]) this.#drop(hash);
      // Groups and organizations change rarely: looking through all costs less than an index of them.
      else if (/^(org|grp)_/.test(id)) {
        for (const [hash, { value }] of this.#slots) if (value.key.groupId === id || value.key.orgId === id) this.#drop(hash);
      }
    }
  }

  #evict(): void {
    let looked = 0;
    for (const [hash, slot] of this.#slots) {
      if (!slot.asked || ++looked > MOST_LOOKED_AT) {
        this.#drop(hash);
        return;
      }
      slot.asked = false;
      this.#slots.delete(hash);
      this.#slots.set(hash, slot);
    }
  }

  #drop(hash: string): void {
    const slot = this.#slots.get(hash);
    if (slot === undefined) return;
    this.#slots.delete(hash);
    const { keyId } = slot.value.key;
    const left = (this.#hashesOfKey.get(keyId) ?? []).filter((each) => each !== hash);
    if (left.length === 0) this.#hashesOfKey.delete(keyId);
    else this.#hashesOfKey.set(keyId, left);
  }
}

/** Look-ups under way: requests for one digest share one, as long as nothing was announced since it began. */
export class LookUps<T extends { key: Origins }> {
  #running = new Map<string, { epoch: number; found: Promise<T | null> }>();

  /** What `query` finds. It is put into the cache when it was read wholly under the lease, with nothing announced meanwhile. */
  find(
    hash: string,
    lease: Pick<Lease, "held" | "epoch"> | null,
    cache: () => Cache<T>,
    query: () => Promise<T | null>,
  ): Promise<T | null> {
    if (lease === null || !lease.held()) return query();
    const { epoch } = lease;
    const joined = this.#running.get(hash);
    if (joined !== undefined && joined.epoch === epoch) return joined.found;
    const found = query().then((value) => {
      if (lease.epoch === epoch && lease.held()) cache().put(hash, value);
      return value;
    });
    const mine = { epoch, found };
    this.#running.set(hash, mine);
    const done = () => {
      if (this.#running.get(hash) === mine) this.#running.delete(hash);
    };
    found.then(done, done);
    return found;
  }
}
