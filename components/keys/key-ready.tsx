"use client";

import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Notice } from "@/components/ui/notice";
import { SecretField } from "@/components/ui/secret-field";
import { Time } from "@/components/ui/time";
import type { NewKey } from "@/lib/keys/schema";
import { FirstCall } from "./first-call";
import { KeyFace } from "./key-face";
import { Snippets } from "./snippets";

type KeyReadyProps = { org: string; created: NewKey; groupName: string; base: string; onClose: () => void };

/** Shows the secret, this once. Leaving before it was copied asks first. */
export function KeyReady({ org, created, groupName, base, onClose }: KeyReadyProps) {
  const [copied, setCopied] = useState(false);
  const [asking, setAsking] = useState(false);
  useGuard(!copied);
  const leave = () => {
    if (copied) onClose();
    else setAsking(true);
  };
  return (
    <Dialog
      open
      size="create"
      onOpenChange={(open) => open || onClose()}
      onCloseAttempt={() => {
        if (!copied) setAsking(!asking);
        return copied;
      }}
      title={
        <>
          Your key “<bdi>{created.name}</bdi>” is ready
        </>
      }
      description="Copy the secret now. It is shown this once: we keep only a fingerprint of it."
      footer={
        asking && !copied ? (
          <>
            <p role="alert" className="mr-auto min-w-0 font-medium">
              Close without copying? The secret cannot be shown again.
            </p>
            <Button ref={focusOnce} onClick={() => setAsking(false)}>
              Go back
            </Button>
            <Button variant="danger-quiet" onClick={onClose}>
              Close anyway
            </Button>
          </>
        ) : (
          <Button onClick={leave}>{copied ? "Done" : "Close"}</Button>
        )
      }
    >
      {/* A snippet copied by its button or by hand holds the secret as well. */}
      <div className="grid gap-5 *:min-w-0" onCopy={() => window.getSelection()?.toString().includes(created.secret) && setCopied(true)}>
        <div className="grid gap-2">
          <SecretField secret={created.secret} prefix={created.key_prefix} onCopied={() => setCopied(true)} />
          <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-fg-2">
            <span className="flex items-center gap-2">
              <KeyFace prefix={created.key_prefix} />
              <span>
                In lists it is called <span className="mono text-fg">{created.key_prefix}</span>
              </span>
            </span>
            <span className="min-w-0 wrap-anywhere">
              <bdi>{groupName}</bdi> · {created.environment} · {created.access}
            </span>
            <span>{created.expires_at ? <>Expires <Time as="date" iso={created.expires_at} /></> : "Never expires"}</span>
          </p>
        </div>
        <Snippets created={created} base={base} />
        <FirstCall org={org} keyId={created.id} />
      </div>
      {created.status === "scheduled" && <Notice>This key is not valid yet; its first call waits for the date it was given.</Notice>}
    </Dialog>
  );
}

function focusOnce(button: HTMLButtonElement | null): void {
  button?.focus();
}

/** While a secret is unseen, leaving the page asks, and the palette (⌘K), which could lead away, stays shut. */
function useGuard(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    const shut = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    window.addEventListener("beforeunload", ask);
    window.addEventListener("keydown", shut, true);
    return () => {
      window.removeEventListener("beforeunload", ask);
      window.removeEventListener("keydown", shut, true);
    };
  }, [on]);
}
