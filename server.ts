import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import { resolve } from "node:path";
import type { Duplex } from "node:stream";
import next from "next";
import { parseAndValidateFlightRouterState } from "next/dist/server/app-render/parse-and-validate-flight-router-state.js";
import { type Front, handOn, receive } from "@/lib/auth/front";
import { backgroundDone } from "@/lib/background";
import { loadCountries } from "@/lib/country";
import { db } from "@/lib/db";
import { openDeployment } from "@/lib/deployment";
import { ConfigError, type Env, parseEnv, provideEnv } from "@/lib/env";
import { AppError, toErrorBody } from "@/lib/errors";
import { API_PATHS, handle } from "@/lib/http/app";
import { type Answer, fromNode, joined, toNode } from "@/lib/http/call";
import { newId } from "@/lib/ids";
import { openForms } from "@/lib/keys/forms";
import { startSweepingHandOvers } from "@/lib/keys/hand-over";
import { startTakingUpLeaks } from "@/lib/keys/leaks";
import { cutSecrets } from "@/lib/keys/secret";
import { lease, openLease } from "@/lib/leases";
import { startQuotas } from "@/lib/limits/quota";
import { describe, log } from "@/lib/log";
import { startDraining, stopRecording, usageBacklog } from "@/lib/usage/record";

/**
 * The front that always runs: starts the database, migrates, serves the public API straight on Node's HTTP and the console through
 * Next, does the background work, and drains on SIGTERM. What Next cannot know (the socket's address) or say (a nonce) is added here.
 */

const ROOT = process.cwd();
const DRAIN_SECONDS = 20;
const dev = process.env.NODE_ENV !== "production";
// Tests run the public API's specification through Next's route handlers too.
const apiThroughNext = process.env.LATCHKEY_TEST_MOUNT === "next";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function main(): Promise<void> {
  const env = provideEnv(parseEnv(process.env));
  let serve: Handler = (_, response) => {
    const id = newId("req");
    const error = new AppError("unavailable", "Latchkey is starting.", { retryAfterSeconds: 2 });
    response.writeHead(503, { "Retry-After": "2", ...plainHeaders(id) }).end(JSON.stringify(toErrorBody(error, id, Date.now())));
  };
  // First of all, so that a taken port is said before anything is started.
  const server = createServer({ keepAliveTimeout: 65_000, headersTimeout: 10_000, requestTimeout: 60_000 }, (request, response) => {
    if (!server.listening) response.shouldKeepAlive = false; // draining: the last answer on this connection
    serve(request, response);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => unreadable(socket, PARSER_FAULTS[error.code ?? ""] ?? 400));
  await listen(server, env);
  const stops: (() => Promise<unknown>)[] = [];
  let stopping = false;
  const stop = async (code: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await drain(server);
    for (const each of stops.reverse()) await each().catch((error: unknown) => log("warn", "stopping went wrong", describe(error)));
    process.exit(code);
  };
  process.on("SIGTERM", () => void stop(0));
  process.on("SIGINT", () => void stop(0));
  process.on("unhandledRejection", (error) => log("error", "a promise was rejected and nobody asked", describe(error)));
  try {
    stops.push(await openDeployment(env, (line) => process.stdout.write(`  ${line}\n`)));
    await loadCountries(ROOT);
    stops.push(await startNode());
    process.env.NEXTAUTH_URL = env.publicUrl;
    process.env.NEXT_TELEMETRY_DISABLED = "1";
    // Next listens for upgrades on a server of its own that nobody reaches. Without a listener Node answers an offer to upgrade
    // (Java's and curl's clients offer h2c with every plain request) as the request it is.
    const app = next({ dev, quiet: !dev, dir: ROOT, hostname: env.host, port: env.port, httpServer: createServer() });
    await app.prepare();
    serve = handler(env, app.getRequestHandler() as Handler);
    if (dev) server.on("upgrade", app.getUpgradeHandler());
    await greet(env);
  } catch (error) {
    complain(error);
    await stop(1);
  }
}

/** Everything that runs beside the requests. Gives back what ends it, in the order in which it may end. */
async function startNode(): Promise<() => Promise<void>> {
  const spool = startDraining();
  const giveUpLease = await openLease(spool);
  await openForms();
  const giveBackQuota = startQuotas(() => usageBacklog().waiting === 0);
  const stopSweeping = startSweepingHandOvers();
  const stopTakingUp = startTakingUpLeaks();
  return async () => {
    try {
      stopSweeping();
      stopTakingUp();
      await backgroundDone(8_000);
      await giveBackQuota();
      await stopRecording();
    } finally {
      await giveUpLease();
    }
  };
}

function listen(server: Server, env: Env): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const words: Record<string, string> = {
        EADDRINUSE: `Port ${env.port} is taken by another program. Stop that one, or choose another: PORT=${env.port + 1} npm start`,
        EACCES: `Port ${env.port} may not be used by this user. Choose one above 1023: PORT=3000 npm start`,
        EADDRNOTAVAIL: `HOST=${env.host} is not an address of this machine.`,
        ENOTFOUND: `HOST=${env.host} is not an address of this machine.`,
      };
      fail(new ConfigError(words[error.code ?? ""] ?? `The server cannot listen on ${env.host}:${env.port}: ${error.message}`));
    });
    server.listen(env.port, env.host, done);
  });
}

