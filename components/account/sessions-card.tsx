"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Monitor } from "lucide-react";
import { StaleNotice } from "@/components/logs/stale-notice";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Time } from "@/components/ui/time";
import { toastDone, toastError } from "@/components/ui/toaster";
import { isApiError } from "@/lib/api";
import { endSession, sessionsQuery, signOut } from "@/lib/auth/client";
import type { SessionRow } from "@/lib/auth/schema";
import { formatAddress } from "@/lib/format";
import type { List } from "@/lib/schema";
import { deviceOf } from "./device";

export function SessionsCard({ sessions: initialData }: { sessions: List<SessionRow> }) {
  const queries = useQueryClient();
  const list = useQuery({ ...sessionsQuery(), initialData });
  const failed = (what: string) => (error: Error) =>
    toastError(`${what} ${error.message}`, isApiError(error) ? (error.requestId ?? undefined) : undefined);
  const end = useMutation({
    mutationFn: (session: SessionRow) => endSession(session.id),
    onSuccess: (_, session) => toastDone(`${deviceOf(session.user_agent)} is signed out`),
    onError: failed("The session was not ended."),
    onSettled: () => queries.invalidateQueries({ queryKey: sessionsQuery().queryKey }),
  });
  const leave = useMutation({ mutationFn: signOut, onError: failed("You are still signed in.") });
  return (
    <Card title="Sessions" description="Where you are signed in. Each ends by itself after 7 days.">
      <StaleNotice error={list.error} onRetry={() => void list.refetch()} className="mb-3" />
      <ul className="-mb-3">
        {list.data.data.map((session) => (
          <li key={session.id} className="flex items-center gap-3 border-t border-line py-3">
            <Monitor className="text-fg-3" />
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
                <bdi className="cut font-medium" title={session.user_agent ?? undefined}>
                  {deviceOf(session.user_agent)}
                </bdi>
                {session.is_current && <Badge tone="ok">This one</Badge>}
              </p>
              <p className="text-sm text-fg-3">
                <span className="mono">{formatAddress(session.ip)}</span> · <Time iso={session.last_seen_at} /> · since{" "}
                <Time iso={session.created_at} as="date" />
              </p>
            </div>
            {session.is_current ? (
              <Button size="sm" busy={leave.isPending} busyLabel="Signing out" onClick={() => leave.mutate()}>
                Sign out
              </Button>
            ) : (
              <Button
                size="sm"
                variant="danger-quiet"
                busy={end.isPending && end.variables.id === session.id}
                busyLabel="Ending"
                aria-label={`End the session of ${deviceOf(session.user_agent)}`}
                onClick={() => end.mutate(session)}
              >
                End
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}
