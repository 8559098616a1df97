import http from "node:http";
import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { eventsOf, startApi } from "./client";

const api = await startApi();
const { send, server } = api;
const person = await api.signUp();
await api.newGroup(person);
/** Of a customer with room for all that is asked here. */
const key = { secret: (await api.enable({ tier: "pro", rate_limit_rpm: 10_000 })).api_key };
const ask = { messages: [{ role: "user", content: "What does the contract say about notice periods?" }] };
const PATHS = ["/chat/completions", "/v1/chat/completions", "/v1/chat"];

const post = (path: string, json: object, secret = key.secret) => send("POST", path, { key: secret, json });

describe("a question is answered in OpenAI's shape, that nothing was found", () => {
  test.each(PATHS)("%s", async (path) => {
    const { status, json } = await post(path, { ...ask, model: "sonar-pro" });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-[0-9a-z]{26}$/),
      object: "chat.completion",
      model: "sonar-pro",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: expect.stringContaining("Nothing about this was found in your documents") },
          finish_reason: "stop",
        },
      ],
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost: { total_cost: 0 } },
      citations: [],
      search_results: [],
    });
    expect(Math.abs(json.created - Date.now() / 1000)).toBeLessThan(60);
  });

  test("its id is the request's, so that it finds the call in the log", async () => {
    const { json, headers } = await post("/chat/completions", ask);
    expect(json.id.slice("chatcmpl-".length)).toBe(headers["x-request-id"]?.slice("req_".length));
  });

  test("/v1/chat says it in Perf's words as well, and that it cost nothing", async () => {
    const { json } = await post("/v1/chat", { ...ask, max_cost_per_call: 0 });
    expect(json).toMatchObject({
      output: json.choices[0].message.content,
      model_used: json.model,
      billing: { cost_usd: 0, cost_warning: false },
      tokens: { input: 0, output: 0, total: 0 },
    });
  });
});

describe("takes what the documented clients send", () => {
  test.each<[string, object]>([
    [
      "Perplexity's",
      { model: "sonar", ...ask, search_recency_filter: "week", web_search_options: { search_context_size: "low" }, return_images: false },
    ],
    ["the script's that rotates a key", { model: "sonar", messages: [{ role: "user", content: "Test" }], max_tokens: 1 }],
    ["Perf's", { ...ask, max_cost_per_call: 0.005, response_format: "json", temperature: 0.3, metadata: { a: "b" } }],
    [
      "OpenAI's",
      { model: "gpt-5", ...ask, temperature: 0.2, tools: [{ type: "function", function: { name: "f", parameters: {} } }], n: 1 },
    ],
    ["null for what it leaves out", { ...ask, stream: null, stream_options: null, max_cost_per_call: null }],
    ["instructions", { messages: [{ role: "system", content: "Be brief." }, { role: "developer", content: "" }, ...ask.messages] }],
    [
      "content parts",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image_url", image_url: { url: "https://example.com/a.png", detail: "high" } },
            ],
          },
        ],
      },
    ],
    [
      "calls of tools",
      {
        messages: [
          ...ask.messages,
          { role: "assistant", content: null, tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }] },
          { role: "assistant", tool_calls: [] },
          { role: "tool", tool_call_id: "1", content: "42" },
        ],
      },
    ],
    ["a field that nobody knows", { ...ask, isAdmin: true, userId: "usr_1", constructor: "x" }],
    ["a long conversation", { messages: Array.from({ length: 500 }, () => ({ role: "user", content: "x".repeat(2_000) })) }],
  ])("%s", async (_, json) => {
    for (const path of PATHS) expect((await post(path, json)).status).toBe(200);
  });
});

describe("refuses what is no question, and says what is wrong where", () => {
  const message = (part: object) => ({ messages: [{ role: "user", content: "x", ...part }] });

  test.each<[string, object, string]>([
    ["no messages", {}, "messages"],
    ["an empty list of them", { messages: [] }, "messages"],
    ["a text for messages", { messages: "hello" }, "messages"],
    ["null for messages", { messages: null }, "messages"],
    ["a message without a role", { messages: [{ content: "x" }] }, "messages.0.role"],
    ["a role that is none", message({ role: "admin" }), "messages.0.role"],
    ["no content", { messages: [{ role: "user" }] }, "messages.0.content"],
    ["null for content", message({ content: null }), "messages.0.content"],
    ["a number for content", message({ content: 7 }), "messages.0.content"],
    ["no part", message({ content: [] }), "messages.0.content"],
    ["a part without a type", message({ content: [{ text: "x" }] }), "messages.0.content"],
    ["a part of text without its text", message({ content: [{ type: "text" }] }), "messages.0.content.0.text"],
    ["a cost below nothing", { ...ask, max_cost_per_call: -0.01 }, "max_cost_per_call"],
    ["a text for the cost", { ...ask, max_cost_per_call: "0.01" }, "max_cost_per_call"],
    ["a model that is no text", { ...ask, model: { not: "" } }, "model"],
    ["an empty model", { ...ask, model: "" }, "model"],
    ["a text for stream", { ...ask, stream: "yes" }, "stream"],
  ])("%s", async (_, json, path) => {
    for (const each of PATHS) {
      const answer = await post(each, json);
      expect([answer.status, answer.json.error_code, Object.keys(answer.json.details)]).toEqual([400, "invalid_request", [path]]);
    }
  });

  test("a body that is no JSON, or none", async () => {
    for (const [body, type, status] of [
      ["{", "application/json", 400],
      ["", "application/json", 400],
      ["x=1", "application/x-www-form-urlencoded", 415],
    ] as const) {
      const answer = await send("POST", "/chat/completions", { key: key.secret, body, headers: { "Content-Type": type } });
      expect(answer.status).toBe(status);
    }
  });
});

