import type { Metadata } from "next";
import Link from "next/link";
import { DocsPage } from "@/components/docs/docs-page";
import { EndpointEntry, type EndpointView } from "@/components/docs/endpoint-entry";
import { Facts } from "@/components/docs/facts";
import { rowsOf } from "@/components/docs/schema-rows";
import type { Base } from "@/components/docs/snippet";
import { CodeBlock } from "@/components/ui/code-block";
import { callersOf, isOrgPermission } from "@/lib/access/permissions";
import { toCurl } from "@/lib/curl";
import type { Endpoint } from "@/lib/endpoint";
import { env } from "@/lib/env";
import { endpoints } from "@/lib/http/app";
import { callersIn, countsOf, parameterWords, pathParameters, tagWords, titleOf } from "@/lib/http/describe";
import { exampleOfInput, exampleOfOutput } from "@/lib/http/examples";
import { errorExample, errorsOf } from "@/lib/http/openapi";

export const metadata: Metadata = { title: "API reference" };

const calling = { id: "calling", label: "How to call" };

export default function ReferencePage() {
  const { publicUrl, publicUrlIsSet } = env();
  const base: Base = { url: publicUrl, isSet: publicUrlIsSet };
  groups ??= groupByTag();
  return (
    <DocsPage
      wide
      title="API reference"
      lead="Every endpoint, generated from the declarations that serve it. Lists answer data, has_more and next_cursor; hand the cursor back to read on. Times are ISO 8601 in UTC."
      contents={[
        calling,
        ...groups.map(({ tag, entries }) => ({
          id: idOf(tag),
          label: tag,
          entries: entries.map(({ title, view }) => ({ id: view.id, label: title })),
        })),
      ]}
    >
      <section aria-labelledby={calling.id} className="mb-14 grid gap-x-10 gap-y-4 2xl:grid-cols-[minmax(0,1fr)_400px]">
        <div className="min-w-0">
          <h2 id={calling.id} className="mb-4 text-h2 font-semibold">
            {calling.label}
          </h2>
          <Facts items={ways} />
          <p className="mt-4 text-lg text-fg-2">
            Every answer carries <code className="mono">X-Request-Id</code> and what is left of its limits. Unknown fields of a change are
            refused, those of a data route ignored. Every error has the same body;{" "}
            <Link href="/docs/errors" className="link">
              what each one means
            </Link>
            .
          </p>
        </div>
        <CodeBlock
          label="error example"
          language="json"
          code={JSON.stringify(errorExample("rate_limit_exceeded"), null, 2)}
          className="self-start"
        />
      </section>
      {groups.map(({ tag, entries }) => (
        <section key={tag} aria-labelledby={idOf(tag)} className="mb-14">
          <h2 id={idOf(tag)} className="text-h2 font-semibold">
            {tag}
          </h2>
          <p className="mt-1 mb-4 text-lg text-fg-2">{tagWords[tag]}</p>
          {entries.map(({ view }) => (
            <EndpointEntry key={view.id} endpoint={view} base={base} />
          ))}
        </section>
      ))}
    </DocsPage>
  );
}

interface Group {
  tag: string;
  entries: { title: string; view: EndpointView }[];
}

/** Hundreds of schemas, worked out once: they are the same for every reader. */
let groups: Group[] | null = null;

function groupByTag(): Group[] {
  const found = new Set(endpoints.map(({ tag }) => tag));
  const tags = [...Object.keys(tagWords).filter((tag) => found.has(tag)), ...[...found].filter((tag) => tagWords[tag] === undefined)];
  const of = (tag: string) => endpoints.filter((endpoint) => endpoint.tag === tag);
  return tags.map((tag) => ({ tag, entries: of(tag).map((endpoint) => ({ title: titleOf(endpoint), view: toView(endpoint) })) }));
}

const ways = [
  {
    term: "Authorization: Bearer …",
    value: "A key. X-API-Key: … says the same. Never in the address. From a browser on any site too: a key needs no cookie.",
  },
  {
    term: "Cookie and Latchkey-Organization",
    value:
      "A person signed in to the console, and the id or slug of the organization. “Session only” marks what a key cannot call. Changes are taken from the console’s own pages only, as JSON.",
  },
  { term: "X-Admin-Token", value: "The operator. Without ADMIN_TOKEN these calls are not there." },
  { term: "Nothing", value: "What anybody may call, up to a limit per address." },
];

function toView(endpoint: Endpoint): EndpointView {
  const { method, path, summary, scope, status } = endpoint;
  const route = `${method} ${path}`;
  const answer = exampleOfOutput(endpoint.returns, route);
  return {
    id: idOf(route),
    method,
    path,
    summary,
    scope,
    status,
    callers: callersIn(endpoint),
    counts: countsOf(endpoint),
    inParts: endpoint.event !== null,
    parameters: [
      ...pathParameters(path).map(({ name, description }) => ({
        path: name,
        kind: "text, in the path",
        words: description,
        isRequired: true,
      })),
      ...(endpoint.query === null ? [] : rowsOf(endpoint.query, "input").map((row) => ({ words: parameterWords(row.path), ...row }))),
    ],
    body: endpoint.body === null ? [] : rowsOf(endpoint.body, "input"),
    returns: rowsOf(endpoint.returns, "output"),
    errors: [...errorsOf(endpoint)].map(([code, types]) => ({ status: code, types })),
    example: curlOf(endpoint, route),
    answer: Object.keys(answer).length === 0 ? null : JSON.stringify(answer, null, 2),
  };
}

function curlOf(endpoint: Endpoint, route: string): string {
  const { key, session, operator } = callersOf(endpoint.permission);
  const headers = operator && !key ? ['"X-Admin-Token: $ADMIN_TOKEN"'] : session ? sessionHeaders(endpoint) : [];
  const params = Object.fromEntries(pathParameters(endpoint.path).map(({ name, example }) => [name, example]));
  const body = endpoint.body === null ? {} : { body: exampleOfInput(endpoint.body, route) };
  return toCurl({ route, params, ...body, ...(key ? {} : { headers }) }, "$BASE");
}

/** A call by hand; the console's pages send the first two by themselves. */
function sessionHeaders({ method, permission, body }: Endpoint): string[] {
  return [
    '"Cookie: $SESSION"',
    ...(isOrgPermission(permission) ? ['"Latchkey-Organization: $ORGANIZATION"'] : []),
    ...(method === "GET" ? [] : ["'Sec-Fetch-Site: same-origin'"]),
    ...(method === "GET" || body !== null ? [] : ["'Content-Type: application/json'"]),
  ];
}

function idOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
