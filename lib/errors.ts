/**
 * Every failure the outside can see, once: type → status and the word in capitals.
 * A type that is missing here does not compile; the docs page takes its anchors from the same names.
 */
const table = {
  invalid_request: { status: 400, code: "INVALID_PAYLOAD" },
  unauthorized: { status: 401, code: "UNAUTHORIZED" },
  insufficient_credits: { status: 402, code: "INSUFFICIENT_CREDITS" },
  forbidden: { status: 403, code: "FORBIDDEN" },
  insufficient_scope: { status: 403, code: "INSUFFICIENT_SCOPE" },
  ip_not_allowed: { status: 403, code: "IP_NOT_ALLOWED" },
  account_deactivated: { status: 403, code: "ACCOUNT_DEACTIVATED" },
  not_found: { status: 404, code: "NOT_FOUND" },
  method_not_allowed: { status: 405, code: "METHOD_NOT_ALLOWED" },
  conflict: { status: 409, code: "CONFLICT" },
  payload_too_large: { status: 413, code: "PAYLOAD_TOO_LARGE" },
  unsupported_media_type: { status: 415, code: "UNSUPPORTED_MEDIA_TYPE" },
  rate_limit_exceeded: { status: 429, code: "RATE_LIMITED" },
  quota_exceeded: { status: 429, code: "RATE_LIMITED" },
  internal_error: { status: 500, code: "INTERNAL_ERROR" },
  unavailable: { status: 503, code: "UNAVAILABLE" },
} as const satisfies Record<string, { status: number; code: string }>;

export type ErrorType = keyof typeof table;
export const errorTypes = Object.keys(table) as ErrorType[];

export function statusOf(type: ErrorType): (typeof table)[ErrorType]["status"] {
  return table[type].status;
}

/** A failure with words meant for the outside. The cause stays in our log. Recognised by `appError`, never by `instanceof`. */
export class AppError extends Error {
  readonly appError = true;
  readonly type: ErrorType;
  /** JSON path → what is wrong there. */
  readonly details: Record<string, string>;
  readonly retryAfterSeconds: number | null;

  constructor(
    type: ErrorType,
    publicMessage: string,
    options: { cause?: unknown; details?: Record<string, string>; retryAfterSeconds?: number } = {},
  ) {
    super(publicMessage, { cause: options.cause });
    this.name = "AppError";
    this.type = type;
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

/** The same answer for what is missing, malformed or somebody else's. */
export function notFound(): AppError {
  return new AppError("not_found", "Nothing is here under this address or id.");
}

/** 400 that names each part and what is wrong with it. */
export function invalid(details: Record<string, string>): AppError {
  const words = Object.entries(details).map(([path, why]) => `${path}: ${why}`);
  return new AppError("invalid_request", words.join("; "), { details });
}

const DOWN = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EPIPE",
  "ENOENT",
  "57P01",
  "57P02",
  "57P03",
  "53300",
  "53100",
  "55P03",
  "40P01",
  "57014",
  "08001",
  "08003",
  "08006",
  "P1001",
  "P1002",
  "P1008",
  "P1017",
  "P2024",
  "P2028",
]);
const DOWN_WORDS =
  /terminated|timeout exceeded|read timeout|not queryable|can't reach|connection error|connection ?closed|starting up|shutting down|Server has closed/i;

/** Whatever was thrown, as an AppError: ours as it is, a database that is away as `unavailable`, all else as `internal_error`. */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (isDatabaseAway(error)) return databaseAway(error);
  return new AppError("internal_error", "Something went wrong on our side. The request id finds it in the operator's log.", {
    cause: error,
  });
}

/** While the database is away. What was asked may have been done: an answer that was lost says neither. */
export function databaseAway(cause?: unknown): AppError {
  return new AppError("unavailable", "The service cannot reach its database. Try again; after a change, look first whether it was made.", {
    cause,
    retryAfterSeconds: 2,
  });
}

export function isAppError(error: unknown): error is AppError {
  return typeof error === "object" && error !== null && (error as { appError?: unknown }).appError === true;
}

function isDatabaseAway(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > 4) return false;
  const e = error as { code?: unknown; message?: unknown; cause?: unknown };
  if (typeof e.code === "string" && DOWN.has(e.code)) return true;
  if (DOWN.has(postgresCodeOf(error) ?? "")) return true;
  if (typeof e.message === "string" && DOWN_WORDS.test(e.message)) return true;
  return isDatabaseAway(e.cause, depth + 1);
}

/** PostgreSQL's own code behind an error of Prisma's: beside its cause, or, where Prisma has no code for it (P2010, P2039), in its words. */
export function postgresCodeOf(error: unknown): string | null {
  const e = (error ?? {}) as { message?: unknown; originalCode?: unknown; cause?: { originalCode?: unknown } };
  const beside = e.originalCode ?? e.cause?.originalCode;
  if (typeof beside === "string") return beside;
  return (typeof e.message === "string" ? /Code: `(\w{5})`/.exec(e.message)?.[1] : undefined) ?? null;
}

export interface ErrorBody {
  error: { type: ErrorType; code: string; message: string; retry_after?: number };
  error_code: ErrorType;
  message: string;
  details: Record<string, string>;
  request_id: string;
  timestamp: string;
}

/** The one body that every error of the public API has. `now` in milliseconds. */
export function toErrorBody(error: AppError, requestId: string, now: number): ErrorBody {
  const retry = error.retryAfterSeconds === null ? {} : { retry_after: error.retryAfterSeconds };
  return {
    error: { type: error.type, code: table[error.type].code, message: error.message, ...retry },
    error_code: error.type,
    message: error.message,
    details: error.details,
    request_id: requestId,
    timestamp: new Date(now).toISOString(),
  };
}
