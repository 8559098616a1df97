import type { Metadata } from "next";
import Link from "next/link";
import { AuthTitle } from "@/components/auth/auth-frame";
import { InviteForm } from "@/components/auth/invite-form";
import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { inviteOffer } from "@/lib/auth/accounts";
import { pageSession } from "@/lib/auth/page";

export const metadata: Metadata = { title: "Invitation", referrer: "no-referrer" };

export default async function InvitePage({ params }: { params: Promise<{ token: string }> }) {
  const { token } = await params;
  const [offer, session] = await Promise.all([inviteOffer(token), pageSession()]);
  if (offer === null) {
    return (
      <>
        <AuthTitle title="This invitation is over">
          It was used already, is older than seven days, or a newer one took its place. Ask for another.
        </AuthTitle>
        <Button asChild>
          <Link href="/">Go to the console</Link>
        </Button>
      </>
    );
  }
  const isSignedIn = session?.user.email === offer.email;
  return (
    <>
      <AuthTitle
        title={
          <>
            Join <bdi>{offer.organization.name}</bdi>
          </>
        }
      >
        You are invited as {offer.role}, by your address {offer.email}.
      </AuthTitle>
      {session !== null && !isSignedIn && (
        <Notice className="mb-4">
          You are signed in as {session.user.email}. Joining signs you in as {offer.email} instead.
        </Notice>
      )}
      <InviteForm token={token} email={offer.email} who={isSignedIn ? "signed-in" : offer.hasAccount ? "known" : "new"} />
    </>
  );
}
