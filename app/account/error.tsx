"use client";

import { BrokenPage } from "@/components/shell/fault";

export default function AccountErrorPage({ error, retry }: { error: unknown; retry: () => void }) {
  return <BrokenPage error={error} retry={retry} />;
}
