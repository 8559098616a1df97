import { z } from "zod";

/** Examples for the reference, made from the schemas themselves, so that they cannot say what a call does not take or give. Pure. */

export interface JsonSchema {
  $ref?: string;
  "x-name"?: string;
  type?: string | string[];
  description?: string;
  const?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

/** What a schema takes (`input`) or gives, as JSON Schema. `mark` may change each part, told which schema it was made from. */
export function toJson(schema: z.ZodType, io: "input" | "output", mark: (json: JsonSchema, from: unknown) => void = () => {}): JsonSchema {
  const { $schema, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const part = jsonSchema as JsonSchema;
      if (part.minimum === Number.MIN_SAFE_INTEGER) delete part.minimum;
      if (part.maximum === Number.MAX_SAFE_INTEGER) delete part.maximum;
      if (part.format !== undefined) delete part.pattern; // says the same at length
      if (io === "output" && part.additionalProperties === false) delete part.additionalProperties; // what we give may grow
      mark(part, zodSchema);
    },
  });
  return json as JsonSchema;
}

/** What a caller sends to a route at the least; of a body that may be empty its first field. */
export function exampleOfInput(schema: z.ZodType, route = ""): object {
  const json = toJson(schema, "input");
  const [first] = Object.keys(json.properties ?? {});
  const needed = json.required ?? [];
  const made = sample(needed.length === 0 && first !== undefined ? { ...json, required: [first] } : json, "", "input");
  return { ...(made as object), ...SENT[route] };
}

export function exampleOfOutput(schema: z.ZodType, route = ""): object {
  return { ...(sample(toJson(schema, "output"), "", "output") as object), ...GIVEN[route] };
}

export const SAMPLE_IDS = {
  key: "key_01kaf3m9x7q2w5t8v4z6b1c0de",
  group: "grp_01kaf3k2n4r7s0y3j5h8g6f1pa",
  handOver: "hov_01kaf9s3d5f7g9h1j3k5m7n9pq",
  session: "ses_01kafc8b6n4m2q0w8e6r4t2yxz",
};
const { key: KEY, group: GROUP } = SAMPLE_IDS;
const ORG = "org_01kaf2z8v5m1x4c7b0n3q6w9et";
const USER = "usr_01kaf2y4t6r8e0w2q5z7x9c1vb";
const REQUEST = "req_01kafd7c3v5b8n0m2q4w6e9rty";
const SECRET = "lk_live_9fKq2Tb7Xc4Vn1Mz8Lp5Rw3Jh6Gd0SyAe2QuZ9";
const HASH = "9c41d0a5e27b83f6140c9d8e5a72b3f60c1d4e8792ab5f3608d7c2e1945ab07f";
const TOKEN = "hx3Qm8vT1cYp5sZk9rWd2nLb7fGj4tAe6uRo0iXyPqM";
const QUESTION = "What does the contract say about notice periods?";
const NOTHING_FOUND = "Nothing about this was found in your documents: there are none yet.";
const MINUTE = Date.parse("2026-11-20T12:00:00.000Z") / 1000;
const MONTH = Date.parse("2026-12-01T00:00:00.000Z") / 1000;
const MADE = "2026-11-18T09:24:00.000Z";
const SEEN = "2026-11-20T11:58:41.000Z";
const SOON = "2026-12-18T09:24:00.000Z";

const ROTATION = { started_at: SEEN, ends_at: "2026-11-21T11:58:41.000Z", old_key_prefix: "lk_live_4Xw8Rd", old_last_used_at: SEEN };
const CHAT = { model: "sonar", messages: [{ role: "user", content: QUESTION }] };

