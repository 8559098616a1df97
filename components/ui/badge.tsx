import clsx from "clsx";
import { CircleAlert, CircleCheck, Clock, KeyRound, RotateCw, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

export type BadgeTone = "ok" | "info" | "warn" | "bad" | "quiet" | "brass";

const looks: Record<BadgeTone, { text: string; ground: string; icon: ReactNode }> = {
  ok: { text: "text-ok-text", ground: "bg-ok-soft shadow-[inset_0_0_0_1px_var(--ok-line)]", icon: <CircleCheck /> },
  info: { text: "text-accent-text", ground: "bg-accent-soft shadow-[inset_0_0_0_1px_var(--accent-line)]", icon: <RotateCw /> },
  warn: { text: "text-warn-text", ground: "bg-warn-soft shadow-[inset_0_0_0_1px_var(--warn-line)]", icon: <TriangleAlert /> },
  bad: { text: "text-bad-text", ground: "bg-bad-soft shadow-[inset_0_0_0_1px_var(--bad-line)]", icon: <CircleAlert /> },
  quiet: { text: "text-fg-2", ground: "bg-sunken shadow-[inset_0_0_0_1px_var(--line)]", icon: <Clock /> },
  brass: { text: "text-brass-text", ground: "bg-brass-soft shadow-[inset_0_0_0_1px_var(--brass-line)]", icon: <KeyRound /> },
};

type BadgeProps = {
  tone: BadgeTone;
  /** Each tone has one; give another where ui.md names it. */
  icon?: ReactNode;
  /** No ground: for a figure or a status code in a cell. */
  bare?: boolean | undefined;
  className?: string | undefined;
  children: ReactNode;
};

/** A status: shape of the icon and the word carry the meaning, colour repeats it. */
export function Badge({ tone, icon, bare = false, className, children }: BadgeProps) {
  return (
    <span
      className={clsx(
        "inline-flex h-5 flex-none items-center gap-[5px] whitespace-nowrap rounded-sm text-sm font-medium [&_svg]:size-3 [&_svg]:stroke-[2.4]",
        looks[tone].text,
        !bare && [looks[tone].ground, "pr-[7px] pl-[5px]"],
        className,
      )}
    >
      {icon ?? looks[tone].icon}
      {children}
    </span>
  );
}
