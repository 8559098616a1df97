import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { startServer } from "@/lib/testing/server";

const ROUNDS = 4;
const ADMIN = { ADMIN_TOKEN: "operator-token-of-the-tests" };

/** Calls until the server is gone; the ids of the answers that came back whole. */
async function callUntilGone(url: string, key: string, gone: () => boolean): Promise<string[]> {
  const acked: string[] = [];
  const one = async () => {
    while (!gone()) {
      try {
        const answer = await fetch(`${url}/v1/status`, { headers: { "X-API-Key": key } });
        await answer.text();
        if (answer.status === 200) acked.push(answer.headers.get("x-request-id") ?? "");
      } catch {
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  return acked;
}

test("every answered request is in the log exactly once, also when the server is killed right after answering", async () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-killed-"));
  fs.chmodSync(dataDir, 0o711);
  const acked: string[] = [];
  let server = await startServer({ dataDir, env: ADMIN });
  try {
    const enabled = await fetch(`${server.url}/api/access/enable`, {
      method: "POST",
      headers: { "X-Admin-Token": ADMIN.ADMIN_TOKEN, "Content-Type": "application/json" },
      body: JSON.stringify({ email: "load@parser.example", company: "Load", tier: "enterprise", rate_limit_rpm: 1_000_000 }),
    });
    const { api_key } = (await enabled.json()) as { api_key: string };
    for (let round = 0; round < ROUNDS; round++) {
      let gone = false;
      const calls = callUntilGone(server.url, api_key, () => gone);
      await new Promise((done) => setTimeout(done, 300 + Math.random() * 500));
      await server.kill();
      gone = true;
      acked.push(...(await calls));
      server = await startServer({ dataDir, env: ADMIN });
    }
    expect(acked.length).toBeGreaterThan(ROUNDS);
    const ids = async () => {
      const seen: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const answer = await fetch(`${server.url}/v1/logs?route=/v1/status&limit=1000${cursor ? `&cursor=${cursor}` : ""}`, {
          headers: { "X-API-Key": api_key },
        });
        const list = (await answer.json()) as { data: { request_id: string }[]; next_cursor: string | null };
        seen.push(...list.data.map((row) => row.request_id));
        cursor = list.next_cursor;
      }
      return seen;
    };
    await expect
      .poll(
        async () => {
          const seen = new Set(await ids());
          return acked.filter((id) => !seen.has(id)).length;
        },
        { timeout: 60_000 },
      )
      .toBe(0);
    const seen = await ids();
    expect(seen.length).toBe(new Set(seen).size);
  } finally {
    await server.stop();
    fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}, 180_000);
