"use client";

import clsx from "clsx";
import { useState } from "react";
import { Button } from "@/components/ui/button";

type Line = { name: string; before: string | null; after: string | null };

/** What an event changed: − before, + after, the part that differs underlined. Fields that stayed are folded. */
export function Diff({ before, after }: { before: unknown; after: unknown }) {
  const [all, setAll] = useState(false);
  const lines = linesOf(before, after);
  const changed = lines.filter((line) => line.before !== line.after);
  const shown = all ? lines : changed;
  return (
    <>
      <section
        aria-label="Fields"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, so a keyboard must reach it
        tabIndex={0}
        translate="no"
        className="overflow-x-auto rounded-lg bg-sunken py-1 font-mono text-sm leading-5 shadow-[inset_0_0_0_1px_var(--line)]"
      >
        <ul className="w-fit min-w-full">
          {shown.map((line) =>
            line.before === line.after ? (
              <Row key={line.name} sign=" " name={line.name} parts={[line.after ?? "", "", ""]} />
            ) : (
              <li key={line.name}>
                <ul>
                  {line.before !== null && <Row sign="−" name={line.name} parts={split(line.before, line.after)} />}
                  {line.after !== null && <Row sign="+" name={line.name} parts={split(line.after, line.before)} />}
                </ul>
              </li>
            ),
          )}
        </ul>
      </section>
      {changed.length < lines.length && (
        <Button variant="ghost" size="xs" className="mt-2 -ml-1.5" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show changes only" : "Show all fields"}
        </Button>
      )}
    </>
  );
}

/** "2 of 19 fields". */
export function diffCount(before: unknown, after: unknown): string {
  const lines = linesOf(before, after);
  return `${lines.filter((line) => line.before !== line.after).length} of ${lines.length} fields`;
}

function Row({ sign, name, parts: [start, middle, end] }: { sign: "−" | "+" | " "; name: string; parts: [string, string, string] }) {
  const look = sign === "−" ? "bg-bad-soft text-bad-text" : sign === "+" ? "bg-ok-soft text-ok-text" : "text-fg-2";
  return (
    <li className={clsx("flex whitespace-pre pr-4", look)}>
      <span aria-hidden="true" className="w-7 flex-none pl-3">
        {sign}
      </span>
      <span>
        <span className="sr-only">{sign === "−" ? "before: " : sign === "+" ? "after: " : ""}</span>
        {name}: {start}
        {middle && <b className="font-semibold underline underline-offset-2">{middle}</b>}
        {end}
      </span>
    </li>
  );
}

function linesOf(before: unknown, after: unknown): Line[] {
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].map((name) => ({
    name,
    before: textOf(was[name]),
    after: textOf(is[name]),
  }));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return value === null || value === undefined ? {} : { value };
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Equal start, what differs, equal end. A whole word that appears or goes is not cut into letters. */
function split(text: string, other: string | null): [string, string, string] {
  if (other === null) return [text, "", ""];
  const most = Math.min(text.length, other.length);
  let start = 0;
  while (start < most && text[start] === other[start]) start += 1;
  let end = 0;
  while (end < most - start && text.at(-1 - end) === other.at(-1 - end)) end += 1;
  const whole = !text.startsWith("[") && !text.startsWith("{");
  return whole ? ["", text, ""] : [text.slice(0, start), text.slice(start, text.length - end), end === 0 ? "" : text.slice(-end)];
}
