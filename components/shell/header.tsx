"use client";

import Link from "next/link";
import { createContext, Fragment, type ReactNode, use, useEffect, useState } from "react";
import { Pill } from "@/components/ui/pill";
import { ThemeToggle } from "./theme-toggle";

export type Crumb = { label: string; href: string; note?: string | undefined };

const CrumbContext = createContext<(label: string | null) => void>(() => {});

/** Keeps the last crumb, which only the page knows. */
export function CrumbProvider({ children }: { children: (label: string | null) => ReactNode }) {
  const [label, setLabel] = useState<string | null>(null);
  return <CrumbContext value={setLabel}>{children(label)}</CrumbContext>;
}

/** A page that shows one thing puts its name behind the list it came from: `<PageCrumb label={key.name} />`. */
export function PageCrumb({ label }: { label: string }) {
  const set = use(CrumbContext);
  useEffect(() => {
    set(label);
    return () => set(null);
  }, [set, label]);
  return null;
}

type HeaderProps = {
  crumbs: readonly Crumb[];
  /** Before the crumbs on a phone: the button that opens the navigation. */
  start?: ReactNode;
  /** Before the theme switch. */
  end?: ReactNode;
};

export function Header({ crumbs, start, end }: HeaderProps) {
  return (
    <header className="sticky top-0 z-10 flex h-header flex-none items-center gap-2 border-b border-line bg-surface px-gutter max-md:px-2">
      {start}
      <nav aria-label="Breadcrumb" className="min-w-0 flex-1">
        <ol className="flex min-w-0 items-center gap-2 text-fg-3">
          {crumbs.map((crumb, index) => {
            const last = index === crumbs.length - 1;
            return (
              <Fragment key={crumb.href}>
                <li className={last ? "cut font-medium text-fg" : "max-w-56 cut max-md:hidden"}>
                  {last ? (
                    <span aria-current="page">{crumb.label}</span>
                  ) : (
                    <Link href={crumb.href} className="fast hover:text-fg">
                      {crumb.label}
                    </Link>
                  )}
                </li>
                {crumb.note && (
                  <li className="flex max-md:hidden">
                    <Pill>{crumb.note}</Pill>
                  </li>
                )}
                {!last && (
                  <li aria-hidden="true" className="max-md:hidden">
                    /
                  </li>
                )}
              </Fragment>
            );
          })}
        </ol>
      </nav>
      <div className="flex flex-none items-center gap-1">
        {end}
        <ThemeToggle />
      </div>
    </header>
  );
}
