"use client";

import clsx from "clsx";
import { Dialog as Radix } from "radix-ui";
import type { FormEvent, ReactNode } from "react";
import { keepOpenForToasts, useReturnFocus } from "./overlay";

export type DialogProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** The question, or the result. */
  title: ReactNode;
  description?: ReactNode;
  /** 520 to ask, 640 to create or to show a secret. */
  size?: "ask" | "create" | undefined;
  /** Escape and outside click come here first; `false` keeps it open, so that an unseen secret can ask back. */
  onCloseAttempt?: (() => boolean) | undefined;
  /** Body and footer become one form. */
  onSubmit?: ((event: FormEvent<HTMLFormElement>) => void) | undefined;
  /** Buttons, the way out before the act. Wrap one in `<span className="mr-auto">` to put it left. */
  footer?: ReactNode;
  /** Over the buttons, in sight however far the body is scrolled: what pressing them would do. */
  summary?: ReactNode;
  children?: ReactNode;
};

/** Focus goes to `[data-initial-focus]`, else to the first field; on closing it goes back to what opened it. */
export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  size = "ask",
  onCloseAttempt,
  onSubmit,
  footer,
  summary,
  children,
}: DialogProps) {
  const focus = useReturnFocus();
  const inner = (
    <>
      {/* A little above the first field for its focus ring; the rest of the gap is the header's, so that nothing scrolls up to its text. */}
      <div className="grid min-h-0 gap-5 overflow-y-auto overscroll-contain px-6 pt-1 pb-6 *:min-w-0 empty:pt-0 empty:pb-2 max-md:px-4">
        {children}
      </div>
      {summary && <div className="flex-none border-t border-line px-6 py-3 max-md:px-4">{summary}</div>}
      {footer && (
        <footer className="flex flex-none flex-wrap items-center justify-end gap-2 border-t border-line px-6 py-3 pb-[max(12px,env(safe-area-inset-bottom))] max-md:px-4">
          {footer}
        </footer>
      )}
    </>
  );
  return (
    <Radix.Root open={open} onOpenChange={(next) => (next || !onCloseAttempt || onCloseAttempt()) && onOpenChange(next)}>
      <Radix.Portal>
        <Radix.Overlay className="enter-fade fixed inset-0 z-40 bg-scrim" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onOpenAutoFocus={(event) => {
            focus.remember();
            const target =
              event.currentTarget instanceof HTMLElement ? event.currentTarget.querySelector<HTMLElement>("[data-initial-focus]") : null;
            if (!target) return;
            event.preventDefault();
            target.focus();
          }}
          onCloseAutoFocus={focus.giveBack}
          onInteractOutside={keepOpenForToasts}
          className={clsx(
            "enter-rise fixed z-40 flex flex-col text-fg focus-visible:outline-none",
            "floating rounded-xl shadow-dialog md:inset-x-6 md:top-1/2 md:mx-auto md:max-h-[calc(100dvh-48px)] md:[transform:translateY(-50%)]",
            "max-md:inset-x-0 max-md:bottom-0 max-md:max-h-[94dvh] max-md:rounded-b-none",
            size === "ask" ? "md:max-w-[520px]" : "md:max-w-[640px]",
          )}
        >
          <header className="flex-none px-6 pt-6 pb-4 max-md:px-4">
            <Radix.Title className="text-h2 font-semibold wrap-anywhere">{title}</Radix.Title>
            {description && <Radix.Description className="mt-0.5 text-lg text-fg-2">{description}</Radix.Description>}
          </header>
          {onSubmit ? (
            <form
              noValidate
              className="flex min-h-0 flex-col"
              onSubmit={(event) => {
                event.preventDefault();
                // React bubbles through portals: a form inside another one's dialog must not submit both.
                event.stopPropagation();
                onSubmit(event);
              }}
            >
              {inner}
            </form>
          ) : (
            inner
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
