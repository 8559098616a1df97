import { expect, test } from "vitest";
import { startApi } from "@/e2e/api/client";
import { eventually } from "@/lib/testing/eventually";

const api = await startApi();
const owner = await api.signUp();
await api.newGroup(owner);

test("a key's call to a path that is not there is a log row like any other, under one name", async () => {
  const key = await api.newKey(owner);
  for (const path of ["/v1/search", "/v1/other"]) {
    const answer = await api.send("GET", path, { key: key.secret });
    expect(answer.status).toBe(404);
    expect(answer.headers["x-ratelimit-limit"]).toBe("60");
  }
  expect((await api.send("PATCH", "/v1/me", { key: key.secret })).status).toBe(405);
  const rows = await eventually(async () => {
    const { json } = await api.send("GET", `/v1/logs?key_id=${key.id}`, { as: owner });
    return json.data.length === 3 ? json.data : undefined;
  });
  expect(rows.map((row: { method: string; route: string; status: number }) => `${row.method} ${row.route} ${row.status}`).sort()).toEqual([
    "GET (unknown path) 404",
    "GET (unknown path) 404",
    "PATCH /v1/me 405",
  ]);
});

test("a wrong key learns nothing about which paths are there", async () => {
  for (const path of ["/v1/search", "/v1/me"]) expect((await api.send("GET", path, { key: "lk_live_nobody" })).status).toBe(401);
});
