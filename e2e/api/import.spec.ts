import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ADMIN_TOKEN, startApi, throughNext } from "./client";

const api = await startApi();
const { send } = api;
const customer = await api.enable({ tier: "enterprise", access: "admin" });
const [group] = (await send("GET", "/v1/api-groups", { key: customer.api_key })).json.data;

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const newText = (prefix = "acme_", length = 45) =>
  prefix +
  randomBytes(length)
    .toString("base64url")
    .slice(0, length - prefix.length);
const operator = { "X-Admin-Token": ADMIN_TOKEN };
const importKeys = (keys: object[], changed: object = {}) =>
  send("POST", "/api/keys/import", {
    headers: operator,
    json: { organization_id: customer.client_id, group_id: group.id, prefix: "acme_", length: 45, keys, ...changed },
  });
const entryOf = (text: string, changed: object = {}) => ({ hash: hashOf(text), name: `Old ${text.slice(5, 9)}`, ...changed });
const countKeys = async () => (await send("GET", "/v1/api-keys?limit=1000", { key: customer.api_key })).json.data.length;

describe("a key that was imported by its hash", () => {
  test("works from the answer on, in every way in which keys are presented", async () => {
    const text = newText();
    expect((await send("GET", "/v1/me", { key: text })).status).toBe(401);
    const answer = await importKeys([entryOf(text, { key_prefix: text.slice(0, 11), metadata: { customer: "42" } })]);
    expect([answer.status, answer.json.imported, answer.json.dry_run]).toEqual([200, 1, false]);
    const { id } = answer.json.data[0];

    const me = await send("GET", "/v1/me", { key: text });
    expect([me.status, me.json.key.id, me.json.key.key_prefix, me.json.key.access]).toEqual([200, id, text.slice(0, 11), "full"]);
    expect((await send("GET", "/v1/status", { headers: { "X-API-Key": text } })).status).toBe(200);
    const auth = await send("GET", "/v1/auth?scope=status", { key: text });
    expect([auth.status, auth.headers["x-latchkey-key"]]).toEqual([200, id]);
    const verified = await send("POST", "/v1/keys/verify", { headers: operator, json: { key: text } });
    expect(verified.json).toMatchObject({ valid: true, key_id: id, metadata: { customer: "42" } });
  });

  test("is refused in an address, and after it was revoked", async () => {
    const text = newText();
    const { id } = (await importKeys([entryOf(text)])).json.data[0];
    const wrong = await send("GET", `/v1/me?key=${text}`, { key: text });
    expect([wrong.status, wrong.text.includes(text)]).toEqual([400, false]);
    expect((await send("DELETE", `/v1/api-keys/${id}`, { key: customer.api_key })).status).toBe(200);
    expect((await send("GET", "/v1/me", { key: text })).status).toBe(401);
  });

  test("gets one of our own secrets when it is rotated, and its old text works until the grace ends", async () => {
    const text = newText();
    const { id } = (await importKeys([entryOf(text)])).json.data[0];
    const rotated = await send("POST", `/v1/api-keys/${id}/rotate`, { key: customer.api_key, json: {} });
    expect([rotated.status, rotated.json.secret]).toEqual([200, expect.stringMatching(/^lk_live_[0-9A-Za-z]{38}$/)]);
    for (const key of [text, rotated.json.secret]) expect((await send("GET", "/v1/me", { key })).json.key.id).toBe(id);
    await send("POST", `/v1/api-keys/${id}/rotate/finish`, { key: customer.api_key });
    expect((await send("GET", "/v1/me", { key: text })).status).toBe(401);
    expect((await send("GET", "/v1/me", { key: rotated.json.secret })).status).toBe(200);
  });

  test("is told in the audit log as one import, without its hash", async () => {
    const text = newText();
    const { id } = (await importKeys([entryOf(text)])).json.data[0];
    const log = await send("GET", "/v1/audit-logs?event_type=api_key.import&limit=1", { key: customer.api_key });
    expect(log.json.data).toMatchObject([
      { actor: { type: "operator" }, target: { type: "api_group", id: group.id }, after: { imported: 1, keys: [id] } },
    ]);
    for (const kept of [log.text, api.server.logs()]) for (const secret of [text, hashOf(text)]) expect(kept).not.toContain(secret);
  });

  test("of another form than was declared is not even looked up: it counts as no key that could exist", async () => {
    const text = newText("acme_", 46);
    await importKeys([entryOf(text)]);
    const answer = await send("GET", "/v1/me", { key: text });
    expect([answer.status, answer.headers["ratelimit-policy"]]).toEqual([401, expect.not.stringContaining("unknown")]);
  });
});

