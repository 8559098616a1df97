import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientAddress, type Front, frontOf, handOn, receive } from "@/lib/auth/front";

describe("without a trusted proxy the address is the socket's, whatever is forwarded", () => {
  const long = Array.from({ length: 100 }, (_, i) => `198.51.100.${i}`).join(", ");
  test.each([
    null,
    "",
    "198.51.100.1",
    " 198.51.100.1 ",
    "198.51.100.1, 203.0.113.7",
    "203.0.113.7, 198.51.100.1",
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "[2001:db8::1]:443",
    "198.51.100.1:8080",
    "unknown",
    "_hidden",
    "for=198.51.100.1",
    ",,,",
    "'; drop table",
    long,
  ])("%s", (forwarded) => {
    expect(clientAddress("203.0.113.7", forwarded, [])).toBe("203.0.113.7");
  });
});

describe("the forwarded addresses are counted from the right, past trusted proxies only", () => {
  const PROXIES = ["10.0.0.0/8", "::1"];
  test.each<[string, string | null, string | null, string | null]>([
    ["one proxy", "10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["the client's own lie stands to the left", "10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"],
    ["two proxies", "10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"],
    ["a lie before two proxies", "10.0.0.1", "192.0.2.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"],
    ["a lie that looks like a proxy, left of a stranger", "10.0.0.1", "192.0.2.1, 10.0.0.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"],
    ["nothing but proxies: the leftmost", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["no header", "10.0.0.1", null, "10.0.0.1"],
    ["an empty header", "10.0.0.1", " , ", "10.0.0.1"],
    ["the socket is no proxy", "203.0.113.7", "198.51.100.1", "203.0.113.7"],
    ["the socket is next to the proxies' range", "11.0.0.1", "198.51.100.1", "11.0.0.1"],
    ["an IPv4 socket seen through an IPv6 one", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["an IPv6 proxy", "::1", "2001:db8::7", "2001:db8::7"],
    ["an IPv6 client in capitals", "10.0.0.1", "2001:DB8::7", "2001:db8::7"],
    ["a port", "10.0.0.1", "198.51.100.1:5678", "198.51.100.1"],
    ["brackets", "10.0.0.1", "[2001:db8::7]", "2001:db8::7"],
    ["brackets and a port", "10.0.0.1", "[2001:db8::7]:5678", "2001:db8::7"],
    ["IPv4-mapped", "10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"],
    ["unknown", "10.0.0.1", "198.51.100.1, unknown", null],
    ["a name", "10.0.0.1", "198.51.100.1, evil.example", null],
    ["a leading zero", "10.0.0.1", "010.0.0.1", null],
    ["a zone id", "10.0.0.1", "fe80::1%eth0", null],
    ["a hundred entries", "10.0.0.1", `${"192.0.2.1,".repeat(99)}198.51.100.1`, "198.51.100.1"],
    ["a socket without an address", null, "198.51.100.1", null],
  ])("%s", (_, socket, forwarded, address) => {
    expect(clientAddress(socket, forwarded, PROXIES)).toBe(address);
  });
});

describe("at the front", () => {
  let proxies: string[] = [];
  const server = createServer((request, response) => {
    const front = receive(request, proxies);
    const received = { ...front };
    const headersReceived = { ...request.headers };
    handOn(request, front);
    response.end(
      JSON.stringify({
        front,
        received,
        headersReceived,
        headers: request.headers,
        raw: request.rawHeaders,
        handed: frontOf({ get: (name) => (request.headers[name] as string) ?? null }),
      }),
    );
  });
  let port = 0;

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as net.AddressInfo).port;
  });
  afterAll(() => server.close());

  interface Seen {
    front: Front;
    received: Front;
    handed: Front;
    headers: IncomingHttpHeaders;
    headersReceived: IncomingHttpHeaders;
    raw: string[];
  }

  async function send(...lines: string[]): Promise<Seen> {
    return sendTo("/", ...lines);
  }

  async function sendTo(path: string, ...lines: string[]): Promise<Seen> {
    const socket = net.connect(port, "127.0.0.1");
    socket.write(`${[`GET ${path} HTTP/1.1`, "Host: x", "Connection: close", ...lines].join("\r\n")}\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return JSON.parse(
      Buffer.concat(chunks)
        .toString()
        .split("\r\n\r\n")
        .slice(1)
        .join("")
        .replace(/^[0-9a-f]+\r\n|\r\n0$/g, ""),
    );
  }

  test.each([
    ["X-Forwarded-For", "198.51.100.1"],
    ["x-forwarded-for", "127.0.0.1, 10.0.0.1"],
    ["X-Forwarded-Host", "evil.example"],
    ["X-Forwarded-Proto", "https"],
    ["X-Forwarded-Port", "443"],
    ["X-Real-IP", "198.51.100.1"],
    ["Forwarded", "for=198.51.100.1"],
    ["X-Latchkey-Request-Id", "req_1"],
    ["x-latchkey-0123456789abcdef01234567", encodeURIComponent('{"ip":"198.51.100.1"}')],
    ["X-Middleware-Subrequest", "middleware"],
    ["X-Middleware-Set-Cookie", "a=b"],
    ["X-Invoke-Path", "/orgs"],
    ["X-Matched-Path", "/orgs"],
    ["X-Nextjs-Prerender", "1"],
  ])("a %s from outside is dropped, and the address stays the socket's", async (name, value) => {
    const seen = await send(`${name}: ${value}`);
    expect(seen.front.ip).toBe("127.0.0.1");
    expect(seen.headers).not.toHaveProperty(name.toLowerCase());
    expect(seen.raw.map((each) => each.toLowerCase())).not.toContain(name.toLowerCase());
  });

  test("two headers of one name are dropped both", async () => {
    const seen = await send("X-Forwarded-For: 198.51.100.1", "X-FORWARDED-FOR: 198.51.100.2", "X-Real-Ip: 198.51.100.3");
    expect(JSON.stringify([seen.handed, seen.headers, seen.raw])).not.toContain("198.51.100");
  });

  test("what it knows is handed on as it is", async () => {
    const seen = await send('User-Agent: tests/1 (ü; "quoted"; %41)');
    expect(seen.handed).toEqual(seen.front);
    expect(seen.front.id).toMatch(/^req_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(Buffer.from(seen.front.nonce, "base64")).toHaveLength(16);
  });

  test("taking a request in changes nothing of it and makes no nonce: only what is handed on to a page has one", async () => {
    const seen = await send("X-Forwarded-For: 198.51.100.1", "X-Latchkey-Guess: 1");
    expect(seen.headersReceived).toMatchObject({ "x-forwarded-for": "198.51.100.1", "x-latchkey-guess": "1" });
    expect(seen.received.nonce).toBe("");
    expect({ ...seen.front, nonce: "" }).toEqual(seen.received);
  });

  test("the path is kept with its query, up to 1,000 characters", async () => {
    expect((await sendTo("/orgs/acme?tab=keys")).handed.path).toBe("/orgs/acme?tab=keys");
    expect((await sendTo(`/${"x".repeat(2_000)}`)).handed.path).toHaveLength(1_000);
  });

  test.each([
    ["nothing", null, true],
    ["X-Forwarded-For", "198.51.100.1", false],
    ["x-forwarded-for", "", false],
    ["Forwarded", "for=198.51.100.1", false],
    ["X-Real-IP", "198.51.100.1", false],
    ["Via", "1.1 proxy", false],
    ["X-Forwarded-Host", "console.example", false],
    ["X-Forwarded-Proto", "https", false],
    ["Authorization", "Bearer x", true],
  ])("a request with %s: %s was passed on by nobody: %s", async (name, value, direct) => {
    expect((await (value === null ? send() : send(`${name}: ${value}`))).handed.direct).toBe(direct);
  });

  test("the address is the proxy's word where the proxy is trusted, and the header itself goes no further", async () => {
    proxies = ["127.0.0.0/8"];
    try {
      const seen = await send("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 198.51.100.1");
      expect([seen.front.ip, seen.handed.ip]).toEqual(["198.51.100.1", "198.51.100.1"]);
      expect(seen.headers).not.toHaveProperty("x-forwarded-for");
      expect((await send("X-Forwarded-For: somebody")).front.ip).toBeNull();
      expect((await send()).front.ip).toBe("127.0.0.1");
    } finally {
      proxies = [];
    }
  });

  test("two requests on one connection have the connection's address and each an id of its own", async () => {
    const socket = net.connect(port, "127.0.0.1");
    const one = "GET /1 HTTP/1.1\r\nHost: x\r\n";
    socket.write(`${one}\r\n${one}Connection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const ids = [
      ...Buffer.concat(chunks)
        .toString()
        .matchAll(/"received":\{"id":"(req_\w+)","path":"\/1","ip":"127\.0\.0\.1"/g),
    ];
    expect(new Set(ids.map(([, id]) => id)).size).toBe(2);
  });

  test("other headers pass, and each request has an id and a nonce of its own", async () => {
    const [one, two] = await Promise.all([
      send("Authorization: Bearer x", "Latchkey-Organization: acme"),
      send("Latchkey-Organization: acme"),
    ]);
    expect(one.headers).toMatchObject({ authorization: "Bearer x", "latchkey-organization": "acme" });
    expect(one.front.id).not.toBe(two.front.id);
    expect(one.front.nonce).not.toBe(two.front.nonce);
  });

  test("a user agent is kept up to 300 characters", async () => {
    expect((await send(`User-Agent: ${"x".repeat(1_000)}`)).front.userAgent).toBe("x".repeat(300));
    expect((await send()).front.userAgent).toBeNull();
  });

  test("a request that did not come through it has no address", () => {
    expect(frontOf(new Headers({ "x-latchkey-guess": "%7B%22ip%22%3A%22127.0.0.1%22%7D" }))).toMatchObject({
      ip: null,
      country: null,
      userAgent: null,
    });
  });
});
