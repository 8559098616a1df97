import type { Metadata } from "next";
import { DocsPage, DocsSection } from "@/components/docs/docs-page";
import { Facts } from "@/components/docs/facts";
import { type Base, Snippet } from "@/components/docs/snippet";
import { CodeBlock } from "@/components/ui/code-block";
import { Tabs } from "@/components/ui/tabs";
import { env } from "@/lib/env";

export const metadata: Metadata = { title: "In front of your API" };

const contents = [
  { id: "proxy", label: "From a proxy" },
  { id: "demands", label: "What a route demands" },
  { id: "upstream", label: "What your API learns" },
  { id: "code", label: "From your own code" },
  { id: "watch", label: "Watch it" },
] as const;

export default function GatewayPage() {
  const { publicUrl, publicUrlIsSet } = env();
  const base: Base = { url: publicUrl, isSet: publicUrlIsSet };
  return (
    <DocsPage
      title="In front of your API"
      lead="For whoever runs this deployment: let a proxy, or your own code, ask about every key before your API answers."
      contents={contents}
    >
      <DocsSection id="proxy" title="From a proxy">
        <p>
          <code className="mono">/v1/auth</code> takes any method and answers 200 when the key of the request may pass. It checks the key,
          counts the call against its limit and the organization’s quota, and puts it into the log.
        </p>
        <Tabs
          label="Proxy"
          items={[
            { value: "nginx", label: "nginx", content: <Snippet base={base} label="nginx example" language="text" code={nginx} /> },
            { value: "traefik", label: "Traefik", content: <Snippet base={base} label="Traefik example" language="text" code={traefik} /> },
            { value: "caddy", label: "Caddy", content: <Snippet base={base} label="Caddy example" language="text" code={caddy} /> },
          ]}
        />
        <p>
          The proxy’s address belongs into <code className="mono">TRUSTED_PROXIES</code>, so that allowlists and logs see the client’s and
          not its own.
        </p>
      </DocsSection>

      <DocsSection id="demands" title="What a route demands">
        <p>Say it in the query. A parameter that stands twice only ever demands more.</p>
        <Facts
          items={[
            { term: "scope", value: "The key must have this scope, and its organization too." },
            { term: "access", value: "The key’s access must include this one: read, write, full or admin." },
            {
              term: "cost",
              value: "Credits that a live key is charged. Without enough of them the call is refused with 402; a test key pays nothing.",
            },
            {
              term: "refuse=403",
              value: "Answers every refusal with 403 and the real status in X-Latchkey-Status: nginx takes others for a fault of its own.",
            },
          ]}
        />
      </DocsSection>

      <DocsSection id="upstream" title="What your API learns">
        <p>On 200 these headers say whose key it is; hand them on, and drop what a client sends under the same names.</p>
        <CodeBlock label="headers of an accepted key" language="http" code={identity} />
      </DocsSection>

      <DocsSection id="code" title="From your own code">
        <p>
          A back end that was handed a key asks with the operator’s token, or with a key that has the scope{" "}
          <code className="mono">verify</code>; an organization’s admin key may ask about its own keys. The answer is always 200 and says{" "}
          <code className="mono">valid</code> and why not.
        </p>
        <Snippet base={base} label="verification example" code={verification} />
        <CodeBlock label="verification answer" language="json" code={verified} />
      </DocsSection>

      <DocsSection id="watch" title="Watch it">
        <p>
          <code className="mono">GET /api/health</code> answers 200 while this process can serve.{" "}
          <code className="mono">GET /api/metrics</code> speaks Prometheus, to this machine without a word and to others with the operator’s
          token as a bearer.
        </p>
        <Snippet base={base} label="metrics example" code={'curl $BASE/api/metrics \\\n  -H "Authorization: Bearer $ADMIN_TOKEN"'} />
      </DocsSection>
    </DocsPage>
  );
}

const nginx = `location /api/ {
  auth_request /_key;
  auth_request_set $organization $upstream_http_x_latchkey_organization;
  auth_request_set $key $upstream_http_x_latchkey_key;
  auth_request_set $status_of_key $upstream_http_x_latchkey_status;
  # All of them, so that a client's own never get through.
  proxy_set_header X-Latchkey-Organization $organization;
  proxy_set_header X-Latchkey-Key $key;
  proxy_set_header X-Latchkey-Group "";
  proxy_set_header X-Latchkey-Environment "";
  proxy_set_header X-Latchkey-Scopes "";
  proxy_set_header X-Latchkey-Access "";
  proxy_set_header X-Latchkey-Request-Id "";
  proxy_set_header X-Latchkey-Status "";
  error_page 403 = @refused;
  proxy_pass http://127.0.0.1:8080;
}
location = /_key {
  internal;
  proxy_pass $BASE/v1/auth?scope=chat&refuse=403;
  proxy_pass_request_body off;
  proxy_set_header Content-Length "";
  proxy_set_header X-Forwarded-For $remote_addr;
}
location @refused {
  if ($status_of_key = 401) { return 401; }
  if ($status_of_key = 429) { return 429; }
  return 403;
}`;

const traefik = `http:
  middlewares:
    key:
      forwardAuth:
        address: "$BASE/v1/auth?scope=chat"
        authResponseHeadersRegex: ^X-Latchkey-`;

const caddy = `example.com {
  forward_auth $BASE {
    uri /v1/auth?scope=chat
    copy_headers X-Latchkey-Organization X-Latchkey-Group X-Latchkey-Key X-Latchkey-Environment X-Latchkey-Scopes X-Latchkey-Access {
      X-Latchkey-Request-Id
      X-Latchkey-Status
    }
  }
  reverse_proxy 127.0.0.1:8080
}`;

const identity = `X-Latchkey-Organization: org_01kq7…
X-Latchkey-Group: grp_01kq7…
X-Latchkey-Key: key_01kq7…
X-Latchkey-Environment: live
X-Latchkey-Scopes: status chat
X-Latchkey-Access: full
X-Latchkey-Request-Id: req_01kq7…`;

const verification = `curl $BASE/v1/keys/verify \\
  -H "X-Admin-Token: $ADMIN_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"key": "'"$KEY"'", "scope": "chat", "ip": "203.0.113.7", "cost": 1}'`;

const verified = `{
  "valid": true,
  "code": "valid",
  "key_id": "key_01kq7…",
  "organization_id": "org_01kq7…",
  "scopes": ["status", "chat"],
  "rate_limit": { "limit": 60, "remaining": 59, "reset": 1795269240 },
  "quota": { "limit": 1000, "remaining": 941, "reset": 1796083200 }
}`;
