import Link from "next/link";
import type { ReactNode } from "react";
import { Mark } from "@/components/shell/mark";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { KeyWall } from "./key-wall";

/** Around everything one sees before the console: one narrow column, and from 900 px the wall of keys. */
export function AuthFrame({ host, children }: { host: string; children: ReactNode }) {
  return (
    <div className="grid min-h-dvh min-[56.25rem]:grid-cols-[minmax(480px,5fr)_6fr]">
      <div className="flex min-w-0 flex-col px-5 py-6 min-[56.25rem]:px-12 min-[56.25rem]:py-10">
        <main className="m-auto w-full max-w-[360px] py-8 min-[56.25rem]:max-w-[344px]">
          <p className="mb-10 flex items-center gap-2.5 text-h3 font-semibold">
            <Mark size={28} />
            Latchkey
          </p>
          {children}
        </main>
        <footer className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-fg-3">
          <span className="mono" translate="no">
            {host}
          </span>
          <Link href="/docs" className="fast hover:text-fg">
            Docs
          </Link>
          <Link href="/leaked" className="fast hover:text-fg">
            Report a leaked key
          </Link>
          <span className="-my-1.5 ml-auto">
            <ThemeToggle />
          </span>
        </footer>
      </div>
      <aside aria-hidden="true" className="sticky top-0 hidden h-dvh border-l border-line bg-page min-[56.25rem]:block">
        <KeyWall />
      </aside>
    </div>
  );
}

export function AuthTitle({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="mb-6">
      <h1 className="text-h1 font-semibold text-balance wrap-anywhere">{title}</h1>
      {children && <p className="mt-1 text-fg-2 wrap-anywhere">{children}</p>}
    </div>
  );
}
