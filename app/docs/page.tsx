import type { Metadata } from "next";
import Link from "next/link";
import { DocsPage, DocsSection } from "@/components/docs/docs-page";
import { Facts } from "@/components/docs/facts";
import { type Base, Snippet } from "@/components/docs/snippet";
import { CodeBlock } from "@/components/ui/code-block";
import { Tabs } from "@/components/ui/tabs";
import { env } from "@/lib/env";
import { errorGuide } from "@/lib/http/error-guide";

export const metadata: Metadata = { title: "Quick start" };

const contents = [
  { id: "address", label: "Base address" },
  { id: "key", label: "Present the key" },
  { id: "first-call", label: "First call" },
  { id: "clients", label: "With a client you have" },
  { id: "headers", label: "Response headers" },
  { id: "errors", label: "When a call fails" },
  { id: "limits", label: "Limits and quota" },
  { id: "change", label: "Change a key without a gap" },
  { id: "safe", label: "Keep it safe" },
] as const;

export default function QuickStartPage() {
  const { publicUrl, publicUrlIsSet, keyPrefixes } = env();
  const base: Base = { url: publicUrl, isSet: publicUrlIsSet };
  return (
    <DocsPage title="Quick start" lead="One key, one header, one call. Five minutes from nothing to an answer." contents={contents}>
      <DocsSection id="address" title="Base address">
        <p>Every path of the API begins here. It speaks JSON, in UTF-8.</p>
        <Snippet base={base} label="address to call" language="text" code="$BASE" />
      </DocsSection>

      <DocsSection id="key" title="Present the key">
        <p>
          Generate a key in the console: <b>Keys</b>, then <b>Generate key</b>. Its secret begins with{" "}
          <code className="mono">{keyPrefixes.live}</code> and is shown once. Put it into the environment of your program, then send it in
          one of two headers, whichever your client finds easier:
        </p>
        <CodeBlock label="key in the Authorization header" language="http" code="Authorization: Bearer $LATCHKEY_API_KEY" />
        <CodeBlock label="key in the X-API-Key header" language="http" code="X-API-Key: $LATCHKEY_API_KEY" />
        <p>Never in the address: what is in an address ends up in logs, so the API refuses it there.</p>
      </DocsSection>

      <DocsSection id="first-call" title="First call">
        <p>
          <code className="mono">GET /v1/me</code> says who is calling. Every key may.
        </p>
        <Tabs
          label="First call"
          items={[
            {
              value: "curl",
              label: "curl",
              content: (
                <Snippet base={base} label="curl example" code={'curl $BASE/v1/me \\\n  -H "Authorization: Bearer $LATCHKEY_API_KEY"'} />
              ),
            },
            {
              value: "python",
              label: "Python",
              content: <Snippet base={base} label="Python example" language="python" code={examplePython} />,
            },
            {
              value: "typescript",
              label: "TypeScript",
              content: <Snippet base={base} label="TypeScript example" language="typescript" code={exampleTypeScript} />,
            },
          ]}
        />
        <p>The answer, shortened:</p>
        <CodeBlock label="example answer" language="json" code={exampleMe} />
        <p>
          The call shows in the console within two seconds: on the key’s page, and in the request log. Everything else the API can do is in
          the{" "}
          <Link href="/docs/reference" className="link">
            reference
          </Link>
          .
        </p>
      </DocsSection>

      <DocsSection id="clients" title="With a client you have">
        <p>
          <code className="mono">POST /chat/completions</code> answers in the shape that OpenAI’s and Perplexity’s clients read, whole or in
          parts. Give them this address and a key with the scope <code className="mono">chat</code>; any model will do.
        </p>
        <Snippet base={base} label="Python example with OpenAI’s client" language="python" code={exampleClient} />
        <p>
          A page in a browser may call from any site: preflights are answered, and limits and request id can be read. Send the key of
          whoever uses the page, never one that stands in its source. Cookies do not count there.
        </p>
      </DocsSection>

      <DocsSection id="headers" title="Response headers">
        <p>On every answer, errors too:</p>
        <Facts
          items={[
            { term: "X-Request-Id", value: "Names this one request, in our log and in yours. Quote it when you ask for help." },
            { term: "X-RateLimit-Limit", value: "Requests that this key may make in the current minute." },
            { term: "X-RateLimit-Remaining", value: "How many of them are left." },
            { term: "X-RateLimit-Reset", value: "When the next minute begins, in Unix seconds." },
            { term: "RateLimit, RateLimit-Policy", value: "The same for every limit that applies, in the form of the IETF draft." },
            { term: "Retry-After", value: "On 429 and 503: seconds to wait before trying again." },
          ]}
        />
      </DocsSection>

      <DocsSection id="errors" title="When a call fails">
        <p>
          An error has one body, whatever went wrong. Decide by <code className="mono">error.type</code>: the words of{" "}
          <code className="mono">message</code> may change.
        </p>
        <CodeBlock label="example error" language="json" code={exampleError} />
        <p>
          What each type means and what to do about it is on{" "}
          <Link href="/docs/errors" className="link">
            the page of errors
          </Link>
          .
        </p>
      </DocsSection>

      <DocsSection id="limits" title="Limits and quota">
        <p>
          Each key has a limit of requests per minute; minutes are those of UTC, and exactly the limit passes in each. The organization has
          a quota of requests per UTC month. A test key has half of the minute limit and a monthly quota of its own. A refused request
          counts against nothing.
        </p>
        <p>
          <code className="mono">GET /v1/limits</code> says what applies and what is left, and costs nothing:
        </p>
        <Snippet base={base} label="limits example" code={'curl $BASE/v1/limits \\\n  -H "X-API-Key: $LATCHKEY_API_KEY"'} />
        <p>
          On 429 wait as long as <code className="mono">Retry-After</code> says, then go on. Trying sooner only meets the same answer.
        </p>
      </DocsSection>

      <DocsSection id="change" title="Change a key without a gap">
        <p>
          <strong className="font-medium">Rotate</strong> gives a key a new secret and keeps its id, limits and history. The old secret
          works on for as long as you say, 24 hours unless you choose otherwise; the key’s page shows who still calls with it and when it is
          safe to finish. A program does the same with <code className="mono">POST /v1/api-keys/{"{id}"}/rotate</code> and{" "}
          <code className="mono">…/rotate/finish</code>.
        </p>
        <p>
          <strong className="font-medium">Pause</strong> refuses a key’s calls until it is resumed; revoking is final.{" "}
          <strong className="font-medium">Addresses</strong> can be listed for a key, its group and the organization: a call must come from
          all lists that are set. A secret for somebody else goes by a <strong className="font-medium">hand-over link</strong>, which shows
          it once and can be recalled until then.
        </p>
      </DocsSection>

      <DocsSection id="safe" title="Keep it safe">
        <p>
          Give each program a key of its own, with no more access and scopes than it needs, and an expiry. Keep the secret out of source
          code and out of browsers. When it may have been seen by somebody else, revoke the key in the console: the next request with it is
          refused. Somebody else’s key that you come across can be{" "}
          <Link href="/leaked" className="link">
            reported
          </Link>{" "}
          by anybody.
        </p>
      </DocsSection>
    </DocsPage>
  );
}

