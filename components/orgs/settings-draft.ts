import type { Org, UpdateOrg } from "@/lib/orgs/schema";
import { UpdateOrg as Input } from "@/lib/orgs/schema";

/** What the settings page holds: the fields as they are edited, what of them is changed, and what that means for calls. Pure. */

export type SettingsDraft = {
  name: string;
  allowed_ips: readonly string[];
  keys_manage_keys: boolean;
  leak_policy: Org["leak_policy"];
};

export function draftOf({ name, allowed_ips, keys_manage_keys, leak_policy }: Org): SettingsDraft {
  return { name, allowed_ips, keys_manage_keys, leak_policy };
}

/** Only what differs: two people who edit different fields do not undo each other. */
export function changedOf(org: Org, draft: SettingsDraft): UpdateOrg {
  const name = draft.name.trim();
  return {
    ...(name === org.name ? {} : { name }),
    ...(isSameSet(draft.allowed_ips, org.allowed_ips) ? {} : { allowed_ips: [...draft.allowed_ips] }),
    ...(draft.keys_manage_keys === org.keys_manage_keys ? {} : { keys_manage_keys: draft.keys_manage_keys }),
    ...(draft.leak_policy === org.leak_policy ? {} : { leak_policy: draft.leak_policy }),
  };
}

/** Whether calls that pass now may be refused: an entry goes, or the first one comes. */
export function isNarrower(org: Org, addresses: readonly string[]): boolean {
  if (addresses.length === 0) return false;
  return org.allowed_ips.length === 0 || org.allowed_ips.some((entry) => !addresses.includes(entry));
}

/** By path as the API names it. */
export function problemsOf(changed: UpdateOrg): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const issue of Input.safeParse(changed).error?.issues ?? []) problems[issue.path.join(".")] ??= issue.message;
  if (changed.name === "") problems.name = "an organization needs a name";
  return problems;
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}
