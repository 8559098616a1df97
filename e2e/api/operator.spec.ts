import { describe, expect, test } from "vitest";
import { ADMIN_TOKEN, bodyOf, mailsOf, randomId, roomInMinute, startApi } from "./client";

const api = await startApi();
const { send } = api;
// Another one for the right calls: wrong tries use up this address's minute.
const right = await startApi();
let number = 0;
const email = () => `client-${++number}@clients.example`;
const enable = (json: object, token: string | null = ADMIN_TOKEN, headers: Record<string, string> = {}) =>
  send("POST", "/api/access/enable", {
    json: { email: email(), company: "Client", tier: "starter", ...json },
    headers: { ...headers, "X-Admin-Token": token },
  });

describe("with a token that is not right", () => {
  test("every call is refused with one answer, before its body is read, and limited", async () => {
    await roomInMinute(10);
    const answers = [];
    for (const token of [
      null,
      "",
      "x",
      ADMIN_TOKEN.slice(0, -1),
      `${ADMIN_TOKEN}x`,
      ADMIN_TOKEN.toUpperCase(),
      "0".repeat(ADMIN_TOKEN.length),
    ])
      answers.push(await enable({ nonsense: 1 }, token));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
    expect(new Set(answers.map(bodyOf)).size).toBe(1);
    const more = [];
    for (let i = 0; i < 8; i++) more.push(await enable({}, "x"));
    expect([more.at(-1)?.status, more.at(-1)?.json.message]).toEqual([
      429,
      "More than 10 calls without the right token a minute came from this address.",
    ]);
    // Whoever shares the operator's address does not keep them out: nor does it tell a wrong token from the next.
    const headers = { "X-Admin-Token": ADMIN_TOKEN };
    for (let i = 0; i < 3; i++) {
      expect((await enable({})).status).toBe(201);
      expect((await send("POST", "/v1/keys/verify", { headers, json: { key: "x" } })).status).toBe(200);
      expect((await send("GET", "/api/metrics", { headers })).status).toBe(200);
    }
    expect((await enable({}, "y")).status).toBe(429);
    expect(api.server.logs()).not.toContain(ADMIN_TOKEN);
  });

  test("a key or a session is no operator", async () => {
    await roomInMinute(5);
    const fresh = right;
    const person = await fresh.signUp();
    await fresh.newGroup(person);
    const key = await fresh.newKey(person, { access: "admin" });
    const body = { email: email(), company: "x", tier: "free" };
    expect((await fresh.send("POST", "/api/access/enable", { as: person, json: body })).status).toBe(401);
    expect((await fresh.send("POST", "/api/access/enable", { key: key.secret, json: body })).status).toBe(401);
    expect(
      (await fresh.send("POST", "/api/access/enable", { json: body, headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } })).status,
    ).toBe(401);
    expect((await fresh.send("GET", "/v1/me", { headers: { "X-Admin-Token": ADMIN_TOKEN } })).status).toBe(401);
  });
});

describe("with the right token", () => {
  async function enableRight(json: object) {
    const { send } = right;
    return send("POST", "/api/access/enable", {
      json: { email: email(), company: "Client", tier: "starter", ...json },
      headers: { "x-admin-token": ADMIN_TOKEN },
    });
  }

  test("a client gets a key that works, and a mail to claim the organization", async () => {
    const address = email();
    const { status, json, text } = await enableRight({ email: address, tier: "Growth", rate_limit_rpm: 77 });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      client_id: expect.stringMatching(/^cli_/),
      api_key: expect.stringMatching(/^lk_live_[0-9A-Za-z]{38}$/),
      tier: "growth",
      rate_limit_rpm: 77,
    });
    expect(json.api_key.startsWith(json.key_prefix)).toBe(true);
    const { send, server } = right;
    const me = await send("GET", "/v1/me", { key: json.api_key });
    expect([me.status, me.json.organization.client_id, me.json.organization.plan, me.headers["x-ratelimit-limit"]]).toEqual([
      200,
      json.client_id,
      "growth",
      "77",
    ]);
    expect((await send("GET", "/v1/limits", { key: json.api_key })).json.rate_limit.limit).toBe(77);
    const mails = mailsOf(server);
    expect(mails.some((mail) => mail.includes(`To: ${address}`) && mail.includes("/invites/"))).toBe(true);
    for (const kept of [...mails, server.logs()]) expect(kept).not.toContain(json.api_key.slice(14));
    expect(text).not.toMatch(/token|hash/i);
  });

  test.each(["FREE", "free", "Pro", "BuSiNeSs", "enterprise"])("the tier may be written %s", async (tier) => {
    const { status, json } = await enableRight({ tier });
    expect([status, json.tier]).toEqual([201, tier.toLowerCase()]);
  });

  test("the same e-mail again is refused and names the client, in any writing", async () => {
    const address = email();
    const { json } = await enableRight({ email: address });
    for (const again of [address, address.toUpperCase(), ` ${address}`]) {
      const answer = await enableRight({ email: again, company: "Another" });
      expect([answer.status, answer.json.details]).toEqual([409, { client_id: json.client_id }]);
      expect(answer.text).not.toContain(json.api_key);
    }
  });

  test("five times at once for one e-mail: one 201, four 409", async () => {
    const address = email();
    const answers = await Promise.all(Array.from({ length: 5 }, () => enableRight({ email: address })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409]);
  });

  test.each<[string, object]>([
    ["email", { email: "nobody" }],
    ["company", { company: "" }],
    ["company", { company: "a\u202eb" }],
    ["tier", { tier: "gold" }],
    ["rate_limit_rpm", { rate_limit_rpm: 0 }],
    ["rate_limit_rpm", { rate_limit_rpm: 1.5 }],
    ["scopes.0", { scopes: ["everything"] }],
    ["access", { access: "root" }],
    ["organization_id", { organization_id: randomId("org") }],
  ])("a bad %s is refused", async (field, json) => {
    const answer = await enableRight(json);
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
  });

  test("works however often: right calls are not limited as tries", async () => {
    const statuses = [];
    for (let i = 0; i < 15; i++) statuses.push((await enableRight({})).status);
    expect(new Set(statuses)).toEqual(new Set([201]));
  });
});
