import { accesses, callersOf, reachOf, roles } from "@/lib/access/permissions";
import type { Endpoint } from "@/lib/endpoint";
import { SAMPLE_IDS, toJson } from "@/lib/http/examples";

/** An endpoint in words, for /openapi.json and the reference alike. Pure. */

/** In the order of the reference. */
export const tagWords: Record<string, string> = {
  Yourself: "Who is calling, and what it has left.",
  Keys: "Generate, edit, rotate, pause and revoke keys, and see what they do.",
  Groups: "Named sets of keys: a project, an environment.",
  Usage: "How much was called, and every single call.",
  Audit: "Who changed what, when and from where.",
  Data: "The API that the keys are for.",
  Gateway: "What a proxy in front of an API of your own asks.",
  Organizations: "The account that owns groups, keys and members.",
  "Signing in": "Accounts and sessions of people.",
  Operator: "For whoever runs the deployment, with X-Admin-Token.",
  Deployment: "Whether it runs, and this description.",
};

/** Who may call, a line each. */
export function callersIn({ permission }: Endpoint): string[] {
  const { key, session, operator, anonymous } = callersOf(permission);
  const keys = accesses.filter((access) => reachOf({ type: "key", role: access }, permission) !== null);
  const people = roles.filter((role) => reachOf({ type: "user", role }, permission) !== null);
  const live = reachOf({ type: "key", role: "admin", environment: "test" }, permission) === null ? "live " : "";
  return [
    ...(key ? [keys.length === accesses.length ? "any key" : `${live}keys with access ${keys.join(", ")}`] : []),
    ...(session
      ? [
          `${people.length === roles.length ? "people signed in" : `people signed in as ${people.join(", ")}`}${key || anonymous ? "" : ", session only"}`,
        ]
      : []),
    ...(operator ? ["the operator, with X-Admin-Token"] : []),
    ...(anonymous ? ["anybody"] : []),
  ];
}

/** What a call counts against. */
export function countsOf({ free, permission, perAddress, perKey }: Endpoint): string {
  const { key, operator } = callersOf(permission);
  if (free) return perKey === null ? "against nothing" : `against nothing but ${perKey} a minute of its own`;
  if (perAddress !== null) return `up to ${perAddress} a minute from one address`;
  if (key) return `against the key’s limit and the quota${perKey === null ? "" : `, and ${perKey} a minute of its own`}`;
  return operator ? "against nothing, with the right token" : "against the person’s limit, no quota";
}

const camel = (words: string) => words.replace(/[-_/]+(\w)/g, (_, letter: string) => letter.toUpperCase());
const one = (noun: string) => noun.replace(/ies$/, "y").replace(/(?<!s)s$/, "");

/** Where the path alone would make a poor name. */
const NAMES: Record<string, string> = {
  "DELETE /v1/api-keys/{id}": "revokeApiKey",
  "POST /v1/api-keys/bulk": "changeApiKeys",
  "GET /v1/api-keys/insights": "listApiKeyInsights",
  "POST /v1/api-keys/{id}/rotate/finish": "finishRotation",
  "POST /v1/api-keys/{id}/rotate/extend": "extendRotation",
  "POST /v1/api-keys/{id}/what-if": "tryCall",
  "DELETE /v1/api-keys/{id}/hand-overs/{handOver}": "recallHandOver",
  "DELETE /v1/api-groups/{id}": "archiveApiGroup",
  "POST /api/keys/import": "importKeys",
  "POST /v1/leaks": "reportLeak",
  "GET /v1/usage": "getUsage",
  "POST /v1/chat": "createChatAnswer",
  "POST /v1/chat/completions": "createChatCompletionV1",
};

/** `rotateApiKey` for `POST /v1/api-keys/{id}/rotate`, `listApiKeys` for `GET /v1/api-keys`. */
export function operationIdOf({ method, path, returns }: Pick<Endpoint, "method" | "path" | "returns">): string {
  const chosen = NAMES[`${method} ${path}`];
  if (chosen !== undefined) return chosen;
  const parts = path.split("/").filter((part) => part !== "" && part !== "v1" && part !== "api");
  const last = parts.at(-1) ?? "";
  // A noun before an id, or before what is done to it, is one of many.
  const nouns = parts.slice(0, -1).flatMap((part, i) => (part.startsWith("{") ? [] : [parts[i + 1]?.startsWith("{") ? one(part) : part]));
  const of = (...words: string[]) => camel(words.join("-"));
  if (last.startsWith("{")) return of({ GET: "get", POST: "post", PATCH: "update", DELETE: "delete" }[method], ...nouns);
  if (method === "PATCH" || method === "DELETE") return of(method === "PATCH" ? "update" : "delete", ...nouns, last);
  if (method === "GET") return of(toJson(returns, "output").properties?.data === undefined ? "get" : "list", ...nouns, last);
  return last.endsWith("s") ? of("create", ...nouns, one(last)) : of(last, ...nouns.slice(0, -1), ...nouns.slice(-1).map(one));
}

const NOUNS: Record<string, { description: string; example: string }> = {
  "api-keys": { description: "The key’s id, key_…", example: SAMPLE_IDS.key },
  "api-groups": { description: "The group’s id, grp_…", example: SAMPLE_IDS.group },
  "hand-overs": { description: "The link’s id, hov_…", example: SAMPLE_IDS.handOver },
  sessions: { description: "The session’s id, ses_…", example: SAMPLE_IDS.session },
};

/** The parts of a path that vary: each by the noun before it. */
export function pathParameters(path: string): { name: string; description: string; example: string }[] {
  return [...path.matchAll(/([^/]+)\/\{(\w+)\}/g)].map(([, noun = "", name = ""]) => ({
    name,
    ...(NOUNS[noun] ?? { description: "The id of what the call is about.", example: "…" }),
  }));
}

/** `Rotate key` for `rotateApiKey`: as short as a list of contents has room for. */
export function titleOf(e: Endpoint): string {
  const words = operationIdOf(e)
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/ api(?= )/, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const DAY = "an ISO 8601 date (a UTC day, the last one included) or instant";
const PARAMETERS: Record<string, string> = {
  limit: "How many at most.",
  cursor: "next_cursor of the answer before; bound to the organization and the filters.",
  start_date: `From then on: ${DAY}.`,
  end_date: `Until then: ${DAY}.`,
  start: "The same as start_date.",
  end: "The same as end_date.",
  group_id: "Of this group only.",
  key_id: "Of this key only.",
  ids: "The keys to look at, with commas between.",
  status: "Of this status only; several with commas between where a list takes them.",
  environment: "Live or test only.",
  q: "Part of a name, or the beginning of a prefix.",
  health: "Of keys for which this is true.",
  parent_id: "Keys that this key made.",
  sort: "The order; a minus sign turns it round.",
  archived: "true: archived groups, false: the others.",
  revoke_keys: "true: revoke the group’s live keys with it.",
  route: "Of this route only, as the log names it.",
  request_id: "This one request.",
  interval: "How long each bucket is.",
  group_by: "What to count apart, with commas between.",
  api_key: "About this key: its id or its prefix.",
  target: "About this one: an id.",
  user: "Of this person: an id or an e-mail address.",
  event_type: "A kind of change, or one exact action.",
};

/** Of a parameter in the query, where its schema says nothing itself. */
export function parameterWords(name: string): string | undefined {
  return PARAMETERS[name];
}
