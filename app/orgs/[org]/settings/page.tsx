import type { Metadata } from "next";
import { SettingsView } from "@/components/orgs/settings-view";
import { Page } from "@/components/ui/page-header";
import { authorize, reachOf } from "@/lib/access/permissions";
import { pageActor } from "@/lib/auth/page";
import { getOrg } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Settings" };

export default async function SettingsPage({ params }: { params: Promise<{ org: string }> }) {
  const { org: slug } = await params;
  const actor = await pageActor(slug);
  const org = await getOrg(authorize(actor, "org.read"));
  return (
    <Page>
      <SettingsView slug={slug} org={org} mayEdit={reachOf(actor, "org.write") !== null} />
    </Page>
  );
}
