"use client";

import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Check } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { Time } from "@/components/ui/time";
import type { Group } from "@/lib/groups/schema";
import { keysQuery } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";
import { logsQuery } from "@/lib/usage/client";
import type { LogRow } from "@/lib/usage/schema";

const DAY = 86_400_000;
const LATEST = { limit: 1 };

type ChecklistProps = {
  org: { id: string; slug: string; createdAt: string };
  group: Group | undefined;
  keys: List<Key>;
  calls: List<LogRow>;
  mayCreateGroups: boolean;
  mayCreateKeys: boolean;
};

/** From nothing to the first call. It goes when all is done and the first day is over, or when somebody hides it. */
export function Checklist({ org, group, keys, calls, mayCreateGroups, mayCreateKeys }: ChecklistProps) {
  const [hidden, hide] = useHidden(`latchkey-checklist-hidden-${org.id}`);
  const live = (done: boolean) => (done ? false : 2000);
  const key = useQuery({
    ...keysQuery(org.slug, LATEST),
    initialData: keys,
    refetchInterval: ({ state }) => live((state.data?.data.length ?? 0) > 0),
  }).data.data[0];
  const call = useQuery({
    ...logsQuery(org.slug, LATEST),
    initialData: calls,
    refetchInterval: ({ state }) => live((state.data?.data.length ?? 0) > 0),
  }).data.data[0];
  const done = [group, key, call].filter((step) => step !== undefined).length;
  if (hidden || (done === 3 && Date.now() - Date.parse(org.createdAt) > DAY)) return null;
  const home = `/orgs/${org.slug}`;
  return (
    <section aria-labelledby="first-steps" className="rounded-lg border border-line">
      <header className="flex items-center gap-4 p-4">
        <Ring done={done} of={3} />
        <div className="min-w-0 flex-1">
          <h2 id="first-steps" className="text-h3 font-semibold">
            {done === 3
              ? "You are live"
              : done === 0
                ? "Three steps to the first call"
                : done === 1
                  ? "Two steps to the first call"
                  : "One step to the first call"}
          </h2>
          <p className="text-fg-2">{done} of 3 done</p>
        </div>
        <Button variant="ghost" size="sm" onClick={hide}>
          Hide
        </Button>
      </header>
      <ol className="border-t border-line">
        <Step
          title="Create a group"
          done={group && <bdi>{group.name}</bdi>}
          action={mayCreateGroups && <Way href={`${home}/groups?new=1`}>Create group</Way>}
        >
          {mayCreateGroups ? "A project or an environment. Every key belongs to one." : "An admin of the organization does this."}
        </Step>
        <Step
          title="Generate a key"
          done={
            key && (
              <>
                <bdi>{key.name}</bdi>, <span className="mono">{key.key_prefix}</span>
              </>
            )
          }
          action={mayCreateKeys && group && <Way href={`${home}/keys?new=1`}>Generate key</Way>}
        >
          {group ? "Its secret is shown once, with snippets ready to run." : "Comes after the group."}
        </Step>
        <Step
          title="Make the first call"
          done={
            call && (
              <>
                latest{" "}
                <span className="mono">
                  {call.method} {call.route}
                </span>
                , {call.status}, <Time iso={call.created_at} />
              </>
            )
          }
          action={key && <Way href="/docs">Quick start</Way>}
        >
          {key ? "Send one request with the key. It shows here within two seconds." : "From anywhere that can reach this address."}
        </Step>
      </ol>
    </section>
  );
}

function Way({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Button asChild>
      <Link href={href}>{children}</Link>
    </Button>
  );
}

/** Done, it shrinks to a line that says what was made. */
function Step({ title, done, action, children }: { title: string; done: ReactNode; action: ReactNode; children: ReactNode }) {
  const isDone = done !== undefined;
  return (
    <li
      className={clsx(
        "flex items-center gap-3 border-b border-line px-4 last:border-0 md:pl-5",
        isDone ? "min-h-10 py-1.5" : "min-h-14 py-2.5 max-md:flex-wrap",
      )}
    >
      <span
        className={clsx(
          "mr-1 grid size-5 flex-none place-items-center rounded-full",
          isDone ? "bg-ok text-surface" : "border-[1.5px] border-dashed border-line-control",
        )}
      >
        {isDone && <Check className="size-3! stroke-[3]" />}
      </span>
      <span className={clsx("flex min-w-0 flex-1", isDone ? "flex-wrap items-baseline gap-x-2.5" : "flex-col max-md:basis-3/4")}>
        <span className={isDone ? "flex-none font-quiet text-fg-2" : "font-medium"}>
          {title}
          {isDone && <span className="sr-only"> (done)</span>}
        </span>
        <span className={clsx("text-sm text-fg-3", isDone && "cut")}>{isDone ? done : children}</span>
      </span>
      {!isDone && action && <span className="flex-none max-md:ml-9">{action}</span>}
    </li>
  );
}

function Ring({ done, of }: { done: number; of: number }) {
  const length = 2 * Math.PI * 14.5;
  return (
    <svg width="36" height="36" viewBox="0 0 36 36" fill="none" strokeWidth="4" aria-hidden="true" className="flex-none">
      <circle cx="18" cy="18" r="14.5" className="stroke-hover" />
      {done > 0 && (
        <circle
          cx="18"
          cy="18"
          r="14.5"
          className={done === of ? "stroke-ok" : "stroke-accent"}
          strokeDasharray={`${(length * done) / of} ${length}`}
          strokeLinecap={done === of ? "butt" : "round"}
          transform="rotate(-90 18 18)"
        />
      )}
    </svg>
  );
}

const listeners = new Set<() => void>();

/** A choice of this browser; where storage is closed it lasts as long as the page. */
function useHidden(name: string): [boolean, () => void] {
  const hidden = useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => read(name),
    () => false,
  );
  const hide = () => {
    hiddenHere.add(name);
    try {
      localStorage.setItem(name, "1");
    } catch {}
    for (const listener of listeners) listener();
  };
  return [hidden, hide];
}

const hiddenHere = new Set<string>();

function read(name: string): boolean {
  try {
    return hiddenHere.has(name) || localStorage.getItem(name) !== null;
  } catch {
    return hiddenHere.has(name);
  }
}
