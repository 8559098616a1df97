import "server-only";
import { now } from "@/lib/clock";
import { meterPool } from "@/lib/db";
import { askNodes, lease } from "@/lib/leases";
import { type LimitState, monthEnd, monthOf, monthStart } from "@/lib/limits/window";
import { describe, warnSeldom } from "@/lib/log";
import { once } from "@/lib/runtime";

/**
 * Monthly quotas, live and test apart. A node reserves blocks of an organization's month ahead in PostgreSQL and takes units from them in
 * memory: never more pass than the limit, on any number of nodes. Blocks shrink with the rest; what a node does not use goes back when it
 * idles, when another node runs out, and when it stops. What a killed node held is settled from its spool (lib/usage/drain.ts).
 */

const MOST = 2_000;
const FIRST = 64;
const IDLE_MS = 10_000;
const SWEEP_MS = 1_000;
/** Longer than any request works on after it took its unit: its body alone may take a minute to arrive. */
const SURE_MS = 120_000;
/** A month that was used up is asked about again after this long: others may have given units back. */
const RECHECK_MS = 1_000;
/** How long one request waits for units that other nodes hold. */
const RECALL_MS = 300;
const QUOTA_SECONDS = 30 * 86_400; // as the RateLimit headers name it; the real length is monthEnd's

/** One month of one organization and environment, as this node sees it. */
class Block {
  readonly month: string;
  /** Its span in milliseconds: from the first, up to the second. */
  readonly beganAt: number;
  readonly endsAt: number;
  /** Reserved here and not used. */
  left = 0;
  /** Handed out to all nodes, what is left here included, as last heard. */
  handedOut = 0;
  /** The limit it was reserved under: under another one the rest goes back first. */
  limit = -1;
  want = FIRST;
  /** Of the last reservation; 0 when it found nothing, so that none is tried ahead of time. */
  granted = 0;
  reservedAt = 0;
  usedAt = 0;
  /** When the month was last found used up. */
  emptyAt = Number.NEGATIVE_INFINITY;
  /** Whether it is worth to try again. */
  reserving: Promise<boolean> | null = null;
  /** An answer of the database was lost: more may be reserved for this node than it knows of. */
  inDoubt = false;

  constructor(nowMs: number) {
    this.month = monthOf(nowMs);
    this.beganAt = monthStart(nowMs) * 1000;
    this.endsAt = monthEnd(nowMs) * 1000;
  }
}

/** The quota of one organization in one environment. `take` is synchronous while a block lasts. */
export class QuotaAccount {
  readonly orgId: string;
  readonly environment: string;
  #blocks: Block[] = [];

  constructor(orgId: string, environment: string) {
    this.orgId = orgId;
    this.environment = environment;
  }

  /** Units handed out this month as the database said when a key was read: what a node that has reserved nothing shows. */
  heard(handedOut: number, nowMs: number): void {
    const block = this.#block(nowMs);
    if (block.limit === -1 || block.left === 0) block.handedOut = handedOut;
  }

  /** Asks the database what all nodes have been handed out; this node alone knows it anyway. Throws when the database is away. */
  async refresh(nowMs: number): Promise<void> {
    if ((lease()?.nodes.length ?? 2) < 2) return;
    const block = this.#block(nowMs);
    const { rows } = await meterPool().query<{ used: number }>(
      'select "used" from "QuotaPeriod" where "orgId" = $1 and "environment" = $2 and "month" = $3',
      [this.orgId, this.environment, block.month],
    );
    block.handedOut = rows[0]?.used ?? 0;
  }

  /** Takes one unit of the month that holds `nowMs`; false when none is reserved here (then `reserve` and try again). */
  take(nowMs: number, limit: number): boolean {
    const block = this.#block(nowMs);
    if (block.left <= 0 || block.limit !== limit) return false;
    block.left -= 1;
    block.usedAt = nowMs;
    if (block.left < block.granted / 4 && block.reserving === null && block.left > 0) void this.#reserve(block, limit).catch(complain);
    return true;
  }

