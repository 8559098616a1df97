import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { ADMIN_TOKEN, type Answer, bodyOf, PASSWORD, startApi } from "./client";

/** What the variables of contract §11 change for the outside. */

describe("a deployment under an https address, without an operator's token, by invitation only", async () => {
  const { send } = await startApi({ ADMIN_TOKEN: "", SIGN_UP: "invite", PUBLIC_URL: "https://keys.example.com/" });

  test("has no operator's paths: they are like any other that is not there", async () => {
    const random = await send("POST", "/api/access/nothing", { json: {} });
    for (const headers of [{}, { "X-Admin-Token": "" }, { "X-Admin-Token": ADMIN_TOKEN }]) {
      const answer = await send("POST", "/api/access/enable", { json: { email: "x@people.example", company: "x", tier: "free" }, headers });
      expect([answer.status, bodyOf(answer)]).toEqual([404, bodyOf(random)]);
    }
  });

  test("lets no stranger sign up, and says why", async () => {
    const answer = await send("POST", "/v1/sign-up", { json: { email: "x@people.example", password: PASSWORD, organization: "x" } });
    expect([answer.status, answer.json.error_code]).toEqual([403, "forbidden"]);
  });

  test("binds cookies to its host, and browsers to https", async () => {
    const csrf = await send("GET", "/api/auth/csrf");
    expect(csrf.headers["set-cookie"]).toMatch(/__Host-latchkey\.csrf=.*Secure/i);
    expect((await send("GET", "/sign-in")).headers["strict-transport-security"]).toMatch(/max-age=31536000/);
  });

  test("says in its description where it is, not where it was asked", async () => {
    const { json } = await send("GET", "/openapi.json", { headers: { Host: "evil.example" } });
    expect(json.servers).toEqual([{ url: "https://keys.example.com" }]);
  });
});

describe("a deployment behind proxies, with prefixes of its own", async () => {
  const { send, signUp, newGroup, newKey, server } = await startApi({
    TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8",
    KEY_PREFIX_LIVE: "pplx-",
    KEY_PREFIX_TEST: "pp_test_",
  });
  const owner = await signUp();
  await newGroup(owner);

  test("believes the last address that its proxies did not add themselves", async () => {
    const bound = await newKey(owner, { allowed_ips: ["198.51.100.0/24"] });
    const tries: [string | null, number][] = [
      ["198.51.100.1", 200],
      ["203.0.113.9, 198.51.100.1", 200],
      ["198.51.100.1, 10.0.0.1", 200],
      ["198.51.100.1, 203.0.113.9", 403],
      ["198.51.100.1, unknown", 403],
      ["203.0.113.9", 403],
      [null, 403],
    ];
    const answers: Answer[] = [];
    for (const [forwarded] of tries)
      answers.push(await send("GET", "/v1/status", { key: bound.secret, headers: { "X-Forwarded-For": forwarded } }));
    expect(answers.map(({ status }) => status)).toEqual(tries.map(([, status]) => status));
    const row = await eventually(
      async () => (await send("GET", `/v1/logs?request_id=${answers[1]?.headers["x-request-id"]}`, { as: owner })).json.data[0],
    );
    expect(row.ip).toBe("198.51.100.1");
  });

  test("counts anybody's calls by the client's address, not by the proxy's", async () => {
    const from = async (ip: string) =>
      (await send("GET", "/v1/me", { headers: { "X-Forwarded-For": ip } })).headers["x-ratelimit-remaining"];
    const [first, again, other] = [await from("198.51.100.7"), await from("198.51.100.7"), await from("198.51.100.8")];
    expect(Number(again)).toBeLessThan(Number(first));
    expect(other).toBe(first);
  });

  test("makes and knows keys under them, and looks for them in addresses", async () => {
    const [live, sandbox] = [await newKey(owner), await newKey(owner, { environment: "test" })];
    expect([live.secret, sandbox.secret]).toEqual([
      expect.stringMatching(/^pplx-[0-9A-Za-z]{38}$/),
      expect.stringMatching(/^pp_test_[0-9A-Za-z]{38}$/),
    ]);
    expect([live.key_prefix, sandbox.key_prefix]).toEqual([live.secret.slice(0, 11), sandbox.secret.slice(0, 14)]);
    for (const { secret } of [live, sandbox]) {
      expect((await send("GET", "/v1/status", { key: secret })).status).toBe(200);
      expect((await send("GET", `/v1/me?api_key=${secret}`)).status).toBe(400);
      expect(server.logs()).not.toContain(secret.slice(-30));
    }
  });
});
