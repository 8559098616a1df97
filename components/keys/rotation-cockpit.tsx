"use client";

import { useQuery } from "@tanstack/react-query";
import { CircleCheck, Clock } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { MinuteBars } from "@/components/charts/minute-bars";
import { useFilters } from "@/components/logs/use-filters";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Select } from "@/components/ui/field";
import { Notice } from "@/components/ui/notice";
import { Pill } from "@/components/ui/pill";
import { Skeleton } from "@/components/ui/skeleton";
import { Time } from "@/components/ui/time";
import { isApiError } from "@/lib/api";
import { formatDuration, formatExact, formatNumber } from "@/lib/format";
import { rotationQuery } from "@/lib/keys/client";
import type { Key, RotationView } from "@/lib/keys/schema";
import { KeyFace } from "./key-face";
import { asQuietTime, judgeQuiet, type QuietTime, quietTimes } from "./quiet";
import { ExtendDialog, FinishDialog } from "./rotation-dialogs";

const EVERY = 3000;
const SHOWN = 4;
/** As many as the API names. */
const MOST_SEEN = 20;

type Caller = RotationView["new"];
type RotationCockpitProps = {
  org: string;
  state: Key & { rotation: NonNullable<Key["rotation"]> };
  /** Null where the rotation began after the page was loaded. */
  initial: RotationView | null;
  mayChange: boolean;
};

