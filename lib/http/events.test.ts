import { expect, test } from "vitest";
import { isInParts, toEvents } from "@/lib/http/events";

const noFault = () => "never";

async function all(events: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const event of events) text += event;
  return text;
}

test("each part is an event of one line, and [DONE] ends them", async () => {
  async function* parts() {
    yield { text: "two\nlines" };
    yield { text: "ü" };
  }
  expect(await all(toEvents(parts(), noFault))).toBe('data: {"text":"two\\nlines"}\n\ndata: {"text":"ü"}\n\ndata: [DONE]\n\n');
});

test("what breaks on the way is told as the last event, and nobody takes the answer for whole", async () => {
  async function* parts() {
    yield { n: 1 };
    throw new Error("the upstream went away");
  }
  const text = await all(toEvents(parts(), (error) => JSON.stringify({ error: { message: (error as Error).message } })));
  expect(text).toBe('data: {"n":1}\n\ndata: {"error":{"message":"the upstream went away"}}\n\n');
});

test("whoever stops reading stops the work", async () => {
  let ended = false;
  async function* parts() {
    try {
      for (let n = 0; ; n++) yield { n };
    } finally {
      ended = true;
    }
  }
  for await (const _ of toEvents(parts(), noFault)) break;
  expect(ended).toBe(true);
});

test.each<[unknown, boolean]>([
  [(async function* () {})(), true],
  [{ data: [] }, false],
  [[], false],
  [{}, false],
  ["text", false],
  [null, false],
])("%o is an answer in parts: %s", (value, is) => {
  expect(isInParts(value)).toBe(is);
});
