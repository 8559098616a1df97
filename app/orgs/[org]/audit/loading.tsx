import { Page, PageHeader } from "@/components/ui/page-header";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

export default function AuditLoading() {
  return (
    <Page width="table">
      <PageHeader title="Audit log">
        <Skeleton className="my-1.5 w-80 max-w-full" />
      </PageHeader>
      <div className="flex h-14 items-center gap-2">
        <Skeleton className="h-control w-[280px]" />
        <Skeleton className="h-control w-32" />
      </div>
      <SkeletonRows rows={12} label="Loading events" />
    </Page>
  );
}
