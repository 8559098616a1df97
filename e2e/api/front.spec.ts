import { describe, expect, test } from "vitest";
import { errorGuide } from "@/lib/http/error-guide";
import { eventually } from "@/lib/testing/eventually";
import { type Answer, type Person, raw, startApi, throughNext, wire } from "./client";

const api = await startApi();
const { send, server } = api;
const person: Person = await api.signUp();
await api.newGroup(person);
const key = await api.newKey(person);
const startLine = (answer: string) => answer.split("\r\n")[0] ?? "";
const logRow = (answer: Answer): Promise<{ ip: string }> =>
  eventually(async () => (await send("GET", `/v1/logs?request_id=${answer.headers["x-request-id"]}`, { as: person })).json.data[0]);

describe("the address on record is the socket's", () => {
  test.each<[string, Record<string, string | string[]>]>([
    ["X-Forwarded-For", { "X-Forwarded-For": "198.51.100.1" }],
    ["X-Forwarded-For, twice", { "X-Forwarded-For": ["198.51.100.1", "198.51.100.2"] }],
    ["X-Forwarded-For, a long one", { "X-Forwarded-For": Array(100).fill("198.51.100.1").join(", ") }],
    ["X-Real-IP", { "X-Real-IP": "198.51.100.1" }],
    ["Forwarded", { Forwarded: "for=198.51.100.1;proto=https;host=evil.example" }],
    [
      "others' headers",
      {
        "CF-Connecting-IP": "198.51.100.1",
        "True-Client-IP": "198.51.100.1",
        "X-Client-IP": "198.51.100.1",
        "Fastly-Client-IP": "198.51.100.1",
        "X-Cluster-Client-IP": "198.51.100.1",
      },
    ],
    [
      "our own, guessed",
      {
        "X-Latchkey-Ip": "198.51.100.1",
        "x-latchkey-0123456789abcdef01234567": encodeURIComponent(
          JSON.stringify({ id: "req_0", ip: "198.51.100.1", country: null, userAgent: null, nonce: "x" }),
        ),
      },
    ],
    ["Next's", { "X-Middleware-Subrequest": "middleware:middleware", "X-Invoke-Path": "/orgs", "X-Matched-Path": "/orgs" }],
  ])("whatever %s says", async (_, headers) => {
    const made = await send("POST", "/v1/api-keys", { as: person, json: { name: "x" }, headers });
    expect(made.status).toBe(201);
    const [event] = (await send("GET", `/v1/audit-logs?api_key=${made.json.id}`, { as: person })).json.data;
    expect([event.ip, event.request_id]).toEqual(["127.0.0.1", made.headers["x-request-id"]]);
    const called = await send("GET", "/v1/status", { key: key.secret, headers });
    expect((await logRow(called)).ip).toBe("127.0.0.1");
  });

  test("so that no header leads into an allowlist", async () => {
    const bound = await api.newKey(person, { allowed_ips: ["198.51.100.0/24"] });
    for (const name of ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "X-Client-IP"]) {
      const answer = await send("GET", "/v1/status", {
        key: bound.secret,
        headers: { [name]: name === "Forwarded" ? "for=198.51.100.1" : "198.51.100.1" },
      });
      expect([name, answer.status, answer.json.error_code]).toEqual([name, 403, "ip_not_allowed"]);
    }
  });
});

