import Link from "next/link";
import { CodeBlock } from "@/components/ui/code-block";
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
  /** Can also answer as server-sent events. */
  inParts: boolean;
  parameters: readonly SchemaRow[];
  body: readonly SchemaRow[];
  returns: readonly SchemaRow[];
  status: number;
  errors: readonly { status: number; types: readonly string[] }[];
  example: string;
  /** Null for an answer that has nothing to say. */
  answer: string | null;
};

/** One endpoint, as its declaration says. */
export function EndpointEntry({ endpoint, base }: { endpoint: EndpointView; base: Base }) {
  const name = `${endpoint.method} ${endpoint.path}`;
  return (
    <section aria-labelledby={endpoint.id} className="grid gap-x-10 gap-y-4 border-t border-line py-8 2xl:grid-cols-[minmax(0,1fr)_400px]">
      <div className="min-w-0">
        <h3 id={endpoint.id} className="group/anchor flex flex-wrap items-baseline gap-x-2.5 gap-y-1 text-h3 font-medium">
          <span className="font-mono text-md text-accent-text">{endpoint.method}</span>
          <span className="font-mono text-md wrap-anywhere">{endpoint.path}</span>
          <a
            href={`#${endpoint.id}`}
            aria-label={`Link to ${name}`}
            className="fast text-fg-3 opacity-0 group-hover/anchor:opacity-100 hover:text-accent-text focus-visible:opacity-100"
          >
            #
          </a>
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
          {endpoint.inParts && (
            <>
              <dt className="text-fg-3">In parts</dt>
              <dd>with stream: true, as server-sent events that [DONE] ends</dd>
            </>
          )}
        </dl>
        <Rows title="Parameters" rows={endpoint.parameters} />
        <Rows title="Body" rows={endpoint.body} />
        <details className="mt-5">
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
              <Facts items={endpoint.returns.map(toFact)} />
            </div>
          )}
        </details>
        <details className="mt-2">
          <summary className="fast cursor-default rounded-md font-medium hover:text-accent-text">
            Errors <span className="font-mono text-sm font-normal text-fg-3">{endpoint.errors.map(({ status }) => status).join(" ")}</span>
          </summary>
          <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-0.5">
            {endpoint.errors.flatMap(({ status, types }) =>
              types.map((type) => (
                <li key={type}>
                  <Link href={`/docs/errors#${type}`} className="font-mono text-sm leading-5 hover:underline">
                    <span className="text-fg-3">{status}</span> {type}
                  </Link>
                </li>
              )),
            )}
          </ul>
        </details>
      </div>
      <div className="grid min-w-0 grid-cols-[minmax(0,1fr)] content-start gap-3">
        <Snippet base={base} code={endpoint.example} label={`${name} example`} />
        {endpoint.answer !== null && (
          <details>
            <summary className="fast cursor-default rounded-md text-md text-fg-2 hover:text-accent-text">
              An answer <span className="font-mono text-sm">{endpoint.status}</span>
            </summary>
            <CodeBlock className="mt-2" code={endpoint.answer} label={`${name} answer`} language="text" />
          </details>
        )}
      </div>
    </section>
  );
}

function Rows({ title, rows }: { title: string; rows: readonly SchemaRow[] }) {
  if (rows.length === 0) return null;
  return (
    <>
      <h4 className="mt-5 mb-2 font-medium">{title}</h4>
      <Facts items={rows.map((row) => ({ ...toFact(row), note: row.isRequired ? "needed" : undefined }))} />
    </>
  );
}

function toFact({ path, kind, words }: SchemaRow) {
  const value = words === undefined ? kind : `${words.replace(/\.$/, "")}: ${kind}`;
  return { term: path, value: words === undefined ? value : value.charAt(0).toUpperCase() + value.slice(1) };
}
