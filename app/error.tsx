"use client";

import { BrokenPage } from "@/components/shell/fault";

export default function ErrorPage({ error, retry }: { error: unknown; retry: () => void }) {
  return <BrokenPage alone error={error} retry={retry} />;
}
