import "server-only";
import { ping } from "@/lib/db";
import { cacheState } from "@/lib/keys/verify";
import { lease } from "@/lib/leases";
import { limitStore } from "@/lib/limits/store";
import { gauge, renderMetrics } from "@/lib/metrics";
import { once } from "@/lib/runtime";
import { usageBacklog } from "@/lib/usage/record";

/** What the operator's watch may ask: can this process serve, and what does it do. */

const rounded = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;

/** 200 when it can serve, else 503. Times in milliseconds and seconds, as their names say. */
export async function health(): Promise<{ status: 200 | 503; body: object }> {
  const own = lease();
  const database = own?.away() !== true && (await ping());
  const usage = usageBacklog();
  const cache = cacheState();
  const asked = cache.hits + cache.misses;
  return {
    status: database ? 200 : 503,
    body: {
      status: database ? "ok" : "unavailable",
      database,
      lease: { held: own?.held() ?? false, lag_ms: rounded(own?.lagMs ?? 0, 1), nodes: own?.nodes.length ?? 0 },
      cache: {
        keys: cache.size,
        unknown: cache.unknown,
        hit_rate: asked === 0 ? null : rounded(cache.hits / asked, 4),
      },
      limiter: { store: limitStore().kind, counters: limitStore().size },
      usage_waiting: usage.waiting,
      usage_lag_seconds: rounded(usage.lagSeconds, 1),
      usage_lost: usage.lost,
    },
  };
}

/** Prometheus' text. */
export function metrics(): string {
  once("http.metrics", declare);
  return renderMetrics();
}

function declare(): true {
  const own = (read: (l: NonNullable<ReturnType<typeof lease>>) => number) => () => {
    const l = lease();
    return l === null ? null : read(l);
  };
  gauge(
    "latchkey_lease_held",
    "1 while this node may answer from memory.",
    own((l) => (l.held() ? 1 : 0)),
  );
  gauge(
    "latchkey_lease_lag_seconds",
    "Round trip of the last renewal of the lease.",
    own((l) => l.lagMs / 1000),
  );
  gauge(
    "latchkey_nodes",
    "Nodes with a live lease.",
    own((l) => l.nodes.length),
  );
  gauge("latchkey_cache_keys", "Keys known by heart.", () => cacheState().size);
  gauge("latchkey_cache_unknown", "Digests known to be nobody's.", () => cacheState().unknown);
  gauge("latchkey_cache_hits_total", "Verifications answered from memory.", () => cacheState().hits);
  gauge("latchkey_cache_misses_total", "Verifications that asked the database.", () => cacheState().misses);
  gauge("latchkey_limiter_counters", "Counters in the limiter's store.", () => limitStore().size);
  gauge("latchkey_limiter_store", "1 for the store that counts limits.", () => ({ [limitStore().kind]: 1 }));
  gauge("latchkey_usage_waiting", "Usage records in the spool that the database does not have yet.", () => usageBacklog().waiting);
  gauge("latchkey_usage_lag_seconds", "Age of the oldest of them.", () => usageBacklog().lagSeconds);
  gauge("latchkey_usage_lost_total", "Usage records that did not fit on the disk.", () => usageBacklog().lost);
  return true;
}
