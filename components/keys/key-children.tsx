"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { Card } from "@/components/ui/card";
import { Pill } from "@/components/ui/pill";
import { Skeleton } from "@/components/ui/skeleton";
import { formatNumber } from "@/lib/format";
import { keyInsightsQuery, keysQuery } from "@/lib/keys/client";
import { KeyFace } from "./key-face";
import { isOff, KeyBadge } from "./key-state";

const SHOWN = 5;

/** Keys that this one made, newest first. Nothing where it made none. */
export function KeyChildren({ org, id }: { org: string; id: string }) {
  const made = useQuery({ ...keysQuery(org, { parent_id: id, limit: 100 }), refetchInterval: 30_000 }).data;
  const shown = made?.data.slice(0, SHOWN) ?? [];
  const insights = useQuery({
    ...keyInsightsQuery(
      org,
      shown.map((key) => key.id),
    ),
    enabled: shown.length > 0,
    refetchInterval: 30_000,
  });
  const healthOf = (key: string) => insights.data?.data.find(({ key_id }) => key_id === key)?.health;
  if (made === undefined || made.data.length === 0) return null;
  const more = made.data.length - SHOWN;
  return (
    <Card title="Keys it made" action={<Pill>{made.has_more ? "100+" : formatNumber(made.data.length)}</Pill>}>
      <ul className="grid grid-cols-[minmax(0,1fr)] gap-3">
        {shown.map((key) => (
          <li key={key.id} className="flex items-center gap-2.5">
            <KeyFace prefix={key.key_prefix} off={isOff(key)} />
            <Link href={`/orgs/${org}/keys/${key.id}`} className="link cut min-w-0 flex-1" title={key.name}>
              <bdi>{key.name}</bdi>
            </Link>
            {insights.isPending ? <Skeleton className="h-5 w-24" /> : <KeyBadge state={key} health={healthOf(key.id)} />}
          </li>
        ))}
      </ul>
      {more > 0 && (
        <Link href={`/orgs/${org}/keys?parent_id=${id}`} className="link mt-3 inline-block">
          All keys it made
        </Link>
      )}
    </Card>
  );
}
