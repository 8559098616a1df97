// Clients that were written for four documented services, with the requests that their documentation shows for keys and authentication:
// only the host name is another. Each has a deployment that is configured with the service's prefixes.
//   PerfectParser  perfectparser.com/docs/api/{authentication,account/me,account/credits,automation-integrations}
//   Perf           docs.withperf.pro/{authentication,api-reference/chat}
//   Perplexity     docs.perplexity.ai/{guides/api-key-management,api-reference/generate-auth-token-post,revoke-auth-token-post}
//   ParseSphere    parsesphere.com/guides/developers/{authentication,error-handling}
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Answer, type Api, roomInMinute, startApi } from "./client";

/** As `curl` or a small HTTP library sends it: these headers and nothing else. */
function clientOf(api: Api, credential: (secret: string) => Record<string, string>) {
  return (method: string, path: string, secret: string | null, json?: unknown): Promise<Answer> =>
    api.send(method, path, {
      headers: {
        "User-Agent": "python-requests/2.32.3",
        Accept: "*/*",
        ...(secret === null ? {} : credential(secret)),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
}

const bearer = (secret: string) => ({ Authorization: `Bearer ${secret}` });
const apiKey = (secret: string) => ({ "X-API-Key": secret });
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("PerfectParser", async () => {
  const api = await startApi({ KEY_PREFIX_LIVE: "pp_live_", KEY_PREFIX_TEST: "pp_test_" });
  const call = clientOf(api, apiKey);
  const person = await api.signUp();
  await api.newGroup(person);
  const key = await api.newKey(person, { name: "Production Zapier" });

  test("a key from the console begins with pp_live_ and is told whole only once", async () => {
    expect(key.secret).toMatch(/^pp_live_[0-9A-Za-z]{38}$/);
    expect((await api.send("GET", `/v1/api-keys/${key.id}`, { as: person })).text).not.toContain(key.secret);
  });

  test("GET /v1/me confirms that the key is good, with its name, its expiry and the credits", async () => {
    const { status, json } = await call("GET", "/v1/me", key.secret);
    expect(status).toBe(200);
    expect(json.user).toEqual({
      user_id: expect.stringMatching(/^usr_/),
      email: person.email,
      name: expect.any(String),
      credits_available: 50,
      key_name: "Production Zapier",
      key_expires_at: null,
      member_since: expect.stringMatching(ISO),
    });
  });

  test("GET /v1/credits tells the balance and each purchase, newest first, with what is left of it", async () => {
    const { status, json } = await call("GET", "/v1/credits", key.secret);
    expect([status, json.credits.available]).toEqual([200, 50]);
    expect(json.credits.purchases).toEqual([
      expect.objectContaining({
        purchase_id: expect.any(String),
        plan: "free",
        credits: 50,
        remaining: 50,
        expires_at: null,
        purchased_at: expect.stringMatching(ISO),
      }),
    ]);
  });

  test("every response has the three rate-limit headers, and 429 RATE_LIMITED says when to come again", async () => {
    await roomInMinute(10);
    const limited = await api.newKey(person, { rate_limit_rpm: 3 });
    const answers: Answer[] = [];
    for (let i = 0; i < 5; i++) answers.push(await call("GET", "/v1/me", limited.secret));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(answers.map(({ headers }) => headers["x-ratelimit-remaining"])).toEqual(["2", "1", "0", "0", "0"]);
    for (const { headers } of answers) {
      expect(headers["x-ratelimit-limit"]).toBe("3");
      expect(Number(headers["x-ratelimit-reset"])).toBeGreaterThan(Date.now() / 1000 - 1);
    }
    expect(answers.at(-1)?.json.error).toMatchObject({ code: "RATE_LIMITED", message: expect.any(String) });
  });

  test("a missing and a wrong key are 401 UNAUTHORIZED, and a key revoked in the console is so at once", async () => {
    const gone = await api.newKey(person);
    expect((await call("GET", "/v1/me", gone.secret)).status).toBe(200);
    await api.send("DELETE", `/v1/api-keys/${gone.id}`, { as: person });
    for (const secret of [null, "pp_live_your_secret_key", gone.secret]) {
      const { status, json } = await call("GET", "/v1/me", secret);
      expect([status, json.error.code]).toEqual([401, "UNAUTHORIZED"]);
    }
  });
});

describe("Perf", async () => {
  const api = await startApi({ KEY_PREFIX_LIVE: "pk_live_", KEY_PREFIX_TEST: "pk_test_" });
  const call = clientOf(api, bearer);
  const person = await api.signUp();
  await api.newGroup(person);
  const hello = { messages: [{ role: "user", content: "Hello" }] };

  test("keys of production and of tests begin with pk_live_ and pk_test_, and both answer POST /v1/chat", async () => {
    for (const environment of ["live", "test"] as const) {
      const key = await api.newKey(person, { environment });
      expect(key.secret).toMatch(new RegExp(`^pk_${environment}_`));
      const { status, json } = await call("POST", "/v1/chat", key.secret, hello);
      expect(status).toBe(200);
      // In both of the shapes that the documentation has had.
      expect(json.choices[0].message).toMatchObject({ role: "assistant", content: expect.stringMatching(/\S/) });
      expect(json).toMatchObject({ output: json.choices[0].message.content, billing: { cost_usd: 0, cost_warning: false } });
    }
  });

  test("the documented options are taken: a most that the call may cost, temperature, a system message, content in parts", async () => {
    const { secret } = await api.newKey(person);
    const { status } = await call("POST", "/v1/chat", secret, {
      messages: [
        { role: "system", content: "You are a helpful assistant that extracts structured data." },
        { role: "user", content: [{ type: "text", text: "What's in this image?" }] },
      ],
      max_cost_per_call: 0.005,
      response_format: "json",
      temperature: 0.3,
      user_id: "user-1",
      metadata: {},
    });
    expect(status).toBe(200);
  });

  test("keys are narrowed to what they need: one that only reads may not chat, one that only writes may, an admin key does all", async () => {
    const status = async (access: string) => (await call("POST", "/v1/chat", (await api.newKey(person, { access })).secret, hello)).status;
    expect([await status("read"), await status("write"), await status("admin")]).toEqual([403, 200, 200]);
  });

  test("rotation as recommended: a new key, a check that it works, the old one revoked and refused at once", async () => {
    const old = await api.newKey(person, { name: "Production Server" });
    const fresh = await api.newKey(person, { name: "Production Server" });
    expect((await call("POST", "/v1/chat", fresh.secret, hello)).status).toBe(200);
    expect((await call("POST", "/v1/chat", old.secret, hello)).status).toBe(200);
    await api.send("DELETE", `/v1/api-keys/${old.id}`, { as: person });
    expect((await call("POST", "/v1/chat", old.secret, hello)).status).toBe(401);
    expect((await call("POST", "/v1/chat", fresh.secret, hello)).status).toBe(200);
  });
});

describe("Perplexity", async () => {
  const api = await startApi({ KEY_PREFIX_LIVE: "pplx-", KEY_PREFIX_TEST: "pplx-test-" });
  const call = clientOf(api, bearer);
  const person = await api.signUp();
  await api.newGroup(person);
  const first = await api.newKey(person, { name: "First" });
  const generate = (secret: string, json?: unknown) => call("POST", "/generate_auth_token", secret, json);
  const revoke = (secret: string, token: string) => call("POST", "/revoke_auth_token", secret, { auth_token: token });
  const ask = (secret: string) =>
    call("POST", "/chat/completions", secret, { model: "sonar", messages: [{ role: "user", content: "Test" }] });

  test("POST /generate_auth_token makes a key in the caller's group, with and without a name, with and without a body", async () => {
    const named = await generate(first.secret, { token_name: "Production API Key" });
    expect([named.status, named.json]).toEqual([
      200,
      {
        auth_token: expect.stringMatching(/^pplx-[0-9A-Za-z]{38}$/),
        created_at_epoch_seconds: expect.any(Number),
        token_name: "Production API Key",
      },
    ]);
    expect(Math.abs(named.json.created_at_epoch_seconds - Date.now() / 1000)).toBeLessThan(5);
    for (const body of [undefined, {}]) expect((await generate(first.secret, body)).status).toBe(200);
    const made = (await api.send("GET", "/v1/api-keys?q=Production%20API", { as: person })).json.data[0];
    expect(made).toMatchObject({ group_id: first.group_id, access: "full", status: "active", created_by: { id: first.id } });
  });

  test("the zero-downtime rotation, whole: generate, check the new key with a completion, go over, revoke the old one", async () => {
    const old = (await generate(first.secret, { token_name: "Rotated" })).json.auth_token;
    const answers: number[] = [];
    const using = { secret: old, on: true };
    const traffic = (async () => {
      // A call every 25 ms: fewer than the plan's 60 a minute.
      for (; using.on; await sleep(25)) answers.push((await ask(using.secret)).status);
    })();
    const fresh = (await generate(old, { token_name: "Rotated 2026-11-21" })).json.auth_token;
    const check = await ask(fresh);
    expect(check.status).toBe(200);
    expect(check.json).toMatchObject({
      object: "chat.completion",
      model: "sonar",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: expect.stringMatching(/\S/) } }],
    });
    using.secret = fresh;
    await sleep(100); // the last call with the old one is answered
    expect((await revoke(fresh, old)).status).toBe(200);
    using.on = false;
    await traffic;
    expect(answers.length).toBeGreaterThan(3);
    expect(new Set(answers)).toEqual(new Set([200]));
    expect((await ask(old)).status).toBe(401);
    expect((await ask(fresh)).status).toBe(200);
  });

  test("a key may revoke itself; what was revoked stays so, and asking again is 200; what is nobody's is 404", async () => {
    const token = (await generate(first.secret)).json.auth_token;
    expect((await revoke(token, token)).status).toBe(200);
    expect((await ask(token)).status).toBe(401);
    for (let i = 0; i < 2; i++) expect((await revoke(first.secret, token)).status).toBe(200);
    expect((await revoke(token, first.secret)).status).toBe(401);
    for (const nobodys of ["pplx-1234567890abcdef", `${token}x`]) expect((await revoke(first.secret, nobodys)).status).toBe(404);
    expect((await call("POST", "/revoke_auth_token", first.secret, {})).status).toBe(400);
  });

  test("another organization's token is 404 and goes on working", async () => {
    const stranger = await api.signUp();
    await api.newGroup(stranger);
    const theirs = await api.newKey(stranger);
    expect((await revoke(first.secret, theirs.secret)).status).toBe(404);
    expect((await ask(theirs.secret)).status).toBe(200);
  });

  test("completions stream as server-sent events that end in [DONE]", async () => {
    const { status, headers, text } = await call("POST", "/chat/completions", first.secret, {
      model: "sonar-pro",
      stream: true,
      messages: [{ role: "user", content: "What is the capital of France?" }],
    });
    expect([status, headers["content-type"]?.split(";")[0]]).toEqual([200, "text/event-stream"]);
    const events = text.split("\n\n").filter(Boolean);
    expect(events.at(-1)).toBe("data: [DONE]");
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event.replace(/^data: /, "")));
    expect(chunks.every(({ object, model }) => object === "chat.completion.chunk" && model === "sonar-pro")).toBe(true);
    expect(chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("")).toMatch(/\S/);
    expect(chunks.some(({ choices }) => choices[0]?.finish_reason === "stop")).toBe(true);
  });

  test("without a key, or with a wrong one, every call is 401", async () => {
    for (const secret of [null, "pplx-wrong"]) {
      expect((await call("POST", "/generate_auth_token", secret, {})).status).toBe(401);
      expect((await call("POST", "/chat/completions", secret, {})).status).toBe(401);
    }
  });
});

