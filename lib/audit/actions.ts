/** The catalogue: every action an audit event can have → its type and the words of its sentence ("Maya generated Invoice intake"). Browser-safe. */
export const actions = {
  "organization.create": { type: "create", words: "created the organization" },
  "organization.remove": { type: "delete", words: "removed the organization" },
  "user.create": { type: "create", words: "created the account" },
  "password.reset": { type: "update", words: "set a new password" },
  "session.create": { type: "create", words: "signed in" },
  "session.refuse": { type: "read", words: "failed to sign in as" },
  "session.end": { type: "delete", words: "ended a session of" },
  "member.add": { type: "create", words: "joined as" },
  "invite.create": { type: "create", words: "invited" },
  "api_group.create": { type: "create", words: "created the group" },
  "api_key.create": { type: "create", words: "generated" },
  "api_key.revoke": { type: "delete", words: "revoked" },
  "demo.fill": { type: "create", words: "filled with demo data" },
  "operator.refuse": { type: "read", words: "was refused as operator" },
} as const satisfies Record<string, { type: "create" | "read" | "update" | "delete"; words: string }>;

export type Action = keyof typeof actions;
export const actionNames = Object.keys(actions) as Action[];
