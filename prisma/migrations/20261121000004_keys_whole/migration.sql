-- What the operator sells besides calls: how many keys an organization may have at a time (not revoked, not expired).
ALTER TABLE "Plan" ADD COLUMN "mostKeys" INTEGER NOT NULL DEFAULT 100;
UPDATE "Plan" SET "mostKeys" = CASE "id"
    WHEN 'free' THEN 100 WHEN 'starter' THEN 500 WHEN 'growth' THEN 1000 WHEN 'pro' THEN 2500 WHEN 'business' THEN 10000 ELSE 100000 END;
ALTER TABLE "Plan" ALTER COLUMN "mostKeys" DROP DEFAULT;

-- Set by the operator alone; null = the plan's.
ALTER TABLE "Org" ADD COLUMN "mostKeys" INTEGER;
-- Whether keys may make, edit, rotate and revoke other keys.
ALTER TABLE "Org" ADD COLUMN "keysManageKeys" BOOLEAN NOT NULL DEFAULT true;
-- What happens to a key whose secret was found in the open: revoke at once, or flag it and tell its owners.
ALTER TABLE "Org" ADD COLUMN "leakPolicy" TEXT NOT NULL DEFAULT 'revoke';
ALTER TABLE "Org" ADD CONSTRAINT "Org_leakPolicy_check" CHECK ("leakPolicy" IN ('revoke', 'flag'));

-- When and where a finder saw a live secret of the key; cleared by a rotation.
ALTER TABLE "Key" ADD COLUMN "leakedAt" TIMESTAMPTZ(3);
ALTER TABLE "Key" ADD COLUMN "leakedUrl" TEXT;
CREATE INDEX "Key_parentId_idx" ON "Key"("parentId") WHERE "parentId" IS NOT NULL;

-- Kept for a secret that is running out, so that a rotation shows whether anybody still calls with it.
ALTER TABLE "KeySecret" ADD COLUMN "lastUsedAt" TIMESTAMPTZ(3);
-- Which keys rotate is asked of all keys at once, for lists and counts. Few secrets ever run out.
CREATE INDEX "KeySecret_endsAt_idx" ON "KeySecret"("endsAt") WHERE "endsAt" IS NOT NULL;
-- Hashed elsewhere and handed in by the operator.
ALTER TABLE "KeySecret" ADD COLUMN "imported" BOOLEAN NOT NULL DEFAULT false;

-- Forms of secrets that were hashed elsewhere and imported: only text of such a form is looked up besides our own.
CREATE TABLE "ImportedForm" (
    "prefix" TEXT NOT NULL,
    "length" INTEGER NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "ImportedForm_pkey" PRIMARY KEY ("prefix", "length"),
    CONSTRAINT "ImportedForm_length_check" CHECK ("length" BETWEEN 16 AND 512)
);

-- A secret on its way to the person who will use it: sealed with a key that is derived from the link's token, of which only a hash is here.
CREATE TABLE "HandOver" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "secretId" TEXT NOT NULL,
    "tokenHash" TEXT NOT NULL,
    -- Null once it was opened, recalled or has expired.
    "sealed" BYTEA,
    "recipient" TEXT NOT NULL DEFAULT '',
    "createdById" TEXT NOT NULL,
    "createdByName" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "openedAt" TIMESTAMPTZ(3),
    "recalledAt" TIMESTAMPTZ(3),

    CONSTRAINT "HandOver_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "HandOver_lifetime_check" CHECK ("expiresAt" <= "createdAt" + interval '72 hours')
);
CREATE UNIQUE INDEX "HandOver_tokenHash_key" ON "HandOver"("tokenHash");
CREATE INDEX "HandOver_keyId_createdAt_idx" ON "HandOver"("keyId", "createdAt");
CREATE INDEX "HandOver_expiresAt_idx" ON "HandOver"("expiresAt") WHERE "sealed" IS NOT NULL;
ALTER TABLE "HandOver" ADD CONSTRAINT "HandOver_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "HandOver" ADD CONSTRAINT "HandOver_keyId_fkey" FOREIGN KEY ("keyId") REFERENCES "Key"("id") ON DELETE CASCADE ON UPDATE CASCADE;
