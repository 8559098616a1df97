import type { Metadata } from "next";
import { AuthTitle } from "@/components/auth/auth-frame";
import { ResetForm } from "@/components/auth/reset-form";

export const metadata: Metadata = { title: "New password", referrer: "no-referrer" };

export default async function ResetPage({ params }: { params: Promise<{ token: string }> }) {
  const { token } = await params;
  return (
    <>
      <AuthTitle title="Choose a new password">It ends every session of this account, everywhere.</AuthTitle>
      <ResetForm token={token} />
    </>
  );
}
