"use client";

import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Ban, CircleCheck, TriangleAlert } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { isRefused, refusalSentence } from "@/components/logs/outcome";
import { isApiError } from "@/lib/api";
import { formatDuration } from "@/lib/format";
import { logsQuery } from "@/lib/usage/client";
import type { LogRow } from "@/lib/usage/schema";

const EVERY = 1000;

/** A rotating key is still called with its old secret: those calls are not the one that is waited for. */
const LATEST = 50;

/** Waits for the first call with a new secret: green when one is accepted, and why when one is refused. */
export function FirstCall({ org, keyId, prefix }: { org: string; keyId: string; prefix: string }) {
  const [done, setDone] = useState(false);
  const calls = useQuery({
    ...logsQuery(org, { key_id: keyId, limit: LATEST }),
    // The reader is in a terminal now: this page may be behind it.
    refetchInterval: done ? false : EVERY,
    refetchIntervalInBackground: true,
    staleTime: 0,
  });
  const rows = (calls.data?.data ?? []).filter((row) => row.key_prefix === prefix);
  const answered = rows.filter((row) => !isRefused(row)).at(-1);
  if (answered && !done) setDone(true);
  const newest = rows[0];
  return (
    <div role="status">
      {answered?.outcome === "error" ? (
        <Box
          look="border-warn-line bg-warn-soft"
          mark={<TriangleAlert className="mt-0.5 text-warn-text" />}
          title="The key works; the API behind it failed"
        >
          <Facts row={answered} /> The request id is <span className="mono">{answered.request_id}</span>.
        </Box>
      ) : answered ? (
        <Box look="border-ok-line bg-ok-soft" mark={<CircleCheck className="mt-0.5 text-ok" />} title="First call accepted">
          <Facts row={answered} />
        </Box>
      ) : newest ? (
        <Box look="border-bad-line bg-bad-soft" mark={<Ban className="mt-0.5 text-bad" />} title="A call was refused">
          {refusalSentence(newest.outcome)} <Facts row={newest} /> Still waiting for one that passes.
        </Box>
      ) : (
        <Box look="border-line" mark={<span className="pulse mx-1 mt-1.5 text-accent" />} title="Waiting for the first call">
          {isApiError(calls.error) ? (
            `The log cannot be read just now: ${calls.error.message}`
          ) : (
            <>
              Run the snippet; this turns green when the call arrives. <Elapsed />
            </>
          )}
        </Box>
      )}
    </div>
  );
}

function Box({ look, mark, title, children }: { look: string; mark: ReactNode; title: string; children: ReactNode }) {
  return (
    <div className={clsx("fast flex min-h-[66px] gap-3 rounded-lg border px-4 py-3", look)}>
      <span className="flex flex-none">{mark}</span>
      <div className="min-w-0 wrap-anywhere">
        <b>{title}</b>
        <p className="text-fg-2">{children}</p>
      </div>
    </div>
  );
}

function Facts({ row }: { row: LogRow }) {
  return (
    <span className="tabular-nums">
      <span className="mono">
        {row.method} {row.route}
      </span>{" "}
      answered {row.status} in {formatDuration(row.latency_ms)}
      {row.ip && (
        <>
          , from <span className="mono">{row.ip}</span>
          {row.country && ` ${row.country}`}
        </>
      )}
      .
    </span>
  );
}

function Elapsed() {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const begun = Date.now();
    const timer = setInterval(() => setSeconds(Math.floor((Date.now() - begun) / 1000)), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <span aria-hidden="true" className="text-fg-3 tabular-nums">
      {Math.floor(seconds / 60)}:{String(seconds % 60).padStart(2, "0")}
    </span>
  );
}
