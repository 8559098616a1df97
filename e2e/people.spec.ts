import type { Browser } from "@playwright/test";
import { callAs, expect, expectAccessible, linkIn, mailTo, type Person, signUp, test } from "./console";

async function another(browser: Browser, baseURL: string) {
  return (await browser.newContext({ baseURL })).newPage();
}

async function signIn(page: Awaited<ReturnType<typeof another>>, person: Person, password = person.password) {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("a wrong password is said at the field, with nothing about whether the account exists", async ({ page, person }) => {
  await page.context().clearCookies();
  const said: string[] = [];
  for (const email of [person.email, "nobody@people.example"]) {
    await signIn(page, { ...person, email }, "not this password");
    const error = page.getByText("don’t match");
    await expect(error.first()).toBeVisible();
    said.push((await error.first().textContent()) ?? "");
  }
  expect(said[0]).toBe(said[1]);
});

test("a session that ended in another tab leads to sign-in, and back to the page", async ({ page, person, browser, baseURL }) => {
  const other = await another(browser, baseURL ?? "");
  await signIn(other, person);
  await other.waitForURL(/\/orgs\//);
  await other.goto("/account");
  await other
    .getByRole("button", { name: /^End the session of/ })
    .first()
    .click();
  await expect(other.getByText(/is signed out/)).toBeVisible();

  await page.goto(`/orgs/${person.org}/groups`).catch(() => undefined); // the open page may notice first, and go by itself
  await expect(page).toHaveURL(/\/sign-in/);
  await expect(page.getByText("Your session ended", { exact: false })).toBeVisible();
  await other.context().close();
});

test("a console left open notices at its next call that the session ended, and comes back to the same page", async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await page.goto(`/orgs/${person.org}/groups?new=1`);
  await page.getByRole("dialog").getByLabel("Name").fill("Production");
  const other = await another(browser, baseURL ?? "");
  await signIn(other, person);
  await other.waitForURL(/\/orgs\//);
  await other.goto("/account");
  await other
    .getByRole("button", { name: /^End the session of/ })
    .first()
    .click();
  await expect(other.getByText(/is signed out/)).toBeVisible();
  await page.getByRole("dialog").getByRole("button", { name: "Create group" }).click();
  await expect(page).toHaveURL(/\/sign-in\?ended=1/);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(new RegExp(`/orgs/${person.org}/groups`));
  await other.context().close();
});

test("a forgotten password is set anew by a link that works once, and ends every session", async ({ page, person, server }) => {
  const before = await page.context().cookies();
  await page.context().clearCookies();
  await page.goto("/forgot");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByRole("button", { name: "Send link" }).click();
  await expect(page.getByText("Look into your mail")).toBeVisible();
  await expect.poll(() => mailTo(server.dataDir, person.email)).toContain("/reset/");
  const link = linkIn(mailTo(server.dataDir, person.email));
  const late = await page.context().newPage();
  await late.goto(link);
  await late.getByLabel("New password").fill("a third sentence here");
  await page.goto(link);
  await page.getByLabel("New password").fill("quite another sentence");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page).toHaveURL(/\/orgs\//);

  await page.context().clearCookies();
  await page.context().addCookies(before);
  await page.goto(`/orgs/${person.org}`);
  await expect(page).toHaveURL(/\/sign-in/);
  // Said before a password is typed; also by a form that was open all the while.
  for (const over of [link, "/reset/nonsense"]) {
    await page.goto(over);
    await expect(page.getByRole("heading", { level: 1, name: "This link is over" })).toBeVisible();
    await expect(page.getByLabel("New password")).toHaveCount(0);
    await expectAccessible(page);
  }
  await late.getByRole("button", { name: "Set password" }).click();
  await expect(late.getByText("used already", { exact: false })).toBeVisible();
  await late.close();
  await page.getByRole("link", { name: "Ask for a new link" }).click();
  await expect(page).toHaveURL(/\/forgot$/);
  await signIn(page, person, "quite another sentence");
  await expect(page).toHaveURL(/\/orgs\//);
});

test("an invited developer joins by link, sees the organization, and is not offered what only admins may do", async ({
  page,
  person,
  server,
  browser,
  baseURL,
}) => {
  const email = `dev-of-${person.email}`;
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  await page.goto(`/orgs/${person.org}/members`);
  await page
    .getByRole("button", { name: /^Invite/ })
    .first()
    .click();
  await page.getByRole("dialog").getByLabel("E-mail").fill(email);
  await page.getByRole("dialog").getByRole("button", { name: "Send invitation" }).click();
  await expect(page.getByRole("dialog").getByText("The link works once", { exact: false })).toBeVisible();

  const dev = await another(browser, baseURL ?? "");
  await dev.goto(linkIn(mailTo(server.dataDir, email)));
  await dev.getByLabel("Your name").fill("Dev Eloper");
  await dev.getByLabel("Password", { exact: true }).fill("a password of my own");
  await dev.getByRole("button", { name: "Join organization" }).click();
  await expect(dev).toHaveURL(new RegExp(`/orgs/${person.org}$`));
  await dev.goto(`/orgs/${person.org}/groups`);
  await expect(dev.getByText("Production")).toBeVisible();
  await expect(dev.getByRole("button", { name: "Create group" })).toHaveCount(0);
  const refused = await callAs<{ error_code: string }>(dev, person.org, "POST", "/v1/api-groups", { name: "Mine" });
  expect(refused.error_code).toBe("forbidden");
  await page.reload();
  await expect(page.getByText("Dev Eloper")).toBeVisible();
  await dev.context().close();
});

test("whom the operator enables gets a key, and a mail by which they claim the organization", async ({ page, server, baseURL }) => {
  const email = `ops-${Date.now().toString(36)}@parser.example`;
  const answer = await fetch(`${baseURL}/api/access/enable`, {
    method: "POST",
    headers: { "X-Admin-Token": server.env.ADMIN_TOKEN ?? "", "Content-Type": "application/json" },
    body: JSON.stringify({ email, company: "Parser GmbH", tier: "Growth" }),
  });
  expect(answer.status).toBe(201);
  const { api_key } = (await answer.json()) as { api_key: string };
  expect((await fetch(`${baseURL}/v1/me`, { headers: { Authorization: `bearer ${api_key}` } })).status).toBe(200);
  const mail = mailTo(server.dataDir, email);
  expect(mail).not.toContain(api_key);
  await page.goto(linkIn(mail));
  await page.getByLabel("Your name").fill("Olga Ops");
  await page.getByLabel("Password", { exact: true }).fill("a password of my own");
  await page.getByRole("button", { name: "Join organization" }).click();
  await expect(page).toHaveURL(/\/orgs\/parser-gmbh/);
  await page.goto(`${page.url()}/keys`);
  await expect(page.getByText("First key")).toBeVisible();
});

test("somebody else's organization is not there", async ({ page, person, browser, baseURL }) => {
  const other = await another(browser, baseURL ?? "");
  const stranger = await signUp(other, `stranger-${Date.now().toString(36)}`);
  for (const org of [person.org, "no-such-organization"]) {
    await other.goto(`/orgs/${org}/keys`);
    await expect(other.getByRole("heading", { level: 1 })).toHaveText(/not|nothing/i);
  }
  await other.goto(`/orgs/${stranger.org}`);
  await expect(other.getByRole("heading", { level: 1, name: "Overview" })).toBeVisible();
  await other.context().close();
  await expect(page).toHaveURL(/orgs/);
});
