"use client";

import { type ReactNode, useId } from "react";

type ChoiceProps<V extends string> = {
  label: ReactNode;
  options: readonly { value: V; label: ReactNode; help: ReactNode }[];
  value: V;
  onValueChange: (value: V) => void;
};

/** One of a few, each with a sentence on what it means. */
export function Choice<V extends string>({ label, options, value, onValueChange }: ChoiceProps<V>) {
  const name = useId();
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1.5 font-medium">{label}</legend>
      <div className="divide-y divide-line rounded-lg border border-line">
        {options.map((option) => (
          <label key={option.value} className="flex items-start gap-2.5 px-3 py-2.5">
            <span className="relative mt-0.5 flex size-4 flex-none items-center justify-center">
              <input
                type="radio"
                name={name}
                value={option.value}
                checked={option.value === value}
                aria-describedby={`${name}-${option.value}`}
                onChange={() => onValueChange(option.value)}
                className="peer fast absolute inset-0 m-0 size-4 appearance-none rounded-full border border-line-control bg-surface checked:border-accent checked:bg-accent focus-visible:rounded-full"
              />
              <span className="pointer-events-none relative hidden size-1.5 rounded-full bg-on-accent peer-checked:block" />
            </span>
            <span className="min-w-0">
              {option.label}
              <span id={`${name}-${option.value}`} className="block text-sm text-fg-3">
                {option.help}
              </span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
