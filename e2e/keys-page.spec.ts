import fs from "node:fs";
import path from "node:path";
import type { Locator, Page } from "@playwright/test";
import { callAs, expect, expectAccessible, type Person, test } from "./console";

type Made = { id: string; secret: string; name: string; key_prefix: string };

const makeGroup = (page: Page, { org }: Person, name: string) => callAs<{ id: string }>(page, org, "POST", "/v1/api-groups", { name });
const makeKey = (page: Page, { org }: Person, body: object) => callAs<Made>(page, org, "POST", "/v1/api-keys", body);
const keysOf = async (page: Page, { org }: Person, query = "") =>
  (
    await callAs<{ data: { name: string; status: string; revoked_reason: string | null }[] }>(
      page,
      org,
      "GET",
      `/v1/api-keys?limit=200${query}`,
    )
  ).data;
const inAYear = () => new Date(Date.now() + 365 * 86_400_000).toISOString();

const rowOf = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
const namesOf = (page: Page) => page.getByRole("row").locator("td bdi[title].font-medium").allTextContents();
const barOf = (page: Page) => page.getByRole("region", { name: "Selected keys" });

test("search and filters live in the address and survive a reload", async ({ page, person }) => {
  const production = await makeGroup(page, person, "Production");
  const staging = await makeGroup(page, person, "Staging");
  await makeKey(page, person, { name: "Invoice intake", group_id: production.id, expires_at: inAYear() });
  await makeKey(page, person, { name: "Invoice archive", group_id: staging.id });
  const test = await makeKey(page, person, { name: "Invoice trial", group_id: staging.id, environment: "test" });
  await page.goto(`/orgs/${person.org}/keys`);
  await expect(async () => {
    await page.keyboard.press("/"); // heard as soon as the page is alive
    await expect(page.getByLabel("Search keys")).toBeFocused({ timeout: 500 });
  }).toPass();
  await page.keyboard.type("invoice", { delay: 250 }); // slower than the field waits: no letter is lost
  await expect(page).toHaveURL(/q=invoice/);
  await page.getByRole("button", { name: "Group", exact: true }).click();
  await page.getByRole("menuitemradio", { name: "Staging" }).click();
  await page.getByRole("button", { name: "Environment", exact: true }).click();
  await page.getByRole("menuitemradio", { name: "live" }).click();
  await page.getByRole("button", { name: "Health", exact: true }).click();
  await page.getByRole("menuitemradio", { name: "No expiry" }).click();
  await expect(page).toHaveURL(/health=no_expiry/);
  for (const again of [false, true]) {
    if (again) await page.reload();
    await expect(page.getByLabel("Search keys")).toHaveValue("invoice");
    for (const filter of ["Group", "Environment", "Health"])
      await expect(page.getByRole("button", { name: `Remove filter: ${filter}` })).toBeVisible();
    await expect.poll(() => namesOf(page)).toEqual(["Invoice archive"]);
  }
  await page.getByLabel("Search keys").fill("nothing is called so");
  await expect(page.getByText("No key matches")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect.poll(() => namesOf(page)).toHaveLength(3);
  // A whole secret that is pasted finds its key and never reaches the address.
  await page.getByLabel("Search keys").fill(test.secret);
  await expect.poll(() => namesOf(page)).toEqual(["Invoice trial"]);
  expect(page.url()).not.toContain(test.secret);
});

test("the order is chosen in the head, stands in the address and is said to everybody", async ({ page, person }) => {
  await makeGroup(page, person, "Production");
  for (const name of ["Birch", "alder", "Cedar"]) await makeKey(page, person, { name });
  await page.goto(`/orgs/${person.org}/keys`);
  await expect.poll(() => namesOf(page)).toEqual(["Cedar", "alder", "Birch"]);
  await page.getByRole("columnheader", { name: "Key", exact: true }).getByRole("link").click();
  await expect(page).toHaveURL(/sort=name/);
  for (const again of [false, true]) {
    if (again) await page.reload();
    await expect(page.getByRole("columnheader", { name: "Key", exact: true })).toHaveAttribute("aria-sort", "ascending");
    await expect.poll(() => namesOf(page)).toEqual(["alder", "Birch", "Cedar"]);
  }
  await page.getByRole("button", { name: "Order: By name" }).click();
  await page.getByRole("menuitemradio", { name: "Oldest first" }).click();
  await expect.poll(() => namesOf(page)).toEqual(["Birch", "alder", "Cedar"]);
  await page.goBack();
  await expect.poll(() => namesOf(page)).toEqual(["alder", "Birch", "Cedar"]);
});

test("a row says how its key is, what to do, and who used it last", async ({ page, person, baseURL }) => {
  await makeGroup(page, person, "Production");
  const key = await makeKey(page, person, { name: "Invoice intake", access: "write" });
  for (const route of ["/v1/me", "/v1/me", "/v1/status"])
    await fetch(`${baseURL}${route}`, { headers: { "X-API-Key": key.secret, "User-Agent": "intake-worker/2.4" } });
  await page.goto(`/orgs/${person.org}/keys`);
  const row = rowOf(page, "Invoice intake");
  await expect(async () => {
    await page.reload();
    await expect(row.getByRole("img", { name: /Calls per day: 3 in 30 days, 1 refused/ })).toBeVisible({ timeout: 5_000 });
  }).toPass();
  await expect(row.getByText("127.0.0.1")).toBeVisible();
  await expect(row.getByText("intake-worker")).toBeVisible();
  await expect(row.getByText("Set a date to be reminded")).toBeVisible();
  await row.getByRole("button", { name: /No expiry/ }).click();
  await expect(page.getByRole("dialog", { name: "Health of Invoice intake" }).getByText(/never expires/i)).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("what needs somebody has its own tab and number, and is calm once nothing does", async ({ page, person }) => {
  await makeGroup(page, person, "Production");
  const inThreeDays = new Date(Date.now() + 3 * 86_400_000).toISOString();
  await makeKey(page, person, { name: "Well", expires_at: inAYear() });
  const endless = await makeKey(page, person, { name: "Endless" });
  const short = await makeKey(page, person, { name: "Short", expires_at: inThreeDays });
  const paused = await makeKey(page, person, { name: "Set aside" });
  await callAs(page, person.org, "POST", `/v1/api-keys/${paused.id}/pause`, {});
  await page.goto(`/orgs/${person.org}/keys`);
  await expect(page.getByText("4 keys in 1 group. Two of them need you.")).toBeVisible();
  const tabs = page.getByRole("navigation", { name: "Keys by status" }).getByRole("link");
  await expect(tabs).toHaveText(["All4", "Needs attention2", "Rotating0", "Revoked and expired0"]);
  await tabs.nth(1).click();
  await expect(page).toHaveURL(/health=attention/);
  await expect(tabs.nth(1)).toHaveAttribute("aria-current", "page");
  await expect.poll(() => namesOf(page)).toEqual(["Short", "Endless"]);
  await expect(page.getByText("1–2 of 2")).toBeVisible();
  // The tab says it: no chip says it again. One finding narrows it, as a filter of all.
  await expect(page.getByRole("button", { name: /^Remove filter/ })).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Health", exact: true }).click();
  await page.getByRole("menuitemradio", { name: "No expiry" }).click();
  await expect(page.getByRole("button", { name: "Remove filter: Health" })).toBeVisible();
  await expect(tabs.first()).toHaveAttribute("aria-current", "page");
  await expect.poll(() => namesOf(page)).toEqual(["Set aside", "Endless"]);
  await page.goBack();
  await expect.poll(() => namesOf(page)).toEqual(["Short", "Endless"]);
  for (const { id } of [endless, short]) await callAs(page, person.org, "PATCH", `/v1/api-keys/${id}`, { expires_at: inAYear() });
  await page.reload();
  await expect(page.getByText("No key needs you")).toBeVisible();
  await expect(page.getByText("4 keys in 1 group. None of them needs you.")).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("Search keys").fill("nothing is called so");
  await expect(page.getByText("No key matches")).toBeVisible();
});

test("a status without a tab is a filter of its own", async ({ page, person }) => {
  await makeGroup(page, person, "Production");
  for (const name of ["Works", "Ended"]) await makeKey(page, person, { name });
  const [ended] = (await callAs<{ data: { id: string }[] }>(page, person.org, "GET", "/v1/api-keys?q=Ended")).data;
  await callAs(page, person.org, "DELETE", `/v1/api-keys/${ended?.id}`, {});
  await page.goto(`/orgs/${person.org}/keys`);
  await page.getByRole("button", { name: "Status", exact: true }).click();
  await page.getByRole("menuitemradio", { name: "Active" }).click();
  await expect(page).toHaveURL(/status=active/);
  await expect.poll(() => namesOf(page)).toEqual(["Works"]);
  await page.getByRole("button", { name: "Remove filter: Status" }).click();
  await expect.poll(() => namesOf(page)).toEqual(["Ended", "Works"]);
  // One number of keys everywhere: those that have not ended, which are counted apart.
  await expect(page.getByText("1 key in 1 group. It needs you. 1 more is revoked or expired.")).toBeVisible();
  await expect(page.getByRole("navigation").getByRole("link", { name: /^Keys\s*1$/ })).toBeVisible();
  await page.getByRole("link", { name: /^Revoked and expired/ }).click();
  await expect.poll(() => namesOf(page)).toEqual(["Ended"]);
  await expect(page.getByRole("button", { name: "Remove filter: Status" })).toHaveCount(0);
});

test("a prefix is whole at every width, and a name has most of the room", async ({ page, person }) => {
  const group = await makeGroup(page, person, "Customs and declarations");
  for (const environment of ["live", "test"])
    await makeKey(page, person, { name: `Reconciliation of carriers, ${environment}`, environment, group_id: group.id });
  await page.goto(`/orgs/${person.org}/keys`);
  /** Of elements that show a text, how many points of it are cut off, and lines it takes beyond the first. */
  const cut = (where: Locator) =>
    where.evaluateAll((shown) =>
      shown.map((one) => {
        const range = document.createRange();
        range.selectNodeContents(one);
        const ends = [one, one.parentElement as Element].map((box) => box.getBoundingClientRect().right);
        return Math.max(0, Math.round(range.getBoundingClientRect().right - Math.min(...ends))) + range.getClientRects().length - 1;
      }),
    );
  const prefixes = page.locator("td .mono").filter({ hasText: /^lk_(live|test)_/ });
  for (const width of [390, 768, 899, 900, 1099, 1100, 1220, 1221, 1340, 1341, 1440, 1520, 1521]) {
    await page.setViewportSize({ width, height: 900 });
    await expect.poll(() => cut(prefixes), `at ${width}`).toEqual([0, 0]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), `at ${width}`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  expect(await cut(page.locator("td bdi[title].font-medium"))).toEqual([0, 0]);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const box of await page.getByRole("checkbox", { name: /^Select Reconciliation/ }).all()) await box.click();
  await barOf(page).getByRole("button", { name: "Revoke…" }).click();
  await expect(page.getByRole("dialog").getByText("Nobody called with them in the last 24 hours.")).toBeVisible();
  expect(await cut(page.getByRole("dialog").locator("td .mono"))).toEqual([0, 0]);
});

test("many keys are paused after a look at what would happen, and taken back", async ({ page, person, context, baseURL }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: baseURL ?? "" });
  await makeGroup(page, person, "Production");
  const made: Made[] = [];
  for (const name of ["One", "Two", "Three", "Four"]) made.push(await makeKey(page, person, { name }));
  await callAs(page, person.org, "POST", `/v1/api-keys/${made[1]?.id}/pause`, {});
  await page.goto(`/orgs/${person.org}/keys`);

  await page.getByRole("checkbox", { name: "Select Four" }).click();
  await page.getByRole("checkbox", { name: "Select Two" }).click({ modifiers: ["Shift"] });
  await expect(barOf(page).getByText("3 selected")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(barOf(page)).toHaveCount(0);
  await page.getByRole("checkbox", { name: "Select all keys of this page" }).click();
  await expect(barOf(page).getByText("4 selected")).toBeVisible();
  await page.getByRole("checkbox", { name: "Select One" }).click();
  await barOf(page).getByRole("button", { name: "Pause…" }).click();

  const dialog = page.getByRole("dialog", { name: "Pause 3 keys?" });
  await expect(dialog.getByText("2 keys will change, 1 stays as it is.", { exact: false })).toBeVisible();
  await expect(dialog.getByRole("row", { name: /Two/ }).getByText("Paused already")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Copy as curl" }).click();
  await expect(dialog.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const sent = page.waitForRequest((request) => request.url().endsWith("/v1/api-keys/bulk") && !request.postData()?.includes("dry_run"));
  await dialog.getByRole("button", { name: "Pause 2 keys" }).click();
  expect(copied).toContain(`-d '${(await sent).postData()}'`);
  await expect(page.getByText("2 keys paused, 1 unchanged")).toBeVisible();
  await expect(dialog).toHaveCount(0);
  await expect(barOf(page)).toHaveCount(0);
  const paused = async () => (await keysOf(page, person, "&status=paused")).map((key) => key.name).sort();
  expect(await paused()).toEqual(["Four", "Three", "Two"]);
  await expect(rowOf(page, "Four").getByText("Paused")).toBeVisible();

  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("2 keys resumed")).toBeVisible();
  expect(await paused()).toEqual(["Two"]);
});

test("revoking more than a handful in use asks for their number, and then no call with them passes", async ({ page, person, baseURL }) => {
  await makeGroup(page, person, "Production");
  const made: Made[] = [];
  for (let i = 1; i <= 6; i++) made.push(await makeKey(page, person, { name: `Worker ${i}` }));
  const kept = await makeKey(page, person, { name: "Kept" });
  const call = (key: Made) => fetch(`${baseURL}/v1/me`, { headers: { "X-API-Key": key.secret } });
  for (const key of made) expect((await call(key)).status).toBe(200);
  await expect
    .poll(async () =>
      (await callAs<{ data: { request_count: number }[] }>(page, person.org, "GET", "/v1/api-keys?q=Worker")).data.map(
        (key) => key.request_count,
      ),
    )
    .toEqual([1, 1, 1, 1, 1, 1]);

  await page.goto(`/orgs/${person.org}/keys`);
  await page.getByRole("checkbox", { name: "Select all keys of this page" }).click();
  await page.getByRole("checkbox", { name: "Select Kept" }).click();
  await barOf(page).getByRole("button", { name: "Revoke…" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke 6 keys?" });
  await expect(dialog.getByText("6 calls in the last 24 hours: such calls will be refused.")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Keep them" })).toBeFocused();
  const revoke = dialog.getByRole("button", { name: "Revoke 6 keys" });
  await expect(revoke).toHaveAttribute("aria-disabled", "true");
  await dialog.getByLabel("Reason").selectOption("Leaked");
  await dialog.getByLabel("Type 6 to revoke them all").fill("5");
  await expect(revoke).toHaveAttribute("aria-disabled", "true");
  await dialog.getByLabel("Type 6 to revoke them all").fill("6");
  await expectAccessible(page);
  await revoke.click();
  await expect(page.getByText("6 keys revoked")).toBeVisible();
  for (const key of made) expect((await call(key)).status).toBe(401);
  expect((await call(kept)).status).toBe(200);
  expect((await keysOf(page, person, "&status=revoked")).map((key) => key.revoked_reason)).toEqual(made.map(() => "Leaked"));
  // What is over has no box.
  await expect(page.getByRole("checkbox", { name: "Select Kept" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Select Worker 1" })).toHaveCount(0);
});

test("revoking many offers the keys that they made, shows them first, and ends them too", async ({ page, person, baseURL }) => {
  await makeGroup(page, person, "Production");
  const parents: Made[] = [];
  for (const name of ["Minter", "Broker"]) parents.push(await makeKey(page, person, { name }));
  const children: Made[] = [];
  for (const { secret } of [...parents, ...parents.slice(1)]) {
    const answer = await fetch(`${baseURL}/v1/api-keys`, {
      method: "POST",
      headers: { "X-API-Key": secret, "Content-Type": "application/json" },
      body: JSON.stringify({ name: `Minted ${children.length + 1}` }),
    });
    children.push((await answer.json()) as Made);
  }
  const call = async (key: Made) => (await fetch(`${baseURL}/v1/me`, { headers: { "X-API-Key": key.secret } })).status;
  await page.goto(`/orgs/${person.org}/keys`);
  for (const name of ["Minter", "Broker"]) await page.getByRole("checkbox", { name: `Select ${name}` }).click();
  await barOf(page).getByRole("button", { name: "Revoke…" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke 2 keys?" });
  const also = dialog.getByRole("checkbox", { name: /Also revoke the 3 keys they made/ });
  await expect(also).not.toBeChecked();
  await expect(dialog.getByText(/Minted 1, Minted 2, Minted 3: no call in the last 24 hours/)).toBeVisible();
  await expect(dialog.getByRole("row", { name: /Minted/ })).toHaveCount(0);
  await also.click();
  await expect(dialog.getByRole("row", { name: /Minted \d.*Ends too/ })).toHaveCount(3);
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Revoke 5 keys" }).click();
  await expect(page.getByText("5 keys revoked")).toBeVisible();
  for (const key of [...parents, ...children]) await expect.poll(() => call(key)).toBe(401);
});

test("keys move to another group, and one that has expired can be left out", async ({ page, person }) => {
  const production = await makeGroup(page, person, "Production");
  const finance = await makeGroup(page, person, "Finance");
  for (const name of ["Ledger", "Payroll"]) await makeKey(page, person, { name, group_id: production.id });
  await makeKey(page, person, { name: "Short", group_id: production.id, expires_at: new Date(Date.now() + 4_000).toISOString() });
  await expect.poll(async () => (await keysOf(page, person, "&status=expired")).length).toBe(1);
  await page.goto(`/orgs/${person.org}/keys`);
  await page.getByRole("checkbox", { name: "Select all keys of this page" }).click();
  await barOf(page).getByRole("button", { name: "Move…" }).click();
  const dialog = page.getByRole("dialog", { name: /^Move \d keys to another group$/ });
  await dialog.getByLabel("Group").selectOption({ label: "Finance" });
  await expect(dialog.getByText("1 key of these 3 cannot be changed so.", { exact: false })).toBeVisible();
  await dialog.getByRole("button", { name: "Leave it out" }).click();
  await dialog.getByRole("button", { name: "Move 2 keys" }).click();
  await expect(page.getByText("2 keys moved")).toBeVisible();
  await page.goto(`/orgs/${person.org}/keys?group_id=${finance.id}&sort=name`);
  await expect.poll(() => namesOf(page)).toEqual(["Ledger", "Payroll"]);
});

test("a new key takes everything that can be said of it, faults stand at their fields, and the call shown is the call sent", async ({
  page,
  person,
  context,
  baseURL,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: baseURL ?? "" });
  await makeGroup(page, person, "Production");
  await page.goto(`/orgs/${person.org}/keys?new=1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Everything");
  await dialog.getByRole("button", { name: /Access, scopes, expiry/ }).click();
  await dialog.getByLabel("Works from").fill("2031-01-01T08:00");
  await dialog.getByLabel("Limit").fill("soon");
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByText("Must be before it expires")).toBeVisible();
  await expect(dialog.getByText("Must be a whole number")).toBeVisible();
  await dialog.getByLabel("Works from").fill("");
  await dialog.getByLabel("Limit").fill("12");
  await dialog.getByLabel("Owner").selectOption("organization");
  await dialog.getByLabel("Addresses").fill("203.0.113.0/24\nnowhere");
  await dialog.getByRole("button", { name: "Add a pair" }).click();
  await dialog.getByLabel("Name 1").fill("team");
  await dialog.getByLabel("Value 1").fill("billing");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByText(/Line 2/)).toBeVisible();
  await dialog.getByLabel("Addresses").fill("203.0.113.0/24");
  await dialog.getByRole("button", { name: "Copy as curl" }).click();
  await expect(dialog.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const sent = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/v1/api-keys"));
  await dialog.getByRole("button", { name: "Generate key" }).click();
  expect(copied).toContain(`-d '${(await sent).postData()}'`);
  await expect(dialog.getByText("Waiting for the first call")).toBeVisible();
  const [made] = (await callAs<{ data: object[] }>(page, person.org, "GET", "/v1/api-keys")).data;
  expect(made).toMatchObject({
    name: "Everything",
    rate_limit_rpm: 12,
    allowed_ips: ["203.0.113.0/24"],
    metadata: { team: "billing" },
    owner: { type: "organization" },
  });
});

test("a page asks for its own keys only; at the plan's most keys the dialog says so and leads to the unused ones", async ({
  page,
  person,
}) => {
  await makeGroup(page, person, "Production");
  const { most_keys } = await callAs<{ most_keys: number }>(page, person.org, "GET", "/v1/organization");
  expect(most_keys).toBeLessThan(200);
  for (let i = 0; i < most_keys; i++) await makeKey(page, person, { name: `Key ${i}` });
  await page.goto(`/orgs/${person.org}/keys`);
  await expect(page.getByText(`1–50 of ${most_keys}`)).toBeVisible();
  expect(await namesOf(page)).toHaveLength(50);
  const insights = page.waitForRequest((request) => request.url().includes("/v1/api-keys/insights"));
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByText(`51–100 of ${most_keys}`)).toBeVisible();
  expect(new URL((await insights).url()).searchParams.get("ids")?.split(",")).toHaveLength(50);
  await page.goto(`/orgs/${person.org}/keys?new=1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("One too many");
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByRole("alert").getByText(new RegExp(`allows ${most_keys}`))).toBeVisible();
  await dialog.getByRole("link", { name: "See unused keys" }).click();
  await expect(page).toHaveURL(/sort=last_used/);
  await expect(dialog).toHaveCount(0);
});

test("rows and their menus work by keyboard, and the focus comes back", async ({ page, person }) => {
  await makeGroup(page, person, "Production");
  const made: Made[] = [];
  for (let i = 0; i < 3; i++) made.push(await makeKey(page, person, { name: `Key ${i}` }));
  await page.goto(`/orgs/${person.org}/keys`);
  await page.getByRole("link", { name: /Key 2/ }).focus();
  await page.keyboard.press("Tab"); // the badge
  await page.keyboard.press("Tab"); // the menu
  await expect(page.getByRole("button", { name: "Actions for Key 2" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menuitem", { name: "Open", exact: true })).toBeFocused();
  await page.keyboard.type("pau");
  await expect(page.getByRole("menuitem", { name: "Pause…" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: /Pause/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Actions for Key 2" })).toBeFocused();
});

test("who only reads sees no boxes and no acts", async ({ page, person, server, browser, baseURL }) => {
  await makeGroup(page, person, "Production");
  await makeKey(page, person, { name: "Invoice intake" });
  const email = `viewer-of-${person.email}`;
  await callAs(page, person.org, "POST", "/v1/invites", { email, role: "viewer" });
  const outbox = path.join(server.dataDir, "outbox");
  const mail =
    fs
      .readdirSync(outbox)
      .map((name) => fs.readFileSync(path.join(outbox, name), "utf8"))
      .find((text) => text.includes(`To: ${email}\n`)) ?? "";
  const viewer = await (await browser.newContext({ baseURL: baseURL ?? "" })).newPage();
  await viewer.goto(new URL(/https?:\/\/\S+/.exec(mail)?.[0] ?? "http://no.link").pathname);
  await viewer.getByLabel("Your name").fill("Vi Ewer");
  await viewer.getByLabel("Password", { exact: true }).fill("a password of my own");
  await viewer.getByRole("button", { name: "Join organization" }).click();
  await viewer.waitForURL(/\/orgs\//);
  await viewer.goto(`/orgs/${person.org}/keys`);
  await expect(rowOf(viewer, "Invoice intake")).toBeVisible();
  await expect(viewer.getByRole("checkbox")).toHaveCount(0);
  await expect(viewer.getByRole("button", { name: "Generate key" })).toHaveCount(0);
  await viewer.getByRole("button", { name: "Actions for Invoice intake" }).click();
  await expect(viewer.getByRole("menuitem")).toHaveText(["Open", "Open in request log", "Copy prefix"]);
  await viewer.context().close();
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test("rows are stacked, keys are ticked, and the bar at the foot does it all", async ({ page, person }) => {
    await makeGroup(page, person, "Production");
    for (const name of ["One", "Two"]) await makeKey(page, person, { name });
    await page.goto(`/orgs/${person.org}/keys`);
    for (const name of ["One", "Two"]) await page.getByRole("checkbox", { name: `Select ${name}` }).click();
    await expect(barOf(page).getByText("2 selected")).toBeInViewport();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    await expectAccessible(page);
    await expect(page.getByRole("link", { name: /^Needs attention/ })).toBeInViewport();
    await barOf(page).getByRole("button", { name: "More for the selected keys" }).click();
    await page.getByRole("menuitem", { name: "Pause…" }).click();
    const dialog = page.getByRole("dialog", { name: "Pause 2 keys?" });
    await expect(dialog.getByText("Nobody called with them in the last 24 hours.")).toBeVisible();
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Pause 2 keys" }).click();
    await expect(page.getByText("2 keys paused")).toBeVisible();
  });
});
