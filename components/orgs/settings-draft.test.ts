import { describe, expect, test } from "vitest";
import type { Org } from "@/lib/orgs/schema";
import { changedOf, draftOf, isNarrower, problemsOf } from "./settings-draft";

const org = {
  name: "Kestrel",
  allowed_ips: ["10.0.0.0/8", "192.0.2.1"],
  keys_manage_keys: true,
  leak_policy: "revoke",
} as Org;
const draft = draftOf(org);

describe("settings", () => {
  test("send nothing of what is as it was, in whatever order the addresses stand", () => {
    expect(changedOf(org, { ...draft, name: " Kestrel ", allowed_ips: ["192.0.2.1", "10.0.0.0/8"] })).toEqual({});
  });

  test("send only what differs", () => {
    expect(changedOf(org, { ...draft, keys_manage_keys: false })).toEqual({ keys_manage_keys: false });
    expect(changedOf(org, { name: "Merlin", allowed_ips: [], keys_manage_keys: true, leak_policy: "flag" })).toEqual({
      name: "Merlin",
      allowed_ips: [],
      leak_policy: "flag",
    });
  });

  test.each<[string, string[], boolean]>([
    ["nothing goes", ["10.0.0.0/8", "192.0.2.1"], false],
    ["an entry comes", ["10.0.0.0/8", "192.0.2.1", "192.0.2.2"], false],
    ["all are admitted", [], false],
    ["an entry goes", ["10.0.0.0/8"], true],
    ["one takes the place of another", ["10.0.0.0/8", "192.0.2.2"], true],
  ])("warn of calls that will be refused: %s", (_, addresses, is) => {
    expect(isNarrower(org, addresses)).toBe(is);
  });

  test("warn of the first address", () => {
    expect(isNarrower({ ...org, allowed_ips: [] }, ["10.0.0.1"])).toBe(true);
  });

  test.each<[string, object, string]>([
    ["no name", { name: "" }, "name"],
    ["a name that is too long", { name: "x".repeat(81) }, "name"],
    ["more addresses than the API takes", { allowed_ips: Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`) }, "allowed_ips"],
  ])("%s is named at its field before it is sent", (_, changed, path) => {
    expect(Object.keys(problemsOf(changed))).toEqual([path]);
  });
});
