"use client";

import clsx from "clsx";
import { Plus, Search, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button } from "./button";
import { Input } from "./field";
import { Kbd } from "./kbd";
import { Menu, MenuChoice } from "./menu";

/** One line over a list; scrolls sideways on a phone. Its state belongs in the URL. */
export function FilterBar({ label, children, end }: { label: string; children: ReactNode; end?: ReactNode }) {
  return (
    <search
      aria-label={label}
      className="no-scrollbar flex flex-wrap items-center gap-2 py-3 max-md:-mx-gutter max-md:flex-nowrap max-md:overflow-x-auto max-md:px-gutter"
    >
      {children}
      {end && <div className="ml-auto flex flex-none items-center gap-2 max-md:ml-0">{end}</div>}
    </search>
  );
}

type SearchInputProps = {
  label: string;
  placeholder: string;
  /** What the list shows now. */
  value: string;
  /** Called 200 ms after typing stops, at once on Enter. */
  onValueChange: (value: string) => void;
  /** Backspace in the empty field: remove the last filter. */
  onBackspace?: (() => void) | undefined;
  className?: string | undefined;
};

export function SearchInput({ label, placeholder, value, onValueChange, onBackspace, className }: SearchInputProps) {
  const [typed, setTyped] = useState(value);
  const [given, setGiven] = useState(value);
  const [said, setSaid] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // A new value from outside (back button, "Clear filters") wins over what was typed; what was said here comes back late and does not.
  if (given !== value) {
    setGiven(value);
    setSaid(value);
    if (value !== said.trim()) setTyped(value);
  }
  const say = (next: string, delay: number) => {
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setSaid(next);
      onValueChange(next);
    }, delay);
  };
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
      if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable], [role=dialog]")) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    document.addEventListener("keydown", focus);
    return () => {
      document.removeEventListener("keydown", focus);
      clearTimeout(timer.current);
    };
  }, []);
  return (
    <Input
      ref={field}
      type="search"
      aria-label={label}
      aria-keyshortcuts="/"
      placeholder={placeholder}
      autoComplete="off"
      spellCheck={false}
      value={typed}
      onChange={(event) => say(event.target.value, 200)}
      onKeyDown={(event) => {
        if (event.key === "Enter") say(typed, 0);
        else if (event.key === "Escape" && typed) say("", 0);
        else if (event.key === "Backspace" && typed === "") onBackspace?.();
      }}
      icon={<Search />}
      trailing={
        typed ? (
          <Button variant="ghost" size="xs" icon={<X />} aria-label="Clear search" className="-mr-1" onClick={() => say("", 0)} />
        ) : (
          <Kbd className="max-md:hidden">/</Kbd>
        )
      }
      className={clsx("w-[280px]! flex-none max-md:w-[200px]!", className)}
    />
  );
}

const chip = "fast inline-flex h-control flex-none cursor-default items-center gap-1.5 whitespace-nowrap rounded-md border text-fg-2";

/** An active filter: solid, with its way out. */
export function FilterChip({ name, value, onRemove }: { name: string; value: ReactNode; onRemove: () => void }) {
  return (
    <span className={clsx(chip, "border-line-strong bg-surface pr-1 pl-2.5")}>
      {name}
      <b className="font-medium text-fg">{value}</b>
      <Button variant="ghost" size="xs" icon={<X />} aria-label={`Remove filter: ${name}`} onClick={onRemove} />
    </span>
  );
}

type FilterAddProps<V extends string> = {
  name: string;
  options: readonly { value: V; label: ReactNode }[];
  value?: V | undefined;
  onValueChange: (value: V) => void;
};

/** A possible filter: dashed, opens its choices. */
export function FilterAdd<V extends string>({ name, options, value, onValueChange }: FilterAddProps<V>) {
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          className={clsx(
            chip,
            "border-dashed border-line-strong px-2.5 hover:bg-hover hover:text-fg aria-expanded:bg-hover aria-expanded:text-fg",
          )}
        >
          <Plus className="size-3.5 text-fg-3" />
          {name}
        </button>
      }
    >
      <MenuChoice value={value} onValueChange={onValueChange} options={options} />
    </Menu>
  );
}
