import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { AuthTitle } from "@/components/auth/auth-frame";
import { SignUpForm } from "@/components/auth/sign-up-form";
import { pageSession } from "@/lib/auth/page";
import { env } from "@/lib/env";

export const metadata: Metadata = { title: "Create an account" };

export default async function SignUpPage() {
  if ((await pageSession()) !== null) redirect("/");
  const isOpen = env().signUp === "open";
  return (
    <>
      <AuthTitle title={isOpen ? "Create an account" : "By invitation"}>
        {isOpen
          ? "and the organization that your keys belong to"
          : "Accounts are made by a link in a mail. Ask whoever runs this console, or an admin of your organization."}
      </AuthTitle>
      {isOpen && <SignUpForm />}
      <p className="mt-6 text-fg-2">
        Have an account?{" "}
        <Link href="/sign-in" className="link">
          Sign in
        </Link>
      </p>
    </>
  );
}
