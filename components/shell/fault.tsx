"use client";

import { type ReactNode, useEffect, useState, useTransition } from "react";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Mark } from "./mark";

type FaultProps = {
  title: string;
  /** One sentence: what holds, or what to do. */
  children: ReactNode;
  /** One way on. */
  action: ReactNode;
  requestId?: string | undefined;
  /** Alone in the window, not inside the shell. */
  alone?: boolean | undefined;
};

/** In place of a page that cannot be shown. */
export function Fault({ title, children, action, requestId, alone = false }: FaultProps) {
  const Whole = alone ? "main" : "div";
  return (
    <Whole className={`flex flex-col items-center justify-center px-gutter py-16 text-center ${alone ? "min-h-dvh" : "min-h-[70dvh]"}`}>
      <Mark size={40} />
      <h1 className="mt-6 text-h1 font-semibold text-balance wrap-anywhere">{title}</h1>
      <p className="mt-1 max-w-[46ch] text-balance text-fg-2">{children}</p>
      <div className="mt-6 flex flex-wrap justify-center gap-2">{action}</div>
      {requestId && (
        <p className="mono mt-8 flex items-center gap-1 text-fg-3">
          {requestId}
          <CopyButton text={requestId} label="Copy request id" />
        </p>
      )}
    </Whole>
  );
}

/** For Next's error files: something threw while the page was made. */
export function BrokenPage({ error, retry, alone = false }: { error: unknown; retry: () => void; alone?: boolean | undefined }) {
  const [requestId, setRequestId] = useState<string>();
  const [retrying, startRetry] = useTransition();
  // After the commit: when even the layout failed, React writes the attributes of <html> together with this page.
  useEffect(() => setRequestId(requestIdOf(error)), [error]);
  return (
    <Fault
      title="This page did not load"
      alone={alone}
      requestId={requestId}
      action={
        <Button variant="primary" busy={retrying} busyLabel="Trying again" onClick={() => startRetry(retry)}>
          Try again
        </Button>
      }
    >
      Nothing was changed. If it stays like this, the id below finds it in the operator’s log.
    </Fault>
  );
}

// The document knows the id of the request it came with; of a page reached without a reload only Next's digest is known.
function requestIdOf(error: unknown): string | undefined {
  const [load] = performance.getEntriesByType("navigation");
  const [here] = window.location.href.split("#");
  if (load?.name.split("#")[0] === here) return document.documentElement.dataset.requestId;
  const digest = typeof error === "object" && error !== null && "digest" in error ? error.digest : undefined;
  return typeof digest === "string" ? digest : undefined;
}
