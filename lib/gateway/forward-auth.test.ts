import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Access, accesses, accessIncludes } from "@/lib/access/permissions";
import { isAppError } from "@/lib/errors";
import { type Demands, demandsOf, FORWARD_AUTH, ForwardAuthView, identityOf, refusesWith403 } from "@/lib/gateway/forward-auth";
import type { KeySnapshot } from "@/lib/keys/verify";
import { refusal } from "@/lib/testing/factories";

const NOTHING: Demands = { scopes: [], accesses: [], cost: 0 };

test.each<[string, boolean]>([
  ["/v1/auth", true],
  ["/v1/auth/", true],
  ["/v1/auth/anything/below/it", true],
  ["/v1/authors", false],
  ["/v1/auth-tokens", false],
  ["/v1/AUTH", false],
  ["/V1/auth", false],
  ["/v1//auth", false],
  ["//v1/auth", false],
  ["/x/v1/auth", false],
  ["/v1/auth%2F", false],
])("%s is the entrance for proxies: %s", (path, is) => {
  expect(FORWARD_AUTH.test(path)).toBe(is);
});

describe("a query demands", () => {
  test.each<[string, string, Partial<Demands>]>([
    ["nothing", "", {}],
    ["a scope", "scope=search", { scopes: ["search"] }],
    ["an access", "access=write", { accesses: ["write"] }],
    ["a cost", "cost=5", { cost: 5 }],
    ["a cost of nothing", "cost=0", { cost: 0 }],
    ["the highest cost there is", "cost=1000000", { cost: 1_000_000 }],
    ["everything at once", "scope=chat&access=read&cost=2&refuse=403", { scopes: ["chat"], accesses: ["read"], cost: 2 }],
    ["what is written with escapes", "sc%6Fpe=se%61rch&c%6Fst=%33", { scopes: ["search"], cost: 3 }],
    ["several scopes in one parameter", "scope=chat,search+upload%20ask", { scopes: ["chat", "search", "upload", "ask"] }],
  ])("%s: %s", (_, query, demands) => {
    expect(demandsOf(query)).toEqual({ ...NOTHING, ...demands });
  });
});

describe("a parameter that stands twice only ever demands more", () => {
  test.each<[string, Partial<Demands>]>([
    ["scope=chat&scope=search", { scopes: ["chat", "search"] }],
    ["access=write&access=read", { accesses: ["write", "read"] }],
    ["access=admin&access=read", { accesses: ["admin", "read"] }],
    ["cost=5&cost=1", { cost: 5 }],
    ["cost=1&cost=5", { cost: 5 }],
    ["cost=5&cost=0", { cost: 5 }],
  ])("%s", (query, demands) => {
    expect(demandsOf(query)).toEqual({ ...NOTHING, ...demands });
  });
});

test.each<[string, boolean]>([
  ["", false],
  ["refuse=403", true],
  ["refuse=403&refuse=", true],
  ["refuse=no&refuse=403", true],
  ["refuse=401", false],
  ["scope=refuse=403", false],
])("%s: every refusal is 403: %s", (query, is) => {
  expect(refusesWith403(query)).toBe(is);
});

test.each([
  "q=1",
  "scopes=admin",
  "Scope=search",
  "scope[]=search",
  "costs=5",
  "access_token=x",
  "refuse=401",
  "refuse=1",
  "refuse",
  "permission=none",
  "__proto__=x&constructor=y&toString=z",
  "&&&",
  "=",
  "%",
  "%zz=%zz",
])("%s is the client's own and demands nothing", (query) => {
  expect(demandsOf(query)).toEqual(NOTHING);
});

describe("what cannot be demanded is refused, never taken for nothing", () => {
  test.each<[string, string]>([
    ["access=", "access"],
    ["access=superuser", "access"],
    ["access=READ", "access"],
    ["access=read,write", "access"],
    ["access=__proto__", "access"],
    ["access=toString", "access"],
    ["access=read&access=none", "access"],
    ["cost=", "cost"],
    ["cost", "cost"],
    ["cost=-1", "cost"],
    ["cost=1.5", "cost"],
    ["cost=1e3", "cost"],
    ["cost=0x10", "cost"],
    ["cost=1_000", "cost"],
    ["cost=%201", "cost"],
    ["cost=%00", "cost"],
    ["cost=NaN", "cost"],
    ["cost=Infinity", "cost"],
    ["cost=1000001", "cost"],
    ["cost=99999999999999999999", "cost"],
    ["cost=%D9%A1", "cost"],
    ["cost=5&cost=-5", "cost"],
    ["scope=", "scope"],
    ["scope", "scope"],
    ["scope=%20", "scope"],
    ["scope=,", "scope"],
    ["scope=search&scope=", "scope"],
  ])("%s", async (query, name) => {
    expect(await refusal(() => demandsOf(query))).toMatchObject({ type: "invalid_request", details: { [name]: expect.any(String) } });
  });

  test("and the answer does not repeat it", async () => {
    for (const query of ["access=hunter2", "cost=hunter2", "cost=1&cost=hunter2"]) {
      const error = await refusal(() => demandsOf(query));
      expect(JSON.stringify([error.message, error.details])).not.toContain("hunter2");
    }
  });
});

