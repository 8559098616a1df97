"use client";

import clsx from "clsx";
import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

const pages = [
  { href: "/docs", label: "Quick start" },
  { href: "/docs/reference", label: "API reference" },
  { href: "/docs/errors", label: "Errors" },
  { href: "/docs/gateway", label: "In front of your API" },
  { href: "/docs/leaks", label: "Leaked keys" },
] as const;

type Entry = { id: string; label: string; mono?: boolean | undefined; entries?: readonly Entry[] | undefined };

type DocsPageProps = {
  title: string;
  lead: ReactNode;
  /** Headings of this page, for the contents at the left. */
  contents: readonly Entry[];
  /** With code beside the text from 1400 on. */
  wide?: boolean | undefined;
  children: ReactNode;
};

export function DocsPage({ title, lead, contents, wide = false, children }: DocsPageProps) {
  const pathname = usePathname();
  return (
    <div className="mx-auto grid max-w-[1360px] grid-cols-[minmax(0,1fr)] gap-x-12 px-gutter lg:grid-cols-[216px_minmax(0,1fr)]">
      <nav
        aria-label="Docs"
        className="min-w-0 text-md max-lg:border-b max-lg:border-line max-lg:py-2 lg:sticky lg:top-header lg:h-[calc(100dvh-var(--header))] lg:overflow-y-auto lg:py-8"
      >
        <ul className="no-scrollbar flex gap-1 max-lg:overflow-x-auto lg:flex-col lg:gap-px">
          {pages.map((page) => {
            const isCurrent = page.href === pathname;
            return (
              <li key={page.href} className="flex-none">
                <Link
                  href={page.href}
                  aria-current={isCurrent ? "page" : undefined}
                  className={clsx(
                    "fast flex h-8 items-center rounded-md px-2 hover:bg-hover focus-visible:-outline-offset-2",
                    isCurrent ? "bg-hover font-strong text-fg" : "font-quiet text-fg-2",
                  )}
                >
                  {page.label}
                </Link>
                {isCurrent && (
                  <div className="mt-1 mb-3 ml-2 border-l border-line max-lg:hidden">
                    <Contents entries={contents} />
                  </div>
                )}
              </li>
            );
          })}
          <li className="flex-none">
            <a
              href="/openapi.json"
              className="fast flex h-8 items-center rounded-md px-2 font-quiet text-fg-2 hover:bg-hover focus-visible:-outline-offset-2"
            >
              OpenAPI file
            </a>
          </li>
        </ul>
      </nav>
      <main id="main" tabIndex={-1} className={clsx("min-w-0 pt-8 pb-24", !wide && "max-w-read")}>
        <h1 className="text-h1 font-semibold">{title}</h1>
        <p className="mt-1 mb-10 max-w-[68ch] text-lg leading-6 text-fg-2 max-lg:mb-6">{lead}</p>
        {contents.some(({ entries }) => entries) && (
          <nav aria-label="On this page" className="mb-8 lg:hidden">
            <ul className="flex flex-wrap gap-x-4 gap-y-2">
              {contents.map((entry) => (
                <li key={entry.id}>
                  <a href={`#${entry.id}`} className="link inline-block py-1">
                    {entry.label}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        )}
        {children}
      </main>
    </div>
  );
}

function Contents({ entries }: { entries: readonly Entry[] }) {
  return (
    <ul>
      {entries.map((entry) => (
        <li key={entry.id}>
          <a
            href={`#${entry.id}`}
            className={clsx(
              "fast block py-1 pl-3 text-fg-2 hover:text-fg focus-visible:-outline-offset-2",
              entry.mono && "font-mono text-sm wrap-anywhere",
              entry.entries && "font-medium text-fg",
            )}
          >
            {entry.label}
          </a>
          {entry.entries && (
            <div className="mb-2 pl-3 text-sm">
              <Contents entries={entry.entries} />
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A part of a page of prose: its heading can be linked to. */
export function DocsSection({ id, title, children }: { id: string; title: ReactNode; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="mb-12 text-h3 leading-6 font-normal tracking-normal">
      <h2 id={id} className="mb-3 text-h2 font-semibold">
        {title}
      </h2>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">{children}</div>
    </section>
  );
}
