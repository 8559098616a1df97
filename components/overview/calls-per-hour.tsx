"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { OutcomeChart } from "@/components/charts/outcome-chart";
import { Card } from "@/components/ui/card";
import { formatMinute, formatNumber } from "@/lib/format";
import { seriesQuery } from "@/lib/usage/client";
import type { UsagePoint } from "@/lib/usage/schema";

export function CallsPerHour({ org, hours }: { org: string; hours: { data: UsagePoint[] } }) {
  const points = useQuery({ ...seriesQuery(org, { interval: "1h" }), initialData: hours, refetchInterval: 5000 }).data.data;
  return (
    <Card
      title="Calls per hour"
      action={
        <Link href={`/orgs/${org}/usage`} className="link">
          Open usage
        </Link>
      }
    >
      <OutcomeChart points={points} interval="1h" unfinishedFrom={points.at(-1)?.start} height={196} summary={finding(points)} />
    </Card>
  );
}

function finding(points: readonly UsagePoint[]): string {
  const total = points.reduce((sum, point) => sum + point.requests, 0);
  const refused = points.reduce((sum, point) => sum + point.refused, 0);
  const top = points.reduce<UsagePoint | undefined>(
    (most, point) => (most === undefined || point.requests > most.requests ? point : most),
    undefined,
  );
  if (total === 0 || top === undefined) return "No call in the last 24 hours";
  return `${formatNumber(total)} calls in the last 24 hours, ${formatNumber(refused)} refused; most in the hour from ${formatMinute(new Date(top.start))}, ${formatNumber(top.requests)}`;
}