function handler(env: Env, pages: Handler): Handler {
  return (request, response) => {
    request.url = (request.url ?? "").replace(/^https?:\/\/[^/?#]*/i, ""); // the form that RFC 9112 keeps for proxies, and demands of servers
    const url = request.url;
    if (!url.startsWith("/") || request.method === "TRACE") return refuse(response, url.startsWith("/") ? 405 : 400);
    const front = receive(request, env.trustedProxies);
    if (API_PATHS.test(url) && !apiThroughNext) {
      const answer = handle(fromNode(request), front);
      const write = (made: Answer) => {
        try {
          toNode(made, response);
        } catch {
          response.destroy();
        }
      };
      if (answer instanceof Promise) answer.then(write, () => response.destroy());
      else write(answer);
      return;
    }
    handOn(request, front);
    tidyForNext(request);
    const path = url.split("?", 1)[0] as string;
    if (API_PATHS.test(path) || UNCOMPRESSED.test(path)) delete request.headers["accept-encoding"];
    if (!API_PATHS.test(path)) {
      if (!PAGE_METHODS.includes(request.method ?? "")) return refuse(response, 405, "page");
      if (request.method === "POST" && !READS_POST.test(path)) request.method = "GET";
      const { live, test } = env.keyPrefixes;
      const clean = cutSecrets(url, [live, test]);
      if (clean !== url) return goTo(response, clean);
      dressPage(request, response, front, env);
      if (!isDecodable(path)) request.url = "/404"; // Next itself would answer 500
      if (!/^\/(_next|docs)(\/|$)/.test(path) && lease()?.away()) return away(response, front);
    }
    pages(request, response);
  };
}

/** POST: of a form that was sent before its script had come. It is the page again; Next would look for a server action, and there is none. */
const PAGE_METHODS = ["GET", "HEAD", "POST"];
const READS_POST = /^\/(api\/auth|_next|__nextjs)/;
/** Answers with secrets of a visitor's own beside what somebody else may have put into the address: their length would tell (BREACH). */
const UNCOMPRESSED = /^\/(api\/auth|hand-over|invites|reset)([/?]|$)/;

/** Takes from a request what Next would answer 500 to, by its own judgement, and gives it what Node keeps back. */
function tidyForNext(request: IncomingMessage): void {
  const { headers } = request;
  const authorization = joined(request, "authorization");
  if (authorization !== null) headers.authorization = authorization;
  const tree = headers["next-router-state-tree"];
  if (tree !== undefined && !isRouterState(tree)) delete headers["next-router-state-tree"];
}

function isRouterState(header: string | string[]): boolean {
  try {
    parseAndValidateFlightRouterState(header);
    return true;
  } catch {
    return false;
  }
}

/** A key in a page's address would stand in the page, in the history and in what the browser tells others: its start is enough. */
function goTo(response: ServerResponse, location: string): void {
  const here = location.replace(/^[/\\\s]+/, "/"); // two of them begin another host's address
  response.writeHead(303, { Location: here, "Cache-Control": "no-store", "Content-Length": "0" }).end();
}

/** A page that needs the database while there is none. It asks again by itself. */
function away(response: ServerResponse, front: Front): void {
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="3"><title>Latchkey is waiting for its database</title>
<style>:root{color-scheme:light dark}body{font:15px/1.6 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 24px}small{opacity:.7}</style></head>
<body><h1>One moment</h1><p>Latchkey cannot reach its database right now. This page tries again by itself; nothing you have saved is lost.</p>
<small>${front.id}</small></body></html>`;
  response.writeHead(503, { "Content-Type": "text/html; charset=utf-8", "Retry-After": "3", "Cache-Control": "no-store" }).end(page);
}

const PARSER_FAULTS: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
const UNREADABLE: Record<number, string> = {
  400: "This is not a request that HTTP/1.1 allows.",
  405: "This method is not served here.",
  408: "The request took too long to arrive.",
  431: "The headers are too large.",
};

/** In its turn among the answers of its connection, which is closed then. */
function refuse(response: ServerResponse, status: number, of: "api" | "page" = "api"): void {
  const id = newId("req");
  const error = new AppError(status === 405 ? "method_not_allowed" : "invalid_request", UNREADABLE[status] ?? "");
  response.shouldKeepAlive = false;
  const headers = plainHeaders(id);
  if (of === "page") {
    headers.Allow = PAGE_METHODS.join(", ");
    delete headers["Access-Control-Allow-Origin"]; // pages are for nobody else's scripts
  }
  response.writeHead(status, headers).end(JSON.stringify(toErrorBody(error, id, Date.now())));
}

/** Of an answer that says only that there is none. */
function plainHeaders(id: string): Record<string, string> {
  return {
    "Content-Type": "application/json",
    "X-Request-Id": id,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Request-Id,Retry-After",
  };
}

/** What never becomes a request is answered in the API's own form, and its connection closed. */
function unreadable(socket: Duplex, status: number): void {
  if (!socket.writable) return void socket.destroy();
  const id = newId("req");
  const error = new AppError(status === 405 ? "method_not_allowed" : "invalid_request", UNREADABLE[status] ?? "");
  const body = JSON.stringify(toErrorBody(error, id, Date.now()));
  const headers = Object.entries({
    ...plainHeaders(id),
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
  }).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, "", body].join("\r\n"));
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Whose addresses are secrets themselves: nobody hears where their reader came from. */
const SECRET_PAGES = /^\/(hand-over|invites|reset)([/?]|$)/;

/** Headers of every page; Next puts the policy's nonce on its own scripts when it finds it on the request. */
function dressPage(request: IncomingMessage, response: ServerResponse, front: Front, env: Env): void {
  const policy = [
    "default-src 'self'",
    `script-src 'self' 'nonce-${front.nonce}' 'strict-dynamic'${dev ? " 'unsafe-eval'" : ""}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `connect-src 'self'${dev ? " ws:" : ""}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
  request.headers["content-security-policy"] = policy;
  const headers: Record<string, string> = {
    "Content-Security-Policy": policy,
    "X-Request-Id": front.id,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": SECRET_PAGES.test(request.url ?? "") ? "no-referrer" : "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    ...(env.publicUrl.startsWith("https:") ? { "Strict-Transport-Security": "max-age=31536000; includeSubDomains" } : {}),
  };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

/** Takes no new connection, lets what runs finish, and cuts what is left after 20 s. */
function drain(server: Server): Promise<void> {
  return new Promise((done) => {
    const idle = setInterval(() => server.closeIdleConnections(), 100);
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_SECONDS * 1000);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      done();
    });
  });
}

async function greet(env: Env): Promise<void> {
  const people = await db.user.count();
  const how =
    people > 0
      ? "with your e-mail and password"
      : env.signUp === "open"
        ? "open the console and create the first account"
        : "by an invitation";
  const lines = [
    `Console   ${env.publicUrl}`,
    `Sign in   ${how}`,
    `API       ${env.publicUrl}/v1   docs: ${env.publicUrl}/docs`,
    `Data      ${env.databaseUrl === null ? resolve(env.dataDir) : "the database of DATABASE_URL"}`,
  ];
  process.stdout.write(`\n  Latchkey is ready.\n\n${lines.map((line) => `  ${line}\n`).join("")}\n  Stop it with Ctrl-C.\n\n`);
}

function complain(error: unknown): void {
  const { code } = error as { code?: unknown };
  const plain = error instanceof Error && code === undefined;
  const sentence = code === "ENOSPC" ? "The disk is full: make room and start again." : plain ? error.message : describe(error).error;
  process.stderr.write(`\nLatchkey cannot start.\n${sentence}\n`);
  if (!plain) log("debug", "start failed", describe(error));
}

main().catch((error: unknown) => {
  complain(error);
  process.exit(1);
});
