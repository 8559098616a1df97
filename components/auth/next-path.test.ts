import { expect, test } from "vitest";
import { nextPath } from "./next-path";

test.each([
  ["/orgs/acme/keys?status=active", "/orgs/acme/keys?status=active"],
  ["/orgs/acme#overview", "/orgs/acme#overview"],
  ["/", "/"],
])("%j is a way on", (asked, path) => {
  expect(nextPath(asked)).toBe(path);
});

test.each([
  undefined,
  "",
  "orgs",
  "//evil.example",
  "/\\evil.example",
  "https://evil.example",
  "javascript:alert(1)",
  "/\t/evil.example",
  "/\n\\evil.example",
  "/.//evil.example",
  "/a/..//evil.example",
  ["/a", "/b"],
])("%j leads nowhere else", (asked) => {
  expect(nextPath(asked)).toBeNull();
});