  /** Gives a unit back that another check refused. */
  give(nowMs: number): void {
    this.#block(nowMs).left += 1;
  }

  /** Reserves more. False when the month is used up. Throws when the database is away. */
  async reserve(nowMs: number, limit: number): Promise<boolean> {
    const block = this.#block(nowMs);
    if (limit <= 0) return false;
    if (block.limit !== limit) await this.#restart(block, limit);
    if (block.left > 0) return true;
    if (block.emptyAt > nowMs - RECHECK_MS) return false;
    return this.#reserve(block, limit);
  }

  /** The quota as this node knows it; nothing counted. */
  state(nowMs: number, limit: number): LimitState {
    const block = this.#block(nowMs);
    const used = Math.max(0, block.handedOut - block.left);
    return { name: "month", limit, remaining: Math.max(0, limit - used), windowSeconds: QUOTA_SECONDS, resetAt: block.endsAt / 1000 };
  }

  /** Gives back what is idle, or over, or (with `all`) everything; what is in doubt once no record of it can be on its way (`drained`). */
  async tidy(nowMs: number, all: boolean, drained: boolean): Promise<void> {
    for (const block of this.#blocks) {
      const quiet = nowMs - block.usedAt;
      if (block.inDoubt && drained && quiet > SURE_MS && block.reserving === null) await this.#returnAll(block);
      else if (block.left > 0 && (all || quiet > IDLE_MS || nowMs >= block.endsAt)) await this.#return(block, false);
    }
    if (!this.#blocks.some((block) => block.left > 0 || block.inDoubt || block.reserving)) active().delete(this);
    this.#blocks = this.#blocks.filter((block) => block.left > 0 || block.inDoubt || block.reserving || nowMs < block.endsAt + 60_000);
  }

  #block(nowMs: number): Block {
    // Nearly always the only one; the one before for a request that came in before the month turned.
    for (const block of this.#blocks) if (nowMs >= block.beganAt && nowMs < block.endsAt) return block;
    const fresh = new Block(nowMs);
    this.#blocks.push(fresh);
    return fresh;
  }

  /** One reservation at a time: who comes meanwhile waits for the same. */
  #reserve(block: Block, limit: number): Promise<boolean> {
    block.reserving ??= this.#ask(block, limit)
      .catch((error: unknown) => {
        this.#doubt(block);
        throw error;
      })
      .finally(() => {
        block.reserving = null;
      });
    return block.reserving;
  }

