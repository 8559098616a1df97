import { describe, expect, it } from "vitest";
import { CreateKey } from "@/lib/keys/schema";
import { type NewKeyDraft, problemsOf, summaryOf, toInput } from "./new-key";

const all = ["status", "search", "ask"];
const now = Date.parse("2026-11-21T12:00:00Z");
const draft: NewKeyDraft = {
  name: " Invoice intake ",
  groupId: "grp_1",
  environment: "live",
  access: "full",
  scopes: all,
  expiry: "30",
  expiryDate: "",
  notBefore: "",
  limit: "",
  addresses: [],
  owner: "member",
  metadata: [],
};

describe("the call that a new key is made with", () => {
  it("names the decisions and leaves out what is as it would be anyway", () => {
    expect(toInput(draft, all, now)).toEqual({
      name: "Invoice intake",
      group_id: "grp_1",
      environment: "live",
      access: "full",
      expires_at: "2026-12-21T12:00:00.000Z",
    });
  });

  it("carries everything that was decided, and the API takes it", () => {
    const whole = toInput(
      {
        ...draft,
        scopes: ["ask"],
        expiry: "never",
        notBefore: "2026-12-01T08:30",
        limit: " 60 ",
        addresses: ["203.0.113.0/24"],
        owner: "organization",
        metadata: [
          { name: " team ", value: "billing" },
          { name: "", value: "" },
        ],
      },
      all,
      now,
    );
    expect(whole).toMatchObject({
      scopes: ["ask"],
      expires_at: null,
      not_before: new Date("2026-12-01T08:30").toISOString(),
      rate_limit_rpm: 60,
      allowed_ips: ["203.0.113.0/24"],
      owner: "organization",
      metadata: { team: "billing" },
    });
    expect(CreateKey.safeParse(whole).success).toBe(true);
  });

  it("reads a last day as the end of that day where the reader is", () => {
    expect(toInput({ ...draft, expiry: "date", expiryDate: "2027-01-31" }, all, now).expires_at).toBe(
      new Date(2027, 0, 31, 23, 59, 59).toISOString(),
    );
  });
});

describe("what is wrong is said at its field", () => {
  it.each<[string, Partial<NewKeyDraft>, string]>([
    ["no name", { name: "  " }, "name"],
    ["no scope", { scopes: [] }, "scopes"],
    ["a date that is not chosen", { expiry: "date" }, "expires_at"],
    ["a day that is over", { expiry: "date", expiryDate: "2026-11-01" }, "expires_at"],
    ["a start after the end", { notBefore: "2027-06-01T00:00" }, "not_before"],
    ["a limit that is no number", { limit: "many" }, "rate_limit_rpm"],
    ["a limit of nothing", { limit: "0" }, "rate_limit_rpm"],
    ["a value without a name", { metadata: [{ name: "", value: "x" }] }, "metadata"],
    [
      "a name twice",
      {
        metadata: [
          { name: "a", value: "1" },
          { name: " a", value: "2" },
        ],
      },
      "metadata",
    ],
  ])("%s", (_, change, path) => {
    expect(Object.keys(problemsOf({ ...draft, ...change }, all, now))).toEqual([path]);
  });

  it("and nothing is where nothing is", () => {
    expect(problemsOf(draft, all, now)).toEqual({});
  });
});

it("the folded part is readable in a line", () => {
  expect(summaryOf(draft, all, now, "Full access")).toBe("Full access, all 3 scopes, expires 21 Dec 2026");
  expect(
    summaryOf(
      {
        ...draft,
        scopes: ["ask"],
        expiry: "never",
        limit: "1200",
        addresses: ["10.0.0.1", "10.0.0.2"],
        owner: "organization",
        metadata: [{ name: "team", value: "billing" }],
      },
      all,
      now,
      "Read access",
    ),
  ).toBe("Read access, 1 of 3 scopes, never expires, 1,200 calls a minute, 2 addresses, owned by the organization, 1 note");
});
