import type { Browser, BrowserContext, Page } from "@playwright/test";
import { callAs, expect, expectAccessible, test } from "./console";

type Made = { id: string; secret: string; name: string; key_prefix: string };

/** Somebody else's browser, without a session. */
async function elsewhere(browser: Browser, baseURL: string | undefined, viewport = { width: 1440, height: 900 }): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    baseURL: baseURL ?? "",
    viewport,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  return context.newPage();
}

const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

/** A link as the console makes it, of a new key. */
async function newLink(page: Page, org: string, name: string): Promise<{ key: Made; url: string }> {
  const key = await callAs<Made>(page, org, "POST", "/v1/api-keys", { name });
  const { url } = await callAs<{ url: string }>(page, org, "POST", `/v1/api-keys/${key.id}/hand-overs`, { secret: key.secret });
  return { key, url: `/hand-over${new URL(url).hash}` };
}

test("a fresh secret is handed over by link: shown once to who opens it, and the maker sees when and from where", async ({
  page,
  person,
  browser,
  baseURL,
}, info) => {
  const picture = async (name: string, of: Page) => info.attach(name, { body: await of.screenshot(), contentType: "image/png" });
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  await page.goto(`/orgs/${person.org}/keys?new=1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Invoice intake");
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByRole("button", { name: "Copy secret" })).toBeFocused();
  await dialog.getByRole("button", { name: /Hand over by link/ }).click();
  await dialog.getByLabel("For whom").fill("Ana from Kestrel");
  await dialog.getByRole("radio", { name: "72 hours" }).click();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Make link" }).click();
  await expect(dialog.getByRole("heading", { name: "for Ana from Kestrel" })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Copy link" })).toBeFocused();
  await picture("link", page);
  await expectAccessible(page);
  // The link was not copied yet: leaving asks as before.
  await page.keyboard.press("Escape");
  await dialog.getByRole("button", { name: "Go back" }).click();
  const text = (await dialog.textContent()) ?? "";
  const secret = /lk_live_[0-9A-Za-z]{38}/.exec(text)?.[0] ?? "";
  const link = /https?:\/\/\S+?\/hand-over#[A-Za-z0-9_-]{43}/.exec(text)?.[0] ?? "";
  expect(link.startsWith(`${baseURL}/hand-over#`)).toBe(true);
  await dialog.getByRole("button", { name: "Copy link" }).click();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  // Opened by its address: no button is there to go back to.
  await expect(page.getByRole("main")).toBeFocused();

  const receiver = await elsewhere(browser, baseURL);
  const faults: string[] = [];
  receiver.on("pageerror", (error) => faults.push(error.message));
  receiver.on("console", (message) => message.type() === "error" && !/status of 404/.test(message.text()) && faults.push(message.text()));
  const asked: string[] = [];
  receiver.on("request", (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ""}`));
  await receiver.goto(link);
  const show = receiver.getByRole("button", { name: "Show the secret" });
  await expect(show).toBeVisible();
  await expect(receiver).toHaveURL(`${baseURL}/hand-over`);
  await receiver.waitForLoadState("networkidle");
  // So far nothing was asked with the token, and nobody else is asked anything.
  const token = new URL(link).hash.slice(1);
  expect(asked.filter((each) => each.includes(token))).toEqual([]);
  expect(asked.filter((each) => !each.startsWith(baseURL ?? "?"))).toEqual([]);
  await picture("before", receiver);
  await expectAccessible(receiver);

  await show.click();
  await expect(receiver.getByRole("heading", { name: "Invoice intake" })).toBeVisible();
  await expect(receiver.getByText(secret, { exact: false }).first()).toBeVisible();
  await expect(receiver.getByText(`A key of Org ${person.org.replace(/^org-/, "")}`, { exact: false })).toBeVisible();
  await expect(receiver).toHaveURL(`${baseURL}/hand-over`);
  await expectAccessible(receiver);
  await picture("opened", receiver);
  await receiver.getByRole("tab", { name: ".env" }).click();
  await receiver.getByRole("button", { name: "Copy .env snippet with the secret" }).click();
  expect(await receiver.evaluate(() => navigator.clipboard.readText())).toBe(`LATCHKEY_URL=${baseURL}\nLATCHKEY_API_KEY=${secret}`);
  await expect(receiver.getByText("Copied.")).toBeVisible();
  expect((await fetch(`${baseURL}/v1/me`, { headers: { Authorization: `Bearer ${secret}` } })).status).toBe(200);
  await receiver.reload();
  await expect(receiver.getByRole("heading", { name: "Nothing is behind this link" })).toBeVisible();
  expect(
    await receiver.evaluate(() => document.documentElement.outerHTML + JSON.stringify([localStorage, sessionStorage, history.state])),
  ).not.toContain(secret);
  expect(faults).toEqual([]);
  await receiver.context().close();

  const second = await elsewhere(browser, baseURL);
  await second.goto(link);
  await second.getByRole("button", { name: "Show the secret" }).click();
  await expect(second.getByRole("heading", { name: "Nothing is behind this link" })).toBeVisible();
  await expectAccessible(second);
  await second.context().close();

  await page.getByRole("link", { name: "Invoice intake" }).first().click();
  const card = page.getByRole("region", { name: "Hand-overs" });
  await expect(card.getByText("Ana from Kestrel")).toBeVisible();
  await expect(card.getByText("Opened", { exact: true })).toBeVisible();
  await expect(card.getByText(/from 127\.0\.0\.1/)).toBeVisible();
});

test("a link that was only looked at still opens; one that was cut short, recalled, or has no token shows the same words", async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const { key, url } = await newLink(page, person.org, "Looked at");
  const looker = await elsewhere(browser, baseURL, { width: 390, height: 844 });
  for (let i = 0; i < 3; i++) {
    await looker.goto("about:blank");
    await looker.goto(url);
    await expect(looker.getByRole("button", { name: "Show the secret" })).toBeVisible();
    expect(await overflow(looker)).toBeLessThanOrEqual(0);
  }
  const words: (string | null)[] = [];
  for (const gone of ["/hand-over", "/hand-over#", `${url.slice(0, -5)}`, `/hand-over#${"A".repeat(43)}`, "/hand-over#x"]) {
    await looker.goto("about:blank");
    await looker.goto(gone);
    const show = looker.getByRole("button", { name: "Show the secret" });
    const end = looker.getByRole("heading", { name: "Nothing is behind this link" });
    await expect(show.or(end)).toBeVisible();
    if (await show.isVisible()) await show.click();
    await expect(end).toBeVisible();
    await expect(looker).toHaveURL(`${baseURL}/hand-over`);
    words.push(await looker.locator("main").textContent());
    expect(await overflow(looker)).toBeLessThanOrEqual(0);
  }
  expect(new Set(words).size).toBe(1);
  // Pasted over the old one, which the browser takes for a step inside the same page.
  await looker.evaluate((to) => window.location.assign(to), url);
  await looker.getByRole("button", { name: "Show the secret" }).click();
  await expect(looker.getByText(key.secret, { exact: false }).first()).toBeVisible();
  await expect(looker).toHaveURL(`${baseURL}/hand-over`);
  expect(await overflow(looker)).toBeLessThanOrEqual(0);
  await expectAccessible(looker);
  await looker.context().close();
});

test("leaving before the secret was copied asks, by reload and by link; after it nothing does", async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const { key, url } = await newLink(page, person.org, "Kept");
  const receiver = await elsewhere(browser, baseURL);
  const asked: string[] = [];
  receiver.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  await receiver.goto(url);
  await receiver.getByRole("button", { name: "Show the secret" }).click();
  const shown = receiver.getByText(key.secret, { exact: false }).first();
  await expect(shown).toBeVisible();
  await receiver.getByRole("link", { name: "Docs" }).click();
  await expect.poll(() => asked).toEqual(["beforeunload"]);
  await expect(shown).toBeVisible();
  await receiver.evaluate(() => window.location.reload());
  await expect.poll(() => asked).toEqual(["beforeunload", "beforeunload"]);
  await expect(shown).toBeVisible();
  // Another link in the same tab waits its turn.
  await receiver.evaluate(() => window.location.assign(`#${"B".repeat(43)}`));
  await expect(receiver).toHaveURL(`${baseURL}/hand-over`);
  await expect(shown).toBeVisible();
  await receiver.getByRole("button", { name: "Copy secret" }).click();
  await receiver.getByRole("link", { name: "Docs" }).click();
  await expect(receiver).toHaveURL(/\/docs$/);
  expect(asked).toHaveLength(2);
  await receiver.context().close();
});

