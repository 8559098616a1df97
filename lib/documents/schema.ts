import { z } from "zod";

/**
 * What the built-in chat takes and gives: OpenAI's shape, with the fields that Perplexity's and Perf's clients read besides. A field that
 * is not named here is a client's own and ignored.
 */

const roles = ["system", "developer", "user", "assistant", "tool", "function"] as const;

/** Of messages, and of parts in one: what is longer is not looked at, or a body of nothing but faults would cost seconds. */
const MOST = 1_000;

const ContentPart = z
  .object({ type: z.string().min(1).max(64), text: z.string().optional() })
  .refine((part) => part.type !== "text" || part.text !== undefined, { path: ["text"], message: "is needed in a part of the type text" });

const Message = z
  .object({
    role: z.enum(roles, `must be one of ${roles.join(", ")}`),
    content: z
      .union([z.string(), z.array(ContentPart).min(1).max(MOST)], "must be a text, or a list of content parts that each have a type")
      .nullish()
      .describe("null only where an assistant calls tools"),
  })
  .refine((message) => message.role === "assistant" || (message.content ?? null) !== null, { path: ["content"], message: "is needed" });

export const Chat = z.object({
  messages: z
    .array(Message, "must be a list of messages")
    .min(1, "needs at least one message")
    .max(MOST, `may have at most ${MOST} messages`),
  model: z.string().min(1).max(200).optional().describe("any; the answer repeats it"),
  max_cost_per_call: z
    .number("must be a number")
    .min(0, "must be 0 or more")
    .nullish()
    .describe("the most this call may cost, in US dollars; the built-in chat costs nothing"),
  stream: z.boolean().nullish().describe("answer as server-sent events, which [DONE] ends"),
  stream_options: z.object({ include_usage: z.boolean().nullish().describe("one more event, with the usage and no choice") }).nullish(),
});
export type Chat = z.output<typeof Chat>;

const Dollars = z.number().describe("US dollars");
const Usage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  cost: z.object({ input_tokens_cost: Dollars, output_tokens_cost: Dollars, request_cost: Dollars, total_cost: Dollars }),
});

/** What the answer rests on. */
const Sources = {
  citations: z.array(z.string()),
  search_results: z.array(z.object({ title: z.string(), url: z.string(), date: z.string().nullable() })),
};

const Head = { id: z.string(), created: z.int().describe("Unix seconds"), model: z.string() };

export const ChatCompletion = z.object({
  ...Head,
  object: z.literal("chat.completion"),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
      finish_reason: z.literal("stop"),
      logprobs: z.null(),
    }),
  ),
  usage: Usage,
  ...Sources,
});
export type ChatCompletion = z.output<typeof ChatCompletion>;

/** The same in parts: the role, the text, and at the end why it ended, what it rests on and what it cost. */
export const ChatChunk = z.object({
  ...Head,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({ role: z.literal("assistant").optional(), content: z.string().optional() }),
      finish_reason: z.literal("stop").nullable(),
      logprobs: z.null(),
    }),
  ),
  usage: Usage.nullable().optional(),
  citations: Sources.citations.optional(),
  search_results: Sources.search_results.optional(),
});
export type ChatChunk = z.output<typeof ChatChunk>;

/** Perf's fields beside OpenAI's. */
export const ChatAnswer = ChatCompletion.extend({
  model_used: z.string(),
  output: z.string(),
  billing: z.object({ cost_usd: Dollars, cost_warning: z.boolean().describe("true when it cost more than max_cost_per_call") }),
  tokens: z.object({ input: z.int(), output: z.int(), total: z.int() }),
});
export type ChatAnswer = z.output<typeof ChatAnswer>;
