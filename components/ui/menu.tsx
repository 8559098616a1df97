"use client";

import clsx from "clsx";
import { Check } from "lucide-react";
import Link from "next/link";
import { DropdownMenu as Radix } from "radix-ui";
import { type ReactElement, type ReactNode, useState } from "react";
import { overlayHome } from "./overlay";

type MenuProps = {
  /** One Button. */
  trigger: ReactElement;
  align?: "start" | "end" | undefined;
  side?: "top" | "bottom" | "right" | undefined;
  className?: string | undefined;
  children: ReactNode;
};

export function Menu({ trigger, align = "end", side = "bottom", className, children }: MenuProps) {
  const [open, setOpen] = useState(false);
  const [home, setHome] = useState<Element | null>(null);
  return (
    <Radix.Root
      modal={false}
      open={open}
      onOpenChange={(next) => {
        if (next) setHome(overlayHome());
        setOpen(next);
      }}
    >
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal container={home}>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={4}
          collisionPadding={8}
          className={clsx(
            "pop floating z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-48 overflow-y-auto rounded-lg p-1 text-fg focus-visible:outline-none",
            className,
          )}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

const row =
  "flex h-8 cursor-default select-none items-center gap-2.5 rounded-md px-2 outline-none data-disabled:text-fg-3 data-highlighted:bg-hover max-md:h-10 [&_svg]:text-fg-3";

type MenuItemProps = {
  icon?: ReactNode;
  /** A page; else `onSelect`. */
  href?: string | undefined;
  onSelect?: ((event: Event) => void) | undefined;
  danger?: boolean | undefined;
  disabled?: boolean | undefined;
  /** At the right: a keycap, a count. */
  aside?: ReactNode;
  children: ReactNode;
};

export function MenuItem({ icon, href, onSelect, danger = false, disabled = false, aside, children }: MenuItemProps) {
  const content = (
    <>
      {icon}
      <span className="cut flex-1">{children}</span>
      {aside}
    </>
  );
  return (
    <Radix.Item
      disabled={disabled}
      {...(onSelect ? { onSelect } : {})}
      asChild={href !== undefined}
      className={clsx(row, danger && "text-bad-text data-highlighted:bg-bad-soft [&_svg]:text-bad-text")}
    >
      {href === undefined ? content : <Link href={href}>{content}</Link>}
    </Radix.Item>
  );
}

/** One of several; choosing closes the menu. */
export function MenuChoice<V extends string>({
  value,
  onValueChange,
  options,
}: {
  value: V | undefined;
  onValueChange: (value: V) => void;
  options: readonly { value: V; label: ReactNode }[];
}) {
  return (
    <Radix.RadioGroup value={value ?? ""} onValueChange={(next) => onValueChange(next as V)}>
      {options.map((option) => (
        <Radix.RadioItem key={option.value} value={option.value} className={row}>
          <span className="cut flex-1">{option.label}</span>
          <Radix.ItemIndicator>
            <Check className="text-fg" />
          </Radix.ItemIndicator>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2 pt-2 pb-1 text-sm text-fg-3">{children}</Radix.Label>;
}

export function MenuSeparator() {
  return <Radix.Separator className="-mx-1 my-1 h-px bg-line" />;
}
