import clsx from "clsx";
import type { ReactNode } from "react";
import { CopyButton } from "./copy-button";

type CodeBlockProps = {
  /** The whole, real text: this is what the copy button copies. */
  code: string;
  /** Names the block for who cannot see it: "curl snippet". */
  label: string;
  language?: Language | undefined;
  /** Where it occurs in the code it is shown brass and shortened. */
  secret?: string | undefined;
  className?: string | undefined;
};

type Language = "shell" | "env" | "python" | "typescript" | "go" | "json" | "http" | "text";

export function CodeBlock({ code, label, language = "shell", secret, className }: CodeBlockProps) {
  return (
    <div className={clsx("relative min-w-0 rounded-lg bg-sunken shadow-[inset_0_0_0_1px_var(--line)]", className)}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, so a keyboard must reach it */}
      <section aria-label={label} tabIndex={0} translate="no" className="overflow-x-auto rounded-lg focus-visible:rounded-lg">
        <pre className="w-max min-w-full py-3 pr-12 pl-4 font-mono text-sm leading-5">
          <code>{paint(code, language, secret)}</code>
        </pre>
      </section>
      <span className="absolute top-1.5 right-1.5 flex rounded-md bg-sunken">
        <CopyButton text={code} label={secret && code.includes(secret) ? `Copy ${label} with the secret` : `Copy ${label}`} />
      </span>
    </div>
  );
}

const words = {
  shell: /^(?:curl|export|npm|npx|node|pip|python3?|go|docker)\b/,
  env: /^[A-Z][A-Z0-9_]*(?==)/,
  python: /^(?:import|from|as|def|return|with|for|in|if|else|not|None|True|False|raise|print)\b/,
  typescript: /^(?:import|from|export|const|let|await|async|function|return|new|if|else|throw|true|false|null)\b/,
  go: /^(?:package|import|func|var|const|return|if|nil|defer|err)\b/,
  json: /^(?:true|false|null)\b/,
  http: /^(?:GET|POST|PUT|PATCH|DELETE|HTTP\/[\d.]+)\b/,
  text: /^(?!)/,
} satisfies Record<Language, RegExp>;

const comments: Partial<Record<Language, RegExp>> = {
  shell: /^#[^\n]*/,
  env: /^#[^\n]*/,
  python: /^#[^\n]*/,
  typescript: /^\/\/[^\n]*/,
  go: /^\/\/[^\n]*/,
};

// Four kinds of word are enough for a snippet; a grammar per language would weigh more than the page.
function paint(code: string, language: Language, secret: string | undefined): ReactNode[] {
  const out: ReactNode[] = [];
  let plain = "";
  let at = 0;
  const put = (text: string, look: string) => {
    if (plain) out.push(plain);
    plain = "";
    out.push(
      <span key={out.length} className={look}>
        {text}
      </span>,
    );
  };
  const putWithSecret = (text: string, look: string) => {
    const parts = secret ? text.split(secret) : [text];
    parts.forEach((part, index) => {
      if (part) put(part, look);
      if (secret && index < parts.length - 1) put(shorten(secret), "text-brass-text");
    });
  };
  while (at < code.length) {
    const rest = code.slice(at);
    const fresh = at === 0 || /[\s(,;=|&]/.test(code[at - 1] ?? "");
    const comment = fresh ? comments[language]?.exec(rest)?.[0] : undefined;
    const string = language === "text" || language === "http" ? undefined : /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`)/.exec(rest)?.[0];
    const word = fresh ? words[language].exec(rest)?.[0] : undefined;
    if (secret && rest.startsWith(secret)) {
      put(shorten(secret), "text-brass-text");
      at += secret.length;
    } else if (comment) {
      put(comment, "text-fg-3");
      at += comment.length;
    } else if (string) {
      putWithSecret(string, "text-ok-text");
      at += string.length;
    } else if (word) {
      put(word, "text-accent-text");
      at += word.length;
    } else {
      plain += code[at];
      at += 1;
    }
  }
  if (plain) out.push(plain);
  return out;
}

function shorten(secret: string): string {
  return `${secret.slice(0, 16)}…`;
}