describe("what is not quite HTTP", () => {
  test.each<[string, string, RegExp]>([
    ["TRACE", "TRACE /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Secret: hunter2\r\n\r\n", /^HTTP\/1\.1 405 /],
    ["TRACE of a page", "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 405 /],
    ["an address without its slash", "GET v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["a star", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", /^$|^HTTP\/1\.1 4\d\d /],
    ["garbage", "\x00\x01\x02\xff\xfe\r\n\r\n", /^$|^HTTP\/1\.1 400 /],
    ["words", "hello\r\n\r\n", /^$|^HTTP\/1\.1 400 /],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /^$|^HTTP\/1\.1 400 /],
    ["nothing", "", /^$/],
    ["a method of its own", "BREW /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^$|^HTTP\/1\.1 40[05] /],
    ["a header of 100 KB", `GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(100_000)}\r\n\r\n`, /^$|^HTTP\/1\.1 431 /],
    ["an address of 100 KB", `GET /v1/me?${"x".repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, /^$|^HTTP\/1\.1 4(14|31) /],
    ["a header with NUL", "GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\x00b\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["a folded header", "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 40[01] /],
    ["two lengths", "POST /v1/api-groups HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", /^HTTP\/1\.1 400 /],
    [
      "a length and chunks",
      "POST /v1/api-groups HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    ["no host", "GET /v1/me HTTP/1.1\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["NUL in the address", "GET /v1/me%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 40[04] /],
    ["NUL in the query", "GET /v1/me?a=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400 /],
    [
      "half a percent",
      "GET /v1/api-keys/%E0%A4%A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      throughNext ? /^HTTP\/1\.1 [45]0\d / : /^HTTP\/1\.1 40[0-4] /,
    ],
    ["a way out of the path", "GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 (40[04]|30\d) /],
    ["two slashes", "GET //v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 (40[04]|30\d) /],
  ])("%s is refused, and the process lives", async (_, bytes, expected) => {
    const answer = await wire(server, Buffer.from(bytes, "latin1"));
    expect(startLine(answer)).toMatch(expected);
    expect(answer).not.toMatch(/hunter2|at \w+ \(|node_modules/);
    expect((await send("GET", "/api/health/live")).status).toBe(200);
  });

  test("an absolute address, which RFC 9112 demands of every server, is answered as its path", async () => {
    const head = "Host: any.example\r\nConnection: close\r\n";
    const absolute = `GET http://any.example/v1/me HTTP/1.1\r\n${head}Authorization: Bearer ${key.secret}\r\n\r\n`;
    expect(startLine(await wire(server, absolute))).toMatch(/^HTTP\/1\.1 200 /);
    expect(startLine(await wire(server, `GET http://any.example HTTP/1.1\r\n${head}\r\n`))).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("an offer to upgrade is answered as if it had not been made", async () => {
    const answer = await send("GET", "/v1/me", { key: key.secret, headers: { Connection: "Upgrade", Upgrade: "websocket" } });
    expect([answer.status, answer.json.key.id]).toEqual([200, key.id]);
  });

  test("HTTP/1.0 without a host, as load balancers ask after health, is answered", async () => {
    expect(startLine(await wire(server, "GET /api/health HTTP/1.0\r\n\r\n"))).toMatch(/^HTTP\/1\.[01] 200 /);
  });

  test("a request that never ends its headers holds nobody else up", async () => {
    const slow = Array.from({ length: 20 }, () => wire(server, "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ", 1));
    expect((await send("GET", "/v1/me", { key: key.secret })).status).toBe(200);
    await Promise.all(slow);
  });
});

describe("of a page", () => {
  test("the policy has a fresh nonce and nobody may frame it", async () => {
    const [one, two] = [await send("GET", "/sign-in"), await send("GET", "/sign-in")];
    for (const { status, headers } of [one, two]) {
      expect(status).toBe(200);
      expect(headers["content-security-policy"]).toMatch(/script-src 'self' 'nonce-[\w+/=]{20,}' 'strict-dynamic'/);
      expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
      expect(headers["content-security-policy"]?.split(";").find((part) => part.includes("script-src"))).not.toMatch(
        /unsafe-(inline|eval)/,
      );
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["referrer-policy"]).toBeTruthy();
      expect(headers["x-powered-by"]).toBeUndefined();
      expect(headers["x-request-id"]).toMatch(/^req_/);
    }
    expect(one.headers["content-security-policy"]).not.toBe(two.headers["content-security-policy"]);
    const nonce = /'nonce-([^']+)'/.exec(one.headers["content-security-policy"] ?? "")?.[1] ?? "none";
    expect([...one.text.matchAll(/<script\b([^>]*)>/g)].filter(([, attributes]) => !attributes?.includes(`nonce="${nonce}"`))).toEqual([]);
  });

  test.each(["//evil.example/", "/\\evil.example/", "///evil.example/", "/\\/evil.example/", "/.//evil.example/"])(
    "at %s, with a key in its address, the way without the key leads to nobody else",
    async (path) => {
      const secret = "lk_live_abcdefghijklmnopqrstuvwxyz0123456789AB";
      const answer = await wire(server, `GET ${path}?x=${secret} HTTP/1.1\r\nHost: here.example\r\nConnection: close\r\n\r\n`);
      const location = /^location: (.*)$/im.exec(answer)?.[1]?.trim() ?? "";
      expect(startLine(answer)).toMatch(/^HTTP\/1\.1 303 /);
      expect(new URL(location, "http://here.example/").host).toBe("here.example");
      expect(answer).not.toContain(secret);
    },
  );

  test.each(["PUT", "PATCH", "DELETE", "OPTIONS"])("%s goes nowhere, and says what does", async (method) => {
    for (const path of ["/sign-in", `/orgs/${person.slug}`, "/nothing"]) {
      const answer = await raw(server, method, path, { headers: { Cookie: person.cookie } });
      expect([path, answer.status, answer.headers.allow]).toEqual([path, 405, "GET, HEAD, POST"]);
    }
  });

  test.each<[string, Record<string, string>, string]>([
    ["of a server action", { "Next-Action": "7f00000000000000000000000000000000000000aa" }, "[]"],
    ["of a server action as a form", { "Next-Action": "x", "Content-Type": "multipart/form-data; boundary=x" }, "--x--"],
    ["of a form", { "Content-Type": "application/x-www-form-urlencoded" }, "key=x"],
    ["of a form in parts", { "Content-Type": "multipart/form-data; boundary=x" }, "--x--\r\n"],
    ["of a form in parts that are none", { "Content-Type": "multipart/form-data; boundary=x" }, "hello"],
    ["of a form in parts without a boundary", { "Content-Type": "multipart/form-data" }, "hello"],
  ])("a POST %s is the page: there are no server actions", async (_, headers, body) => {
    for (const path of ["/leaked", "/sign-in"]) {
      const answer = await raw(server, "POST", path, { headers, body });
      expect([path, answer.status, answer.text.includes("<form")]).toEqual([path, 200, true]);
    }
  });

  test.each(["%", "x", "1", "null", "[]", "{}", '["",{}', '["",[1]]', '["",{"children":7}]', "[{},{}]", "x".repeat(9_000)])(
    "what a browser says of where it is may be nonsense: %j",
    async (tree) => {
      for (const path of ["/sign-in", `/orgs/${person.slug}`])
        for (const value of [tree, encodeURIComponent(tree)]) {
          const headers = { Cookie: person.cookie, RSC: "1", "Next-Router-State-Tree": value };
          const answer = await raw(server, "GET", path, { headers });
          expect([path, value, answer.status < 500]).toEqual([path, value, true]);
        }
    },
  );

  test("is compressed where that is understood; what has secrets of the visitor's own, and the API, is not", async () => {
    const encodingOf = async (path: string, more: Record<string, string> = {}) => {
      const answer = await raw(server, "GET", path, { headers: { "Accept-Encoding": "gzip", ...more } });
      return [path, answer.headers["content-encoding"] ?? null];
    };
    const script = /\/_next\/static\/[^"]+\.js/.exec((await send("GET", "/sign-in")).text)?.[0] ?? "";
    for (const path of ["/docs/reference", "/sign-in", script]) expect(await encodingOf(path)).toEqual([path, "gzip"]);
    for (const path of ["/api/auth/csrf", "/hand-over", "/reset/x"])
      expect(await encodingOf(path, { Cookie: person.cookie })).toEqual([path, null]);
    if (!throughNext) expect(await encodingOf("/openapi.json")).toEqual(["/openapi.json", "gzip"]);
    expect(await encodingOf("/openapi.json", { "Accept-Encoding": "br, gzip;q=0" })).toEqual(["/openapi.json", null]);
    expect(await encodingOf("/v1/me", { "X-API-Key": key.secret })).toEqual(["/v1/me", null]);
    expect((await send("GET", "/docs/reference")).headers["content-encoding"]).toBeUndefined();
  });

  test("with an example of an error, it is what is answered", async () => {
    expect((await send("GET", "/docs")).text).toContain(errorGuide.rate_limit_exceeded.says);
  });

  test("that belongs to somebody who is signed in nothing is kept by caches", async () => {
    const page = await send("GET", `/orgs/${person.slug}`, { headers: { Cookie: person.cookie } });
    expect([page.status, page.headers["cache-control"]]).toEqual([200, expect.stringMatching(/private.*no-store|no-store.*private/)]);
  });

  test.each(["/orgs/%E0%A4%A", "/%ff", "/reset/%", "/orgs/x/keys/%c0%af"])("%s, which does not decode, is not there", async (path) => {
    expect((await send("GET", path)).status).toBe(404);
  });

  test("of another organization it is not there", async () => {
    const stranger = await api.signUp("stranger");
    const [foreign, missing] = [
      await send("GET", `/orgs/${person.slug}`, { headers: { Cookie: stranger.cookie } }),
      await send("GET", "/orgs/nothing-here", { headers: { Cookie: stranger.cookie } }),
    ];
    expect([foreign.status, missing.status]).toEqual([404, 404]);
    expect(foreign.text).not.toContain(key.id);
  });
});

test("nothing that came in as a secret went into the log", () => {
  const logs = server.logs();
  for (const text of [key.secret.slice(14), person.cookie.split("=")[1] ?? "", "hunter2", "sentence works"])
    expect(logs).not.toContain(text);
});
