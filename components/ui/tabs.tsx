"use client";

import clsx from "clsx";
import Link from "next/link";
import { Tabs as Radix } from "radix-ui";
import type { KeyboardEvent, ReactNode } from "react";
import { Pill } from "./pill";

// The focus ring needs 4 px beside the word; the line under it does not take them.
const strip = "no-scrollbar -mx-1 -mb-px flex gap-3 overflow-x-auto overflow-y-hidden";
const tab =
  "fast relative inline-flex h-9 flex-none cursor-default items-center gap-1.5 whitespace-nowrap px-1 font-quiet text-fg-2 hover:text-fg focus-visible:-outline-offset-2 after:absolute after:inset-x-1 after:bottom-0 after:h-0.5 aria-[current=page]:font-strong aria-[current=page]:text-fg aria-[current=page]:after:bg-fg data-[state=active]:font-strong data-[state=active]:text-fg data-[state=active]:after:bg-fg";

type LinkTabsProps = {
  label: string;
  items: readonly { href: string; label: ReactNode; count?: number | undefined; current: boolean }[];
  className?: string | undefined;
};

/** Saved filters of a list, or the parts of a page: each has its own address. */
export function LinkTabs({ label, items, className }: LinkTabsProps) {
  const walk = (event: KeyboardEvent<HTMLElement>) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const links = [...event.currentTarget.querySelectorAll("a")];
    const at = links.findIndex((link) => link.contains(document.activeElement));
    if (step === 0 || at < 0) return;
    event.preventDefault();
    links[(at + step + links.length) % links.length]?.focus();
  };
  return (
    <nav aria-label={label} className={clsx("border-b border-line max-md:-mx-gutter", className)} onKeyDown={walk}>
      <div className={clsx(strip, "max-md:mx-0 max-md:px-[calc(var(--gutter)-4px)]")}>
        {items.map((item) => (
          <Link key={item.href} href={item.href} aria-current={item.current ? "page" : undefined} scroll={false} className={tab}>
            {item.label}
            {item.count !== undefined && <Pill>{item.count.toLocaleString("en")}</Pill>}
          </Link>
        ))}
      </div>
    </nav>
  );
}

type TabsProps = {
  label: string;
  items: readonly { value: string; label: ReactNode; content: ReactNode }[];
  value?: string | undefined;
  defaultValue?: string | undefined;
  onValueChange?: ((value: string) => void) | undefined;
};

/** Variants of one thing in place, such as snippets. */
export function Tabs({ label, items, value, defaultValue = items[0]?.value, onValueChange }: TabsProps) {
  return (
    <Radix.Root
      {...(value === undefined ? {} : { value })}
      {...(defaultValue === undefined || value !== undefined ? {} : { defaultValue })}
      {...(onValueChange ? { onValueChange } : {})}
      className="min-w-0"
    >
      <div className="border-b border-line">
        <Radix.List aria-label={label} className={strip}>
          {items.map((item) => (
            <Radix.Trigger key={item.value} value={item.value} className={tab}>
              {item.label}
            </Radix.Trigger>
          ))}
        </Radix.List>
      </div>
      {items.map((item) => (
        <Radix.Content key={item.value} value={item.value} className="mt-3 min-w-0">
          {item.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
