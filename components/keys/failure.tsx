"use client";

import { CopyButton } from "@/components/ui/copy-button";
import { Notice } from "@/components/ui/notice";
import { isApiError } from "@/lib/api";

/** At the foot of a dialog: what still holds, what the server said, and the id that finds it in the log. */
export function Failure({ title, error }: { title: string; error: Error | null }) {
  if (error === null) return null;
  const id = isApiError(error) ? error.requestId : null;
  return (
    <Notice tone="bad" role="alert" title={title}>
      {error.message}
      {id && (
        <span className="mono flex items-center gap-1">
          {id}
          <CopyButton text={id} label="Copy request id" />
        </span>
      )}
    </Notice>
  );
}
