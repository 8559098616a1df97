"use client";

import { CircleAlert, CircleCheck, X } from "lucide-react";
import type { ReactNode } from "react";
import { Toaster as Sonner, toast } from "sonner";
import { Button } from "./button";
import { CopyButton } from "./copy-button";
import { useMedia } from "./media";

/** Mounted once, by Providers. On a phone at the top: the foot belongs to sheets and the bulk bar. */
export function Toaster() {
  const phone = useMedia("(max-width: 47.99rem)");
  return (
    <Sonner
      position={phone ? "top-center" : "bottom-right"}
      mobileOffset={{ top: "calc(var(--header) + 8px)", left: 8, right: 8 }}
      duration={6000}
      gap={8}
      expand
      visibleToasts={4}
      containerAriaLabel="Notifications"
      toastOptions={{ unstyled: true }}
      className="pointer-events-auto"
    />
  );
}

type Way = { label: string; onClick: () => void };

/** Something went as asked. Never the only place where it is said. */
export function toastDone(message: string, action?: Way): void {
  toast.custom((id) => <Bubble id={id} icon={<CircleCheck className="text-ok" />} message={message} action={action} />);
}

/** Stays until dismissed, and carries the request id. */
export function toastError(message: string, requestId?: string | undefined, action?: Way): void {
  toast.custom(
    (id) => <Bubble id={id} icon={<CircleAlert className="text-bad" />} message={message} requestId={requestId} action={action} />,
    {
      duration: Number.POSITIVE_INFINITY,
    },
  );
}

type BubbleProps = { id: string | number; icon: ReactNode; message: string; requestId?: string | undefined; action?: Way | undefined };

function Bubble({ id, icon, message, requestId, action }: BubbleProps) {
  return (
    <div className="floating ml-auto flex w-fit max-w-full items-start gap-2.5 rounded-lg py-2 pr-2 pl-3.5 font-sans text-md text-fg max-md:w-full">
      <span className="mt-1 flex">{icon}</span>
      <span className="min-w-0 flex-1 py-0.5 wrap-anywhere">
        {message}
        {requestId && (
          <span className="mono flex items-center gap-1 text-fg-3">
            {requestId}
            <CopyButton text={requestId} label="Copy request id" />
          </span>
        )}
      </span>
      <span className="flex flex-none items-center">
        {action && (
          <Button
            variant="ghost"
            size="xs"
            className="text-accent-text!"
            onClick={() => {
              action.onClick();
              toast.dismiss(id);
            }}
          >
            {action.label}
          </Button>
        )}
        <Button variant="ghost" size="xs" icon={<X />} aria-label="Dismiss" onClick={() => toast.dismiss(id)} />
      </span>
    </div>
  );
}
