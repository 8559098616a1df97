import Link from "next/link";
import type { ReactNode } from "react";
import { Mark } from "@/components/shell/mark";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { Button } from "@/components/ui/button";
import { pageSession } from "@/lib/auth/page";

export default async function DocsLayout({ children }: { children: ReactNode }) {
  // Readable while the database is away: then nobody is known.
  const isSignedIn = await pageSession().then(
    (session) => session !== null,
    () => false,
  );
  return (
    <>
      <header className="sticky top-0 z-10 border-b border-line bg-surface">
        <div className="mx-auto flex h-header max-w-[1360px] items-center gap-2.5 px-gutter">
          <Link href="/docs" className="flex items-center gap-2.5 font-semibold">
            <Mark />
            Latchkey <span className="font-quiet text-fg-3">docs</span>
          </Link>
          <div className="ml-auto flex items-center gap-1">
            <ThemeToggle />
            <Button asChild>
              <Link href={isSignedIn ? "/" : "/sign-in"}>{isSignedIn ? "Open console" : "Sign in"}</Link>
            </Button>
          </div>
        </div>
      </header>
      {children}
    </>
  );
}
