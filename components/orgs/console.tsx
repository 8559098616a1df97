"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Folders, Plus } from "lucide-react";
import { type ReactNode, useCallback } from "react";
import { KeyFace } from "@/components/keys/key-face";
import type { Command, CommandGroup } from "@/components/shell/command-palette";
import { Shell } from "@/components/shell/shell";
import { toastError } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { signOut } from "@/lib/auth/client";
import { groupsQuery } from "@/lib/groups/client";
import type { Group } from "@/lib/groups/schema";
import { keysQuery } from "@/lib/keys/client";
import type { OrgSummary } from "@/lib/orgs/schema";
import type { List } from "@/lib/schema";

type ConsoleProps = {
  org: OrgSummary;
  orgs: readonly OrgSummary[];
  user: { name: string; email: string };
  keyCount: number;
  memberCount: number;
  groups: List<Group>;
  mayCreateKeys: boolean;
  mayCreateGroups: boolean;
  children: ReactNode;
};

/** The shell with what it needs of one organization. */
export function Console({
  org,
  orgs,
  user,
  keyCount,
  memberCount,
  groups: initialGroups,
  mayCreateKeys,
  mayCreateGroups,
  children,
}: ConsoleProps) {
  const home = `/orgs/${org.slug}`;
  const queries = useQueryClient();
  const groups = useQuery({ ...groupsQuery(org.slug), initialData: initialGroups });

  const search = useCallback(
    async (query: string): Promise<CommandGroup[]> => {
      const [keys, all] = await Promise.all([
        queries.fetchQuery(keysQuery(org.slug, { q: query, limit: 6 })),
        queries.fetchQuery(groupsQuery(org.slug)),
      ]);
      const called = all.data.filter((group) => group.name.toLowerCase().includes(query.toLowerCase())).slice(0, 5);
      return [
        {
          heading: "Keys",
          commands: keys.data.map((key) => ({
            id: key.id,
            label: key.name,
            detail: key.key_prefix,
            icon: <KeyFace prefix={key.key_prefix} off={!key.is_active} />,
            href: `${home}/keys/${key.id}`,
          })),
        },
        {
          heading: "Groups",
          commands: called.map((group) => ({ id: group.id, label: group.name, icon: <Folders />, href: `${home}/groups/${group.id}` })),
        },
      ];
    },
    [queries, org.slug, home],
  );

  const actions: Command[] = [
    ...(mayCreateKeys
      ? [{ id: "create-key", label: "Generate key", icon: <Plus />, keywords: "create new secret", href: `${home}/keys?new=1` }]
      : []),
    ...(mayCreateGroups
      ? [{ id: "create-group", label: "Create group", icon: <Plus />, keywords: "new project environment", href: `${home}/groups?new=1` }]
      : []),
  ];

  const leave = () => {
    signOut().catch((error: unknown) =>
      toastError("You are still signed in: the console did not answer.", isApiError(error) ? (error.requestId ?? undefined) : undefined),
    );
  };

  return (
    <Shell
      org={{ id: org.id, name: org.name, slug: org.slug, isDemo: org.is_demo }}
      orgs={orgs}
      user={user}
      role={org.role}
      counts={{ keys: keyCount, groups: groups.data.data.length, members: memberCount }}
      onSignOut={leave}
      search={search}
      actions={actions}
    >
      {children}
    </Shell>
  );
}
