"use client";

import { deviceOf } from "@/components/account/device";
import { Sparkline } from "@/components/charts/sparkline";
import { Checkbox } from "@/components/ui/checkbox";
import { Pill } from "@/components/ui/pill";
import { Skeleton } from "@/components/ui/skeleton";
import { Td, Tr, TwoLines } from "@/components/ui/table";
import { Time } from "@/components/ui/time";
import { formatNumber } from "@/lib/format";
import type { Key, KeyInsight } from "@/lib/keys/schema";
import { KeyFace } from "./key-face";
import { KeyHealth } from "./key-health";
import { type KeyAct, KeyRowMenu } from "./key-row-menu";
import { isOff } from "./key-state";

/** Which columns stay at which width: never health or last used. The name keeps room for a prefix and its pill; the group moves under it. */
export const columnLook = {
  group: "max-[1520px]:hidden",
  expires: "max-[1340px]:hidden",
  calls: "md:max-[1220px]:hidden",
} as const;

type KeyRowProps = {
  org: string;
  state: Key;
  group: string;
  insight: KeyInsight | undefined;
  /** Its insight is on the way. */
  waiting: boolean;
  /** Undefined: this list has no boxes. */
  box: { on: boolean; may: boolean; onTick: (on: boolean, isRange: boolean) => void } | undefined;
  mayChange: boolean;
  mayRevoke: boolean;
  onAct: (act: KeyAct) => void;
};

export function KeyRow({ org, state: key, group, insight, waiting, box, mayChange, mayRevoke, onAct }: KeyRowProps) {
  return (
    <Tr selected={box?.on || undefined}>
      {box && (
        <Td phone="select" className="select-none">
          {box.may ? (
            <Checkbox
              aria-label={`Select ${key.name}`}
              checked={box.on}
              onChange={(event) => box.onTick(event.target.checked, (event.nativeEvent as MouseEvent).shiftKey)}
            />
          ) : (
            <span className="block size-4" />
          )}
        </Td>
      )}
      <Td phone="lead">
        <TwoLines
          href={`/orgs/${org}/keys/${key.id}`}
          lead={<KeyFace prefix={key.key_prefix} off={isOff(key)} />}
          name={key.name}
          title={key.name}
          second={
            <>
              <span className="mono min-w-0 break-all whitespace-normal" translate="no">
                {key.key_prefix}
              </span>
              {key.environment === "test" && <Pill>test</Pill>}
              <bdi className="cut shrink-[9999] md:max-[900px]:hidden min-[1521px]:hidden compact:hidden" title={group}>
                {group}
              </bdi>
            </>
          }
        />
      </Td>
      <Td phone="hidden" className={columnLook.group}>
        <bdi className="cut block text-fg-2" title={group}>
          {group}
        </bdi>
      </Td>
      <Td>
        <KeyHealth state={key} health={insight?.health} waiting={waiting} />
      </Td>
      <Td numeric phone="end" className={columnLook.calls}>
        <Calls total={key.request_count} days={insight?.days} waiting={waiting} />
      </Td>
      <Td phone="start" className="min-[900px]:pl-6">
        <LastUsed state={key} insight={insight} />
      </Td>
      <Td phone="hidden" className={columnLook.expires}>
        {key.expires_at ? (
          <TwoLines title={<Time as="date" iso={key.expires_at} />} second={<Time as="until" iso={key.expires_at} />} />
        ) : (
          "Never"
        )}
      </Td>
      <Td phone="menu" className="md:text-right">
        <KeyRowMenu org={org} state={key} mayChange={mayChange} mayRevoke={mayRevoke} onAct={onAct} />
      </Td>
    </Tr>
  );
}

function Calls({ total, days, waiting }: { total: number; days: KeyInsight["days"] | undefined; waiting: boolean }) {
  return (
    <span className="flex items-center justify-between gap-2.5 max-md:flex-col-reverse max-md:items-end max-md:gap-0.5">
      <span className="flex h-[22px] w-24 items-end">
        {days ? <Sparkline label="Calls per day" points={days} /> : waiting && <Skeleton className="h-[22px] w-24" />}
      </span>
      <span>
        {formatNumber(total)}
        <span className="text-fg-3 md:hidden"> {total === 1 ? "call" : "calls"}</span>
      </span>
    </span>
  );
}

/** When and with what agent, over from where. */
function LastUsed({ state: key, insight }: { state: Key; insight: KeyInsight | undefined }) {
  if (key.last_used_at === null) return <TwoLines title="Never" second="No call yet" />;
  const seen = insight?.last_used;
  const ip = seen?.ip ?? key.last_used_ip;
  return (
    <TwoLines
      title={
        <span className="flex min-w-0 gap-1.5">
          <Time iso={key.last_used_at} className="flex-none" />
          {seen?.user_agent && (
            <span className="cut text-fg-3" title={seen.user_agent}>
              <span className="sr-only">with </span>
              {deviceOf(seen.user_agent)}
            </span>
          )}
        </span>
      }
      second={
        ip ? (
          <>
            <span className="mono cut" title={ip}>
              {ip}
            </span>
            {seen?.country && (
              <abbr className="no-underline" title={countryName(seen.country)}>
                · {seen.country}
              </abbr>
            )}
          </>
        ) : (
          "—"
        )
      }
    />
  );
}

function countryName(code: string): string {
  try {
    return new Intl.DisplayNames("en", { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}
