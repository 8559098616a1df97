import { AppError } from "@/lib/errors";

/** Who asks. One shape for people, keys, the operator's token and ourselves; `orgId` is "deployment" where no organization is involved. */
export interface Actor {
  type: "user" | "key" | "operator" | "system" | "anonymous";
  id: string | null;
  name: string;
  /** Of a user: the role in the organization. Of a key: its access. */
  role: Role | Access | null;
  orgId: string;
  /** Keys only: the group and environment they live in. */
  groupId: string | null;
  environment: Environment | null;
  /** Keys only: which of its secrets was presented. */
  secretId: string | null;
  request: Origin;
}

/** The request an actor acts through; what an audit event says about "from where". */
export interface Origin {
  id: string;
  ip: string | null;
  country: string | null;
  userAgent: string | null;
}

export const roles = ["viewer", "developer", "admin", "owner"] as const;
export type Role = (typeof roles)[number];
export const accesses = ["read", "write", "full", "admin"] as const;
export type Access = (typeof accesses)[number];
export const environments = ["live", "test"] as const;
export type Environment = (typeof environments)[number];
export const DEPLOYMENT = "deployment";

/** How far a permission goes for this actor. `own`: what a person made or owns; for a key, itself. */
export type Reach = "organization" | "group" | "own";

interface Grant {
  people?: { [R in Role]?: Reach };
  keys?: { [A in Access]?: Reach };
  /** Live keys are under it, too: no test key, whatever its access. */
  liveKeysOnly?: true;
  /** Anybody signed in, also without an organization. */
  signedIn?: Reach;
  anonymous?: Reach;
  operator?: Reach;
}

const everyRole = { viewer: "organization", developer: "organization", admin: "organization", owner: "organization" } as const;
const anyone = { anonymous: "own", signedIn: "own", keys: { read: "own", write: "own", full: "own", admin: "own" } } as const;
const admins = { admin: "organization", owner: "organization" } as const;

/** Permission × caller → reach. What is not named is denied; permissions.test.ts compares the whole table. */
const table = {
  "accounts.create": { anonymous: "own" },
  "sessions.create": { anonymous: "own", signedIn: "own" },
  "account.manage": { signedIn: "own" },
  "orgs.create": { signedIn: "own" },
  "orgs.enable": { operator: "organization" },
  "keys.import": { operator: "organization" },
  "metrics.read": { operator: "organization" },
  "self.read": { people: everyRole, keys: { read: "own", write: "own", full: "own", admin: "own" } },
  "limits.read": { keys: { read: "own", write: "own", full: "own", admin: "own" } },
  "org.read": { people: everyRole, keys: { admin: "organization" } },
  "org.write": { people: admins, keys: { admin: "organization" }, liveKeysOnly: true },
  "members.read": { people: everyRole },
  "members.write": { people: admins },
  "keys.read": { people: everyRole, keys: { read: "own", write: "own", full: "group", admin: "organization" } },
  "keys.create": { people: { developer: "organization", ...admins }, keys: { full: "group", admin: "organization" } },
  // Edit, rotate, pause, resume, hand over.
  "keys.update": { people: { developer: "own", ...admins }, keys: { full: "group", admin: "organization" } },
  "keys.revoke": { people: { developer: "own", ...admins }, keys: { read: "own", write: "own", full: "group", admin: "organization" } },
  // Somebody found a secret, or was sent a link to one: who they are does not matter.
  "keys.report": anyone,
  "keys.receive": anyone,
  // Of any organization's keys: the operator, and keys with the scope "verify", which no plan has.
  "keys.verify": { keys: { read: "own", write: "own", full: "own", admin: "organization" }, operator: "organization" },
  "groups.read": { people: everyRole, keys: { read: "group", full: "group", admin: "organization" } },
  "groups.write": { people: admins, keys: { admin: "organization" }, liveKeysOnly: true },
  "usage.read": { people: everyRole, keys: { read: "group", full: "group", admin: "organization" } },
  "logs.read": { people: everyRole, keys: { read: "group", full: "group", admin: "organization" } },
  "audit.read": { people: everyRole, keys: { full: "group", admin: "organization" } },
  "data.read": { keys: { read: "own", full: "own", admin: "own" } },
  "data.write": { keys: { write: "own", full: "own", admin: "own" } },
} as const satisfies Record<string, Grant>;

