"use client";

import { useRef } from "react";

/** Where menus and tooltips are put: into the uppermost dialog, else into main, so that nothing lies outside a landmark. */
export function overlayHome(): Element | null {
  return typeof document === "undefined" ? null : ([...document.querySelectorAll("main, [role=dialog]")].at(-1) ?? null);
}

/** Radix gives focus back to its own trigger only; dialogs here are opened by state, from anywhere, and by an address, from nothing. */
export function useReturnFocus() {
  const opener = useRef<HTMLElement | null>(null);
  return {
    remember: () => {
      opener.current = openerOf(document.activeElement);
    },
    giveBack: (event: Event) => {
      event.preventDefault();
      if (opener.current?.isConnected) opener.current.focus();
      // Unless something has it already, such as the dialog that comes next.
      else if (document.activeElement === document.body) document.querySelector<HTMLElement>("main")?.focus();
    },
  };
}

/** A press on a toast is not a press outside of the dialog. */
export function keepOpenForToasts(event: Event & { target: EventTarget | null }): void {
  if (event.target instanceof Element && event.target.closest("[data-sonner-toaster]")) event.preventDefault();
}

// What was opened from a menu returns to the button of that menu: the item itself is gone by then.
function openerOf(element: Element | null): HTMLElement | null {
  const menu = element?.closest("[role=menu]");
  const trigger = menu ? document.getElementById(menu.getAttribute("aria-labelledby") ?? "") : element;
  return trigger instanceof HTMLElement && trigger !== document.body ? trigger : null;
}
