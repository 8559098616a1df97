import { callAs, expect, expectAccessible, test } from "./console";

/** Somebody without an account found a key; its owner sees what came of it. */
test("a finder hands a key in, and it stops working", async ({ page, person, browser, baseURL }, info) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const key = await callAs<{ id: string; secret: string }>(page, person.org, "POST", "/v1/api-keys", { name: "Invoice intake" });
  const works = async () => (await fetch(`${baseURL}/v1/me`, { headers: { "X-API-Key": key.secret } })).status;
  expect(await works()).toBe(200);

  const context = await browser.newContext({ baseURL: baseURL ?? "" });
  const finder = await context.newPage();
  const sent: string[] = [];
  finder.on("request", (request) => sent.push(request.url()));
  await finder.goto("/docs/errors");
  await finder.getByRole("link", { name: "Report it" }).click();
  await expect(finder.getByRole("heading", { level: 1, name: "Found a key?" })).toBeVisible();
  await expectAccessible(finder);
  await info.attach("the page of finders", { body: await finder.screenshot({ fullPage: true }), contentType: "image/png" });

  await finder.getByRole("button", { name: "Report key" }).click();
  await expect(finder.getByText("Key is needed")).toBeVisible();
  await finder.getByLabel("Key").fill(`API_KEY=${key.secret}`);
  await finder.getByLabel("Where you found it").fill("https://git.example.com/acme/app");
  await finder.getByRole("button", { name: "Report key" }).click();
  const thanks = finder.getByRole("status").filter({ hasText: "Thank you" });
  await expect(thanks).toBeVisible();
  await expectAccessible(finder);
  const said = await thanks.textContent();
  await expect.poll(works).toBe(401);

  await finder.getByRole("button", { name: "Report another" }).click();
  await expect(finder.getByLabel("Key")).toHaveValue("");
  await finder.getByLabel("Key").fill("nothing of the kind");
  await finder.getByRole("button", { name: "Report key" }).click();
  await expect(thanks).toBeVisible();
  expect(await thanks.textContent()).toBe(said);
  expect(sent.filter((url) => url.includes(key.secret))).toEqual([]);
  await context.close();

  await page.goto(`/orgs/${person.org}/keys/${key.id}`);
  await expect(page.getByText("Leaked").first()).toBeVisible();
  await expect(page.getByText(/^Revoked on .* by this organization’s policy: somebody reported/)).toBeVisible();
});

test.describe("before the script has loaded", () => {
  test.use({ javaScriptEnabled: false });

  test("a key does not come to stand in the address", async ({ page }) => {
    await page.goto("/leaked");
    await page.getByLabel("Key").fill("lk_live_something");
    await page.getByRole("button", { name: "Report key" }).click();
    expect(page.url()).not.toContain("something");
  });
});
