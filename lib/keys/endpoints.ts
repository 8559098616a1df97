import { endpoint, Nothing } from "@/lib/endpoint";
import { generateAuthToken, revokeAuthToken } from "@/lib/keys/auth-token";
import { bulkKeys } from "@/lib/keys/bulk";
import { pauseKey, resumeKey, updateKey } from "@/lib/keys/edit";
import { createHandOver, listHandOvers, openHandOver, recallHandOver } from "@/lib/keys/hand-over";
import { importKeys } from "@/lib/keys/import";
import { keyInsights, rotationView, suggestions } from "@/lib/keys/insight";
import { createKey, getKey, keyActivity, revokeKey } from "@/lib/keys/keys";
import { reportLeak } from "@/lib/keys/leaks";
import { listKeys } from "@/lib/keys/list";
import { extendRotation, finishRotation, rotateKey } from "@/lib/keys/rotation";
import {
  AuthToken,
  BulkKeys,
  BulkResult,
  CreateHandOver,
  CreateKey,
  ExtendRotation,
  GenerateAuthToken,
  HandOver,
  HandOverList,
  ImportKeys,
  ImportResult,
  Key,
  KeyFilter,
  KeyInsightList,
  KeyInsightQuery,
  KeyList,
  LeakReceipt,
  NewHandOver,
  NewKey,
  OpenedHandOver,
  OpenHandOver,
  PauseKey,
  ReportLeak,
  RevokeAuthToken,
  RevokeKey,
  RotateKey,
  RotationView,
  Suggestions,
  UpdateKey,
  Verification,
  VerifyKey,
  WhatIf,
  WhatIfAnswer,
} from "@/lib/keys/schema";
import { verifyKey } from "@/lib/keys/verification";
import { whatIf } from "@/lib/keys/what-if";
import { Activity } from "@/lib/usage/schema";

const tag = "Keys";
/** About 800 bytes for each of 10,000 keys. */
const MOST_IMPORT_BYTES = 8 * 1024 * 1024;
const idOf = (params: Record<string, string>) => params.id ?? "";

