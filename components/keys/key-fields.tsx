"use client";

import { Plus, X } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Input } from "@/components/ui/field";
import { Segmented } from "@/components/ui/segmented";
import type { Key } from "@/lib/keys/schema";
import type { Pair } from "./new-key";

/** Fields of a key that more than one dialog asks for. */

const MOST_PAIRS = 50;

const accessSentences: Record<Key["access"], string> = {
  read: "Calls reading routes, and reads usage and the request log of its group.",
  write: "Calls writing routes. Reads nothing but itself.",
  full: "Calls every route in its scopes, and makes and revokes keys of its own group.",
  admin: "Everything of full for the whole organization, and its groups and settings. For your own back end only.",
};

type AccessFieldProps = {
  value: Key["access"];
  onChange: (access: Key["access"]) => void;
  /** Whether this person may give access admin. */
  mayAdmin: boolean;
  error: string | undefined;
};

export function AccessField({ value, onChange, mayAdmin, error }: AccessFieldProps) {
  return (
    <div className="grid gap-1.5">
      <span className="font-medium">Access</span>
      <Segmented
        label="Access"
        value={value}
        onValueChange={onChange}
        options={[
          { value: "read", label: "Read" },
          { value: "write", label: "Write" },
          { value: "full", label: "Full" },
          { value: "admin", label: "Admin", disabled: !mayAdmin },
        ]}
        className="w-full max-w-96"
      />
      <p className="text-sm text-fg-3">{accessSentences[value]}</p>
      {error && <Wrong>{sentence(error)}</Wrong>}
    </div>
  );
}

type ScopesFieldProps = {
  value: readonly string[];
  onChange: (scopes: string[]) => void;
  /** Those that can be chosen. */
  all: readonly string[];
  error: string | undefined;
};

export function ScopesField({ value, onChange, all, error }: ScopesFieldProps) {
  const isAll = value.length === all.length;
  return (
    <fieldset className="min-w-0">
      <div className="flex items-baseline justify-between gap-3">
        <legend className="float-left font-medium">Scopes</legend>
        <button type="button" className="link text-sm" onClick={() => onChange(isAll ? [] : [...all])}>
          {isAll ? "Clear all" : "Choose all"}
        </button>
      </div>
      <div className="mt-0.5 grid grid-cols-2 gap-x-4 md:grid-cols-3">
        {all.map((scope) => (
          <Checkbox
            key={scope}
            label={<span className="mono wrap-anywhere">{scope}</span>}
            checked={value.includes(scope)}
            onChange={(event) => onChange(all.filter((each) => (each === scope ? event.target.checked : value.includes(each))))}
          />
        ))}
      </div>
      {error && <Wrong>{sentence(error)}</Wrong>}
    </fieldset>
  );
}

type MetadataFieldProps = { value: readonly Pair[]; onChange: (pairs: Pair[]) => void; error: string | undefined };

/** Notes to oneself that travel with the key: names and values. */
export function MetadataField({ value, onChange, error }: MetadataFieldProps) {
  const set = (at: number, change: Partial<Pair>) => onChange(value.map((pair, index) => (index === at ? { ...pair, ...change } : pair)));
  return (
    <fieldset className="min-w-0">
      <legend className="font-medium">Metadata</legend>
      <p className="text-sm text-fg-3">Notes that your back end gets with each verification. Nothing secret.</p>
      <div className="mt-1.5 grid gap-2">
        {value.map((pair, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a pair is its place
          <div key={index} className="grid grid-cols-[minmax(0,2fr)_minmax(0,3fr)_auto] items-center gap-2">
            <Input
              aria-label={`Name ${index + 1}`}
              placeholder="team"
              value={pair.name}
              maxLength={64}
              autoComplete="off"
              aria-invalid={error ? true : undefined}
              onChange={(event) => set(index, { name: event.target.value })}
            />
            <Input
              aria-label={`Value ${index + 1}`}
              placeholder="billing"
              value={pair.value}
              maxLength={500}
              autoComplete="off"
              onChange={(event) => set(index, { value: event.target.value })}
            />
            <Button
              variant="ghost"
              size="sm"
              icon={<X />}
              aria-label={`Remove pair ${index + 1}`}
              onClick={() => onChange(value.filter((_, at) => at !== index))}
            />
          </div>
        ))}
        {value.length < MOST_PAIRS && (
          <Button size="sm" icon={<Plus />} className="justify-self-start" onClick={() => onChange([...value, { name: "", value: "" }])}>
            Add a pair
          </Button>
        )}
      </div>
      {error && <Wrong>{sentence(error)}</Wrong>}
    </fieldset>
  );
}

function Wrong({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="text-sm text-bad-text">
      {children}
    </p>
  );
}

/** The API says "may not be empty"; under a field it is a sentence of its own. */
export function sentence(text: string): string;
export function sentence(text: string | undefined): string | undefined;
export function sentence(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.charAt(0).toUpperCase() + text.slice(1);
}
