/** Server-sent events as OpenAI's clients read them. Pure. */

/** The second asks proxies not to hold parts back. */
export const EVENTS_TYPE = ["Content-Type", "text/event-stream; charset=utf-8", "X-Accel-Buffering", "no"] as const;

export function isInParts(result: unknown): result is AsyncIterable<object> {
  return typeof result === "object" && result !== null && Symbol.asyncIterator in result;
}

/** Each part as JSON, then `[DONE]`. What breaks on the way is an event too, as `tell` says it, since the status has left; no `[DONE]` then. */
export async function* toEvents(parts: AsyncIterable<object>, tell: (error: unknown) => string): AsyncGenerator<string> {
  try {
    for await (const part of parts) yield `data: ${JSON.stringify(part)}\n\n`;
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield `data: ${tell(error)}\n\n`;
  }
}
