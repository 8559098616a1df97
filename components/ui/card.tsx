import clsx from "clsx";
import { type ReactNode, useId } from "react";

type CardProps = {
  title?: ReactNode;
  description?: ReactNode;
  /** At the right of the title: a link, a segmented control. */
  action?: ReactNode;
  footer?: ReactNode;
  /** The body reaches the edges: for tables and lists that rule themselves. */
  flush?: boolean | undefined;
  className?: string | undefined;
  children?: ReactNode;
};

/** A ruled box with a name; a region for who navigates by headings and landmarks. */
export function Card({ title, description, action, footer, flush = false, className, children }: CardProps) {
  const id = useId();
  return (
    <section
      aria-labelledby={title ? id : undefined}
      className={clsx("flex min-w-0 flex-col rounded-lg border border-line bg-surface", className)}
    >
      {(title || action) && (
        <header className="flex min-h-12 flex-wrap items-center gap-x-4 gap-y-1 py-2 pr-2 pl-4">
          <div className="min-w-0 flex-1 py-1">
            {title && (
              <h2 id={id} className="text-h3 font-semibold">
                {title}
              </h2>
            )}
            {description && <p className="mt-0.5 text-fg-2">{description}</p>}
          </div>
          {action && <div className="flex flex-none items-center gap-1 pr-2">{action}</div>}
        </header>
      )}
      <div className={clsx("min-w-0", !flush && "px-4 pb-4", !flush && !title && !action && "pt-4")}>{children}</div>
      {footer && <footer className="mt-auto flex flex-wrap items-center gap-3 border-t border-line px-4 py-3">{footer}</footer>}
    </section>
  );
}
