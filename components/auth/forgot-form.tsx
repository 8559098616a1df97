"use client";

import { useState } from "react";
import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { forgotPassword } from "@/lib/auth/client";
import { ForgotPassword } from "@/lib/auth/schema";

export function ForgotForm({ hasMailServer }: { hasMailServer: boolean }) {
  const [sentTo, setSentTo] = useState<string | null>(null);
  const form = useForm({
    schema: ForgotPassword,
    labels: { email: "E-mail" },
    send: async ({ email }) => {
      await forgotPassword(email);
      setSentTo(email);
    },
  });
  if (sentTo !== null) {
    return (
      <Notice tone="ok" role="status" title="Look into your mail.">
        If {sentTo} has an account, a link is on its way. It works once, for 30 minutes.
        {!hasMailServer &&
          " This console has no mail server: whoever runs it finds the message in the folder outbox of its data directory."}
      </Notice>
    );
  }
  return (
    <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
      <FormFailure failure={form.failure} />
      <Field label="E-mail" error={form.errors.email}>
        <Input {...form.field("email")} type="email" autoComplete="username" autoCapitalize="none" spellCheck={false} className="h-9!" />
      </Field>
      <Button type="submit" variant="primary" busy={form.busy} busyLabel="Sending" className="h-9!">
        Send link
      </Button>
    </form>
  );
}
