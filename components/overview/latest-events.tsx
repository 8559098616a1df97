"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { Sentence } from "@/components/audit/sentence";
import { Card } from "@/components/ui/card";
import { Time } from "@/components/ui/time";
import { auditQuery } from "@/lib/audit/client";
import type { AuditEvent } from "@/lib/audit/schema";
import type { List } from "@/lib/schema";

export function LatestEvents({ org, events }: { org: string; events: List<AuditEvent> }) {
  const latest = useQuery({ ...auditQuery(org, { limit: 5 }), initialData: events, refetchInterval: 10_000 }).data.data;
  return (
    <Card
      title="Latest"
      action={
        <Link href={`/orgs/${org}/audit`} className="link">
          Open audit log
        </Link>
      }
    >
      <ol className="-my-2">
        {latest.map((event) => (
          <li key={event.id} className="grid grid-cols-[88px_minmax(0,1fr)] gap-3 border-b border-line py-2.5 last:border-0">
            <Time iso={event.created_at} className="text-fg-3" />
            <span className="md:cut max-md:line-clamp-2 max-md:wrap-anywhere" title={event.target.name ?? undefined}>
              <Sentence event={event} />
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}
