import type { Actor, Can } from "@/lib/access/permissions";
import { now } from "@/lib/clock";
import type { Chat, ChatAnswer, ChatChunk, ChatCompletion } from "@/lib/documents/schema";

/** The built-in chat: answers from the caller's own documents. There is no way to bring any yet, so it says that nothing was found. */

const MODEL = "latchkey-documents";
const NOTHING_FOUND = "Nothing about this was found in your documents: there are none yet.";

/** No model reads or writes anything, so no token is counted and nothing is paid. */
const NO_USAGE = {
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cost: { input_tokens_cost: 0, output_tokens_cost: 0, request_cost: 0, total_cost: 0 },
};

export async function completeChat(actor: Can<"data.write">, chat: Chat): Promise<ChatCompletion | AsyncIterable<ChatChunk>> {
  return chat.stream === true ? inParts(actor, chat) : whole(actor, chat);
}

/** The same in the words of `POST /v1/chat`. */
export async function answerChat(actor: Can<"data.write">, chat: Chat): Promise<ChatAnswer | AsyncIterable<ChatChunk>> {
  if (chat.stream === true) return inParts(actor, chat);
  const completion = whole(actor, chat);
  return {
    ...completion,
    model_used: completion.model,
    output: NOTHING_FOUND,
    billing: { cost_usd: 0, cost_warning: false },
    tokens: { input: 0, output: 0, total: 0 },
  };
}

/** Its id is the request's, so that it finds the call in the log. */
function headOf({ request }: Actor, { model }: Chat): Pick<ChatCompletion, "id" | "created" | "model"> {
  return { id: `chatcmpl-${request.id.replace(/^req_/, "")}`, created: Math.floor(now() / 1000), model: model ?? MODEL };
}

function whole(actor: Actor, chat: Chat): ChatCompletion {
  return {
    ...headOf(actor, chat),
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content: NOTHING_FOUND, refusal: null }, finish_reason: "stop", logprobs: null }],
    usage: NO_USAGE,
    citations: [],
    search_results: [],
  };
}

async function* inParts(actor: Actor, chat: Chat): AsyncGenerator<ChatChunk> {
  const head = { ...headOf(actor, chat), object: "chat.completion.chunk" as const };
  const choice = { index: 0, finish_reason: null, logprobs: null };
  const asked = chat.stream_options?.include_usage === true;
  // Whoever asks for the usage sums it up over the events: it stands in one of them only.
  const later = asked ? { usage: null } : {};
  yield { ...head, choices: [{ ...choice, delta: { role: "assistant", content: "" } }], ...later };
  yield { ...head, choices: [{ ...choice, delta: { content: NOTHING_FOUND } }], ...later };
  const sources = { citations: [], search_results: [] };
  yield { ...head, choices: [{ ...choice, delta: {}, finish_reason: "stop" }], ...sources, usage: asked ? null : NO_USAGE };
  if (asked) yield { ...head, choices: [], usage: NO_USAGE };
}
