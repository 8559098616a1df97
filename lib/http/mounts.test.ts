import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { API_PATHS, endpoints } from "@/lib/http/app";
import { openApiDocument } from "@/lib/http/openapi";

const { paths } = openApiDocument({ endpoints, url: "http://localhost", sessionCookie: "session" }) as { paths: Record<string, object> };
const METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"];

/** The file that Next would serve a path with, or undefined. */
function routeFile(at: string): string | undefined {
  const parts = at.split("/").filter(Boolean);
  const above = parts.map((_, i) => path.join("app", ...parts.slice(0, parts.length - i)));
  const [whole = "", ...parents] = above;
  const files = [
    `${whole}/route.ts`,
    `${whole}/[[...path]]/route.ts`,
    ...parents.flatMap((dir) => [`${dir}/[...path]/route.ts`, `${dir}/[[...path]]/route.ts`]),
  ];
  return files.find((file) => fs.existsSync(file));
}

test.each(Object.keys(paths))("%s reaches this application through Node's server and through Next, with every method", (at) => {
  const filled = at.replaceAll(/\{\w+\}/g, "x");
  for (const url of [filled, `${filled}?a=1`]) expect(API_PATHS.test(url), url).toBe(true);
  const file = routeFile(filled);
  expect(file, `No route.ts serves ${at}`).toBeDefined();
  const source = fs.readFileSync(file ?? "", "utf8");
  expect(METHODS.filter((method) => !source.includes(`export const ${method} = mounted;`))).toEqual([]);
});

test.each([
  "/",
  "/sign-in",
  "/docs",
  "/docs/reference",
  "/api/auth/session",
  "/api/authx",
  "/v1x",
  "/chat",
  "/chat/completionsx",
  "/openapi.jsonx",
  "/orgs/v1",
])("%s does not", (at) => {
  expect(API_PATHS.test(at)).toBe(false);
});
