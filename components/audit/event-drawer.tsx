"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { DefinitionList } from "@/components/ui/definition-list";
import { Drawer, SheetSection } from "@/components/ui/sheet";
import { Time } from "@/components/ui/time";
import type { AuditEvent } from "@/lib/audit/schema";
import { formatNumber, shortenHash } from "@/lib/format";
import { Diff, diffCount } from "./diff";
import { actorName, Sentence } from "./sentence";

type EventDrawerProps = {
  org: string;
  event: AuditEvent;
  link: string;
  onClose: () => void;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
};

export function EventDrawer({ org, event, link, onClose, onPrevious, onNext }: EventDrawerProps) {
  const recorded = event.before !== null || event.after !== null;
  return (
    <Drawer
      title={<Sentence event={event} />}
      eyebrow={
        <>
          Event {formatNumber(event.sequence)} · <Time as="exact" iso={event.created_at} />
        </>
      }
      link={link}
      onClose={onClose}
      onPrevious={onPrevious}
      onNext={onNext}
    >
      <SheetSection title="What changed" aside={recorded && (event.before === null ? "made with" : diffCount(event.before, event.after))}>
        {recorded ? (
          <Diff key={event.id} before={event.before} after={event.after} />
        ) : (
          <p className="text-fg-2">Nothing was changed by this: it is kept because it happened.</p>
        )}
      </SheetSection>
      <SheetSection title="Who and from where">
        <DefinitionList
          items={[
            {
              term: "Actor",
              value: (
                <>
                  <bdi>{actorName(event)}</bdi>
                  {event.actor.role && (
                    <span className="text-fg-3">
                      , {event.actor.type === "key" ? `key with access ${event.actor.role}` : `${event.actor.role} at the time`}
                    </span>
                  )}
                </>
              ),
            },
            { term: "Target", value: <Target org={org} event={event} /> },
            { term: "Event", value: <span className="mono">{event.action}</span> },
            {
              term: "Address",
              value: event.ip ? (
                <>
                  <span className="mono">{event.ip}</span> {event.country}
                </>
              ) : (
                "—"
              ),
            },
            { term: "Agent", value: event.user_agent ?? "—" },
            {
              term: "Request",
              value: event.request_id ? (
                <Copied text={event.request_id} label="Copy request id">
                  {event.request_id}
                </Copied>
              ) : (
                "—"
              ),
            },
          ]}
        />
      </SheetSection>
      <SheetSection title="Proof">
        <DefinitionList
          items={[
            {
              term: "Before it",
              value: (
                <Copied text={event.previous_hash} label="Copy previous hash">
                  {shortenHash(event.previous_hash)}
                </Copied>
              ),
            },
            {
              term: "This event",
              value: (
                <Copied text={event.hash} label="Copy hash">
                  {shortenHash(event.hash)}
                </Copied>
              ),
            },
          ]}
        />
        <p className="mt-3 text-sm text-fg-3">
          Each event carries the hash of the one before it. Changing or removing one would break every hash after it.
        </p>
      </SheetSection>
    </Drawer>
  );
}

function Target({ org, event }: { org: string; event: AuditEvent }) {
  const { type, id, name } = event.target;
  const words = <bdi>{name ?? id ?? "—"}</bdi>;
  const href = type === "api_key" ? `/orgs/${org}/keys/${id}` : type === "api_group" ? `/orgs/${org}/keys?group_id=${id}` : null;
  if (href === null || id === null) return words;
  return (
    <Link href={href} className="link">
      {words}
    </Link>
  );
}

function Copied({ text, label, children }: { text: string; label: string; children: ReactNode }) {
  return (
    <span className="flex items-start gap-1">
      <span className="mono min-w-0" translate="no">
        {children}
      </span>
      <CopyButton text={text} label={label} className="-my-0.5 inline-flex" />
    </span>
  );
}
