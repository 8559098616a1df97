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
  .record(z.string().min(1).max(64), z.string().max(500))
  .refine(
    (m) => Object.keys(m).length <= 50 && new TextEncoder().encode(JSON.stringify(m)).length <= 4096,
    "may have at most 50 pairs and 4 KB",
  );

/** What a key may be made with; what is left out is inherited from the key that makes it, or has the default. */
export const CreateKey = z.strictObject({
  name: PlainText(100),
  group_id: z.string().optional(),
  environment: z.enum(environments, `must be one of ${environments.join(", ")}`).optional(),
  access: z.enum(accesses, `must be one of ${accesses.join(", ")}`).optional(),
  scopes: z.array(z.enum(scopes, "is not a scope")).min(1, "needs at least one scope").max(scopes.length).optional(),
  expires_at: Instant.nullable().optional(),
  not_before: Instant.nullable().optional(),
  rate_limit_rpm: z.int().min(1).max(1_000_000).nullable().optional(),
  allowed_ips: z.array(z.string().max(64)).max(100, "may have at most 100 entries").optional(),
  metadata: Metadata.optional(),
  owner: z.enum(["member", "organization"], "must be member or organization").optional(),
});
export type CreateKey = z.output<typeof CreateKey>;

/** What may be changed of a key; what is left out stays. */
export const UpdateKey = CreateKey.pick({
  access: true,
  scopes: true,
  expires_at: true,
  not_before: true,
  rate_limit_rpm: true,
  allowed_ips: true,
  metadata: true,
  owner: true,
}).extend({ name: CreateKey.shape.name.optional(), group_id: z.string().optional().describe("moves the key") });
export type UpdateKey = z.output<typeof UpdateKey>;

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

const Reason = PlainText(200).optional();
export const mostGraceSeconds = 30 * 86_400;
const Grace = z
  .int("must be a whole number of seconds")
  .min(0, "must be 0 or more")
  .max(mostGraceSeconds, "may be at most 30 days, 2592000");

export const PauseKey = z.strictObject({ reason: Reason });
export type PauseKey = z.output<typeof PauseKey>;

/** How long the old secret works on: 24 hours where nothing is said; 0 ends it, and all older ones, at once. */
export const RotateKey = z.strictObject({ grace_seconds: Grace.optional(), reason: Reason });
export type RotateKey = z.output<typeof RotateKey>;

/** From now on; never past the key's expiry. */
export const ExtendRotation = z.strictObject({ grace_seconds: Grace.min(60, "must be at least 60") });
export type ExtendRotation = z.output<typeof ExtendRotation>;

/** A token in the words of Perplexity's documentation: everything is inherited from the key that asks. */
export const GenerateAuthToken = z.strictObject({ token_name: PlainText(100).optional() });
export type GenerateAuthToken = z.output<typeof GenerateAuthToken>;
export const AuthToken = z.object({ auth_token: z.string(), created_at_epoch_seconds: z.int(), token_name: z.string().nullable() });
export type AuthToken = z.output<typeof AuthToken>;
/** Text that is no token at all is 404, like one that nobody has. */
export const RevokeAuthToken = z.strictObject({ auth_token: z.string() });
export type RevokeAuthToken = z.output<typeof RevokeAuthToken>;

export const bulkActions = ["pause", "resume", "revoke", "move"] as const;
/** One act on many keys, all or none; with `dry_run` only what it would do. */
export const BulkKeys = z
  .strictObject({
    action: z.enum(bulkActions, `must be one of ${bulkActions.join(", ")}`),
    ids: z.array(z.string().max(64)).min(1, "needs at least one key").max(1_000, "may have at most 1000 keys"),
    group_id: z.string().optional().describe("where to move them"),
    reason: Reason,
    revoke_children: z.boolean().optional().describe("also the keys that they made, and those that these made"),
    dry_run: z.boolean().optional(),
  })
  .refine((body) => (body.action === "move") === (body.group_id !== undefined), {
    path: ["group_id"],
    message: "belongs to a move, and only there",
  })
  .refine((body) => body.action === "revoke" || body.revoke_children === undefined, {
    path: ["revoke_children"],
    message: "belongs to a revocation, and only there",
  });
export type BulkKeys = z.output<typeof BulkKeys>;
export const BulkResult = z.object({
  dry_run: z.boolean(),
  /** Those asked for, in their order, then the children that go with them. */
  data: z.array(
    z.object({
      key: Key,
      /** `unchanged`: it is so already. */
      outcome: z.enum(["changed", "unchanged"]),
      /** Calls in the last 24 hours. */
      calls: z.int(),
    }),
  ),
});
export type BulkResult = z.output<typeof BulkResult>;

/** What a key's state asks a person to do. */
export const healthCodes = ["leaked", "expires_soon", "many_refusals", "close_to_limit", "rotating", "no_expiry", "unused"] as const;
export type HealthCode = (typeof healthCodes)[number];
export const Health = z.object({
  code: z.enum(healthCodes),
  /** What is so, and what to do about it; times as ISO 8601 in `at`. */
  message: z.string(),
  at: z.string().nullable(),
});
export type Health = z.output<typeof Health>;

