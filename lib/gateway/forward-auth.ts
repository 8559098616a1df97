import { z } from "zod";
import { type Access, accesses, environments } from "@/lib/access/permissions";
import { AppError } from "@/lib/errors";
import type { KeySnapshot } from "@/lib/keys/verify";

/**
 * What a proxy in front of an operator's API asks before it lets a request pass (nginx auth_request, Traefik forwardAuth, Envoy ext_authz):
 * `ANY /v1/auth{/*}` with the client's own key. Pure.
 */

export const FORWARD_AUTH = /^\/v1\/auth(\/|$)/;

/** Described in OpenAPI. */
export const ForwardAuthQuery = z.object({
  scope: z.string().optional().describe("the key must have it; may be repeated"),
  access: z.enum(accesses).optional().describe("the key's own must include it; may be repeated"),
  cost: z.coerce.number().int().min(0).max(1_000_000).optional().describe("credits that a live key is charged; the highest counts"),
  refuse: z.literal("403").optional().describe("answer every refusal with 403 and the real status in X-Latchkey-Status"),
});

export const ForwardAuthView = z.object({
  organization_id: z.string(),
  group_id: z.string(),
  key_id: z.string(),
  environment: z.enum(environments),
  scopes: z.array(z.string()),
  access: z.enum(accesses),
});

export interface Demands {
  scopes: string[];
  accesses: Access[];
  cost: number;
}

const NOTHING: Demands = { scopes: [], accesses: [], cost: 0 };

/**
 * What the query demands. Envoy appends the client's own query to the operator's, so a parameter that stands twice only ever demands more;
 * others are the client's and ignored. Throws invalid_request.
 */
export function demandsOf(query: string): Demands {
  if (query === "") return NOTHING;
  const parameters = new URLSearchParams(query);
  const fault = (name: string, why: string) =>
    new AppError("invalid_request", `The request is not valid: ${name} ${why}.`, { details: { [name]: why } });
  // An operator's template that came out empty must not let everybody pass.
  const scopes = parameters.getAll("scope").map((scope) => scope.split(/[\s,]+/).filter(Boolean));
  if (scopes.some((named) => named.length === 0)) throw fault("scope", "must name a scope");
  const demanded = parameters.getAll("access");
  for (const access of demanded)
    if (!(accesses as readonly string[]).includes(access)) throw fault("access", `must be one of ${accesses.join(", ")}`);
  const costs = parameters.getAll("cost");
  for (const cost of costs)
    if (!/^\d{1,7}$/.test(cost) || Number(cost) > 1_000_000) throw fault("cost", "must be a whole number from 0 to 1000000");
  return {
    scopes: scopes.flat(),
    accesses: demanded as Access[],
    cost: Math.max(0, ...costs.map(Number)),
  };
}

/** Whether every refusal is to be 403. */
export function refusesWith403(query: string): boolean {
  return new URLSearchParams(query).getAll("refuse").includes("403");
}

interface Identity {
  headers: readonly string[];
  body: string;
}

const identities = new WeakMap<KeySnapshot, Identity>();

/** Who the key is, as headers for the upstream and as JSON: made once per snapshot. */
export function identityOf(key: KeySnapshot): Identity {
  const known = identities.get(key);
  if (known !== undefined) return known;
  const { orgId, groupId, keyId, environment, scopes, access } = key;
  const view: z.output<typeof ForwardAuthView> = {
    organization_id: orgId,
    group_id: groupId,
    key_id: keyId,
    environment,
    scopes,
    access,
  };
  const made = {
    headers: [
      ...["X-Latchkey-Organization", orgId, "X-Latchkey-Group", groupId, "X-Latchkey-Key", keyId],
      ...["X-Latchkey-Environment", environment, "X-Latchkey-Scopes", scopes.join(" "), "X-Latchkey-Access", access],
    ],
    body: JSON.stringify(view),
  };
  identities.set(key, made);
  return made;
}
