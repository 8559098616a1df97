"use client";

import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { acceptInvite } from "@/lib/auth/client";
import { AcceptInvite } from "@/lib/auth/schema";
import { PasswordInput } from "./password-input";

type InviteFormProps = {
  token: string;
  email: string;
  /** new: sets a name and a password · known: proves the account's password · signed-in: is that person already. */
  who: "new" | "known" | "signed-in";
};

const schemas = {
  new: AcceptInvite.required({ name: true, password: true }),
  known: AcceptInvite.required({ password: true }),
  "signed-in": AcceptInvite,
};

export function InviteForm({ token, email, who }: InviteFormProps) {
  const form = useForm<AcceptInvite>({
    schema: schemas[who],
    labels: { name: "Name", password: "Password" },
    extra: { token },
    send: async (input) => {
      window.location.assign(await acceptInvite(input));
    },
  });
  return (
    <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
      <FormFailure failure={form.failure} />
      {who !== "signed-in" && (
        <Field label="E-mail">
          {/* Not a field of ours: password managers take the name of the account from here. */}
          <Input type="email" autoComplete="username" readOnly value={email} className="h-9! bg-sunken!" />
        </Field>
      )}
      {who === "new" && (
        <Field label="Your name" help="As the others see it, in lists and in the audit log." error={form.errors.name}>
          <Input {...form.field("name")} autoComplete="name" className="h-9!" />
        </Field>
      )}
      {who !== "signed-in" && (
        <Field
          label="Password"
          help={who === "new" ? "At least 10 characters. A short sentence works well." : "The one of your account."}
          error={form.errors.password}
        >
          <PasswordInput {...form.field("password")} autoComplete={who === "new" ? "new-password" : "current-password"} className="h-9!" />
        </Field>
      )}
      <Button type="submit" variant="primary" busy={form.busy} busyLabel="Joining" className="h-9!">
        Join organization
      </Button>
    </form>
  );
}
