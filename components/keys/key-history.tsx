"use client";

import Link from "next/link";
import { Sentence } from "@/components/audit/sentence";
import { Card } from "@/components/ui/card";
import { Time } from "@/components/ui/time";
import type { AuditEvent } from "@/lib/audit/schema";

/** The newest events about a key, each as a sentence. */
export function KeyHistory({ org, id, events }: { org: string; id: string; events: readonly AuditEvent[] }) {
  return (
    <Card
      title="History"
      action={
        <Link href={`/orgs/${org}/audit?api_key=${id}`} className="link">
          Audit log
        </Link>
      }
    >
      <ol className="grid gap-3">
        {events.map((event) => (
          <li key={event.id} className="min-w-0">
            <p className="wrap-anywhere">
              <Sentence event={event} />
            </p>
            <p className="text-sm text-fg-3">
              <Time as="exact" iso={event.created_at} />
              {event.ip && (
                <>
                  {" "}
                  · <span className="mono">{event.ip}</span> {event.country}
                </>
              )}
            </p>
          </li>
        ))}
      </ol>
    </Card>
  );
}