/** What says more than the least that must be sent. */
const SENT: Record<string, object> = {
  "POST /v1/api-keys": { scopes: ["status", "search"], expires_at: SOON },
  "PATCH /v1/api-keys/{id}": { rate_limit_rpm: 60, allowed_ips: ["203.0.113.0/24"] },
  "PATCH /v1/api-groups/{id}": { rate_limit_rpm: 120 },
  "PATCH /v1/organization": { allowed_ips: ["203.0.113.0/24"] },
  "POST /v1/api-groups": { description: "What serves customers" },
  "POST /v1/keys/verify": { scope: "search", ip: "203.0.113.7" },
  "POST /v1/leaks": { url: "https://github.com/example/scripts/blob/main/deploy.sh" },
  "POST /v1/chat": { messages: CHAT.messages, max_cost_per_call: 0.01 },
  "POST /chat/completions": CHAT,
  "POST /v1/chat/completions": CHAT,
};

/** What a call does to the thing that it answers. */
const GIVEN: Record<string, object> = {
  "DELETE /v1/api-keys/{id}": { status: "revoked", is_active: false, revoked_at: SEEN, revoked_reason: "The laptop it was on is gone" },
  "POST /v1/api-keys/{id}/pause": { status: "paused", is_active: false },
  "POST /v1/api-keys/{id}/rotate": { status: "rotating", rotation: ROTATION },
  "POST /v1/api-keys/{id}/rotate/extend": { status: "rotating", rotation: ROTATION },
  "GET /v1/api-keys/{id}/rotation": { rotation: ROTATION },
  "DELETE /v1/api-keys/{id}/hand-overs/{handOver}": { status: "recalled", recalled_at: SEEN },
  "DELETE /v1/api-groups/{id}": { archived_at: SEEN, key_count: 0 },
};

