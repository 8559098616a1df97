"use client";

import clsx from "clsx";
import { ChevronDown, CircleAlert } from "lucide-react";
import { type ComponentProps, createContext, type ReactNode, use, useId } from "react";

type Wiring = { id: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined };

const FieldContext = createContext<Wiring | null>(null);

type FieldProps = {
  label: ReactNode;
  help?: ReactNode;
  /** Replaces the help: what is wrong, and the mended value where there is one. */
  error?: ReactNode;
  /** At the right of the label: a link, "optional". */
  aside?: ReactNode;
  className?: string | undefined;
  /** One Input, Textarea or Select; it takes id, description and validity from here. */
  children: ReactNode;
};

export function Field({ label, help, error, aside, className, children }: FieldProps) {
  const id = useId();
  const note = error ?? help;
  return (
    <div className={clsx("flex min-w-0 flex-col gap-1.5", className)}>
      <div className="flex items-baseline justify-between gap-3">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {aside && <span className="text-sm text-fg-3">{aside}</span>}
      </div>
      <FieldContext value={{ id, "aria-describedby": note ? `${id}-note` : undefined, "aria-invalid": error ? true : undefined }}>
        {children}
      </FieldContext>
      {/* Always there, so that a new error is announced. */}
      <div id={`${id}-note`} aria-live="polite" className={clsx("text-sm", !note && "hidden", error ? "text-bad-text" : "text-fg-3")}>
        {error ? (
          <span className="flex gap-1.5">
            <CircleAlert className="mt-px size-3.5" />
            <span className="min-w-0 wrap-anywhere">{error}</span>
          </span>
        ) : (
          help
        )}
      </div>
    </div>
  );
}

const box =
  "fast flex w-full min-w-0 rounded-md border border-line-control bg-surface has-aria-invalid:border-bad focus-within:border-accent has-aria-invalid:focus-within:border-bad focus-within:shadow-[0_0_0_3px_var(--accent-soft),0_0_0_1px_var(--accent)] has-aria-invalid:focus-within:shadow-[0_0_0_3px_var(--bad-soft),0_0_0_1px_var(--bad)] has-disabled:border-line has-disabled:bg-sunken has-disabled:text-fg-3";

function useWiring(props: { id?: string | undefined; "aria-describedby"?: string | undefined }) {
  const wiring = use(FieldContext);
  return wiring
    ? { ...wiring, id: props.id ?? wiring.id, "aria-describedby": props["aria-describedby"] ?? wiring["aria-describedby"] }
    : {};
}

type InputProps = ComponentProps<"input"> & {
  icon?: ReactNode;
  /** "per minute", "requests": inside, at the right. */
  unit?: ReactNode;
  /** A control or a keycap inside, at the right. */
  trailing?: ReactNode;
};

export function Input({ icon, unit, trailing, className, ...props }: InputProps) {
  return (
    <span className={clsx(box, "h-control items-center gap-2 px-2.5", className)}>
      {icon && <span className="flex text-fg-3">{icon}</span>}
      <input
        {...props}
        {...useWiring(props)}
        className="h-full w-full min-w-0 bg-transparent outline-none focus-visible:outline-none max-md:text-[16px] max-md:placeholder:text-md"
      />
      {unit && <span className="whitespace-nowrap text-fg-3">{unit}</span>}
      {trailing}
    </span>
  );
}

export function Textarea({ className, rows = 4, ...props }: ComponentProps<"textarea">) {
  return (
    <span className={clsx(box, className)}>
      <textarea
        rows={rows}
        {...props}
        {...useWiring(props)}
        className="w-full min-w-0 resize-y bg-transparent px-2.5 py-1.5 outline-none focus-visible:outline-none max-md:text-[16px] max-md:placeholder:text-md"
      />
    </span>
  );
}

export function Select({ className, children, ...props }: ComponentProps<"select">) {
  return (
    <span className={clsx(box, "relative h-control items-center", className)}>
      <select
        {...props}
        {...useWiring(props)}
        className="h-full w-full min-w-0 cursor-default appearance-none truncate bg-transparent pr-8 pl-2.5 outline-none focus-visible:outline-none max-md:text-[16px] [&>option]:bg-raised [&>option]:text-fg"
      >
        {children}
      </select>
      <ChevronDown className="pointer-events-none absolute right-2.5 size-3.5 text-fg-3" />
    </span>
  );
}
