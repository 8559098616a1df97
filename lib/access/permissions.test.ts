import { describe, expect, test } from "vitest";
import {
  type Access,
  type Actor,
  accesses,
  accessIncludes,
  authorize,
  callersOf,
  isOrgPermission,
  permissions,
  reachOf,
  roles,
} from "@/lib/access/permissions";
import { origin, refusal } from "@/lib/testing/factories";

const actor = (changed: Partial<Actor>): Actor => ({
  type: "user",
  id: "usr_1",
  name: "Maya",
  role: null,
  orgId: "org_1",
  groupId: null,
  environment: null,
  secretId: null,
  request: origin(),
  ...changed,
});

/** permission × column → how far it goes, as one block of text: a change of any cell shows in review. */
function grid(columns: Record<string, Pick<Actor, "type" | "role">>): string {
  const width = Math.max(...permissions.map((permission) => permission.length));
  const cells = (texts: string[]) =>
    texts
      .map((text) => text.padEnd(13))
      .join("")
      .trimEnd();
  const lines = permissions.map(
    (permission) => `${permission.padEnd(width + 2)}${cells(Object.values(columns).map((who) => reachOf(who, permission) ?? "-"))}`,
  );
  return `\n${[`${"".padEnd(width + 2)}${cells(Object.keys(columns))}`, ...lines].join("\n")}\n`;
}

test("permission × role", () => {
  expect(
    grid({ ...Object.fromEntries(roles.map((role) => [role, { type: "user", role }])), "no role": { type: "user", role: null } } as never),
  ).toMatchInlineSnapshot(`
    "
                     viewer       developer    admin        owner        no role
    accounts.create  -            -            -            -            -
    sessions.create  own          own          own          own          own
    account.manage   own          own          own          own          own
    orgs.create      own          own          own          own          own
    orgs.enable      -            -            -            -            -
    keys.import      -            -            -            -            -
    metrics.read     -            -            -            -            -
    self.read        organization organization organization organization -
    limits.read      -            -            -            -            -
    org.read         organization organization organization organization -
    org.write        -            -            organization organization -
    members.read     organization organization organization organization -
    members.write    -            -            organization organization -
    keys.read        organization organization organization organization -
    keys.create      -            organization organization organization -
    keys.update      -            own          organization organization -
    keys.revoke      -            own          organization organization -
    keys.report      own          own          own          own          own
    keys.receive     own          own          own          own          own
    keys.verify      -            -            -            -            -
    groups.read      organization organization organization organization -
    groups.write     -            -            organization organization -
    usage.read       organization organization organization organization -
    logs.read        organization organization organization organization -
    audit.read       organization organization organization organization -
    data.read        -            -            -            -            -
    data.write       -            -            -            -            -
    "
  `);
});

test("permission × access of a key, and who is neither", () => {
  const others = {
    operator: { type: "operator", role: null },
    anonymous: { type: "anonymous", role: null },
    system: { type: "system", role: null },
  };
  expect(grid({ ...Object.fromEntries(accesses.map((role) => [role, { type: "key", role }])), ...others } as never)).toMatchInlineSnapshot(`
    "
                     read         write        full         admin        operator     anonymous    system
    accounts.create  -            -            -            -            -            own          -
    sessions.create  -            -            -            -            -            own          -
    account.manage   -            -            -            -            -            -            -
    orgs.create      -            -            -            -            -            -            -
    orgs.enable      -            -            -            -            organization -            -
    keys.import      -            -            -            -            organization -            -
    metrics.read     -            -            -            -            organization -            -
    self.read        own          own          own          own          -            -            -
    limits.read      own          own          own          own          -            -            -
    org.read         -            -            -            organization -            -            -
    org.write        -            -            -            organization -            -            -
    members.read     -            -            -            -            -            -            -
    members.write    -            -            -            -            -            -            -
    keys.read        own          own          group        organization -            -            -
    keys.create      -            -            group        organization -            -            -
    keys.update      -            -            group        organization -            -            -
    keys.revoke      own          own          group        organization -            -            -
    keys.report      own          own          own          own          -            own          -
    keys.receive     own          own          own          own          -            own          -
    keys.verify      own          own          own          organization organization -            -
    groups.read      group        -            group        organization -            -            -
    groups.write     -            -            -            organization -            -            -
    usage.read       group        -            group        organization -            -            -
    logs.read        group        -            group        organization -            -            -
    audit.read       -            -            group        organization -            -            -
    data.read        own          -            own          own          -            -            -
    data.write       -            own          own          own          -            -            -
    "
  `);
});

