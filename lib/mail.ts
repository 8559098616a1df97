import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport, type Transporter } from "nodemailer";
import { env } from "@/lib/env";
import { describe, log } from "@/lib/log";
import { once } from "@/lib/runtime";

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/**
 * Sends by SMTP_URL, else leaves the message as a file in DATA_DIR/outbox. Never throws: a mail follows a change that holds
 * already. A message that could not be sent is put into the outbox too.
 */
export async function sendMail(mail: Mail): Promise<void> {
  const { smtpUrl, mailFrom } = env();
  if (smtpUrl !== null) {
    try {
      await once<Transporter>("mail", () => createTransport(withTimeouts(smtpUrl))).sendMail({ from: mailFrom, ...mail });
      return;
    } catch (error) {
      log("error", "a mail could not be sent; it is in the outbox", describe(error));
    }
  }
  await keep(mail).catch((error) => log("error", "a mail could neither be sent nor kept", describe(error)));
}

/** A mail server that accepts and then says nothing must not hold up what waits behind it. What SMTP_URL sets itself stays. */
function withTimeouts(smtpUrl: string): string {
  const url = new URL(smtpUrl);
  for (const [name, ms] of Object.entries({ connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 }))
    if (!url.searchParams.has(name)) url.searchParams.set(name, String(ms));
  return url.href;
}

async function keep(mail: Mail): Promise<void> {
  const folder = join(env().dataDir, "outbox");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `${new Date().toISOString().replace(/[:.]/g, "-")}-${Math.random().toString(36).slice(2, 8)}.txt`;
  await writeFile(join(folder, name), `From: ${env().mailFrom}\nTo: ${mail.to}\nSubject: ${mail.subject}\n\n${mail.text}\n`, {
    mode: 0o600,
  });
}
