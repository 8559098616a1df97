import { z } from "zod";
import { ListOf, PageQuery, PlainText } from "@/lib/schema";

const Description = z.union([z.literal(""), PlainText(300)]);

export const CreateGroup = z.strictObject({
  name: PlainText(100),
  description: Description.optional(),
  rate_limit_rpm: z.int().min(1).max(1_000_000).nullable().optional(),
  allowed_ips: z.array(z.string().max(64)).max(100, "may have at most 100 entries").optional(),
});
export type CreateGroup = z.output<typeof CreateGroup>;

export const UpdateGroup = z.strictObject({
  name: PlainText(100).optional(),
  description: Description.optional(),
  rate_limit_rpm: z.int().min(1).max(1_000_000).nullable().optional(),
  allowed_ips: z.array(z.string().max(64)).max(100, "may have at most 100 entries").optional(),
});
export type UpdateGroup = z.output<typeof UpdateGroup>;

/** A group with live keys is archived only when these are revoked with it. */
export const ArchiveGroup = z.object({ revoke_keys: z.enum(["true", "false"], "must be true or false").optional() });
export type ArchiveGroup = z.output<typeof ArchiveGroup>;

export const Group = z.object({
  id: z.string(),
  object: z.literal("api_group"),
  name: z.string(),
  description: z.string(),
  organization_id: z.string(),
  rate_limit_rpm: z.int().nullable(),
  allowed_ips: z.array(z.string()),
  key_count: z.int().describe("keys that are neither revoked nor expired"),
  created_at: z.string(),
  archived_at: z.string().nullable(),
});
export type Group = z.output<typeof Group>;

export const GroupList = ListOf(Group);
export const GroupFilter = z.object({ ...PageQuery, archived: z.enum(["true", "false"], "must be true or false").optional() });
export type GroupFilter = z.output<typeof GroupFilter>;
