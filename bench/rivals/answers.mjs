// What our endpoints answer, as constants: whoever is measured against them sends as many bytes.

/** GET /v1/auth */
export const AUTH = {
  organization_id: "org_01k9ztrc6mfv4tq3y8w0a5d7ne",
  group_id: "grp_01k9ztrc6nfhw2v6x5e9r1b3kq",
  key_id: "key_01k9ztrc6p8m3s0j7d4g2z6cyt",
  environment: "live",
  scopes: ["status"],
  access: "full",
};

/** POST /v1/keys/verify */
export const VERIFIED = {
  valid: true,
  code: "valid",
  key_id: AUTH.key_id,
  organization_id: AUTH.organization_id,
  group_id: AUTH.group_id,
  environment: "live",
  access: "full",
  scopes: ["status"],
  owner: { type: "organization", id: AUTH.organization_id, name: "org-1" },
  metadata: {},
  rate_limit: { limit: 2_000_000_000, remaining: 1_999_999_999, reset: 1795651200 },
  quota: { limit: 2_000_000_000, remaining: 1_999_999_999, reset: 1796083200 },
};

/** As many as an answer of ours needs to say who it was and what is left. */
export const HEADERS = {
  "X-Request-Id": "req_01k9ztrc6qb5n8f2h0v7m4x1sa",
  "Cache-Control": "no-store",
  "X-RateLimit-Limit": "600",
  "X-RateLimit-Remaining": "599",
  "X-RateLimit-Reset": "1795651200",
};
