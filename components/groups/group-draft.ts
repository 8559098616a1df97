import type { ChangeRow } from "@/components/ui/changes";
import { formatNumber } from "@/lib/format";
import { CreateGroup, type Group, type UpdateGroup } from "@/lib/groups/schema";

/** What the group dialogs hold: the fields as they are typed, what of them is changed, and what is wrong before it is sent. Pure. */

export interface GroupDraft {
  name: string;
  description: string;
  /** Calls per minute and key as typed; empty for the organization's. */
  limit: string;
  allowed_ips: readonly string[];
}

export const emptyDraft: GroupDraft = { name: "", description: "", limit: "", allowed_ips: [] };

export function draftOf(group: Group): GroupDraft {
  const limit = group.rate_limit_rpm === null ? "" : String(group.rate_limit_rpm);
  return { name: group.name, description: group.description, limit, allowed_ips: group.allowed_ips };
}

/** What is left empty is left out. */
export function newGroupOf(draft: GroupDraft): CreateGroup {
  const description = draft.description.trim();
  const limit = limitOf(draft);
  return {
    name: draft.name.trim(),
    ...(description === "" ? {} : { description }),
    ...(limit === null ? {} : { rate_limit_rpm: limit }),
    ...(draft.allowed_ips.length === 0 ? {} : { allowed_ips: [...draft.allowed_ips] }),
  };
}

/** Only what differs: two people who edit different fields do not undo each other. */
export function changedOf(group: Group, draft: GroupDraft): UpdateGroup {
  const name = draft.name.trim();
  const description = draft.description.trim();
  const limit = limitOf(draft);
  return {
    ...(name === group.name ? {} : { name }),
    ...(description === group.description ? {} : { description }),
    ...(limit === group.rate_limit_rpm ? {} : { rate_limit_rpm: limit }),
    ...(isSameSet(draft.allowed_ips, group.allowed_ips) ? {} : { allowed_ips: [...draft.allowed_ips] }),
  };
}

export function changesOf(group: Group, changed: UpdateGroup): ChangeRow[] {
  const rows: ChangeRow[] = [];
  const one = (field: keyof UpdateGroup, label: string, from: string, to: string) =>
    rows.push({ field, label, from: [from], to: [to], isList: false });
  if (changed.name !== undefined) one("name", "Name", group.name, changed.name);
  if (changed.description !== undefined) one("description", "Description", group.description, changed.description);
  if (changed.rate_limit_rpm !== undefined)
    one("rate_limit_rpm", "Limit", limitWords(group.rate_limit_rpm), limitWords(changed.rate_limit_rpm));
  if (changed.allowed_ips !== undefined) {
    const list = (of: readonly string[], other: readonly string[]) =>
      of.length === 0 ? ["Any address"] : of.filter((each) => !other.includes(each));
    const [from, to] = [list(group.allowed_ips, changed.allowed_ips), list(changed.allowed_ips, group.allowed_ips)];
    rows.push({ field: "allowed_ips", label: "Addresses", from, to, isList: true });
  }
  return rows;
}

export function limitWords(limit: number | null): string {
  return limit === null ? "The organization’s" : `${formatNumber(limit)} a minute`;
}

/** By path as the API names it. `most` is the organization's limit, which a group only lowers. */
export function problemsOf(draft: GroupDraft, most: number): Record<string, string> {
  const problems: Record<string, string> = {};
  const parsed = CreateGroup.safeParse(newGroupOf(draft));
  for (const issue of parsed.error?.issues ?? []) problems[issue.path.join(".")] ??= issue.message;
  const limit = limitOf(draft);
  if (draft.name.trim() === "") problems.name = "give it a name: the project or environment whose keys it holds";
  if (Number.isNaN(limit)) problems.rate_limit_rpm = "must be a whole number";
  else if (limit !== null && limit > most)
    problems.rate_limit_rpm = `may be at most ${formatNumber(most)}: a group only lowers the organization’s limit`;
  return problems;
}

function limitOf({ limit }: GroupDraft): number | null {
  const text = limit.trim();
  if (text === "") return null;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}
