"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { KeyFace } from "@/components/keys/key-face";
import { isOff, KeyBadge } from "@/components/keys/key-state";
import { Card } from "@/components/ui/card";
import { DefinitionList } from "@/components/ui/definition-list";
import { EmptyState } from "@/components/ui/empty-state";
import { Time } from "@/components/ui/time";
import { formatAddress, formatNumber } from "@/lib/format";
import { keyInsightsQuery, keysQuery } from "@/lib/keys/client";
import type { Key, KeyInsight } from "@/lib/keys/schema";
import type { List } from "@/lib/schema";

type NewestKeyProps = { org: string; keys: List<Key>; insights: { data: KeyInsight[] }; keyCount: number; hasGroup: boolean };

export function NewestKey({ org, keys, insights, keyCount, hasGroup }: NewestKeyProps) {
  const key = useQuery({ ...keysQuery(org, { limit: 1 }), initialData: keys, refetchInterval: 5000 }).data.data[0];
  const insight = useQuery({
    ...keyInsightsQuery(org, key === undefined ? [] : [key.id]),
    enabled: key !== undefined,
    refetchInterval: 30_000,
    ...(key?.id === keys.data[0]?.id ? { initialData: insights } : {}),
  }).data?.data.find(({ key_id }) => key_id === key?.id);
  return (
    <Card
      title={keyCount > 1 ? "Newest key" : "Your key"}
      action={
        key && (
          <Link href={`/orgs/${org}/keys`} className="link">
            All keys
          </Link>
        )
      }
      flush={key === undefined}
    >
      {key === undefined ? (
        <EmptyState glyph={<KeyFace prefix="lk_live_5fKq2T" off />} title="No key yet">
          {hasGroup
            ? "A key lets one program call the API. Its secret is shown once."
            : "Every key belongs to a group, so a group comes first."}
        </EmptyState>
      ) : (
        <>
          <Link href={`/orgs/${org}/keys/${key.id}`} className="fast -mx-2 flex items-center gap-2.5 rounded-md px-2 py-1.5 hover:bg-hover">
            <KeyFace prefix={key.key_prefix} off={isOff(key)} />
            <span className="flex min-w-0 flex-1 flex-col">
              <bdi className="cut font-medium" title={key.name}>
                {key.name}
              </bdi>
              <span className="mono cut text-fg-3" translate="no">
                {key.key_prefix}
              </span>
            </span>
            {insight && <KeyBadge state={key} health={insight.health} />}
          </Link>
          <DefinitionList
            className="mt-3"
            items={[
              { term: "Last used", value: key.last_used_at === null ? "—" : <Time iso={key.last_used_at} /> },
              { term: "From", value: <span className={key.last_used_ip === null ? "" : "mono"}>{formatAddress(key.last_used_ip)}</span> },
              { term: "Calls", value: formatNumber(key.request_count) },
              { term: "Expires", value: key.expires_at === null ? "Never" : <Time iso={key.expires_at} as="date" /> },
            ]}
          />
        </>
      )}
    </Card>
  );
}
