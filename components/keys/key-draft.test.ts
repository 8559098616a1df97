import { expect, test } from "vitest";
import type { Key } from "@/lib/keys/schema";
import { bodyOf, changesOf, type Draft, draftOf, lossesOf, problemsOf, type Seen } from "./key-draft";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const key: Key = {
  id: "key_1",
  object: "api_key",
  name: "Invoice intake",
  key_prefix: "lk_live_9fKq2T",
  environment: "live",
  group_id: "grp_1",
  organization_id: "org_1",
  owner: { type: "member", id: "usr_1", name: "Maya" },
  access: "full",
  scopes: ["status", "upload"],
  is_active: true,
  status: "active",
  created_at: "2026-01-01T00:00:00.000Z",
  created_by: { type: "user", id: "usr_1", name: "Maya" },
  expires_at: "2027-01-01T00:00:00.000Z",
  not_before: null,
  last_used_at: null,
  last_used_ip: null,
  request_count: 0,
  rate_limit_rpm: null,
  allowed_ips: [],
  metadata: { team: "billing" },
  rotation: null,
  revoked_at: null,
  revoked_reason: null,
};
const edited = (change: Partial<Draft>): Draft => ({ ...draftOf(key), ...change });
const nothingSeen: Seen = { addresses: [], usedScopes: [] };
const groups = (id: string) => (id === "grp_1" ? "Production" : "Staging");

test("a form that was opened and left alone sends nothing", () => {
  expect(bodyOf(key, draftOf(key), NOW)).toEqual({});
  expect(changesOf(key, draftOf(key), NOW, groups)).toEqual([]);
  expect(problemsOf(key, draftOf(key), NOW)).toEqual({});
  expect(lossesOf(key, draftOf(key), NOW, nothingSeen)).toEqual([]);
});

test.each<[string, Partial<Draft>, object]>([
  ["name", { name: " Invoices " }, { name: "Invoices" }],
  ["group", { group_id: "grp_2" }, { group_id: "grp_2" }],
  ["access", { access: "read" }, { access: "read" }],
  ["scopes", { scopes: ["status"] }, { scopes: ["status"] }],
  ["limit", { limit: "30" }, { rate_limit_rpm: 30 }],
  ["addresses", { allowed_ips: ["203.0.113.7"] }, { allowed_ips: ["203.0.113.7"] }],
  ["no expiry", { expiry: "never" }, { expires_at: null }],
  ["an expiry in days", { expiry: "30" }, { expires_at: "2026-12-21T12:00:00.000Z" }],
  ["owner", { owner: "organization" }, { owner: "organization" }],
  [
    "metadata",
    {
      metadata: [
        { name: "team", value: "ledger" },
        { name: "", value: "" },
      ],
    },
    { metadata: { team: "ledger" } },
  ],
])("only what was changed is sent: %s", (_, change, body) => {
  expect(bodyOf(key, edited(change), NOW)).toEqual(body);
  expect(problemsOf(key, edited(change), NOW)).toEqual({});
  expect(changesOf(key, edited(change), NOW, groups)).toHaveLength(1);
});

test("the order of scopes and addresses is no change", () => {
  expect(bodyOf(key, edited({ scopes: ["upload", "status"] }), NOW)).toEqual({});
});

test("the preview shows each changed field before and after, and of lists what goes and what comes", () => {
  const draft = edited({ name: "Invoices", group_id: "grp_2", scopes: ["status", "search"], allowed_ips: ["203.0.113.0/24"], limit: "30" });
  expect(changesOf(key, draft, NOW, groups).map(({ label, from, to }) => [label, from, to])).toEqual([
    ["Name", ["Invoice intake"], ["Invoices"]],
    ["Group", ["Production"], ["Staging"]],
    ["Scopes", ["upload"], ["search"]],
    ["Limit", ["None of its own"], ["30 a minute"]],
    ["Addresses", ["Any address"], ["203.0.113.0/24"]],
  ]);
});

test("a start keeps its minute through the form", () => {
  const scheduled = { ...key, not_before: "2026-12-24T08:30:00.000Z" };
  expect(bodyOf(scheduled, draftOf(scheduled), NOW)).toEqual({});
  expect(bodyOf(key, { ...draftOf(key), not_before: draftOf(scheduled).not_before }, NOW)).toEqual({
    not_before: "2026-12-24T08:30:00.000Z",
  });
});

test("a narrower list names the addresses of the last 24 hours that it would refuse, and no others", () => {
  const seen: Seen = {
    addresses: [
      { ip: "203.0.113.7", last_at: "2026-11-21T11:00:00Z" },
      { ip: "198.51.100.4", last_at: "2026-11-21T11:30:00Z" },
      { ip: "192.0.2.9", last_at: "2026-11-19T11:30:00Z" },
      { ip: null, last_at: "2026-11-21T11:30:00Z" },
    ],
    usedScopes: [],
  };
  expect(lossesOf(key, edited({ allowed_ips: ["203.0.113.0/24"] }), NOW, seen)).toEqual([
    "An address that called in the last 24 hours will be refused: 198.51.100.4.",
  ]);
  expect(lossesOf(key, edited({ allowed_ips: ["203.0.113.0/24", "198.51.100.4"] }), NOW, seen)).toEqual([]);
});

test("a scope that is in use is warned of, an unused one is not", () => {
  const seen: Seen = { addresses: [], usedScopes: ["upload"] };
  expect(lossesOf(key, edited({ scopes: ["status"] }), NOW, seen)).toEqual([
    "Calls of the last 30 days needed upload: such calls will be refused.",
  ]);
  expect(lossesOf(key, edited({ scopes: ["upload"] }), NOW, seen)).toEqual([]);
});

test("less access, a lower limit and an earlier end are warned of; more of each is not", () => {
  const limited: Key = { ...key, rate_limit_rpm: 60 };
  const losses = (change: Partial<Draft>) => lossesOf(limited, { ...draftOf(limited), ...change }, NOW, nothingSeen);
  expect(losses({ access: "write" })).toEqual(["Calls that need read or full access will be refused."]);
  expect(losses({ access: "admin" })).toEqual([]);
  expect(losses({ limit: "20" })).toEqual(["From the 21st call of a minute on it is refused."]);
  expect(losses({ limit: "" })).toEqual([]);
  expect(losses({ expiry: "30" })[0]).toMatch(/^It stops working for good on 21 Dec 2026/);
  expect(losses({ expiry: "365" })).toEqual([]);
});

test.each<[string, Partial<Draft>, string]>([
  ["an empty name", { name: "  " }, "name"],
  ["no scope", { scopes: [] }, "scopes"],
  ["a limit that is no number", { limit: "many" }, "rate_limit_rpm"],
  ["a limit of nothing", { limit: "0" }, "rate_limit_rpm"],
  ["a date that is not chosen", { expiry: "date" }, "expires_at"],
  ["a day that is over", { expiry: "date", expiry_date: "2020-01-01" }, "expires_at"],
  [
    "one name twice",
    {
      metadata: [
        { name: "a", value: "1" },
        { name: "a", value: "2" },
      ],
    },
    "metadata",
  ],
  ["a value without a name", { metadata: [{ name: "", value: "1" }] }, "metadata"],
])("before it is sent, the form says what is wrong: %s", (_, change, path) => {
  expect(Object.keys(problemsOf(key, edited(change), NOW))).toContain(path);
});
