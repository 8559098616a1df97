import type { ErrorType } from "@/lib/errors";

/** What each error means, what to do about it, and how it may read. A new type does not compile without its words. */
export const errorGuide: Record<ErrorType, { title: string; means: string; todo: string; says: string }> = {
  invalid_request: {
    title: "The request is not valid",
    means: "A field, a parameter or the form of the request is wrong, or it carries more than one key. Nothing was done.",
    todo: "Read details: it maps each path to what is wrong there. Unknown fields are refused too, so look for a typing error.",
    says: "The request is not valid: limit must be at least 1.",
  },
  unauthorized: {
    title: "The key is not accepted",
    means:
      "No key was sent, or one that is unknown, revoked, expired, paused or not yet valid. The answer is the same for all of them, so that nobody learns which keys exist.",
    todo: "Look up the key by its prefix in the console: its page says which of these it is. Send it as Authorization: Bearer or X-API-Key.",
    says: "This call came without a valid key or session.",
  },
  insufficient_credits: {
    title: "No credits left",
    means: "The call would charge a credit, and the organization has none. Nothing was charged.",
    todo: "Ask the operator for a grant. Test keys never charge credits.",
    says: "The organization has too few credits left for this call.",
  },
  forbidden: {
    title: "This is not yours to do",
    means: "You are known, but your role does not allow this, or the call takes a key and not a session.",
    todo: "The message names the roles that may. Ask somebody who has one.",
    says: "Your role, viewer, does not allow this. It takes admin or owner.",
  },
  insufficient_scope: {
    title: "Access or scope is missing",
    means: "The key is good, but its access or its scopes do not reach this call, or it asked for a key stronger than itself.",
    todo: "details names what is needed. Generate a key that has it.",
    says: "This key does not have the scope chat.",
  },
  ip_not_allowed: {
    title: "The address is not on the list",
    means: "The key, its group or the organization allows calls from certain addresses only, and this call came from another.",
    todo: "The request log shows the address the call came from. Add it to the list, or call from one that is on it.",
    says: "This key may not be used from 203.0.113.7.",
  },
  account_deactivated: {
    title: "The organization is deactivated",
    means: "The operator has switched the organization off. Its keys and data are kept.",
    todo: "Ask the operator why, and what brings it back.",
    says: "This organization is deactivated. Its operator can say why.",
  },
  not_found: {
    title: "Nothing is here",
    means: "The id or path is wrong, malformed, or belongs to somebody else. The answer is the same for all of them.",
    todo: "Check the id and the organization it was made in. A test key sees test keys only.",
    says: "Nothing is here under this address or id.",
  },
  method_not_allowed: {
    title: "The method does not go here",
    means: "The path exists, but not with this method.",
    todo: "The Allow header of the answer lists the ones that do.",
    says: "Here go GET, POST, not PUT.",
  },
  conflict: {
    title: "Something is in the way",
    means: "The name is taken, the thing exists already, or somebody else changed it a moment ago. Nothing was changed.",
    todo: "Read it again, then decide. The message says what stands against it.",
    says: "A group of this name exists already.",
  },
  payload_too_large: {
    title: "The body is too large",
    means: "The body is larger than this call takes. Nothing of it was read further.",
    todo: "Send less at once. The message names the limit.",
    says: "The body may have at most 256 KB.",
  },
  unsupported_media_type: {
    title: "The body is not JSON",
    means: "The Content-Type of the body is not the one that this call takes, or the body is compressed or not in UTF-8.",
    todo: "Send JSON in UTF-8 as it is, with Content-Type: application/json.",
    says: "Send the body as JSON, with Content-Type: application/json.",
  },
  rate_limit_exceeded: {
    title: "The limit of this minute is reached",
    means:
      "The key, or the address where no key was recognised, made as many requests as its limit allows in this minute. The refused request counts against nothing.",
    todo: "Wait as many seconds as Retry-After says. Spread the calls, or ask the operator for a higher limit.",
    says: "This key makes more than 60 requests a minute.",
  },
  quota_exceeded: {
    title: "The quota of this month is used up",
    means: "The organization made all the requests its plan has for this UTC month. Live and test are counted apart.",
    todo: "Retry-After counts to the first of the month. The operator can change the plan.",
    says: "The organization has used up this month's requests. They start again with the next UTC month.",
  },
  internal_error: {
    title: "A fault on our side",
    means: "Something broke that should not. It is in the operator’s log under the request id.",
    todo: "Try again once. If it stays, send the request id to the operator.",
    says: "Something went wrong on our side. The request id finds it in the operator's log.",
  },
  unavailable: {
    title: "Not available just now",
    means: "The service is starting, stopping, or cannot reach its database. A change that ends like this may still have been made.",
    todo: "Wait as many seconds as Retry-After says and send the same request again.",
    says: "The service cannot reach its database. Try again; after a change, look first whether it was made.",
  },
};
