"use client";

import clsx from "clsx";
import { Popover as Radix } from "radix-ui";
import { type ReactElement, type ReactNode, useState } from "react";
import { overlayHome } from "./overlay";

type PopoverProps = {
  /** What it is, for those who hear it. */
  label: string;
  /** One button. */
  trigger: ReactElement;
  align?: "start" | "end" | undefined;
  className?: string | undefined;
  children: ReactNode;
};

/** More of something, on demand: opens on click, closes on Escape or a click elsewhere. */
export function Popover({ label, trigger, align = "start", className, children }: PopoverProps) {
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
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal container={home}>
        <Radix.Content
          aria-label={label}
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className={clsx("pop floating z-30 max-w-[min(340px,calc(100vw-16px))] rounded-lg text-fg focus-visible:outline-none", className)}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
