"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { keyQuery } from "@/lib/keys/client";
import type { Key } from "@/lib/keys/schema";

/** After a dialog changed a key: the page shows it at once, and everything that speaks of keys is read again. */
export function useKeyChanged(org: string): (key?: Key) => void {
  const queries = useQueryClient();
  const router = useRouter();
  return (key) => {
    if (key) queries.setQueryData(keyQuery(org, key.id).queryKey, key);
    for (const name of ["keys", "key", "audit", "groups"]) void queries.invalidateQueries({ queryKey: [name, org] });
    router.refresh();
  };
}
