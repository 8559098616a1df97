import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AppError, isAppError } from "@/lib/errors";
import { type Answer, type Call, fromFetch, fromNode, refuseTwoKeys, toFetch, toNode } from "@/lib/http/call";
import { eventually } from "@/lib/testing/eventually";
import { refusal } from "@/lib/testing/factories";

/** What the server does with a call; every test says its own. */
let handle: (call: Call, message: IncomingMessage, response: ServerResponse) => Promise<Answer> | Answer;
const ok = (body: string, headers: string[] = []): Answer => ({ status: 200, headers, body });

const server = createServer((message, response) => {
  void Promise.resolve(handle(fromNode(message), message, response)).then((answer) => toNode(answer, response));
});
let port = 0;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as net.AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const head = (method: string, path: string, ...lines: string[]) =>
  `${[`${method} ${path} HTTP/1.1`, "Host: x", ...lines].join("\r\n")}\r\n\r\n`;

/** Sends bytes as they are and gives back all that is answered on the connection. */
async function raw(...parts: (string | Uint8Array)[]): Promise<string> {
  const socket = net.connect(port, "127.0.0.1");
  for (const part of parts) socket.write(part);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("latin1");
}

/** What the handler saw of one request. */
async function seen<T>(ask: (call: Call) => T | Promise<T>, ...parts: (string | Uint8Array)[]): Promise<T> {
  const result = new Promise<T>((resolve, reject) => {
    handle = async (call) => {
      await Promise.resolve(ask(call)).then(resolve, reject);
      return ok("");
    };
  });
  const answered = raw(...parts);
  const value = await result;
  await answered;
  return value;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const CLOSE = "Connection: close";

describe("a request on Node's server", () => {
  test.each([
    ["/v1/keys", "/v1/keys", ""],
    ["/v1/keys?limit=1&q=a%20b", "/v1/keys", "limit=1&q=a%20b"],
    ["/v1/keys?", "/v1/keys", ""],
    ["/v1/keys?a=?b", "/v1/keys", "a=?b"],
    ["/v1/a%2Fb/%00/../c", "/v1/a%2Fb/%00/../c", ""],
    ["//v1//keys", "//v1//keys", ""],
    ["*", "*", ""],
  ])("to %s has the path %s and the query %j, as they were sent", async (target, path, query) => {
    const method = target === "*" ? "OPTIONS" : "GET";
    const what = await seen(({ method, path, query }) => ({ method, path, query }), head(method, target, CLOSE));
    expect(what).toEqual({ method, path, query });
  });

  test("has its headers by their names in lower case, and null for those it has not", async () => {
    const ask = (call: Call) => ["x-api-key", "content-type", "cookie", "x-nothing"].map((name) => call.header(name));
    expect(await seen(ask, head("GET", "/", CLOSE, "X-API-KEY: k", "content-TYPE: text/plain", "Cookie: a=1"))).toEqual([
      "k",
      "text/plain",
      "a=1",
      null,
    ]);
  });

  test.each([
    ["x-api-key", ["X-API-Key: one", "x-api-key: two"], "one, two"],
    ["x-api-key", ["X-API-Key: one", "x-api-key: one"], "one, one"],
    ["cookie", ["Cookie: a=1", "Cookie: b=2"], "a=1; b=2"],
    ["x-forwarded-for", ["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2"], "1.1.1.1, 2.2.2.2"],
    ["authorization", ["Authorization: Bearer one"], "Bearer one"],
    ["authorization", ["Authorization: Bearer one", "AUTHORIZATION: Bearer two"], "Bearer one, Bearer two"],
    ["authorization", ["Authorization: Bearer one", "Authorization: Bearer one"], "Bearer one, Bearer one"],
    ["authorization", ["Authorization: a", "Authorization: b", "Authorization: c"], "a, b, c"],
    ["authorization", ["X-Authorization: a", "Authorization: b", "Authorizatiom: c"], "b"],
  ])("with %s sent as %j reads as %j: no repeated one is lost", async (name, lines, value) => {
    expect(await seen((call) => call.header(name), head("GET", "/", CLOSE, ...lines))).toBe(value);
  });
});

describe("two keys in one request", () => {
  const refuses = async (...lines: string[]) =>
    (await seen((call) => refusal(() => refuseTwoKeys(call)).catch(() => null), head("GET", "/", CLOSE, ...lines)))?.message ?? null;

  test.each([
    ["Authorization", ["Authorization: Bearer one", "authorization: Bearer two"]],
    ["Authorization", ["Authorization: Bearer one", "Authorization: Bearer one"]],
    ["Authorization", ["Authorization: Bearer one", "Authorization: Basic dTpw"]],
    ["Authorization", ["Authorization: Bearer one", "Authorization:"]],
    ["X-API-Key", ["X-API-Key: one", "x-api-key: two"]],
    ["X-API-Key", ["X-API-Key: one", "X-API-Key: one"]],
  ])("under %s, sent as %j, are refused: which of them is meant?", async (name, lines) => {
    expect(await refuses(...lines)).toBe(`${name} is there twice. Send one key.`);
  });

  test.each([
    [["Authorization: Bearer one"]],
    [["Authorization: Bearer one", "X-API-Key: one"]],
    [['Authorization: Digest username="a", realm="b", nonce="c"']],
    [["X-API-Key: one,two"]],
    [["Authorization: Bearer one,two"]],
    [["Cookie: a=1", "Cookie: b=2"]],
  ])("are not in %j", async (lines) => {
    expect(await refuses(...lines)).toBe(null);
  });
});

describe("a body", () => {
  const whole = (most: number) => async (call: Call) => text(await call.body(most));
  const chunk = (data: string) => `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;

  test("of a declared length is read whole", async () => {
    expect(await seen(whole(100), head("POST", "/", CLOSE, "Content-Length: 5"), "hello")).toBe("hello");
  });

  test("that comes in chunks is read whole, whatever they are cut into", async () => {
    const parts = [head("POST", "/", CLOSE, "Transfer-Encoding: chunked"), chunk("he"), chunk("l"), chunk("lo ü"), "0\r\n\r\n"];
    expect(await seen(whole(100), ...parts)).toBe("hello ü");
    expect(await seen(whole(100), parts.join(""))).toBe("hello ü");
  });

  test.each([
    ["GET", []],
    ["POST", ["Content-Length: 0"]],
    ["POST", []],
  ])("that is not there (%s %j) is empty", async (method, lines) => {
    expect(await seen(whole(100), head(method, "/", CLOSE, ...lines))).toBe("");
  });

  test("that had come whole before anybody asked for it is read all the same", async () => {
    const late = async (call: Call) => {
      await sleep(100);
      return text(await call.body(100));
    };
    expect(await seen(late, head("POST", "/", CLOSE, "Content-Length: 5"), "hello")).toBe("hello");
    expect(await seen(late, head("GET", "/", CLOSE))).toBe("");
  });

  test("that comes slowly is waited for", async () => {
    const result = new Promise<string>((resolve, reject) => {
      handle = async (call) => {
        await call.body(100).then((bytes) => resolve(text(bytes)), reject);
        return ok("");
      };
    });
    const socket = net.connect(port, "127.0.0.1");
    for (const part of [head("POST", "/", CLOSE, "Content-Length: 4"), "a", "b", "c", "d"]) {
      socket.write(part);
      await sleep(20);
    }
    expect(await result).toBe("abcd");
    socket.destroy();
  });

  test.each([
    ["declared", (body: string) => [head("POST", "/", CLOSE, `Content-Length: ${body.length}`), body]],
    [
      "in chunks",
      (body: string) => [
        head("POST", "/", CLOSE, "Transfer-Encoding: chunked"),
        ...(body.match(/.{1,1000}/gs) ?? []).map((each) => chunk(each)),
        "0\r\n\r\n",
      ],
    ],
  ])("%s of exactly `most` bytes is whole, of one more is seen to be longer", async (_, write) => {
    const size = async (call: Call) => (await call.body(5_000)).byteLength;
    expect(await seen(size, ...write("x".repeat(5_000)))).toBe(5_000);
    expect(await seen(size, ...write("x".repeat(5_001)))).toBe(5_001);
    expect(await seen(size, ...write("x".repeat(3_000_000)))).toBeGreaterThan(5_000);
  });

  test("far longer than `most` is not kept in memory, and is answered while it still comes", async () => {
    handle = async (call) => ok(String((await call.body(1_000)).byteLength));
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(head("POST", "/", "Transfer-Encoding: chunked"));
    let answered = "";
    socket.on("data", (data: Buffer) => {
      answered += data;
    });
    const before = process.memoryUsage().arrayBuffers;
    const part = chunk("x".repeat(100_000));
    for (let sent = 0; sent < 100 && answered === ""; sent++) {
      socket.write(part);
      await sleep(1);
    }
    await eventually(() => (answered === "" ? undefined : true));
    expect(answered).toMatch(/^HTTP\/1\.1 200/);
    expect(Number(/\r\n\r\n(?:[0-9a-f]+\r\n)?(\d+)/.exec(answered)?.[1])).toBeLessThan(200_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
    socket.destroy();
  });

  test("that nobody asks for does not hold the next request of the connection up", async () => {
    handle = (call) => ok(call.path);
    const answers = await raw(
      `${head("POST", "/one", "Content-Length: 200000")}${"x".repeat(200_000)}`,
      head("POST", "/two", CLOSE, "Content-Length: 1"),
      "x",
    );
    expect([...answers.matchAll(/\/one|\/two/g)].map(String)).toEqual(["/one", "/two"]);
  });

  /** What the handler got when the client left in the middle; `before` is what it does before it asks for the body. */
  async function abandoned(before: (message: IncomingMessage) => Promise<unknown>, ...parts: string[]): Promise<AppError | string> {
    const outcome = new Promise<AppError | string>((resolve, reject) => {
      handle = async (call, message) => {
        await before(message);
        await call.body(100).then(
          (bytes) => resolve(text(bytes)),
          (error: unknown) => (isAppError(error) ? resolve(error) : reject(error)),
        );
        return ok("");
      };
    });
    const socket = net.connect(port, "127.0.0.1");
    for (const part of parts) socket.write(part);
    await sleep(50);
    socket.destroy();
    return Promise.race([outcome, sleep(2_000, "nothing, ever", { ref: false })]);
  }

  const ENDS_EARLY: [string, string[]][] = [
    ["of a declared length", [head("POST", "/", "Content-Length: 5"), "he"]],
    ["in chunks", [head("POST", "/", "Transfer-Encoding: chunked"), chunk("he")]],
    ["in the middle of a chunk", [head("POST", "/", "Transfer-Encoding: chunked"), "5\r\nhe"]],
    ["before its first byte", [head("POST", "/", "Content-Length: 5")]],
  ];
  const FAULT = { type: "invalid_request", message: expect.stringMatching(/ended before/) };

  test.each(ENDS_EARLY)("%s that ends early is an invalid request, never a shorter body", async (_, parts) => {
    expect(await abandoned(async () => {}, ...parts)).toMatchObject(FAULT);
  });

  test.each(ENDS_EARLY)("%s that had ended early before anybody asked for it is one too, and nobody waits for ever", async (_, parts) => {
    expect(await abandoned((message) => once(message, "close").catch(() => {}), ...parts)).toMatchObject(FAULT);
  });

  test("that was whole, of a client that left before anybody asked for it, is not waited for for ever", async () => {
    const gone = (message: IncomingMessage) => once(message.socket, "close").then(() => sleep(20));
    const outcome = await abandoned(gone, head("POST", "/", "Content-Length: 5"), "hello");
    expect(outcome).not.toBe("nothing, ever");
  });

  test("with a chunk that is none is an invalid request", async () => {
    const parts = [head("POST", "/", CLOSE, "Transfer-Encoding: chunked"), chunk("he"), "not a length\r\n"];
    const outcome = new Promise<unknown>((resolve) => {
      handle = async (call) => {
        await call.body(100).then(resolve, resolve);
        return ok("");
      };
    });
    const answered = raw(...parts).catch(() => "");
    expect(await Promise.race([outcome, sleep(2_000, "nothing, ever")])).toMatchObject(FAULT);
    await answered;
  });
});

describe("an answer on Node's server", () => {
  test("has its status, every header and its body", async () => {
    handle = () => ({
      status: 201,
      headers: ["Content-Type", "application/json", "X-One", "1", "x-one", "2", "Content-Length", "3"],
      body: "ü!",
    });
    const answer = await raw(head("GET", "/", CLOSE));
    expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
    expect([...answer.matchAll(/\r\n(x-one): (\d)/gi)].map(([, name, value]) => `${name}: ${value}`)).toEqual(["X-One: 1", "x-one: 2"]);
    expect(Buffer.from(answer.split("\r\n\r\n")[1] ?? "", "latin1").toString()).toBe("ü!");
  });

  test("to HEAD has the headers of GET and no body, and the connection serves on", async () => {
    handle = (call) => ok("hello", ["Content-Length", "5", "X-Path", call.path]);
    const answers = await raw(head("HEAD", "/one"), head("GET", "/two", CLOSE));
    expect(answers).toMatch(/Content-Length: 5\r\nX-Path: \/one\r\n/);
    expect(answers.split("hello")).toHaveLength(2);
    expect(answers).toMatch(/X-Path: \/two[\s\S]*\r\n\r\nhello$/);
  });

  test("204 has no body and no length, and the connection serves on", async () => {
    handle = (call) =>
      call.path === "/one" ? { status: 204, headers: ["X-Path", "/one"], body: "" } : ok("hello", ["Content-Length", "5"]);
    const answers = await raw(head("OPTIONS", "/one"), head("GET", "/two", CLOSE));
    const first = answers.slice(0, answers.indexOf("HTTP/1.1 200"));
    expect(first).toMatch(/^HTTP\/1\.1 204 No Content\r\n/);
    expect(first).not.toMatch(/Content-Length|Transfer-Encoding/i);
    expect(answers).toMatch(/hello$/);
  });

  test("to somebody who left is dropped without a fault", async () => {
    const finished = new Promise<unknown>((resolve) => {
      handle = async (_, __, response) => {
        await once(response, "close");
        setTimeout(resolve, 50);
        return ok("hello");
      };
    });
    const socket = net.connect(port, "127.0.0.1");
    socket.write(head("GET", "/"));
    await sleep(50);
    socket.destroy();
    await finished;
    handle = () => ok("still here");
    expect(await raw(head("GET", "/", CLOSE))).toMatch(/still here/);
  });
});

describe("an answer in parts on Node's server", () => {
  /** Gives one part after another, and tells when somebody stopped asking. */
  function parts(give: (n: number) => Promise<string | null> | string | null): {
    body: AsyncIterable<string>;
    asked: () => number;
    ended: Promise<unknown>;
  } {
    let asked = 0;
    let end: (value?: unknown) => void = () => {};
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    async function* body() {
      try {
        for (let part = await give(asked++); part !== null; part = await give(asked++)) yield part;
      } finally {
        end();
      }
    }
    return { body: body(), asked: () => asked, ended };
  }

  test("has each part as soon as it is there, then ends, and the connection serves on", async () => {
    let go: (value?: unknown) => void = () => {};
    const gate = new Promise((resolve) => {
      go = resolve;
    });
    handle = (call) =>
      call.path === "/one"
        ? {
            status: 200,
            headers: ["Content-Type", "text/event-stream"],
            body: parts((n) => (n === 0 ? "eins " : n === 1 ? gate.then(() => "zwei ü") : null)).body,
          }
        : ok("after", ["Content-Length", "5"]);
    const socket = net.connect(port, "127.0.0.1");
    socket.write(head("GET", "/one"));
    let seen = "";
    socket.setEncoding("utf8").on("data", (more: string) => {
      seen += more;
    });
    await eventually(async () => (seen.includes("eins ") ? true : undefined));
    expect(seen).not.toContain("zwei");
    expect(seen).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\n/);
    go();
    socket.write(head("GET", "/two", CLOSE));
    await once(socket, "close");
    expect(seen).toMatch(/zwei ü\r\n0\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*after$/);
  });

  test("to somebody who leaves ends: no part is made for nobody", async () => {
    const endless = parts(async () => {
      await sleep(5);
      return "x".repeat(1_000);
    });
    handle = () => ({ status: 200, headers: [], body: endless.body });
    const socket = net.connect(port, "127.0.0.1");
    socket.write(head("GET", "/"));
    await once(socket, "data");
    socket.destroy();
    await endless.ended;
    const then = endless.asked();
    await sleep(50);
    expect(endless.asked()).toBe(then);
  });

  test("to somebody who does not read waits: parts do not pile up", async () => {
    const endless = parts(() => "x".repeat(64 * 1024));
    handle = () => ({ status: 200, headers: [], body: endless.body });
    const socket = net.connect(port, "127.0.0.1");
    socket.pause();
    socket.write(head("GET", "/"));
    await sleep(200);
    expect(endless.asked()).toBeLessThan(500);
    socket.destroy();
    await endless.ended;
  });

  test("that breaks is cut, so that nobody takes it for whole, and the server goes on", async () => {
    const broken = parts((n) => {
      if (n === 0) return "half";
      throw new Error("out of order");
    });
    handle = () => ({ status: 200, headers: [], body: broken.body });
    const answer = await raw(head("GET", "/")).catch(() => "cut");
    expect(answer).not.toMatch(/\r\n0\r\n\r\n$/);
    handle = () => ok("still here");
    expect(await raw(head("GET", "/", CLOSE))).toMatch(/still here/);
  });

  test("to somebody who left before it began is not begun", async () => {
    const never = parts(() => "x");
    const finished = new Promise<unknown>((resolve) => {
      handle = async (_, __, response) => {
        await once(response, "close");
        setTimeout(resolve, 50);
        return { status: 200, headers: [], body: never.body };
      };
    });
    const socket = net.connect(port, "127.0.0.1");
    socket.write(head("GET", "/"));
    await sleep(50);
    socket.destroy();
    await finished;
    expect(never.asked()).toBe(0);
  });
});

describe("a request through fetch's types", () => {
  const stream = (...parts: string[]) =>
    new ReadableStream({
      start: (controller) => {
        for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
  const post = (body: BodyInit | null, headers: Record<string, string> = {}) =>
    fromFetch(
      new Request("http://x/", {
        method: "POST",
        body,
        headers,
        ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
      } as RequestInit),
    );

  test.each([
    ["http://x/v1/keys", "/v1/keys", ""],
    ["http://x/v1/keys?limit=1&q=a%20b", "/v1/keys", "limit=1&q=a%20b"],
    ["http://x/v1/keys?", "/v1/keys", ""],
    ["https://user@host:8443/v1/keys?a=?b//c", "/v1/keys", "a=?b//c"],
    ["http://x", "/", ""],
    ["http://x?a=1", "/", "a=1"],
    ["http://[::1]:3000/v1/a%2Fb", "/v1/a%2Fb", ""],
  ])("to %s has the path %s and the query %j", (url, path, query) => {
    // Request itself refuses credentials in an address.
    expect(fromFetch(new Request(url.replace("user@", "")))).toMatchObject({ method: "GET", path, query });
  });

  test("has its headers whatever their case, repeated ones joined", () => {
    const headers = new Headers({ "X-API-Key": "one" });
    headers.append("x-api-key", "two");
    headers.append("Authorization", "Bearer one");
    headers.append("authorization", "Bearer two");
    const call = fromFetch(new Request("http://x/", { headers }));
    expect([call.header("x-api-key"), call.header("authorization"), call.header("x-nothing")]).toEqual([
      "one, two",
      "Bearer one, Bearer two",
      null,
    ]);
  });

  test("has its body whole, from one part or many, or none", async () => {
    expect(text(await post("hello").body(100))).toBe("hello");
    expect(text(await post(stream("he", "", "llo ü")).body(100))).toBe("hello ü");
    expect(await post(null).body(100)).toHaveLength(0);
    expect(await fromFetch(new Request("http://x/")).body(100)).toHaveLength(0);
  });

  test("of exactly `most` bytes is whole, of one more is seen to be longer", async () => {
    expect((await post("x".repeat(5_000)).body(5_000)).byteLength).toBe(5_000);
    expect((await post("x".repeat(5_001)).body(5_000)).byteLength).toBe(5_001);
    expect((await post(stream("x".repeat(3_000), "y".repeat(3_000))).body(5_000)).byteLength).toBe(6_000);
  });

  test("that never ends is given up as soon as it is longer than `most`", async () => {
    let sent = 0;
    let cancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => {
        sent += 1_000;
        controller.enqueue(new Uint8Array(1_000));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    expect((await post(endless).body(5_000)).byteLength).toBe(6_000);
    expect(cancelled).toBe(true);
    expect(sent).toBeLessThan(10_000);
  });

  test("that ends early is an invalid request", async () => {
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(3)),
      pull: (controller) => controller.error(new Error("socket hang up")),
    });
    expect(await refusal(post(broken).body(100))).toMatchObject({
      type: "invalid_request",
      message: expect.stringMatching(/ended before/),
    });
  });
});

describe("an answer through fetch's types", () => {
  const answer: Answer = { status: 200, headers: ["Content-Type", "text/plain", "X-One", "1", "x-one", "2"], body: "hello ü" };

  test("has its status, every header and its body", async () => {
    const response = toFetch(answer, "GET");
    expect([response.status, response.headers.get("x-one"), await response.text()]).toEqual([200, "1, 2", "hello ü"]);
  });

  test("in parts has all of them, and ends with whoever stops reading", async () => {
    let ended = false;
    async function* parts() {
      try {
        for (const part of ["hel", "lo ", "ü"]) yield part;
      } finally {
        ended = true;
      }
    }
    expect(await toFetch({ ...answer, body: parts() }, "POST").text()).toBe("hello ü");
    expect(ended).toBe(true);
    ended = false;
    const reader = toFetch({ ...answer, body: parts() }, "POST").body?.getReader();
    expect(text((await reader?.read())?.value ?? new Uint8Array())).toBe("hel");
    await reader?.cancel();
    await eventually(async () => ended || undefined);
  });

  test("to HEAD, and 204 to whatever, has no body", async () => {
    const response = toFetch({ ...answer, headers: ["Content-Length", "8"] }, "HEAD");
    expect([response.headers.get("content-length"), response.body]).toEqual(["8", null]);
    expect(toFetch({ status: 204, headers: [], body: "" }, "OPTIONS").body).toBeNull();
  });
});

test("both mounts read one request alike", async () => {
  const ask = async (call: Call) => ({
    method: call.method,
    path: call.path,
    query: call.query,
    key: call.header("x-api-key"),
    authorization: call.header("authorization"),
    body: text(await call.body(10_000)),
  });
  const target = "/v1/a%20b?x=1&y=%3F&x=2";
  const over = await new Promise((resolve, reject) => {
    handle = async (call) => {
      await ask(call).then(resolve, reject);
      return ok("");
    };
    send(
      { port, path: target, method: "POST", headers: { "X-API-Key": ["a", "b"], Authorization: "Bearer c", Connection: "close" } },
      (response) => response.resume(),
    ).end("hello ü");
  });
  const headers = new Headers({ "X-API-Key": "a", Authorization: "Bearer c" });
  headers.append("X-API-Key", "b");
  expect(over).toEqual(await ask(fromFetch(new Request(`http://x${target}`, { method: "POST", headers, body: "hello ü" }))));
});
