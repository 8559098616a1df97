"use client";

import clsx from "clsx";
import { ChevronDown, ChevronUp, Link2, X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useEffect, useId } from "react";
import { Button } from "./button";
import { CopyButton } from "./copy-button";
import { useMedia } from "./media";
import { keepOpenForToasts, useReturnFocus } from "./overlay";

type SheetProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  /** Over the title: what kind of thing this is. */
  eyebrow?: ReactNode;
  side?: "left" | "right" | undefined;
  /** Buttons left of the close button. */
  actions?: ReactNode;
  footer?: ReactNode;
  /** Without a head; the title is only said. */
  bare?: boolean | undefined;
  children: ReactNode;
};

/** Over the page: 420 at the side on a desktop, the whole screen on a phone. */
export function Sheet({ open, onOpenChange, title, eyebrow, side = "right", actions, footer, bare = false, children }: SheetProps) {
  const focus = useReturnFocus();
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="enter-fade fixed inset-0 z-40 bg-scrim" />
        <Radix.Content
          aria-describedby={undefined}
          onOpenAutoFocus={(event) => {
            focus.remember();
            // The sheet itself, not its first button: that would open with a tooltip.
            if (bare || !(event.currentTarget instanceof HTMLElement)) return;
            event.preventDefault();
            event.currentTarget.focus();
          }}
          onCloseAutoFocus={focus.giveBack}
          onInteractOutside={keepOpenForToasts}
          className={clsx(
            "fixed inset-y-0 z-40 flex w-full flex-col bg-surface text-fg shadow-dialog focus-visible:outline-none md:max-w-[420px]",
            side === "right" ? "enter-right right-0" : "enter-left left-0 max-w-[288px]",
          )}
        >
          {bare ? (
            <Radix.Title className="sr-only">{title}</Radix.Title>
          ) : (
            <SheetHead
              title={<Radix.Title className="text-h3 font-semibold wrap-anywhere">{title}</Radix.Title>}
              eyebrow={eyebrow}
              actions={actions}
              close={
                <Radix.Close asChild>
                  <Button variant="ghost" size="sm" icon={<X />} aria-label="Close" />
                </Radix.Close>
              }
            />
          )}
          <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain">{children}</div>
          {footer && (
            <footer className="flex flex-none items-center justify-end gap-2 border-t border-line px-6 py-3 max-md:px-4">{footer}</footer>
          )}
          {bare && <Radix.Close className="sr-only focus-visible:not-sr-only">Close</Radix.Close>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

type DrawerProps = Omit<SheetProps, "side" | "bare" | "open" | "onOpenChange" | "actions"> & {
  onClose: () => void;
  onPrevious?: (() => void) | undefined;
  onNext?: (() => void) | undefined;
  /** Its own address, for "Copy link". */
  link?: string | undefined;
};

/** Beside the list from 1180 on (no scrim, the list stays in use, ↑ ↓ walk, Escape closes), a sheet below.
 *  Render it only while something is chosen, as the last child of `<div className="flex items-start">`. */
export function Drawer({ onClose, onPrevious, onNext, link, title, eyebrow, footer, children }: DrawerProps) {
  const beside = useMedia("(min-width: 73.75rem)");
  const id = useId();
  useEffect(() => {
    const walk = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      if (
        event.defaultPrevented ||
        target?.closest("input, textarea, select, [role=menu], [role=dialog], [role=tablist], [role=radiogroup]")
      )
        return;
      if (event.key === "Escape") onClose();
      else if (event.key === "ArrowUp" && onPrevious) onPrevious();
      else if (event.key === "ArrowDown" && onNext) onNext();
      else return;
      event.preventDefault();
    };
    if (!beside) return;
    document.addEventListener("keydown", walk);
    return () => document.removeEventListener("keydown", walk);
  }, [beside, onClose, onPrevious, onNext]);

  const actions = (
    <>
      {(onPrevious || onNext) && (
        <>
          <Button
            variant="ghost"
            size="sm"
            icon={<ChevronUp />}
            label="Previous"
            disabled={!onPrevious}
            className="max-md:hidden"
            onClick={onPrevious}
          />
          <Button
            variant="ghost"
            size="sm"
            icon={<ChevronDown />}
            label="Next"
            disabled={!onNext}
            className="max-md:hidden"
            onClick={onNext}
          />
        </>
      )}
      {link && <CopyButton text={() => new URL(link, window.location.href).href} label="Copy link" size="sm" icon={<Link2 />} />}
    </>
  );
  if (!beside) {
    return (
      <Sheet open onOpenChange={(open) => open || onClose()} title={title} eyebrow={eyebrow} actions={actions} footer={footer}>
        {children}
      </Sheet>
    );
  }
  return (
    <aside
      aria-labelledby={id}
      className="enter-fade sticky top-header flex h-[calc(100dvh-var(--header))] w-[420px] flex-none flex-col self-start border-l border-line bg-surface"
    >
      <SheetHead
        title={
          <h2 id={id} className="text-h3 font-semibold wrap-anywhere">
            {title}
          </h2>
        }
        eyebrow={eyebrow}
        actions={actions}
        close={<Button variant="ghost" size="sm" icon={<X />} label="Close" onClick={onClose} />}
      />
      <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
      {footer && <footer className="flex flex-none items-center justify-end gap-2 border-t border-line px-6 py-3">{footer}</footer>}
    </aside>
  );
}

function SheetHead({ title, eyebrow, actions, close }: { title: ReactNode; eyebrow: ReactNode; actions: ReactNode; close: ReactNode }) {
  return (
    <header className="flex flex-none items-start gap-2 border-b border-line py-3 pr-3 pl-6 max-md:pl-4">
      <div className="min-w-0 flex-1 py-1">
        {eyebrow && <p className="mb-0.5 text-sm text-fg-3 tabular-nums">{eyebrow}</p>}
        {title}
      </div>
      <div className="flex flex-none items-center">
        {actions}
        {close}
      </div>
    </header>
  );
}

/** A ruled part of a sheet or drawer, with its own small title. */
export function SheetSection({ title, aside, children }: { title?: ReactNode; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="border-b border-line px-6 py-5 last:border-0 max-md:px-4">
      {title && (
        <div className="mb-3 flex items-baseline justify-between gap-3">
          <h3 className="font-semibold">{title}</h3>
          {aside && <span className="text-sm text-fg-3">{aside}</span>}
        </div>
      )}
      {children}
    </section>
  );
}