/** By name of a field, or by its parent's and its own; the first that its schema takes. What is null in most answers is null here. */
const SAMPLES: Record<string, readonly unknown[]> = {
  access: ["full"],
  action: ["api_key.create", "pause"],
  actor_id: [USER],
  address_count: [1],
  allowed_ips: [["203.0.113.0/24"]],
  amount: [500],
  archived_at: [null],
  at: [SOON],
  auth_token: [SECRET],
  api_key: [SECRET],
  before: [null],
  call_id: [REQUEST],
  calls: [1_284],
  client_id: ["cli_01kaf2z8v5m1x4c7b0n3q6w9et"],
  code: ["valid", "expires_soon", "ok"],
  citations: [[]],
  company: ["Kestrel Papers"],
  content: [QUESTION],
  "message.content": [NOTHING_FOUND],
  country: ["DE"],
  created: [MINUTE],
  credits: [500],
  credits_available: [500],
  "credits.available": [500],
  database: [true],
  held: [true],
  hit_rate: [0.998],
  lag_ms: [1.2],
  nodes: [1],
  store: ["memory"],
  created_at: [MADE],
  created_at_epoch_seconds: [MINUTE],
  "created_by.type": ["user"],
  day: ["2026-11-20"],
  decided_by: [null],
  description: ["What the invoice intake calls with"],
  email: ["maya@example.com"],
  end: ["2026-11-20T12:00:00.000Z"],
  ends_at: [SOON],
  environment: ["live"],
  event_type: ["create"],
  expires_at: [SOON],
  expires_in_seconds: [86_400],
  from: ["Maya Lindqvist"],
  full_name: ["Maya Lindqvist"],
  grace_seconds: [86_400],
  group_id: [GROUP],
  has_more: [false],
  hash: [HASH],
  id: [KEY],
  ids: [[KEY]],
  ip: ["203.0.113.7"],
  is_active: [true],
  is_current: [true],
  joined_at: [MADE],
  key: [SECRET],
  key_count: [3],
  key_id: [KEY],
  key_name: ["Invoice intake"],
  key_prefix: ["lk_live_9fKq2T"],
  keys_manage_keys: [true],
  kind: ["member"],
  key_expires_at: [SOON],
  imported: [1],
  latency_ms: [12.4],
  p50: [3.1],
  p95: [8.4],
  p99: [14.2],
  "last_used.at": [SEEN],
  last_at: [SEEN],
  last_seen_at: [SEEN],
  last_used_at: [SEEN],
  last_used_ip: ["203.0.113.7"],
  leak_policy: ["revoke"],
  length: [46],
  limit: [60],
  member_since: [MADE],
  message: ["Thank you. If it is a key of ours, its owners are told.", "In order."],
  "health.message": ["It is refused from its expiry on. Set a later one, or replace the key."],
  "checks.message": ["The key has this scope."],
  "checks.check": ["scope"],
  metadata: [{ customer: "4711" }],
  method: ["GET"],
  model: ["sonar"],
  model_used: ["sonar"],
  most_keys: [1_000],
  name: ["Invoice intake"],
  next_cursor: [null],
  not_before: [null],
  object: ["chat.completion"],
  old_key_prefix: ["lk_live_4Xw8Rd"],
  old_last_used_at: [SEEN],
  opened_at: [null],
  opened_from: [null],
  organization: ["Kestrel Papers", "kestrel-papers"],
  organization_id: [ORG],
  outcome: ["accepted", "changed"],
  output: [NOTHING_FOUND],
  owner: ["organization"],
  parent_id: [null],
  password: ["a short sentence works"],
  path: ["/v1/status"],
  paused_at: [null],
  period: ["month"],
  per_minute: [[0, 2, 5, 1]],
  plan: ["starter"],
  "plan.id": ["starter"],
  "plan.name": ["Starter"],
  purchase_id: ["crd_01kafd0m8n6b4v2c0x8z6w4qte"],
  purchased_at: [MADE],
  prefix: ["pp_live_"],
  previous_hash: ["0".repeat(64)],
  rate_limit_rpm: [60],
  reason: ["The laptop it was on is gone"],
  recalled_at: [null],
  received: [true],
  recipient: ["Sam at Kestrel"],
  remaining: [57],
  request_count: [18_204],
  request_id: [REQUEST],
  requests: [1_284],
  accepted: [1_279],
  refused: [5],
  requests_per_minute: [150],
  requests_per_month: [10_000],
  reset: [MINUTE + 60],
  "quota.limit": [10_000],
  "quota.remaining": [8_716],
  "quota.reset": [MONTH],
  "quota.period": ["2026-11"],
  search_results: [[]],
  window_seconds: [60],
  resumed_at: [null],
  revoked_at: [null],
  revoked_reason: [null],
  role: ["developer", "user", "full", "assistant"],
  rotated_at: [MADE],
  rotation: [null],
  route: ["/v1/status"],
  scope: ["status"],
  scopes: [["status", "search"]],
  used: [["status"]],
  unused: [["search"]],
  not_judged: [[]],
  secret: [SECRET],
  secret_id: ["sec_01kaf3m9x7q2w5t8v4z6b1c0df"],
  sequence: [42],
  since: [MADE],
  slug: ["kestrel-papers"],
  start: ["2026-11-20T11:00:00.000Z"],
  started_at: [MADE],
  status: ["active", "waiting", "ok", 200],
  target_id: [KEY],
  "target.type": ["api_key"],
  "target.id": [KEY],
  "target.name": ["Invoice intake"],
  "actor.type": ["user"],
  "old.key_prefix": ["lk_live_4Xw8Rd"],
  ticket: ["q7Zr2mXv9TbK4cWn"],
  tier: ["starter"],
  time: [SEEN],
  timestamp: [SEEN],
  token: [TOKEN],
  token_name: ["Invoice intake"],
  type: ["member", "text", "key", "user"],
  url: [`https://keys.example.com/hand-over#${TOKEN}`],
  user_agent: ["python-requests/2.32"],
  user_id: [USER],
  valid: [true],
  passes: [true],
};