/** While two secrets work: who still calls with the old one, and whether it is safe to end it. */
export function RotationCockpit({ org, state, initial, mayChange }: RotationCockpitProps) {
  const { rotation } = state;
  const {
    data: view,
    error,
    refetch,
  } = useQuery({
    ...rotationQuery(org, state.id),
    ...(initial === null ? {} : { initialData: initial }),
    refetchInterval: EVERY,
  });
  const filters = useFilters();
  const wanted = asQuietTime(filters.value("quiet"));
  const [open, setOpen] = useState<"extend" | "finish" | null>(null);
  const now = useNow();
  const verdict = view && now !== null ? judgeQuiet(view, wanted, now) : null;
  return (
    <Card
      title={
        <>
          Two secrets work until <Time as="exact" iso={rotation.ends_at} />
        </>
      }
      description="Move every caller to the new secret, then finish. Limits, history and the key’s id stay as they are."
      footer={
        <>
          <Field label="Safe after" className="flex-row! items-center [&_label]:whitespace-nowrap">
            <Select className="w-44" value={wanted} onChange={(event) => filters.show({ quiet: event.target.value as QuietTime })}>
              {quietTimes.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          </Field>
          {mayChange && (
            <span className="ml-auto flex gap-2 max-md:ml-0 max-md:w-full max-md:*:flex-1">
              <Button onClick={() => setOpen("extend")}>Extend…</Button>
              <Button variant={verdict?.isSafe ? "primary" : "default"} onClick={() => setOpen("finish")}>
                Finish now…
              </Button>
            </span>
          )}
        </>
      }
    >
      <Course startedAt={rotation.started_at} endsAt={rotation.ends_at} now={now} />
      {view === undefined ? (
        error === null ? (
          <Waiting />
        ) : (
          <Notice
            tone="warn"
            className="mt-5"
            title="Who calls did not load."
            action={
              <Button size="xs" onClick={() => void refetch()}>
                Try again
              </Button>
            }
          >
            Both secrets go on working.
            {isApiError(error) && error.requestId && <span className="mono block">{error.requestId}</span>}
          </Notice>
        )
      ) : (
        <>
          <div className="mt-5 grid gap-x-8 gap-y-6 lg:grid-cols-[minmax(0,1.35fr)_minmax(0,1fr)]">
            <PerMinute view={view} />
            <Callers caller={view.old} />
          </div>
          {verdict && (
            <Notice
              tone={verdict.isSafe ? "ok" : "warn"}
              icon={verdict.isSafe ? <CircleCheck /> : <Clock />}
              className="mt-5"
              // The sentence counts seconds: only the verdict itself is announced.
              title={<span role="status">{verdict.isSafe ? "Safe to finish." : "Not yet safe to finish."}</span>}
            >
              {verdict.sentence}
            </Notice>
          )}
        </>
      )}
      {open === "extend" && <ExtendDialog org={org} state={state} onClose={() => setOpen(null)} />}
      {open === "finish" && <FinishDialog org={org} state={state} view={view} verdict={verdict} onClose={() => setOpen(null)} />}
    </Card>
  );
}

/** From the rotation's beginning to the end of the old secret. */
function Course({ startedAt, endsAt, now }: { startedAt: string; endsAt: string; now: number | null }) {
  const [start, end] = [Date.parse(startedAt), Date.parse(endsAt)];
  const share = now === null || end <= start ? 0 : Math.min(1, Math.max(0, (now - start) / (end - start)));
  return (
    <div className="pt-1">
      <div aria-hidden="true" className="relative h-0.5 rounded-full bg-line-strong">
        <span className="absolute inset-y-0 left-0 rounded-full bg-accent" style={{ width: `${share * 100}%` }} />
        <span className="absolute top-1/2 size-2.5 -translate-y-1/2 rounded-full bg-accent" />
        <span className="absolute top-1/2 right-0 size-2.5 -translate-y-1/2 rounded-full border-2 border-line-strong bg-surface" />
      </div>
      <div className="mt-2 flex justify-between gap-4">
        <p className="min-w-0">
          <b>Started</b>
          <span className="block text-sm text-fg-3">
            <Time iso={startedAt} />
          </span>
        </p>
        <p className="min-w-0 text-right">
          <b>Old secret stops</b>
          <span className="block text-sm text-fg-3 tabular-nums">
            {now === null ? <Time as="until" iso={endsAt} /> : end <= now ? "Now" : `In ${formatDuration(end - now)}`}
          </span>
        </p>
      </div>
    </div>
  );
}

function PerMinute({ view }: { view: RotationView }) {
  // Of very many calls only the newest are looked through.
  const isWhole = view.rotation === null || Date.parse(view.since) <= Date.parse(view.rotation.started_at);
  const since = isWhole ? "since it began" : `since ${formatExact(new Date(view.since))}`;
  const top = Math.max(1, ...view.new.per_minute, ...(view.old?.per_minute ?? []));
  return (
    <section aria-labelledby="per-minute" className="min-w-0">
      <h3 id="per-minute" className="flex items-baseline gap-2 font-medium">
        Calls per minute, last hour <span className="text-sm font-normal text-fg-3">up to {formatNumber(top)}</span>
      </h3>
      <Strip name="New" caller={view.new} since={since} top={top} tone="accepted" />
      {view.old && <Strip name="Old" caller={view.old} since={since} top={top} tone="brass" />}
    </section>
  );
}

type StripProps = { name: string; caller: Caller; since: string; top: number; tone: "accepted" | "brass" };

function Strip({ name, caller, since, top, tone }: StripProps) {
  const hour = caller.per_minute.reduce((sum, calls) => sum + calls, 0);
  const minute = caller.per_minute.at(-1) ?? 0;
  return (
    <div className="mt-3">
      <p className="mb-1 flex flex-wrap items-center gap-x-2 text-sm">
        <KeyFace prefix={caller.key_prefix} />
        <span className={tone === "brass" ? "text-brass-text" : "text-fg-2"}>
          {name}{" "}
          <span className="mono" translate="no">
            {caller.key_prefix}
          </span>
        </span>
        <span className="ml-auto text-fg-3 tabular-nums">
          {formatNumber(minute)} this minute, {formatNumber(hour)} in the hour, {formatNumber(caller.calls)} {since}
        </span>
      </p>
      <MinuteBars
        perMinute={caller.per_minute}
        top={top}
        tone={tone}
        summary={`${name} secret: ${formatNumber(hour)} calls in the last hour, ${formatNumber(minute)} in this minute`}
      />
    </div>
  );
}

/** Addresses first, because they say who has to be asked; then what program it is and what it calls. */
function Callers({ caller }: { caller: Caller | null }) {
  if (caller === null || caller.calls === 0) {
    return (
      <section aria-labelledby="on-the-old" className="min-w-0">
        <h3 id="on-the-old" className="font-medium">
          Still on the old secret
        </h3>
        <p className="mt-2 text-fg-2">Nobody has called with it since the rotation began.</p>
      </section>
    );
  }
  return (
    <section aria-labelledby="on-the-old" className="min-w-0">
      <h3 id="on-the-old" className="flex items-center gap-2 font-medium">
        Still on the old secret <Pill>{caller.addresses.length < MOST_SEEN ? formatNumber(caller.addresses.length) : `${MOST_SEEN}+`}</Pill>
      </h3>
      <Rows
        rows={caller.addresses.map(({ ip, country, calls, last_at }) => ({
          id: `${ip} ${country}`,
          name: (
            <>
              <span className="mono">{ip ?? "—"}</span> <span className="text-fg-3">{country}</span>
            </>
          ),
          calls,
          last_at,
        }))}
      />
      <h4 className="mt-3 text-sm text-fg-3">Agents</h4>
      <Rows
        rows={caller.agents.map(({ user_agent, calls, last_at }) => ({
          id: user_agent ?? "",
          name: user_agent ?? "No agent named",
          calls,
          last_at,
        }))}
      />
      <h4 className="mt-3 text-sm text-fg-3">Routes</h4>
      <Rows
        rows={caller.routes.map(({ method, route, calls, last_at }) => ({
          id: `${method} ${route}`,
          name: (
            <span className="mono" translate="no">
              {method} {route}
            </span>
          ),
          calls,
          last_at,
        }))}
      />
    </section>
  );
}

function Rows({ rows }: { rows: readonly { id: string; name: ReactNode; calls: number; last_at: string }[] }) {
  return (
    <ul className="mt-1">
      {rows.slice(0, SHOWN).map((row) => (
        <li key={row.id} className="flex items-baseline justify-between gap-4 py-1">
          <span className="min-w-0 wrap-anywhere">{row.name}</span>
          <span className="flex-none text-right text-sm text-fg-3 tabular-nums">
            {formatNumber(row.calls)} {row.calls === 1 ? "call" : "calls"} ·{" "}
            <Time iso={row.last_at} className="inline-block first-letter:lowercase" />
          </span>
        </li>
      ))}
      {rows.length > SHOWN && <li className="py-1 text-sm text-fg-3">and {formatNumber(rows.length - SHOWN)} more</li>}
    </ul>
  );
}

function Waiting() {
  return (
    <div aria-busy="true" className="mt-5 grid gap-4">
      <Skeleton className="w-44" />
      <Skeleton className="h-10 w-full" />
      <Skeleton className="h-10 w-full" />
    </div>
  );
}

/** Null while hydrating: the server's clock must not be repeated by the reader's. */
function useNow(): number | null {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
