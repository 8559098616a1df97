"use client";

import { useState } from "react";
import { flushSync } from "react-dom";
import { isApiError } from "@/lib/api";
import { type GroupDraft, problemsOf } from "./group-draft";

/** The state of a group's form: what is typed, what is wrong with it, and where the eye goes when something is. */
export function useGroupDraft(initial: GroupDraft, most: number) {
  const [draft, setDraft] = useState(initial);
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const show = (problems: Record<string, string>) => {
    flushSync(() => setWrong(problems));
    document.querySelector<HTMLElement>("[role=dialog] [aria-invalid=true]")?.focus();
  };
  return {
    draft,
    wrong,
    set: (change: Partial<GroupDraft>, path: string) => {
      setDraft((was) => ({ ...was, ...change }));
      setWrong((was) => Object.fromEntries(Object.entries(was).filter(([name]) => name.split(".")[0] !== path)));
    },
    /** Whether it may be sent; else what is wrong is shown. */
    check: (): boolean => {
      const problems = problemsOf(draft, most);
      show(problems);
      return Object.keys(problems).length === 0;
    },
    /** The server's words at the fields they are about. */
    showRefusal: (error: Error) => {
      if (!isApiError(error)) return;
      const [path, ...more] = Object.keys(error.details);
      // "is taken" says less than the whole sentence.
      const isOne = path !== undefined && more.length === 0 && error.type !== "invalid_request";
      show(isOne ? { [path]: error.message } : error.details);
    },
  };
}

const FIELDS = /^(name|description|rate_limit_rpm|allowed_ips)(\.|$)/;

/** What has no field of its own, to be said at the foot. */
export function withoutField(error: Error | null): Error | null {
  const paths = isApiError(error) ? Object.keys(error.details) : [];
  return paths.length > 0 && paths.every((path) => FIELDS.test(path)) ? null : error;
}

/** A setting behind the fold is wrong. */
export function isFolded(wrong: Record<string, string>): boolean {
  return Object.keys(wrong).some((path) => /^(rate_limit_rpm|allowed_ips)/.test(path));
}
