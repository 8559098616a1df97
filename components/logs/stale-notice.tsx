"use client";

import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { isApiError } from "@/lib/api";

/** Over a list that could not be read again: what is shown stays, and is said to be old. */
export function StaleNotice({ error, onRetry, className }: { error: Error | null; onRetry: () => void; className?: string }) {
  if (error === null) return null;
  const id = isApiError(error) ? error.requestId : null;
  return (
    <Notice
      tone="warn"
      role="alert"
      title="Not up to date."
      className={className}
      action={
        <Button size="xs" onClick={onRetry}>
          Try again
        </Button>
      }
    >
      {error.message} What you see was read before that.{id && <span className="mono block text-fg-2">{id}</span>}
    </Notice>
  );
}
