"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { groupQuery } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";

/** After a dialog changed a group: the page shows it at once, and everything that speaks of groups is read again. */
export function useGroupChanged(org: string): (group: Group) => void {
  const queries = useQueryClient();
  const router = useRouter();
  return (group) => {
    queries.setQueryData(groupQuery(org, group.id).queryKey, group);
    for (const name of ["groups", "keys", "key", "audit"]) void queries.invalidateQueries({ queryKey: [name, org] });
    router.refresh();
  };
}
