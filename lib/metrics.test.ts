import { describe, expect, test, vi } from "vitest";
import { parseEnv, provideEnv } from "@/lib/env";
import { counter, countRequest, gauge, renderMetrics } from "@/lib/metrics";

provideEnv(parseEnv({ LOG_LEVEL: "silent" }));

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

interface Family {
  type: string;
  help: string;
  samples: Sample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"`;
const unescaped = (words: string) => words.replace(/\\(.)/g, (_, of: string) => (of === "n" ? "\n" : of));

/** Exposition format 0.0.4, and no more than it allows: HELP, TYPE, then the samples of that name, each family and each series once. */
function parse(exposition: string): Map<string, Family> {
  expect(exposition.endsWith("\n")).toBe(true);
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let open: [string, Family] | null = null;
  let help: [string, string] | null = null;
  for (const line of exposition.slice(0, -1).split("\n")) {
    const helped = new RegExp(String.raw`^# HELP (${NAME}) ((?:[^\\]|\\[\\n])*)$`).exec(line);
    if (helped) {
      expect(help, line).toBeNull();
      help = [helped[1] as string, unescaped(helped[2] as string)];
      continue;
    }
    const typed = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (typed) {
      const name = typed[1] as string;
      expect(help?.[0], line).toBe(name);
      expect(families.has(name), `${name} twice`).toBe(false);
      open = [name, { type: typed[2] as string, help: help?.[1] as string, samples: [] }];
      help = null;
      families.set(...open);
      continue;
    }
    const sampled = new RegExp(String.raw`^(${NAME})(?:\{(${LABEL}(?:,${LABEL})*)\})? (\S+)$`).exec(line);
    if (sampled === null || open === null || help !== null) throw new Error(`Not the format: ${JSON.stringify(line)}`);
    const [name, labels, value] = [sampled[1] as string, sampled[2] ?? "", sampled.at(-1) as string];
    expect(value).toMatch(/^(NaN|[+-]Inf|-?\d+(\.\d+)?(e[+-]?\d+)?)$/);
    expect(open[1].type === "histogram" ? name.replace(/_(bucket|sum|count)$/, "") : name, line).toBe(open[0]);
    const pairs = [...labels.matchAll(new RegExp(LABEL, "g"))].map(([, key, of]) => [key as string, unescaped(of as string)] as const);
    expect(new Set(pairs.map(([key]) => key)).size, line).toBe(pairs.length);
    const series = JSON.stringify([name, [...pairs].sort()]);
    expect(seen.has(series), `${series} twice`).toBe(false);
    seen.add(series);
    open[1].samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value.replace("Inf", "Infinity")) });
  }
  expect(help).toBeNull();
  for (const [name, { samples, type }] of families) {
    expect(samples.length, name).toBeGreaterThan(0);
    if (type === "histogram") expectHistogram(name, samples);
  }
  return families;
}

/** Buckets ascend and add up, +Inf is last and is the count. */
function expectHistogram(name: string, samples: Sample[]): void {
  for (const route of new Set(samples.map(({ labels }) => labels.route))) {
    const own = samples.filter(({ labels }) => labels.route === route);
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace("Inf", "Infinity")));
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
    const counts = buckets.map(({ value }) => value);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(own.filter((sample) => sample.name === `${name}_count`).map(({ value }) => value)).toEqual(counts.slice(-1));
    expect(own.filter((sample) => sample.name === `${name}_sum`)).toHaveLength(1);
  }
}

const scrape = () => parse(renderMetrics());
const samplesOf = (name: string, of: Record<string, string> = {}) =>
  (scrape().get(name)?.samples ?? []).filter(({ labels }) => Object.entries(of).every(([key, value]) => labels[key] === value));
const readingOf = (name: string) => samplesOf(name)[0]?.value;

