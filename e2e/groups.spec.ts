import type { Page } from "@playwright/test";
import { callAs, expect, expectAccessible, type Person, test } from "./console";

type Group = { id: string; name: string; rate_limit_rpm: number | null; allowed_ips: string[]; archived_at: string | null };
type Key = { id: string; secret: string; status: string };

const makeGroup = (page: Page, { org }: Person, body: object) => callAs<Group>(page, org, "POST", "/v1/api-groups", body);
const makeKey = (page: Page, { org }: Person, body: object) => callAs<Key>(page, org, "POST", "/v1/api-keys", body);
const read = (page: Page, { org }: Person, id: string) => callAs<Group>(page, org, "GET", `/v1/api-groups/${id}`);
const isWide = async (page: Page) =>
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), "scrolls sideways").toBeLessThanOrEqual(0);

test("a group is created with a limit and addresses; what is wrong is said at its place, and mended with a click", async ({
  page,
  person,
}) => {
  await makeGroup(page, person, { name: "Staging" });
  await page.goto(`/orgs/${person.org}/groups`);
  await page.getByRole("button", { name: "Create group" }).click();
  const dialog = page.getByRole("dialog", { name: "Create group" });
  await dialog.getByRole("button", { name: "Create group" }).click();
  await expect(dialog.getByText("Give it a name", { exact: false })).toBeVisible();
  await expect(dialog.getByLabel("Name")).toBeFocused();

  await dialog.getByLabel("Name").fill("staging");
  await dialog.getByRole("button", { name: "Create group" }).click();
  await expect(dialog.getByText('A group called "Staging" exists already.')).toBeVisible();
  await dialog.getByLabel("Name").fill("Production");

  await dialog.getByRole("button", { name: /Limit and addresses/ }).click();
  await dialog.getByLabel("Limit per key").fill("61");
  await dialog.getByRole("button", { name: "Create group" }).click();
  await expect(dialog.getByText("May be at most 60", { exact: false })).toBeVisible();
  await dialog.getByLabel("Limit per key").fill("30");

  const addresses = dialog.getByLabel("Addresses");
  await addresses.fill("198.51.100.7, 10.0.0.1/8; nowhere");
  await expect(dialog.getByText("3 of 100")).toBeVisible();
  await dialog.getByRole("button", { name: "Create group" }).click();
  await expect(dialog.getByText("Line 2: the range begins at 10.0.0.0/8")).toBeVisible();
  await expect(dialog.getByText('Line 3: "nowhere" is not')).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Use 10.0.0.0/8 instead of 10.0.0.1/8" }).click();
  await expect(addresses).toHaveValue("198.51.100.7\n10.0.0.0/8\nnowhere");
  await addresses.fill("198.51.100.7\n10.0.0.0/8");
  await dialog.getByRole("button", { name: "Create group" }).click();
  await expect(dialog).toBeHidden();

  const row = page.getByRole("row").filter({ hasText: "Production" });
  await expect(row).toContainText("30 / min");
  await expect(row).toContainText("198.51.100.7");
  await expect(row).toContainText("and 1 more");
});

test("an edit shows before and after, and saves only what changed", async ({ page, person, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const group = await makeGroup(page, person, { name: "Production", rate_limit_rpm: 30, allowed_ips: ["10.0.0.0/8", "192.0.2.1"] });
  await page.goto(`/orgs/${person.org}/groups/${group.id}`);
  await page.getByRole("button", { name: "Edit group" }).click();
  const dialog = page.getByRole("dialog", { name: "Edit Production" });
  const save = dialog.getByRole("button", { name: "Save changes" });
  await expect(save).toHaveAttribute("aria-disabled", "true");

  await dialog.getByLabel("Name").fill("Invoices");
  await dialog.getByLabel("Limit per key").fill("");
  await dialog.getByLabel("Addresses").fill("10.0.0.0/8\n2001:db8::/48");
  await expect(dialog.getByRole("region", { name: "What changes" }).getByRole("definition")).toHaveText([
    "before: Productionafter: Invoices",
    "before: 30 a minuteafter: The organization’s",
    "−goes: 192.0.2.1+comes: 2001:db8::/48",
  ]);
  await expect(dialog.getByText("calls of its keys from other addresses are refused", { exact: false })).toBeVisible();
  await dialog.getByRole("button", { name: "Copy as curl" }).click();
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  expect(curl).toContain(`curl -X PATCH '${new URL(page.url()).origin}/v1/api-groups/${group.id}'`);
  expect(curl).toContain(`-d '{"name":"Invoices","rate_limit_rpm":null,"allowed_ips":["10.0.0.0/8","2001:db8::/48"]}'`);
  await expectAccessible(page);

  // Somebody else describes it meanwhile: that stays.
  await callAs(page, person.org, "PATCH", `/v1/api-groups/${group.id}`, { description: "What customers reach" });
  await save.click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("heading", { level: 1, name: "Invoices" })).toBeVisible();
  expect(await read(page, person, group.id)).toMatchObject({
    name: "Invoices",
    description: "What customers reach",
    rate_limit_rpm: null,
    allowed_ips: ["10.0.0.0/8", "2001:db8::/48"],
  });
  await expect(page.getByRole("region", { name: "History" }).getByText("changed the group", { exact: false }).first()).toBeVisible();
});

