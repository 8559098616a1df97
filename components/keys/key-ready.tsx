"use client";

import { useEffect, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { SecretField } from "@/components/ui/secret-field";
import { Time } from "@/components/ui/time";
import type { NewKey } from "@/lib/keys/schema";
import { FirstCall } from "./first-call";
import { HandOverForm } from "./hand-over-form";
import { KeyFace } from "./key-face";
import { Snippets } from "./snippets";

type KeyReadyProps = { org: string; created: NewKey; groupName: string; base: string; onCopied: () => void };

/** What the dialog shows once the key is made: the secret, how it is called in lists, the link for somebody else, snippets, the first call. */
export function KeyReady({ org, created, groupName, base, onCopied }: KeyReadyProps) {
  const [linked, setLinked] = useState(false);
  return (
    // A snippet copied by hand holds the secret as well.
    <div className="grid gap-5 *:min-w-0" onCopy={() => window.getSelection()?.toString().includes(created.secret) && onCopied()}>
      <div className="grid gap-2.5">
        <SecretField secret={created.secret} prefix={created.key_prefix} leads={!linked} focused onCopied={onCopied} />
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
          <span>
            {created.expires_at ? (
              <>
                Expires <Time as="date" iso={created.expires_at} />
              </>
            ) : (
              "Never expires"
            )}
          </span>
        </p>
      </div>
      <HandOverForm org={org} created={created} base={base} onMade={() => setLinked(true)} onCopied={onCopied} />
      <Snippets created={created} base={base} onCopied={onCopied} />
      <FirstCall org={org} keyId={created.id} prefix={created.key_prefix} />
    </div>
  );
}

type FooterProps = { copied: boolean; asking: boolean; onAsk: (asking: boolean) => void; onClose: () => void };

/** Leaving before the secret was copied asks first: by these buttons, and by the browser's Back. */
export function KeyReadyFooter({ copied, asking, onAsk, onClose }: FooterProps) {
  useHeldBack(!copied, () => onAsk(true));
  if (copied) return <Button onClick={onClose}>Done</Button>;
  if (!asking) return <Button onClick={() => onAsk(true)}>Close</Button>;
  return (
    <>
      <p role="alert" className="mr-auto min-w-0 py-1.5 font-medium">
        Close without copying? The secret cannot be shown again.
      </p>
      <Button ref={(button) => button?.focus()} onClick={() => onAsk(false)}>
        Go back
      </Button>
      <Button variant="danger-quiet" onClick={onClose}>
        Close anyway
      </Button>
    </>
  );
}

/** While a secret is unseen, leaving the page asks, and the palette (⌘K), which could lead away, stays shut. */
export function useUnseenSecret(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    const shut = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    // A link that the router never hears of loads a page as such, and that asks.
    const load = (event: MouseEvent) => event.target instanceof Element && event.target.closest("a[href]") && event.stopPropagation();
    window.addEventListener("beforeunload", ask);
    window.addEventListener("keydown", shut, true);
    window.addEventListener("click", load, true);
    return () => {
      window.removeEventListener("beforeunload", ask);
      window.removeEventListener("keydown", shut, true);
      window.removeEventListener("click", load, true);
    };
  }, [on]);
}

/**
 * Back and Forward inside the console load nothing, so that only the Navigation API can hold them. Browsers let a page do so once after
 * each thing the person does in it: whoever presses Back again without a word leaves.
 */
function useHeldBack(on: boolean, onHeld: () => void): void {
  const held = useRef(onHeld);
  useEffect(() => {
    held.current = onHeld;
  });
  useEffect(() => {
    const { navigation } = window;
    if (!on || navigation === undefined) return;
    const hold = (event: NavigateEvent) => {
      if (event.navigationType !== "traverse" || !event.cancelable) return;
      event.preventDefault();
      held.current();
    };
    navigation.addEventListener("navigate", hold);
    return () => navigation.removeEventListener("navigate", hold);
  }, [on]);
}
