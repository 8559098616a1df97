import type { Metadata } from "next";
import { KeysView } from "@/components/keys/keys-view";
import { readFilter } from "@/components/logs/read-filter";
import { authorize, reachOf } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { env } from "@/lib/env";
import { listGroups } from "@/lib/groups/groups";
import { countKeys, listKeys } from "@/lib/keys/list";
import { KeyFilter } from "@/lib/keys/schema";
import { getOrg } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Keys" };

type Props = { params: Promise<{ org: string }>; searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function KeysPage({ params, searchParams }: Props) {
  const { org } = await params;
  const actor = await pageActor(org);
  const filter = readFilter(KeyFilter.omit({ cursor: true }), await searchParams);
  const reader = authorize(actor, "keys.read");
  const [initial, counts, groups, organization] = await Promise.all([
    listKeys(reader, filter),
    countKeys(reader),
    listGroups(authorize(actor, "groups.read"), { limit: 1000 }),
    getOrg(authorize(actor, "org.read")),
  ]);
  const { publicUrl, publicUrlIsSet } = env();
  return (
    <KeysView
      org={org}
      filter={filter}
      initial={initial}
      counts={counts}
      groups={groups.data.map(({ id, name }) => ({ id, name }))}
      create={
        reachOf(actor, "keys.create") === null
          ? null
          : { scopes: organization.scopes, mayAdmin: actor.role !== "developer", baseUrl: publicUrlIsSet ? publicUrl : null }
      }
      mayCreateGroup={reachOf(actor, "groups.write") !== null}
      revoking={{ reach: reachOf(actor, "keys.revoke"), personId: actor.id }}
    />
  );
}
