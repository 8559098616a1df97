"use client";

import { Command as Cmdk } from "cmdk";
import { CornerDownLeft, Search } from "lucide-react";
import { useRouter } from "next/navigation";
import { Dialog } from "radix-ui";
import { type ReactNode, useEffect, useState } from "react";
import { Kbd } from "@/components/ui/kbd";
import { useReturnFocus } from "@/components/ui/overlay";

export type Command = {
  id: string;
  label: string;
  icon?: ReactNode;
  /** At the right of the label, quiet: a prefix, a group. */
  detail?: string | undefined;
  /** Found by these as well. */
  keywords?: string | undefined;
  shortcut?: string | undefined;
} & ({ href: string; run?: never } | { run: () => void; href?: never });

export type CommandGroup = { heading: string; commands: readonly Command[] };

type CommandPaletteProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** Pages, groups, actions: known beforehand, filtered here. */
  groups: readonly CommandGroup[];
  /** Keys and whatever else the server finds; already filtered. */
  search?: ((query: string, signal: AbortSignal) => Promise<readonly CommandGroup[]>) | undefined;
};

export function CommandPalette({ open, onOpenChange, groups, search }: CommandPaletteProps) {
  const focus = useReturnFocus();
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="enter-fade fixed inset-0 z-50 bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          onOpenAutoFocus={focus.remember}
          onCloseAutoFocus={focus.giveBack}
          className="enter-rise floating fixed inset-x-4 top-[12vh] z-50 mx-auto flex max-h-[min(480px,76dvh)] max-w-[600px] flex-col overflow-hidden rounded-xl text-fg shadow-dialog focus-visible:outline-none max-md:inset-x-2 max-md:top-2"
        >
          <Dialog.Title className="sr-only">Search or jump to</Dialog.Title>
          <Palette groups={groups} search={search} close={() => onOpenChange(false)} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

// Its own component, so that what was typed and found goes when the palette closes.
function Palette({ groups, search, close }: { groups: readonly CommandGroup[]; search: CommandPaletteProps["search"]; close: () => void }) {
  const router = useRouter();
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<{ query: string; groups: readonly CommandGroup[]; failed: boolean }>({
    query: "",
    groups: [],
    failed: false,
  });
  const wanted = query.trim();
  const waiting = search !== undefined && wanted !== "" && found.query !== wanted;

  useEffect(() => {
    if (!search || wanted === "") return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      search(wanted, stop.signal).then(
        (result) => stop.signal.aborted || setFound({ query: wanted, groups: result, failed: false }),
        () => stop.signal.aborted || setFound({ query: wanted, groups: [], failed: true }),
      );
    }, 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [search, wanted]);

  const run = (command: Command) => {
    close();
    if (command.href === undefined) command.run();
    else router.push(command.href);
  };
  const own = groups
    .map((group) => ({ ...group, commands: group.commands.filter((command) => matches(command, wanted)) }))
    .filter((group) => group.commands.length > 0);
  const theirs = wanted === "" ? [] : found.groups.filter((group) => group.commands.length > 0);
  const shown = [...theirs, ...own];

  return (
    <Cmdk shouldFilter={false} loop label="Search or jump to" className="flex min-h-0 flex-col">
      <div className="flex flex-none items-center gap-2.5 border-b border-line px-4">
        <Search className="text-fg-3" />
        <Cmdk.Input
          value={query}
          onValueChange={setQuery}
          placeholder="Page, key, prefix or action"
          className="h-12 flex-1 bg-transparent text-lg outline-none focus-visible:outline-none max-md:text-[16px]"
        />
        <Kbd className="max-md:hidden">esc</Kbd>
      </div>
      <Cmdk.List className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-1.5 pb-1.5" aria-busy={waiting}>
        {shown.map((group) => (
          <Cmdk.Group
            key={group.heading}
            heading={group.heading}
            className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2.5 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-sm [&_[cmdk-group-heading]]:text-fg-3"
          >
            {group.commands.map((command) => (
              <Cmdk.Item
                key={command.id}
                value={command.id}
                onSelect={() => run(command)}
                className="group/item flex h-9 cursor-default items-center gap-2.5 rounded-md px-2.5 data-[selected=true]:bg-hover max-md:h-11"
              >
                <span className="flex w-5 flex-none justify-center text-fg-3">{command.icon}</span>
                <bdi className="cut">
                  <Match text={command.label} wanted={wanted} />
                </bdi>
                {command.detail && (
                  <span className="mono flex-none text-fg-3" translate="no">
                    <Match text={command.detail} wanted={wanted} />
                  </span>
                )}
                <span className="ml-auto flex flex-none items-center">
                  {command.shortcut ? (
                    <Kbd>{command.shortcut}</Kbd>
                  ) : (
                    <CornerDownLeft className="hidden size-3.5 text-fg-3 group-data-[selected=true]/item:block" />
                  )}
                </span>
              </Cmdk.Item>
            ))}
          </Cmdk.Group>
        ))}
        {shown.length === 0 && (
          <p role="status" className="px-2.5 py-8 text-center text-fg-2">
            {waiting
              ? "Searching"
              : found.failed
                ? "The search did not answer. Pages and actions still work."
                : `Nothing is called “${wanted}”`}
          </p>
        )}
      </Cmdk.List>
    </Cmdk>
  );
}

function matches(command: Command, wanted: string): boolean {
  const text = `${command.label} ${command.detail ?? ""} ${command.keywords ?? ""}`.toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function Match({ text, wanted }: { text: string; wanted: string }) {
  const at = wanted === "" ? -1 : text.toLowerCase().indexOf(wanted.toLowerCase());
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <b>{text.slice(at, at + wanted.length)}</b>
      {text.slice(at + wanted.length)}
    </>
  );
}
