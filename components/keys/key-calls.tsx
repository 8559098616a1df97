"use client";

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { OutcomeChart } from "@/components/charts/outcome-chart";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { formatNumber } from "@/lib/format";
import { seriesQuery } from "@/lib/usage/client";
import type { UsagePoint } from "@/lib/usage/schema";

const spans = {
  day: { interval: "1h", buckets: 24, title: "Calls, last 24 hours" },
  month: { interval: "1d", buckets: 30, title: "Calls, last 30 days" },
} as const;
type Span = keyof typeof spans;

export function KeyCalls({ org, id, initial }: { org: string; id: string; initial: { data: UsagePoint[] } }) {
  const [span, setSpan] = useState<Span>("day");
  const { interval, buckets, title } = spans[span];
  const series = useQuery({
    ...seriesQuery(org, { key_id: id, interval }),
    ...(span === "day" ? { initialData: initial } : {}),
    refetchInterval: 30_000,
  });
  const points = series.isPlaceholderData ? undefined : series.data?.data.slice(-buckets);
  return (
    <Card
      title={title}
      action={
        <Segmented
          label="Span"
          value={span}
          onValueChange={setSpan}
          options={[
            { value: "day", label: "24 hours" },
            { value: "month", label: "30 days" },
          ]}
        />
      }
    >
      {points === undefined ? (
        <div aria-busy="true" className="h-[252px] pt-1">
          <Skeleton className="w-56" />
        </div>
      ) : (
        <OutcomeChart
          points={points}
          interval={interval}
          height={216}
          summary={sentence(points, span)}
          unfinishedFrom={points.at(-1)?.start}
        />
      )}
    </Card>
  );
}

function sentence(points: readonly UsagePoint[], span: Span): string {
  const sum = (field: "requests" | "refused" | "errors") => formatNumber(points.reduce((total, point) => total + point[field], 0));
  return `${sum("requests")} calls in the last ${span === "day" ? "24 hours" : "30 days"}, ${sum("refused")} refused, ${sum("errors")} errors`;
}
