import { callAs, expect, expectAccessible, linkIn, mailTo, test } from "./console";

type Settings = { name: string; allowed_ips: string[]; keys_manage_keys: boolean; leak_policy: string };
type Made = { id: string; secret: string };

test("an admin changes the settings, and they hold at once", async ({ page, person, baseURL, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const key = await callAs<Made>(page, person.org, "POST", "/v1/api-keys", { name: "Invoice intake", access: "admin" });
  const call = async (method: string, path: string, body?: object) =>
    (
      await fetch(`${baseURL}${path}`, {
        method,
        headers: { "X-API-Key": key.secret, "Content-Type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    ).status;
  await page.goto(`/orgs/${person.org}`);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Settings" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Settings" })).toBeVisible();
  const bar = page.getByRole("region", { name: "Changes" });
  await expect(bar).toHaveCount(0);

  await page.getByLabel("Name", { exact: true }).fill("Kestrel & Sons");
  await page.getByLabel("Keys may manage keys").uncheck();
  await page.getByLabel("Flag it and tell its owners").check();
  await expect(bar).toContainText("Not saved: name, key management, leaked keys");
  await bar.getByRole("button", { name: "Copy as curl" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(
    `-d '{"name":"Kestrel & Sons","keys_manage_keys":false,"leak_policy":"flag"}'`,
  );
  expect(await call("POST", "/v1/api-keys", { name: "Child" })).toBe(201);
  await bar.getByRole("button", { name: "Save changes" }).click();
  await expect(bar).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Switch organization, now Kestrel & Sons" })).toBeVisible();
  expect(await call("POST", "/v1/api-keys", { name: "Child" })).toBe(403);
  expect(await callAs<Settings>(page, person.org, "GET", "/v1/organization")).toMatchObject({
    name: "Kestrel & Sons",
    keys_manage_keys: false,
    leak_policy: "flag",
  });
});

test("addresses for the whole organization shut its keys out, and leave the console open", async ({ page, person, baseURL }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const key = await callAs<Made>(page, person.org, "POST", "/v1/api-keys", { name: "Invoice intake" });
  const call = async () => (await fetch(`${baseURL}/v1/status`, { headers: { "X-API-Key": key.secret } })).status;
  await page.goto(`/orgs/${person.org}/settings`);
  const addresses = page.getByLabel("For the whole organization");
  const bar = page.getByRole("region", { name: "Changes" });
  await expect(page.getByText("Empty admits every address.", { exact: false })).toBeVisible();
  await addresses.fill("198.51.100.9/24");
  await expect(page.getByText("calls with keys from other addresses are refused", { exact: false })).toBeVisible();
  await bar.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("Line 1: the range begins at 198.51.100.0/24")).toBeVisible();
  await expect(addresses).toBeFocused();
  expect(await call()).toBe(200);
  await page.getByRole("button", { name: "Use 198.51.100.0/24 instead of 198.51.100.9/24" }).click();
  await bar.getByRole("button", { name: "Save changes" }).click();
  await expect(bar).toHaveCount(0);
  expect(await call()).toBe(403);

  await page.reload();
  await expect(addresses).toHaveValue("198.51.100.0/24");
  await addresses.fill("");
  await bar.getByRole("button", { name: "Discard" }).click();
  await expect(addresses).toHaveValue("198.51.100.0/24");
  await addresses.fill("");
  await bar.getByRole("button", { name: "Save changes" }).click();
  await expect(bar).toHaveCount(0);
  expect(await call()).toBe(200);
});

test("what somebody else saves meanwhile is seen, and what is being typed stays", async ({ page, person }) => {
  await page.goto(`/orgs/${person.org}/settings`);
  await page.getByLabel("Name", { exact: true }).fill("Kestrel");
  await callAs(page, person.org, "PATCH", "/v1/organization", { leak_policy: "flag" });
  await expect(page.getByLabel("Flag it and tell its owners")).toBeChecked();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Kestrel");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByRole("region", { name: "Changes" })).toHaveCount(0);
  expect(await callAs<Settings>(page, person.org, "GET", "/v1/organization")).toMatchObject({ name: "Kestrel", leak_policy: "flag" });
});

test("others read them and change nothing", async ({ page, person, server, browser, baseURL }) => {
  const email = `viewer-${Date.now().toString(36)}@people.example`;
  await callAs(page, person.org, "PATCH", "/v1/organization", { allowed_ips: ["198.51.100.0/24"] });
  await callAs(page, person.org, "POST", "/v1/invites", { email, role: "viewer" });
  const viewer = await (await browser.newContext({ baseURL: baseURL ?? "" })).newPage();
  await expect.poll(() => mailTo(server.dataDir, email)).toContain("/invites/");
  await viewer.goto(linkIn(mailTo(server.dataDir, email)));
  await viewer.getByLabel("Your name").fill("Vera Viewer");
  await viewer.getByLabel("Password", { exact: true }).fill("a password of my own");
  await viewer.getByRole("button", { name: "Join organization" }).click();
  await viewer.waitForURL(/\/orgs\//);
  await viewer.goto(`/orgs/${person.org}/settings`);
  await expect(viewer.getByText("Admins and owners of the organization change them.")).toBeVisible();
  await expect(viewer.getByText("198.51.100.0/24")).toBeVisible();
  await expect(viewer.getByRole("textbox")).toHaveCount(0);
  await expect(viewer.getByRole("checkbox")).toHaveCount(0);
  await expectAccessible(viewer);
  await viewer.context().close();
});

for (const width of [1440, 390]) {
  test.describe(`at ${width} px`, () => {
    test.use({ viewport: { width, height: 900 } });

    test("the page is accessible and fits, with changes and with faults", async ({ page, person }, info) => {
      await page.goto(`/orgs/${person.org}/settings`);
      await page.getByLabel("For the whole organization").fill("10.0.0.1/8\nnowhere");
      await page.getByLabel("Keys may manage keys").uncheck();
      await page.getByRole("button", { name: "Save changes" }).click();
      await expect(page.getByText("Line 1: the range begins at 10.0.0.0/8")).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
      await expectAccessible(page);
      await info.attach(`settings at ${width}`, { body: await page.screenshot({ fullPage: true }), contentType: "image/png" });
    });
  });
}
