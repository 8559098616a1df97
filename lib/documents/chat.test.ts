import { describe, expect, test } from "vitest";
import { authorize, type Can } from "@/lib/access/permissions";
import { answerChat, completeChat } from "@/lib/documents/chat";
import { Chat, ChatAnswer, ChatChunk, ChatCompletion } from "@/lib/documents/schema";
import { parse } from "@/lib/http/body";
import { refusal } from "@/lib/testing/factories";

const actor: Can<"data.write"> = authorize(
  {
    type: "key",
    id: "key_1",
    name: "Bot",
    role: "write",
    orgId: "org_1",
    groupId: "grp_1",
    environment: "live",
    secretId: null,
    request: { id: "req_01kafd7c3v5b8n0m2q4w6e9rty", ip: null, country: null, userAgent: null },
  },
  "data.write",
);
const ask: Chat = { messages: [{ role: "user", content: "What does it say?" }] };

async function chunksOf(answer: object): Promise<ChatChunk[]> {
  const chunks: ChatChunk[] = [];
  for await (const chunk of answer as AsyncIterable<ChatChunk>) chunks.push(ChatChunk.strict().parse(chunk));
  return chunks;
}

describe("a question", () => {
  test("is answered as declared, under the request's id and the model that was asked", async () => {
    const completion = ChatCompletion.strict().parse(await completeChat(actor, { ...ask, model: "sonar" }));
    expect([completion.id, completion.model]).toEqual(["chatcmpl-01kafd7c3v5b8n0m2q4w6e9rty", "sonar"]);
    const answer = ChatAnswer.strict().parse(await answerChat(actor, ask));
    expect([answer.output, answer.model_used]).toEqual([answer.choices[0]?.message.content, answer.model]);
  });

  test("in parts is answered by the same text", async () => {
    const whole = ChatCompletion.parse(await completeChat(actor, ask));
    for (const answer of [completeChat, answerChat]) {
      const chunks = await chunksOf(await answer(actor, { ...ask, stream: true }));
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(whole.choices[0]?.message.content);
      expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, "stop"]);
      expect(chunks.filter(({ usage }) => usage != null)).toHaveLength(1);
    }
  });

  test("whose usage is asked for has it in an event of its own", async () => {
    const chunks = await chunksOf(await completeChat(actor, { ...ask, stream: true, stream_options: { include_usage: true } }));
    expect(chunks.map(({ choices, usage }) => [choices.length, usage === null])).toEqual([
      [1, true],
      [1, true],
      [1, true],
      [0, false],
    ]);
  });
});

describe("what is no question is refused at the place that is wrong", () => {
  const message = (part: object) => ({ messages: [{ role: "user", content: "x", ...part }] });

  test.each<[object, string]>([
    [{}, "messages"],
    [{ messages: [] }, "messages"],
    [{ messages: "hello" }, "messages"],
    [{ messages: ["hello"] }, "messages.0"],
    [{ messages: [{ content: "x" }] }, "messages.0.role"],
    [message({ role: "admin" }), "messages.0.role"],
    [{ messages: [{ role: "user" }] }, "messages.0.content"],
    [message({ content: null }), "messages.0.content"],
    [message({ role: "tool", content: null }), "messages.0.content"],
    [message({ content: 7 }), "messages.0.content"],
    [message({ content: [] }), "messages.0.content"],
    [message({ content: [{ text: "x" }] }), "messages.0.content"],
    [message({ content: [{ type: "text" }] }), "messages.0.content.0.text"],
    [{ ...ask, max_cost_per_call: -0.01 }, "max_cost_per_call"],
    [{ ...ask, max_cost_per_call: "0.01" }, "max_cost_per_call"],
    [{ ...ask, model: 7 }, "model"],
    [{ ...ask, stream: "yes" }, "stream"],
    [{ ...ask, stream_options: [] }, "stream_options"],
  ])("%j: %s", async (body, path) => {
    const error = await refusal(() => parse(Chat, body));
    expect([error.type, Object.keys(error.details)]).toEqual(["invalid_request", [path]]);
    expect(error.message).not.toMatch(/Invalid input/);
  });

  test("what a client adds of its own is left out, not refused", () => {
    expect(parse(Chat, { ...ask, temperature: 0.3, tools: [{}], max_cost_per_call: 0.01 })).toEqual({ ...ask, max_cost_per_call: 0.01 });
    expect(parse(Chat, { messages: [{ role: "assistant", content: null, tool_calls: [{}] }] }).messages).toEqual([
      { role: "assistant", content: null },
    ]);
  });
});

test("a body of nothing but faults is refused without being looked through", () => {
  const begun = performance.now();
  const refused = Chat.safeParse({ messages: Array(300_000).fill(0) });
  expect(refused.error?.issues).toHaveLength(1);
  expect(Chat.safeParse({ messages: [{ role: "user", content: Array(300_000).fill(0) }] }).success).toBe(false);
  expect(performance.now() - begun).toBeLessThan(10_000);
});
