import { answerChat, completeChat } from "@/lib/documents/chat";
import { Chat, ChatAnswer, ChatChunk, ChatCompletion } from "@/lib/documents/schema";
import { endpoint } from "@/lib/endpoint";

/** The document API that a fresh machine answers with, behind the same checks as any upstream. */

const chat = {
  tag: "Data",
  permission: "data.write",
  scope: "chat",
  body: Chat,
  maxBytes: 4 * 1024 * 1024, // conversations carry whole documents and pictures
  event: ChatChunk,
} as const;

export const documentEndpoints = [
  endpoint("POST /v1/chat", { ...chat, summary: "Ask your documents", returns: ChatAnswer }, (actor, { body }) => answerChat(actor, body)),
  endpoint(
    "POST /chat/completions",
    { ...chat, summary: "Ask your documents, as OpenAI's and Perplexity's clients do", returns: ChatCompletion },
    (actor, { body }) => completeChat(actor, body),
  ),
  endpoint(
    "POST /v1/chat/completions",
    { ...chat, summary: "The same, for clients whose base address ends with /v1", returns: ChatCompletion },
    (actor, { body }) => completeChat(actor, body),
  ),
];
