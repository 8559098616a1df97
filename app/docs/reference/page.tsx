import type { Metadata } from "next";
import { DocsPage } from "@/components/docs/docs-page";
import { EndpointEntry, type EndpointView } from "@/components/docs/endpoint-entry";
import { rowsOf, type SchemaRow } from "@/components/docs/schema-rows";
import type { Base } from "@/components/docs/snippet";
import { accesses, callersOf, isOrgPermission, reachOf, roles } from "@/lib/access/permissions";
import type { Endpoint } from "@/lib/endpoint";
import { env } from "@/lib/env";
import { endpoints } from "@/lib/http/app";
import { errorsOf } from "@/lib/http/openapi";

export const metadata: Metadata = { title: "API reference" };

export default function ReferencePage() {
  const { publicUrl, publicUrlIsSet } = env();
  const base: Base = { url: publicUrl, isSet: publicUrlIsSet };
  const tags = [...new Set(endpoints.map(({ tag }) => tag))];
  return (
    <DocsPage
      wide
      title="API reference"
      lead="Every endpoint, generated from the declarations that serve it. Lists answer data, has_more and next_cursor; hand the cursor back to read on. Times are ISO 8601 in UTC."
      contents={tags.map((tag) => ({ id: idOf(tag), label: tag }))}
    >
      {tags.map((tag) => (
        <section key={tag} aria-labelledby={idOf(tag)} className="mb-10">
          <h2 id={idOf(tag)} className="mb-4 text-h2 font-semibold">
            {tag}
          </h2>
          {endpoints
            .filter((endpoint) => endpoint.tag === tag)
            .map((endpoint) => (
              <EndpointEntry key={`${endpoint.method} ${endpoint.path}`} endpoint={toView(endpoint)} base={base} />
            ))}
        </section>
      ))}
    </DocsPage>
  );
}

function toView(endpoint: Endpoint): EndpointView {
  const { method, path, summary, scope, status } = endpoint;
  const body = endpoint.body === null ? [] : rowsOf(endpoint.body, "input");
  return {
    id: idOf(`${method} ${path}`),
    method,
    path,
    summary,
    scope,
    status,
    callers: callersIn(endpoint),
    counts: endpoint.free
      ? "against nothing"
      : callersOf(endpoint.permission).key
        ? "against the key’s limit and the quota"
        : endpoint.perAddress !== null
          ? `up to ${endpoint.perAddress} a minute from one address`
          : callersOf(endpoint.permission).operator
            ? "against the operator’s limit"
            : "against the person’s limit, no quota",
    pathParameters: [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ""),
    query: endpoint.query === null ? [] : rowsOf(endpoint.query, "input"),
    body,
    returns: rowsOf(endpoint.returns, "output"),
    errors: [...errorsOf(endpoint)].toSorted(([a], [b]) => a - b).map(([code, types]) => ({ status: code, types })),
    example: exampleOf(endpoint, body),
  };
}

function callersIn({ permission }: Endpoint): string[] {
  const { key, session, operator, anonymous } = callersOf(permission);
  const keys = accesses.filter((access) => reachOf({ type: "key", role: access }, permission) !== null);
  const people = roles.filter((role) => reachOf({ type: "user", role }, permission) !== null);
  return [
    ...(key ? [keys.length === accesses.length ? "any key" : `keys with access ${keys.join(", ")}`] : []),
    ...(session
      ? [
          `${people.length === roles.length ? "people signed in" : `people signed in as ${people.join(", ")}`}${key ? "" : ", session only"}`,
        ]
      : []),
    ...(operator ? ["the operator, with X-Admin-Token"] : []),
    ...(anonymous ? ["anybody"] : []),
  ];
}

function exampleOf({ method, path, permission }: Endpoint, body: readonly SchemaRow[]): string {
  const { key, operator, anonymous } = callersOf(permission);
  const headers = key
    ? ['-H "X-API-Key: $LATCHKEY_API_KEY"']
    : operator
      ? ['-H "X-Admin-Token: $ADMIN_TOKEN"']
      : anonymous
        ? []
        : ['-H "Cookie: $SESSION"', ...(isOrgPermission(permission) ? ['-H "Latchkey-Organization: $ORGANIZATION"'] : [])];
  const fields = body.filter((row) => row.isRequired && !row.path.includes("."));
  const lines = [
    `curl ${method === "GET" ? "" : `-X ${method} `}$BASE${path.replace(/\{(\w+)\}/g, "$ID")}`,
    ...headers,
    ...(fields.length === 0
      ? []
      : [
          '-H "Content-Type: application/json"',
          `-d '${JSON.stringify(Object.fromEntries(fields.map((row) => [row.path, sampleOf(row)])))}'`,
        ]),
  ];
  return lines.join(" \\\n  ");
}

const samples: Record<string, string> = {
  name: "Invoice intake",
  email: "maya@example.com",
  password: "…",
  organization: "Kestrel Papers",
  company: "Kestrel Papers",
  token: "…",
};

function sampleOf({ path, kind }: SchemaRow): string {
  return samples[path] ?? (kind.includes(" · ") ? (kind.split(" · ", 1)[0] ?? "") : path === "tier" ? "starter" : "…");
}

function idOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
