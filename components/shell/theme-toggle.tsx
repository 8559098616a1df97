"use client";

import { useTheme } from "next-themes";
import { Button } from "@/components/ui/button";
import { useHydrated } from "@/components/ui/media";

/** Light and dark; the system decides until the first press. */
export function ThemeToggle() {
  const { resolvedTheme, setTheme } = useTheme();
  const dark = useHydrated() && resolvedTheme === "dark";
  return (
    <Button
      variant="ghost"
      icon={<HalfCircle />}
      label={dark ? "Use light theme" : "Use dark theme"}
      onClick={() => setTheme(dark ? "light" : "dark")}
    />
  );
}

/** Lucide's half circle is drawn too small beside its other signs. */
export function HalfCircle() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" aria-hidden="true" className="lucide">
      <circle cx="12" cy="12" r="9" />
      <path d="M12 3v18" />
    </svg>
  );
}
