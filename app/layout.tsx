import "./globals.css";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { fontVariables } from "@/components/shell/fonts";
import { Providers } from "@/components/shell/providers";
import { pageFront } from "@/lib/auth/page";

export const metadata: Metadata = {
  title: { template: "%s · Latchkey", default: "Latchkey" },
  description: "Keys, limits, usage and audit for the API behind this gateway.",
  robots: { index: false },
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "white" },
    { media: "(prefers-color-scheme: dark)", color: "black" },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  const { id, nonce } = await pageFront();
  return (
    <html lang="en" data-request-id={id} className={fontVariables} suppressHydrationWarning>
      <body>
        <Providers nonce={nonce} now={new Date().toISOString()}>
          {children}
        </Providers>
      </body>
    </html>
  );
}
