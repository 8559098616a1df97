import { z } from "zod";
import { accesses, environments } from "@/lib/access/permissions";
import { Instant, ListOf, PageQuery, PlainText } from "@/lib/schema";

export const scopes = [
  "status",
  "documents",
  "summary",
  "search",
  "export",
  "chat",
  "extract",
  "upload",
  "ask",
  "templates",
  "tagging",
  "compare",
  "metrics",
  "summary_audio",
  "verify",
] as const;
export type Scope = (typeof scopes)[number];

export const keyStatuses = ["revoked", "expired", "paused", "scheduled", "rotating", "expiring", "active"] as const;
export type KeyStatus = (typeof keyStatuses)[number];

const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(500), "must be an object of texts")
  .refine((m) => Object.keys(m).length <= 50 && JSON.stringify(m).length <= 4096, "may have at most 50 pairs and 4 KB");

/** What a key may be made with; what is left out is inherited from the key that makes it, or has the default. */
export const CreateKey = z.strictObject({
  name: PlainText(100),
  group_id: z.string().optional(),
  environment: z.enum(environments, `must be one of ${environments.join(", ")}`).optional(),
  access: z.enum(accesses, `must be one of ${accesses.join(", ")}`).optional(),
  scopes: z.array(z.enum(scopes, "is not a scope")).min(1, "needs at least one scope").max(scopes.length).optional(),
  expires_at: Instant.nullable().optional(),
  not_before: Instant.nullable().optional(),
  rate_limit_rpm: z.int("must be a whole number").min(1, "must be at least 1").max(1_000_000).nullable().optional(),
  allowed_ips: z.array(z.string().max(64)).max(100, "may have at most 100 entries").optional(),
  metadata: Metadata.optional(),
  owner: z.enum(["member", "organization"], "must be member or organization").optional(),
});
export type CreateKey = z.output<typeof CreateKey>;

export const Key = z.object({
  id: z.string(),
  object: z.literal("api_key"),
  name: z.string(),
  key_prefix: z.string(),
  environment: z.enum(environments),
  group_id: z.string(),
  organization_id: z.string(),
  owner: z.object({ type: z.enum(["member", "organization"]), id: z.string(), name: z.string() }),
  access: z.enum(accesses),
  scopes: z.array(z.string()),
  is_active: z.boolean(),
  status: z.enum(keyStatuses),
  created_at: z.string(),
  created_by: z.object({ type: z.string(), id: z.string(), name: z.string() }),
  expires_at: z.string().nullable(),
  not_before: z.string().nullable(),
  last_used_at: z.string().nullable(),
  last_used_ip: z.string().nullable(),
  request_count: z.int(),
  rate_limit_rpm: z.int().nullable(),
  allowed_ips: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  rotation: z
    .object({ started_at: z.string(), ends_at: z.string(), old_key_prefix: z.string(), old_last_used_at: z.string().nullable() })
    .nullable(),
  revoked_at: z.string().nullable(),
  revoked_reason: z.string().nullable(),
});
export type Key = z.output<typeof Key>;

/** A key and, this once, its secret. */
export const NewKey = Key.extend({ secret: z.string() });
export type NewKey = z.output<typeof NewKey>;

export const KeyList = ListOf(Key);
export const KeyFilter = z.object({
  ...PageQuery,
  group_id: z.string().optional(),
  status: z.enum(keyStatuses, `must be one of ${keyStatuses.join(", ")}`).optional(),
  environment: z.enum(environments, `must be one of ${environments.join(", ")}`).optional(),
  q: z.string().trim().max(100).optional(),
});
export type KeyFilter = z.output<typeof KeyFilter>;

export const RevokeKey = z.strictObject({ reason: PlainText(200).optional() });
export type RevokeKey = z.output<typeof RevokeKey>;

/** What a back end asks of a key that was presented to it; nothing asked: only whether it is good. */
export const VerifyKey = z.strictObject({
  key: z.string().max(1_000, "is longer than any key"),
  scope: z.string().min(1).max(64).optional(),
  access: z.enum(accesses, `must be one of ${accesses.join(", ")}`).optional(),
  ip: z.string().max(64).optional(),
  cost: z.int("must be a whole number").min(0, "must be 0 or more").max(1_000_000).optional(),
});
export type VerifyKey = z.output<typeof VerifyKey>;

export const verificationCodes = [
  "valid",
  "not_found",
  "revoked",
  "expired",
  "paused",
  "account_deactivated",
  "ip_not_allowed",
  "insufficient_scope",
  "rate_limit_exceeded",
  "quota_exceeded",
  "insufficient_credits",
] as const;

const Left = z.object({ limit: z.int(), remaining: z.int(), reset: z.int().describe("Unix seconds") }).nullable();

export const Verification = z.object({
  valid: z.boolean(),
  /** `paused` also says: not valid yet. */
  code: z.enum(verificationCodes),
  key_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  group_id: z.string().nullable(),
  environment: z.enum(environments).nullable(),
  access: z.enum(accesses).nullable(),
  scopes: z.array(z.string()),
  owner: Key.shape.owner.nullable(),
  metadata: z.record(z.string(), z.string()),
  rate_limit: Left,
  quota: Left,
});
export type Verification = z.output<typeof Verification>;