test("a test key does what a live one does, but for what live keys are under", async () => {
  for (const role of accesses) {
    const lost = permissions.filter((permission) => {
      const of = (environment: "live" | "test") => reachOf({ type: "key", role, environment }, permission);
      return of("test") !== of("live");
    });
    expect(lost).toEqual(role === "admin" ? ["org.write", "groups.write"] : []);
  }
  const key = actor({ type: "key", role: "admin", environment: "test" });
  expect(await refusal(() => authorize(key, "groups.write"))).toMatchObject({
    type: "insufficient_scope",
    message: expect.stringMatching(/^A test key changes nothing/),
    details: { environment: "takes a live key or a signed-in person" },
  });
  const weak = actor({ type: "key", role: "read", environment: "test" });
  expect((await refusal(() => authorize(weak, "groups.write"))).details).toEqual({ access: "admin" });
});

describe("a bigger role or access loses nothing", () => {
  const rank = { own: 1, group: 2, organization: 3 };
  const reach = (who: Pick<Actor, "type" | "role">, permission: (typeof permissions)[number]) =>
    rank[reachOf(who, permission) ?? ("" as never)] ?? 0;

  test.each([
    ["viewer", "developer"],
    ["developer", "admin"],
    ["admin", "owner"],
  ] as const)("%s → %s", (smaller, bigger) => {
    for (const permission of permissions)
      expect(reach({ type: "user", role: bigger }, permission), permission).toBeGreaterThanOrEqual(
        reach({ type: "user", role: smaller }, permission),
      );
  });

  test.each([
    ["read", "full"],
    ["write", "full"],
    ["full", "admin"],
  ] as const)("%s → %s", (smaller, bigger) => {
    for (const permission of permissions)
      expect(reach({ type: "key", role: bigger }, permission), permission).toBeGreaterThanOrEqual(
        reach({ type: "key", role: smaller }, permission),
      );
  });
});

test("a role is no access and an access no role: the word admin means each for its own kind", () => {
  expect(reachOf({ type: "key", role: "admin" }, "members.write")).toBeNull();
  expect(reachOf({ type: "user", role: "full" }, "keys.create")).toBeNull();
  expect(reachOf({ type: "key", role: "owner" }, "keys.create")).toBeNull();
});

describe("read and write stand side by side, below full, below admin", () => {
  const expected: Record<Access, Access[]> = {
    read: ["read"],
    write: ["write"],
    full: ["read", "write", "full"],
    admin: ["read", "write", "full", "admin"],
  };
  test.each(accesses)("%s", (access) => {
    expect(accesses.filter((other) => accessIncludes(access, other))).toEqual(expected[access]);
  });
});

describe("asking", () => {
  test("proves the reach and keeps the actor", () => {
    const who = actor({ role: "developer" });
    expect(authorize(who, "keys.revoke")).toEqual({ ...who, reach: "own" });
  });

  test.each([
    ["nobody", actor({ type: "anonymous" }), "keys.read", "unauthorized", /Sign in/],
    [
      "a person whose role is too small, naming those that are not",
      actor({ role: "viewer" }),
      "keys.create",
      "forbidden",
      /viewer.*developer or admin or owner/,
    ],
    ["a person without a role", actor({}), "keys.read", "forbidden", /none/],
    ["a person where only keys may", actor({ role: "owner" }), "data.read", "forbidden", /takes a key/],
    [
      "a key whose access is too small, naming what is needed",
      actor({ type: "key", role: "read" }),
      "keys.create",
      "insufficient_scope",
      /access full or admin/,
    ],
    ["a key where only people may", actor({ type: "key", role: "admin" }), "members.write", "insufficient_scope", /signed-in person/],
    ["the operator in an organization", actor({ type: "operator" }), "keys.read", "forbidden", /does not allow/],
    ["an owner who asks about a key that was presented somewhere", actor({ role: "owner" }), "keys.verify", "forbidden", /takes a key/],
    ["an owner who asks how the deployment does", actor({ role: "owner" }), "metrics.read", "forbidden", /./],
    ["an admin key that asks how the deployment does", actor({ type: "key", role: "admin" }), "metrics.read", "insufficient_scope", /./],
  ] as const)("%s is refused", async (_, who, permission, type, words) => {
    expect(await refusal(() => authorize(who, permission))).toMatchObject({ type, message: expect.stringMatching(words) });
  });
});

describe("who may ask at all is read from the same table", () => {
  test.each([
    ["keys.verify", { session: false, key: true, operator: true, anonymous: false, anybody: false }, false],
    ["metrics.read", { session: false, key: false, operator: true, anonymous: false, anybody: false }, false],
    ["keys.read", { session: true, key: true, operator: false, anonymous: false, anybody: false }, true],
    ["sessions.create", { session: true, key: false, operator: false, anonymous: true, anybody: false }, false],
    ["keys.report", { session: false, key: false, operator: false, anonymous: true, anybody: true }, false],
    ["keys.receive", { session: false, key: false, operator: false, anonymous: true, anybody: true }, false],
  ] as const)("%s: %j, of one organization: %s", (permission, callers, ofOne) => {
    expect([callersOf(permission), isOrgPermission(permission)]).toEqual([callers, ofOne]);
  });
});
