import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toCurl } from "@/lib/curl";

const base = "https://api.example";

test("a call stands as one command with its path, query and body", () => {
  expect(toCurl({ route: "GET /v1/api-keys/{id}", params: { id: "key_1" }, query: { limit: 5, q: undefined } }, base)).toBe(
    `curl 'https://api.example/v1/api-keys/key_1?limit=5' \\\n  -H "Authorization: Bearer $LATCHKEY_API_KEY"`,
  );
  expect(toCurl({ route: "POST /v1/api-keys", body: { name: "Bot" } }, base)).toBe(
    `curl -X POST 'https://api.example/v1/api-keys' \\\n  -H "Authorization: Bearer $LATCHKEY_API_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d '{"name":"Bot"}'`,
  );
});

test("whoever calls without a key says who they are instead", () => {
  const headers = ['"X-Admin-Token: $ADMIN_TOKEN"'];
  expect(toCurl({ route: "GET /v1/me", headers }, base)).toBe(`curl 'https://api.example/v1/me' \\\n  -H "X-Admin-Token: $ADMIN_TOKEN"`);
  expect(toCurl({ route: "GET /v1/me", headers: [] }, base)).toBe(`curl 'https://api.example/v1/me'`);
});

test("a shell hands on every name as it was typed, also hostile ones", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
      (name) => {
        const command = toCurl({ route: "POST /v1/api-keys", body: { name } }, base);
        const seen = execFileSync("/bin/sh", ["-c", command.replace(/^curl/, "printf '%s\\0'")], { encoding: "utf8" });
        expect(seen.split("\0").at(-2)).toBe(JSON.stringify({ name }));
      },
    ),
    { numRuns: 40, examples: [["'; rm -rf / #"], ["$(id)"], ["`id`"], ["\\"], ["\n"]] },
  );
});
