import type { Metadata } from "next";
import { AuditView } from "@/components/audit/audit-view";
import { readFilter } from "@/components/logs/read-filter";
import { authorize } from "@/lib/access/permissions";
import { listAudit } from "@/lib/audit/audit";
import { AuditFilter } from "@/lib/audit/schema";
import { pageActor } from "@/lib/auth/page";
import { listKeys } from "@/lib/keys/list";
import { listMembers } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Audit log" };

type Props = { params: Promise<{ org: string }>; searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function AuditPage({ params, searchParams }: Props) {
  const { org } = await params;
  const actor = await pageActor(org);
  const filter = readFilter(AuditFilter.omit({ cursor: true, start: true, end: true }), await searchParams);
  const [initial, members, keys] = await Promise.all([
    listAudit(authorize(actor, "audit.read"), filter),
    listMembers(authorize(actor, "members.read")),
    listKeys(authorize(actor, "keys.read"), { limit: 1000 }),
  ]);
  return (
    <AuditView
      org={org}
      filter={filter}
      initial={initial}
      members={members.data.map(({ user_id, name }) => ({ id: user_id, name }))}
      keys={keys.data.map(({ id, name, key_prefix }) => ({ id, name, prefix: key_prefix }))}
    />
  );
}
