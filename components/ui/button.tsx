"use client";

import clsx from "clsx";
import { Slot } from "radix-ui";
import type { ComponentProps, MouseEvent, ReactNode } from "react";
import { Tooltip } from "./tooltip";

type Variant = "primary" | "default" | "ghost" | "danger" | "danger-quiet";
type Size = "md" | "sm" | "xs";

export type ButtonProps = Omit<ComponentProps<"button">, "disabled"> & {
  variant?: Variant | undefined;
  size?: Size | undefined;
  icon?: ReactNode;
  /** A trailing icon, for a button that opens something. */
  end?: ReactNode;
  /** Name of an icon-only button: announced, and shown as its tooltip. */
  label?: string | undefined;
  busy?: boolean | undefined;
  /** What it says while busy. Give it always, so that the width never changes. */
  busyLabel?: string | undefined;
  /** Stays focusable; `reason` says why. */
  disabled?: boolean | undefined;
  reason?: string | undefined;
  /** The only child becomes the button: `<Button asChild><Link href="…">…</Link></Button>`. */
  asChild?: boolean | undefined;
};

const looks: Record<Variant, string> = {
  primary: "border-ink bg-ink text-on-ink hover:border-ink-hover hover:bg-ink-hover",
  default: "border-line-strong bg-surface text-fg hover:bg-hover [&_svg]:text-fg-3",
  ghost:
    "border-transparent text-fg-2 [&_svg]:text-fg-3 hover:bg-hover hover:text-fg hover:[&_svg]:text-fg-2 aria-expanded:bg-hover aria-expanded:text-fg",
  danger: "border-bad bg-bad text-on-bad hover:border-bad-hover hover:bg-bad-hover",
  "danger-quiet": "border-line-strong bg-surface text-bad-text hover:bg-bad-soft",
};

const sizes: Record<Size, { text: string; square: string }> = {
  md: { text: "h-control px-3 gap-1.5", square: "h-control w-control" },
  sm: { text: "h-7 px-2.5 gap-1.5 text-sm", square: "size-7" },
  xs: { text: "h-6 px-1.5 gap-1 text-sm [&_svg]:size-3.5", square: "size-6" },
};

export function Button({
  variant = "default",
  size = "md",
  icon,
  end,
  label,
  busy = false,
  busyLabel,
  disabled = false,
  reason,
  asChild = false,
  type = "button",
  className,
  onClick,
  children,
  ...props
}: ButtonProps) {
  const square = children === undefined || children === null;
  const off = disabled || reason !== undefined;
  const look = off ? "border-line bg-sunken text-fg-3" : looks[variant];
  const shared = {
    ...props,
    "aria-label": label ?? props["aria-label"],
    "aria-disabled": off || busy || undefined,
    "aria-busy": busy || undefined,
    className: clsx(
      "fast relative inline-flex flex-none cursor-default select-none items-center justify-center whitespace-nowrap rounded-md border font-medium",
      square ? sizes[size].square : sizes[size].text,
      look,
      className,
    ),
    onClick: (event: MouseEvent<HTMLButtonElement>) => {
      if (off || busy) {
        event.preventDefault();
        event.stopPropagation();
        return;
      }
      onClick?.(event);
    },
  };
  const start = icon && <span className={clsx("flex", !square && "-ml-0.5")}>{icon}</span>;
  const tail = end && <span className="-mr-1 flex text-fg-3 [&_svg]:size-3.5">{end}</span>;
  const button = asChild ? (
    <Slot.Root {...shared}>
      {start}
      <Slot.Slottable>{children}</Slot.Slottable>
      {tail}
    </Slot.Root>
  ) : (
    <button type={type} {...shared}>
      {busyLabel === undefined && !busy ? (
        <>
          {start}
          {children}
          {tail}
        </>
      ) : (
        <span className="grid place-items-center">
          <span className={clsx("col-start-1 row-start-1 flex items-center gap-1.5", busy && "invisible")}>
            {start}
            {children}
            {tail}
          </span>
          <span className={clsx("col-start-1 row-start-1 flex items-center gap-1.5", !busy && "invisible")}>
            <span className="spin size-3 rounded-full border-[1.5px] border-current border-r-transparent" />
            {busyLabel}
          </span>
        </span>
      )}
    </button>
  );
  const tip = reason ?? label;
  return tip === undefined ? button : <Tooltip content={tip}>{button}</Tooltip>;
}
