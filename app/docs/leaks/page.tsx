import type { Metadata } from "next";
import Link from "next/link";
import { DocsPage, DocsSection } from "@/components/docs/docs-page";
import { Facts } from "@/components/docs/facts";
import { type Base, Snippet } from "@/components/docs/snippet";
import { env } from "@/lib/env";
import { patternOf, scannerPaths } from "@/lib/keys/scanner";
import { ownForm } from "@/lib/keys/secret";

export const metadata: Metadata = { title: "Leaked keys" };

const contents = [
  { id: "found", label: "You found one" },
  { id: "after", label: "What happens then" },
  { id: "scanners", label: "Rules for scanners" },
  { id: "yours", label: "It was yours" },
] as const;

export default function LeaksPage() {
  const { publicUrl, publicUrlIsSet, keyPrefixes } = env();
  const base: Base = { url: publicUrl, isSet: publicUrlIsSet };
  return (
    <DocsPage
      title="Leaked keys"
      lead="A key that stands in a repository, a log or a chat is anybody’s. Whoever finds one can end that, without an account."
      contents={contents}
    >
      <DocsSection id="found" title="You found one">
        <p>
          Hand it in on{" "}
          <Link href={scannerPaths.report} className="link">
            the page for finders
          </Link>
          , or from a program. No key and no session is needed, and none is read.
        </p>
        <Snippet base={base} label="report example" code={report} />
        <p>
          The answer is 202 and always the same: for a key that works, one that is long revoked, and one that never was. Up to 20 reports a
          minute are taken from one address.
        </p>
      </DocsSection>

      <DocsSection id="after" title="What happens then">
        <p>What the organization that owns the key has chosen in its settings:</p>
        <Facts
          items={[
            {
              term: "revoke",
              value: "The key is revoked at once. When it was the old secret of a rotation, that one ends and the new one goes on.",
            },
            { term: "flag", value: "The key is marked as leaked and goes on working until its owners have rotated it." },
          ]}
        />
        <p>
          Either way its owner and the organization’s owners get a mail, and the audit log says when, from which address, and where it was
          found. The key itself is written down nowhere.
        </p>
      </DocsSection>

      <DocsSection id="scanners" title="Rules for scanners">
        <p>
          Every key ends with six characters that are a checksum of the rest, so that a scanner can tell a key from a look-alike without
          asking. These files are always those of this deployment, with its prefixes:
        </p>
        <Facts
          items={[
            {
              term: <File path={scannerPaths.description} />,
              value: "Prefixes, lengths, expressions, the checksum, and where to report, as JSON.",
            },
            { term: <File path={scannerPaths.gitleaks} />, value: "A configuration for gitleaks, on top of its own rules." },
            { term: <File path={scannerPaths.trufflehog} />, value: "Custom detectors for TruffleHog." },
            { term: <File path={scannerPaths.security} />, value: "The contact, as RFC 9116 has it." },
          ]}
        />
        <Snippet base={base} label="expression" language="text" code={patternOf(ownForm(keyPrefixes.live))} />
        <Snippet base={base} label="scan with gitleaks" code={scan} />
      </DocsSection>

      <DocsSection id="yours" title="It was yours">
        <p>
          Put a new key in its place first, then look through the requests of the old one for addresses that are not yours: its page in the
          console shows them. Taking the key out of the repository is not enough: history keeps it.
        </p>
      </DocsSection>
    </DocsPage>
  );
}

function File({ path }: { path: string }) {
  return (
    <a href={path} className="link">
      {path}
    </a>
  );
}

const report = `curl $BASE/v1/leaks \\
  -H "Content-Type: application/json" \\
  -d '{"key": "'"$FOUND"'", "url": "https://example.com/where/it/stood"}'`;

const scan = `curl -o gitleaks.toml $BASE/.well-known/latchkey-gitleaks.toml
gitleaks dir -c gitleaks.toml .`;
