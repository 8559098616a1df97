import { defineConfig } from "@playwright/test";

// `npm test` finds or installs a browser and names it here; without the variable Playwright uses its own.
const executablePath = process.env.CHROMIUM_PATH;

export default defineConfig({
  testDir: "e2e",
  testIgnore: ["api/**", "rig/**"],
  // One worker and no retries: every journey starts a server of its own, and one that passes at the second try is a fault.
  workers: 1,
  retries: 0,
  // Generous: these are about what happens, not how fast. A busy machine takes four times as long as a quiet one.
  timeout: 300_000,
  expect: { timeout: 30_000 },
  outputDir: "test-results",
  use: {
    browserName: "chromium",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      ...(executablePath ? { executablePath } : {}),
      // The sandbox does not run as root.
      chromiumSandbox: process.getuid?.() !== 0,
      args: ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run"],
    },
  },
  // A phone is a matter of the journey: `test.use({ viewport: … })`.
  projects: [{ name: "desktop", use: { viewport: { width: 1440, height: 900 } } }],
});
