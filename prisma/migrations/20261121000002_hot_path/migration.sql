-- Nodes: the processes of this deployment and their leases (lib/leases.ts). A row is named like the node's spool.
CREATE TABLE "Node" (
    "id" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    -- Until then, by this server's clock, the node may answer from its cache; a change waits for it as long.
    "leaseUntil" TIMESTAMPTZ(3) NOT NULL,
    -- Every change announced up to this number has left the node's cache.
    "confirmed" BIGINT NOT NULL,
    -- Set by a change that the node did not confirm in time: its next renewal fails.
    "barredAt" TIMESTAMPTZ(3),

    CONSTRAINT "Node_pkey" PRIMARY KEY ("id")
);

-- Numbers of announced changes. Given out under one lock until commit, so that a number says: all smaller ones are committed or gone.
CREATE SEQUENCE announcement;
-- A fresh sequence's last_value is the number it has yet to give out; after this one it is the number given out last.
SELECT nextval('announcement');

-- The last statement of a change: tells every node which things (ids) are no longer as cached. Undone with the change when it is rolled back.
CREATE FUNCTION announce(things text[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    number bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('latchkey.announcement'));
    number := nextval('public.announcement');
    PERFORM pg_notify('latchkey', json_build_object('n', number, 'things', things)::text);
    RETURN number;
END
$$;

-- Quota that a spool's node has reserved and that no usage record has claimed yet. QuotaPeriod.used = claimed + the sum of "held".
CREATE TABLE "QuotaBlock" (
    "spool" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "month" TEXT NOT NULL,
    "held" INTEGER NOT NULL,

    CONSTRAINT "QuotaBlock_pkey" PRIMARY KEY ("spool", "orgId", "environment", "month")
);

CREATE INDEX "QuotaBlock_orgId_environment_month_idx" ON "QuotaBlock"("orgId", "environment", "month");

ALTER TABLE "QuotaBlock" ADD CONSTRAINT "QuotaBlock_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A key's refusals past 600 a minute are one row that says how many.
ALTER TABLE "UsageEvent" ADD COLUMN "calls" INTEGER NOT NULL DEFAULT 1;

-- The balance beside the ledger, which only grows: kept by the trigger, never below zero, so that a charge locks and reads one row.
CREATE TABLE "CreditBalance" (
    "orgId" TEXT NOT NULL,
    "available" INTEGER NOT NULL,

    CONSTRAINT "CreditBalance_pkey" PRIMARY KEY ("orgId"),
    CONSTRAINT "CreditBalance_available_check" CHECK ("available" >= 0)
);

ALTER TABLE "CreditBalance" ADD CONSTRAINT "CreditBalance_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

INSERT INTO "CreditBalance" ("orgId", "available") SELECT "orgId", sum("amount") FROM "CreditEntry" GROUP BY "orgId";

CREATE FUNCTION keep_credit_balance() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    -- Not an upsert: the check would judge the row that was to be inserted, and a charge is a negative amount.
    UPDATE public."CreditBalance" SET "available" = "available" + NEW."amount" WHERE "orgId" = NEW."orgId";
    IF NOT FOUND THEN
        INSERT INTO public."CreditBalance" ("orgId", "available") VALUES (NEW."orgId", NEW."amount")
        ON CONFLICT ("orgId") DO UPDATE SET "available" = public."CreditBalance"."available" + excluded."available";
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER credit_balance AFTER INSERT ON "CreditEntry"
    FOR EACH ROW EXECUTE FUNCTION keep_credit_balance();
