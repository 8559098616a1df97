-- Tells the claim of an organization that the operator made from an owner's invitation of another.
ALTER TABLE "Invite" ADD COLUMN "byOperator" BOOLEAN NOT NULL DEFAULT false;
