import type { Metadata } from "next";
import Link from "next/link";
import { SessionsCard } from "@/components/account/sessions-card";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { DefinitionList } from "@/components/ui/definition-list";
import { Page, PageHeader } from "@/components/ui/page-header";
import { authorize } from "@/lib/access/permissions";
import { listSessions } from "@/lib/auth/accounts";
import { pagePerson } from "@/lib/auth/page";
import { listOrgs } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Account" };

export default async function AccountPage() {
  const { actor, session } = await pagePerson();
  const self = authorize(actor, "account.manage");
  const [sessions, orgs] = await Promise.all([listSessions(self, session.id), listOrgs(self)]);
  const { name, email } = session.user;
  return (
    <Page width="read">
      <PageHeader title="Account">You, in every organization of this console.</PageHeader>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
        <Card
          title="Profile"
          action={
            <Button asChild variant="ghost" size="sm">
              <Link href="/forgot">New password…</Link>
            </Button>
          }
        >
          <DefinitionList
            items={[
              { term: "Name", value: <bdi>{name}</bdi> },
              { term: "E-mail", value: email },
              {
                term: "Member of",
                value: (
                  <ul className="grid gap-1">
                    {orgs.map((org) => (
                      <li key={org.id}>
                        <Link href={`/orgs/${org.slug}`} className="link">
                          <bdi>{org.name}</bdi>
                        </Link>
                        , {org.role}
                      </li>
                    ))}
                  </ul>
                ),
              },
            ]}
          />
        </Card>
        <SessionsCard sessions={sessions} />
      </div>
    </Page>
  );
}
