import { z } from "zod";
import { actionNames } from "@/lib/audit/actions";
import { ListOf, PageQuery, RangeQuery } from "@/lib/schema";

export const AuditEvent = z.object({
  id: z.string(),
  sequence: z.int(),
  action: z.string(),
  event_type: z.enum(["create", "read", "update", "delete"]),
  actor: z.object({ type: z.string(), id: z.string().nullable(), name: z.string(), role: z.string().nullable() }),
  target: z.object({ type: z.string(), id: z.string().nullable(), name: z.string().nullable() }),
  before: z.unknown().nullable(),
  after: z.unknown().nullable(),
  ip: z.string().nullable(),
  country: z.string().nullable(),
  user_agent: z.string().nullable(),
  request_id: z.string().nullable(),
  created_at: z.string(),
  previous_hash: z.string(),
  hash: z.string(),
});
export type AuditEvent = z.output<typeof AuditEvent>;
export const AuditList = ListOf(AuditEvent);

export const AuditFilter = z.object({
  ...PageQuery,
  ...RangeQuery,
  api_key: z.string().max(200).optional(),
  user: z.string().max(254).optional(),
  /** The id of what the events are about: a group, a key. */
  target: z.string().max(64).optional(),
  event_type: z.enum(["create", "read", "update", "delete", ...actionNames], "is not a type or an action").optional(),
});
export type AuditFilter = z.output<typeof AuditFilter>;
