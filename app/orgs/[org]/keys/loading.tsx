import { Page, PageHeader } from "@/components/ui/page-header";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

export default function KeysLoading() {
  return (
    <Page width="table">
      <PageHeader title="Keys">
        <Skeleton className="my-1.5 w-44" />
      </PageHeader>
      <div className="h-9 border-b border-line" />
      <div className="flex h-14 items-center">
        <Skeleton className="h-control w-[280px]" />
      </div>
      <SkeletonRows label="Loading keys" />
    </Page>
  );
}
