import { z } from "zod";
import { ListOf, PageQuery, PlainText } from "@/lib/schema";

const Description = z.union([z.literal(""), PlainText(300)]);

export const CreateGroup = z.strictObject({ name: PlainText(100), description: Description.optional() });
export type CreateGroup = z.output<typeof CreateGroup>;

export const Group = z.object({
  id: z.string(),
  object: z.literal("api_group"),
  name: z.string(),
  description: z.string(),
  organization_id: z.string(),
  rate_limit_rpm: z.int().nullable(),
  allowed_ips: z.array(z.string()),
  key_count: z.int(),
  created_at: z.string(),
  archived_at: z.string().nullable(),
});
export type Group = z.output<typeof Group>;

export const GroupList = ListOf(Group);
export const GroupFilter = z.object({ ...PageQuery });
export type GroupFilter = z.output<typeof GroupFilter>;
