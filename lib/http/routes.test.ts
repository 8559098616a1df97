import { describe, expect, test } from "vitest";
import { demandOf, endpoint, Nothing } from "@/lib/endpoint";
import { apiOf, Routes } from "@/lib/http/routes";

const of = (route: Parameters<typeof endpoint>[0], permission: "keys.read" | "data.read" | "keys.import" | "keys.report", more = {}) =>
  endpoint(route, { tag: "", summary: "", permission, returns: Nothing, ...more }, async () => ({}));
const list = of("GET /v1/things", "keys.read");
const counts = of("GET /v1/things/counts", "keys.read");
const one = of("GET /v1/things/{id}", "data.read", { scope: "search", perKey: 20 });
const part = of("GET /v1/things/{id}/parts/{part}", "keys.read");
const end = of("DELETE /v1/things/{id}", "keys.read");
const bring = of("POST /api/things", "keys.import", { status: 201 });
const report = of("POST /v1/reports", "keys.report", { status: 202 });
const all = [report, one, list, counts, part, end, bring];
const routes = new Routes(all);

describe("a path finds", () => {
  test.each<[string, string, ReturnType<typeof routes.find>]>([
    ["GET", "/v1/things", { endpoint: list, params: {} }],
    ["GET", "/v1/things/counts", { endpoint: counts, params: {} }],
    ["GET", "/v1/things/x", { endpoint: one, params: { id: "x" } }],
    ["GET", "/v1/things/a%2Fb", { endpoint: one, params: { id: "a/b" } }],
    ["GET", "/v1/thin%67s/x", { endpoint: one, params: { id: "x" } }],
    ["GET", "/v1/things/%ff", { endpoint: one, params: { id: "%ff" } }],
    ["GET", "/v1/things/x/parts/y", { endpoint: part, params: { id: "x", part: "y" } }],
    ["DELETE", "/v1/things/counts", { endpoint: end, params: { id: "counts" } }],
    ["POST", "/v1/things", null],
    ["GET", "/v1/things/", null],
    ["GET", "/v1/things/x/parts", null],
    ["GET", "/v2/things", null],
  ])("%s %s", (method, path, found) => expect(routes.find(method, path)).toEqual(found));
});

test("a path names the methods it takes", () => {
  expect(routes.methodsAt("/v1/things/x")).toEqual(["GET", "DELETE"]);
  expect(routes.methodsAt("/v1/nothing")).toEqual([]);
});

describe("a call would arrive", () => {
  const nowhere = demandOf(list);
  const api = apiOf(all, routes, { open: ["/api/health", "/api/metrics"], operator: ["/api/metrics"] }, nowhere);

  test("at a route, with what that asks of a key", () => {
    expect(api.find("GET", "/v1/things/x?q=1")).toEqual({
      kind: "route",
      route: "GET /v1/things/{id}",
      status: 200,
      demand: {
        permission: "data.read",
        scopes: ["search"],
        accesses: [],
        free: false,
        route: { name: "/v1/things/{id}", limit: 20 },
        cost: 0,
      },
    });
  });

  test("at the entrance for proxies, with what its query asks", () => {
    expect(api.find("PUT", "/v1/auth/any/thing?scope=chat&cost=3")).toMatchObject({
      kind: "route",
      demand: { permission: null, scopes: ["chat"], accesses: [], cost: 3 },
    });
  });

  test("nowhere, which is 404, or 405 where other methods go", () => {
    expect(api.find("GET", "/v1/nothing")).toMatchObject({ kind: "none", demand: nowhere, error: { status: 404, type: "not_found" } });
    const error = { status: 405, type: "method_not_allowed", message: "Here go GET, DELETE, not PUT." };
    expect(api.find("PUT", "/v1/things/x")).toEqual({ kind: "none", demand: nowhere, error });
    expect(api.find("POST", "/api/health")).toMatchObject({ kind: "none", error: { status: 405 } });
  });

  test("where no key is looked at, or none opens", () => {
    expect(api.find("GET", "/api/health")).toEqual({ kind: "open", route: "GET /api/health", status: 200 });
    expect(api.find("GET", "/api/metrics")).toEqual({ kind: "operator", route: "GET /api/metrics" });
    expect(api.find("POST", "/v1/reports")).toEqual({ kind: "open", route: "POST /v1/reports", status: 202 });
    expect(api.find("POST", "/api/things")).toEqual({ kind: "operator", route: "POST /api/things" });
  });

  test("and the routes that ask for a scope are known by name", () => {
    expect([...api.scopes]).toEqual([["GET /v1/things/{id}", "search"]]);
  });
});