  /** False when the month is used up: neither here nor, after they were asked, with other nodes is a unit left. */
  async #ask(block: Block, limit: number): Promise<boolean> {
    // What lasted less than a second was too small.
    block.want = now() - block.reservedAt < 1_000 ? Math.min(block.want * 2, MOST) : Math.max(FIRST, Math.floor(block.want / 2));
    for (let recalledAt: number | null = null; ; await new Promise((done) => setTimeout(done, 25))) {
      const at = now();
      const { rows } = await meterPool().query<{ granted: number; handed_out: number; others: number }>({
        name: "reserve_quota",
        text: "select * from reserve_quota($1, $2, $3, $4, $5, $6, $7)",
        values: [node(), this.orgId, this.environment, block.month, limit, block.want, Math.max(1, lease()?.nodes.length ?? 1)],
      });
      const { granted, handed_out, others } = rows[0] as { granted: number; handed_out: number; others: number };
      block.handedOut = handed_out;
      block.reservedAt = at;
      block.granted = granted;
      block.left += granted;
      active().add(this);
      if (granted > 0) block.usedAt = at;
      if (block.left > 0) return true;
      if (others === 0 || (recalledAt !== null && performance.now() - recalledAt > RECALL_MS)) {
        block.emptyAt = at;
        return false;
      }
      if (recalledAt === null) {
        await askNodes([recallOf(this.orgId)]);
        recalledAt = performance.now();
      }
    }
  }

  /** Another limit: what was reserved under the old one, or is being, goes back before anything is taken under the new. */
  async #restart(block: Block, limit: number): Promise<void> {
    while (block.limit !== limit) {
      if (block.reserving !== null) await block.reserving.catch(() => undefined);
      else if (block.left > 0) await this.#return(block, false);
      else {
        block.limit = limit;
        block.emptyAt = Number.NEGATIVE_INFINITY;
      }
    }
  }

  /** Also what this node does not know that it holds. Nobody reserves meanwhile: that would go back too. */
  async #returnAll(block: Block): Promise<void> {
    const done = this.#return(block, true);
    const settled = () => {
      block.reserving = null;
      return true;
    };
    block.reserving = done.then(settled, settled);
    await done;
  }

  async #return(block: Block, whole: boolean): Promise<void> {
    const units = block.left;
    block.left = 0; // first, so that nobody takes what is on its way back
    try {
      await meterPool().query({
        name: "return_quota",
        text: "select return_quota($1, $2, $3, $4, $5)",
        values: [node(), this.orgId, this.environment, block.month, whole ? null : units],
      });
      block.handedOut -= units;
      if (whole) block.inDoubt = false;
    } catch (error) {
      this.#doubt(block);
      throw error;
    }
  }

  /** The statement may still be done: from now on nothing is sure for as long as a request works. */
  #doubt(block: Block): void {
    active().add(this);
    block.inDoubt = true;
    block.usedAt = Math.max(block.usedAt, now());
  }
}

const node = () => lease()?.id ?? "command";
/** What nodes held that are gone for a day, with their disk: nobody will ever settle it. */
const FORGOTTEN = `
with gone as (
  delete from "QuotaBlock" b
  where not exists (select from "Node" n where n."id" = b."spool" and n."leaseUntil" > clock_timestamp() - interval '1 day')
  returning "orgId", "environment", "month", "held"
), sums as (select "orgId", "environment", "month", sum("held") as "held" from gone group by 1, 2, 3)
update "QuotaPeriod" p set "used" = greatest(p."used" - s."held", 0) from sums s
where p."orgId" = s."orgId" and p."environment" = s."environment" and p."month" = s."month"`;
const FORGOTTEN_MS = 3_600_000;
const recallOf = (orgId: string) => `quota:${orgId}`;

function complain(error: unknown): void {
  warnSeldom("quota could not be reserved or given back", describe(error));
}

/** Those that hold something, or may: all that has to be looked after. */
const active = () => once("limits.quotas.active", () => new Set<QuotaAccount>());
const accounts = () => once("limits.quotas", () => new Map<string, QuotaAccount>());

/** The account of an organization's live or test calls, the same one for all its keys. */
export function quotaAccount(orgId: string, environment: string): QuotaAccount {
  const name = `${environment}:${orgId}`;
  const found = accounts().get(name);
  if (found !== undefined) return found;
  const fresh = new QuotaAccount(orgId, environment);
  accounts().set(name, fresh);
  return fresh;
}

/** Gives back what idles, every second, and what another node asks for. `drained`: no usage record waits. The result ends it. */
export function startQuotas(drained: () => boolean): () => Promise<void> {
  const tidy = (all: boolean, which = [...active()]) =>
    Promise.all(which.map((account) => account.tidy(now(), all, drained()).catch(complain)));
  const timer = setInterval(() => void tidy(false), SWEEP_MS).unref();
  // Without a lease others may take this node for dead and settle what it holds.
  lease()?.onStale((stale) => stale === null && void tidy(true));
  lease()?.onAsked((things) => {
    void tidy(
      true,
      [...active()].filter(({ orgId }) => things.includes(recallOf(orgId))),
    );
  });
  const rare = setInterval(() => void meterPool().query(FORGOTTEN).catch(complain), FORGOTTEN_MS).unref();
  return async () => {
    clearInterval(timer);
    clearInterval(rare);
    await tidy(true);
  };
}
