import { Page } from "@/components/ui/page-header";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

export default function Loading() {
  return (
    <Page>
      <div className="mb-6 grid h-12 content-center gap-3">
        <Skeleton className="h-4 w-36" />
        <Skeleton className="w-64" />
      </div>
      <SkeletonRows label="Loading the page" />
    </Page>
  );
}