export type Permission = keyof typeof table;

export const permissions = Object.keys(table) as Permission[];

declare const proven: unique symbol;

/** An actor that was asked: operations take nothing less, so a caller that forgot to ask does not compile. */
export type Can<P extends Permission> = Actor & { readonly reach: Reach; readonly [proven]: P };

/** How far `permission` goes for this caller, or null for a no. Without an environment a key is taken for a live one. */
export function reachOf(actor: Pick<Actor, "type" | "role"> & Partial<Pick<Actor, "environment">>, permission: Permission): Reach | null {
  const grant: Grant = table[permission];
  switch (actor.type) {
    case "user":
      return (actor.role === null ? undefined : grant.people?.[actor.role as Role]) ?? grant.signedIn ?? null;
    case "key":
      if (grant.liveKeysOnly && actor.environment === "test") return null;
      return grant.keys?.[actor.role as Access] ?? null;
    case "operator":
      return grant.operator ?? null;
    case "anonymous":
      return grant.anonymous ?? null;
    case "system":
      return null;
  }
}

/** Checks at run time and proves it to the compiler. Throws `forbidden` (people) or `insufficient_scope` (keys), or `unauthorized` for nobody. */
export function authorize<P extends Permission>(actor: Actor, permission: P): Can<P> {
  const reach = reachOf(actor, permission);
  if (reach !== null) return { ...actor, reach } as Can<P>;
  if (actor.type === "anonymous") throw new AppError("unauthorized", "Sign in, or send a key.");
  if (actor.type === "key") throw needsAccess(permission, actor.role);
  const holders = roles.filter((role) => reachOf({ type: "user", role }, permission) !== null);
  if (holders.length === 0) throw new AppError("forbidden", "This call takes a key, not a session.", { details: { permission } });
  throw new AppError("forbidden", `Your role, ${actor.role ?? "none"}, does not allow this. It takes ${holders.join(" or ")}.`, {
    details: { permission },
  });
}

/** Who may ask at all: what an endpoint's description says of its callers. */
export interface Callers {
  session: boolean;
  key: boolean;
  operator: boolean;
  anonymous: boolean;
  /** Who asks does not matter: what a call says of its caller is not read, and everybody is anonymous. */
  anybody: boolean;
}

export function callersOf(permission: Permission): Callers {
  const grant: Grant = table[permission];
  const anybody = grant.anonymous !== undefined && grant.keys !== undefined;
  return {
    session: !anybody && (grant.people !== undefined || grant.signedIn !== undefined),
    key: !anybody && grant.keys !== undefined,
    operator: grant.operator !== undefined,
    anonymous: grant.anonymous !== undefined,
    anybody,
  };
}

/** Whether the permission is about one organization, so that a session must say which. */
export function isOrgPermission(permission: Permission): boolean {
  return (table[permission] as Grant).people !== undefined;
}

/** 403 for a key whose access is too small, or that is a test key, naming what is needed. */
export function needsAccess(permission: Permission, role: Actor["role"]): AppError {
  if (reachOf({ type: "key", role }, permission) !== null)
    return new AppError(
      "insufficient_scope",
      "A test key changes nothing of the organization or its groups: live keys are under them, too.",
      {
        details: { environment: "takes a live key or a signed-in person" },
      },
    );
  const needed = accesses.filter((access) => reachOf({ type: "key", role: access }, permission) !== null);
  const words = needed.length === 0 ? "a signed-in person" : `access ${needed.join(" or ")}`;
  return new AppError("insufficient_scope", `This key's access is too small: the call needs ${words}.`, {
    details: { access: needed.join(" or ") || "session" },
  });
}

/** Whether access `a` holds everything access `b` does: read and write side by side, below full, below admin. */
export function accessIncludes(a: Access, b: Access): boolean {
  if (a === b || a === "admin") return true;
  return a === "full" && b !== "admin";
}
