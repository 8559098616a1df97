import Link from "next/link";
import { type Base, Snippet } from "@/components/docs/snippet";
import { Card } from "@/components/ui/card";

export function CallIt({ base }: { base: Base }) {
  return (
    <Card title="Call it">
      <Snippet base={base} label="curl example" code={'curl $BASE/v1/me \\\n  -H "X-API-Key: $LATCHKEY_API_KEY"'} />
      <p className="mt-3 text-fg-2">
        Headers, limits and errors are in the{" "}
        <Link href="/docs" className="link">
          quick start
        </Link>
        .
      </p>
    </Card>
  );
}