test("a group with live keys is archived with them only after its name was typed, and their calls stop", async ({
  page,
  person,
  baseURL,
}) => {
  const group = await makeGroup(page, person, { name: "Old bridge" });
  const key = await makeKey(page, person, { name: "Invoice intake", group_id: group.id });
  const call = async () => (await fetch(`${baseURL}/v1/status`, { headers: { "X-API-Key": key.secret } })).status;
  expect(await call()).toBe(200);
  await page.goto(`/orgs/${person.org}/groups/${group.id}`);
  await page.getByRole("button", { name: "Archive group…" }).click();
  const dialog = page.getByRole("dialog", { name: "Archive Old bridge?" });
  await expect(dialog.getByRole("heading", { name: /^1 live key/ })).toBeVisible();
  await expect(dialog.getByText("Invoice intake")).toBeVisible();
  await expect(dialog.getByText("1 call in the last 24 hours", { exact: false })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Keep it" })).toBeFocused();
  const act = dialog.getByRole("button", { name: "Archive and revoke" });
  await expect(act).toHaveAttribute("aria-disabled", "true");
  await dialog.getByLabel("Revoke this key with it").check();
  await dialog.getByLabel("Type Old bridge to confirm").fill("Old");
  await expect(act).toHaveAttribute("aria-disabled", "true");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeVisible();
  expect(await call()).toBe(200);
  await expectAccessible(page);

  await dialog.getByLabel("Type Old bridge to confirm").fill("Old bridge");
  await act.click();
  await expect(dialog).toBeHidden();
  expect(await call()).toBe(401);
  await expect(page.getByText("Archived.")).toBeVisible();
  for (const name of ["Edit group", "Archive group…", "Generate key"])
    await expect(page.getByRole("button", { name }).or(page.getByRole("link", { name }))).toHaveCount(0);

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Groups" }).click();
  await expect(page.getByText("No group is open")).toBeVisible();
  await page.getByRole("link", { name: /^Archived/ }).click();
  await expect(page.getByRole("row").filter({ hasText: "Old bridge" })).toBeVisible();
  await expectAccessible(page);
});

test("a group without live keys is archived at once", async ({ page, person }) => {
  const group = await makeGroup(page, person, { name: "Empty" });
  await page.goto(`/orgs/${person.org}/groups/${group.id}`);
  await page.getByRole("button", { name: "Archive group…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("No key in it is live.")).toBeVisible();
  await dialog.getByRole("button", { name: "Archive group", exact: true }).click();
  await expect(dialog).toBeHidden();
  expect((await read(page, person, group.id)).archived_at).not.toBeNull();
});

for (const width of [1440, 390]) {
  test.describe(`at ${width} px`, () => {
    test.use({ viewport: { width, height: 900 } });

    test("groups, a group and its dialogs are accessible and fit", async ({ page, person, baseURL }, info) => {
      const group = await makeGroup(page, person, {
        name: "Production",
        description: "What customers reach",
        rate_limit_rpm: 30,
        allowed_ips: ["127.0.0.0/8", "::1", "2001:db8:1234:5678:9abc:def0:1234:5678"],
      });
      await makeGroup(page, person, { name: "Staging" });
      const key = await makeKey(page, person, { name: "Invoice intake", group_id: group.id });
      for (let i = 0; i < 5; i++) await fetch(`${baseURL}/v1/status`, { headers: { "X-API-Key": key.secret } });
      const look = async (name: string) => {
        await page.waitForLoadState("networkidle").catch(() => undefined);
        await isWide(page);
        await expectAccessible(page);
        await info.attach(`${name} at ${width}`, { body: await page.screenshot({ fullPage: true }), contentType: "image/png" });
      };
      await page.goto(`/orgs/${person.org}/groups`);
      await expect(page.getByRole("row").filter({ hasText: "Production" })).toBeVisible();
      await look("groups");
      await page.goto(`/orgs/${person.org}/groups?new=1`);
      await page
        .getByRole("dialog")
        .getByRole("button", { name: /Limit and addresses/ })
        .click();
      await look("create group");
      await page.goto(`/orgs/${person.org}/groups/${group.id}`);
      await expect(page.getByRole("heading", { level: 1, name: "Production" })).toBeVisible();
      await look("group");
      await page.getByRole("button", { name: "Edit group" }).click();
      await page.getByRole("dialog").getByLabel("Limit per key").fill("20");
      await page.getByRole("dialog").getByLabel("Addresses").fill("127.0.0.0/8");
      await look("edit group");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Archive group…" }).click();
      await page.getByRole("dialog").getByLabel("Revoke this key with it").check();
      await look("archive group");
    });
  });
}
