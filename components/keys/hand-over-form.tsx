"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Field, Input } from "@/components/ui/field";
import { SecretField } from "@/components/ui/secret-field";
import { Segmented } from "@/components/ui/segmented";
import { Time } from "@/components/ui/time";
import { isApiError } from "@/lib/api";
import { createHandOver, handOversQuery } from "@/lib/keys/client";
import type { NewKey } from "@/lib/keys/schema";
import { Failure } from "./failure";

const lives = [
  { value: "3600", label: "1 hour" },
  { value: "86400", label: "24 hours" },
  { value: "259200", label: "72 hours" },
] as const;

type HandOverFormProps = {
  org: string;
  created: NewKey;
  /** Of the deployment as its people reach it. */
  base: string;
  /** There is a link: sending it is what comes next. */
  onMade: () => void;
  /** The link was copied: the secret is on its way. */
  onCopied: () => void;
};

/** Beside copying the secret: a link that shows it once to somebody else. */
export function HandOverForm({ org, created, base, onMade, onCopied }: HandOverFormProps) {
  const queries = useQueryClient();
  const [unfolded, setUnfolded] = useState(false);
  const [life, setLife] = useState<(typeof lives)[number]["value"]>("86400");
  const [recipient, setRecipient] = useState("");
  const label = useId();
  const terms = { expires_in_seconds: Number(life), ...(recipient.trim() === "" ? {} : { recipient: recipient.trim() }) };
  const make = useMutation({
    mutationFn: () => createHandOver(org, created.id, { secret: created.secret, ...terms }),
    // The link goes with the dialog, like the secret.
    gcTime: 0,
    onSuccess: () => {
      onMade();
      void queries.invalidateQueries({ queryKey: handOversQuery(org, created.id).queryKey });
    },
  });
  const made = make.data;
  if (made !== undefined) {
    return (
      <section aria-labelledby={label} className="grid gap-2.5 rounded-lg border border-line p-4">
        <h3 id={label} className="font-medium">
          {made.recipient === null ? (
            "A link that shows the secret once"
          ) : (
            <>
              A link that shows the secret once, for <bdi>{made.recipient}</bdi>
            </>
          )}
        </h3>
        <SecretField secret={linkOf(made.url, base)} prefix="" word="link" focused onCopied={onCopied} />
        <p className="text-sm text-fg-2">
          Send it as it is: it works until <Time as="exact" iso={made.expires_at} />, for whoever opens it first. You are mailed when that
          happens. The link is shown this once; on the key’s page you can recall it.
        </p>
      </section>
    );
  }
  const submitByEnter = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (!make.isPending) make.mutate();
  };
  return (
    <div className="rounded-lg border border-line">
      <button
        type="button"
        aria-expanded={unfolded}
        onClick={() => setUnfolded(!unfolded)}
        className="group/fold fast flex w-full items-center gap-2 rounded-lg px-3 py-2.5 text-left hover:bg-hover"
      >
        <ChevronRight className="fast text-fg-3 group-aria-expanded/fold:rotate-90" />
        <span className="min-w-0">
          <span className="font-medium">Hand over by link</span>
          {!unfolded && <span className="block text-sm text-fg-3">Somebody else will use the key: they open a link that works once.</span>}
        </span>
      </button>
      {unfolded && (
        <div className="grid gap-5 border-t border-line p-4">
          <Field
            label="For whom"
            aside="optional"
            help="For your own memory; they do not see it."
            error={isApiError(make.error) ? make.error.details.recipient : undefined}
          >
            <Input
              value={recipient}
              maxLength={100}
              autoComplete="off"
              onChange={(event) => setRecipient(event.target.value)}
              onKeyDown={submitByEnter}
            />
          </Field>
          <div className="grid gap-1.5">
            <span className="font-medium">Can be opened for</span>
            <Segmented label="Can be opened for" value={life} onValueChange={setLife} options={lives} className="w-full max-w-96" />
          </div>
          <Failure title="The link was not made." error={make.error} />
          <div className="flex flex-wrap items-center gap-2">
            <Button busy={make.isPending} busyLabel="Making the link" onClick={() => make.mutate()}>
              Make link
            </Button>
            <CopyAsCurl
              route="POST /v1/api-keys/{id}/hand-overs"
              params={{ id: created.id }}
              body={{ secret: `${created.key_prefix}…`, ...terms }}
            />
          </div>
        </div>
      )}
    </div>
  );
}

/** The server knows its address only when PUBLIC_URL is set; this page was reached by one that works. */
function linkOf(url: string, base: string): string {
  const { pathname, hash } = new URL(url);
  return `${base}${pathname}${hash}`;
}
