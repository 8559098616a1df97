import type { Metadata } from "next";
import Link from "next/link";
import { AuthTitle } from "@/components/auth/auth-frame";
import { LeakForm } from "@/components/keys/leak-form";
import { env } from "@/lib/env";

export const metadata: Metadata = { title: "Found a key?" };

/** For whoever found a key of ours: no account, no questions. */
export default function LeakedPage() {
  const { live, test } = env().keyPrefixes;
  return (
    <>
      <AuthTitle title="Found a key?">
        Keys that begin with <code className="mono">{live}</code> or <code className="mono">{test}</code> are secrets. If you saw one in a
        repository, a log or a chat, hand it in here: it is revoked or flagged at once, and its owners are told.
      </AuthTitle>
      <LeakForm prefix={live} />
      <p className="mt-6 text-fg-2">
        Do not try the key, and do not post it anywhere else. It is not stored here either. Programs report to{" "}
        <Link href="/docs/leaks" className="link whitespace-nowrap">
          POST /v1/leaks
        </Link>
        .
      </p>
    </>
  );
}
