import type { Metadata } from "next";
import Link from "next/link";
import { AuthTitle } from "@/components/auth/auth-frame";
import { ResetForm } from "@/components/auth/reset-form";
import { Button } from "@/components/ui/button";
import { isTokenOpen } from "@/lib/auth/tickets";

export const metadata: Metadata = { title: "New password", referrer: "no-referrer" };

export default async function ResetPage({ params }: { params: Promise<{ token: string }> }) {
  const { token } = await params;
  if (!(await isTokenOpen("reset", token))) {
    return (
      <>
        <AuthTitle title="This link is over">It was used already, is older than 30 minutes, or was cut short.</AuthTitle>
        <Button asChild variant="primary" className="h-9! w-full">
          <Link href="/forgot">Ask for a new link</Link>
        </Button>
      </>
    );
  }
  return (
    <>
      <AuthTitle title="Choose a new password">It ends every session of this account, everywhere.</AuthTitle>
      <ResetForm token={token} />
    </>
  );
}
