import type { Metadata } from "next";
import { KeysView } from "@/components/keys/keys-view";
import { readFilter } from "@/components/logs/read-filter";
import { authorize, reachOf } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { env } from "@/lib/env";
import { listGroups } from "@/lib/groups/groups";
import { keyInsights } from "@/lib/keys/insight";
import { getKey } from "@/lib/keys/keys";
import { countAttention, countKeys, listKeys } from "@/lib/keys/list";
import { KeyFilter } from "@/lib/keys/schema";
import { getOrg } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Keys" };

const Filter = KeyFilter.omit({ cursor: true, limit: true });
/** Keys on a page. */
const LIMIT = 50;

type Props = { params: Promise<{ org: string }>; searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function KeysPage({ params, searchParams }: Props) {
  const { org } = await params;
  const actor = await pageActor(org);
  const filter = { ...readFilter(Filter, await searchParams), limit: LIMIT };
  const reader = authorize(actor, "keys.read");
  const first = listKeys(reader, filter);
  const [initial, insights, counts, attention, groups, organization, parent] = await Promise.all([
    first,
    first.then(({ data }) =>
      data.length === 0
        ? { data: [] }
        : keyInsights(
            reader,
            data.map((key) => key.id),
          ),
    ),
    countKeys(reader),
    countAttention(reader),
    listGroups(authorize(actor, "groups.read"), { limit: 1000 }),
    getOrg(authorize(actor, "org.read")),
    filter.parent_id === undefined ? null : getKey(reader, filter.parent_id).catch(() => null),
  ]);
  const { publicUrl, publicUrlIsSet } = env();
  return (
    <KeysView
      org={org}
      filter={filter}
      initial={initial}
      initialInsights={insights}
      counts={{ ...counts, attention }}
      groups={groups.data.map(({ id, name }) => ({ id, name }))}
      parent={parent?.name ?? null}
      create={
        reachOf(actor, "keys.create") === null ? null : { scopes: organization.scopes, requestsPerMinute: organization.requests_per_minute }
      }
      baseUrl={publicUrlIsSet ? publicUrl : null}
      mayAdmin={actor.role === "admin" || actor.role === "owner"}
      mayCreateGroup={reachOf(actor, "groups.write") !== null}
      revoking={{ reach: reachOf(actor, "keys.revoke"), personId: actor.id }}
      changing={{ reach: reachOf(actor, "keys.update"), personId: actor.id }}
    />
  );
}
