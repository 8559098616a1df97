import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { type Browser, test as base, expect, type Locator, type Page } from "@playwright/test";
import { startServer, type TestServer } from "@/lib/testing/server";

/** One server on an empty data directory for the whole run; a person in it who has just signed up. */
export const test = base.extend<{ person: Person; log: undefined }, { server: TestServer; patience: undefined }>({
  patience: [
    async ({ browser }, use) => {
      await actOnlyWhenHydrated(browser);
      await use(undefined);
    },
    { scope: "worker", auto: true },
  ],
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
    async ({}, use) => {
      const server = await startServer({ env: { ADMIN_TOKEN: "operator-token-of-the-tests" } });
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  // What failed in the browser is often explained by what the server said.
  log: [
    async ({ server }, use, info) => {
      await use(undefined);
      if (info.status !== info.expectedStatus) await info.attach("server", { body: server.logs(), contentType: "text/plain" });
    },
    { auto: true },
  ],
  person: async ({ page }, use, info) => use(await signUp(page, `p${info.workerIndex}-${info.line}-${Date.now().toString(36)}`)),
});

export { expect };

export interface Person {
  email: string;
  password: string;
  /** The slug of their organization. */
  org: string;
}

/**
 * Makes every page of this process wait, after a navigation and before a click or a choice, until React has taken the page over: what
 * is clicked before is lost, and a slow machine shows pages long before their script has run.
 */
export async function actOnlyWhenHydrated(browser: Browser): Promise<void> {
  if (patient) return;
  patient = true;
  const page = await browser.newPage();
  const pages: Methods = Object.getPrototypeOf(page);
  const locators: Methods = Object.getPrototypeOf(page.locator("body"));
  await page.close();
  for (const name of ["goto", "reload", "goBack", "goForward", "waitForURL"]) {
    const act = pages[name] as Method;
    pages[name] = async function (...given) {
      const answer = await act.apply(this, given);
      await hydrated(this as Page);
      return answer;
    };
  }
  for (const name of ["click", "check", "uncheck", "selectOption"]) {
    const act = locators[name] as Method;
    locators[name] = async function (...given) {
      await hydrated((this as Locator).page());
      return act.apply(this, given);
    };
  }
}

let patient = false;
type Method = (this: unknown, ...given: unknown[]) => Promise<unknown>;
type Methods = Record<string, Method>;

/** Resolves when every control of the page is React's; after a while in any case, as for a page whose script was switched off. */
async function hydrated(page: Page): Promise<void> {
  const taken = () =>
    [...document.querySelectorAll("button, input, select, textarea")].every((control) =>
      Object.keys(control).some((property) => property.startsWith("__reactProps$")),
    );
  await page.waitForFunction(taken, undefined, { timeout: 5_000 }).catch(() => {});
}

const PASSWORD = "a short sentence works";

/** Signs somebody up through the page and waits for their overview. */
export async function signUp(page: Page, name: string): Promise<Person> {
  const email = `${name}@people.example`;
  await page.goto("/sign-up");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Organization").fill(`Org ${name}`);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL(/\/orgs\/[^/]+$/);
  return { email, password: PASSWORD, org: page.url().split("/").at(-1) ?? "" };
}

/** The newest message of the outbox to an address: with no mail server set, mail lies there. */
export function mailTo(dataDir: string, address: string): string {
  const outbox = path.join(dataDir, "outbox");
  const messages = fs.existsSync(outbox)
    ? fs
        .readdirSync(outbox)
        .sort()
        .map((name) => fs.readFileSync(path.join(outbox, name), "utf8"))
    : [];
  return messages.findLast((text) => text.includes(`To: ${address}\n`)) ?? "";
}

/** The path of the first link in a message. */
export const linkIn = (mail: string): string => new URL(/https?:\/\/\S+/.exec(mail)?.[0] ?? "http://no.link").pathname;

/** Calls the console's own API as the person of this page; gives back the answer's JSON. */
export async function callAs<T>(page: Page, org: string, method: string, path: string, body?: object): Promise<T> {
  return page.evaluate(
    async ({ org, method, path, body }) => {
      const response = await fetch(path, {
        method,
        headers: { "Latchkey-Organization": org, "Content-Type": "application/json" },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return response.json();
    },
    { org, method, path, body },
  );
}

/** No accessibility violation on what the page shows now, in either theme. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.emulateMedia({ reducedMotion: "reduce" }); // colours on their way from one theme to the other have no contrast of their own
  for (const theme of ["light", "dark"]) {
    await page.evaluate((name) => document.documentElement.setAttribute("data-theme", name), theme);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(
      violations.map((violation) => `${theme}: ${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`),
    ).toEqual([]);
  }
}

/** `npm start` as a newcomer runs it, on the given port and data directory. Resolves when the terminal says it is ready. */
export async function npmStart(port: number, dataDir: string): Promise<{ url: string; output(): string; stop(): Promise<void> }> {
  const child: ChildProcess = spawn("npm", ["start"], {
    env: { ...process.env, PORT: String(port), DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const deadline = Date.now() + 180_000;
  while (!output.includes("Stop it with Ctrl-C")) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`npm start did not get ready:\n${output}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  const stop = async () => {
    const exit = once(child, "exit");
    process.kill(-(child.pid ?? 0), "SIGINT"); // what Ctrl-C sends: the whole group
    await exit;
  };
  return { url: `http://localhost:${port}`, output: () => output, stop };
}
