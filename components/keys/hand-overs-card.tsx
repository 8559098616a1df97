"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, Clock, Send, Undo2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { deviceOf } from "@/components/account/device";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyAsCurl } from "@/components/ui/copy-as-curl";
import { Dialog } from "@/components/ui/dialog";
import { Notice } from "@/components/ui/notice";
import { Time } from "@/components/ui/time";
import { toastDone } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { formatAddress } from "@/lib/format";
import { handOversQuery, recallHandOver } from "@/lib/keys/client";
import type { HandOver } from "@/lib/keys/schema";
import { Failure } from "./failure";

const WAITING_EVERY = 5_000;

const badges: Record<HandOver["status"], { tone: BadgeTone; icon: ReactNode; word: string }> = {
  waiting: { tone: "info", icon: <Send />, word: "Waiting" },
  opened: { tone: "ok", icon: <Check />, word: "Opened" },
  recalled: { tone: "quiet", icon: <Undo2 />, word: "Recalled" },
  expired: { tone: "quiet", icon: <Clock />, word: "Never opened" },
};

type HandOversCardProps = {
  org: string;
  keyId: string;
  /** Whether this person may recall. */
  mayChange: boolean;
};

/** The links that handed this key's secrets over: who waits for one, and when and from where one was opened. Nothing while there were none. */
export function HandOversCard({ org, keyId, mayChange }: HandOversCardProps) {
  const list = useQuery({
    ...handOversQuery(org, keyId),
    refetchInterval: ({ state }) => (state.data?.data.some(({ status }) => status === "waiting") ? WAITING_EVERY : false),
  });
  const [recalling, setRecalling] = useState<HandOver | null>(null);
  const rows = list.data?.data ?? [];
  if (rows.length === 0) return null;
  return (
    <Card title="Hand-overs" description="Links that show a secret of this key once.">
      <ul className="-mb-3">
        {rows.map((row) => (
          <li key={row.id} className="flex items-start gap-3 border-t border-line py-3">
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
                {row.recipient !== null && <bdi className="font-medium wrap-anywhere">{row.recipient}</bdi>}
                <Badge tone={badges[row.status].tone} icon={badges[row.status].icon}>
                  {badges[row.status].word}
                </Badge>
              </p>
              <p className="mt-0.5 text-sm wrap-anywhere text-fg-3">
                <What row={row} />
              </p>
            </div>
            {mayChange && row.status === "waiting" && (
              <Button
                size="sm"
                variant="danger-quiet"
                aria-label={`Recall the link${row.recipient === null ? "" : ` for ${row.recipient}`}…`}
                onClick={() => setRecalling(row)}
              >
                Recall…
              </Button>
            )}
          </li>
        ))}
      </ul>
      {recalling && <RecallDialog org={org} keyId={keyId} row={recalling} onClose={() => setRecalling(null)} />}
    </Card>
  );
}

function What({ row }: { row: HandOver }) {
  const from = row.opened_from;
  if (row.opened_at !== null) {
    return (
      <>
        <Time iso={row.opened_at} as="exact" /> from <span className="mono text-fg-2">{formatAddress(from?.ip ?? null)}</span>{" "}
        {from?.country}
        {from?.user_agent && ` · ${deviceOf(from.user_agent)}`}
      </>
    );
  }
  if (row.recalled_at !== null) {
    return (
      <>
        before anybody opened it, <Time iso={row.recalled_at} as="exact" />
      </>
    );
  }
  return row.status === "waiting" ? (
    <>
      by <bdi>{row.created_by.name}</bdi>, <Time iso={row.created_at} className="inline-block first-letter:lowercase" /> · ends{" "}
      <Time iso={row.expires_at} as="until" />
    </>
  ) : (
    <>
      by <bdi>{row.created_by.name}</bdi> · ended <Time iso={row.expires_at} as="exact" />
    </>
  );
}

function RecallDialog({ org, keyId, row, onClose }: { org: string; keyId: string; row: HandOver; onClose: () => void }) {
  const queries = useQueryClient();
  const recall = useMutation({
    mutationFn: () => recallHandOver(org, keyId, row.id),
    onSuccess: () => {
      toastDone("The link is recalled");
      onClose();
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: handOversQuery(org, keyId).queryKey });
      void queries.invalidateQueries({ queryKey: ["audit", org] });
    },
  });
  const opened = isApiError(recall.error) && recall.error.type === "conflict" ? recall.error.details.opened_at : undefined;
  return (
    <Dialog
      open
      onOpenChange={(open) => open || recall.isPending || onClose()}
      title={
        row.recipient === null ? (
          "Recall this link?"
        ) : (
          <>
            Recall the link for <bdi>{row.recipient}</bdi>?
          </>
        )
      }
      description="It then shows nothing. The secret stays good: if nobody else has it, rotate the key to get a new one."
      onSubmit={() => opened === undefined && recall.mutate()}
      footer={
        opened === undefined ? (
          <>
            <span className="mr-auto">
              <CopyAsCurl route="DELETE /v1/api-keys/{id}/hand-overs/{handOver}" params={{ id: keyId, handOver: row.id }} />
            </span>
            <Button data-initial-focus onClick={onClose} disabled={recall.isPending}>
              Keep it
            </Button>
            <Button type="submit" variant="danger" busy={recall.isPending} busyLabel="Recalling">
              Recall link
            </Button>
          </>
        ) : (
          <Button onClick={onClose}>Close</Button>
        )
      }
    >
      {opened !== undefined ? (
        <Notice tone="warn" role="alert" title="It was opened before you could recall it:">
          <Time iso={opened} as="exact" />. If that was not the person you meant, rotate or revoke the key.
        </Notice>
      ) : (
        <Failure title="The link is not recalled." error={recall.error} />
      )}
    </Dialog>
  );
}