/** `attention`: whatever asks for somebody. */
export const healthFilters = [...healthCodes, "attention"] as const;

export const keySorts = ["-created", "created", "name", "-last_used", "last_used", "-calls", "expires"] as const;
export type KeySort = (typeof keySorts)[number];
export const KeyList = ListOf(Key);
export const KeyFilter = z.object({
  ...PageQuery,
  group_id: z.string().optional(),
  status: z
    .string()
    .transform((text, context) => {
      const named = text.split(",").filter(Boolean);
      const statuses = keyStatuses.filter((status) => named.includes(status));
      if (named.length > 0 && named.every((name) => (keyStatuses as readonly string[]).includes(name))) return statuses;
      context.addIssue({ code: "custom", message: `must be of ${keyStatuses.join(", ")}` });
      return z.NEVER;
    })
    .optional()
    .describe(`${keyStatuses.join(", ")}: one, or several with commas between`),
  environment: z.enum(environments, `must be one of ${environments.join(", ")}`).optional(),
  q: z.string().trim().max(100).optional(),
  health: z
    .enum(healthFilters, `must be one of ${healthFilters.join(", ")}`)
    .optional()
    .describe("attention: of which something asks for somebody"),
  /** Keys that this one made. */
  parent_id: z.string().max(64).optional(),
  sort: z.enum(keySorts, `must be one of ${keySorts.join(", ")}`).optional(),
});
export type KeyFilter = z.output<typeof KeyFilter>;

/** What a list of keys shows beside each: 30 UTC days of calls, the newest last, and its health. */
export const KeyInsight = z.object({
  key_id: z.string(),
  days: z.array(z.object({ start: z.string(), accepted: z.int(), refused: z.int() })),
  last_used: z
    .object({ at: z.string(), ip: z.string().nullable(), country: z.string().nullable(), user_agent: z.string().nullable() })
    .nullable(),
  health: z.array(Health),
});
export type KeyInsight = z.output<typeof KeyInsight>;
export const KeyInsightList = z.object({ data: z.array(KeyInsight) });
export const KeyInsightQuery = z.object({
  ids: z
    .string()
    .transform((text) => text.split(",").filter(Boolean))
    .pipe(z.array(z.string().max(64)).min(1, "needs at least one key").max(200, "may have at most 200 keys")),
});
export type KeyInsightQuery = z.output<typeof KeyInsightQuery>;

const Seen = { calls: z.int(), last_at: z.string() };
const Caller = {
  /** Since `since`; the lists are the busiest 20 of these. */
  calls: z.int(),
  last_used_at: z.string().nullable(),
  /** Calls of each of the last 60 minutes, the newest last. */
  per_minute: z.array(z.int()),
  addresses: z.array(z.object({ ip: z.string().nullable(), country: z.string().nullable(), ...Seen })),
  agents: z.array(z.object({ user_agent: z.string().nullable(), ...Seen })),
  routes: z.array(z.object({ method: z.string(), route: z.string(), ...Seen })),
};
/** The rotation's cockpit: who still calls with the old secret, and who already with the new, since the rotation began. */
export const RotationView = z.object({
  rotation: Key.shape.rotation,
  /** From when calls are counted: the rotation's beginning, or later where there are more than can be looked through. */
  since: z.string(),
  old: z.object({ key_prefix: z.string(), ...Caller }).nullable(),
  new: z.object({ key_prefix: z.string(), ...Caller }),
});
export type RotationView = z.output<typeof RotationView>;

/** Before so many accepted calls over so many days there may be callers that were not heard yet, such as what runs once a week. */
export const enoughCalls = 50;
export const enoughDays = 7;
/** What 30 days of accepted calls suggest: the addresses seen as an allowlist, and the scopes really used. */
export const Suggestions = z.object({
  /** The first of the accepted calls looked at: of 30 days, or of less where there are more than can be looked through. */
  since: z.string(),
  calls: z.int(),
  enough: z
    .boolean()
    .describe(`at least ${enoughCalls} accepted calls over at least ${enoughDays} days: less is no ground to refuse others`),
  /** The busiest 100. */
  addresses: z.array(z.object({ ip: z.string(), country: z.string().nullable(), ...Seen })),
  address_count: z.int(),
  /** Admits every address seen; empty when there is none, or when they come from too many networks for a list. */
  allowed_ips: z.array(z.string()),
  scopes: z.object({
    used: z.array(z.string()),
    unused: z.array(z.string()),
    not_judged: z.array(z.string()).describe("no route of ours tells: they are asked for elsewhere, or nothing was called"),
  }),
});
export type Suggestions = z.output<typeof Suggestions>;

/** Would this call pass, were it made now? Nothing is counted. */
export const WhatIf = z.strictObject({
  ip: z.string().max(64).nullable().optional(),
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"], "must be GET, POST, PUT, PATCH or DELETE"),
  path: z.string().min(1).max(500).startsWith("/", "must begin with /"),
});
export type WhatIf = z.output<typeof WhatIf>;
export const WhatIfAnswer = z.object({
  passes: z.boolean(),
  status: z.int(),
  code: z.string(),
  /** The check that decides, or null when all pass. */
  decided_by: z.string().nullable(),
  /** In the order they are made. */
  checks: z.array(z.object({ check: z.string(), passes: z.boolean().nullable().describe("null: not reached"), message: z.string() })),
});
export type WhatIfAnswer = z.output<typeof WhatIfAnswer>;

