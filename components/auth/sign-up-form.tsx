"use client";

import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { signUp } from "@/lib/auth/client";
import { SignUp } from "@/lib/auth/schema";
import { PasswordInput } from "./password-input";

export function SignUpForm() {
  const form = useForm({
    schema: SignUp,
    labels: { email: "E-mail", password: "Password", organization: "Organization" },
    send: async (input) => {
      window.location.assign(await signUp(input));
    },
  });
  return (
    <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
      <FormFailure failure={form.failure} />
      <Field label="E-mail" error={form.errors.email}>
        <Input {...form.field("email")} type="email" autoComplete="username" autoCapitalize="none" spellCheck={false} className="h-9!" />
      </Field>
      <Field label="Password" help="At least 10 characters. A short sentence works well." error={form.errors.password}>
        <PasswordInput {...form.field("password")} autoComplete="new-password" className="h-9!" />
      </Field>
      <Field label="Organization" help="Your company or team. It owns the groups and keys." error={form.errors.organization}>
        <Input {...form.field("organization")} autoComplete="organization" className="h-9!" />
      </Field>
      <Button type="submit" variant="primary" busy={form.busy} busyLabel="Creating the account" className="h-9!">
        Create account
      </Button>
    </form>
  );
}
