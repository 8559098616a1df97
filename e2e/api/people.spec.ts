import { describe, expect, test } from "vitest";
import { eventually } from "@/lib/testing/eventually";
import { apiOf, bodyOf, type Call, cookiesOf, mailsOf, PASSWORD, type Person, raw, startApi, tokenMailedTo } from "./client";

const api = await startApi();
const { send } = api;
const person: Person = await api.signUp("maya");
const isSignedIn = async (cookie: string) => (await send("GET", "/v1/organizations", { headers: { Cookie: cookie } })).status === 200;

/** Signs in as a browser does, from nothing. */
async function signIn(email: string, password: string): Promise<string> {
  const answer = await send("POST", "/v1/sign-in", { json: { email, password } });
  expect(answer.status).toBe(200);
  return api.openSession(answer.json.ticket);
}

describe("an account", () => {
  test("with an e-mail that has one is refused, in any writing of it", async () => {
    for (const email of [person.email, person.email.toUpperCase(), ` ${person.email} `]) {
      const answer = await send("POST", "/v1/sign-up", { json: { email, password: PASSWORD, organization: "x" } });
      expect([answer.status, answer.json.details]).toEqual([409, { email: "has an account" }]);
    }
  });

  test.each([
    ["password", { email: "new@people.example", password: "short", organization: "x" }],
    ["password", { email: "new@people.example", password: "Password123", organization: "x" }],
    ["email", { email: "no address", password: PASSWORD, organization: "x" }],
    ["email", { email: "a@b.example,c@d.example", password: PASSWORD, organization: "x" }],
    ["organization", { email: "new@people.example", password: PASSWORD, organization: " " }],
  ])("with a bad %s is refused, and the value is not repeated", async (field, json) => {
    const answer = await send("POST", "/v1/sign-up", { json });
    expect([answer.status, Object.keys(answer.json.details)]).toEqual([400, [field]]);
    expect(answer.text).not.toContain(json.password);
  });
});

describe("a session", () => {
  test("is opened by a ticket once, and its cookie is for the server alone", async () => {
    const { ticket } = (await send("POST", "/v1/sign-in", { json: { email: person.email, password: PASSWORD } })).json;
    const cookie = await api.openSession(ticket);
    expect(await isSignedIn(cookie)).toBe(true);
    await expect(api.openSession(ticket)).rejects.toThrow(/No session/);
    await expect(api.openSession("x")).rejects.toThrow(/No session/);
    const csrf = await raw(api.server, "GET", "/api/auth/csrf");
    for (const set of (csrf.headers["set-cookie"] ?? "").split("\n")) expect(set).toMatch(/HttpOnly.*SameSite=Lax/i);
  });

  test("has another cookie than before it, and none survives being signed", async () => {
    const planted = "latchkey.session=planted";
    const { ticket } = (
      await send("POST", "/v1/sign-in", { json: { email: person.email, password: PASSWORD }, headers: { Cookie: planted } })
    ).json;
    expect(await api.openSession(ticket)).not.toBe(planted);
    expect(await isSignedIn(planted)).toBe(false);
  });

  test("that ended in another tab is refused on the next request", async () => {
    const [one, two] = [await signIn(person.email, PASSWORD), await signIn(person.email, PASSWORD)];
    const sessions = (await send("GET", "/v1/sessions", { headers: { Cookie: one } })).json.data as { id: string; is_current: boolean }[];
    const mine = sessions.find(({ is_current }) => is_current);
    const ended = await send("DELETE", `/v1/sessions/${mine?.id}`, { as: { ...person, cookie: two } });
    expect([ended.status, ended.json]).toEqual([200, {}]);
    expect([await isSignedIn(one), await isSignedIn(two)]).toEqual([false, true]);
  });

  test("that is signed out is ended on the server, not only forgotten by the browser", async () => {
    const cookie = await signIn(person.email, PASSWORD);
    const csrf = await raw(api.server, "GET", "/api/auth/csrf");
    const form = new URLSearchParams({ csrfToken: csrf.json.csrfToken, json: "true", callbackUrl: api.server.url });
    const out = await raw(api.server, "POST", "/api/auth/signout", {
      body: form.toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded", Cookie: `${cookiesOf(csrf)}; ${cookie}` },
    });
    expect(out.status).toBe(200);
    expect(await isSignedIn(cookie)).toBe(false);
  });

  test.each([
    "latchkey.session=%",
    "latchkey.session=%ff",
    "latchkey.session=",
    "latchkey.session=a.b.c.d.e",
    `latchkey.session=${"x".repeat(4_000)}`,
    "latchkey.session=eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSJ9.",
  ])("is not made of %s", async (cookie) => {
    expect((await send("GET", "/v1/organizations", { headers: { Cookie: cookie } })).status).toBe(401);
  });
});