test("Back while a fresh secret is unseen asks inside the dialog; after copying it goes back", async ({ page, person }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  await page.goto(`/orgs/${person.org}/members`);
  await page.getByRole("link", { name: "Keys", exact: false }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: "Keys" })).toBeVisible();
  await page
    .getByRole("link", { name: "Generate key" })
    .or(page.getByRole("button", { name: "Generate key" }))
    .first()
    .click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Held");
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByText("Waiting for the first call")).toBeVisible();
  const secret = /lk_live_[0-9A-Za-z]{38}/.exec((await dialog.textContent()) ?? "")?.[0] ?? "none";

  await page.evaluate(() => window.history.back());
  await expect(dialog.getByText("Close without copying?", { exact: false })).toBeVisible();
  await expect(dialog.getByText(secret, { exact: false }).first()).toBeVisible();
  await expect(page).toHaveURL(/\/keys(\?|$)/);
  await dialog.getByRole("button", { name: "Go back" }).click();
  await expect(dialog.getByText("Close without copying?", { exact: false })).toBeHidden();
  // Once more, since the person has done something in between.
  await page.evaluate(() => window.history.back());
  await expect(dialog.getByRole("button", { name: "Close anyway" })).toBeVisible();
  await dialog.getByRole("button", { name: "Go back" }).click();
  await dialog.getByRole("button", { name: "Copy secret" }).click();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  await page.evaluate(() => window.history.back());
  await expect(page).not.toHaveURL(/\/keys(\?|$)/);
});

