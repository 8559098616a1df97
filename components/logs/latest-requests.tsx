import Link from "next/link";
import { Badge } from "@/components/ui/badge";
import { Table, TBody, Td, THead, Th, Tr } from "@/components/ui/table";
import { Time } from "@/components/ui/time";
import { formatDuration, formatNumber } from "@/lib/format";
import type { LogRow } from "@/lib/usage/schema";
import { StatusMark } from "./outcome";

type LatestRequestsProps = {
  rows: readonly LogRow[];
  /** Leads to the request in the log. */
  hrefOf: (row: LogRow) => string;
  /** While the key rotates: the prefix of the secret that is on its way out. */
  oldPrefix: string | undefined;
};

/** The latest requests of one key, inside a card. */
export function LatestRequests({ rows, hrefOf, oldPrefix }: LatestRequestsProps) {
  return (
    <Table
      label="Latest requests"
      flush
      low
      columns={[{ width: "108px" }, { width: "76px" }, {}, { width: "88px" }, { width: "176px", className: "max-xl:hidden" }]}
    >
      <THead>
        <Th>Time</Th>
        <Th>Status</Th>
        <Th>Request</Th>
        <Th numeric>Latency</Th>
        <Th className="max-xl:hidden">Address</Th>
      </THead>
      <TBody>
        {rows.map((row) => (
          <Tr key={row.request_id} className="max-md:px-0!">
            <Td phone="lead">
              <Link href={hrefOf(row)} prefetch={false} className="rounded-sm tabular-nums hover:underline">
                <Time as={isOld(row) ? "date" : "clock"} iso={row.created_at} />
              </Link>
            </Td>
            <Td phone="menu">
              <StatusMark row={row} />
            </Td>
            <Td phone="start">
              <span className="flex min-w-0 items-center gap-2">
                <Route row={row} />
                {row.key_prefix === oldPrefix && <Badge tone="brass">old secret</Badge>}
              </span>
            </Td>
            <Td phone="end" numeric className="text-fg-2">
              {formatDuration(row.latency_ms)}
            </Td>
            <Td phone="hidden" className="max-xl:hidden">
              <Address row={row} />
            </Td>
          </Tr>
        ))}
      </TBody>
    </Table>
  );
}

// A clock alone would not say which day it was.
function isOld(row: LogRow): boolean {
  return Date.now() - Date.parse(row.created_at) > 86_400_000;
}

export function Route({ row }: { row: Pick<LogRow, "method" | "route" | "calls"> }) {
  const route = (
    <span className="mono cut block" title={`${row.method} ${row.route}`} translate="no">
      <span className="text-fg-2">{row.method}</span> {row.route}
    </span>
  );
  if (row.calls === 1) return route;
  const calls = formatNumber(row.calls);
  return (
    <span className="flex min-w-0 gap-2">
      {route}
      <span className="flex-none text-fg-2 tabular-nums" title={`${calls} calls in this minute`}>
        <span aria-hidden="true">× {calls}</span>
        <span className="sr-only">{calls} calls</span>
      </span>
    </span>
  );
}

export function Address({ row }: { row: Pick<LogRow, "ip" | "country"> }) {
  return row.ip === null ? (
    "—"
  ) : (
    <span className="cut block" title={row.ip}>
      <span className="mono">{row.ip}</span> <span className="text-fg-3">{row.country ?? ""}</span>
    </span>
  );
}
