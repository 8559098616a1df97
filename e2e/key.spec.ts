import type { Page } from "@playwright/test";
import { callAs, expect, expectAccessible, linkIn, mailTo, type Person, test } from "./console";

type Made = { id: string; secret: string; name: string; key_prefix: string };
type Key = { status: string; allowed_ips: string[]; scopes: string[]; rate_limit_rpm: number | null; rotation: { ends_at: string } | null };

/** One key page: rotate, pause, edit, tighten, ask, revoke. */
test.describe("the page of a key", () => {
  let key: Made;
  let page: Page;
  let person: Person;
  let call: (secret: string, route?: string, agent?: string) => Promise<number>;
  const dialog = () => page.getByRole("dialog");
  const read = () => callAs<Key>(page, person.org, "GET", `/v1/api-keys/${key.id}`);

  test.beforeEach(async ({ page: fresh, person: somebody, baseURL }) => {
    [page, person] = [fresh, somebody];
    await callAs(page, person.org, "POST", "/v1/api-groups", { name: "Production" });
    key = await callAs<Made>(page, person.org, "POST", "/v1/api-keys", { name: "Invoice intake" });
    call = async (secret, route = "/v1/status", agent = "nightly/2") =>
      (await fetch(`${baseURL}${route}`, { headers: { "X-API-Key": secret, "User-Agent": agent } })).status;
  });

  const open = () => page.goto(`/orgs/${person.org}/keys/${key.id}`);
  const rotate = async (): Promise<string> => {
    await page.getByRole("button", { name: "Rotate…" }).click();
    await dialog().getByRole("button", { name: "Rotate secret" }).click();
    await expect(page.getByRole("dialog", { name: /The new secret of .Invoice intake. is ready/ })).toBeVisible();
    const secret = /lk_live_[0-9A-Za-z]{38}/.exec((await dialog().textContent()) ?? "")?.[0] ?? "";
    await dialog().getByRole("button", { name: "Copy secret" }).click();
    await dialog().getByRole("button", { name: "Done" }).click();
    await expect(dialog()).toBeHidden();
    return secret;
  };

  test("a rotation from beginning to end: the new secret once, who still calls with the old one, and its end", async () => {
    expect(await call(key.secret)).toBe(200);
    await open();
    await page.getByRole("button", { name: "Rotate…" }).click();
    await expect(dialog().getByText("127.0.0.1")).toBeVisible();
    await expect(dialog().getByRole("radio", { name: "24 h" })).toBeChecked();
    await dialog().getByRole("radio", { name: "At once" }).click();
    await expect(dialog().getByText(/refused from then on/)).toBeVisible();
    await dialog().getByRole("radio", { name: "24 h" }).click();
    await dialog().getByLabel("Reason").fill("Quarterly");
    await dialog().getByRole("button", { name: "Rotate secret" }).click();

    await expect(page.getByRole("dialog", { name: /The new secret of .Invoice intake. is ready/ })).toBeVisible();
    const fresh = /lk_live_[0-9A-Za-z]{38}/.exec((await dialog().textContent()) ?? "")?.[0] ?? "";
    expect(fresh).not.toBe("");
    expect(fresh).not.toBe(key.secret);
    // Calls with the old secret are not the first call with the new one.
    expect(await call(key.secret)).toBe(200);
    await expect(dialog().getByText("Waiting for the first call")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(dialog().getByText(/Close without copying\?/)).toBeVisible();
    await dialog().getByRole("button", { name: "Go back" }).click();
    expect(await call(fresh, "/v1/status", "new/1")).toBe(200);
    await expect(dialog().getByText("First call accepted")).toBeVisible();
    await dialog().getByRole("button", { name: "Copy secret" }).click();
    await dialog().getByRole("button", { name: "Done" }).click();

    const cockpit = page.getByRole("region", { name: /^Two secrets work until/ });
    const old = cockpit.getByRole("region", { name: /^Still on the old secret/ });
    await expect(old.getByText("nightly/2")).toBeVisible();
    await expect(old.getByText("127.0.0.1")).toBeVisible();
    await expect(old.getByText("GET /v1/status")).toBeVisible();
    await expect(old.getByText("new/1")).toHaveCount(0);
    await expect(cockpit.getByRole("img", { name: /^Old secret: [12] calls? in the last hour/ })).toBeVisible();
    await expect(cockpit.getByRole("img", { name: /^New secret: 1 calls? in the last hour/ })).toBeVisible();
    await expect(cockpit.getByText("Not yet safe to finish.")).toBeVisible();
    await expect(page.getByText("old secret", { exact: true }).first()).toBeVisible();

    await cockpit.getByLabel("Safe after").selectOption({ label: "5 quiet minutes" });
    await expect(page).toHaveURL(/quiet=5m/);
    await expect(cockpit.getByText(/you asked for 5 quiet minutes/)).toBeVisible();
    await page.reload();
    await expect(cockpit.getByLabel("Safe after")).toHaveValue("5m");

    await cockpit.getByRole("button", { name: "Extend…" }).click();
    await dialog().getByRole("radio", { name: "7 days" }).click();
    await dialog().getByRole("button", { name: "Extend rotation" }).click();
    await expect(dialog()).toBeHidden();
    expect(Date.parse((await read()).rotation?.ends_at ?? "") - Date.now()).toBeGreaterThan(6.9 * 86_400_000);

    await page.getByRole("button", { name: "Rotate…" }).click();
    await expect(page.getByRole("dialog", { name: "Invoice intake is rotating already" })).toBeVisible();
    await expect(dialog().getByRole("button", { name: "End all older secrets now" })).toBeVisible();
    await expect(dialog().getByRole("radio")).toHaveCount(0);
    await dialog().getByRole("button", { name: "Cancel" }).click();

    await cockpit.getByRole("button", { name: "Finish now…" }).click();
    await expect(dialog().getByText("Somebody may still need it.")).toBeVisible();
    await expect(dialog().getByText("nightly/2")).toBeVisible();
    await dialog().getByRole("button", { name: "Finish rotation" }).click();
    await expect(dialog()).toBeHidden();
    expect(await call(key.secret)).toBe(401);
    expect(await call(fresh)).toBe(200);
    await expect(cockpit).toBeHidden();
    const left = await page.evaluate(() => document.documentElement.outerHTML + JSON.stringify({ ...localStorage, ...sessionStorage }));
    expect(left).not.toContain(fresh);
  });

  test("while a rotation runs, ending all older secrets leaves only the one that is shown then", async () => {
    await open();
    const second = await rotate();
    await page.getByRole("button", { name: "Rotate…" }).click();
    await dialog().getByRole("button", { name: "End all older secrets now" }).click();
    await expect(dialog().getByText(/Every older secret has stopped working/)).toBeVisible();
    const third = /lk_live_[0-9A-Za-z]{38}/.exec((await dialog().textContent()) ?? "")?.[0] ?? "";
    expect([await call(key.secret), await call(second), await call(third)]).toEqual([401, 401, 200]);
  });

  test("a paused key is refused, and a resumed one works again", async () => {
    await open();
    await page.getByRole("button", { name: "Pause…" }).click();
    await dialog().getByLabel("Reason").fill("Looking into it");
    await dialog().getByRole("button", { name: "Pause key" }).click();
    await expect(dialog()).toBeHidden();
    expect(await call(key.secret)).toBe(401);
    await expect(page.getByText("Paused", { exact: true }).first()).toBeVisible();
    await expect(page.getByText(/^Paused by .+ on .+: “Looking into it”\.$/)).toBeVisible();
    // Also when much has happened since, and when the page is loaded anew.
    for (let i = 0; i < 5; i++) await callAs(page, person.org, "PATCH", `/v1/api-keys/${key.id}`, { rate_limit_rpm: 20 + i });
    await page.reload();
    await expect(page.getByText(/^Paused by .+ on .+: “Looking into it”\.$/)).toBeVisible();
    await page.getByRole("button", { name: "Resume…" }).click();
    await dialog().getByRole("button", { name: "Resume key" }).click();
    await expect(dialog()).toBeHidden();
    expect(await call(key.secret)).toBe(200);
  });

  test("an edit is shown before it is saved, says what it takes away, and names each bad address", async () => {
    expect(await call(key.secret)).toBe(200);
    await open();
    await page.getByRole("button", { name: "Edit…" }).click();
    const preview = dialog().getByRole("region", { name: "What changes" });
    await expect(preview.getByText("Nothing is changed yet.")).toBeVisible();
    await expect(dialog().getByRole("button", { name: "Save changes" })).toHaveAttribute("aria-disabled", "true");
    await dialog().getByLabel("Name", { exact: true }).fill("Invoices");
    await dialog().getByLabel("Limit of its own").fill("20");
    await dialog().getByLabel("Allowed addresses").fill("203.0.113.9/24\nnowhere");
    await expect(preview.getByText("Invoice intake")).toBeVisible();
    await expect(preview.getByText("20 a minute")).toBeVisible();
    // In sight beside the button that does it, and so is the field that is being filled in.
    await expect(preview.getByText(/called in the last 24 hours will be refused: 127\.0\.0\.1/)).toBeInViewport({ ratio: 1 });
    await expect(dialog().getByLabel("Allowed addresses")).toBeInViewport({ ratio: 1 });

    await dialog().getByRole("button", { name: "Save changes" }).click();
    await expect(dialog().getByText(/Line 1: .*203\.0\.113\.0\/24/)).toBeVisible();
    await expect(dialog().getByText(/Line 2: .*nowhere/)).toBeVisible();
    expect((await read()).rate_limit_rpm).toBeNull(); // all of it or nothing
    await dialog().getByLabel("Allowed addresses").fill("203.0.113.0/24");
    await dialog().getByRole("button", { name: "Save changes" }).click();
    await expect(dialog()).toBeHidden();
    await expect(page.getByRole("heading", { level: 1, name: "Invoices" })).toBeVisible();
    expect(await read()).toMatchObject({ name: "Invoices", rate_limit_rpm: 20, allowed_ips: ["203.0.113.0/24"] });
    expect(await call(key.secret)).toBe(403);
  });

  test("what somebody else changes meanwhile is said in the open dialog, and stays", async () => {
    await open();
    await page.getByRole("button", { name: "Edit…" }).click();
    await dialog().getByLabel("Limit of its own").fill("20");
    await callAs(page, person.org, "PATCH", `/v1/api-keys/${key.id}`, { name: "Renamed elsewhere" });
    await expect(dialog().getByText("Somebody else changed this key.")).toBeVisible();
    await dialog().getByRole("button", { name: "Save changes" }).click();
    await expect(dialog()).toBeHidden();
    expect(await read()).toMatchObject({ name: "Renamed elsewhere", rate_limit_rpm: 20 });
    await callAs(page, person.org, "POST", `/v1/api-keys/${key.id}/pause`, {});
    await expect(page.getByText("Paused", { exact: true }).first()).toBeVisible();
    await expect(page.getByRole("button", { name: "Resume…" })).toBeVisible();
  });

  test("a suggestion from the addresses and scopes that were used becomes the key's own with two clicks", async () => {
    expect(await call(key.secret)).toBe(200);
    const suggestions = () => callAs<{ calls: number }>(page, person.org, "GET", `/v1/api-keys/${key.id}/suggestions`);
    await expect.poll(async () => (await suggestions()).calls).toBe(1);
    await open();
    const card = page.getByRole("region", { name: "Make it tighter" });
    await expect(card.getByText(/^1 accepted call since .* is too little to go by\. With 50 over 7 days/)).toBeVisible();
    await expect(card.getByRole("button")).toHaveCount(0);
    // The seven days that no journey waits for.
    await page.route(`**/v1/api-keys/${key.id}/suggestions`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), enough: true } });
    });
    await page.reload();
    await expect(card.getByText(/^\d+ of its \d+ scopes cannot be judged/)).toBeVisible();
    await page.getByRole("button", { name: "Review addresses…" }).click();
    await expect(dialog().getByLabel("Allowed addresses")).toHaveValue("127.0.0.1");
    await dialog().getByRole("button", { name: "Save changes" }).click();
    await expect(dialog()).toBeHidden();
    expect((await read()).allowed_ips).toEqual(["127.0.0.1"]);
    await expect(page.getByRole("button", { name: "Review addresses…" })).toBeHidden();
    await page.getByRole("button", { name: "Review scopes…" }).click();
    await dialog().getByRole("button", { name: "Save changes" }).click();
    await expect(dialog()).toBeHidden();
    expect((await read()).scopes).toContain("status");
    expect((await read()).scopes).not.toContain("chat");
    expect(await call(key.secret)).toBe(200);
  });

  test("a question about a call is answered by the rule that decides, and again when the key changes", async () => {
    await open();
    const card = page.getByRole("region", { name: "Would a call pass?" });
    await card.getByLabel("From address").fill("198.51.100.4");
    await card.getByRole("button", { name: "Ask" }).click();
    await expect(card.getByText("It would pass.")).toBeVisible();
    await callAs(page, person.org, "PATCH", `/v1/api-keys/${key.id}`, { allowed_ips: ["203.0.113.0/24"] });
    await expect(card.getByText("It would be refused.")).toBeVisible();
    await expect(card.getByText("403, ip_not_allowed")).toBeVisible();
    await expect(card.getByText("decides")).toHaveCount(1);
    await card.getByLabel("From address").fill("not an address");
    await card.getByRole("button", { name: "Ask" }).click();
    await expect(card.getByLabel("From address")).toHaveAttribute("aria-invalid", "true");
    expect((await callAs<{ request_count: number }>(page, person.org, "GET", `/v1/api-keys/${key.id}`)).request_count).toBe(0);
  });

  test("revoking offers a pause instead, and the keys that this one made", async ({ baseURL }) => {
    const child = (await (
      await fetch(`${baseURL}/v1/api-keys`, {
        method: "POST",
        headers: { "X-API-Key": key.secret, "Content-Type": "application/json" },
        body: JSON.stringify({ name: "Made by a key" }),
      })
    ).json()) as Made;
    expect(await call(child.secret)).toBe(200);
    await page.goto(`/orgs/${person.org}/keys/${child.id}`);
    await page.getByRole("link", { name: "Invoice intake" }).click(); // the key that made it
    await expect(page.getByRole("region", { name: "Keys it made" }).getByRole("link", { name: "Made by a key" })).toBeVisible();

    const end = async () => {
      await page.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Revoke…" }).click();
    };
    await end();
    const also = dialog().getByRole("checkbox", { name: /Also revoke the key it made/ });
    await expect(also).not.toBeChecked();
    await expect(dialog().getByText(/Made by a key: 1 call in the last 24 hours/)).toBeVisible();
    await dialog().getByRole("button", { name: "Pause instead" }).click();
    await expect(dialog()).toBeHidden();
    expect((await read()).status).toBe("paused");
    expect([await call(key.secret), await call(child.secret)]).toEqual([401, 200]);

    await end();
    await expect(dialog().getByRole("button", { name: "Pause instead" })).toHaveCount(0);
    await also.check();
    await dialog().getByRole("button", { name: "Revoke key" }).click();
    await expect(dialog()).toBeHidden();
    expect([await call(key.secret), await call(child.secret)]).toEqual([401, 401]);
    await expect(page.getByRole("button", { name: "Edit…" })).toBeHidden();
  });

  test("a leaked key that is only flagged says where it was found, and rotating it at once ends the matter", async ({ baseURL }) => {
    await callAs(page, person.org, "PATCH", "/v1/organization", { leak_policy: "flag" });
    await fetch(`${baseURL}/v1/leaks`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key: key.secret, url: "https://paste.example/abc" }),
    });
    const leaked = page.getByRole("alert").filter({ hasText: "found in the open" });
    const flagged = () => callAs<{ data: unknown[] }>(page, person.org, "GET", "/v1/api-keys?health=leaked");
    await expect.poll(async () => (await flagged()).data.length).toBe(1);
    await open();
    await expect(leaked).toBeVisible();
    await expect(leaked.getByText("https://paste.example/abc")).toBeVisible();
    // Its badge says so wherever it stands.
    await page.goto(`/orgs/${person.org}`);
    await expect(page.getByRole("main").getByText("Leaked", { exact: true })).toBeVisible();
    await open();
    await leaked.getByRole("button", { name: "Rotate at once…" }).click();
    await expect(dialog().getByRole("radio", { name: "At once" })).toBeChecked();
    await dialog().getByRole("button", { name: "Rotate secret" }).click();
    await dialog().getByRole("button", { name: "Copy secret" }).click();
    await dialog().getByRole("button", { name: "Done" }).click();
    await expect(leaked).toBeHidden();
    expect(await call(key.secret)).toBe(401);
  });

  test("a leak of the old secret of a rotation is said too, and finishing the rotation ends the matter", async ({ baseURL }) => {
    await callAs(page, person.org, "PATCH", "/v1/organization", { leak_policy: "flag" });
    const { secret } = await callAs<{ secret: string }>(page, person.org, "POST", `/v1/api-keys/${key.id}/rotate`, {});
    const body = JSON.stringify({ key: key.secret });
    await fetch(`${baseURL}/v1/leaks`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const leaked = page.getByRole("alert").filter({ hasText: "found in the open" });
    const flagged = async () => (await callAs<{ data: unknown[] }>(page, person.org, "GET", "/v1/api-keys?health=leaked")).data.length;
    await expect.poll(flagged).toBe(1);
    await open();
    await expect(leaked).toContainText("finish the rotation below");
    await expect(leaked.getByRole("button", { name: "Revoke…" })).toBeVisible();
    await expect(leaked.getByRole("button", { name: "Rotate at once…" })).toHaveCount(0);
    await callAs(page, person.org, "POST", `/v1/api-keys/${key.id}/rotate/finish`, {});
    await open();
    await expect(page.getByRole("region", { name: "Details" })).toBeVisible();
    await expect(leaked).toHaveCount(0);
    expect([await flagged(), await call(key.secret), await call(secret)]).toEqual([0, 401, 200]);
  });

  test("a viewer reads everything about a key and is offered nothing that changes it", async ({ browser, baseURL, server }) => {
    await call(key.secret);
    const email = `viewer-of-${person.email}`;
    await callAs(page, person.org, "POST", "/v1/invites", { email, role: "viewer" });
    const viewer = await (await browser.newContext({ baseURL: baseURL ?? "" })).newPage();
    await viewer.goto(linkIn(mailTo(server.dataDir, email)));
    await viewer.getByLabel("Your name").fill("Vera Viewer");
    await viewer.getByLabel("Password", { exact: true }).fill("a password of my own");
    await viewer.getByRole("button", { name: "Join organization" }).click();
    await expect(viewer).toHaveURL(new RegExp(`/orgs/${person.org}$`));
    await callAs(page, person.org, "POST", `/v1/api-keys/${key.id}/rotate`, {});
    await viewer.goto(`/orgs/${person.org}/keys/${key.id}`);
    await expect(viewer.getByRole("region", { name: /^Two secrets work until/ })).toBeVisible();
    await expect(viewer.getByRole("region", { name: "Details" })).toBeVisible();
    await viewer.getByRole("region", { name: "Would a call pass?" }).getByRole("button", { name: "Ask" }).click();
    await expect(viewer.getByText("It would pass.")).toBeVisible();
    for (const name of [/^Rotate/, /^Pause/, /^Edit/, "More actions", /^Review/, /^Extend/, /^Finish/])
      await expect(viewer.getByRole("button", { name }), String(name)).toHaveCount(0);
    await viewer.context().close();
  });

  for (const width of [1440, 390]) {
    test(`every dialog of a key is accessible and fits at ${width} px`, async ({ baseURL }, info) => {
      await page.setViewportSize({ width, height: 900 });
      await call(key.secret);
      await fetch(`${baseURL}/v1/api-keys`, {
        method: "POST",
        headers: { "X-API-Key": key.secret, "Content-Type": "application/json" },
        body: JSON.stringify({ name: "Made by a key" }),
      });
      await open();
      const look = async (name: string) => {
        if (["rotate", "pause", "edit", "revoke", "finish", "extend"].includes(name))
          await expect(dialog().getByRole("button", { name: "Copy as curl" }), name).toBeVisible();
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), name).toBeLessThanOrEqual(0);
        await expectAccessible(page);
        for (const theme of ["light", "dark"]) {
          await page.evaluate((each) => document.documentElement.setAttribute("data-theme", each), theme);
          const body = await page.screenshot({ fullPage: name.startsWith("page") });
          await info.attach(`${name} ${theme} ${width}`, { body, contentType: "image/png" });
        }
      };
      const shut = async () => {
        await page.keyboard.press("Escape");
        await expect(dialog()).toBeHidden();
      };
      await page.getByRole("button", { name: "Rotate…" }).click();
      await expect(dialog().getByText("In the last 24 hours")).toBeVisible();
      await look("rotate");
      await shut();
      await page.getByRole("button", { name: "Pause…" }).click();
      await look("pause");
      await shut();
      await page.getByRole("button", { name: "Edit…" }).click();
      await dialog().getByLabel("Name", { exact: true }).fill("Invoices");
      await dialog().getByLabel("Allowed addresses").fill("203.0.113.0/24");
      await dialog().getByRole("button", { name: "Add a pair" }).click();
      await expect(dialog().getByText("This takes something away.")).toBeInViewport({ ratio: 1 });
      await look("edit");
      await shut();
      await page.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Revoke…" }).click();
      await expect(dialog().getByRole("checkbox")).toBeVisible();
      await look("revoke");
      await shut();
      const fresh = await rotate();
      for (let i = 0; i < 12; i++) await call(i % 3 ? fresh : key.secret, "/v1/status", i % 3 ? "new/1" : "nightly/2");
      const card = page.getByRole("region", { name: "Would a call pass?" });
      await card.getByRole("button", { name: "Ask" }).click();
      await expect(card.getByText("It would pass.")).toBeVisible();
      await expect(page.getByText("nightly/2").first()).toBeVisible();
      await look("page rotating");
      await page.getByRole("button", { name: "Rotate…" }).click();
      await look("rotate while it runs");
      await shut();
      await page.getByRole("button", { name: "Extend…" }).click();
      await look("extend");
      await shut();
      await page.getByRole("button", { name: "Finish now…" }).click();
      await look("finish");
    });
  }
});
