import { Card } from "@/components/ui/card";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";
import { Stat, Stats } from "@/components/ui/stat";

export default function UsageLoading() {
  return (
    <Page>
      <PageHeader title="Usage">Everything your keys asked for, whether it was answered or refused.</PageHeader>
      <div className="grid gap-4">
        <Stats label="Usage">
          {["Requests", "Refused", "Errors", "Latency, p95"].map((label) => (
            <Stat
              key={label}
              label={label}
              value={<Skeleton className="my-2 h-[18px] w-24" />}
              note={<Skeleton className="my-1 h-2 w-20" />}
            />
          ))}
        </Stats>
        <Card title="Requests per hour">
          <div className="h-[276px]" />
        </Card>
        <SkeletonRows label="Loading usage" />
      </div>
    </Page>
  );
}
