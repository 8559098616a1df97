import { BookOpen, Plus } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { CallIt } from "@/components/overview/call-it";
import { CallsPerHour } from "@/components/overview/calls-per-hour";
import { Checklist } from "@/components/overview/checklist";
import { Figures } from "@/components/overview/figures";
import { LatestEvents } from "@/components/overview/latest-events";
import { NewestKey } from "@/components/overview/newest-key";
import { Today } from "@/components/overview/today";
import { Button } from "@/components/ui/button";
import { Page, PageHeader } from "@/components/ui/page-header";
import { authorize, reachOf } from "@/lib/access/permissions";
import { listAudit } from "@/lib/audit/audit";
import { pageActor } from "@/lib/auth/page";
import { env } from "@/lib/env";
import { listGroups } from "@/lib/groups/groups";
import { keyInsights } from "@/lib/keys/insight";
import { countKeys, listKeys } from "@/lib/keys/list";
import { getOrg } from "@/lib/orgs/orgs";
import { listLogs } from "@/lib/usage/logs";
import { usageSeries } from "@/lib/usage/usage";

export const metadata: Metadata = { title: "Overview" };

export default async function OverviewPage({ params }: { params: Promise<{ org: string }> }) {
  const { org: slug } = await params;
  const actor = await pageActor(slug);
  const keyReader = authorize(actor, "keys.read");
  const usageReader = authorize(actor, "usage.read");
  const now = new Date();
  const yesterday = dayOf(new Date(now.getTime() - 86_400_000));
  const monthStart = `${dayOf(now).slice(0, 7)}-01`;
  const newest = listKeys(keyReader, { limit: 1 });
  const [org, keys, insights, counts, groups, calls, events, hours, days, month] = await Promise.all([
    getOrg(authorize(actor, "org.read")),
    newest,
    newest.then(({ data: [key] }) => (key === undefined ? { data: [] } : keyInsights(keyReader, [key.id]))),
    countKeys(keyReader),
    listGroups(authorize(actor, "groups.read"), { limit: 1000 }),
    listLogs(authorize(actor, "logs.read"), { limit: 1 }),
    listAudit(authorize(actor, "audit.read"), { limit: 5 }),
    usageSeries(usageReader, { interval: "1h" }),
    usageSeries(usageReader, { interval: "1d", start: yesterday }),
    usageSeries(usageReader, { interval: "1d", start: monthStart, environment: "live" }),
  ]);
  const mayCreateGroups = reachOf(actor, "groups.write") !== null;
  const mayCreateKeys = reachOf(actor, "keys.create") !== null;
  const [group] = groups.data;
  const primary =
    group === undefined
      ? mayCreateGroups && { href: `/orgs/${slug}/groups?new=1`, words: "Create group" }
      : mayCreateKeys && { href: `/orgs/${slug}/keys?new=1`, words: "Generate key" };
  const { publicUrl, publicUrlIsSet } = env();
  return (
    <Page>
      <PageHeader
        title="Overview"
        actions={
          <>
            <Button asChild icon={<BookOpen />}>
              <Link href="/docs">Quick start</Link>
            </Button>
            {primary && (
              <Button asChild variant="primary" icon={<Plus />}>
                <Link href={primary.href}>{primary.words}</Link>
              </Button>
            )}
          </>
        }
      >
        <Today /> · plan {org.plan.name}
      </PageHeader>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
        <Checklist
          org={{ id: org.id, slug, createdAt: org.created_at }}
          group={group}
          keys={keys}
          calls={calls}
          mayCreateGroups={mayCreateGroups}
          mayCreateKeys={mayCreateKeys}
        />
        <Figures
          org={slug}
          yesterday={yesterday}
          monthStart={monthStart}
          days={days}
          month={month}
          quota={org.requests_per_month}
          isFirstDay={org.created_at.slice(0, 10) === dayOf(now)}
        />
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[minmax(0,1fr)_336px]">
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
            <CallsPerHour org={slug} hours={hours} />
            <LatestEvents org={slug} events={events} />
          </div>
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
            <NewestKey org={slug} keys={keys} insights={insights} keyCount={counts.all} hasGroup={group !== undefined} />
            <CallIt base={{ url: publicUrl, isSet: publicUrlIsSet }} />
          </div>
        </div>
      </div>
    </Page>
  );
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}
