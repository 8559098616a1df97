"use client";

import clsx from "clsx";
import {
  BookOpen,
  ChartColumn,
  Check,
  ChevronsUpDown,
  Folders,
  House,
  Key,
  List,
  LogOut,
  Menu as MenuIcon,
  Search,
  Settings,
  ShieldCheck,
  UserRound,
  Users,
} from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useTheme } from "next-themes";
import { type ReactNode, useEffect, useState } from "react";
import { Avatar } from "@/components/ui/avatar";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { useHydrated } from "@/components/ui/media";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "@/components/ui/menu";
import { Sheet } from "@/components/ui/sheet";
import { Tooltip } from "@/components/ui/tooltip";
import { type Command, type CommandGroup, CommandPalette } from "./command-palette";
import { type Crumb, CrumbProvider, Header } from "./header";
import { Mark } from "./mark";
import { HalfCircle } from "./theme-toggle";

type Org = { id: string; name: string; slug: string };

export type ShellProps = {
  org: Org & { isDemo: boolean };
  orgs: readonly Org[];
  user: { name: string; email: string };
  /** Said beside the name: "owner". */
  role: string;
  counts?: { keys?: number | undefined; groups?: number | undefined; members?: number | undefined } | undefined;
  onSignOut: () => void;
  /** Finds keys and groups for the palette. */
  search?: ((query: string, signal: AbortSignal) => Promise<readonly CommandGroup[]>) | undefined;
  /** What this person may do from anywhere: "Generate key". */
  actions?: readonly Command[] | undefined;
  children: ReactNode;
};

type Entry = { path: string; label: string; icon: ReactNode; count?: number | undefined };

