import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { startEmbedded } from "@/lib/embedded";
import { eventually } from "@/lib/testing/eventually";
import { type Answer, type Api, type Person, startApi } from "./client";

/** The embedded server's first process and all that it started. */
function processesOf(dataDir: string): number[] {
  const cluster = fs.readdirSync(dataDir).find((name) => /^pg\d+$/.test(name)) ?? "";
  const postmaster = Number(fs.readFileSync(path.join(dataDir, cluster, "postmaster.pid"), "utf8").split("\n")[0]);
  const children = fs.readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return [postmaster, ...children];
}

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, name);
}

const requestIds = (answers: Answer[]) => answers.map(({ headers }) => headers["x-request-id"] ?? "");
const loggedIds = async (api: Api, as: Person, keyId: string): Promise<string[]> =>
  (await api.send("GET", `/v1/logs?key_id=${keyId}&limit=1000`, { as })).json.data.map(
    ({ request_id }: { request_id: string }) => request_id,
  );

async function expectUnavailable(answer: Answer): Promise<void> {
  expect([answer.status, answer.json.error_code]).toEqual([503, "unavailable"]);
  expect(Number(answer.headers["retry-after"])).toBeGreaterThanOrEqual(1);
  expect(answer.text).not.toMatch(/ECONN|postgres|prisma|127\.0\.0\.1|select/i);
}

describe("while the database is away", async () => {
  const api = await startApi();
  const { send, server } = api;
  const person = await api.signUp();
  await api.newGroup(person);
  const key = await api.newKey(person);

  test("that hangs, every call is answered 503 within seconds, the process lives, and afterwards nothing is lost", async () => {
    const before = requestIds(await Promise.all(Array.from({ length: 20 }, () => send("GET", "/v1/status", { key: key.secret }))));
    const pids = processesOf(server.dataDir);
    signal(pids, "SIGSTOP");
    try {
      // What is known by heart is answered until the lease has run out, two seconds at most.
      await new Promise((done) => setTimeout(done, 2_000));
      const calls = [
        () => send("GET", "/v1/status", { key: key.secret }),
        () => send("GET", "/v1/me", { as: person }),
        () => send("POST", "/v1/api-groups", { as: person, json: { name: "Half done" } }),
        () => send("POST", "/v1/sign-in", { json: { email: person.email, password: "a wrong password" } }),
      ];
      for (const call of calls) {
        const begun = Date.now();
        await expectUnavailable(await call());
        expect(Date.now() - begun).toBeLessThan(3_000);
      }
      expect((await send("GET", "/api/health/live")).status).toBe(200);
      const health = await send("GET", "/api/health");
      expect([health.status, health.json.status, health.json.database]).toEqual([503, "unavailable", false]);
      expect((await send("GET", "/v1/status", { key: "lk_live_x" })).status).toBe(401); // needs no database
    } finally {
      signal(pids, "SIGCONT");
    }
    await eventually(async () => ((await send("GET", "/v1/status", { key: key.secret })).status === 200 ? true : undefined), 20);
    const logged = await eventually(async () => {
      const ids = await loggedIds(api, person, key.id);
      return before.every((id) => ids.includes(id)) ? ids : undefined;
    }, 20);
    expect(new Set(logged).size).toBe(logged.length);
    expect((await send("GET", "/v1/api-groups", { as: person })).json.data.map(({ name }: { name: string }) => name)).not.toContain(
      "Half done",
    );
  });

  test("that is killed three times, calls are answered 200 or 503, it comes back by itself, and every accepted call is on record once", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => send("GET", "/v1/status", { key: key.secret })));
    for (let round = 0; round < 3; round++) {
      const [postmaster] = processesOf(server.dataDir);
      signal([postmaster as number], "SIGKILL");
      let wasAway = false;
      await eventually(async () => {
        const [byKey, bySession] = await Promise.all([
          send("GET", "/v1/limits", { key: key.secret }), // reads the key's row, so that the lease alone does not answer it
          send("GET", "/v1/me", { as: person }),
        ]);
        answers.push(byKey);
        const away = [byKey, bySession].filter(({ status }) => status !== 200);
        for (const answer of away) await expectUnavailable(answer);
        wasAway ||= away.length > 0;
        return wasAway && away.length === 0 ? true : undefined;
      }, 20);
    }
    const accepted = requestIds(answers.filter(({ status }) => status === 200));
    const logged = await eventually(async () => {
      const ids = await loggedIds(api, person, key.id);
      return accepted.every((id) => ids.includes(id)) ? ids : undefined;
    }, 20);
    expect(new Set(logged).size).toBe(logged.length);
    expect((await send("GET", "/api/health")).json).toMatchObject({ status: "ok", usage_lost: 0 });
    const made = await send("POST", "/v1/api-groups", { as: person, json: { name: "Afterwards" } });
    expect(made.status).toBe(201);
  });
});

