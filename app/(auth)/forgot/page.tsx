import type { Metadata } from "next";
import Link from "next/link";
import { AuthTitle } from "@/components/auth/auth-frame";
import { ForgotForm } from "@/components/auth/forgot-form";
import { env } from "@/lib/env";

export const metadata: Metadata = { title: "New password" };

export default function ForgotPage() {
  return (
    <>
      <AuthTitle title="Set a new password">We mail you a link that does it.</AuthTitle>
      <ForgotForm hasMailServer={env().smtpUrl !== null} />
      <p className="mt-6 text-fg-2">
        <Link href="/sign-in" className="link">
          Back to sign in
        </Link>
      </p>
    </>
  );
}
