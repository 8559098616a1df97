"use client";

import clsx from "clsx";
import { Tooltip as Radix } from "radix-ui";
import { type ReactElement, type ReactNode, useState } from "react";
import { overlayHome } from "./overlay";

type TooltipProps = {
  content: ReactNode;
  side?: "top" | "right" | "bottom" | "left" | undefined;
  /** Hides the bubble where the words are on the screen anyway. */
  className?: string | undefined;
  children: ReactElement;
};

/** Repeats or completes what is already said: an exact time, a full name, why something is off. */
export function Tooltip({ content, side = "top", className, children }: TooltipProps) {
  const [open, setOpen] = useState(false);
  const [home, setHome] = useState<Element | null>(null);
  return (
    <Radix.Root
      open={open}
      onOpenChange={(next) => {
        if (next) setHome(overlayHome());
        setOpen(next);
      }}
    >
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal container={home}>
        <Radix.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className={clsx("pop z-50 max-w-72 rounded-md bg-ink px-2 py-1 text-sm text-on-ink tabular-nums", className)}
        >
          {content}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function TooltipProvider({ children }: { children: ReactNode }) {
  return (
    <Radix.Provider delayDuration={400} skipDelayDuration={200}>
      {children}
    </Radix.Provider>
  );
}
