import Link from "next/link";
import { Fault } from "@/components/shell/fault";
import { Button } from "@/components/ui/button";
import { pageFront } from "@/lib/auth/page";

export default async function OrgNotFound() {
  const { id } = await pageFront();
  return (
    <Fault
      title="Nothing is here"
      requestId={id}
      action={
        <Button asChild variant="primary">
          <Link href="/">Go to the overview</Link>
        </Button>
      }
    >
      What this address named was never there, or it belongs to another organization.
    </Fault>
  );
}
