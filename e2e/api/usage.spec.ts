import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { type Answer, type Person, startApi } from "./client";

const api = await startApi();
const { send } = api;
const person: Person = await api.signUp();
await api.newGroup(person);

const rowsOf = async (keyId: string): Promise<Record<string, unknown>[]> =>
  (await send("GET", `/v1/logs?key_id=${keyId}&limit=1000`, { as: person })).json.data;
const requestId = (answer: Answer) => answer.headers["x-request-id"];

describe("a call by a key", () => {
  test("is in the log on its own, exactly once, as it was", async () => {
    const key = await api.newKey(person);
    const called = await send("GET", "/v1/status", { key: key.secret, headers: { "User-Agent": "tests/1 (ü)" } });
    const rows = await eventually(async () => {
      const found = await rowsOf(key.id);
      return found.length > 0 ? found : undefined;
    });
    expect(rows).toEqual([
      {
        request_id: requestId(called),
        created_at: expect.any(String),
        key_id: key.id,
        key_prefix: key.key_prefix,
        group_id: key.group_id,
        environment: "live",
        method: "GET",
        route: "/v1/status",
        status: 200,
        outcome: "accepted",
        latency_ms: expect.any(Number),
        ip: "127.0.0.1",
        country: null,
        user_agent: expect.stringMatching(/^tests\/1/),
        credits: 0,
        calls: 1,
      },
    ]);
    await send("GET", "/v1/status", { key: key.secret });
    await eventually(async () => ((await rowsOf(key.id)).length === 2 ? true : undefined));
  });

  test("counts on the key: calls, last use, address", async () => {
    const key = await api.newKey(person);
    expect((await send("GET", `/v1/api-keys/${key.id}`, { as: person })).json).toMatchObject({
      request_count: 0,
      last_used_at: null,
      last_used_ip: null,
    });
    for (let i = 0; i < 3; i++) await send("GET", "/v1/status", { key: key.secret });
    const counted = await eventually(async () => {
      const { json } = await send("GET", `/v1/api-keys/${key.id}`, { as: person });
      return json.request_count === 3 ? json : undefined;
    });
    expect(counted.last_used_ip).toBe("127.0.0.1");
    expect(Date.now() - Date.parse(counted.last_used_at)).toBeLessThan(60_000);
  });

  test("that was refused is in the log too, with the reason that the caller was not told", async () => {
    const made = {
      revoked: await api.newKey(person),
      ip_not_allowed: await api.newKey(person, { allowed_ips: ["203.0.113.7"] }),
      insufficient_scope: await api.newKey(person, { access: "write" }),
      scheduled: await api.newKey(person, { not_before: new Date(Date.now() + 86_400_000).toISOString() }),
      rate_limit_exceeded: await api.newKey(person, { rate_limit_rpm: 1 }),
    };
    await send("DELETE", `/v1/api-keys/${made.revoked.id}`, { as: person });
    const statuses: Record<string, number> = {
      revoked: 401,
      ip_not_allowed: 403,
      insufficient_scope: 403,
      scheduled: 401,
      rate_limit_exceeded: 429,
    };
    for (const [outcome, key] of Object.entries(made)) {
      let answer = await send("GET", "/v1/status", { key: key.secret });
      if (outcome === "rate_limit_exceeded") while (answer.status === 200) answer = await send("GET", "/v1/status", { key: key.secret });
      const row = await eventually(async () => (await rowsOf(key.id)).find(({ request_id }) => request_id === requestId(answer)));
      expect(row).toMatchObject({ outcome, status: statuses[outcome] });
    }
  });

  test("whose key nobody recognised is in no log", async () => {
    const answer = await send("GET", "/v1/status", { key: "lk_live_x" });
    expect((await send("GET", `/v1/logs?request_id=${requestId(answer)}`, { as: person })).json.data).toEqual([]);
  });

  test("a hundred parallel calls are a hundred rows, each once, and add up in usage and quota", async () => {
    const client = await api.enable({ rate_limit_rpm: 1_000 });
    const ids = (await Promise.all(Array.from({ length: 100 }, () => send("GET", "/v1/status", { key: client.api_key })))).map(requestId);
    expect(new Set(ids).size).toBe(100);
    const rows = await eventually(async () => {
      const { json } = await send("GET", "/v1/logs?limit=1000&route=/v1/status", { key: client.api_key });
      return json.data.length >= 100 ? json.data : undefined;
    }, 5);
    expect(rows.map((row: { request_id: string }) => row.request_id).toSorted()).toEqual(ids.toSorted());
    const usage = await send("GET", "/v1/usage?interval=1h&group_by=route", { key: client.api_key });
    const points = usage.json.data.filter(({ route }: { route: string }) => route === "/v1/status");
    expect(points.reduce((sum: number, point: { requests: number }) => sum + point.requests, 0)).toBe(100);
    const limits = (await send("GET", "/v1/limits", { key: client.api_key })).json;
    expect(limits.quota.limit - limits.quota.remaining).toBeGreaterThanOrEqual(100);
  });
});

