import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { AuthTitle } from "@/components/auth/auth-frame";
import { nextPath } from "@/components/auth/next-path";
import { SignInForm } from "@/components/auth/sign-in-form";
import { Notice } from "@/components/ui/notice";
import { pageSession } from "@/lib/auth/page";
import { env } from "@/lib/env";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignInPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const query = await searchParams;
  const next = nextPath(query.next);
  if ((await pageSession()) !== null) redirect(next ?? "/");
  return (
    <>
      <AuthTitle title="Sign in">to the developer console</AuthTitle>
      {query.ended === "1" && (
        <Notice role="status" className="mb-4">
          Your session ended. Sign in to go on.
        </Notice>
      )}
      <SignInForm next={next} />
      <p className="mt-6 text-fg-2">
        {env().signUp === "open" ? (
          <>
            New here?{" "}
            <Link href="/sign-up" className="link">
              Create an account
            </Link>
          </>
        ) : (
          "New here? This console is by invitation: ask whoever runs it."
        )}
      </p>
    </>
  );
}
