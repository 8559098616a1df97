"use client";

import { Check, Copy, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button, type ButtonProps } from "./button";

type CopyButtonProps = {
  /** What is copied; a function where it should be made at that moment. */
  text: string | (() => string);
  /** Names the thing: "Copy prefix". Shown as tooltip when there are no children. */
  label: string;
  /** Visible words; without them only the icon. */
  children?: ReactNode;
  variant?: ButtonProps["variant"];
  size?: ButtonProps["size"];
  icon?: ReactNode;
  className?: string | undefined;
  onCopied?: (() => void) | undefined;
};

/** Turns to a check and "Copied" for two seconds, and says so. */
export function CopyButton({
  text,
  label,
  children,
  variant = "ghost",
  size = "xs",
  icon = <Copy />,
  className,
  onCopied,
}: CopyButtonProps) {
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  const place = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  const copy = async () => {
    const done = await writeClipboard(typeof text === "string" ? text : text(), place.current);
    setState(done ? "copied" : "failed");
    if (done) onCopied?.();
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState("ready"), 2000);
  };

  const shown = state === "copied" ? <Check /> : state === "failed" ? <X /> : icon;
  const said = state === "copied" ? "Copied" : state === "failed" ? "Not copied" : "";
  return (
    <span ref={place} className={className ?? "inline-flex"}>
      {children === undefined ? (
        <Button variant={variant} size={size} icon={shown} label={said || label} onClick={copy} />
      ) : (
        <Button variant={variant} size={size} icon={shown} onClick={copy} className="w-full">
          <span className="grid place-items-center">
            <span className={state === "ready" ? "[grid-area:1/1]" : "invisible [grid-area:1/1]"}>{children}</span>
            <span className={state === "ready" ? "invisible [grid-area:1/1]" : "[grid-area:1/1]"}>{said || "Copied"}</span>
          </span>
        </Button>
      )}
      <span role="status" className="sr-only">
        {said}
      </span>
    </span>
  );
}

// A console served over plain http has no navigator.clipboard. The stand-in is placed beside the button,
// because an open dialog would take the focus away from anything outside it.
async function writeClipboard(text: string, near: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const back = document.activeElement;
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.className = "sr-only";
    (near ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (back instanceof HTMLElement) back.focus();
    return done;
  }
}