describe("usage", () => {
  test.each(["1m", "1h", "1d"])("by %s has every bucket of its span and ends in the unfinished one", async (interval) => {
    const { status, json } = await send("GET", `/v1/usage?interval=${interval}`, { as: person });
    expect(status).toBe(200);
    const starts = json.data.map(({ start }: { start: string }) => Date.parse(start));
    const step = { "1m": 60_000, "1h": 3_600_000, "1d": 86_400_000 }[interval] ?? 0;
    expect(starts.slice(1).every((start: number, i: number) => start - starts[i] === step)).toBe(true);
    expect(Date.parse(json.data.at(-1).end)).toBeGreaterThanOrEqual(Date.now());
  });

  test("takes start and start_date, end and end_date alike", async () => {
    const [one, two] = [
      await send("GET", "/v1/usage?interval=1d&start=2026-11-01&end=2026-11-03", { as: person }),
      await send("GET", "/v1/usage?interval=1d&start_date=2026-11-01&end_date=2026-11-03", { as: person }),
    ];
    expect(one.json).toEqual(two.json);
    expect(one.json.data.map(({ start }: { start: string }) => start.slice(0, 10))).toEqual(["2026-11-01", "2026-11-02", "2026-11-03"]);
  });
});

describe("what a key knows of itself", () => {
  test("names the person, the organization and the key, and no secret", async () => {
    const key = await api.newKey(person, { expires_at: "2030-01-01T00:00:00Z" });
    const { json, text } = await send("GET", "/v1/me", { key: key.secret });
    expect(json).toMatchObject({
      user: { email: person.email, credits_available: 50, key_expires_at: "2030-01-01T00:00:00.000Z" },
      organization: { id: person.org, client_id: `cli_${person.org.slice(4)}`, plan: "free" },
      key: { id: key.id },
    });
    expect(text).not.toContain(key.secret.slice(14));
  });

  test("its limits, quota and credits", async () => {
    const key = await api.newKey(person, { environment: "test", scopes: ["status"] });
    expect((await send("GET", "/v1/limits", { key: key.secret })).json).toEqual({
      rate_limit: { limit: 30, remaining: 30, reset: expect.any(Number), window_seconds: 60 },
      quota: { limit: 1_000, remaining: 1_000, reset: expect.any(Number), period: new Date().toISOString().slice(0, 7) },
      credits: { available: 50 },
      expires_at: null,
      environment: "test",
      access: "full",
      scopes: ["status"],
    });
    expect((await send("GET", "/v1/credits", { key: key.secret })).json).toEqual({
      credits: { available: 50, purchases: [expect.objectContaining({ amount: 50 })] },
    });
    expect((await send("GET", "/v1/status", { key: key.secret })).json).toMatchObject({ status: "ok", environment: "test" });
  });
});

test("the audit log over HTTP is one unbroken chain", async () => {
  const { data } = (await send("GET", "/v1/audit-logs?limit=1000", { as: person })).json;
  const events = data.toReversed();
  expect(events.map(({ sequence }: { sequence: number }) => sequence)).toEqual(events.map((_: unknown, i: number) => i + 1));
  for (const [i, event] of events.entries()) expect(event.previous_hash).toBe(i === 0 ? "0".repeat(64) : events[i - 1].hash);
});
