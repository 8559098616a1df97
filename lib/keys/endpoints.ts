import { endpoint } from "@/lib/endpoint";
import { createKey, getKey, keyActivity, revokeKey } from "@/lib/keys/keys";
import { listKeys } from "@/lib/keys/list";
import { CreateKey, Key, KeyFilter, KeyList, NewKey, RevokeKey, Verification, VerifyKey } from "@/lib/keys/schema";
import { verifyKey } from "@/lib/keys/verification";
import { Activity } from "@/lib/usage/schema";

const tag = "Keys";
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
      errors: ["not_found"],
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
  endpoint("GET /v1/api-keys/{id}", { tag, summary: "Get a key", permission: "keys.read", returns: Key }, (actor, { params }) =>
    getKey(actor, idOf(params)),
  ),
  endpoint(
    "DELETE /v1/api-keys/{id}",
    { tag, summary: "Revoke a key for good", permission: "keys.revoke", body: RevokeKey, bodyOptional: true, returns: Key },
    (actor, { params, body }) => revokeKey(actor, idOf(params), body),
  ),
  endpoint(
    "GET /v1/api-keys/{id}/activity",
    { tag, summary: "What a key did in the last 24 hours", permission: "keys.read", returns: Activity },
    (actor, { params }) => keyActivity(actor, idOf(params)),
  ),
];