describe("requests", () => {
  test("are counted by method, route and status, each as often as it came", () => {
    for (let i = 0; i < 3; i++) countRequest("GET", "/v1/counted/{id}", 200, 100);
    countRequest("GET", "/v1/counted/{id}", 404, 100);
    countRequest("DELETE", "/v1/counted/{id}", 200, 100);
    countRequest("GET", "/v1/counted", 200, 100);
    const counts = samplesOf("latchkey_requests_total", { route: "/v1/counted/{id}" });
    expect(counts).toEqual([
      { name: "latchkey_requests_total", labels: { method: "GET", route: "/v1/counted/{id}", status: "200" }, value: 3 },
      { name: "latchkey_requests_total", labels: { method: "GET", route: "/v1/counted/{id}", status: "404" }, value: 1 },
      { name: "latchkey_requests_total", labels: { method: "DELETE", route: "/v1/counted/{id}", status: "200" }, value: 1 },
    ]);
    expect(samplesOf("latchkey_requests_total", { route: "/v1/counted" })).toEqual([expect.objectContaining({ value: 1 })]);
  });

  test("fall into the bucket whose bound they do not pass; sum and count are theirs", () => {
    const latencies = [0, 1, 500, 501, 1_000, 9_999, 10_000, 10_001, 4_999_999, 5_000_000, 5_000_001, 60_000_000];
    for (const latencyUs of latencies) countRequest("GET", "/v1/timed", latencyUs > 10_000 ? 503 : 200, latencyUs);
    const samples = samplesOf("latchkey_request_duration_seconds", { route: "/v1/timed" });
    expect(samples.map(({ name, labels, value }) => [name.replace("latchkey_request_duration_seconds_", ""), labels.le, value])).toEqual([
      ["bucket", "0.0005", 3],
      ["bucket", "0.001", 5],
      ["bucket", "0.0025", 5],
      ["bucket", "0.005", 5],
      ["bucket", "0.01", 7],
      ["bucket", "0.025", 8],
      ["bucket", "0.05", 8],
      ["bucket", "0.1", 8],
      ["bucket", "0.25", 8],
      ["bucket", "0.5", 8],
      ["bucket", "1", 8],
      ["bucket", "2.5", 8],
      ["bucket", "5", 10],
      ["bucket", "+Inf", 12],
      ["sum", undefined, latencies.reduce((a, b) => a + b) / 1e6],
      ["count", undefined, 12],
    ]);
  });

  test.each(['a"b', "back\\slash", "line\nfeed", '\\n"} 1\nlatchkey_forged 1\n# TYPE x counter', 'x",route="y', "", "ä€😀", "\r\t\0"])(
    "with %j in the route keep it, and forge no line",
    (hostile) => {
      countRequest("GET", hostile, 200, 700);
      expect(samplesOf("latchkey_requests_total", { route: hostile })).toHaveLength(1);
      expect(samplesOf("latchkey_request_duration_seconds", { route: hostile, le: "+Inf" })).toHaveLength(1);
      expect([...scrape().keys()]).not.toContain("latchkey_forged");
    },
  );

  test("with methods that a client made up are one series", () => {
    for (const method of ["BREW", "PROPFIND", "get", "__proto__", "other"]) countRequest(method, "/v1/odd", 405, 10);
    expect(samplesOf("latchkey_requests_total", { route: "/v1/odd" })).toEqual([
      expect.objectContaining({ labels: { method: "other", route: "/v1/odd", status: "405" }, value: 5 }),
    ]);
    expect(samplesOf("latchkey_request_duration_seconds", { route: "/v1/odd", le: "+Inf" })[0]?.value).toBe(5);
  });

  test("on names that every object has are routes like others", () => {
    for (const route of ["__proto__", "constructor", "toString"]) countRequest("GET", route, 200, 10);
    for (const route of ["__proto__", "constructor", "toString"])
      expect(samplesOf("latchkey_requests_total", { route })).toEqual([expect.objectContaining({ value: 1 })]);
  });

  test("counted by Next's own copy of this file are in the same numbers", async () => {
    countRequest("GET", "/v1/copies", 200, 10);
    counter("copies_total", "Counted by both.").add(1);
    vi.resetModules();
    const copy: typeof import("@/lib/metrics") = await import("@/lib/metrics");
    expect(copy.countRequest).not.toBe(countRequest);
    copy.countRequest("GET", "/v1/copies", 200, 10);
    copy.counter("copies_total", "Counted by both.").add(1);
    expect(samplesOf("latchkey_requests_total", { route: "/v1/copies" })[0]?.value).toBe(2);
    expect(readingOf("copies_total")).toBe(2);
    expect(parse(copy.renderMetrics()).size).toBe(scrape().size);
  });
});

