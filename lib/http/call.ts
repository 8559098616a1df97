import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline, Readable } from "node:stream";
import { ReadableStream, TextEncoderStream } from "node:stream/web";
import { AppError } from "@/lib/errors";

/**
 * A request and its answer as plain values, and the two mounts that translate them: Node's HTTP server and Next's route handlers. Plain,
 * because fetch's Request and Response cost more than all the rest of a verification together.
 */

export interface Call {
  method: string;
  /** As sent, without the query. */
  path: string;
  /** Without the question mark; empty for none. */
  query: string;
  /** By its name in lower case; null for none. Repeated ones are joined by a comma. */
  header(name: string): string | null;
  /** The whole body, or the first bytes beyond `most` of one that is longer. Throws invalid_request when it ends early. */
  body(most: number): Promise<Uint8Array>;
}

export interface Answer {
  status: number;
  /** Names and values in turn. */
  headers: string[];
  /** In parts for one that is written as it comes into being: nobody asks for a part before the one before it has left. */
  body: string | Buffer<ArrayBuffer> | AsyncIterable<string>;
}

export function isWhole(body: Answer["body"]): body is string | Buffer<ArrayBuffer> {
  return typeof body === "string" || Buffer.isBuffer(body);
}

function cut(url: string): { path: string; query: string } {
  const mark = url.indexOf("?");
  return mark === -1 ? { path: url, query: "" } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** What a second line of a header leaves in its joined value: a scheme after a comma, a blank after one. Keys have neither. */
const SECOND = [
  ["authorization", "Authorization", /,\s+[\w-]+(\s|$)|,\s*$/],
  ["x-api-key", "X-API-Key", /,\s/],
] as const;

/** Two keys say nothing clear, be they one and the same. Throws invalid_request. */
export function refuseTwoKeys(call: Call): void {
  for (const [name, written, second] of SECOND)
    if (second.test(call.header(name) ?? "")) throw new AppError("invalid_request", `${written} is there twice. Send one key.`);
}

// Node

class NodeCall implements Call {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage) {
    this.#message = message;
    this.method = message.method ?? "GET";
    const { path, query } = cut(message.url ?? "/");
    this.path = path;
    this.query = query;
  }

  header(name: string): string | null {
    const value = this.#message.headers[name];
    if (value === undefined) return null;
    if (name === "authorization") return joined(this.#message, name) ?? (value as string); // Node drops a second one
    return typeof value === "string" ? value : value.join(", ");
  }

  body(most: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const message = this.#message;
      const chunks: Buffer[] = [];
      let size = 0;
      const settle = () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      const early = () => reject(new AppError("invalid_request", "The body ended before it was whole."));
      if (message.destroyed) return early(); // of a client that has left no event comes any more
      message.on("data", (chunk: Buffer) => {
        if (size > most) return;
        size += chunk.length;
        chunks.push(chunk);
        if (size > most) settle(); // what follows is read and dropped
      });
      message.on("end", settle);
      message.on("error", early);
      message.on("close", () => {
        if (!message.complete) early();
      });
    });
  }
}

/** Several headers of one name, joined, or null where there is only one. */
export function joined(message: IncomingMessage, name: string): string | null {
  let found: string | null = null;
  let many = false;
  const raw = message.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const each = raw[i] as string;
    if (each.length !== name.length || each.toLowerCase() !== name) continue;
    many = found !== null;
    found = found === null ? (raw[i + 1] as string) : `${found}, ${raw[i + 1]}`;
  }
  return many ? found : null;
}

export function fromNode(message: IncomingMessage): Call {
  return new NodeCall(message);
}

export function toNode({ status, headers, body }: Answer, response: ServerResponse): void {
  if (response.destroyed) return;
  response.writeHead(status, headers);
  if (isWhole(body)) response.end(body);
  else pipeline(Readable.from(body), response, () => undefined); // whoever leaves ends it; one that breaks is cut, never ended
}

// Fetch

export function fromFetch(request: Request): Call {
  const url = request.url;
  const { path, query } = cut(url.slice(url.indexOf("/", url.indexOf("//") + 2)));
  return {
    method: request.method,
    path,
    query,
    header: (name) => request.headers.get(name),
    body: async (most) => {
      if (request.body === null) return new Uint8Array();
      const reader = request.body.getReader();
      const chunks: Uint8Array[] = [];
      for (let size = 0; size <= most; ) {
        const { done, value } = await reader.read().catch(() => {
          throw new AppError("invalid_request", "The body ended before it was whole.");
        });
        if (done) break;
        size += value.byteLength;
        chunks.push(value);
        if (size > most) void reader.cancel().catch(() => undefined);
      }
      return Buffer.concat(chunks);
    },
  };
}

export function toFetch({ status, headers, body }: Answer, method: string): Response {
  const pairs: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
  const empty = method === "HEAD" || status === 204;
  const content = isWhole(body) ? body : (ReadableStream.from(body).pipeThrough(new TextEncoderStream()) as unknown as BodyInit);
  return new Response(empty ? null : content, { status, headers: pairs });
}
