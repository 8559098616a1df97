import { z } from "zod";
import { accesses, roles } from "@/lib/access/permissions";
import { Key, RotateKey, scopes } from "@/lib/keys/schema";
import { PlainText } from "@/lib/schema";

/** An e-mail address: one `@`, ASCII or punycode domain, compared in its normalised form. */
export const Email = z
  .string()
  .transform((text) => text.normalize("NFKC").trim().toLowerCase())
  .pipe(z.email("is not an e-mail address").max(254));

export const leakPolicies = ["revoke", "flag"] as const;

export const Org = z.object({
  id: z.string(),
  client_id: z.string(),
  name: z.string(),
  slug: z.string(),
  plan: z.object({ id: z.string(), name: z.string() }),
  requests_per_minute: z.int(),
  requests_per_month: z.int(),
  scopes: z.array(z.string()),
  most_keys: z.int(),
  allowed_ips: z.array(z.string()),
  /** Whether keys may make, edit, rotate and revoke other keys. */
  keys_manage_keys: z.boolean(),
  /** What happens to a key whose secret was found in the open. */
  leak_policy: z.enum(leakPolicies),
  is_demo: z.boolean(),
  is_active: z.boolean(),
  created_at: z.string(),
});
export type Org = z.output<typeof Org>;

export const UpdateOrg = z.strictObject({
  name: PlainText(80).optional(),
  allowed_ips: z.array(z.string().max(64)).max(100, "may have at most 100 entries").optional(),
  keys_manage_keys: z.boolean().optional(),
  leak_policy: z.enum(leakPolicies, `must be one of ${leakPolicies.join(", ")}`).optional(),
});
export type UpdateOrg = z.output<typeof UpdateOrg>;

export const OrgSummary = z.object({ id: z.string(), name: z.string(), slug: z.string(), role: z.enum(roles), is_demo: z.boolean() });
export type OrgSummary = z.output<typeof OrgSummary>;

export const CreateOrg = z.strictObject({ name: PlainText(80) });
export type CreateOrg = z.output<typeof CreateOrg>;

export const Member = z.object({
  user_id: z.string(),
  name: z.string(),
  email: z.string(),
  role: z.enum(roles),
  joined_at: z.string(),
  key_count: z.int(),
  last_seen_at: z.string().nullable(),
});
export type Member = z.output<typeof Member>;
export const MemberList = z.object({ data: z.array(Member), has_more: z.boolean(), next_cursor: z.string().nullable() });

export const CreateInvite = z.strictObject({ email: Email, role: z.enum(roles, `must be one of ${roles.join(", ")}`) });
export type CreateInvite = z.output<typeof CreateInvite>;
export const Invite = z.object({ email: z.string(), role: z.enum(roles), expires_at: z.string() });
export type Invite = z.output<typeof Invite>;

export const tiers = ["free", "starter", "growth", "pro", "business", "enterprise"] as const;
export const EnableAccess = z.strictObject({
  email: Email,
  company: PlainText(80),
  tier: z
    .string()
    .transform((t) => t.toLowerCase())
    .pipe(z.enum(tiers, `must be one of ${tiers.join(", ")}`)),
  rate_limit_rpm: z.int().min(1).max(1_000_000).optional(),
  scopes: z.array(z.enum(scopes, "is not a scope")).min(1).optional(),
  access: z.enum(accesses, `must be one of ${accesses.join(", ")}`).optional(),
});
export type EnableAccess = z.output<typeof EnableAccess>;
export const EnabledAccess = z.object({
  client_id: z.string(),
  api_key: z.string(),
  key_prefix: z.string(),
  tier: z.string(),
  scopes: z.array(z.string()),
  rate_limit_rpm: z.int(),
});
export type EnabledAccess = z.output<typeof EnabledAccess>;

/** That first key of `POST /api/access/enable`; its old secret stops at once unless a grace is given. */
export const RotateAccess = z.strictObject({
  client_id: z.string().max(64),
  reason: PlainText(200),
  grace_seconds: RotateKey.shape.grace_seconds,
});
export type RotateAccess = z.output<typeof RotateAccess>;
export const RotatedAccess = z.object({ client_id: z.string(), api_key: z.string(), key_prefix: z.string(), rotated_at: z.string() });
export type RotatedAccess = z.output<typeof RotatedAccess>;

export const Me = z.object({
  user: z.object({
    user_id: z.string(),
    email: z.string().nullable(),
    name: z.string(),
    credits_available: z.int(),
    key_name: z.string().nullable(),
    key_expires_at: z.string().nullable(),
    member_since: z.string(),
  }),
  organization: z.object({ id: z.string(), client_id: z.string(), name: z.string(), slug: z.string(), plan: z.string() }),
  key: Key.nullable(),
});
export type Me = z.output<typeof Me>;

const Left = { limit: z.int(), remaining: z.int(), reset: z.int() };
export const LimitsView = z.object({
  rate_limit: z.object({ ...Left, window_seconds: z.int() }),
  quota: z.object({ ...Left, period: z.string() }),
  credits: z.object({ available: z.int() }),
  expires_at: z.string().nullable(),
  environment: z.string(),
  access: z.string(),
  scopes: z.array(z.string()),
});
export type LimitsView = z.output<typeof LimitsView>;

export const Credits = z.object({
  credits: z.object({
    available: z.int(),
    /** A grant, also in the words of PerfectParser's documentation; credits do not expire. */
    purchases: z.array(
      z.object({
        id: z.string(),
        purchase_id: z.string(),
        plan: z.string(),
        credits: z.int(),
        amount: z.int(),
        remaining: z.int(),
        reason: z.string(),
        expires_at: z.null(),
        created_at: z.string(),
        purchased_at: z.string(),
      }),
    ),
  }),
});
export type Credits = z.output<typeof Credits>;
