"use client";

import { useQuery } from "@tanstack/react-query";
import { Checkbox } from "@/components/ui/checkbox";
import { Notice } from "@/components/ui/notice";
import { isApiError } from "@/lib/api";
import { formatNumber } from "@/lib/format";
import { bulkKeys } from "@/lib/keys/client";
import type { BulkResult } from "@/lib/keys/schema";

/** How many are named before they are only counted. */
const NAMED = 3;

/**
 * What revoking these keys with their children would do, as the server says: the keys themselves, then their children. No id: it is not
 * asked. Refused where some of the children are out of this person's reach, or too many.
 */
export function useEndWithChildren(org: string, ids: readonly string[]) {
  const query = useQuery({
    queryKey: ["bulk", org, "with children", ids],
    queryFn: () => bulkKeys(org, { action: "revoke", ids: [...ids], revoke_children: true, dry_run: true }),
    enabled: ids.length > 0,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
  return { rows: query.data?.data, children: query.data?.data.slice(ids.length) ?? [], refusal: refusalIn(query.error) };
}

function refusalIn(error: Error | null): string | null {
  if (!isApiError(error)) return null;
  if (error.status === 403) return `You may not revoke all of them: ${Object.values(error.details).slice(0, NAMED).join(", ")}.`;
  return error.status === 409 ? "They are too many for one go: revoke them afterwards." : null;
}

type ChildrenOfferProps = {
  end: ReturnType<typeof useEndWithChildren>;
  /** How many keys are revoked. */
  of: number;
  checked: boolean;
  onCheck: (checked: boolean) => void;
};

/** Offers to revoke the children too, with what they did lately. Nothing where there are none. */
export function ChildrenOffer({ end: { children, refusal }, of, checked, onCheck }: ChildrenOfferProps) {
  const makers = of === 1 ? "it" : "they";
  if (refusal !== null) return <Notice title={`The keys ${makers} made stay.`}>{refusal}</Notice>;
  if (children.length === 0) return null;
  return (
    <Checkbox
      checked={checked}
      onChange={(event) => onCheck(event.target.checked)}
      label={
        children.length === 1
          ? `Also revoke the key ${makers} made`
          : `Also revoke the ${formatNumber(children.length)} keys ${makers} made`
      }
      help={`${namesOf(children)}: ${callsOf(children)} in the last 24 hours.`}
    />
  );
}

function namesOf(children: BulkResult["data"]): string {
  const names = children.slice(0, NAMED).map(({ key }) => key.name);
  const more = children.length - names.length;
  return more === 0 ? names.join(", ") : `${names.join(", ")} and ${formatNumber(more)} more`;
}

function callsOf(children: BulkResult["data"]): string {
  const calls = children.reduce((sum, { calls }) => sum + calls, 0);
  return calls === 0 ? "no call" : `${formatNumber(calls)} ${calls === 1 ? "call" : "calls"}`;
}