describe("who may ask", () => {
  test("takes the access to write and the scope chat, and says so", async () => {
    const read = await api.newKey(person, { access: "read" });
    const narrow = await api.newKey(person, { scopes: ["status"] });
    const write = await api.newKey(person, { access: "write", scopes: ["chat"], environment: "test" });
    for (const path of PATHS) {
      expect((await post(path, ask, read.secret)).json).toMatchObject({
        error_code: "insufficient_scope",
        details: { access: expect.stringContaining("write") },
      });
      expect((await post(path, ask, narrow.secret)).json).toMatchObject({ error_code: "insufficient_scope", details: { scope: "chat" } });
      expect((await post(path, ask, write.secret)).status).toBe(200);
      expect((await send("POST", path, { json: ask })).status).toBe(401);
      expect((await send("POST", path, { as: person, json: ask })).json).toMatchObject({
        error_code: "forbidden",
        message: "This call takes a key, not a session.",
      });
    }
  });

  test("is looked at before the body: a wrong key learns nothing about it", async () => {
    for (const path of PATHS) expect((await post(path, {}, "lk_live_nobody")).status).toBe(401);
  });
});

describe("in parts", () => {
  test.each(PATHS)("%s answers with events that add up to the same, and ends with [DONE]", async (path) => {
    const whole = await post(path, { ...ask, model: "sonar" });
    const answer = await post(path, { ...ask, model: "sonar", stream: true });
    expect([answer.status, answer.headers["content-type"], answer.headers["content-length"]]).toEqual([
      200,
      "text/event-stream; charset=utf-8",
      undefined,
    ]);
    const chunks = eventsOf(answer);
    expect(new Set(chunks.map(({ id, object, created, model }) => JSON.stringify([id, object, created, model]))).size).toBe(1);
    expect(chunks[0]).toMatchObject({ object: "chat.completion.chunk", model: "sonar", choices: [{ delta: { role: "assistant" } }] });
    expect(chunks.map(({ choices }) => choices[0].delta.content ?? "").join("")).toBe(whole.json.choices[0].message.content);
    expect(chunks.map(({ choices }) => choices[0].finish_reason)).toEqual([null, null, "stop"]);
    expect(chunks.at(-1)).toMatchObject({ citations: [], search_results: [], usage: { total_tokens: 0 } });
  });

  test("the usage stands in one event alone for whoever asks for it", async () => {
    const chunks = eventsOf(await post("/chat/completions", { ...ask, stream: true, stream_options: { include_usage: true } }));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } });
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null, null]);
  });

  test("is refused like any other call before it begins", async () => {
    expect((await post("/chat/completions", { messages: [], stream: true })).status).toBe(400);
    expect((await post("/chat/completions", { ...ask, stream: true }, "lk_live_nobody")).status).toBe(401);
  });

  test("is one row of the log, also for whoever leaves at its first byte", async () => {
    const fresh = await api.newKey(person);
    await post("/chat/completions", { ...ask, stream: true }, fresh.secret);
    for (let i = 0; i < 5; i++) await leave(fresh.secret);
    const rows = await eventually(async () => {
      const { json } = await send("GET", `/v1/logs?key_id=${fresh.id}`, { as: person });
      return json.data.length >= 6 ? json.data : undefined;
    });
    expect(rows.map(({ method, route, status, outcome }: Record<string, unknown>) => `${method} ${route} ${status} ${outcome}`)).toEqual(
      Array(6).fill("POST /chat/completions 200 accepted"),
    );
    expect((await send("GET", "/api/health")).json).toMatchObject({ status: "ok", usage_lost: 0 });
    expect(server.logs()).not.toMatch(/"level":"error"/);
  });
});

/** Asks for a stream and goes away as soon as anything of it comes. */
function leave(secret: string): Promise<void> {
  const { hostname, port } = new URL(server.url);
  return new Promise((done, fail) => {
    const headers = { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" };
    const request = http.request({ hostname, port, method: "POST", path: "/chat/completions", headers }, (response) => {
      response.on("error", () => {});
      response.destroy();
      done();
    });
    request.on("error", fail);
    request.end(JSON.stringify({ ...ask, stream: true }));
  });
}
