"use client";

import { CodeBlock } from "@/components/ui/code-block";
import { Tabs } from "@/components/ui/tabs";
import type { NewKey } from "@/lib/keys/schema";

/** Without access and scopes where nothing is known of the key but its secret. */
type Created = Pick<NewKey, "secret"> & Partial<Pick<NewKey, "access" | "scopes">>;

/** Ready to run with the real secret in it; on the screen it is shortened. */
export function Snippets({ created, base, onCopied }: { created: Created; base: string; onCopied: () => void }) {
  const { secret } = created;
  const url = `${base}${firstRoute(created)}`;
  const block = (value: string, label: string, language: "shell" | "env" | "python" | "typescript", code: string) => ({
    value,
    label,
    content: <CodeBlock code={code} label={`${label} snippet`} language={language} secret={secret} />,
  });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only notes that a copy button inside was pressed
    // biome-ignore lint/a11y/useKeyWithClickEvents: a button's key press arrives as a click
    <div onClick={(event) => event.target instanceof Element && event.target.closest("[role=tabpanel] button") && onCopied()}>
      <Tabs
        label="Snippets"
        items={[
          block("curl", "curl", "shell", `curl ${url} \\\n  -H "Authorization: Bearer ${secret}"`),
          block("env", ".env", "env", `LATCHKEY_URL=${base}\nLATCHKEY_API_KEY=${secret}`),
          block(
            "python",
            "Python",
            "python",
            `import json, urllib.request\n\nrequest = urllib.request.Request(\n    "${url}",\n    headers={"Authorization": "Bearer ${secret}"},\n)\nwith urllib.request.urlopen(request) as response:\n    print(json.load(response))`,
          ),
          block(
            "typescript",
            "TypeScript",
            "typescript",
            `const response = await fetch("${url}", {\n  headers: { Authorization: "Bearer ${secret}" },\n});\nconsole.log(response.status, await response.json());`,
          ),
        ]}
      />
    </div>
  );
}

/** A first call that this key may make: every key may read itself. */
function firstRoute(key: Created): string {
  return key.access !== "write" && key.scopes?.includes("status") ? "/v1/status" : "/v1/me";
}
