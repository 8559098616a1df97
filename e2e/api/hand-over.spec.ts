import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { type Answer, bodyOf, type Call, mailsOf, type Person, randomId, raw, roomInMinute, startApi } from "./client";

const PROXY = { TRUSTED_PROXIES: "127.0.0.1/32", LOG_LEVEL: "debug" };
const api = await startApi(PROXY);
const { send } = api;
const maya: Person = await api.signUp("maya");
await api.newGroup(maya);

type Made = Awaited<ReturnType<typeof api.newKey>>;
interface Link {
  key: Made;
  id: string;
  url: string;
  token: string;
}

async function newLink(input: object = {}, from?: Made): Promise<Link> {
  const key = from ?? (await api.newKey(maya));
  const answer = await send("POST", `/v1/api-keys/${key.id}/hand-overs`, { as: maya, json: { secret: key.secret, ...input } });
  expect(answer.status).toBe(201);
  const { id, url } = answer.json;
  return { key, id, url, token: new URL(url).hash.slice(1) };
}

let addresses = 0;
/** An address of its own for each call, so that only the tests of the limit meet it. */
const somewhere = () => `198.51.${++addresses >> 8}.${addresses & 255}`;
const open = (token: string, ip = somewhere(), call: Call = {}): Promise<Answer> =>
  send("POST", "/v1/hand-overs/open", {
    json: { token },
    ...call,
    headers: { "X-Forwarded-For": ip, "User-Agent": "Receiver/1", ...call.headers },
  });
const listOf = async ({ id }: Pick<Made, "id">) => (await send("GET", `/v1/api-keys/${id}/hand-overs`, { as: maya })).json.data;

