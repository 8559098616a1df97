"use client";

import type { ComponentProps } from "react";
import { CodeBlock } from "@/components/ui/code-block";
import { useHydrated } from "@/components/ui/media";

/** Where the API is called: PUBLIC_URL, else a guess that the address of the page replaces. */
export type Base = { url: string; isSet: boolean };

/** A code block in which `$BASE` is the right base address. */
export function Snippet({ base, code, ...block }: { base: Base } & ComponentProps<typeof CodeBlock>) {
  const hydrated = useHydrated();
  const origin = hydrated && !base.isSet ? window.location.origin : base.url;
  return <CodeBlock {...block} code={code.replaceAll("$BASE", origin)} />;
}
