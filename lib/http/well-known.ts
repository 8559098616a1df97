import "server-only";
import { env } from "@/lib/env";
import { ownForms } from "@/lib/keys/forms";
import { describeForms, gitleaksRules, scannerPaths, securityText, trufflehogRules } from "@/lib/keys/scanner";

/** What stands under /.well-known for whoever looks for leaked keys: path → content type and text. `nowMs` since 1970. */
export const wellKnown: Record<string, (nowMs: number) => Promise<{ type: string; text: string }>> = {
  [scannerPaths.description]: async () => ({ type: "application/json", text: JSON.stringify(describeForms(await scanned()), null, 2) }),
  [scannerPaths.gitleaks]: async () => ({ type: "application/toml", text: gitleaksRules(await scanned()) }),
  [scannerPaths.trufflehog]: async () => ({ type: "application/yaml", text: trufflehogRules(await scanned()) }),
  [scannerPaths.security]: async (nowMs) => ({ type: "text/plain; charset=utf-8", text: securityText(env().publicUrl, nowMs) }),
};

async function scanned() {
  return { forms: await ownForms(), publicUrl: env().publicUrl };
}