describe("with DATABASE_URL instead of the embedded database", async () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-cluster-"));
  fs.chmodSync(dataDir, 0o711); // started by root, the database runs as another user below it
  const cluster = await startEmbedded({ dataDir, durable: false, log: () => {} });
  const env = {
    DATABASE_URL: cluster.appUrl,
    DATABASE_OWNER_URL: cluster.ownerUrl,
    LATCHKEY_SECRET: "one secret for every node of the tests",
  };
  const one = await startApi(env);
  const two = await startApi(env);
  afterAll(async () => {
    await Promise.all([one.server.stop(), two.server.stop()]);
    await cluster.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  });

  test("the way from an account to a revoked key is the same, and no database of its own is made", async () => {
    const person = await one.signUp();
    await one.newGroup(person);
    const key = await one.newKey(person);
    expect((await one.send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
    await eventually(async () => ((await loggedIds(one, person, key.id)).length === 1 ? true : undefined));
    expect((await one.send("DELETE", `/v1/api-keys/${key.id}`, { as: person })).json.status).toBe("revoked");
    expect((await one.send("GET", "/v1/status", { key: key.secret })).status).toBe(401);
    const { data } = (await one.send("GET", "/v1/audit-logs", { as: person })).json;
    expect(data.map(({ action }: { action: string }) => action)).toEqual([
      "api_key.revoke",
      "api_key.create",
      "api_group.create",
      "user.create",
      "organization.create",
    ]);
    expect(fs.readdirSync(one.server.dataDir).filter((name) => name.startsWith("pg"))).toEqual([]);
  });

  test("two servers on it are one: keys, sessions and cursors hold on both, and a revocation on one holds on the other at once", async () => {
    const person = await one.signUp();
    await one.newGroup(person);
    const keys = [await one.newKey(person), await one.newKey(person)];
    const { next_cursor } = (await one.send("GET", "/v1/api-keys?limit=1", { as: person })).json;
    expect((await two.send("GET", `/v1/api-keys?limit=1&cursor=${encodeURIComponent(next_cursor)}`, { as: person })).status).toBe(200);
    for (const key of keys) {
      expect((await two.send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
      await one.send("DELETE", `/v1/api-keys/${key.id}`, { as: person });
      expect((await two.send("GET", "/v1/status", { key: key.secret })).status).toBe(401);
    }
  });

  test("fifty changes over two servers leave one chain without gap or fork", async () => {
    const person = await one.signUp();
    const made = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 === 0 ? one : two).send("POST", "/v1/api-groups", { as: person, json: { name: `Group ${i}` } }),
      ),
    );
    const created = made.filter(({ status }) => status === 201).length;
    expect(made.filter(({ status }) => status !== 201 && status !== 503)).toEqual([]);
    const events = (await two.send("GET", "/v1/audit-logs?limit=1000", { as: person })).json.data.toReversed();
    expect(events).toHaveLength(created + 2);
    for (const [i, event] of events.entries())
      expect([event.sequence, event.previous_hash]).toEqual([i + 1, i === 0 ? "0".repeat(64) : events[i - 1].hash]);
    expect((await one.send("GET", "/v1/api-groups?limit=1000", { as: person })).json.data).toHaveLength(created);
  });

  test("the monthly quota is exact over two servers", async () => {
    const { api_key } = await one.enable({ rate_limit_rpm: 100_000 });
    const statuses: number[] = [];
    for (let round = 0; round < 22; round++) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? one : two).send("GET", "/v1/status", { key: api_key })),
      );
      statuses.push(...answers.map(({ status }) => status));
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(1_000);
    expect(statuses.filter((status) => status === 429)).toHaveLength(100);
  });
});
