"use client";

import clsx from "clsx";
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "./button";
import { CopyButton } from "./copy-button";

type FailedStateProps = {
  /** What happened: "The list did not load". */
  title: ReactNode;
  /** What still works: "Your keys still work." */
  children?: ReactNode;
  onRetry?: (() => void) | undefined;
  retrying?: boolean | undefined;
  requestId?: string | undefined;
  boxed?: boolean | undefined;
};

export function FailedState({ title, children, onRetry, retrying = false, requestId, boxed = false }: FailedStateProps) {
  return (
    <div role="alert" className={clsx("flex flex-col items-center gap-1 px-6 py-10 text-center", boxed && "rounded-lg border border-line")}>
      <CircleAlert className="mb-2 size-5 text-bad" />
      <p className="font-strong">{title}</p>
      {children && <p className="max-w-[48ch] text-balance text-fg-2">{children}</p>}
      <div className="mt-3 flex flex-wrap items-center justify-center gap-2">
        {onRetry && (
          <Button onClick={onRetry} busy={retrying} busyLabel="Trying again">
            Try again
          </Button>
        )}
        {requestId && (
          <CopyButton text={requestId} label="Copy request id" size="md">
            Copy request id
          </CopyButton>
        )}
      </div>
      {requestId && <p className="mono mt-2 text-fg-3">{requestId}</p>}
    </div>
  );
}
