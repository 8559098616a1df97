"use client";

import { useMutation } from "@tanstack/react-query";
import { Eye } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { AuthTitle } from "@/components/auth/auth-frame";
import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { SecretField } from "@/components/ui/secret-field";
import { Skeleton } from "@/components/ui/skeleton";
import { isApiError } from "@/lib/api";
import { openHandOver } from "@/lib/keys/client";
import type { OpenedHandOver } from "@/lib/keys/schema";
import { Failure } from "./failure";
import { useUnseenSecret } from "./key-ready";
import { Snippets } from "./snippets";

/** Who has the link sees the secret once. Only the button opens it, so that programs which look at links in mails and chats burn none. */
export function HandOverReveal({ baseUrl }: { baseUrl: string | null }) {
  const open = useMutation({ mutationFn: openHandOver, gcTime: 0 });
  const [copied, setCopied] = useState(false);
  const isUnseen = open.data !== undefined && !copied;
  useUnseenSecret(isUnseen);
  const { reset } = open;
  useEffect(() => {
    // A browser may keep a page that was left whole, and show it again on Back.
    const drop = () => reset();
    window.addEventListener("pagehide", drop);
    return () => window.removeEventListener("pagehide", drop);
  }, [reset]);
  const token = useFragment(isUnseen, () => {
    reset();
    setCopied(false);
  });

  if (token === undefined) {
    return (
      <div aria-busy="true">
        <AuthTitle title="A key for you">
          <Skeleton className="w-56" />
        </AuthTitle>
        <noscript>This page needs JavaScript: the link’s secret part never reaches our server by itself.</noscript>
      </div>
    );
  }
  if (open.data !== undefined) return <Opened opened={open.data} baseUrl={baseUrl} copied={copied} onCopied={() => setCopied(true)} />;
  const isGone = isApiError(open.error) && (open.error.type === "not_found" || open.error.type === "invalid_request");
  if (token === "" || isGone) {
    return (
      <div role={isGone ? "alert" : undefined}>
        <AuthTitle title="Nothing is behind this link">It was opened already, was recalled, is too old, or was cut short.</AuthTitle>
        <p>
          Ask whoever sent it for a new one. If it should have waited for you, say so: they see when and from where it was opened, and can
          rotate the key.
        </p>
      </div>
    );
  }
  return (
    <>
      <AuthTitle title="A key for you">Somebody hands you the secret of an API key.</AuthTitle>
      <div className="grid gap-4">
        <p>
          It can be shown <b>once</b>. Open it when you have a place to keep it: a password manager, or the settings of the program that
          will use it.
        </p>
        <Failure title="The secret was not shown." error={open.error} />
        <Button
          variant="primary"
          icon={<Eye />}
          busy={open.isPending}
          busyLabel="Opening"
          className="h-9! w-full"
          onClick={() => open.mutate(token)}
        >
          Show the secret
        </Button>
        <p className="text-sm text-fg-3">Whoever sent the link is told when it was opened, and from which address.</p>
      </div>
    </>
  );
}

type OpenedProps = { opened: OpenedHandOver; baseUrl: string | null; copied: boolean; onCopied: () => void };

function Opened({ opened, baseUrl, copied, onCopied }: OpenedProps) {
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => top.current?.focus(), []);
  return (
    <div className="grid gap-5 *:min-w-0" onCopy={() => window.getSelection()?.toString().includes(opened.secret) && onCopied()}>
      <div ref={top} tabIndex={-1} className="-mb-6 outline-none">
        <AuthTitle title={<bdi>{opened.name}</bdi>}>
          A key of <bdi>{opened.organization}</bdi>, from <bdi>{opened.from}</bdi>
        </AuthTitle>
      </div>
      <SecretField secret={opened.secret} prefix={opened.key_prefix} onCopied={onCopied} />
      {copied ? (
        <Notice tone="ok" role="status" title="Copied.">
          Keep it where only your program reads it. You can close this page: the link shows nothing any more.
        </Notice>
      ) : (
        <Notice tone="warn" title="Copy it now.">
          The link is used up, and the secret is kept nowhere: when this page closes, nobody can show it again.
        </Notice>
      )}
      <Snippets created={opened} base={baseUrl ?? window.location.origin} onCopied={onCopied} />
    </div>
  );
}

/**
 * What stood behind the #, which leaves the address bar at once; undefined until it was read. A link opened in the same tab only changes
 * the fragment: it is taken as well (`onNext`), unless a secret is `held` on the screen.
 */
function useFragment(held: boolean, onNext: () => void): string | undefined {
  const [token, setToken] = useState<string>();
  const latest = useRef({ held, onNext });
  useEffect(() => {
    latest.current = { held, onNext };
  });
  useEffect(() => {
    const take = () => {
      const fragment = window.location.hash.slice(1);
      // The router's own state of this entry stays; it would load the page anew without it.
      if (fragment !== "") window.history.replaceState(window.history.state, "", window.location.pathname);
      return fragment;
    };
    const first = take();
    setToken((before) => first || (before ?? "")); // development mounts twice, and the second time there is none
    // Once the router is up it has to hear of it too: it remembers the address it began with.
    const told = setTimeout(() => window.history.replaceState(null, "", window.location.pathname));
    const next = () => {
      const fragment = take();
      if (fragment === "" || latest.current.held) return;
      latest.current.onNext();
      setToken(fragment);
    };
    window.addEventListener("hashchange", next);
    return () => {
      clearTimeout(told);
      window.removeEventListener("hashchange", next);
    };
  }, []);
  return token;
}