export const mostHandOverSeconds = 72 * 3600;
/** `secret` is the text that this key was just given; it is sealed with the link's token and not kept otherwise. */
export const CreateHandOver = z.strictObject({
  secret: z.string().max(1_000, "is longer than any key"),
  expires_in_seconds: z
    .int("must be a whole number of seconds")
    .min(60, "must be at least 60")
    .max(mostHandOverSeconds, "may be at most 72 hours, 259200")
    .default(86_400),
  recipient: PlainText(100).optional().describe("whom it is for, for your own memory"),
});
export type CreateHandOver = z.input<typeof CreateHandOver>;
export const handOverStatuses = ["waiting", "opened", "recalled", "expired"] as const;
export const HandOver = z.object({
  id: z.string(),
  object: z.literal("hand_over"),
  key_id: z.string(),
  recipient: z.string().nullable(),
  status: z.enum(handOverStatuses),
  created_by: z.object({ id: z.string(), name: z.string() }),
  created_at: z.string(),
  expires_at: z.string(),
  opened_at: z.string().nullable(),
  opened_from: z.object({ ip: z.string().nullable(), country: z.string().nullable(), user_agent: z.string().nullable() }).nullable(),
  recalled_at: z.string().nullable(),
});
export type HandOver = z.output<typeof HandOver>;
/** The link is told this once; its token stands behind the #, which no browser sends. */
export const NewHandOver = HandOver.extend({ url: z.string() });
export type NewHandOver = z.output<typeof NewHandOver>;
export const HandOverList = z.object({ data: z.array(HandOver) });
export const OpenHandOver = z.strictObject({
  token: z.string().min(20, "is too short").max(100, "is too long").describe("what stands behind the # of the link"),
});
export type OpenHandOver = z.output<typeof OpenHandOver>;
export const OpenedHandOver = z.object({
  secret: z.string(),
  name: z.string(),
  key_prefix: z.string(),
  organization: z.string(),
  from: z.string(),
});
export type OpenedHandOver = z.output<typeof OpenedHandOver>;

/** Keys that were made and hashed elsewhere (SHA-256 of the whole text, in hex). All of them or none. */
export const ImportKeys = z.strictObject({
  organization_id: z.string().max(64),
  group_id: z.string().max(64),
  /** What every secret begins with, and its whole length in characters. */
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,24}$/, "must be 1 to 24 of A-Z a-z 0-9 _ -")
    .describe("what every key begins with; one of this deployment's own means keys of another one, with its checksum"),
  length: z.int().min(24, "must be at least 24").max(512, "may be at most 512"),
  dry_run: z.boolean().optional(),
  keys: z
    .array(
      z.strictObject({
        hash: z.string().regex(/^[0-9a-fA-F]{64}$/, "must be a SHA-256 in hex"),
        name: PlainText(100),
        /** The non-secret start that may be shown; without it the declared prefix alone. */
        key_prefix: z.string().max(40).optional(),
        environment: CreateKey.shape.environment,
        access: CreateKey.shape.access,
        scopes: CreateKey.shape.scopes,
        expires_at: CreateKey.shape.expires_at,
        rate_limit_rpm: CreateKey.shape.rate_limit_rpm,
        allowed_ips: CreateKey.shape.allowed_ips,
        metadata: CreateKey.shape.metadata,
      }),
    )
    .min(1, "needs at least one key")
    .max(10_000, "may have at most 10000 keys"),
});
export type ImportKeys = z.output<typeof ImportKeys>;
export const ImportResult = z.object({
  dry_run: z.boolean(),
  imported: z.int(),
  data: z.array(z.object({ index: z.int(), id: z.string().nullable(), name: z.string() })),
});
export type ImportResult = z.output<typeof ImportResult>;

export const ReportLeak = z.strictObject({
  key: z.string().max(1_000, "is longer than any key"),
  url: z.string().max(2_000).optional(),
});
export type ReportLeak = z.output<typeof ReportLeak>;
export const LeakReceipt = z.object({ received: z.literal(true), message: z.string() });
export type LeakReceipt = z.output<typeof LeakReceipt>;

export const RevokeKey = z.strictObject({
  reason: Reason,
  /** Also the keys that this one made, and those that they made. */
  revoke_children: z.boolean().optional(),
});
export type RevokeKey = z.output<typeof RevokeKey>;

/** What a back end asks of a key that was presented to it; nothing asked: only whether it is good. */
export const VerifyKey = z.strictObject({
  key: z.string().max(1_000, "is longer than any key"),
  scope: z.string().min(1).max(64).optional(),
  access: z.enum(accesses, `must be one of ${accesses.join(", ")}`).optional(),
  ip: z.string().max(64).optional(),
  cost: z.int().min(0, "must be 0 or more").max(1_000_000).optional(),
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
