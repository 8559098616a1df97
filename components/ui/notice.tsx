import clsx from "clsx";
import { CircleAlert, CircleCheck, Info, KeyRound, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

type Tone = "quiet" | "ok" | "warn" | "bad" | "brass";

const looks: Record<Tone, { ground: string; tint: string; icon: ReactNode }> = {
  quiet: { ground: "bg-sunken", tint: "text-fg-3", icon: <Info /> },
  ok: { ground: "bg-ok-soft", tint: "text-ok", icon: <CircleCheck /> },
  warn: { ground: "bg-warn-soft", tint: "text-warn-text", icon: <TriangleAlert /> },
  bad: { ground: "bg-bad-soft", tint: "text-bad", icon: <CircleAlert /> },
  brass: { ground: "bg-brass-soft", tint: "text-brass-text", icon: <KeyRound /> },
};

type NoticeProps = {
  tone?: Tone | undefined;
  icon?: ReactNode;
  /** In bold, before the sentence. */
  title?: ReactNode;
  /** At the right: a link or a small button. */
  action?: ReactNode;
  /** Announced when it appears: status for news, alert for a failure. */
  role?: "status" | "alert" | undefined;
  className?: string | undefined;
  children?: ReactNode;
};

export function Notice({ tone = "quiet", icon, title, action, role, className, children }: NoticeProps) {
  const look = looks[tone];
  return (
    <div role={role} className={clsx("flex gap-2.5 rounded-lg px-3 py-2.5 text-fg-2 max-md:flex-wrap", look.ground, className)}>
      <span className={clsx("mt-0.5 flex flex-none", look.tint)}>{icon ?? look.icon}</span>
      {/* On a phone the action stands under the text, which would be a thin column beside it. */}
      <div className={clsx("min-w-0 flex-1 wrap-anywhere", action && "max-md:basis-[calc(100%-26px)]")}>
        {title && <b className="text-fg">{title}</b>} {children}
      </div>
      {action && <div className="flex flex-none items-start max-md:ml-[26px]">{action}</div>}
    </div>
  );
}
