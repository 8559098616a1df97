"use client";

import { CalendarDays, ChevronDown } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { useHydrated } from "@/components/ui/media";
import { formatDate } from "@/lib/format";

const DAY = 86_400_000;
const presets = [
  { label: "Last 24 hours", ms: DAY },
  { label: "Last 7 days", ms: 7 * DAY },
  { label: "Last 4 weeks", ms: 28 * DAY },
] as const;

type DateFilterProps = { start: string | null; end: string | null; onChange: (start: string | null, end: string | null) => void };

/** A span of the reader's days; in the address it is two instants, so that a link means the same everywhere. */
export function DateFilter({ start, end, onChange }: DateFilterProps) {
  const [open, setOpen] = useState(false);
  const hydrated = useHydrated();
  const zone = hydrated ? undefined : "UTC";
  const words = wordsFor(start, end, zone);
  const choose = (from: string | null, to: string | null) => {
    setOpen(false);
    onChange(from, to);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button icon={<CalendarDays />} end={<ChevronDown />}>
          {words}
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label="Dates"
          className="pop floating z-50 grid w-72 gap-3 rounded-lg p-3 text-fg focus-visible:outline-none"
        >
          <div className="grid gap-0.5">
            {presets.map((preset) => (
              <Choice key={preset.label} onClick={() => choose(new Date(Date.now() - preset.ms).toISOString(), null)}>
                {preset.label}
              </Choice>
            ))}
            <Choice onClick={() => choose(null, null)}>Any time</Choice>
          </div>
          <Days key={`${start}${end}`} start={start} end={end} onChange={choose} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Choice({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <button type="button" onClick={onClick} className="fast flex h-8 items-center rounded-md px-2 text-left hover:bg-hover max-md:h-10">
      {children}
    </button>
  );
}

function Days({ start, end, onChange }: DateFilterProps) {
  const [first, setFirst] = useState(start ? localDay(new Date(start)) : "");
  const [last, setLast] = useState(end ? localDay(new Date(Date.parse(end) - 1)) : "");
  const reversed = first !== "" && last !== "" && last < first;
  return (
    <form
      className="grid gap-3 border-t border-line pt-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!reversed) onChange(first ? midnight(first, 0) : null, last ? midnight(last, 1) : null);
      }}
    >
      <div className="grid grid-cols-2 gap-2">
        <Field label="From">
          <Input type="date" value={first} onChange={(event) => setFirst(event.target.value)} />
        </Field>
        <Field label="To, included">
          <Input type="date" value={last} aria-invalid={reversed || undefined} onChange={(event) => setLast(event.target.value)} />
        </Field>
      </div>
      {reversed && <p className="text-sm text-bad-text">The last day is before the first.</p>}
      <Button type="submit" variant="primary" disabled={reversed}>
        Show these days
      </Button>
    </form>
  );
}

function wordsFor(start: string | null, end: string | null, zone: string | undefined): string {
  const from = start ? formatDate(new Date(start), zone) : null;
  const to = end ? formatDate(new Date(isDay(end) ? end : Date.parse(end) - 1), isDay(end) ? "UTC" : zone) : null;
  if (from && to) return from === to ? from : `${from} – ${to}`;
  return from ? `Since ${from}` : to ? `Until ${to}` : "Any time";
}

const isDay = (text: string) => text.length === 10;

function localDay(at: Date): string {
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;
}

/** Where a day of the reader's begins, or the day after it. */
function midnight(day: string, plus: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + plus).toISOString();
}
