import { describe, expect, test } from "vitest";
import type { Group } from "@/lib/groups/schema";
import { changedOf, changesOf, draftOf, emptyDraft, newGroupOf, problemsOf } from "./group-draft";

const group: Group = {
  id: "grp_1",
  object: "api_group",
  name: "Invoices",
  description: "For the intake",
  organization_id: "org_1",
  rate_limit_rpm: 30,
  allowed_ips: ["10.0.0.0/8", "192.0.2.1"],
  key_count: 2,
  created_at: "2026-11-20T12:00:00.000Z",
  archived_at: null,
};
const draft = draftOf(group);

describe("a new group", () => {
  test("sends what is filled in, and leaves out the rest", () => {
    expect(newGroupOf({ ...emptyDraft, name: " Invoices " })).toEqual({ name: "Invoices" });
    expect(newGroupOf(draft)).toEqual({
      name: "Invoices",
      description: "For the intake",
      rate_limit_rpm: 30,
      allowed_ips: ["10.0.0.0/8", "192.0.2.1"],
    });
  });
});

describe("an edited group", () => {
  test("sends nothing of what is as it was, in whatever order the addresses stand", () => {
    expect(changedOf(group, draft)).toEqual({});
    expect(changedOf(group, { ...draft, name: " Invoices ", limit: " 30 ", allowed_ips: ["192.0.2.1", "10.0.0.0/8"] })).toEqual({});
  });

  test("sends only what differs, and an emptied limit as none of its own", () => {
    expect(changedOf(group, { ...draft, limit: "" })).toEqual({ rate_limit_rpm: null });
    expect(changedOf(group, { ...draft, description: "", allowed_ips: [] })).toEqual({ description: "", allowed_ips: [] });
  });

  test("says of each change what was and what will be, of addresses those that go and come", () => {
    const changed = changedOf(group, { name: "Bills", description: "", limit: "", allowed_ips: ["10.0.0.0/8", "2001:db8::1"] });
    expect(changesOf(group, changed)).toEqual([
      { field: "name", label: "Name", from: ["Invoices"], to: ["Bills"], isList: false },
      { field: "description", label: "Description", from: ["For the intake"], to: [""], isList: false },
      { field: "rate_limit_rpm", label: "Limit", from: ["30 a minute"], to: ["The organization’s"], isList: false },
      { field: "allowed_ips", label: "Addresses", from: ["192.0.2.1"], to: ["2001:db8::1"], isList: true },
    ]);
    expect(changesOf(group, { allowed_ips: [] })).toEqual([
      { field: "allowed_ips", label: "Addresses", from: ["10.0.0.0/8", "192.0.2.1"], to: ["Any address"], isList: true },
    ]);
  });
});

describe("before it is sent", () => {
  test.each<[string, Partial<typeof draft>, string]>([
    ["no name", { name: "  " }, "name"],
    ["a limit that is no number", { limit: "many" }, "rate_limit_rpm"],
    ["a limit with a fraction", { limit: "1.5" }, "rate_limit_rpm"],
    ["a limit of nothing", { limit: "0" }, "rate_limit_rpm"],
    ["a limit above the organization's", { limit: "61" }, "rate_limit_rpm"],
    ["more addresses than the API takes", { allowed_ips: Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`) }, "allowed_ips"],
  ])("%s is named at its field", (_, changed, path) => {
    expect(Object.keys(problemsOf({ ...draft, ...changed }, 60))).toEqual([path]);
  });

  test("the organization's own limit is right", () => {
    expect(problemsOf({ ...draft, limit: "60" }, 60)).toEqual({});
  });
});
