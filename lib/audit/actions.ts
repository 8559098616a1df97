/**
 * The catalogue: every action an audit event can have → its type, the words of its sentence ("Maya generated Invoice intake"), and
 * whether nodes may hold its target in memory (an organization, a group, a key), so that they have to forget it first. A fresh secret is unknown to all. Browser-safe.
 */
export const actions = {
  "organization.create": { type: "create", words: "created the organization", cached: false },
  "organization.remove": { type: "delete", words: "removed the organization", cached: true },
  "user.create": { type: "create", words: "created the account", cached: false },
  "password.reset": { type: "update", words: "set a new password", cached: false },
  "session.create": { type: "create", words: "signed in", cached: false },
  "session.refuse": { type: "read", words: "failed to sign in as", cached: false },
  "session.end": { type: "delete", words: "ended a session of", cached: false },
  "member.add": { type: "create", words: "joined as", cached: false },
  "invite.create": { type: "create", words: "invited", cached: false },
  "api_group.create": { type: "create", words: "created the group", cached: false },
  "api_key.create": { type: "create", words: "generated", cached: false },
  "api_key.revoke": { type: "delete", words: "revoked", cached: true },
  "demo.fill": { type: "create", words: "filled with demo data", cached: false },
  "operator.refuse": { type: "read", words: "was refused as operator", cached: false },
} as const satisfies Record<string, { type: "create" | "read" | "update" | "delete"; words: string; cached: boolean }>;

export type Action = keyof typeof actions;
export const actionNames = Object.keys(actions) as Action[];