/** Navigation around a page: sidebar from 1100, rail from 768, a sheet below. The page brings its own `<Page>`. */
export function Shell({ org, orgs, user, role, counts = {}, onSignOut, search, actions = [], children }: ShellProps) {
  const pathname = usePathname();
  const { resolvedTheme, setTheme } = useTheme();
  const [finding, setFinding] = useState(false);
  const [navigating, setNavigating] = useState(false);
  const home = `/orgs/${org.slug}`;
  const entries: readonly Entry[] = [
    { path: home, label: "Overview", icon: <House /> },
    { path: `${home}/keys`, label: "Keys", icon: <Key />, count: counts.keys },
    { path: `${home}/groups`, label: "Groups", icon: <Folders />, count: counts.groups },
    { path: `${home}/usage`, label: "Usage", icon: <ChartColumn /> },
    { path: `${home}/logs`, label: "Request log", icon: <List /> },
    { path: `${home}/audit`, label: "Audit log", icon: <ShieldCheck /> },
    { path: `${home}/members`, label: "Members", icon: <Users />, count: counts.members },
    { path: `${home}/settings`, label: "Settings", icon: <Settings /> },
  ];
  const current = entries.find((entry) => pathname === entry.path || (entry.path !== home && pathname.startsWith(`${entry.path}/`)));

  useEffect(() => {
    const open = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setFinding((was) => !was);
    };
    document.addEventListener("keydown", open);
    return () => document.removeEventListener("keydown", open);
  }, []);

  const groups: CommandGroup[] = [
    { heading: "Actions", commands: actions },
    { heading: "Pages", commands: entries.map((entry) => ({ id: entry.path, label: entry.label, icon: entry.icon, href: entry.path })) },
    {
      heading: "Organizations",
      commands: orgs
        .filter((other) => other.id !== org.id)
        .map((other) => ({ id: other.id, label: other.name, icon: <Mark size={16} />, href: `/orgs/${other.slug}` })),
    },
    {
      heading: "Latchkey",
      commands: [
        { id: "docs", label: "Docs", icon: <BookOpen />, keywords: "help quick start reference errors", href: "/docs" },
        { id: "account", label: "Account", icon: <UserRound />, keywords: "profile sessions password", href: "/account" },
        {
          id: "theme",
          label: resolvedTheme === "dark" ? "Use light theme" : "Use dark theme",
          icon: <HalfCircle />,
          keywords: "appearance",
          run: () => setTheme(resolvedTheme === "dark" ? "light" : "dark"),
        },
        { id: "sign-out", label: "Sign out", icon: <LogOut />, keywords: "log out leave", run: onSignOut },
      ],
    },
  ];

  const crumbs = (page: string | null): Crumb[] => {
    const list: Crumb[] = [{ label: org.name, href: home, note: org.isDemo ? "demo" : undefined }];
    if (current) list.push({ label: current.label, href: current.path === home ? `${home}#overview` : current.path });
    else if (!pathname.startsWith("/orgs/")) list.push({ label: pathname.startsWith("/docs") ? "Docs" : "Account", href: pathname });
    if (page) list.push({ label: page, href: `${pathname}#page` });
    return list;
  };

  const side = (wide: boolean, leave: () => void) => (
    <Side
      wide={wide}
      org={org}
      orgs={orgs}
      user={user}
      role={role}
      entries={entries}
      current={current?.path}
      onSignOut={onSignOut}
      onFind={() => setFinding(true)}
      onLeave={leave}
    />
  );
  return (
    <CrumbProvider>
      {(page) => (
        <div className="grid min-h-dvh grid-cols-[minmax(0,1fr)] md:grid-cols-[57px_minmax(0,1fr)] lg:grid-cols-[var(--sidebar)_minmax(0,1fr)]">
          <a
            href="#main"
            className="sr-only focus-visible:not-sr-only focus-visible:floating focus-visible:fixed! focus-visible:top-2 focus-visible:left-2 focus-visible:z-50 focus-visible:px-3! focus-visible:py-2! focus-visible:font-medium"
          >
            Skip to content
          </a>
          <aside aria-label="Organization" className="sticky top-0 h-dvh border-r border-line bg-page max-md:hidden">
            {side(false, () => {})}
          </aside>
          <div className="flex min-w-0 flex-col">
            <Header
              crumbs={crumbs(page)}
              start={
                <Button
                  variant="ghost"
                  icon={<MenuIcon />}
                  aria-label="Open navigation"
                  className="md:hidden"
                  onClick={() => setNavigating(true)}
                />
              }
              end={
                <Button
                  variant="ghost"
                  icon={<Search />}
                  aria-label="Search or jump to"
                  className="md:hidden"
                  onClick={() => setFinding(true)}
                />
              }
            />
            <main id="main" tabIndex={-1} className="min-w-0 flex-1">
              {children}
            </main>
          </div>
          <Sheet bare open={navigating} onOpenChange={setNavigating} side="left" title="Navigation">
            {side(true, () => setNavigating(false))}
          </Sheet>
          <CommandPalette
            open={finding}
            onOpenChange={setFinding}
            groups={groups.filter((group) => group.commands.length > 0)}
            search={search}
          />
        </div>
      )}
    </CrumbProvider>
  );
}

type SideProps = Pick<ShellProps, "org" | "orgs" | "user" | "role" | "onSignOut"> & {
  /** With words at any width: inside the sheet. */
  wide: boolean;
  entries: readonly Entry[];
  current: string | undefined;
  onFind: () => void;
  onLeave: () => void;
};