describe("signing in", () => {
  test("gives a wrong password, an unknown e-mail and a disabled one the same answer", async () => {
    const [known, unknown] = [
      await send("POST", "/v1/sign-in", { json: { email: person.email, password: "a wrong password" } }),
      await send("POST", "/v1/sign-in", { json: { email: "nobody@people.example", password: "a wrong password" } }),
    ];
    expect(bodyOf(known)).toBe(bodyOf(unknown));
    expect(known.status).toBe(401);
  });

  test("pauses an account after ten failures, says until when, and keeps others in", async () => {
    const victim = await api.signUp("victim");
    const statuses = [];
    for (let i = 0; i < 11; i++)
      statuses.push((await send("POST", "/v1/sign-in", { json: { email: victim.email, password: `wrong password ${i}` } })).status);
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
    const paused = await send("POST", "/v1/sign-in", { json: { email: victim.email, password: PASSWORD } });
    expect([paused.status, Number(paused.headers["retry-after"]) <= 900]).toEqual([429, true]);
    expect(await isSignedIn(victim.cookie)).toBe(true);
    expect(await isSignedIn(await signIn(person.email, PASSWORD))).toBe(true);
  });

  test("never puts a password into the log", async () => {
    await send("POST", "/v1/sign-in", { json: { email: person.email, password: "hunter2-hunter2" } });
    expect(api.server.logs()).not.toMatch(/hunter2|sentence works/);
  });
});

