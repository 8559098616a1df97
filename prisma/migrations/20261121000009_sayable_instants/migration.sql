-- An instant past the year 9999 (an import once took one) has no text that JavaScript reads, and made every list with its key a fault.
-- Such a key ends, or begins, as late as can be said; -infinity, as early. From now on no row can have one.
UPDATE "Key" SET "expiresAt" = greatest('epoch', least("expiresAt", '9999-12-31T23:59:59.999Z'))
    WHERE "expiresAt" NOT BETWEEN 'epoch' AND '9999-12-31T23:59:59.999Z';
UPDATE "Key" SET "notBefore" = greatest('epoch', least("notBefore", '9999-12-31T23:59:59.999Z'))
    WHERE "notBefore" NOT BETWEEN 'epoch' AND '9999-12-31T23:59:59.999Z';
ALTER TABLE "Key"
    ADD CONSTRAINT "Key_expiresAt_check" CHECK ("expiresAt" BETWEEN 'epoch' AND '9999-12-31T23:59:59.999Z'),
    ADD CONSTRAINT "Key_notBefore_check" CHECK ("notBefore" BETWEEN 'epoch' AND '9999-12-31T23:59:59.999Z');