describe("whatever is added to a query", () => {
  const parameter = fc.oneof(
    fc.tuple(fc.constant("scope"), fc.constantFrom("chat", "search", "chat,search", "search upload", "", "x")),
    fc.tuple(fc.constant("access"), fc.constantFrom(...accesses, "", "root")),
    fc.tuple(fc.constant("cost"), fc.oneof(fc.nat({ max: 1_000_001 }).map(String), fc.constantFrom("", "-1", "1e9", "x"))),
    fc.tuple(fc.constant("refuse"), fc.constantFrom("403", "", "200")),
    fc.tuple(fc.string({ maxLength: 12, unit: "grapheme" }), fc.string({ maxLength: 12, unit: "grapheme" })),
  );
  const written = fc.array(parameter, { maxLength: 6 }).map((pairs) => new URLSearchParams(pairs).toString());
  // What a client can send that no parser would write.
  const raw = fc.string({ maxLength: 20, unit: fc.constantFrom(..."scopeacut=&%?#;+,[]0123456789 ") });

  /** Null for a query that is refused: that is the most that can be demanded. */
  function demanded(query: string): Demands | null {
    try {
      return demandsOf(query);
    } catch (error) {
      if (isAppError(error) && error.type === "invalid_request") return null;
      throw error;
    }
  }

  const holds = (key: { access: Access; scopes: string[] }, { scopes, accesses: all }: Demands) =>
    all.every((access) => accessIncludes(key.access, access)) && scopes.every((scope) => key.scopes.includes(scope));

  test("no key passes that did not pass before, and none pays less", () => {
    const key = fc.record({ access: fc.constantFrom(...accesses), scopes: fc.subarray(["chat", "search", "upload"]) });
    fc.assert(
      fc.property(written, fc.oneof(written, raw), key, (operators, clients, who) => {
        const before = demanded(operators);
        const after = demanded(`${operators}&${clients}`);
        if (after === null) return;
        if (before === null) throw new Error("What was refused is taken");
        expect(after.cost).toBeGreaterThanOrEqual(before.cost);
        expect(after.scopes).toEqual(expect.arrayContaining(before.scopes));
        expect(after.accesses).toEqual(expect.arrayContaining(before.accesses));
        expect(refusesWith403(`${operators}&${clients}`) || !refusesWith403(operators)).toBe(true);
        if (holds(who, after)) expect(holds(who, before)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test("it is a demand or an invalid request: nothing else is thrown", () => {
    fc.assert(
      fc.property(fc.oneof(raw, fc.string({ unit: "binary" }), written), (query) => {
        const demands = demanded(query);
        if (demands !== null) expect(Number.isSafeInteger(demands.cost) && demands.cost >= 0 && demands.cost <= 1_000_000).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("who the key is", () => {
  const key: KeySnapshot = {
    keyId: "key_1",
    secretId: "sec_1",
    prefix: "lk_live_abcdef",
    name: "Ünïcode\r\nX-Evil: 1",
    orgId: "org_1",
    orgName: "Ac\r\nme",
    groupId: "grp_1",
    environment: "live",
    access: "full",
    scopes: ["status", "search"],
    owner: { type: "member", id: "usr_1", name: "Maya" },
    metadata: { note: "\r\nX-Evil: 1" },
    minuteLimit: 60,
    monthLimit: 1_000,
  };

  test("is said to the upstream in six headers, and to whoever reads it as JSON", () => {
    const { headers, body } = identityOf(key);
    const pairs = headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1]]] : []));
    expect(Object.fromEntries(pairs)).toEqual({
      "X-Latchkey-Organization": "org_1",
      "X-Latchkey-Group": "grp_1",
      "X-Latchkey-Key": "key_1",
      "X-Latchkey-Environment": "live",
      "X-Latchkey-Scopes": "status search",
      "X-Latchkey-Access": "full",
    });
    expect(ForwardAuthView.strict().parse(JSON.parse(body))).toEqual({
      organization_id: "org_1",
      group_id: "grp_1",
      key_id: "key_1",
      environment: "live",
      scopes: ["status", "search"],
      access: "full",
    });
  });

  test("has nothing in it that somebody typed, so that no name can add a header", () => {
    const { headers, body } = identityOf(key);
    for (const text of [...headers, body]) expect(text).not.toMatch(/[\r\n]|Evil/);
  });

  test("is made once per snapshot, and anew for a changed one", () => {
    expect(identityOf(key)).toBe(identityOf(key));
    expect(identityOf({ ...key, scopes: [] }).headers).toContain("");
  });
});