describe("10,000 keys", () => {
  const texts = Array.from({ length: 10_000 }, () => newText("bulk-", 40));
  const keys = texts.map((text, i) => ({
    hash: hashOf(text),
    name: `Customer ${i}`,
    scopes: ["status"],
    metadata: { customer: String(i) },
  }));
  const form = { prefix: "bulk-", length: 40 };

  test("are one call, tried dry first", async () => {
    const before = await countKeys();
    const dry = await importKeys(keys, { ...form, dry_run: true });
    expect([dry.status, dry.json.imported, dry.json.data.length, await countKeys()]).toEqual([200, 0, 10_000, before]);
    const answer = await importKeys(keys, form);
    expect([answer.status, answer.json.imported]).toEqual([200, 10_000]);
    for (const i of [0, 5_000, 9_999]) {
      const { json } = await send("GET", "/v1/me", { key: texts[i] ?? "" });
      expect(json.key).toMatchObject({ id: answer.json.data[i].id, name: `Customer ${i}`, metadata: { customer: String(i) } });
    }
  });

  test("again are refused whole, a hundred of them named", async () => {
    const answer = await importKeys(keys, form);
    expect([answer.status, Object.keys(answer.json.details).length, answer.json.message]).toEqual([
      409,
      100,
      expect.stringContaining("and 9997 more"),
    ]);
  });

  test("and one more are too many for a call", async () => {
    const answer = await importKeys([...keys, { hash: "0".repeat(64), name: "one more" }], form);
    expect([answer.status, answer.json.details]).toEqual([400, { keys: "may have at most 10000 keys" }]);
  });

  test("that are all wrong are told a hundred times at most", async () => {
    const answer = await importKeys(
      keys.map(({ hash }) => ({ hash: hash.slice(1), name: "" })),
      form,
    );
    expect([answer.status, Object.keys(answer.json.details).length]).toEqual([400, 100]);
    expect(answer.json.details).toMatchObject({ "keys.0.hash": "must be a SHA-256 in hex", "keys.0.name": "may not be empty" });
  });
});

describe("an import is refused", () => {
  test.each<[string, number, object, string[]]>([
    ["without keys", 400, { keys: [] }, ["keys"]],
    ["with a field that is none", 400, { secret: "x" }, ["secret"]],
    ["with a prefix that is none", 400, { prefix: "a b" }, ["prefix"]],
    ["with a length that is none", 400, { length: 1.5 }, ["length"]],
    ["with a form that our own keys have in part", 400, { prefix: "lk_l", length: 46 }, ["prefix"]],
    ["into an organization that is not there", 404, { organization_id: "org_01jd0000000000000000000000" }, []],
    ["into a group that is not there", 404, { group_id: "grp_01jd0000000000000000000000" }, []],
  ])("%s", async (_, status, changed, paths) => {
    const before = await countKeys();
    const answer = await importKeys([entryOf(newText())], changed);
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([status, paths]);
    expect(await countKeys()).toBe(before);
  });

  test("into another organization's group", async () => {
    const person = await api.signUp();
    const theirs = await api.newGroup(person);
    expect((await importKeys([entryOf(newText())], { group_id: theirs.id })).status).toBe(404);
  });

  test("beyond what the plan allows", async () => {
    const person = await api.signUp();
    const theirs = await api.newGroup(person);
    const keys = Array.from({ length: 101 }, () => entryOf(newText()));
    const answer = await importKeys(keys, { organization_id: person.org, group_id: theirs.id });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([409, ["keys"]]);
    expect((await importKeys(keys.slice(1), { organization_id: person.org, group_id: theirs.id })).status).toBe(200);
  });

  test("with a body of more than 8 MB", async () => {
    const answer = await send("POST", "/api/keys/import", {
      headers: { ...operator, "Content-Type": "application/json" },
      body: " ".repeat(8 * 1024 * 1024 + 1),
    });
    expect(answer.status).toBe(413);
  });

  test("to whoever is not the operator", async () => {
    const body = { organization_id: customer.client_id, group_id: group.id, prefix: "acme_", length: 45, keys: [entryOf(newText())] };
    expect((await send("POST", "/api/keys/import", { key: customer.api_key, json: body })).status).toBe(401);
    expect((await send("POST", "/api/keys/import", { headers: { "X-Admin-Token": "wrong-token-of-somebody" }, json: body })).status).toBe(
      401,
    );
  });
});

test("there is nothing else under the path, in either mount", async () => {
  expect((await send("GET", "/api/keys/import")).status).toBe(405);
  expect((await send("POST", "/api/keys/export", { json: {} })).status).toBe(404);
  if (!throughNext) expect((await send("GET", "/api/keys")).status).toBe(404);
});