describe("ParseSphere", async () => {
  const api = await startApi({ KEY_PREFIX_LIVE: "sk_", KEY_PREFIX_TEST: "sk_test_" });
  const call = clientOf(api, bearer);
  const person = await api.signUp();
  await api.newGroup(person);
  const first = await api.newKey(person);

  test("POST /v1/api-keys with a name alone gives a key whose secret begins with sk_ and works at once", async () => {
    const { status, json } = await call("POST", "/v1/api-keys", first.secret, { name: "Production API Key" });
    expect(status).toBe(201);
    expect(json).toMatchObject({ name: "Production API Key", is_active: true, expires_at: null, last_used_at: null });
    expect(json.secret).toMatch(/^sk_[0-9A-Za-z]{38}$/);
    expect((await call("GET", "/v1/status", json.secret)).status).toBe(200);
  });

  test("GET /v1/api-keys lists prefixes and never a whole key", async () => {
    const { status, json, text } = await call("GET", "/v1/api-keys", first.secret);
    expect(status).toBe(200);
    expect(json.data.length).toBeGreaterThan(1);
    for (const each of json.data) expect(each.key_prefix).toMatch(/^sk_\w{6}$/);
    expect(text).not.toContain(first.secret);
    expect(text).not.toMatch(/sk_[0-9A-Za-z]{38}/);
  });

  test("DELETE /v1/api-keys/{id} is immediate and final: the key is 401 from then on and listed as not active", async () => {
    const key = (await call("POST", "/v1/api-keys", first.secret, { name: "Short-lived" })).json;
    const { status, json } = await call("DELETE", `/v1/api-keys/${key.id}`, first.secret);
    expect([status, json.is_active]).toEqual([200, false]);
    expect((await call("GET", "/v1/status", key.secret)).status).toBe(401);
    expect((await call("GET", `/v1/api-keys/${key.id}`, first.secret)).json).toMatchObject({ is_active: false, status: "revoked" });
  });

  test("an id that nobody has, of whatever form, is 404 in the documented error", async () => {
    const { status, json } = await call("DELETE", "/v1/api-keys/550e8400-e29b-41d4-a716-446655440000", first.secret);
    expect(status).toBe(404);
    expect(json).toMatchObject({
      error_code: expect.any(String),
      message: expect.any(String),
      details: expect.any(Object),
      request_id: expect.stringMatching(/^req_/),
      timestamp: expect.stringMatching(ISO),
    });
  });

  test("401 and 400 have the same body, and keys belong to the account's organization", async () => {
    for (const [answer, code] of [
      [await call("GET", "/v1/api-keys", "sk_your_api_key"), "unauthorized"],
      [await call("POST", "/v1/api-keys", first.secret, { name: "" }), "invalid_request"],
    ] as const)
      expect(answer.json).toMatchObject({ error_code: code, message: expect.any(String), request_id: answer.headers["x-request-id"] });
    expect((await call("GET", "/v1/me", first.secret)).json.organization.id).toBe(person.org);
  });
});
