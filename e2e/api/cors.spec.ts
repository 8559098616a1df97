import { describe, expect, test } from "vitest";
import { type Answer, raw, roomInMinute, startApi, wire } from "./client";

/** A page on any site may call the API with a key it was given, and with nothing else: no cookie ever acts for it. */

const api = await startApi();
const { send, server, document } = api;
const person = await api.signUp();
await api.newGroup(person);
const key = await api.newKey(person);
const SITE = "https://app.example";
const foreign = { Origin: SITE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors" };
const asked = (headers = "authorization,content-type") => ({
  ...foreign,
  "Access-Control-Request-Method": "POST",
  "Access-Control-Request-Headers": headers,
});
const listOf = (text: string | undefined) => (text ?? "").toLowerCase().split(",");

/** What a browser asks before it hands an answer to the page that called without credentials. */
function isReadable({ headers }: Answer): boolean {
  return headers["access-control-allow-origin"] === "*" && headers["access-control-allow-credentials"] === undefined;
}

describe("a preflight", () => {
  const paths = Object.keys(document.paths)
    .filter((path) => path !== "/v1/auth")
    .map((path) => path.replaceAll(/\{\w+\}/g, "x"));

  test.each([...paths, "/v1/nothing/here", "/v1/api-keys?limit=1"])("of %s lets any site call with a key", async (path) => {
    const answer = await send("OPTIONS", path, { headers: asked() });
    expect([answer.status, answer.text, isReadable(answer)]).toEqual([204, "", true]);
    expect(listOf(answer.headers["access-control-allow-methods"])).toEqual(expect.arrayContaining(["get", "post", "patch", "delete"]));
    expect(listOf(answer.headers["access-control-allow-headers"])).toEqual(
      expect.arrayContaining(["authorization", "x-api-key", "content-type", "idempotency-key"]),
    );
    expect(Number(answer.headers["access-control-max-age"])).toBeGreaterThan(0);
  });

  test("lets OpenAI's and Perplexity's own clients send what they add", async () => {
    const added = ["arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version", "timeout"];
    const { headers } = await send("OPTIONS", "/chat/completions", { headers: asked() });
    expect(listOf(headers["access-control-allow-headers"])).toEqual(
      expect.arrayContaining(["user-agent", ...added.map((name) => `x-stainless-${name}`)]),
    );
  });

  test("lets no site send what belongs to a session or to the operator", async () => {
    const { headers } = await send("OPTIONS", "/v1/api-keys", { headers: asked("latchkey-organization,x-admin-token,cookie") });
    for (const name of ["latchkey-organization", "x-admin-token", "cookie", "*"])
      expect(listOf(headers["access-control-allow-headers"])).not.toContain(name);
  });

  test("needs no key, costs none, and is in no log", async () => {
    const fresh = await api.newKey(person);
    for (let i = 0; i < 3; i++) await send("OPTIONS", "/v1/status", { key: fresh.secret, headers: asked() });
    const status = await send("GET", "/v1/status", { key: fresh.secret });
    expect(Number(status.headers["x-ratelimit-limit"]) - Number(status.headers["x-ratelimit-remaining"])).toBe(1);
  });

  test("is answered as OPTIONS without its headers is", async () => {
    const [plain, preflight] = [await send("OPTIONS", "/v1/me"), await send("OPTIONS", "/v1/me", { headers: asked() })];
    expect([plain.status, preflight.status]).toEqual([204, 204]);
    expect(plain.headers["access-control-allow-methods"]).toBe(preflight.headers["access-control-allow-methods"]);
  });

  // A proxy that passes the method on would take any 2xx for "let it pass".
  test.each(["/v1/auth", "/v1/auth/any/path"])("of %s is no yes: a proxy asks there, with the client's key", async (path) => {
    const refused = await raw(server, "OPTIONS", path, { headers: asked() });
    expect([refused.status, isReadable(refused)]).toEqual([401, true]);
    expect((await raw(server, "OPTIONS", `${path}?refuse=403`, { headers: asked() })).status).toBe(403);
    expect((await raw(server, "OPTIONS", path, { key: key.secret, headers: asked() })).status).toBe(200);
  });

  test("of a page lets nobody in", async () => {
    for (const path of ["/", "/sign-in", "/docs", `/orgs/${person.slug}`, "/api/auth/session", "/api/auth/csrf"]) {
      const { headers } = await raw(server, "OPTIONS", path, { headers: asked() });
      expect([path, headers["access-control-allow-origin"]]).toEqual([path, undefined]);
    }
  });
});

describe("an answer", () => {
  const EXPOSED = [
    ...["x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"],
    ...["retry-after", "www-authenticate", "idempotent-replayed"],
  ];

  /** Every kind there is, each as a page on another site gets it. */
  async function answers(): Promise<[number, Answer][]> {
    await roomInMinute(5);
    const once = await api.newKey(person, { rate_limit_rpm: 1 });
    const elsewhere = await api.newKey(person, { allowed_ips: ["203.0.113.7"] });
    const of = (method: string, path: string, call: object = {}) => send(method, path, { headers: foreign, ...call });
    await of("GET", "/v1/status", { key: once.secret });
    return [
      [200, await of("GET", "/v1/status", { key: key.secret })],
      [200, await of("POST", "/chat/completions", { key: key.secret, json: { messages: [{ role: "user", content: "x" }] } })],
      [200, await of("GET", "/openapi.json")],
      [200, await of("GET", "/api/health")],
      [201, await of("POST", "/v1/api-keys", { key: key.secret, json: { name: "From a page" } })],
      [400, await of("GET", "/v1/api-keys?limit=0", { key: key.secret })],
      [400, await of("GET", `/v1/me?api_key=${key.secret}`)],
      [401, await of("GET", "/v1/me")],
      [401, await of("GET", "/v1/me", { key: "x" })],
      [403, await of("POST", "/v1/api-groups", { key: key.secret, json: { name: "x" } })],
      [403, await of("GET", "/v1/status", { key: elsewhere.secret })],
      [404, await of("GET", "/v1/nothing", { key: key.secret })],
      [405, await of("PUT", "/v1/me", { key: key.secret })],
      [413, await of("POST", "/v1/api-keys", { key: key.secret, json: { name: "x".repeat(300 * 1024) } })],
      [415, await of("POST", "/v1/api-keys", { key: key.secret, body: "x", headers: { ...foreign, "Content-Type": "text/plain" } })],
      [429, await of("GET", "/v1/status", { key: once.secret })],
    ];
  }

  test("of every status can be read by the page, with what it says about limits, and never with credentials", async () => {
    for (const [status, answer] of await answers()) {
      expect([answer.status, isReadable(answer)]).toEqual([status, true]);
      expect(listOf(answer.headers["access-control-expose-headers"])).toEqual(EXPOSED);
    }
  });

  test("to what never becomes a request can be read as well", async () => {
    for (const bytes of ["GET /v1/me HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n", "TRACE /v1/me HTTP/1.1\r\nHost: x\r\n\r\n"])
      expect((await wire(server, bytes)).toLowerCase()).toContain("access-control-allow-origin: *\r\n");
  });

  test("of a page and of sign-in's own routes cannot be read", async () => {
    for (const path of ["/sign-in", "/docs", "/api/auth/session", "/api/auth/csrf", "/api/auth/providers"]) {
      const { headers } = await raw(server, "GET", path, { headers: { ...foreign, Cookie: person.cookie } });
      expect([path, headers["access-control-allow-origin"]]).toEqual([path, undefined]);
    }
  });
});

describe("a cookie does not act for a page on another site", () => {
  const groups = async () => (await send("GET", "/v1/api-groups", { as: person })).json.data.length as number;

  test.each([
    ["cross-site", SITE],
    ["same-site", "https://sister.example"],
    [null, SITE],
    [null, "null"],
  ])("Sec-Fetch-Site %s, Origin %s: nothing is changed", async (site, origin) => {
    const before = await groups();
    const headers = { Origin: origin, "Sec-Fetch-Site": site };
    const answer = await send("POST", "/v1/api-groups", { as: person, json: { name: "Forged" }, headers });
    expect([answer.status, isReadable(answer)]).toEqual([403, true]);
    expect(await groups()).toBe(before);
  });

  test("and no preflight allows the header that a session's call must have", async () => {
    const { headers } = await send("OPTIONS", "/v1/api-groups", { headers: asked("latchkey-organization") });
    expect(listOf(headers["access-control-allow-headers"])).not.toContain("latchkey-organization");
  });

  test("a browser gives the page nothing of what a session was answered: `*` never goes with credentials", async () => {
    const answer = await send("GET", "/v1/api-groups", { as: person, headers: foreign });
    expect([answer.headers["access-control-allow-origin"], answer.headers["access-control-allow-credentials"]]).toEqual(["*", undefined]);
    expect(answer.headers["cache-control"]).toMatch(/no-store/);
  });

  test("a key beside the cookie is what counts", async () => {
    const answer = await send("GET", "/v1/me", { as: person, key: key.secret, headers: foreign });
    expect([answer.status, answer.json.key.id]).toEqual([200, key.id]);
  });

  test("the operator's token is not for pages either: no preflight allows its header", async () => {
    const { headers } = await send("OPTIONS", "/api/access/enable", { headers: asked("x-admin-token") });
    expect(listOf(headers["access-control-allow-headers"])).not.toContain("x-admin-token");
  });
});

test("what an answer carries for pages costs others nothing: no list of headers without an Origin", async () => {
  const { headers } = await send("GET", "/v1/status", { key: key.secret });
  expect([headers["access-control-allow-origin"], headers["access-control-expose-headers"]]).toEqual(["*", undefined]);
});
