import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { callAs, expect, expectAccessible, test } from "./console";

/** Every page: no accessibility violation, nothing sideways, no fault in the console, a picture for people to look at. */
for (const width of [1440, 390]) {
  test.describe(`at ${width} px`, () => {
    test.use({ viewport: { width, height: 900 } });

    test("every page is accessible and fits", async ({ page, person, baseURL }, info) => {
      test.setTimeout(900_000);
      const group = await callAs<{ id: string }>(page, person.org, "POST", "/v1/api-groups", {
        name: "Production",
        description: "What customers reach",
      });
      const key = await callAs<{ id: string; secret: string }>(page, person.org, "POST", "/v1/api-keys", { name: "Invoice intake" });
      const ended = await callAs<{ id: string }>(page, person.org, "POST", "/v1/api-keys", { name: "Old bridge", environment: "test" });
      await callAs(page, person.org, "DELETE", `/v1/api-keys/${ended.id}`, { reason: "Replaced" });
      for (const route of ["/v1/me", "/v1/status", "/v1/limits", "/v1/api-keys/key_0", "/v1/audit-logs"])
        await fetch(`${baseURL}${route}`, { headers: { "X-API-Key": key.secret } });
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`));
      page.on(
        "console",
        (message) => message.type() === "error" && !/status of 404/.test(message.text()) && faults.push(`${page.url()}: ${message.text()}`),
      );

      const home = `/orgs/${person.org}`;
      const inside = [
        "",
        "/keys",
        "/keys?new=1",
        `/keys/${key.id}`,
        `/keys/${ended.id}`,
        "/groups",
        "/groups?new=1",
        "/groups?archived=1",
        `/groups/${group.id}`,
        "/usage",
        "/logs",
        "/audit",
        "/members",
        "/settings",
        "/keys/key_nothing",
      ].map((place) => home + place);
      const outside = ["/sign-in", "/sign-up", "/forgot", "/reset/some-token", "/invites/some-token", "/hand-over", "/leaked"];
      for (const place of [
        ...inside,
        "/account",
        "/docs",
        "/docs/reference",
        "/docs/errors",
        "/docs/gateway",
        "/docs/leaks",
        "/nowhere",
        ...outside,
      ]) {
        if (place === outside[0]) await page.context().clearCookies();
        await page.goto(place);
        await expect(page.locator("h1").first(), place).toBeVisible();
        await page.waitForLoadState("networkidle").catch(() => undefined);
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
          `${place} scrolls sideways`,
        ).toBeLessThanOrEqual(0);
        await info.attach(`${place} at ${width}`, { body: await page.screenshot({ fullPage: true }), contentType: "image/png" });
        await expectAccessible(page);
      }
      expect(faults).toEqual([]);
    });
  });
}

test("pages carry a fresh nonce, forbid framing and are never stored", async ({ page, person }) => {
  const nonces = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const response = await page.goto(`/orgs/${person.org}`);
    const headers = response?.headers() ?? {};
    const policy = headers["content-security-policy"] ?? "";
    nonces.add(/'nonce-([^']+)'/.exec(policy)?.[1] ?? "");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy.split(";").find((part) => part.trim().startsWith("script-src"))).not.toContain("unsafe-inline");
    expect(headers["cache-control"]).toMatch(/private.*no-store|no-store.*private/);
    expect(headers["x-powered-by"]).toBeUndefined();
    expect(headers["x-request-id"]).toMatch(/^req_/);
  }
  expect(nonces.size).toBe(3);
});

test("while the database is away a page says so with a request id, and is itself again afterwards", async ({ page, person, server }) => {
  const cluster = fs.readdirSync(server.dataDir).find((name) => name.startsWith("pg")) ?? "";
  const postmaster = Number(fs.readFileSync(path.join(server.dataDir, cluster, "postmaster.pid"), "utf8").split("\n")[0]);
  const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(postmaster)], { encoding: "utf8" })
    .split(/\s+/)
    .filter(Boolean)
    .map(Number);
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    for (const pid of [postmaster, ...children]) process.kill(pid, name);
  };
  signal("SIGSTOP");
  try {
    await page.goto(`/orgs/${person.org}/keys`);
    await expect(page.getByText(/did not load/i).first()).toBeVisible();
    await expect(page.getByText(/req_[0-9a-z]{26}/).first()).toBeVisible();
    const id = /req_[0-9a-z]{26}/.exec((await page.locator("body").textContent()) ?? "")?.[0] ?? "none";
    expect(server.logs()).toContain(id);
  } finally {
    signal("SIGCONT");
  }
  await expect(async () => {
    await page.goto(`/orgs/${person.org}/keys`);
    await expect(page.getByRole("heading", { level: 1, name: "Keys" })).toBeVisible({ timeout: 5_000 });
  }).toPass();
});
