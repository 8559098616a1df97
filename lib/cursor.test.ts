import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { fromCursor, page, toCursor } from "@/lib/cursor";
import { parseEnv, provideEnv } from "@/lib/env";
import { refusal, SECRET } from "@/lib/testing/factories";

const LIST = ["org_1", "keys", "", "active"];
const POSITION = ["2026-11-20T12:00:00.000Z", "key_1"];

beforeAll(() => {
  provideEnv(parseEnv({ LATCHKEY_SECRET: SECRET }));
});

test("no cursor is the first page", () => {
  expect(fromCursor(undefined, LIST)).toBeNull();
});

test("a cursor leads back to its position in its list, whatever text is in it", () => {
  const texts = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 });
  fc.assert(
    fc.property(texts, texts, (position, list) => {
      expect(fromCursor(toCursor(position, list), list)).toEqual(position);
    }),
  );
});

test("a cursor can stand in an address as it is", () => {
  expect(toCursor(POSITION, LIST)).toMatch(/^[A-Za-z0-9_.-]+$/);
});

describe("a cursor is refused", () => {
  test.each([
    ["for another organization", ["org_2", "keys", "", "active"]],
    ["with another filter", ["org_1", "keys", "", "revoked"]],
    ["with a filter more", ["org_1", "keys", "grp_1", "active"]],
    ["with the same values in other filters", ["org_1", "keys", "active", ""]],
    ["for another kind of list", ["org_1", "logs", "", "active"]],
    ["for values that only look alike when put together", ["org_1", "keys,", "active"]],
  ])("%s", async (_, list) => {
    const error = await refusal(() => fromCursor(toCursor(POSITION, LIST), list));
    expect(error).toMatchObject({ type: "invalid_request", details: { cursor: "does not belong to this list" } });
  });

  test.each([
    ["an empty one", ""],
    ["a dot", "."],
    ["one without its mark", toUnsigned(POSITION)],
    ["one with an empty mark", `${toUnsigned(POSITION)}.`],
    ["one with a mark of zeros", `${toUnsigned(POSITION)}.AAAAAAAAAAAAAAAA`],
    ["words", "next"],
    ["NUL", "\0"],
  ])("%s", async (_, cursor) => {
    expect((await refusal(() => fromCursor(cursor, LIST))).type).toBe("invalid_request");
  });

  test("made with another secret", async () => {
    const cursor = toCursor(POSITION, LIST);
    provideEnv(parseEnv({ LATCHKEY_SECRET: "another secret, just as long as it has to be" }));
    expect((await refusal(() => fromCursor(cursor, LIST))).type).toBe("invalid_request");
    provideEnv(parseEnv({ LATCHKEY_SECRET: SECRET }));
    expect(fromCursor(cursor, LIST)).toEqual(POSITION);
  });

  test("whose position was changed by one character", () => {
    const cursor = toCursor(POSITION, LIST);
    const mark = cursor.slice(cursor.indexOf("."));
    fc.assert(
      fc.property(fc.nat({ max: POSITION.join().length }), fc.constantFrom(..."0aZ9-:"), (at, c) => {
        const text = JSON.stringify(POSITION);
        fc.pre(text[at] !== c);
        const forged = `${Buffer.from(text.slice(0, at) + c + text.slice(at + 1)).toString("base64url")}${mark}`;
        expect(() => fromCursor(forged, LIST)).toThrow(/does not belong/);
      }),
    );
  });
});

function toUnsigned(position: string[]): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

describe("a page", () => {
  const pageOf = (rows: number[], limit: number) => page(rows, limit, LIST, String, (row) => [String(row)]);

  test("says that there is more when one row more was found than is shown, and where to go on", () => {
    const { next_cursor, ...rest } = pageOf([1, 2, 3], 2);
    expect(rest).toEqual({ data: ["1", "2"], has_more: true });
    expect(fromCursor(next_cursor ?? undefined, LIST)).toEqual(["2"]);
  });

  test.each([[[1, 2]], [[1]], [[]]])("of %j is the last one", (rows) => {
    expect(pageOf(rows, 2)).toEqual({ data: rows.map(String), has_more: false, next_cursor: null });
  });
});
