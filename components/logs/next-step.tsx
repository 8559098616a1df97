import Link from "next/link";
import { Button } from "@/components/ui/button";

/** What comes next where nobody has called yet: a group, a key in it, a call with one. */
export function NextStep({ org, hasGroup, hasKey }: { org: string; hasGroup: boolean; hasKey: boolean }) {
  const [to, words] = hasKey ? ["keys", "Choose a key"] : hasGroup ? ["keys?new=1", "Generate key"] : ["groups?new=1", "Create group"];
  return (
    <Button variant="primary" asChild>
      <Link href={`/orgs/${org}/${to}`}>{words}</Link>
    </Button>
  );
}