describe("gauges and counters", () => {
  test("are read at the scrape", () => {
    let value = 1;
    gauge("test_level", "A level.", () => value);
    expect(scrape().get("test_level")).toEqual({
      type: "gauge",
      help: "A level.",
      samples: [{ name: "test_level", labels: {}, value: 1 }],
    });
    value = -2.5;
    expect(readingOf("test_level")).toBe(-2.5);
  });

  test("one per label value, those that say nothing left out", () => {
    gauge("test_stores", "Stores.", () => ({ memory: 1, 'a "b"\\\n': 2, gone: null }));
    gauge("test_places", "Places.", () => ({ here: 3 }), "place");
    expect(samplesOf("test_stores").map(({ labels, value }) => [labels, value])).toEqual([
      [{ kind: "memory" }, 1],
      [{ kind: 'a "b"\\\n' }, 2],
    ]);
    expect(samplesOf("test_places")).toEqual([{ name: "test_places", labels: { place: "here" }, value: 3 }]);
  });

  test("a gauge with nothing to say is not there; a broken one takes no other with it", () => {
    gauge("test_silent", "Nothing.", () => null);
    gauge("test_empty", "Nothing.", () => ({}));
    gauge("test_broken", "Throws.", () => {
      throw new Error("away");
    });
    gauge("test_after", "Still there.", () => 1);
    const families = scrape();
    for (const name of ["test_silent", "test_empty", "test_broken"]) expect(families.has(name)).toBe(false);
    expect(families.has("test_after")).toBe(true);
  });

  test.each([
    [Number.NaN, Number.NaN],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [1e21, 1e21],
    [1e-7, 1e-7],
    [0, 0],
  ])("%s is written as Prometheus reads it", (value, read) => {
    gauge("test_extreme", "Extremes.", () => value);
    expect(readingOf("test_extreme")).toBe(read);
  });

  test("what somebody else counts is a counter by its name", () => {
    gauge("test_seen_total", "Seen.", () => 4);
    expect(scrape().get("test_seen_total")?.type).toBe("counter");
  });

  test("a counter is there from 0, only grows, and is one for one name", () => {
    const made = counter("test_events_total", "Events.");
    expect(scrape().get("test_events_total")).toMatchObject({ type: "counter", samples: [{ value: 0 }] });
    made.add(2);
    counter("test_events_total", "Events.").add(0.5);
    expect(readingOf("test_events_total")).toBe(2.5);
    for (const n of [-1, Number.NaN]) expect(() => made.add(n)).toThrow(RangeError);
    expect(readingOf("test_events_total")).toBe(2.5);
  });

  test("a help text of two lines and backslashes stays one line", () => {
    gauge("test_help", "One\\n\nlatchkey_forged 1", () => 1);
    expect(scrape().get("test_help")?.help).toBe("One\\n\nlatchkey_forged 1");
  });

  test("a name that is none, or another kind's, is refused where it is declared", () => {
    for (const name of ["", "1st", "with space", "a-b", "a\nb", "ä"]) expect(() => gauge(name, "", () => 1)).toThrow(/no name/);
    gauge("test_kind", "A gauge.", () => 1);
    expect(() => counter("test_kind", "")).toThrow(/already/);
    expect(() => gauge("latchkey_request_duration_seconds", "", () => 1)).toThrow(/already/);
  });
});

describe("the process", () => {
  test("says its memory, processor time and beginning", () => {
    const before = process.memoryUsage.rss();
    expect(readingOf("process_resident_memory_bytes")).toBeGreaterThan(before / 2);
    const first = readingOf("process_cpu_seconds_total") as number;
    for (const end = performance.now() + 30; performance.now() < end; );
    expect(readingOf("process_cpu_seconds_total")).toBeGreaterThan(first);
    expect(scrape().get("process_cpu_seconds_total")?.type).toBe("counter");
    expect(readingOf("process_start_time_seconds")).toBeCloseTo(Date.now() / 1000 - process.uptime(), -1);
  });

  test("says how late its event loop was since the last scrape, and forgets it then", async () => {
    const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
    const lagOf = (quantile: string) => samplesOf("nodejs_eventloop_lag_seconds", { quantile })[0]?.value as number;
    scrape();
    await pause(60);
    for (const end = performance.now() + 500; performance.now() < end; );
    await pause(60);
    const lags = scrape().get("nodejs_eventloop_lag_seconds")?.samples ?? [];
    const late = Object.fromEntries(lags.map(({ labels, value }) => [labels.quantile, value]));
    expect(Object.keys(late).sort()).toEqual(["0.5", "0.99", "1"]);
    expect(late["1"]).toBeGreaterThan(0.45);
    expect(late["0.5"]).toBeLessThan(0.45);
    await pause(60);
    expect(lagOf("1")).toBeLessThan(0.45);
  });
});