const exampleMe = `{
  "user": { "name": "Maya Lindqvist", "credits_available": 50 },
  "organization": { "name": "Kestrel Papers", "plan": "free" },
  "key": {
    "id": "key_01kq7…",
    "name": "Invoice intake",
    "access": "full",
    "scopes": ["status", "documents", "search"],
    "status": "active"
  }
}`;

const exampleError = `{
  "error": {
    "type": "rate_limit_exceeded",
    "code": "RATE_LIMITED",
    "message": "${errorGuide.rate_limit_exceeded.says}",
    "retry_after": 30
  },
  "error_code": "rate_limit_exceeded",
  "message": "${errorGuide.rate_limit_exceeded.says}",
  "details": {},
  "request_id": "req_01kq7cw81m4e…",
  "timestamp": "2026-11-20T12:00:30.000Z"
}`;

const exampleClient = `import os
from openai import OpenAI

client = OpenAI(base_url="$BASE/v1", api_key=os.environ["LATCHKEY_API_KEY"])
answer = client.chat.completions.create(
    model="sonar",
    messages=[{"role": "user", "content": "What does the contract say about notice periods?"}],
)
print(answer.choices[0].message.content)`;

const examplePython = `import json, os, urllib.request

request = urllib.request.Request(
    "$BASE/v1/me",
    headers={"Authorization": f"Bearer {os.environ['LATCHKEY_API_KEY']}"},
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))`;

const exampleTypeScript = `const response = await fetch("$BASE/v1/me", {
  headers: { Authorization: \`Bearer \${process.env.LATCHKEY_API_KEY}\` },
});
console.log(response.status, await response.json());`;
