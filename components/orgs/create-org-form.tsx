"use client";

import { FormFailure, useForm } from "@/components/shell/form";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { signOut } from "@/lib/auth/client";
import { createOrg } from "@/lib/orgs/client";
import { CreateOrg } from "@/lib/orgs/schema";

export function CreateOrgForm({ email }: { email: string }) {
  const form = useForm({
    schema: CreateOrg,
    labels: { name: "Name" },
    send: async ({ name }) => {
      const org = await createOrg(name);
      window.location.assign(`/orgs/${org.slug}`);
    },
  });
  return (
    <>
      <form noValidate method="post" className="grid gap-4" onSubmit={form.submit}>
        <FormFailure failure={form.failure} />
        <Field label="Name" help="Your company or team." error={form.errors.name}>
          <Input {...form.field("name")} autoComplete="organization" className="h-9!" />
        </Field>
        <Button type="submit" variant="primary" busy={form.busy} busyLabel="Creating" className="h-9!">
          Create organization
        </Button>
      </form>
      <p className="mt-6 text-fg-2">
        Signed in as {email}.{" "}
        <button type="button" className="link" onClick={() => void signOut()}>
          Sign out
        </button>
      </p>
    </>
  );
}
