import type { z } from "zod";
import { AppError } from "@/lib/errors";
import type { Call } from "@/lib/http/call";

const MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 20;
/** Of ten thousand wrong entries the first hundred say enough. */
const MOST_DETAILS = 100;

/** The JSON body, read up to `most` bytes (256 KB). Throws 415, 413 or 400. `optional`: no body at all reads as `{}`. */
export async function readJson(call: Call, optional: boolean, most: number = MAX_BYTES): Promise<unknown> {
  if (Number(call.header("content-length") ?? 0) > most) throw tooLarge(most);
  const bytes = await call.body(most);
  if (bytes.byteLength > most) throw tooLarge(most);
  if (bytes.byteLength === 0 && optional) return {};
  requireJson(call);
  const text = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AppError("invalid_request", text === "" ? "The body is empty; it must be a JSON object." : "The body is not valid JSON.");
  }
  const fault = unusable(value, 0);
  if (fault !== null) throw new AppError("invalid_request", fault);
  return value;
}

/** What says of itself that it is something else than JSON in UTF-8 is not looked at. */
function requireJson(call: Call): void {
  const encoding = call.header("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity")
    throw new AppError("unsupported_media_type", `Send the body as it is: Content-Encoding ${encoding.slice(0, 40)} is not read here.`);
  const type = call.header("content-type") ?? "";
  if (type === "application/json") return;
  const [name = "", ...parameters] = type
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  if (name !== "application/json" && !name.endsWith("+json"))
    throw new AppError("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.");
  const charset =
    parameters
      .find((part) => part.startsWith("charset="))
      ?.slice(8)
      .replaceAll('"', "") ?? "utf-8";
  if (!UTF8_NAMES.includes(charset))
    throw new AppError("unsupported_media_type", `Send the body in UTF-8: the charset ${charset.slice(0, 40)} is not read here.`);
}

const UTF8_NAMES = ["utf-8", "utf8", "us-ascii"];

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new AppError("invalid_request", "The body is not valid UTF-8.");
  }
}

function tooLarge(most: number): AppError {
  return new AppError("payload_too_large", `The body may have at most ${most / 1024} KB.`);
}

/** Why a JSON value cannot be worked with: nested too deep, with text that no database holds, or with a name that is none. Null when it can. */
function unusable(value: unknown, depth: number): string | null {
  if (typeof value === "string") return isStorable(value) ? null : "The body has text with a NUL or half of a character.";
  if (typeof value !== "object" || value === null) return null;
  if (depth >= MAX_DEPTH) return `The body is nested more than ${MAX_DEPTH} levels deep.`;
  for (const [name, part] of Object.entries(value)) {
    if (name === "__proto__") return "The body has a field called __proto__.";
    const fault = unusable(name, depth + 1) ?? unusable(part, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}

export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/** What the schema makes of a value. Throws invalid_request with JSON path → message. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value, { reportInput: true }); // so that a missing field differs from a wrong one
  if (parsed.success) return parsed.data;
  const details: Record<string, string> = {};
  for (const issue of parsed.error.issues) {
    if (issue.code === "unrecognized_keys")
      for (const key of issue.keys) details[[...issue.path, key].join(".")] = "is not a field of this call";
    else details[issue.path.join(".") || "body"] ??= words(issue);
  }
  const said = Object.entries(details).map(([path, why]) => `${path} ${why}`);
  throw new AppError(
    "invalid_request",
    `The request is not valid: ${said.slice(0, 3).join("; ")}${said.length > 3 ? `, and ${said.length - 3} more` : ""}.`,
    { details: Object.fromEntries(Object.entries(details).slice(0, MOST_DETAILS)) },
  );
}

function words(issue: z.core.$ZodIssue): string {
  return issue.input === undefined && /^invalid_(type|value|union)$/.test(issue.code) ? "is needed" : issue.message;
}
