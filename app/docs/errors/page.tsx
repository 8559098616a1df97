import type { Metadata } from "next";
import Link from "next/link";
import { DocsPage } from "@/components/docs/docs-page";
import { errorTypes, statusOf } from "@/lib/errors";
import { errorGuide } from "@/lib/http/error-guide";

export const metadata: Metadata = { title: "Errors" };

export default function ErrorsPage() {
  return (
    <DocsPage
      title="Errors"
      lead="What each error.type means, and what to do about it. Every error carries request_id: it finds the call in the request log and in the operator’s."
      contents={errorTypes.map((type) => ({ id: type, label: type, mono: true }))}
    >
      {errorTypes.map((type) => (
        <section
          key={type}
          id={type}
          aria-labelledby={`${type}-title`}
          className="border-t border-line py-6 text-h3 leading-6 font-normal tracking-normal target:bg-page"
        >
          <h2 id={`${type}-title`} className="text-h2 font-semibold">
            {errorGuide[type].title}
          </h2>
          <p className="mt-1 font-mono text-md text-fg-3">
            {statusOf(type)} {type}
          </p>
          <p className="mt-3">{errorGuide[type].means}</p>
          <p className="mt-2">
            <span className="font-medium">What to do: </span>
            {errorGuide[type].todo}
          </p>
        </section>
      ))}
      <p className="border-t border-line pt-6 text-h3 leading-6 font-normal tracking-normal">
        Not an error, but a key that stands where it does not belong?{" "}
        <Link href="/leaked" className="link">
          Report it
        </Link>
        .
      </p>
    </DocsPage>
  );
}
