import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "@playwright/test";
import { actOnlyWhenHydrated, expectAccessible, npmStart } from "./console";

/** The main job in one go, as a newcomer does it: npm start on nothing, an account, a group, a key, a call, a look, an end. */
test("a newcomer gets from npm start to a key that works, sees its calls, and ends it", async ({ browser }) => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-journey-"));
  fs.chmodSync(dataDir, 0o711);
  await actOnlyWhenHydrated(browser);
  const server = await npmStart(3900 + Math.floor(Math.random() * 90), dataDir);
  const context = await browser.newContext({ baseURL: server.url, permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  try {
    await test.step("the terminal says where, how, and nothing frightening", () => {
      expect(server.output()).toContain(server.url);
      expect(server.output()).toContain("create the first account");
      const ours = server.output().replace(/^npm .*$/gm, ""); // npm speaks of the machine's own npm settings
      expect(ours).not.toMatch(/error|warn|deprecat|fail/i);
    });

    await test.step("an account with e-mail, password and organization", async () => {
      await page.goto("/");
      await expect(page).toHaveURL(/\/sign-in/);
      await page.getByRole("link", { name: "Create an account" }).click();
      await expect(page.getByRole("heading", { name: "Create an account" })).toBeVisible();
      await page.getByLabel("E-mail").fill("maya.lindqvist@kestrel.example");
      await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
      await page.getByLabel("Organization").fill("Kestrel Papers");
      await page.getByRole("button", { name: "Create account" }).click();
      await expect(page).toHaveURL(/\/orgs\/kestrel-papers$/);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expectAccessible(page);
    });

    await test.step("where nobody has called yet, the next step is one that can be made", async () => {
      for (const place of ["usage", "logs"]) {
        await page.goto(`/orgs/kestrel-papers/${place}`);
        await expect(page.getByRole("main").getByRole("link", { name: "Create group" })).toBeVisible();
      }
    });

    await test.step("the first group leads on to the first key", async () => {
      await page.getByRole("link", { name: "Keys", exact: false }).first().click();
      await expect(page.getByRole("heading", { name: "Keys", level: 1 })).toBeVisible();
      await page.getByRole("main").getByRole("link", { name: "Create group" }).click();
      await page.getByRole("dialog").getByLabel("Name").fill("Production");
      await page.getByRole("dialog").getByRole("button", { name: "Create group" }).click();
      await expect(page.getByRole("dialog", { name: "Generate a key" })).toBeVisible();
    });

    let secret = "";
    await test.step("the secret is shown once, with snippets for this address; closing before copying asks", async () => {
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill("Invoice intake");
      await dialog.getByRole("button", { name: "Generate key" }).click();
      await expect(page.getByRole("dialog", { name: /Invoice intake.* is ready/ })).toBeVisible();
      await expect(dialog.getByText("Waiting for the first call")).toBeVisible();
      await page.keyboard.press("Escape");
      await expect(dialog.getByText("Close without copying?", { exact: false })).toBeVisible();
      await dialog.getByRole("button", { name: "Go back" }).click();
      await expect(dialog.getByText(`${server.url}/v1/status`, { exact: false })).toBeVisible();
      await dialog.getByRole("button", { name: "Copy secret" }).click();
      secret = await page.evaluate(() => navigator.clipboard.readText());
      expect(secret).toMatch(/^lk_live_[0-9A-Za-z]{38}$/);
      await expectAccessible(page);
    });

    const call = (route: string, headers: Record<string, string>) =>
      fetch(`${server.url}${route}`, { headers: { ...headers, "User-Agent": "journey/1" } });
    await test.step("both header forms work, the dialog turns green", async () => {
      const me = await call("/v1/me", { Authorization: `Bearer ${secret}` });
      expect(me.status).toBe(200);
      expect(me.headers.get("x-ratelimit-limit")).toBe("60");
      expect(me.headers.get("ratelimit")).toContain('"key";r=59');
      expect((await call("/v1/limits", { "X-API-Key": secret })).status).toBe(200);
      expect((await call("/v1/status", { "x-api-key": secret })).status).toBe(200);
      await expect(
        page
          .getByRole("dialog")
          .getByText(/first call (arrived|accepted)|accepted/i)
          .first(),
      ).toBeVisible();
      await page.getByRole("dialog").getByRole("button", { name: "Done" }).click();
      await expect(page.getByRole("dialog")).toBeHidden();
      // A list of all keys, and somewhere to go on from by keyboard.
      await expect(page).toHaveURL(/\/orgs\/[^/]+\/keys$/);
      await expect(page.getByRole("button", { name: /^Remove filter/ })).toHaveCount(0);
      await expect(page.getByRole("main")).toBeFocused();
    });

    await test.step("a call comes to the key's page on its own: count, address, chart, request", async () => {
      await page
        .getByRole("link", { name: /Invoice intake/ })
        .first()
        .click();
      await expect(page.getByRole("heading", { level: 1, name: /Invoice intake/ })).toBeVisible();
      await expect(page.getByText("/v1/limits").first()).toBeVisible();
      expect((await call("/v1/credits", { "X-API-Key": secret })).status).toBe(200);
      await expect(page.getByText("/v1/credits").first()).toBeVisible();
      await expect(page.getByText("127.0.0.1").first()).toBeVisible();
      await expect(page.locator("svg.recharts-surface").first()).toBeVisible();
      await expectAccessible(page);
      await page.goto("/orgs/kestrel-papers");
      await expect(page.getByText("said from 20 calls on")).toBeVisible();
    });

    await test.step("the log and the audit log tell the same, also over HTTP", async () => {
      const logs = (await (await call("/v1/logs", { "X-API-Key": secret })).json()) as { data: { route: string; user_agent: string }[] };
      expect(logs.data.map((row) => row.route)).toEqual(expect.arrayContaining(["/v1/me", "/v1/limits", "/v1/status", "/v1/credits"]));
      expect(new Set(logs.data.map((row) => row.user_agent))).toEqual(new Set(["journey/1"]));
      const audit = (await (await call("/v1/audit-logs?event_type=api_key.create", { "X-API-Key": secret })).json()) as {
        data: { actor: { name: string }; ip: string }[];
      };
      expect(audit.data[0]?.actor.name).toBe("Maya Lindqvist");
      expect(audit.data[0]?.ip).toBe("127.0.0.1");
      await page.goto("/orgs/kestrel-papers/audit");
      await expect(page.getByText("Maya Lindqvist").nth(1)).toBeVisible();
      await expect(page.getByText("api_key.create").first()).toBeVisible();
      await page.goto("/orgs/kestrel-papers/logs");
      await expect(page.getByText("/v1/credits").first()).toBeVisible();
    });

    await test.step("over the plan's limit the answer is 429 with its headers", async () => {
      const answers = await Promise.all(Array.from({ length: 80 }, () => call("/v1/status", { "X-API-Key": secret })));
      const refused = answers.filter((answer) => answer.status === 429);
      expect(refused.length).toBeGreaterThan(0);
      expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(refused[0]?.headers.get("x-ratelimit-remaining")).toBe("0");
    });

    await test.step("after the dialog closes, the next request is 401", async () => {
      await page.goto("/orgs/kestrel-papers/keys");
      await page
        .getByRole("link", { name: /Invoice intake/ })
        .first()
        .click();
      await page.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Revoke…" }).click();
      const dialog = page.getByRole("dialog", { name: /Revoke Invoice intake/ });
      await expect(dialog.getByText("127.0.0.1").first()).toBeVisible();
      await expectAccessible(page);
      await dialog.getByRole("button", { name: "Revoke key" }).click();
      await expect(page.getByRole("dialog")).toBeHidden();
      const answer = await call("/v1/status", { "X-API-Key": secret });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      await expect(page.getByText("Revoked").first()).toBeVisible();
    });

    expect(faults).toEqual([]);
  } finally {
    await context.close();
    await server.stop();
    fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
});
