"use client";

import Link from "next/link";
import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { signIn } from "@/lib/auth/client";
import { SignIn } from "@/lib/auth/schema";
import { PasswordInput } from "./password-input";

export function SignInForm({ next }: { next: string | null }) {
  const form = useForm({
    schema: SignIn,
    labels: { email: "E-mail", password: "Password" },
    send: async (input) => {
      const home = await signIn(input);
      window.location.assign(next ?? home);
    },
  });
  return (
    <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
      <FormFailure failure={form.failure} />
      <Field label="E-mail" error={form.errors.email}>
        <Input {...form.field("email")} type="email" autoComplete="username" autoCapitalize="none" spellCheck={false} className="h-9!" />
      </Field>
      <Field
        label="Password"
        error={form.errors.password}
        aside={
          <Link href="/forgot" className="link">
            Forgot it?
          </Link>
        }
      >
        <PasswordInput {...form.field("password")} autoComplete="current-password" className="h-9!" />
      </Field>
      <Button type="submit" variant="primary" busy={form.busy} busyLabel="Signing in" className="h-9!">
        Sign in
      </Button>
    </form>
  );
}
