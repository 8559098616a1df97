import { Card } from "@/components/ui/card";
import { Page, PageHeader } from "@/components/ui/page-header";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

export default function KeyLoading() {
  return (
    <Page>
      <PageHeader title={<Skeleton className="my-1 h-5 w-56" />}>
        <Skeleton className="my-1.5 w-80 max-w-full" />
      </PageHeader>
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[minmax(0,1fr)_336px]">
        <div className="grid min-w-0 gap-4">
          <Card title="Calls, last 24 hours">
            <div className="h-[252px]" />
          </Card>
          <SkeletonRows rows={5} label="Loading the key" />
        </div>
        <Card title="Details">
          <div className="grid gap-[18px] py-1">
            {["w-52", "w-12", "w-24", "w-48", "w-20", "w-10", "w-36", "w-40"].map((width) => (
              <span key={width} className="grid grid-cols-[112px_1fr] gap-3">
                <Skeleton className="w-16" />
                <Skeleton className={width} />
              </span>
            ))}
          </div>
        </Card>
      </div>
    </Page>
  );
}
