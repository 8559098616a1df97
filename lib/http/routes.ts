import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { callersOf } from "@/lib/access/permissions";
import { type Api, type Demand, type Destination, demandOf, type Endpoint } from "@/lib/endpoint";
import { AppError, notFound, statusOf } from "@/lib/errors";
import { demandsOf, FORWARD_AUTH } from "@/lib/gateway/forward-auth";

/** Which endpoint a call is for. Pure. */

export interface Found {
  endpoint: Endpoint;
  params: Record<string, string>;
}

export class Routes {
  /** Without a part that varies: looked up by name, so that `…/insights` may stand where another path has `…/{id}`. */
  #fixed = new Map<string, Found>();
  #router = new SmartRouter<Endpoint>({ routers: [new RegExpRouter(), new TrieRouter()] });

  constructor(endpoints: readonly Endpoint[]) {
    for (const e of endpoints) {
      if (e.path.includes("{")) this.#router.add(e.method, e.path.replace(/\{(\w+)\}/g, ":$1"), e);
      else this.#fixed.set(`${e.method} ${e.path}`, { endpoint: e, params: {} });
    }
  }

  /** `path` as it was sent, without the query. */
  find(method: string, path: string): Found | null {
    const text = readable(path);
    const fixed = this.#fixed.get(`${method} ${text}`);
    if (fixed !== undefined) return fixed;
    const [matches, stash] = this.#router.match(method, text);
    const first = matches[0];
    if (first === undefined) return null;
    const [endpoint, slots] = first;
    const params = Object.entries(slots).map(([name, at]) => [name, decoded(typeof at === "string" ? at : (stash?.[at] ?? ""))]);
    return { endpoint, params: Object.fromEntries(params) };
  }

  /** The methods that a path takes; none where nothing is. */
  methodsAt(path: string): string[] {
    return ["GET", "POST", "PATCH", "DELETE"].filter((method) => this.find(method, path) !== null);
  }
}

/** What a call is answered that no endpoint takes. */
export function absence(method: string, methods: readonly string[]): AppError {
  if (methods.length === 0) return notFound();
  return new AppError("method_not_allowed", `Here go ${methods.join(", ")}, not ${method}.`);
}

/** `%61pi-keys` is `api-keys`; a sequence that is no text stays as it is. */
function readable(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(/(%[0-9A-Fa-f]{2})+/g, (part) => {
    try {
      return decodeURI(part.replace(/%25/g, "%2525"));
    } catch {
      return part;
    }
  });
}

function decoded(text: string): string {
  try {
    return text.includes("%") ? decodeURIComponent(text) : text;
  } catch {
    return text;
  }
}

/** Paths that are no endpoints. */
export interface Apart {
  /** They look at no key. */
  open: readonly string[];
  /** Of the open ones: the operator's. */
  operator: readonly string[];
}

/** The API as operations see it that speak about it. `nowhere` is what a call to a path that is not there asks of a key. */
export function apiOf(endpoints: readonly Endpoint[], routes: Routes, { open, operator }: Apart, nowhere: Demand): Api {
  const find = (method: string, url: string): Destination => {
    const [path = "", query = ""] = url.split(/\?(.*)/s);
    if (FORWARD_AUTH.test(path)) {
      const demand = { permission: null, ...demandsOf(query), free: false, route: null };
      return { kind: "route", route: `${method} /v1/auth`, demand, status: 200 };
    }
    if (method === "GET" && operator.includes(path)) return { kind: "operator", route: `GET ${path}` };
    if (method === "GET" && open.includes(path)) return { kind: "open", route: `GET ${path}`, status: 200 };
    const found = routes.find(method, path)?.endpoint;
    if (found === undefined) {
      const error = absence(method, open.includes(path) ? ["GET"] : routes.methodsAt(path));
      return { kind: "none", demand: nowhere, error: { status: statusOf(error.type), type: error.type, message: error.message } };
    }
    const route = `${found.method} ${found.path}`;
    const callers = callersOf(found.permission);
    if (callers.anybody) return { kind: "open", route, status: found.status };
    if (callers.operator && !callers.key) return { kind: "operator", route };
    return { kind: "route", route, demand: demandOf(found), status: found.status };
  };
  const scopes = endpoints.flatMap(({ method, path, scope }) => (scope === null ? [] : [[`${method} ${path}`, scope] as const]));
  return { scopes: new Map(scopes), find };
}
