import { describe, expect, test } from "vitest";
import { AppError, type ErrorType, errorTypes, notFound, statusOf, toAppError, toErrorBody } from "@/lib/errors";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const withCode = (code: string, message = "it failed") => Object.assign(new Error(message), { code });

/** Contract §6, as it is written there: type, status, the word in capitals. */
const CONTRACT: [ErrorType, number, string][] = [
  ["invalid_request", 400, "INVALID_PAYLOAD"],
  ["unauthorized", 401, "UNAUTHORIZED"],
  ["insufficient_credits", 402, "INSUFFICIENT_CREDITS"],
  ["forbidden", 403, "FORBIDDEN"],
  ["insufficient_scope", 403, "INSUFFICIENT_SCOPE"],
  ["ip_not_allowed", 403, "IP_NOT_ALLOWED"],
  ["account_deactivated", 403, "ACCOUNT_DEACTIVATED"],
  ["not_found", 404, "NOT_FOUND"],
  ["method_not_allowed", 405, "METHOD_NOT_ALLOWED"],
  ["conflict", 409, "CONFLICT"],
  ["payload_too_large", 413, "PAYLOAD_TOO_LARGE"],
  ["unsupported_media_type", 415, "UNSUPPORTED_MEDIA_TYPE"],
  ["rate_limit_exceeded", 429, "RATE_LIMITED"],
  ["quota_exceeded", 429, "RATE_LIMITED"],
  ["internal_error", 500, "INTERNAL_ERROR"],
  ["unavailable", 503, "UNAVAILABLE"],
];

describe("every error the outside can see", () => {
  test.each(CONTRACT)("%s is %d and says %s", (type, status, code) => {
    const body = toErrorBody(new AppError(type, "Words.", { details: { name: "is needed" } }), "req_1", NOW);
    expect(statusOf(type)).toBe(status);
    expect(body).toEqual({
      error: { type, code, message: "Words." },
      error_code: type,
      message: "Words.",
      details: { name: "is needed" },
      request_id: "req_1",
      timestamp: "2026-11-20T12:00:00.000Z",
    });
  });

  test("is in the table above", () => {
    expect(errorTypes.toSorted()).toEqual(CONTRACT.map(([type]) => type).toSorted());
  });

  test("says when to come back, if that is known", () => {
    expect(toErrorBody(new AppError("rate_limit_exceeded", "Slow.", { retryAfterSeconds: 30 }), "req_1", NOW).error.retry_after).toBe(30);
    expect(toErrorBody(notFound(), "req_1", NOW).error).not.toHaveProperty("retry_after");
  });

  test("keeps its cause and stack to itself", () => {
    const error = new AppError("internal_error", "Words.", { cause: new Error("password=hunter2") });
    expect(JSON.stringify(toErrorBody(error, "req_1", NOW))).not.toMatch(/hunter2|errors\.test/);
  });
});

describe("a database that is away is `unavailable`, with a time to come back", () => {
  test.each([
    ["nothing listens", withCode("ECONNREFUSED")],
    ["the connection was cut", withCode("ECONNRESET")],
    ["it was told to stop", withCode("57P01", "terminating connection due to administrator command")],
    ["it crashed", withCode("57P02")],
    ["it starts up", withCode("57P03", "the database system is starting up")],
    ["it has no connection left", withCode("53300")],
    ["its disk is full", withCode("53100")],
    ["Prisma cannot reach it", withCode("P1001", "Can't reach database server")],
    ["Prisma's pool ran dry", withCode("P2024")],
    ["Prisma's transaction ran out of time", withCode("P2028")],
    [
      "Prisma has no code of its own for it",
      withCode("P2039", "Database error. Code: `57P03`. Message: `the database system is not yet accepting connections`"),
    ],
    ["Prisma says so of raw SQL", withCode("P2010", "Raw query failed. Code: `57P01`. Message: `terminating connection`")],
    ["pg's pool gave up", new Error("timeout exceeded when trying to connect")],
    ["pg's client was cut off", new Error("Connection terminated unexpectedly")],
    ["pg's query hung", new Error("Query read timeout")],
    ["pg's client broke before", new Error("Client has encountered a connection error and is not queryable")],
    ["it stands in the cause", new Error("the query failed", { cause: withCode("ECONNREFUSED") })],
    ["it stands in the cause of the cause", new Error("a", { cause: new Error("b", { cause: withCode("57P01") }) })],
    ["Prisma's adapter names PostgreSQL's code", Object.assign(new Error("x"), { cause: { originalCode: "57P01" } })],
  ])("%s", (_, thrown) => {
    expect(toAppError(thrown)).toMatchObject({ type: "unavailable", retryAfterSeconds: expect.any(Number), cause: thrown });
  });
});

describe("anything else is `internal_error` and gives nothing away", () => {
  test.each([
    ["a bug", new TypeError("secret is not a function")],
    ["a unique constraint", withCode("P2002", "secret")],
    ["a syntax error in SQL", withCode("42601", "secret")],
    ["a syntax error that Prisma wraps", withCode("P2010", "Raw query failed. Code: `42601`. Message: `secret`")],
    ["a text", "secret"],
    ["nothing", undefined],
    ["null", null],
    ["an object", { message: "secret" }],
  ])("%s", (_, thrown) => {
    const error = toAppError(thrown);
    expect(error.type).toBe("internal_error");
    expect(JSON.stringify(toErrorBody(error, "req_1", NOW))).not.toContain("secret");
  });

  test("a cause that leads in a circle", () => {
    const error = new Error("round") as Error & { cause: unknown };
    error.cause = error;
    expect(toAppError(error).type).toBe("internal_error");
  });
});

test("an AppError stays what it is, also when another copy of the code made it", () => {
  const foreign = { appError: true, type: "conflict", message: "Taken.", details: {}, retryAfterSeconds: null };
  expect(toAppError(foreign)).toBe(foreign);
  expect(toErrorBody(toAppError(foreign), "req_1", NOW)).toMatchObject({ error_code: "conflict", message: "Taken." });
});
