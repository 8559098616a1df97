import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { ADMIN_TOKEN, raw, roomInMinute, startApi } from "./client";

const api = await startApi();
const { send, server } = api;
const person = await api.signUp();
await api.newGroup(person);
const key = await api.newKey(person);

test("health shows lease, lag, nodes, what is known by heart and how often that was enough, and the backlog of usage", async () => {
  for (let i = 0; i < 9; i++) await send("GET", "/v1/auth", { key: key.secret });
  const { status, json } = await send("GET", "/api/health");
  expect(status).toBe(200);
  expect(json).toMatchObject({
    status: "ok",
    database: true,
    lease: { held: true, lag_ms: expect.any(Number), nodes: 1 },
    cache: { keys: expect.any(Number), unknown: 0, hit_rate: expect.any(Number) },
    limiter: { store: "memory", counters: expect.any(Number) },
    usage_lost: 0,
  });
  expect(json.cache.keys).toBeGreaterThanOrEqual(1);
  expect(json.cache.hit_rate).toBeGreaterThan(0.5);
  await eventually(async () => ((await send("GET", "/api/health")).json.usage_waiting === 0 ? true : undefined));
});

describe("metrics", () => {
  const scrape = (headers: Record<string, string> = {}) => raw(server, "GET", "/api/metrics", { headers });
  const value = (text: string, series: string) =>
    Number(new RegExp(`^${series.replace(/[{}"/()]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1]);

  test("count requests and latencies by route, and show lease, cache, spool and limiter", async () => {
    const before = value((await scrape()).text, 'latchkey_requests_total{method="GET",route="/v1/auth",status="200"}');
    for (let i = 0; i < 5; i++) await send("GET", "/v1/auth/a/b", { key: key.secret });
    const { status, headers, text } = await scrape();
    expect(status).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(value(text, 'latchkey_requests_total{method="GET",route="/v1/auth",status="200"}') - before).toBe(5);
    expect(value(text, 'latchkey_request_duration_seconds_count{route="/v1/auth"}')).toBeGreaterThanOrEqual(5);
    for (const name of ["lease_held", "nodes", "cache_keys", "cache_hits_total", "usage_waiting", "usage_lost_total", "limiter_counters"])
      expect(text, name).toMatch(new RegExp(`^latchkey_${name} \\d`, "m"));
    expect(text).not.toContain(key.secret);
  });

  test("are shown to this machine and to whoever has the token; through a proxy only with the token", async () => {
    await roomInMinute(5);
    expect((await scrape({ "X-Forwarded-For": "198.51.100.1" })).status).toBe(401);
    expect((await scrape({ Via: "1.1 proxy" })).status).toBe(401);
    expect((await scrape({ "X-Forwarded-For": "198.51.100.1", Authorization: `Bearer ${ADMIN_TOKEN}` })).status).toBe(200);
    expect((await scrape({ "X-Forwarded-For": "198.51.100.1", "X-Admin-Token": ADMIN_TOKEN })).status).toBe(200);
    expect((await scrape({ Authorization: "Bearer a-wrong-token" })).status).toBe(401);
    expect((await scrape({ Authorization: `Bearer ${key.secret}` })).status).toBe(401);
  });
});
