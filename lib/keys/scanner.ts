import type { Form } from "@/lib/keys/secret";

/**
 * How scanners recognise our keys, in their own languages. Pure. One expression for all of them, without look-around, which RE2 (gitleaks,
 * TruffleHog) does not have; who wants no false alarm recomputes the checksum, which the description explains.
 */

export interface Scanned {
  /** Our own forms, of today and of earlier prefixes. */
  forms: readonly Pick<Form, "prefix" | "length">[];
  /** Without a slash at the end. */
  publicUrl: string;
}

export const scannerPaths = {
  description: "/.well-known/latchkey-secret-scanning.json",
  gitleaks: "/.well-known/latchkey-gitleaks.toml",
  trufflehog: "/.well-known/latchkey-trufflehog.yaml",
  security: "/.well-known/security.txt",
  report: "/leaked",
} as const;

/** Matches a whole key in any text. A prefix is of A-Z a-z 0-9 _ -, none of which means anything outside of brackets. */
export function patternOf({ prefix, length }: Pick<Form, "prefix" | "length">): string {
  const edge = /^\w/.test(prefix) ? "\\b" : "";
  return `${edge}${prefix}[0-9A-Za-z]{${length - prefix.length}}\\b`;
}

export function describeForms({ forms, publicUrl }: Scanned): object {
  return {
    name: "Latchkey API keys",
    secrets: forms.map((form) => ({ prefix: form.prefix, length: form.length, regex: patternOf(form) })),
    checksum: {
      algorithm: "CRC-32 (ISO 3309, as in zlib) of all characters before the checksum",
      encoding: "base 62, most significant digit first, padded with 0",
      alphabet: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      length: 6,
      position: "last",
    },
    report: {
      page: publicUrl + scannerPaths.report,
      method: "POST",
      url: `${publicUrl}/v1/leaks`,
      content_type: "application/json",
      body: { key: "the whole key", url: "where it was found (optional)" },
      answer: "202, always the same",
    },
    rules: { gitleaks: publicUrl + scannerPaths.gitleaks, trufflehog: publicUrl + scannerPaths.trufflehog },
  };
}

/** A configuration for gitleaks 8: `gitleaks dir -c latchkey-gitleaks.toml`. */
export function gitleaksRules({ forms, publicUrl }: Scanned): string {
  const rules = forms.map(
    (form, i) => `
[[rules]]
id = "latchkey-api-key-${i + 1}"
description = "Latchkey API key ${form.prefix}…; report it at ${publicUrl}${scannerPaths.report}"
regex = '''${patternOf(form)}'''
keywords = ["${form.prefix.toLowerCase()}"]
`,
  );
  return `# Keys of ${publicUrl}\ntitle = "Latchkey API keys"\n\n[extend]\nuseDefault = true\n${rules.join("")}`;
}

/** Custom detectors for TruffleHog 3: `trufflehog filesystem --config=latchkey-trufflehog.yaml .` */
export function trufflehogRules({ forms, publicUrl }: Scanned): string {
  const detectors = forms.map(
    (form, i) => `  - name: latchkey-api-key-${i + 1}
    keywords:
      - '${form.prefix}'
    regex:
      key: '${patternOf(form)}'
`,
  );
  return `# Keys of ${publicUrl}. Report one at ${publicUrl}${scannerPaths.report}\ndetectors:\n${detectors.join("")}`;
}

const SIX_MONTHS_MS = 182 * 86_400_000;

/** RFC 9116. `now` in milliseconds. */
export function securityText(publicUrl: string, now: number): string {
  const expires = new Date(Math.floor((now + SIX_MONTHS_MS) / 86_400_000) * 86_400_000).toISOString();
  return [
    "# Found a key of ours? Report it here: it is dealt with at once.",
    `Contact: ${publicUrl}${scannerPaths.report}`,
    `Expires: ${expires.replace(".000Z", "Z")}`,
    `Canonical: ${publicUrl}${scannerPaths.security}`,
    "Preferred-Languages: en",
    "",
  ].join("\n");
}