function Side({ wide, org, orgs, user, role, entries, current, onSignOut, onFind, onLeave }: SideProps) {
  // In the rail words stay for screen readers, and come back as tooltips.
  const word = wide ? "cut flex-1" : "cut flex-1 max-lg:sr-only";
  const extra = wide ? "" : "max-lg:hidden";
  const row = clsx(
    "fast flex w-full flex-none cursor-default items-center gap-2.5 rounded-md px-2 text-left hover:bg-hover aria-expanded:bg-hover focus-visible:-outline-offset-2",
    !wide && "max-lg:justify-center max-lg:px-0",
  );
  const tip = wide ? "hidden" : "lg:hidden";
  return (
    <div className="flex h-full flex-col gap-0.5 overflow-y-auto p-2">
      <Menu
        align="start"
        className="w-60"
        trigger={
          <button type="button" aria-label={`Switch organization, now ${org.name}`} className={clsx(row, "h-9 font-semibold")}>
            <Mark />
            <span className={word}>{org.name}</span>
            <ChevronsUpDown className={clsx("text-fg-3", extra)} />
          </button>
        }
      >
        <MenuLabel>Organizations</MenuLabel>
        {orgs.map((other) => (
          <MenuItem
            key={other.id}
            href={`/orgs/${other.slug}`}
            onSelect={onLeave}
            aside={other.id === org.id && <Check aria-label="current" />}
          >
            <bdi>{other.name}</bdi>
          </MenuItem>
        ))}
      </Menu>
      <Tooltip content="Search or jump to" side="right" className={tip}>
        <button
          type="button"
          onClick={() => {
            onLeave();
            onFind();
          }}
          className={clsx(
            "fast my-1.5 mb-3 flex h-8 w-full flex-none cursor-default items-center gap-2 rounded-md border border-line-strong bg-surface pr-1.5 pl-2 text-left text-fg-3 hover:bg-hover",
            !wide && "max-lg:justify-center max-lg:px-0",
          )}
        >
          <Search />
          <span className={word}>Search or jump to</span>
          <FindKeys className={extra} />
        </button>
      </Tooltip>
      <nav aria-label="Main" className="flex flex-col gap-px">
        {entries.map((entry) => (
          <Tooltip key={entry.path} content={entry.label} side="right" className={tip}>
            <Link
              href={entry.path}
              aria-current={entry.path === current ? "page" : undefined}
              onClick={onLeave}
              className={clsx(
                row,
                wide ? "h-10" : "h-[30px] max-lg:h-9",
                entry.path === current ? "bg-hover font-strong text-fg" : "font-quiet text-fg-2 [&_svg]:text-fg-3",
              )}
            >
              {entry.icon}
              <span className={word}>{entry.label}</span>
              {entry.count !== undefined && (
                <span className={clsx("text-sm font-normal text-fg-3 tabular-nums", extra)}>{entry.count.toLocaleString("en")}</span>
              )}
            </Link>
          </Tooltip>
        ))}
      </nav>
      <div className="mt-auto flex flex-col gap-px pt-4">
        <Tooltip content="Docs" side="right" className={tip}>
          <Link
            href="/docs"
            onClick={onLeave}
            className={clsx(row, wide ? "h-10" : "h-[30px] max-lg:h-9", "font-quiet text-fg-2 [&_svg]:text-fg-3")}
          >
            <BookOpen />
            <span className={word}>Docs</span>
          </Link>
        </Tooltip>
        <Menu
          align="start"
          side="top"
          className="w-56"
          trigger={
            <button
              type="button"
              aria-label={`${user.name}, ${role}`}
              className={clsx(row, wide ? "h-10" : "h-9", "-ml-[3px] w-[calc(100%+3px)]", !wide && "max-lg:ml-0 max-lg:w-full")}
            >
              <Avatar name={user.name} />
              <span className={word}>{user.name}</span>
              <span className={clsx("text-sm text-fg-3", extra)}>{role}</span>
            </button>
          }
        >
          <MenuLabel>{user.email}</MenuLabel>
          <MenuItem icon={<UserRound />} href="/account" onSelect={onLeave}>
            Account
          </MenuItem>
          <MenuSeparator />
          <MenuItem icon={<LogOut />} onSelect={onSignOut}>
            Sign out
          </MenuItem>
        </Menu>
      </div>
    </div>
  );
}

function FindKeys({ className }: { className: string }) {
  const apple = !useHydrated() || /Mac|iPhone|iPad/.test(navigator.platform);
  return <Kbd className={clsx("max-md:hidden", className)}>{apple ? "⌘K" : "Ctrl K"}</Kbd>;
}
