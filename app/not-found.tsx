import type { Metadata } from "next";
import Link from "next/link";
import { Fault } from "@/components/shell/fault";
import { Button } from "@/components/ui/button";
import { pageFront } from "@/lib/auth/page";

export const metadata: Metadata = { title: "Nothing here" };

export default async function NotFound() {
  const { id } = await pageFront();
  return (
    <Fault
      alone
      title="Nothing is here"
      requestId={id}
      action={
        <Button asChild variant="primary">
          <Link href="/">Go to the console</Link>
        </Button>
      }
    >
      The address is wrong, or it belongs to an organization you are not a member of.
    </Fault>
  );
}
