import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseEnv, provideEnv } from "@/lib/env";
import { sendMail } from "@/lib/mail";

const MAIL = { to: "noor@people.example", subject: "Leaked: Intake", text: "Rotate it now." };

let dataDir: string;
let server: net.Server;
beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-mail-"));
  // Each test has a mail server of its own, and a process keeps to one.
  (globalThis as unknown as Record<symbol, Map<string, unknown>>)[Symbol.for("latchkey.runtime")]?.delete("mail");
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  server.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
});
const outbox = () =>
  fs.readdirSync(path.join(dataDir, "outbox")).map((name) => fs.readFileSync(path.join(dataDir, "outbox", name), "utf8"));

/** A mail server that takes connections, says `greeting`, and then nothing more. */
async function hangingServer(greeting: string, query = ""): Promise<void> {
  server = net.createServer((socket) => socket.on("error", () => {}).write(greeting)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  provideEnv(parseEnv({ LOG_LEVEL: "silent", DATA_DIR: dataDir, SMTP_URL: `smtp://127.0.0.1:${port}${query}` }));
}

test("a mail server that says nothing is given up after ten seconds, one that falls silent after twenty; the mail is kept", async () => {
  await hangingServer("");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const silence = vi.spyOn(net.Socket.prototype, "setTimeout");
  let isOver = false;
  const sending = sendMail(MAIL).finally(() => {
    isOver = true;
  });
  // As it is made, and as it is connected: from then on the server is waited for.
  while (silence.mock.calls.length < 2) await new Promise((done) => setImmediate(done));
  expect(silence.mock.calls[1]?.[0]).toBe(20_000);
  await vi.advanceTimersByTimeAsync(9_999);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await sending;
  expect(outbox()).toEqual([expect.stringContaining("To: noor@people.example\nSubject: Leaked: Intake")]);
});

test("limits that SMTP_URL sets itself stay", async () => {
  await hangingServer("220 mail.example ESMTP\r\n", "?socketTimeout=200");
  await sendMail(MAIL);
  expect(outbox()).toHaveLength(1);
});
