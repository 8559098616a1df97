"use client";

import clsx from "clsx";
import { RadioGroup } from "radix-ui";
import type { ReactNode } from "react";

type SegmentedProps<V extends string> = {
  label: string;
  options: readonly { value: V; label: ReactNode; disabled?: boolean | undefined }[];
  value?: V | undefined;
  defaultValue?: V | undefined;
  onValueChange?: ((value: V) => void) | undefined;
  /** Sends the choice with a form. */
  name?: string | undefined;
  className?: string | undefined;
};

/** One of two to five, all visible. Arrow keys choose. */
export function Segmented<V extends string>({ label, options, value, defaultValue, onValueChange, name, className }: SegmentedProps<V>) {
  return (
    <RadioGroup.Root
      aria-label={label}
      {...(value === undefined ? {} : { value })}
      {...(defaultValue === undefined ? {} : { defaultValue })}
      {...(onValueChange ? { onValueChange: (next: string) => onValueChange(next as V) } : {})}
      {...(name === undefined ? {} : { name })}
      className={clsx(
        "relative inline-flex h-control flex-none rounded-md bg-sunken p-0.5 shadow-[inset_0_0_0_1px_var(--line)]",
        className,
      )}
    >
      {options.map((option) => (
        <RadioGroup.Item
          key={option.value}
          value={option.value}
          disabled={option.disabled ?? false}
          className="fast flex-1 cursor-default whitespace-nowrap rounded-sm px-2.5 font-quiet text-fg-2 hover:text-fg focus-visible:rounded-sm disabled:text-fg-3 data-[state=checked]:bg-surface data-[state=checked]:font-medium data-[state=checked]:text-fg data-[state=checked]:shadow-[0_0_0_1px_var(--line-strong)] dark:data-[state=checked]:bg-hover"
        >
          {option.label}
        </RadioGroup.Item>
      ))}
    </RadioGroup.Root>
  );
}
