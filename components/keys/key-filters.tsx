"use client";

import { ArrowDownUp } from "lucide-react";
import { useFilters } from "@/components/logs/use-filters";
import { Button } from "@/components/ui/button";
import { FilterAdd, FilterBar, FilterChip, SearchInput } from "@/components/ui/filter-bar";
import { Menu, MenuChoice } from "@/components/ui/menu";
import type { KeyListFilter } from "@/lib/keys/client";
import { type HealthCode, healthCodes, type KeySort, type KeyStatus, keySorts, keyStatuses } from "@/lib/keys/schema";
import { healthWords } from "./key-state";

export type GroupChoice = { id: string; name: string };

const sortWords: Record<KeySort, string> = {
  "-created": "Newest first",
  created: "Oldest first",
  name: "By name",
  "-last_used": "Last used first",
  last_used: "Longest unused first",
  "-calls": "Most calls first",
  expires: "Expires first",
};

const statusWords: Record<KeyStatus, string> = {
  revoked: "Revoked",
  expired: "Expired",
  paused: "Paused",
  scheduled: "Not yet valid",
  rotating: "Rotating",
  expiring: "Expires soon",
  active: "Active",
};

/** In the order in which Backspace takes them away. */
const filterNames = ["parent_id", "health", "status", "environment", "group_id"] as const;
export const noFilter = { q: null, ...Object.fromEntries(filterNames.map((name) => [name, null])) };

export function isFiltered(filter: KeyListFilter): boolean {
  return [...filterNames, "q" as const].some((name) => filter[name] !== undefined);
}

type KeyFiltersProps = {
  /** But for what the tab says. */
  filter: KeyListFilter;
  groups: readonly GroupChoice[];
  /** Name of the key whose keys are shown, where that is asked. */
  parent: string | null;
};

/** Search, filters and order, all in the address. */
export function KeyFilters({ filter, groups, parent }: KeyFiltersProps) {
  const { set } = useFilters();
  const group = groups.find((each) => each.id === filter.group_id);
  const last = filterNames.find((name) => filter[name] !== undefined);
  const sort = (filter.sort ?? "-created") as KeySort;
  return (
    <FilterBar
      label="Filter keys"
      end={
        <Menu
          trigger={
            <Button variant="ghost" icon={<ArrowDownUp />} aria-label={`Order: ${sortWords[sort]}`}>
              {sortWords[sort]}
            </Button>
          }
        >
          <MenuChoice
            value={sort}
            onValueChange={(next) => set({ sort: next === "-created" ? null : next })}
            options={keySorts.map((value) => ({ value, label: sortWords[value] }))}
          />
        </Menu>
      }
    >
      <SearchInput
        label="Search keys"
        placeholder="Name or prefix"
        value={filter.q ?? ""}
        onValueChange={(text) => set({ q: withoutSecret(text.trim()) })}
        onBackspace={() => last && set({ [last]: null })}
      />
      {filter.group_id !== undefined && (
        <FilterChip name="Group" value={<bdi>{group?.name ?? "another one"}</bdi>} onRemove={() => set({ group_id: null })} />
      )}
      {filter.environment !== undefined && (
        <FilterChip name="Environment" value={filter.environment} onRemove={() => set({ environment: null })} />
      )}
      {filter.status !== undefined && (
        <FilterChip name="Status" value={statusNames(String(filter.status))} onRemove={() => set({ status: null })} />
      )}
      {filter.health !== undefined && <FilterChip name="Health" value={healthName(filter.health)} onRemove={() => set({ health: null })} />}
      {filter.parent_id !== undefined && (
        <FilterChip name="Made by" value={<bdi>{parent ?? "another key"}</bdi>} onRemove={() => set({ parent_id: null })} />
      )}
      {filter.group_id === undefined && groups.length > 1 && (
        <FilterAdd
          name="Group"
          options={groups.map(({ id, name }) => ({ value: id, label: <bdi>{name}</bdi> }))}
          onValueChange={(id) => set({ group_id: id })}
        />
      )}
      {filter.environment === undefined && (
        <FilterAdd
          name="Environment"
          options={[
            { value: "live", label: "live" },
            { value: "test", label: "test" },
          ]}
          onValueChange={(environment) => set({ environment })}
        />
      )}
      {filter.status === undefined && (
        <FilterAdd
          name="Status"
          options={keyStatuses.toReversed().map((value) => ({ value, label: statusWords[value] }))}
          onValueChange={(status) => set({ status })}
        />
      )}
      {filter.health === undefined && (
        <FilterAdd
          name="Health"
          options={healthCodes.map((value) => ({ value, label: healthWords[value] }))}
          onValueChange={(health) => set({ health })}
        />
      )}
    </FilterBar>
  );
}

const healthName = (health: string) => (health === "attention" ? "Needs attention" : healthWords[health as HealthCode]);
const statusNames = (statuses: string) =>
  statuses
    .split(",")
    .map((status) => statusWords[status as KeyStatus])
    .join(", ");

/** A whole secret that was pasted here must not reach the address: of it the public prefix finds the key. */
function withoutSecret(text: string): string {
  return /^[A-Za-z0-9_-]{1,24}[0-9A-Za-z]{38}$/.test(text) ? text.slice(0, -32) : text;
}
