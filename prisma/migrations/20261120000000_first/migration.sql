-- The first migration. The tables are generated from prisma/schema.prisma (prisma migrate diff --from-empty); there is no CREATE SCHEMA,
-- because a role that owns only its database need not be allowed to create one.

-- CreateTable
CREATE TABLE "Deployment" (
    "id" TEXT NOT NULL DEFAULT 'latchkey',
    "secretCheck" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Deployment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "passwordHash" TEXT,
    "isOperator" BOOLEAN NOT NULL DEFAULT false,
    "disabledAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Session" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "ip" TEXT,
    "userAgent" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "OneTimeToken" (
    "hash" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "OneTimeToken_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "Plan" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "requestsPerMinute" INTEGER NOT NULL,
    "requestsPerMonth" INTEGER NOT NULL,
    "scopes" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "firstCredits" INTEGER NOT NULL,
    "sortOrder" INTEGER NOT NULL,

    CONSTRAINT "Plan_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Org" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "planId" TEXT NOT NULL,
    "requestsPerMinute" INTEGER,
    "requestsPerMonth" INTEGER,
    "scopes" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "allowedIps" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "isDemo" BOOLEAN NOT NULL DEFAULT false,
    "deactivatedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Org_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Member" (
    "orgId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Member_pkey" PRIMARY KEY ("orgId","userId")
);

-- CreateTable
CREATE TABLE "Invite" (
    "hash" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "acceptedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Invite_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "Group" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "requestsPerMinute" INTEGER,
    "allowedIps" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "archivedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Group_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Key" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "groupId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "access" TEXT NOT NULL,
    "scopes" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "ownerId" TEXT,
    "parentId" TEXT,
    "createdByType" TEXT NOT NULL,
    "createdById" TEXT NOT NULL,
    "createdByName" TEXT NOT NULL,
    "requestsPerMinute" INTEGER,
    "allowedIps" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "notBefore" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3),
    "pausedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),
    "revokedReason" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "prefix" TEXT NOT NULL,
    "lastUsedAt" TIMESTAMPTZ(3),
    "lastUsedIp" TEXT,
    "lastUsedAgent" TEXT,
    "requestCount" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "Key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "KeySecret" (
    "id" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "prefix" TEXT NOT NULL,
    "endsAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "KeySecret_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CreditEntry" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "amount" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    "requestId" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CreditEntry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "QuotaPeriod" (
    "orgId" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "month" TEXT NOT NULL,
    "used" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "QuotaPeriod_pkey" PRIMARY KEY ("orgId","environment","month")
);

-- CreateTable: one partition per UTC day, made by usage_partitions() below. Without a partition for its day an insert fails, on purpose:
-- a default partition would have to be emptied before the day could ever be made.
CREATE TABLE "UsageEvent" (
    "requestId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "orgId" TEXT NOT NULL,
    "groupId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "secretId" TEXT NOT NULL,
    "keyPrefix" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "outcome" TEXT NOT NULL,
    "latencyUs" INTEGER NOT NULL,
    "credits" INTEGER NOT NULL DEFAULT 0,
    "ip" TEXT,
    "country" TEXT,
    "userAgent" TEXT,

    CONSTRAINT "UsageEvent_pkey" PRIMARY KEY ("createdAt","requestId")
) PARTITION BY RANGE ("createdAt");

-- CreateTable
CREATE TABLE "UsageBucket" (
    "orgId" TEXT NOT NULL,
    "start" TIMESTAMPTZ(3) NOT NULL,
    "keyId" TEXT NOT NULL,
    "groupId" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "requests" INTEGER NOT NULL,
    "credits" INTEGER NOT NULL,
    "latency" INTEGER[],

    CONSTRAINT "UsageBucket_pkey" PRIMARY KEY ("orgId","start","keyId","groupId","environment","route","outcome")
);

-- CreateTable
CREATE TABLE "AuditHead" (
    "chain" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditHead_pkey" PRIMARY KEY ("chain")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "id" TEXT NOT NULL,
    "chain" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "action" TEXT NOT NULL,
    "eventType" TEXT NOT NULL,
    "actorType" TEXT NOT NULL,
    "actorId" TEXT,
    "actorName" TEXT NOT NULL,
    "actorRole" TEXT,
    "targetType" TEXT NOT NULL,
    "targetId" TEXT,
    "targetName" TEXT,
    "before" JSONB,
    "after" JSONB,
    "ip" TEXT,
    "country" TEXT,
    "userAgent" TEXT,
    "requestId" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "previousHash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- CreateIndex
CREATE INDEX "Session_userId_idx" ON "Session"("userId");

-- CreateIndex
CREATE INDEX "OneTimeToken_expiresAt_idx" ON "OneTimeToken"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "Org_slug_key" ON "Org"("slug");

-- CreateIndex
CREATE INDEX "Member_userId_idx" ON "Member"("userId");

-- CreateIndex
CREATE INDEX "Invite_orgId_idx" ON "Invite"("orgId");

-- CreateIndex
CREATE INDEX "Invite_email_idx" ON "Invite"("email");

-- CreateIndex
CREATE INDEX "Group_orgId_createdAt_idx" ON "Group"("orgId", "createdAt");

-- CreateIndex
CREATE INDEX "Key_orgId_createdAt_id_idx" ON "Key"("orgId", "createdAt", "id");

-- CreateIndex
CREATE INDEX "Key_groupId_idx" ON "Key"("groupId");

-- CreateIndex
CREATE INDEX "Key_ownerId_idx" ON "Key"("ownerId");

-- CreateIndex
CREATE INDEX "Key_prefix_idx" ON "Key"("prefix");

-- CreateIndex
CREATE UNIQUE INDEX "KeySecret_hash_key" ON "KeySecret"("hash");

-- CreateIndex
CREATE INDEX "KeySecret_keyId_idx" ON "KeySecret"("keyId");

-- CreateIndex
CREATE INDEX "CreditEntry_orgId_createdAt_idx" ON "CreditEntry"("orgId", "createdAt");

-- CreateIndex
CREATE INDEX "UsageEvent_orgId_createdAt_requestId_idx" ON "UsageEvent"("orgId", "createdAt" DESC, "requestId" DESC);

-- CreateIndex
CREATE INDEX "UsageEvent_keyId_createdAt_requestId_idx" ON "UsageEvent"("keyId", "createdAt" DESC, "requestId" DESC);

-- CreateIndex
CREATE INDEX "UsageBucket_keyId_start_idx" ON "UsageBucket"("keyId", "start");

-- CreateIndex
CREATE INDEX "AuditEvent_chain_createdAt_idx" ON "AuditEvent"("chain", "createdAt");

-- CreateIndex
CREATE INDEX "AuditEvent_targetId_idx" ON "AuditEvent"("targetId");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_chain_sequence_key" ON "AuditEvent"("chain", "sequence");

-- AddForeignKey
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "OneTimeToken" ADD CONSTRAINT "OneTimeToken_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Org" ADD CONSTRAINT "Org_planId_fkey" FOREIGN KEY ("planId") REFERENCES "Plan"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Member" ADD CONSTRAINT "Member_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Member" ADD CONSTRAINT "Member_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Invite" ADD CONSTRAINT "Invite_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Group" ADD CONSTRAINT "Group_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Key" ADD CONSTRAINT "Key_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Key" ADD CONSTRAINT "Key_groupId_fkey" FOREIGN KEY ("groupId") REFERENCES "Group"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Key" ADD CONSTRAINT "Key_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "KeySecret" ADD CONSTRAINT "KeySecret_keyId_fkey" FOREIGN KEY ("keyId") REFERENCES "Key"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CreditEntry" ADD CONSTRAINT "CreditEntry_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "QuotaPeriod" ADD CONSTRAINT "QuotaPeriod_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Below: what Prisma's schema language cannot say.

-- The days of usage. Dropping a day is instant and leaves nothing to vacuum; deleting its rows would not.
-- The application's role may not create tables, so this function, which runs with the owner's rights, does only that: it makes the missing
-- daily partitions (UTC, both ends included) and says how many. Harmless to call twice or from several nodes at once.
CREATE FUNCTION usage_partitions("first" date, "last" date) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
-- Without it the caller's search_path would decide which tables these names mean.
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    day date := "first";
    partition text;
    made integer := 0;
BEGIN
    IF "last" - "first" > 400 THEN
        RAISE EXCEPTION 'usage_partitions makes at most 400 days at once, not % to %', "first", "last";
    END IF;
    -- Two nodes at midnight: the second waits here and then finds the tables.
    PERFORM pg_advisory_xact_lock(hashtext('usage_partitions'));
    WHILE day <= "last" LOOP
        partition := 'UsageEvent_' || to_char(day, 'YYYYMMDD');
        -- Not to_regclass(): it looks into a cache that may not have heard of the other node's tables yet.
        IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = partition) THEN
            -- Attaching, unlike CREATE TABLE … PARTITION OF, locks out neither readers nor writers of the other days.
            EXECUTE format('CREATE TABLE public.%I (LIKE public."UsageEvent" INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', partition);
            EXECUTE format(
                'ALTER TABLE public."UsageEvent" ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                partition, to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00'
            );
            made := made + 1;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Functions are everybody's by default; this one acts as the owner.
REVOKE ALL ON FUNCTION usage_partitions(date, date) FROM PUBLIC;

-- The audit log only grows. Grants keep the application's role from changing it; the trigger also stops the owner, and is what remains
-- where a deployment has one role for everything.
CREATE FUNCTION refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only: % on "AuditEvent" is refused, because a changed or missing row would break the chain that proves the log complete', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- For the statement, not for each row: TRUNCATE has no rows, and a statement that matches none is refused too.
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "AuditEvent"
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- ALWAYS: also in a session that calls itself a replica, where triggers are silent otherwise.
ALTER TABLE "AuditEvent" ENABLE ALWAYS TRIGGER audit_append_only;

-- The plans of a fresh deployment. Rows, not code: the operator edits them, so later migrations must not overwrite them.
-- Enterprise starts with the numbers of business, until the operator sets an organization's own.
INSERT INTO "Plan" ("id", "name", "requestsPerMinute", "requestsPerMonth", "scopes", "firstCredits", "sortOrder")
SELECT id, initcap(id), per_minute, per_month,
       ARRAY['status', 'documents', 'summary', 'search', 'export', 'chat', 'extract']
           || CASE WHEN level >= 2 THEN ARRAY['upload', 'ask', 'templates', 'tagging'] ELSE '{}' END
           || CASE WHEN level >= 3 THEN ARRAY['compare', 'metrics', 'summary_audio'] ELSE '{}' END,
       credits, position
FROM (VALUES
    ('free',       60,    1000,    50, 1, 1),
    ('starter',    150,   10000,   500, 1, 2),
    ('growth',     180,   50000,  2000, 2, 3),
    ('pro',        300,  100000,  5000, 2, 4),
    ('business',   600, 1000000, 50000, 3, 5),
    ('enterprise', 600, 1000000, 50000, 3, 6)
) AS plan (id, per_minute, per_month, credits, level, position);
