"use client";

import { useEffect, useRef } from "react";
import { CopyButton } from "./copy-button";

type SecretFieldProps = {
  secret: string;
  /** The public start of it: its last six characters are brass. */
  prefix: string;
  /** What it is called: a link that shows a secret is one as well. */
  word?: "secret" | "link" | undefined;
  /** Whether copying it is the view's primary act; off where another one leads. */
  leads?: boolean | undefined;
  /** Once it appears the focus rests on its button. */
  focused?: boolean | undefined;
  /** The whole secret left the screen: by the button, or by hand. */
  onCopied?: (() => void) | undefined;
};

/** The only place where a whole secret is shown. One click selects it. */
export function SecretField({ secret, prefix, word = "secret", leads = true, focused = false, onCopied }: SecretFieldProps) {
  const field = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (focused) field.current?.querySelector("button")?.focus();
  }, [focused]);
  const cut = secret.startsWith(prefix) ? prefix.length : 0;
  return (
    <div
      ref={field}
      className="flex items-center gap-2 rounded-lg bg-brass-soft p-1.5 pl-4 shadow-[inset_0_0_0_1px_var(--brass-line)] max-md:flex-wrap max-md:p-3"
    >
      <code
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard must be able to reach and copy it
        tabIndex={0}
        translate="no"
        onCopy={() => {
          if (window.getSelection()?.toString().trim() === secret) onCopied?.();
        }}
        className="min-w-0 flex-1 select-all py-1 font-mono text-lg font-medium tracking-[-0.01em] break-all text-fg max-md:basis-full"
      >
        <span className="sr-only select-none">{word === "secret" ? "Secret" : "Link"}: </span>
        {secret.slice(0, Math.max(0, cut - 6))}
        <span className="text-brass-text">{secret.slice(Math.max(0, cut - 6), cut)}</span>
        {secret.slice(cut)}
      </code>
      <CopyButton
        text={secret}
        label={`Copy ${word}`}
        variant={leads ? "primary" : "default"}
        size="md"
        className="flex max-md:w-full"
        onCopied={onCopied}
      >
        Copy {word}
      </CopyButton>
    </div>
  );
}
