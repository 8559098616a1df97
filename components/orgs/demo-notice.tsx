import { Info } from "lucide-react";

/** Over every page of an organization that `npm run demo` made. */
export function DemoNotice() {
  return (
    <div className="flex items-baseline gap-2 border-b border-line bg-sunken px-gutter py-1.5 text-sm text-fg-2">
      <Info className="size-3.5! translate-y-0.5 text-fg-3" />
      <p>
        Demo data. <code className="font-mono">npm run demo -- --remove</code> takes it away.
      </p>
    </div>
  );
}
