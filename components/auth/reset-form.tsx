"use client";

import Link from "next/link";
import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { resetPassword } from "@/lib/auth/client";
import { ResetPassword } from "@/lib/auth/schema";
import { PasswordInput } from "./password-input";

export function ResetForm({ token }: { token: string }) {
  const form = useForm({
    schema: ResetPassword,
    labels: { password: "Password" },
    extra: { token },
    send: async (input) => {
      window.location.assign(await resetPassword(input));
    },
  });
  return (
    <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
      <FormFailure failure={form.failure} />
      <Field label="New password" help="At least 10 characters. A short sentence works well." error={form.errors.password}>
        <PasswordInput {...form.field("password")} autoComplete="new-password" className="h-9!" />
      </Field>
      <Button type="submit" variant="primary" busy={form.busy} busyLabel="Setting the password" className="h-9!">
        Set password
      </Button>
      {form.failure?.type === "not_found" && (
        <p className="text-fg-2">
          <Link href="/forgot" className="link">
            Ask for a new link
          </Link>
        </p>
      )}
    </form>
  );
}
