import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import OrgLayout from "@/app/orgs/[org]/layout";
import { authorize } from "@/lib/access/permissions";
import { pagePerson } from "@/lib/auth/page";
import { listOrgs } from "@/lib/orgs/orgs";

/** Inside the shell of the person's first organization: an account is above all of them. */
export default async function AccountLayout({ children }: { children: ReactNode }) {
  const { actor } = await pagePerson();
  const [first] = await listOrgs(authorize(actor, "account.manage"));
  if (first === undefined) redirect("/");
  return <OrgLayout params={Promise.resolve({ org: first.slug })}>{children}</OrgLayout>;
}
