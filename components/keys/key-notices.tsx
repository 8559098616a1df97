"use client";

import { useQuery } from "@tanstack/react-query";
import { ShieldAlert } from "lucide-react";
import Link from "next/link";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Notice } from "@/components/ui/notice";
import { Time } from "@/components/ui/time";
import { auditQuery } from "@/lib/audit/client";
import type { Health, Key } from "@/lib/keys/schema";
import { HealthBadge } from "./key-state";

type LeakedNoticeProps = {
  org: string;
  state: Key;
  health: readonly Health[];
  onRotate: (() => void) | undefined;
  onRevoke: (() => void) | undefined;
};

/** A secret of this key was found in the open, and the organization only flags such keys: somebody has to act now. */
export function LeakedNotice({ health, ...props }: LeakedNoticeProps) {
  const leak = health.find(({ code }) => code === "leaked");
  return leak && props.state.status !== "revoked" && <Leak {...props} at={leak.at} />;
}

function Leak({ org, state, at, onRotate, onRevoke }: Omit<LeakedNoticeProps, "health"> & { at: string | null }) {
  const reports = useQuery(auditQuery(org, { api_key: state.id, event_type: "api_key.leak", limit: 5 })).data?.data ?? [];
  const where = sayingOf(reports[0]?.after, "url");
  // Of a rotation the old secret was found, unless the new one was too.
  const isReplaced = state.rotation !== null && reports.every(({ after }) => sayingOf(after, "key_prefix") !== state.key_prefix);
  return (
    <Notice
      tone="bad"
      icon={<ShieldAlert />}
      role="alert"
      className="mb-4"
      title="A secret of this key was found in the open."
      action={
        (onRotate || onRevoke) && (
          <span className="flex gap-2">
            {onRotate && !isReplaced && (
              <Button size="sm" onClick={onRotate}>
                Rotate at once…
              </Button>
            )}
            {onRevoke && (
              <Button size="sm" variant="danger-quiet" onClick={onRevoke}>
                Revoke…
              </Button>
            )}
          </span>
        )
      }
    >
      Whoever saw it can call with this key.{" "}
      {isReplaced
        ? "A newer secret is there already: finish the rotation below, and the one that was found stops working."
        : "Rotate it at once and give the new secret to its programs, or revoke it if nothing needs it."}
      {(at || where) && (
        <span className="mt-1 block">
          Reported
          {at && (
            <>
              {" "}
              on <Time as="exact" iso={at} />
            </>
          )}
          {where && (
            <>
              {" "}
              at <span className="mono">{where}</span>
            </>
          )}
          .{" "}
          <Link href={`/orgs/${org}/logs?key_id=${state.id}`} className="link">
            Look through its requests
          </Link>
        </span>
      )}
    </Notice>
  );
}

/** What the event of a report says. The finder's address is text: nobody should follow it by accident. */
function sayingOf(after: unknown, what: "url" | "key_prefix"): string | null {
  const said = typeof after === "object" && after !== null ? (after as Record<string, unknown>)[what] : null;
  return typeof said === "string" ? said : null;
}

/** What a key's state asks a person to do, a sentence each. What stands elsewhere on the page is left out. */
export function HealthCard({ state, health }: { state: Key; health: readonly Health[] }) {
  const items = health.filter(({ code }) => code !== "leaked" && code !== "rotating");
  if (items.length === 0 || state.status === "revoked" || state.status === "expired") return null;
  return (
    <Card title="Needs attention">
      <ul className="grid gap-3">
        {items.map((each) => (
          <li key={each.code} className="grid justify-items-start gap-1">
            <HealthBadge health={each} />
            <p className="text-fg-2">
              {each.message}
              {each.at && (
                <span className="block text-sm text-fg-3">
                  <Time as="exact" iso={each.at} />
                </span>
              )}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