export const keyEndpoints = [
  endpoint(
    "GET /v1/api-keys",
    { tag, summary: "List keys", permission: "keys.read", query: KeyFilter, returns: KeyList },
    (actor, { query }) => listKeys(actor, query),
  ),
  endpoint(
    "POST /v1/api-keys",
    {
      tag,
      summary: "Generate a key; its secret is in this answer only",
      permission: "keys.create",
      body: CreateKey,
      returns: NewKey,
      status: 201,
      errors: ["not_found", "conflict"],
    },
    (actor, { body }) => createKey(actor, body),
  ),
  endpoint(
    "POST /v1/keys/verify",
    {
      tag,
      summary: "Ask whether a key that was presented to you may make a call, and charge the key with it",
      permission: "keys.verify",
      body: VerifyKey,
      returns: Verification,
      free: true,
    },
    (actor, { body, caller }) => verifyKey(actor, body, caller),
  ),
  endpoint(
    "GET /v1/api-keys/insights",
    {
      tag,
      summary: "What a list of keys shows beside each: 30 days of calls, the last use, and what asks for attention",
      permission: "keys.read",
      query: KeyInsightQuery,
      returns: KeyInsightList,
    },
    (actor, { query }) => keyInsights(actor, query.ids),
  ),
  endpoint("GET /v1/api-keys/{id}", { tag, summary: "Get a key", permission: "keys.read", returns: Key }, (actor, { params }) =>
    getKey(actor, idOf(params)),
  ),
  endpoint(
    "DELETE /v1/api-keys/{id}",
    { tag, summary: "Revoke a key for good", permission: "keys.revoke", body: RevokeKey, bodyOptional: true, returns: Key },
    (actor, { params, body }) => revokeKey(actor, idOf(params), body),
  ),
  endpoint(
    "PATCH /v1/api-keys/{id}",
    {
      tag,
      summary: "Change a key, or move it to another group",
      permission: "keys.update",
      body: UpdateKey,
      returns: Key,
      errors: ["conflict"],
    },
    (actor, { params, body }) => updateKey(actor, idOf(params), body),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/pause",
    {
      tag,
      summary: "Pause a key: it answers 401 until it is resumed",
      permission: "keys.update",
      body: PauseKey,
      bodyOptional: true,
      returns: Key,
      errors: ["conflict"],
    },
    (actor, { params, body }) => pauseKey(actor, idOf(params), body),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/resume",
    { tag, summary: "Resume a paused key", permission: "keys.update", returns: Key, errors: ["conflict"] },
    (actor, { params }) => resumeKey(actor, idOf(params)),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/rotate",
    {
      tag,
      summary: "Give a key a new secret, in this answer only; the old one works until the grace ends",
      permission: "keys.update",
      body: RotateKey,
      bodyOptional: true,
      returns: NewKey,
      errors: ["conflict"],
    },
    (actor, { params, body }) => rotateKey(actor, idOf(params), body),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/rotate/finish",
    { tag, summary: "End a rotation: the old secret stops now", permission: "keys.update", returns: Key, errors: ["conflict"] },
    (actor, { params }) => finishRotation(actor, idOf(params)),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/rotate/extend",
    {
      tag,
      summary: "Let the old secret of a rotation work for so long from now",
      permission: "keys.update",
      body: ExtendRotation,
      returns: Key,
      errors: ["conflict"],
    },
    (actor, { params, body }) => extendRotation(actor, idOf(params), body),
  ),
  endpoint(
    "POST /v1/api-keys/bulk",
    {
      tag,
      summary: "Pause, resume, revoke or move many keys, all of them or none; or only tell what it would do",
      permission: "keys.update",
      body: BulkKeys,
      returns: BulkResult,
      errors: ["conflict"],
    },
    (actor, { body }) => bulkKeys(actor, body),
  ),
  endpoint(
    "POST /generate_auth_token",
    {
      tag,
      summary: "Generate a token that inherits everything from the key that asks",
      permission: "keys.create",
      body: GenerateAuthToken,
      bodyOptional: true,
      returns: AuthToken,
      errors: ["conflict"],
    },
    (actor, { body }) => generateAuthToken(actor, body),
  ),
  endpoint(
    "POST /revoke_auth_token",
    { tag, summary: "Revoke a token for good", permission: "keys.revoke", body: RevokeAuthToken, returns: Nothing },
    (actor, { body }) => revokeAuthToken(actor, body),
  ),
  endpoint(
    "GET /v1/api-keys/{id}/activity",
    { tag, summary: "What a key did in the last 24 hours", permission: "keys.read", returns: Activity },
    (actor, { params }) => keyActivity(actor, idOf(params)),
  ),
  endpoint(
    "GET /v1/api-keys/{id}/rotation",
    {
      tag,
      summary: "Who still calls with a rotating key's old secret, and who already with the new one",
      permission: "keys.read",
      returns: RotationView,
    },
    (actor, { params }) => rotationView(actor, idOf(params)),
  ),
  endpoint(
    "GET /v1/api-keys/{id}/suggestions",
    { tag, summary: "An allowlist and scopes that 30 days of calls suggest", permission: "keys.read", returns: Suggestions },
    (actor, { params, api }) => suggestions(actor, idOf(params), api),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/what-if",
    {
      tag,
      summary: "Whether a call of this key would pass now, and which check decides; nothing is counted",
      permission: "keys.read",
      body: WhatIf,
      returns: WhatIfAnswer,
    },
    (actor, { params, body, api }) => whatIf(actor, idOf(params), body, api),
  ),
  endpoint(
    "POST /v1/api-keys/{id}/hand-overs",
    {
      tag,
      summary: "Make a link that shows a fresh secret once, to whoever will use it; the link is in this answer only",
      permission: "keys.update",
      body: CreateHandOver,
      returns: NewHandOver,
      status: 201,
      errors: ["conflict"],
    },
    (actor, { params, body }) => createHandOver(actor, idOf(params), body),
  ),
  endpoint(
    "GET /v1/api-keys/{id}/hand-overs",
    {
      tag,
      summary: "List the links that hand a key over, and when and from where they were opened",
      permission: "keys.read",
      returns: HandOverList,
    },
    (actor, { params }) => listHandOvers(actor, idOf(params)),
  ),
  endpoint(
    "DELETE /v1/api-keys/{id}/hand-overs/{handOver}",
    { tag, summary: "Recall a link before it is opened", permission: "keys.update", returns: HandOver, errors: ["conflict"] },
    (actor, { params }) => recallHandOver(actor, idOf(params), params.handOver ?? ""),
  ),
  endpoint(
    "POST /v1/hand-overs/open",
    {
      tag,
      summary: "Open a hand-over link: shows the secret, this once",
      permission: "keys.receive",
      body: OpenHandOver,
      returns: OpenedHandOver,
      perAddress: 20,
      errors: ["not_found"],
    },
    (actor, { body }) => openHandOver(actor, body),
  ),
  endpoint(
    "POST /api/keys/import",
    {
      tag: "Operator",
      summary: "Import keys that were made and hashed elsewhere: up to 10000, all or none",
      permission: "keys.import",
      body: ImportKeys,
      maxBytes: MOST_IMPORT_BYTES,
      returns: ImportResult,
      errors: ["conflict"],
    },
    (actor, { body }) => importKeys(actor, body),
  ),
  endpoint(
    "POST /v1/leaks",
    {
      tag,
      summary: "Report a key that you found where it does not belong; the answer is always the same",
      permission: "keys.report",
      body: ReportLeak,
      returns: LeakReceipt,
      status: 202,
      perAddress: 20,
    },
    async (actor, { body }) => reportLeak(actor, body),
  ),
];
