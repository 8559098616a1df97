"use client";

import { type ChangeEvent, type FocusEvent, type FormEvent, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { z } from "zod";
import { CopyButton } from "@/components/ui/copy-button";
import { Notice } from "@/components/ui/notice";
import { ApiError, isApiError } from "@/lib/api";

type FieldElement = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

type FormOptions<T> = {
  schema: z.ZodType<T>;
  /** What a field is called in its own error: "Password needs at least 10 characters". */
  labels: { [field: string]: string };
  /** What the fields do not hold: the token of a link. */
  extra?: Record<string, string> | undefined;
  send: (input: T) => Promise<void>;
};

/**
 * The fields of a form stay the browser's, so that what was typed or filled in before hydration counts. A field is checked on
 * leaving it, then on each change; sending checks all and focuses the first that is wrong. What the server says goes to its field.
 */
export function useForm<T>({ schema, labels, extra = {}, send }: FormOptions<T>) {
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef(false);

  const problems = (form: HTMLFormElement): { input: T | null; errors: Record<string, string> } => {
    const values = valuesOf(form);
    const parsed = schema.safeParse({ ...values, ...extra });
    if (parsed.success) return { input: parsed.data, errors: {} };
    const found: Record<string, string> = {};
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0]);
      found[name] ??= sentence(labels[name] ?? name, values[name] === undefined ? "is needed" : issue.message);
    }
    return { input: null, errors: found };
  };

  const check = (element: FieldElement) => {
    if (element.form === null) return;
    const error = problems(element.form).errors[element.name];
    setErrors(({ [element.name]: _, ...rest }) => (error === undefined ? rest : { ...rest, [element.name]: error }));
  };

  const show = (form: HTMLFormElement, found: Record<string, string>) => {
    flushSync(() => setErrors(found));
    form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  };

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (running.current) return;
    const { input, errors: found } = problems(form);
    setFailure(null);
    if (input === null) return show(form, found);
    running.current = true;
    setBusy(true);
    setErrors({});
    try {
      await send(input);
    } catch (error) {
      running.current = false;
      setBusy(false);
      const refusal = isApiError(error)
        ? error
        : new ApiError(0, "offline", "The console did not answer. Check the connection and try again.", {}, null, null);
      const atFields = atTheirFields(refusal, form, labels);
      if (atFields === null) setFailure(refusal);
      else show(form, atFields);
    }
  };

  return {
    submit,
    busy,
    errors,
    failure,
    /** For a form that stays on the screen after it was sent. */
    reset: () => {
      running.current = false;
      setBusy(false);
      setErrors({});
      setFailure(null);
    },
    /** For an Input, Select or Textarea. */
    field: (name: string) => ({
      name,
      onBlur: (event: FocusEvent<FieldElement>) => {
        if (event.currentTarget.value !== "") check(event.currentTarget);
      },
      onChange: (event: ChangeEvent<FieldElement>) => {
        if (errors[name] !== undefined) check(event.currentTarget);
      },
    }),
  };
}

function valuesOf(form: HTMLFormElement): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && value.trim() !== "") values[name] = value;
  return values;
}

/** The server's words at the fields they are about, or null when they are about none. */
function atTheirFields(error: ApiError, form: HTMLFormElement, labels: Record<string, string>): Record<string, string> | null {
  const paths = Object.keys(error.details);
  const known = paths.filter((path) => form.elements.namedItem(path) !== null);
  if (known.length === 0 || known.length < paths.length) return null;
  const [only] = known;
  if (known.length === 1 && only !== undefined && error.type !== "invalid_request") return { [only]: error.message };
  return Object.fromEntries(known.map((path) => [path, sentence(labels[path] ?? path, error.details[path] ?? "")]));
}

function sentence(label: string, problem: string): string {
  return problem.startsWith("is ") && problem !== "is needed" ? `This ${problem}` : `${label} ${problem}`;
}

/** What the server said that belongs to no field. */
export function FormFailure({ failure }: { failure: ApiError | null }) {
  if (failure === null) return null;
  return (
    <Notice tone="bad" role="alert">
      {failure.message}
      {failure.requestId && (
        <span className="mono mt-1 flex items-center gap-1">
          {failure.requestId}
          <CopyButton text={failure.requestId} label="Copy request id" />
        </span>
      )}
    </Notice>
  );
}
