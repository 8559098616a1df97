/**
 * The catalogue: every action an audit event can have → its type, the words of its sentence ("Maya generated Invoice intake"), and
 * whether nodes may hold its target in memory (an organization, a group, a key), so that they have to forget it first. A fresh secret is unknown to all. Browser-safe.
 */
export const actions = {
  "organization.create": { type: "create", words: "created the organization", cached: false },
  "organization.update": { type: "update", words: "changed the settings of", cached: true },
  "organization.remove": { type: "delete", words: "removed the organization", cached: true },
  "user.create": { type: "create", words: "created the account", cached: false },
  "password.reset": { type: "update", words: "set a new password", cached: false },
  "session.create": { type: "create", words: "signed in", cached: false },
  "session.refuse": { type: "read", words: "failed to sign in as", cached: false },
  "session.end": { type: "delete", words: "ended a session of", cached: false },
  "member.add": { type: "create", words: "joined as", cached: false },
  "invite.create": { type: "create", words: "invited", cached: false },
  "api_group.create": { type: "create", words: "created the group", cached: false },
  "api_group.update": { type: "update", words: "changed the group", cached: true },
  "api_group.archive": { type: "delete", words: "archived the group", cached: true },
  "api_key.create": { type: "create", words: "generated", cached: false },
  "api_key.import": { type: "create", words: "imported keys into", cached: true },
  "api_key.update": { type: "update", words: "changed", cached: true },
  "api_key.move": { type: "update", words: "moved", cached: true },
  "api_key.pause": { type: "update", words: "paused", cached: true },
  "api_key.resume": { type: "update", words: "resumed", cached: true },
  "api_key.rotate": { type: "update", words: "rotated", cached: true },
  "api_key.rotation_extend": { type: "update", words: "extended the rotation of", cached: true },
  "api_key.rotation_finish": { type: "update", words: "finished the rotation of", cached: true },
  "api_key.secret_revoke": { type: "delete", words: "revoked a secret of", cached: true },
  "api_key.revoke": { type: "delete", words: "revoked", cached: true },
  "api_key.leak": { type: "update", words: "reported a leak of", cached: false },
  "api_key.hand_over": { type: "create", words: "handed over", cached: false },
  "api_key.hand_over_open": { type: "read", words: "opened the hand-over of", cached: false },
  "api_key.hand_over_recall": { type: "delete", words: "recalled the hand-over of", cached: false },
  "demo.fill": { type: "create", words: "filled with demo data", cached: false },
  "operator.refuse": { type: "read", words: "was refused as operator", cached: false },
} as const satisfies Record<string, { type: "create" | "read" | "update" | "delete"; words: string; cached: boolean }>;

export type Action = keyof typeof actions;
export const actionNames = Object.keys(actions) as Action[];
