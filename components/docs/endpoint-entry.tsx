import Link from "next/link";
import { Pill } from "@/components/ui/pill";
import { Facts } from "./facts";
import type { SchemaRow } from "./schema-rows";
import { type Base, Snippet } from "./snippet";

export type EndpointView = {
  id: string;
  method: string;
  path: string;
  summary: string;
  callers: readonly string[];
  scope: string | null;
  counts: string;
  pathParameters: readonly string[];
  query: readonly SchemaRow[];
  body: readonly SchemaRow[];
  returns: readonly SchemaRow[];
  status: number;
  errors: readonly { status: number; types: readonly string[] }[];
  example: string;
};

/** One endpoint, as its declaration says. */
export function EndpointEntry({ endpoint, base }: { endpoint: EndpointView; base: Base }) {
  const parameters = [...endpoint.pathParameters.map((path) => ({ path, kind: "text, in the path", isRequired: true })), ...endpoint.query];
  return (
    <section aria-labelledby={endpoint.id} className="grid gap-x-10 gap-y-4 border-t border-line py-8 2xl:grid-cols-[minmax(0,1fr)_400px]">
      <div className="min-w-0">
        <h3 id={endpoint.id} className="flex flex-wrap items-baseline gap-x-2.5 gap-y-1 text-h3 font-medium">
          <span className="font-mono text-md text-accent-text">{endpoint.method}</span>
          <span className="font-mono text-md wrap-anywhere">{endpoint.path}</span>
        </h3>
        <p className="mt-1 text-lg text-fg-2">{endpoint.summary}</p>
        <dl className="mt-4 grid grid-cols-[112px_minmax(0,1fr)] gap-x-3 gap-y-1.5">
          <dt className="text-fg-3">Who may call</dt>
          <dd>
            <ul>
              {endpoint.callers.map((caller) => (
                <li key={caller}>{caller}</li>
              ))}
            </ul>
          </dd>
          {endpoint.scope && (
            <>
              <dt className="text-fg-3">Scope</dt>
              <dd>
                <Pill mono>{endpoint.scope}</Pill>
              </dd>
            </>
          )}
          <dt className="text-fg-3">Counts</dt>
          <dd>{endpoint.counts}</dd>
          <dt className="text-fg-3">Errors</dt>
          <dd className="flex flex-wrap gap-x-4 gap-y-0.5">
            {endpoint.errors.flatMap(({ status, types }) =>
              types.map((type) => (
                <Link key={type} href={`/docs/errors#${type}`} className="font-mono text-sm leading-5 hover:underline">
                  <span className="text-fg-3">{status}</span> {type}
                </Link>
              )),
            )}
          </dd>
        </dl>
        <Rows title="Parameters" rows={parameters} />
        <Rows title="Body" rows={endpoint.body} />
        <details className="group mt-5">
          <summary className="fast cursor-default rounded-md font-medium hover:text-accent-text">
            Answer <span className="font-mono text-sm">{endpoint.status}</span>
            {endpoint.returns.length === 0 ? (
              <span className="font-normal text-fg-3">, an empty object</span>
            ) : (
              <span className="font-normal text-fg-3">, {endpoint.returns.length} fields</span>
            )}
          </summary>
          {endpoint.returns.length > 0 && (
            <div className="mt-2">
              <Facts items={endpoint.returns.map((row) => ({ term: row.path, value: row.kind }))} />
            </div>
          )}
        </details>
      </div>
      <Snippet
        base={base}
        code={endpoint.example}
        label={`${endpoint.method} ${endpoint.path} example`}
        className="self-start 2xl:sticky 2xl:top-[76px]"
      />
    </section>
  );
}

function Rows({ title, rows }: { title: string; rows: readonly SchemaRow[] }) {
  if (rows.length === 0) return null;
  return (
    <>
      <h4 className="mt-5 mb-2 font-medium">{title}</h4>
      <Facts items={rows.map((row) => ({ term: row.path, note: row.isRequired ? "needed" : undefined, value: row.kind }))} />
    </>
  );
}
