"use client";

import clsx from "clsx";
import { Check, Minus } from "lucide-react";
import { type ComponentProps, type ReactNode, useEffect, useRef } from "react";

type CheckboxProps = Omit<ComponentProps<"input">, "type" | "ref"> & {
  /** Without it give aria-label. */
  label?: ReactNode;
  help?: ReactNode;
  /** Some, not all. */
  mixed?: boolean | undefined;
};

export function Checkbox({ label, help, mixed = false, className, ...props }: CheckboxProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (input.current) input.current.indeterminate = mixed;
  }, [mixed]);
  return (
    // The padding is the target; the negative margin keeps it out of the layout.
    <label className={clsx("relative z-1 inline-flex items-start align-middle gap-2", label ? "py-1.5" : "-m-2 p-2", className)}>
      <span className={clsx("relative flex size-4 flex-none items-center justify-center", label && "mt-0.5")}>
        <input
          ref={input}
          type="checkbox"
          {...props}
          className="peer fast absolute inset-0 m-0 size-4 appearance-none rounded-sm border border-line-control bg-surface checked:border-accent checked:bg-accent indeterminate:border-accent indeterminate:bg-accent focus-visible:rounded-sm disabled:border-line disabled:bg-sunken"
        />
        <Check className="pointer-events-none relative hidden size-3 stroke-[3] text-on-accent peer-checked:block peer-indeterminate:hidden" />
        <Minus className="pointer-events-none relative hidden size-3 stroke-[3] text-on-accent peer-indeterminate:block" />
      </span>
      {label && (
        <span className="min-w-0">
          {label}
          {help && <span className="block text-sm text-fg-3">{help}</span>}
        </span>
      )}
    </label>
  );
}
