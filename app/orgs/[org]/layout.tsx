import type { ReactNode } from "react";
import { Console } from "@/components/orgs/console";
import { DemoNotice } from "@/components/orgs/demo-notice";
import { authorize, reachOf } from "@/lib/access/permissions";
import { pageActor, pagePerson } from "@/lib/auth/page";
import { listGroups } from "@/lib/groups/groups";
import { countKeys } from "@/lib/keys/list";
import { listMembers, listOrgs } from "@/lib/orgs/orgs";

type OrgLayoutProps = { params: Promise<{ org: string }>; children: ReactNode };

export default async function OrgLayout({ params, children }: OrgLayoutProps) {
  const { org: slug } = await params;
  const actor = await pageActor(slug);
  const { session, actor: person } = await pagePerson();
  const [orgs, keys, groups, members] = await Promise.all([
    listOrgs(authorize(person, "account.manage")),
    countKeys(authorize(actor, "keys.read")),
    listGroups(authorize(actor, "groups.read"), { limit: 1000 }),
    listMembers(authorize(actor, "members.read")),
  ]);
  const org = orgs.find(({ id }) => id === actor.orgId);
  if (org === undefined) throw new Error("a member's organization is missing from their list");
  return (
    <Console
      org={org}
      orgs={orgs}
      user={{ name: session.user.name, email: session.user.email }}
      keyCount={keys.live}
      memberCount={members.data.length}
      groups={groups}
      mayCreateKeys={reachOf(actor, "keys.create") !== null}
      mayCreateGroups={reachOf(actor, "groups.write") !== null}
    >
      {org.is_demo && <DemoNotice />}
      {children}
    </Console>
  );
}
