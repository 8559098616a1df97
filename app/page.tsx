import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { AuthFrame, AuthTitle } from "@/components/auth/auth-frame";
import { CreateOrgForm } from "@/components/orgs/create-org-form";
import { authorize } from "@/lib/access/permissions";
import { pagePerson } from "@/lib/auth/page";
import { env } from "@/lib/env";
import { listOrgs } from "@/lib/orgs/orgs";

export const metadata: Metadata = { title: "Create an organization" };

export default async function HomePage() {
  const { actor, session } = await pagePerson();
  const [first] = await listOrgs(authorize(actor, "account.manage"));
  if (first !== undefined) redirect(`/orgs/${first.slug}`);
  return (
    <AuthFrame host={new URL(env().publicUrl).host}>
      <AuthTitle title="Create an organization">You belong to none yet. It owns groups, keys and the people who use them.</AuthTitle>
      <CreateOrgForm email={session.user.email} />
    </AuthFrame>
  );
}
