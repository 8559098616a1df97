import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { AppError } from "@/lib/errors";
import { endpoints } from "@/lib/http/app";
import { parse, readJson } from "@/lib/http/body";
import { type Call, fromFetch } from "@/lib/http/call";
import { type JsonSchema, toJson } from "@/lib/http/examples";
import { refusal } from "@/lib/testing/factories";

const KB256 = 256 * 1024;

function post(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream | null,
  headers: Record<string, string> = { "Content-Type": "application/json" },
): Call {
  return fromFetch(
    new Request("http://x/", {
      method: "POST",
      headers,
      body,
      ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
    } as RequestInit),
  );
}

const nested = (depth: number, inner = "1") => `${'{"a":'.repeat(depth)}${inner}${"}".repeat(depth)}`;

describe("a JSON body is read", () => {
  test.each([
    ["an object", '{"name":"x","list":[1,null,true]}'],
    ["nested 20 levels deep", nested(20)],
    ["lists nested 20 levels deep", `${"[".repeat(20)}${"]".repeat(20)}`],
    ["of exactly 256 KB", JSON.stringify({ a: "x".repeat(KB256 - 8) })],
    ["with characters of every plane", '{"name":"ü 你 👩‍👩‍👧‍👦"}'],
    ["with a byte order mark", '\uFEFF{"a":1}'],
  ])("%s", async (_, text) => {
    expect(await readJson(post(text), false)).toEqual(JSON.parse(text.replace("\uFEFF", "")));
  });

  test("whatever JSON it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5, stringUnit: "grapheme" }), async (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes("\\u0000"));
        expect(await readJson(post(text), false)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("beyond 256 KB where the endpoint takes more, up to that", async () => {
    const text = JSON.stringify("x".repeat(KB256));
    expect(await readJson(post(text), false, text.length)).toBe("x".repeat(KB256));
    expect(await refusal(readJson(post(text), false, text.length - 1))).toMatchObject({ type: "payload_too_large" });
  });

  test.each(["application/json", "Application/JSON; charset=utf-8", 'application/json;charset="UTF-8"', "application/merge-patch+json"])(
    "as %s",
    async (type) => {
      expect(await readJson(post("{}", { "Content-Type": type }), false)).toEqual({});
    },
  );

  test("as {} when it may be left out and is", async () => {
    expect(await readJson(post(null, {}), true)).toEqual({});
    expect(await readJson(post("", {}), true)).toEqual({});
  });
});

describe("a body is refused", () => {
  test.each<[string, string | Uint8Array<ArrayBuffer> | null, Record<string, string> | undefined, string]>([
    ["as text/plain", "{}", { "Content-Type": "text/plain" }, "unsupported_media_type"],
    ["as a form", "name=x", { "Content-Type": "application/x-www-form-urlencoded" }, "unsupported_media_type"],
    ["as multipart", "--x", { "Content-Type": "multipart/form-data; boundary=x" }, "unsupported_media_type"],
    ["as almost JSON", "{}", { "Content-Type": "application/jsonp" }, "unsupported_media_type"],
    ["without a type", new TextEncoder().encode("{}"), {}, "unsupported_media_type"],
    ["compressed", "{}", { "Content-Type": "application/json", "Content-Encoding": "gzip" }, "unsupported_media_type"],
    ["in UTF-16", "{}", { "Content-Type": "application/json; charset=utf-16" }, "unsupported_media_type"],
    ["in Latin-1, as it says", "{}", { "Content-Type": 'application/json; charset="ISO-8859-1"' }, "unsupported_media_type"],
    ["when it is missing", null, undefined, "invalid_request"],
    ["when it is cut off", '{"name":"x"', undefined, "invalid_request"],
    ["with a trailing comma", '{"name":"x",}', undefined, "invalid_request"],
    ["with single quotes", "{'name':'x'}", undefined, "invalid_request"],
    ["with NaN", '{"a":NaN}', undefined, "invalid_request"],
    ["with two values", "{}{}", undefined, "invalid_request"],
    ["of one byte more than 256 KB", JSON.stringify({ a: "x".repeat(KB256 - 7) }), undefined, "payload_too_large"],
    ["nested 21 levels deep", nested(21), undefined, "invalid_request"],
    ["nested 10,000 levels deep", nested(10_000), undefined, "invalid_request"],
    ["with NUL in a value", '{"name":"a\\u0000b"}', undefined, "invalid_request"],
    ["with NUL in a name", '{"a\\u0000b":1}', undefined, "invalid_request"],
    ["with half of a character", '{"name":"\\ud800"}', undefined, "invalid_request"],
    ["with half of a character in a list", '["\\udc00"]', undefined, "invalid_request"],
    ["that is not UTF-8", new Uint8Array([0x22, 0xff, 0xfe, 0x22]), undefined, "invalid_request"],
    ["in Latin-1", new Uint8Array([0x22, 0xfc, 0x22]), undefined, "invalid_request"],
    ["with __proto__", '{"__proto__":{"isAdmin":true}}', undefined, "invalid_request"],
    ["with __proto__ inside", '{"metadata":{"__proto__":"x"}}', undefined, "invalid_request"],
  ])("%s", async (_, body, headers, type) => {
    expect((await refusal(readJson(post(body, headers), false))).type).toBe(type);
  });

  test("over 256 KB by its declared length, before a byte of it is read", async () => {
    let pulled = 0;
    const body = new ReadableStream(
      {
        pull: (controller) => {
          pulled += 1;
          controller.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    const call = post(body, { "Content-Type": "application/json", "Content-Length": String(KB256 + 1) });
    expect((await refusal(readJson(call, false))).type).toBe("payload_too_large");
    expect(pulled).toBe(0);
  });

  test("that never ends: reading stops at 256 KB", async () => {
    let sent = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    expect((await refusal(readJson(post(body), false))).type).toBe("payload_too_large");
    expect(sent).toBeLessThan(2 * KB256);
  });

  test("that ends before it is whole, also where what came is JSON", async () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{}")),
      pull: (controller) => controller.error(new Error("socket hang up")),
    });
    expect(await refusal(readJson(post(body), true))).toMatchObject({ type: "invalid_request", message: expect.stringMatching(/ended/) });
  });

  test.each(["x", "-1", "NaN", "1, 1"])("by its real length, where the declared one is %j", async (length) => {
    const headers = { "Content-Type": "application/json", "Content-Length": length };
    const sent = (text: string): Call => ({ ...post(text), header: (name) => new Headers(headers).get(name) });
    expect(await readJson(sent("{}"), false)).toEqual({});
    expect((await refusal(readJson(sent(JSON.stringify("x".repeat(KB256))), false))).type).toBe("payload_too_large");
  });
});

describe("a body that its schema does not take", () => {
  const Schema = z.strictObject({
    name: z.string().min(1, "may not be empty"),
    owner: z.strictObject({ id: z.string() }).optional(),
    list: z.array(z.int("must be a whole number")).optional(),
    side: z.strictObject({ of: z.enum(["a", "b"], "must be a or b") }).optional(),
  });

  test.each<[string, unknown, Record<string, string>]>([
    ["a missing field", {}, { name: "is needed" }],
    ["a missing choice", { name: "x", owner: { id: "1" }, side: { of: undefined } }, { "side.of": "is needed" }],
    ["an empty one", { name: "" }, { name: "may not be empty" }],
    ["an unknown field", { name: "x", isAdmin: true }, { isAdmin: "is not a field of this call" }],
    ["an unknown field inside", { name: "x", owner: { id: "1", role: "owner" } }, { "owner.role": "is not a field of this call" }],
    ["a wrong entry of a list", { name: "x", list: [1, 1.5] }, { "list.1": "must be a whole number" }],
    ["an operator object where a text is expected", { name: { not: "" } }, { name: "must be a text" }],
    ["a list instead of an object", [], { body: "must be an object" }],
    ["a text instead of an object", "x", { body: "must be an object" }],
    ["null", null, { body: "must be an object" }],
  ])("%s: is named by its path", async (_, value, details) => {
    const error = await refusal(() => parse(Schema, value));
    expect(error).toMatchObject({ type: "invalid_request", details });
    expect(Object.keys(error.details)).toEqual(Object.keys(details));
  });

  test("that is compressed is told so, by the name of the encoding", async () => {
    const headers = { "Content-Type": "application/json", "Content-Encoding": "GZIP" };
    const error = await refusal(readJson(post(new Uint8Array([0x1f, 0x8b, 0x08, 0xff]), headers), false));
    expect(error).toMatchObject({ type: "unsupported_media_type", message: expect.stringContaining("Content-Encoding gzip") });
  });

  test("names every fault, and says the first three in its sentence", async () => {
    const error = await refusal(() => parse(Schema, { a: 1, b: 2, c: 3, d: 4, name: "x" }));
    expect(Object.keys(error.details)).toEqual(["a", "b", "c", "d"]);
    expect(error.message).toMatch(/and 1 more/);
  });

  test("of faults without end tells the first hundred, and how many there are", async () => {
    const error = await refusal(() => parse(Schema, { name: "x", list: Array(10_000).fill("x") }));
    expect(Object.keys(error.details)).toHaveLength(100);
    expect(error.message).toMatch(/and 9997 more/);
  });

  test("does not repeat what was sent", async () => {
    const error = await refusal(() => parse(Schema, { name: 7, owner: { id: ["hunter2"] }, list: "hunter2" }));
    expect(JSON.stringify([error.message, error.details])).not.toContain("hunter2");
  });
});

describe("every endpoint says in our words what is wrong", () => {
  const long = "x".repeat(70_000);
  const WRONG = [
    null,
    true,
    -1,
    1.5,
    1e9,
    1e21,
    "",
    " ",
    long,
    "x,".repeat(1_001),
    [],
    ["x"],
    [long],
    Array(10_001).fill("x"),
    {},
    { x: long },
  ];

  /** Values that a part does not take, and of a whole every one with such a part. */
  function* wrong({ properties = {}, items, additionalProperties, anyOf = [] }: JsonSchema): Generator<unknown> {
    yield* WRONG;
    for (const part of anyOf) yield* wrong(part);
    for (const [name, part] of Object.entries(properties)) for (const value of wrong(part)) yield { [name]: value };
    if (items !== undefined) for (const value of wrong(items)) yield [value];
    if (typeof additionalProperties === "object")
      for (const value of wrong(additionalProperties)) yield { "": value, [long.slice(0, 200)]: value, name: value };
  }

  const schemas = endpoints.flatMap(({ method, path, query, body }) =>
    [query, body].flatMap((schema, i) => (schema === null ? [] : [[`${method} ${path}`, i === 0 ? "query" : "body", schema] as const])),
  );

  test.each(schemas)("%s %s", (_, __, schema) => {
    for (const value of wrong(toJson(schema, "input"))) {
      if (schema.safeParse(value).success) continue;
      const { details } = caught(() => parse(schema, value));
      for (const why of Object.values(details)) {
        expect(why).toMatch(/^(is|are|may|must|needs|has|belongs|shows|leaves)\b/);
        expect(why).not.toMatch(/[<>=]=?\d|expected|received|string|invalid|JSON path/i);
      }
    }
  });

  function caught(work: () => unknown): AppError {
    try {
      work();
    } catch (error) {
      return error as AppError;
    }
    throw new Error("It was taken.");
  }
});
