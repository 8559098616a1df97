import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";

/**
 * What the process counts, as Prometheus' text (exposition format 0.0.4, prometheus.io/docs/instrumenting/exposition_formats). Our own, because
 * `countRequest` is on every request's path: it finds its numbers by three map look-ups and makes neither text nor object for a series it knows.
 */

interface Family {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  /** One line per sample, read at the scrape. */
  samples: () => string[];
}

/** What is read at a scrape: a number, one per label value, or null for nothing to say. */
type Reading = number | null | Record<string, number | null>;

interface Counter {
  /** Throws RangeError for less than nothing. */
  add(n: number): void;
}

/** One series of latchkey_requests_total, and where its requests' latencies go. */
interface Series {
  readonly sample: string;
  readonly route: Route;
  count: number;
}

interface Route {
  readonly byMethod: Map<string, Map<number, Series>>;
  /** Requests per bucket, not cumulated. */
  readonly buckets: number[];
  sumUs: number;
}

const BOUNDS_US = [
  ...[500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000],
  Number.POSITIVE_INFINITY,
];
/** A client chooses its method: all but these are one. */
const OTHER = "other";
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const LOOP_MS = 10;

// Read once, not at every request: Next's copy of this file finds the same maps.
const families = once("metrics.families", () => new Map<string, Family>());
const routes = once("metrics.routes", () => new Map<string, Route>());
once("metrics.own", declareOwn);

/** Counts an answer. `route` is a pattern, never a path that a client made up: each is a series for good. `latencyUs` in microseconds. */
export function countRequest(method: string, route: string, status: number, latencyUs: number): void {
  const series = routes.get(route)?.byMethod.get(method)?.get(status) ?? seriesOf(method, route, status);
  const { buckets } = series.route;
  let bucket = 0;
  while (latencyUs > (BOUNDS_US[bucket] as number)) bucket += 1;
  buckets[bucket] = (buckets[bucket] as number) + 1;
  series.route.sumUs += latencyUs;
  series.count += 1;
}

function seriesOf(method: string, pattern: string, status: number): Series {
  if (!METHODS.has(method) && method !== OTHER) return seriesOf(OTHER, pattern, status);
  const route = getOrMake(routes, pattern, () => ({ byMethod: new Map(), buckets: BOUNDS_US.map(() => 0), sumUs: 0 }));
  const byStatus = getOrMake(route.byMethod, method, () => new Map<number, Series>());
  return getOrMake(byStatus, status, () => {
    const sample = `latchkey_requests_total{method=${quoted(method)},route=${quoted(pattern)},status="${status}"}`;
    return { sample, route, count: 0 };
  });
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/**
 * A number read at every scrape; a record is one sample per value of `label`. A name that ends in _total is exposed as a counter: somebody
 * else counts. A reader that throws is left out and logged. The same name again takes the earlier one's place.
 */
export function gauge(name: string, help: string, read: () => Reading, label = "kind"): void {
  const samples = () => {
    const value = read();
    const values = typeof value === "object" ? Object.entries(value ?? {}) : [[null, value] as const];
    return values.flatMap(([of, n]) => (n === null ? [] : `${name}${of === null ? "" : `{${label}=${quoted(of)}}`} ${text(n)}`));
  };
  declare({ name, help, type: name.endsWith("_total") ? "counter" : "gauge", samples });
}

/** A number that only grows, 0 until then; the same one for the same name. Names end in _total. */
export function counter(name: string, help: string): Counter {
  return once(`metrics.counter.${name}`, () => {
    let total = 0;
    declare({ name, help, type: "counter", samples: () => [`${name} ${text(total)}`] });
    return {
      add(n: number) {
        if (!(n >= 0)) throw new RangeError(`${name} only grows, not by ${n}`);
        total += n;
      },
    };
  });
}

function declare(family: Family): void {
  const { name, type } = family;
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new Error(`${name} is no name of a metric`);
  const earlier = families.get(name);
  if (earlier !== undefined && earlier.type !== type) throw new Error(`${name} is a ${earlier.type} already`);
  families.set(name, family);
}

/** Everything, as text/plain; version=0.0.4. Begins the event loop's next measurement. */
export function renderMetrics(): string {
  let out = "";
  for (const { name, help, type, samples } of families.values()) {
    let lines: string[] = [];
    try {
      lines = samples();
    } catch (error) {
      log("warn", "a metric could not be read", { metric: name, ...describe(error) });
    }
    if (lines.length === 0) continue;
    out += `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`;
  }
  return out;
}

const escaped = (words: string) => words.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const quoted = (value: string) => `"${escaped(value).replaceAll('"', '\\"')}"`;

function text(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}

function declareOwn(): true {
  declare({
    name: "latchkey_requests_total",
    help: "Answers of the public API, by the route's pattern.",
    type: "counter",
    samples: () =>
      [...routes.values()].flatMap(({ byMethod }) =>
        [...byMethod.values()].flatMap((byStatus) => [...byStatus.values()].map(({ sample, count }) => `${sample} ${count}`)),
      ),
  });
  const duration = "latchkey_request_duration_seconds";
  declare({
    name: duration,
    help: "How long the public API took to make an answer, by the route's pattern.",
    type: "histogram",
    samples: () =>
      [...routes].flatMap(([route, { buckets, sumUs }]) => {
        const of = `route=${quoted(route)}`;
        let below = 0;
        const lines = buckets.map((count, i) => {
          below += count;
          return `${duration}_bucket{${of},le="${text((BOUNDS_US[i] as number) / 1e6)}"} ${below}`;
        });
        return [...lines, `${duration}_sum{${of}} ${text(sumUs / 1e6)}`, `${duration}_count{${of}} ${below}`];
      }),
  });
  gauge("process_resident_memory_bytes", "Memory that this process holds.", () => process.memoryUsage.rss());
  gauge("process_cpu_seconds_total", "Processor time of this process, its own and the kernel's for it.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge("process_start_time_seconds", "When this process began, in seconds since 1970.", () => performance.timeOrigin / 1000);
  const loop = monitorEventLoopDelay({ resolution: LOOP_MS });
  loop.enable();
  const help = "How late the event loop came to its timers since the last scrape; quantile 1 is the worst.";
  gauge("nodejs_eventloop_lag_seconds", help, () => loopLag(loop), "quantile");
  return true;
}

function loopLag(loop: IntervalHistogram): Reading {
  if (loop.count === 0) return null;
  // Node records the time between two ticks, the wanted one included.
  const late = (ns: number) => Math.max(0, ns / 1e6 - LOOP_MS) / 1000;
  const lag = { "0.5": late(loop.percentile(50)), "0.99": late(loop.percentile(99)), "1": late(loop.max) };
  loop.reset();
  return lag;
}
