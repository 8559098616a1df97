"use client";

import { useState } from "react";
import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Field, Input } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { reportLeak } from "@/lib/keys/client";
import { ReportLeak } from "@/lib/keys/schema";

/** The thanks are the same for every text: what it was is told to nobody but its owners. */
export function LeakForm({ prefix }: { prefix: string }) {
  const [thanks, setThanks] = useState<string | null>(null);
  const form = useForm({
    schema: ReportLeak,
    labels: { key: "Key", url: "Where" },
    send: async (input) => setThanks((await reportLeak(input)).message),
  });
  if (thanks !== null) {
    return (
      <Notice
        tone="ok"
        role="status"
        action={
          <Button
            size="sm"
            onClick={() => {
              form.reset();
              setThanks(null);
            }}
          >
            Report another
          </Button>
        }
      >
        {thanks}
      </Notice>
    );
  }
  return (
    // By POST also before the script has loaded: the key must not come to stand in the address.
    <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
      <FormFailure failure={form.failure} />
      <Field label="Key" help="The whole key, or the line it stands in." error={form.errors.key}>
        <Input
          {...form.field("key")}
          placeholder={`${prefix}…`}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          className="h-9! font-mono"
        />
      </Field>
      <Field label="Where you found it" aside="optional" error={form.errors.url}>
        <Input {...form.field("url")} type="url" inputMode="url" placeholder="https://" autoComplete="off" className="h-9!" />
      </Field>
      <Button type="submit" variant="primary" busy={form.busy} busyLabel="Sending" className="h-9!">
        Report key
      </Button>
      <span className="justify-self-center">
        <CopyAsCurl route="POST /v1/leaks" headers={[]} body={{ key: `${prefix}…`, url: "https://…" }} />
      </span>
    </form>
  );
}
