-- From where a hand-over was opened: the receipt for who made the link.
ALTER TABLE "HandOver" ADD COLUMN "openedIp" TEXT, ADD COLUMN "openedCountry" TEXT, ADD COLUMN "openedAgent" TEXT;
-- What is gone holds nothing any more, whoever writes the row.
ALTER TABLE "HandOver" ADD CONSTRAINT "HandOver_gone_check" CHECK ("sealed" IS NULL OR ("openedAt" IS NULL AND "recalledAt" IS NULL));