test("a link that waits is recalled on the key’s page; one that was opened meanwhile says when", async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const { key, url } = await newLink(page, person.org, "Recalled");
  await page.goto(`/orgs/${person.org}/keys/${key.id}`);
  const card = page.getByRole("region", { name: "Hand-overs" });
  await expect(card.getByText("Waiting")).toBeVisible();
  await expectAccessible(page);
  await card.getByRole("button", { name: "Recall" }).click();
  await expectAccessible(page);
  await page.getByRole("dialog").getByRole("button", { name: "Recall link" }).click();
  await expect(card.getByText("Recalled", { exact: true })).toBeVisible();

  const receiver = await elsewhere(browser, baseURL);
  await receiver.goto(url);
  await receiver.getByRole("button", { name: "Show the secret" }).click();
  await expect(receiver.getByRole("heading", { name: "Nothing is behind this link" })).toBeVisible();

  const { url: next } = await callAs<{ url: string }>(page, person.org, "POST", `/v1/api-keys/${key.id}/hand-overs`, {
    secret: key.secret,
  });
  await page.reload();
  await card.getByRole("button", { name: "Recall" }).click();
  await receiver.goto("about:blank");
  await receiver.goto(`/hand-over${new URL(next).hash}`);
  await receiver.getByRole("button", { name: "Show the secret" }).click();
  await expect(receiver.getByText(key.secret, { exact: false }).first()).toBeVisible();
  const late = page.getByRole("dialog");
  await late.getByRole("button", { name: "Recall link" }).click();
  await expect(late.getByText("It was opened before you could recall it", { exact: false })).toBeVisible();
  await late.getByRole("button", { name: "Close" }).click();
  await expect(card.getByText("Opened", { exact: true })).toBeVisible();
  await receiver.context().close();
});
