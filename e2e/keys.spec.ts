import { callAs, expect, test } from "./console";

type Made = { id: string; secret: string; name: string };

test("closing before the secret was copied asks, and closing anyway drops it for good", async ({ page, person }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  await page.goto(`/orgs/${person.org}/keys?new=1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Never copied");
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByText("Waiting for the first call")).toBeVisible();
  const secret = /lk_live_[0-9A-Za-z]{38}/.exec((await dialog.textContent()) ?? "")?.[0] ?? "";
  expect(secret).not.toBe("");
  await page.keyboard.press("Escape");
  await dialog.getByRole("button", { name: "Close anyway" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("Never copied").first()).toBeVisible();
  const left = await page.evaluate(
    () => document.documentElement.outerHTML + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + window.location.href,
  );
  expect(left).not.toContain(secret);
});

test("the dialog says why a first call was refused", async ({ page, person, baseURL }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  await page.goto(`/orgs/${person.org}/keys?new=1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Writes only");
  await dialog.getByRole("button", { name: /Access, scopes, expiry/ }).click();
  await dialog.getByRole("radio", { name: "Write" }).click();
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByText("Waiting for the first call")).toBeVisible();
  const secret = /lk_live_[0-9A-Za-z]{38}/.exec((await dialog.textContent()) ?? "")?.[0] ?? "";
  expect((await fetch(`${baseURL}/v1/status`, { headers: { Authorization: `Bearer ${secret}` } })).status).toBe(403);
  await expect(dialog.getByText(/refused/i).first()).toBeVisible();
});

test("names with markup and any script are shown as they were written, and nothing runs", async ({ page, person }) => {
  const names = ['<img src=x onerror="window.hit=1">', "שער ספקים", "Ключ 🗝️ für <b>alle</b>", "x".repeat(100)];
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: '"><script>window.hit=1</script>' });
  for (const name of names) await callAs<Made>(page, person.org, "POST", "/v1/api-keys", { name });
  for (const place of ["keys", "groups", "audit", ""]) {
    await page.goto(`/orgs/${person.org}/${place}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    expect(await page.evaluate(() => (window as { hit?: number }).hit)).toBeUndefined();
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
      `${place} scrolls sideways`,
    ).toBeLessThanOrEqual(0);
  }
  await page.goto(`/orgs/${person.org}/keys`);
  for (const name of names) await expect(page.getByText(name, { exact: true }).first()).toBeVisible();
});

test("two browsers revoke one key: both are told calmly, once it happened", async ({ page, person, browser, baseURL }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const key = await callAs<Made>(page, person.org, "POST", "/v1/api-keys", { name: "Shared" });
  const context = await browser.newContext({ baseURL: baseURL ?? "", storageState: await page.context().storageState() });
  const other = await context.newPage();
  for (const each of [page, other]) {
    await each.goto(`/orgs/${person.org}/keys/${key.id}`);
    await each.getByRole("button", { name: "More actions" }).click();
    await each.getByRole("menuitem", { name: "Revoke…" }).click();
    await expect(each.getByRole("dialog")).toBeVisible();
  }
  await page.getByRole("dialog").getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  const confirm = other.getByRole("dialog").getByRole("button", { name: "Revoke key" });
  if (await confirm.isVisible()) await confirm.click({ timeout: 2_000 }).catch(() => undefined);
  await other
    .getByRole("dialog")
    .getByRole("button", { name: "Close" })
    .click({ timeout: 2_000 })
    .catch(() => undefined);
  await expect(other.getByText("Revoked by", { exact: false }).first()).toBeVisible();
  await expect(other.getByRole("alert").filter({ hasText: /req_/ })).toHaveCount(0);
  const audit = await callAs<{ data: unknown[] }>(page, person.org, "GET", "/v1/audit-logs?event_type=api_key.revoke");
  expect(audit.data).toHaveLength(1);
  await context.close();
});

test("the palette finds a key by its prefix, by keyboard alone", async ({ page, person }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  const key = await callAs<Made & { key_prefix: string }>(page, person.org, "POST", "/v1/api-keys", { name: "Needle" });
  await page.goto(`/orgs/${person.org}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type(key.key_prefix);
  await expect(page.getByRole("option", { name: /Needle/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/keys/${key.id}`));
});

test("reloading while the secret is shown does not ask for another key", async ({ page, person }) => {
  await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
  await page.goto(`/orgs/${person.org}/keys?new=1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Once");
  await dialog.getByRole("button", { name: "Generate key" }).click();
  await expect(dialog.getByText("Waiting for the first call")).toBeVisible();
  page.on("dialog", (asked) => void asked.accept()); // the browser asks before it leaves an unseen secret
  await page.reload();
  await expect(page.getByText("Once").first()).toBeVisible();
  await expect(dialog).toHaveCount(0);
});
