import { expect, test } from "vitest";
import { z } from "zod";
import { rowsOf } from "./schema-rows";

test("each field is a row that says what it takes and whether it must be there", () => {
  const schema = z.strictObject({
    name: z.string().min(1).max(100),
    email: z
      .string()
      .transform((text) => text.trim())
      .pipe(z.email()),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
    status: z.enum(["active", "revoked"]).optional(),
    expires_at: z.iso.datetime({ offset: true }).nullable(),
    nickname: z.string().nullable(),
    owner: z.object({ id: z.string() }),
    data: z.array(z.object({ calls: z.int() })),
    metadata: z.record(z.string(), z.string()),
  });
  expect(rowsOf(schema, "input").map((row) => `${row.path}${row.isRequired ? "" : "?"}: ${row.kind}`)).toEqual([
    "name: text, 1 to 100 characters",
    "email: text",
    "limit?: whole number, 1 to 1,000, 50 by default",
    "status?: active · revoked",
    "expires_at: instant, ISO 8601, or null",
    "nickname: text, or null",
    "owner: object",
    "owner.id: text",
    "data: list of objects",
    "data[].calls: whole number",
    "metadata: object of text",
  ]);
});
