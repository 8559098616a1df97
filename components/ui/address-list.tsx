"use client";

import { type ReactNode, useState } from "react";
import { Field, Textarea } from "./field";

/** As many as the API takes. */
const MOST = 100;

type AddressListProps = {
  label: ReactNode;
  value: readonly string[];
  onChange: (value: string[]) => void;
  /** By path, `allowed_ips.2` for the third entry; other paths are left to whom they concern. */
  errors: Record<string, string>;
  help?: ReactNode;
};

/** One address or range per line. Lists with commas, semicolons or spaces between, as they are pasted, are put into lines on leaving. */
export function AddressList({ label, value, onChange, errors, help }: AddressListProps) {
  const [typed, setTyped] = useState(() => value.join("\n"));
  // What is typed stands as it is typed; a value that came from elsewhere takes its place.
  const text = isSame(entriesOf(typed), value) ? typed : value.join("\n");
  const wrong = value.flatMap((entry, index) => {
    const why = errors[`allowed_ips.${index}`];
    return why === undefined ? [] : [{ index, entry, why, mended: mendedEntry(why) }];
  });
  const whole = value.length > MOST ? `${MOST} at most: take ${value.length - MOST} away` : errors.allowed_ips;
  const change = (next: string) => {
    setTyped(next);
    onChange(entriesOf(next));
  };
  return (
    <Field
      label={label}
      aside={`${value.length} of ${MOST}`}
      help={help}
      error={
        // Not false, which would take the help's place.
        wrong.length === 0 && whole === undefined ? undefined : (
          <>
            {whole !== undefined && <span className="block">{capital(whole)}</span>}
            {wrong.map(({ index, entry, why, mended }) => (
              <span key={index} className="block">
                Line {index + 1}: {why}{" "}
                {mended !== null && (
                  <button
                    type="button"
                    className="link"
                    onClick={() => onChange(value.map((each, at) => (at === index ? mended : each)))}
                    aria-label={`Use ${mended} instead of ${entry}`}
                  >
                    Use it
                  </button>
                )}
              </span>
            ))}
          </>
        )
      }
    >
      <Textarea
        className="font-mono"
        rows={Math.min(8, Math.max(3, text.split("\n").length))}
        value={text}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="none"
        translate="no"
        placeholder={"203.0.113.0/24\n2001:db8::/48"}
        onChange={(event) => change(event.target.value)}
        onBlur={() => setTyped(value.join("\n"))}
      />
    </Field>
  );
}

function entriesOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}

/** "the range begins at 10.0.0.0/8": the range that was probably meant. */
function mendedEntry(why: string): string | null {
  return /begins at (\S+\/\d+)$/.exec(why)?.[1] ?? null;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
