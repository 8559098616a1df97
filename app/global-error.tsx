"use client";

import "./globals.css";
import { Mark } from "@/components/shell/mark";

/** When even the root layout failed: no provider, no script is sure to run, so the way on is a link. */
export default function GlobalError() {
  return (
    <html lang="en">
      <body>
        <title>This page did not load · Latchkey</title>
        <main className="flex min-h-dvh flex-col items-center justify-center px-gutter text-center">
          <Mark size={40} />
          <h1 className="mt-6 text-h1 font-semibold">This page did not load</h1>
          <p className="mt-1 max-w-[46ch] text-balance text-fg-2">Nothing was changed. The operator’s log says why.</p>
          {/* biome-ignore lint/a11y/useValidAnchor: an empty address is this page, loaded again */}
          <a href="" className="link mt-6">
            Try again
          </a>
        </main>
      </body>
    </html>
  );
}
