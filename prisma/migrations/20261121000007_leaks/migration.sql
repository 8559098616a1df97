-- A leak is of one secret and ends with it, whatever becomes of the key. Where it was found stands in the event of the report.
ALTER TABLE "KeySecret" ADD COLUMN "leakedAt" TIMESTAMPTZ(3);
UPDATE "KeySecret" s SET "leakedAt" = e."at" FROM (
    SELECT "after"->>'secret_id' AS "secretId", max("createdAt") AS "at" FROM "AuditEvent" WHERE "action" = 'api_key.leak' GROUP BY 1
) e WHERE s."id" = e."secretId";
ALTER TABLE "Key" DROP COLUMN "leakedAt", DROP COLUMN "leakedUrl";

-- Reports of leaked keys that were answered and are not dealt with yet (lib/keys/leaks.ts). Rows live for moments, and outlive their node.
CREATE TABLE "LeakReport" (
    "requestId" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "actor" JSONB NOT NULL,
    -- SHA-256 of each text that has the form of a secret, as in "KeySecret", whosever it is. The texts are kept nowhere.
    "digests" TEXT[] NOT NULL,
    "place" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "LeakReport_pkey" PRIMARY KEY ("requestId")
);