test("a fresh secret reaches whoever has the link, once, and the maker hears when and from where", async () => {
  const { key, id, url, token } = await newLink({ recipient: "Ana", expires_in_seconds: 259_200 });
  expect(url).toMatch(/^http:\/\/[^/?#]+\/hand-over#[A-Za-z0-9_-]{43}$/);
  expect(await listOf(key)).toEqual([
    expect.objectContaining({ id, recipient: "Ana", status: "waiting", opened_at: null, opened_from: null }),
  ]);

  const opened = await open(token, "198.51.100.77");
  expect([opened.status, opened.json]).toEqual([
    200,
    {
      secret: key.secret,
      name: expect.any(String),
      key_prefix: key.key_prefix,
      organization: "Org of maya",
      from: expect.stringMatching(/^Maya/),
    },
  ]);
  expect(opened.headers["cache-control"]).toMatch(/no-store/);
  expect((await send("GET", "/v1/me", { key: opened.json.secret })).status).toBe(200);

  const [row] = await listOf(key);
  expect(row).toMatchObject({ id, status: "opened", opened_from: { ip: "198.51.100.77", user_agent: "Receiver/1" } });
  const audit = await send("GET", `/v1/audit-logs?api_key=${key.id}&event_type=api_key.hand_over_open`, { as: maya });
  expect(audit.json.data).toEqual([
    expect.objectContaining({
      actor: expect.objectContaining({ type: "anonymous", id: null }),
      ip: "198.51.100.77",
      target: expect.objectContaining({ id: key.id }),
    }),
  ]);
  const mail = await eventually(() =>
    mailsOf(api.server).find((each) => each.includes(`To: ${maya.email}\n`) && each.includes("198.51.100.77")),
  );
  expect(mail).toContain("Ana");
  for (const hidden of [key.secret, token]) expect(mail).not.toContain(hidden);
});

test("links that are gone, for whatever reason, answer as one that never was", async () => {
  const used = await newLink();
  await open(used.token);
  const recalled = await newLink();
  await send("DELETE", `/v1/api-keys/${recalled.key.id}/hand-overs/${recalled.id}`, { as: maya });
  const revoked = await newLink();
  await send("DELETE", `/v1/api-keys/${revoked.key.id}`, { as: maya });
  const waits = await newLink();
  const never = await open("A".repeat(43));
  expect(never.status).toBe(404);
  for (const token of [
    used.token,
    recalled.token,
    revoked.token,
    waits.token.slice(1),
    `${waits.token.slice(0, -1)}-`,
    waits.id.padEnd(43, "x"),
  ])
    expect(bodyOf(await open(token))).toBe(bodyOf(never));
  expect((await open(waits.token)).status).toBe(200);
});

test("of ten who open it at once, one gets it", async () => {
  for (let round = 0; round < 3; round++) {
    const { token, key } = await newLink();
    const answers = await Promise.all(Array.from({ length: 10 }, () => open(token)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(9).fill(404)]);
    expect(answers.filter(({ text }) => text.includes(key.secret))).toHaveLength(1);
  }
});

describe("recalling", () => {
  test("before it is opened; a second time answers the same; afterwards says when it was opened", async () => {
    const { key, id, token } = await newLink();
    const recall = (of = id) => send("DELETE", `/v1/api-keys/${key.id}/hand-overs/${of}`, { as: maya });
    const first = await recall();
    expect([first.status, first.json.status]).toEqual([200, "recalled"]);
    expect((await recall()).json).toEqual(first.json);
    expect((await open(token)).status).toBe(404);

    const next = await newLink({}, key);
    await open(next.token);
    const late = await recall(next.id);
    const [{ opened_at }] = await listOf(key);
    expect([late.status, late.json.details]).toEqual([409, { opened_at }]);
    expect(late.json.message).toContain(opened_at);
  });

  test("one that is not there, or hangs on another key, is 404", async () => {
    const { id } = await newLink();
    const other = await api.newKey(maya);
    for (const each of [id, randomId("hov"), "x"])
      expect((await send("DELETE", `/v1/api-keys/${other.id}/hand-overs/${each}`, { as: maya })).status).toBe(404);
  });
});

describe("making one", () => {
  test.each<[string, (key: Made) => object, string]>([
    ["without a secret", () => ({}), "secret"],
    ["with a secret of nobody", (key) => ({ secret: `${key.secret.slice(0, -1)}!` }), "secret"],
    ["for no time", (key) => ({ secret: key.secret, expires_in_seconds: 0 }), "expires_in_seconds"],
    ["for a second more than 72 hours", (key) => ({ secret: key.secret, expires_in_seconds: 259_201 }), "expires_in_seconds"],
    ["for half a second more than a minute", (key) => ({ secret: key.secret, expires_in_seconds: 60.5 }), "expires_in_seconds"],
    ["for somebody with a name to fool the eye", (key) => ({ secret: key.secret, recipient: "a\u202eb" }), "recipient"],
    ["with a token of one's own", (key) => ({ secret: key.secret, token: "x" }), "token"],
  ])("%s is refused, and the secret is not repeated", async (_, json, field) => {
    const key = await api.newKey(maya);
    const answer = await send("POST", `/v1/api-keys/${key.id}/hand-overs`, { as: maya, json: json(key) });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
    expect(answer.text).not.toContain(key.secret.slice(14, -1));
    expect(await listOf(key)).toEqual([]);
  });

  test("of another key's secret is refused, and more than five that wait", async () => {
    const [key, other] = [await api.newKey(maya), await api.newKey(maya)];
    const make = (secret: string) => send("POST", `/v1/api-keys/${key.id}/hand-overs`, { as: maya, json: { secret } });
    expect((await make(other.secret)).status).toBe(400);
    for (let i = 0; i < 5; i++) expect((await make(key.secret)).status).toBe(201);
    const sixth = await make(key.secret);
    expect([sixth.status, sixth.json.message]).toEqual([409, expect.stringMatching(/Recall one/)]);
  });

  test("by a key: itself and what its access holds, never a stronger one", async () => {
    const full = await api.newKey(maya, { access: "full" });
    const admin = await api.newKey(maya, { access: "admin" });
    const make = (by: Made, of: Made) => send("POST", `/v1/api-keys/${of.id}/hand-overs`, { key: by.secret, json: { secret: of.secret } });
    expect((await make(full, full)).status).toBe(201);
    expect((await make(admin, full)).status).toBe(201);
    const beyond = await make(full, admin);
    expect([beyond.status, beyond.json.error_code, Object.keys(beyond.json.details)]).toEqual([403, "insufficient_scope", ["access"]]);
    const { token } = await newLink({}, full);
    expect((await open(token)).json.secret).toBe(full.secret);
  });
});

describe("opening one", () => {
  test("more than twenty times a minute from one address is refused; from elsewhere it opens", async () => {
    const { token, key } = await newLink();
    await roomInMinute(10);
    const guesses = [];
    for (let i = 0; i < 20; i++) guesses.push(await open("B".repeat(43), "203.0.113.50"));
    expect(guesses.map(({ status }) => status)).toEqual(Array<number>(20).fill(404));
    expect(guesses[0]?.headers["x-ratelimit-limit"]).toBe("20");
    expect((await open(token, "203.0.113.50")).status).toBe(429);
    expect((await open(token)).json.secret).toBe(key.secret);
  });

  test("says nothing of who is signed in, or whose key came along: the receipt is the address", async () => {
    const dead = await api.newKey(maya);
    await send("DELETE", `/v1/api-keys/${dead.id}`, { as: maya });
    for (const call of [{ as: maya }, { key: dead.secret }, { headers: { Authorization: "Basic eDp5" } }]) {
      const { token, key } = await newLink();
      const ip = somewhere();
      expect((await open(token, ip, call)).json.secret).toBe(key.secret);
      const { json } = await send("GET", `/v1/audit-logs?api_key=${key.id}&event_type=api_key.hand_over_open`, { as: maya });
      expect(json.data).toEqual([expect.objectContaining({ actor: expect.objectContaining({ type: "anonymous", id: null }), ip })]);
    }
  });

  test("with the token in the address finds nothing there, and burns nothing", async () => {
    const { token } = await newLink();
    for (const path of [`/v1/hand-overs/open?token=${token}`, `/v1/hand-overs/${token}`, `/v1/hand-overs/open/${token}`]) {
      expect([400, 404, 405]).toContain((await send("GET", path)).status);
      expect([400, 404, 405]).toContain((await send("POST", path, { json: {} })).status);
    }
    expect((await open(token)).status).toBe(200);
  });

  test("takes a text of a token's length", async () => {
    for (const json of [{}, { token: "" }, { token: 1 }, { token: "x".repeat(101) }, { token: "x".repeat(43), other: 1 }])
      expect((await open("", somewhere(), { json })).status).toBe(400);
  });
});

describe("the page behind the link", () => {
  test("is the same for everybody: it knows no token, is never stored, and sends no referrer", async () => {
    const { token, key } = await newLink();
    const page = await raw(api.server, "GET", "/hand-over");
    expect(page.status).toBe(200);
    expect(page.headers["cache-control"]).toMatch(/no-store/);
    expect(page.headers["referrer-policy"]).toBe("no-referrer");
    expect(page.headers["content-security-policy"]).toMatch(/frame-ancestors 'none'/);
    expect(page.text).toContain('name="robots" content="noindex');
    for (const [, url] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) expect(url).toMatch(/^[/#]/);
    // As a program that looks at links would: nothing is opened by that.
    for (const method of ["GET", "HEAD", "POST"])
      await raw(api.server, method, "/hand-over", { headers: { "User-Agent": "Slackbot-LinkExpanding 1.0" } });
    expect((await open(token)).json.secret).toBe(key.secret);
  });

  test.each(["/reset/x", "/invites/x"])("%s, whose address is a secret too, sends no referrer", async (path) => {
    expect((await raw(api.server, "GET", path)).headers["referrer-policy"]).toBe("no-referrer");
  });
});

test("no secret and no token is in any log, audit event, usage row, metric or mail", async () => {
  const links = [await newLink(), await newLink(), await newLink()] as const;
  const hidden = links.flatMap(({ key, token }) => [key.secret.slice(key.key_prefix.length), token]);
  await open(links[0].token);
  await open(links[0].token);
  await send("DELETE", `/v1/api-keys/${links[1].key.id}/hand-overs/${links[1].id}`, { as: maya });
  // Bodies that do not parse, or fail in every way.
  const broken = `{"secret":"${links[2].key.secret}","token":"${links[2].token}"`;
  for (const path of [`/v1/api-keys/${links[2].key.id}/hand-overs`, "/v1/hand-overs/open"])
    for (const body of [broken, `${broken},"x":1}`, `["${links[2].token}"]`])
      for (const type of ["application/json", "text/plain"])
        expect((await raw(api.server, "POST", path, { as: maya, body, headers: { "Content-Type": type } })).text).not.toContain(
          links[2].key.secret.slice(14),
        );
  const said = [
    api.server.logs(),
    (await send("GET", "/v1/audit-logs?limit=1000", { as: maya })).text,
    (await send("GET", "/v1/logs?limit=1000", { as: maya })).text,
    (await raw(api.server, "GET", "/api/metrics")).text,
    ...mailsOf(api.server),
  ].join("\n");
  for (const words of hidden) expect(said).not.toContain(words);
});