describe("a change by session comes from the console's own pages only", () => {
  const write: Call = { as: person, json: { name: "Forged" } };
  const count = async () => (await send("GET", "/v1/api-groups", { as: person })).json.data.length as number;

  test.each<[string, Call["headers"], number]>([
    ["from another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["from a sister site", { "Sec-Fetch-Site": "same-site" }, 403],
    ["from the address bar", { "Sec-Fetch-Site": "none" }, 403],
    ["from another site that claims our origin", { "Sec-Fetch-Site": "cross-site", Origin: "http://localhost" }, 403],
    ["from an unknown word", { "Sec-Fetch-Site": "same-origin, cross-site" }, 403],
    ["without either header", { "Sec-Fetch-Site": null }, 403],
    ["without the header, by a wrong origin", { "Sec-Fetch-Site": null, Origin: "https://evil.example" }, 403],
    ["without the header, by no origin", { "Sec-Fetch-Site": null, Origin: "null" }, 403],
    ["without the header, by our origin as a beginning", { "Sec-Fetch-Site": null, Origin: "http://127.0.0.1.evil.example" }, 403],
    ["without the header, by our origin on another port", { "Sec-Fetch-Site": null, Origin: "http://127.0.0.1:1" }, 403],
    ["as text/plain", { "Content-Type": "text/plain" }, 415],
    ["as a form", { "Content-Type": "application/x-www-form-urlencoded" }, 415],
    ["as multipart", { "Content-Type": "multipart/form-data; boundary=x" }, 415],
    ["without a type", { "Content-Type": null }, 415],
  ])("%s: refused, nothing changes", async (_, headers, status) => {
    const before = await count();
    expect((await send("POST", "/v1/api-groups", { ...write, headers: headers ?? {} })).status).toBe(status);
    expect(await count()).toBe(before);
  });

  test.each(["POST /v1/api-keys", "POST /v1/organizations", "POST /v1/invites", "DELETE /v1/sessions/ses_1", "DELETE /v1/api-keys/key_1"])(
    "%s too",
    async (route) => {
      const [method = "", path = ""] = route.split(" ");
      expect((await send(method, path, { as: person, json: {}, headers: { "Sec-Fetch-Site": "cross-site" } })).status).toBe(403);
      expect((await send(method, path, { as: person, json: {}, headers: { "Content-Type": "text/plain" } })).status).toBe(415);
    },
  );

  test("its own pages may: by the browser's word, or by their origin where the browser says nothing", async () => {
    expect((await send("POST", "/v1/api-groups", { as: person, json: { name: "Own 1" } })).status).toBe(201);
    expect(
      (
        await send("POST", "/v1/api-groups", {
          as: person,
          json: { name: "Own 2" },
          headers: { "Sec-Fetch-Site": null, Origin: api.server.url },
        })
      ).status,
    ).toBe(201);
  });

  test("reading needs no such word, and changes nothing", async () => {
    const before = await count();
    for (const path of [
      "/v1/api-groups",
      "/v1/api-keys",
      "/v1/me",
      "/v1/usage",
      "/v1/logs",
      "/v1/audit-logs",
      "/v1/members",
      "/v1/organization",
    ]) {
      expect((await send("GET", path, { as: person, headers: { "Sec-Fetch-Site": "cross-site" } })).status, path).toBe(200);
    }
    expect(await count()).toBe(before);
  });

  test("nobody is signed up or in from another site", async () => {
    for (const path of ["/v1/sign-up", "/v1/sign-in", "/v1/password/forgot"]) {
      expect(
        (
          await send("POST", path, {
            json: { email: "x@people.example", password: PASSWORD, organization: "x" },
            headers: { "Sec-Fetch-Site": "cross-site" },
          })
        ).status,
        path,
      ).toBe(403);
    }
  });

  test("a method in a header or a query is not believed", async () => {
    const key = await api.newKey(person, { group_id: (await api.newGroup(person)).id });
    const tries = [
      await send("GET", `/v1/api-keys/${key.id}?_method=DELETE`, { as: person, headers: { "X-HTTP-Method-Override": "DELETE" } }),
      await send("POST", `/v1/api-keys/${key.id}`, { as: person, headers: { "X-HTTP-Method-Override": "DELETE" } }),
    ];
    expect(tries.map(({ status }) => status)).toEqual([200, 405]);
    expect((await send("GET", "/v1/status", { key: key.secret })).status).toBe(200);
  });
});

describe("an invitation", () => {
  test("brings somebody into the organization with its role, once", async () => {
    const email = "ines@people.example";
    const invite = await send("POST", "/v1/invites", { as: person, json: { email, role: "developer" } });
    expect([invite.status, invite.json.role]).toEqual([201, "developer"]);
    const token = await tokenMailedTo(api.server, email, "invites");
    expect(invite.text).not.toContain(token);
    const accepted = await send("POST", "/v1/invites/accept", { json: { token, password: PASSWORD, name: "Ines" } });
    expect(accepted.status).toBe(200);
    const cookie = await api.openSession(accepted.json.ticket);
    const members = (await send("GET", "/v1/members", { headers: { Cookie: cookie, "Latchkey-Organization": person.org } })).json.data;
    expect(members.map(({ email, role }: { email: string; role: string }) => [email, role])).toContainEqual([email, "developer"]);
    expect((await send("POST", "/v1/invites/accept", { json: { token, password: PASSWORD } })).status).toBe(404);
    expect((await send("POST", "/v1/invites", { as: person, json: { email, role: "admin" } })).status).toBe(409);
  });
});

describe("a forgotten password", () => {
  test("is answered alike for everybody, set anew once, and every session ends", async () => {
    const forgetful = await api.signUp("forgetful");
    const [known, unknown] = [
      await send("POST", "/v1/password/forgot", { json: { email: forgetful.email } }),
      await send("POST", "/v1/password/forgot", { json: { email: "nobody@people.example" } }),
    ];
    expect([bodyOf(known), known.status]).toEqual([bodyOf(unknown), 202]);
    const token = await tokenMailedTo(api.server, forgetful.email, "reset");
    const done = await Promise.all(
      [1, 2].map(() => send("POST", "/v1/password/reset", { json: { token, password: "another sentence works" } })),
    );
    expect(done.map(({ status }) => status).toSorted()).toEqual([200, 404]);
    expect(await isSignedIn(forgetful.cookie)).toBe(false);
    expect((await send("POST", "/v1/sign-in", { json: { email: forgetful.email, password: PASSWORD } })).status).toBe(401);
    expect(await isSignedIn(await signIn(forgetful.email, "another sentence works"))).toBe(true);
  });

  test("leads to the configured origin, whatever host the request claims", async () => {
    const claims: Record<string, string>[] = [
      { Host: "evil.example" },
      { "X-Forwarded-Host": "evil.example" },
      { "X-Forwarded-Proto": "https" },
      { Forwarded: "host=evil.example" },
      { "X-Original-Host": "evil.example" },
    ];
    // Two of them: one account is mailed three times.
    const emails = [person.email, (await api.signUp("second")).email];
    for (const [i, headers] of claims.entries()) await send("POST", "/v1/password/forgot", { json: { email: emails[i % 2] }, headers });
    const links = () =>
      mailsOf(api.server).filter((mail) => mail.includes("/reset/") && emails.some((email) => mail.includes(`To: ${email}\n`)));
    await eventually(() => links().length === claims.length || undefined);
    for (const mail of mailsOf(api.server)) expect(mail).not.toContain("evil.example");
  });
});

test("anybody's sign-ups are limited per address", async () => {
  const statuses = [];
  const fresh = await apiOf(api.server);
  for (let i = 0; i < 25; i++) statuses.push((await fresh.send("POST", "/v1/sign-up", { json: {} })).status);
  expect(new Set(statuses)).toEqual(new Set([400, 429]));
  expect(statuses.at(-1)).toBe(429);
});