/** An id and a name by the company they keep. */
function faceIn(properties: Record<string, JsonSchema>): { id: string; name: string } {
  const kind = properties.object?.const;
  const has = (name: string) => properties[name] !== undefined;
  if (kind === "api_group") return { id: GROUP, name: "Production" };
  if (kind === "hand_over") return { id: SAMPLE_IDS.handOver, name: "" };
  if (typeof kind === "string" && kind.startsWith("chat.")) return { id: "chatcmpl-01kafd7c3v5b8n0m2q4w6e9rty", name: "" };
  if (has("slug")) return { id: ORG, name: "Kestrel Papers" };
  if (has("previous_hash")) return { id: "aud_01kafb6v4c2x0z8y6w4t2r0qpn", name: "" };
  if (has("is_current")) return { id: SAMPLE_IDS.session, name: "" };
  if (has("amount")) return { id: "crd_01kafd0m8n6b4v2c0x8z6w4qte", name: "" };
  if (kind === undefined && (has("type") || has("user_id") || Object.keys(properties).length === 2))
    return { id: USER, name: "Maya Lindqvist" };
  return { id: KEY, name: "Invoice intake" };
}

/** `path`: the parent's name and its own. */
function sample(json: JsonSchema, path: string, io: "input" | "output"): unknown {
  const name = path.slice(path.indexOf(".") + 1);
  const known = [...(SAMPLES[path] ?? []), ...(SAMPLES[name] ?? [])].find((value) => fits(value, json));
  if (known !== undefined) return known;
  if (json.const !== undefined) return json.const;
  if (json.enum !== undefined) return json.enum[0];
  if (json.anyOf !== undefined) return sample(json.anyOf.find((part) => part.type !== "null") ?? {}, path, io);
  if (json.properties !== undefined) return sampleObject(json.properties, json.required ?? [], name, io);
  switch ([json.type].flat()[0]) {
    case "array":
      return json.items === undefined ? [] : [sample(json.items, json.items.properties === undefined ? `${name}.${one(name)}` : path, io)];
    case "object":
      return {};
    case "integer":
    case "number":
      return json.minimum ?? 0;
    case "boolean":
      return false;
    case "string":
      return json.format === "date-time" ? SOON : json.format === "email" ? "maya@example.com" : "…".padEnd(json.minLength ?? 1, "…");
    default:
      return null;
  }
}

const one = (name: string) => name.replace(/s$/, "");

function sampleObject(properties: Record<string, JsonSchema>, required: readonly string[], of: string, io: "input" | "output"): object {
  const shown = Object.entries(properties).filter(([name]) => io === "output" || required.includes(name));
  const face = faceIn(properties);
  return Object.fromEntries(
    shown.map(([name, part]) => {
      const path = `${of}.${name}`;
      const isFace = io === "output" && (name === "id" || name === "name") && SAMPLES[path] === undefined;
      return [name, isFace ? face[name] : sample(part, path, io)];
    }),
  );
}

/** Whether a value is one that the schema takes; looks into lists, not into objects. */
function fits(value: unknown, json: JsonSchema): boolean {
  if (json.anyOf !== undefined) return json.anyOf.some((part) => fits(value, part));
  if (json.const !== undefined) return value === json.const;
  if (json.enum !== undefined) return json.enum.includes(value);
  const types = [json.type].flat();
  if (value === null) return types.includes("null");
  if (Array.isArray(value)) return types.includes("array") && value.every((each) => fits(each, json.items ?? {}));
  switch (typeof value) {
    case "string":
      return (
        types.includes("string") &&
        (json.pattern === undefined || new RegExp(json.pattern).test(value)) &&
        value.length >= (json.minLength ?? 0)
      );
    case "number":
      return (
        (types.includes("number") || (types.includes("integer") && Number.isInteger(value))) &&
        value >= (json.minimum ?? value) &&
        value <= (json.maximum ?? value)
      );
    case "boolean":
      return types.includes("boolean");
    default:
      return types.includes("object") && json.properties === undefined;
  }
}
