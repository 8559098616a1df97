-- Forms of secrets that are looked up besides our own of today: imported ones, and our own under earlier prefixes, so that keys outlive
-- a change of the prefix. Written at the start of a process and by an import; never removed.
ALTER TABLE "ImportedForm" RENAME TO "SecretForm";
ALTER TABLE "SecretForm" RENAME CONSTRAINT "ImportedForm_pkey" TO "SecretForm_pkey";
ALTER TABLE "SecretForm" RENAME CONSTRAINT "ImportedForm_length_check" TO "SecretForm_length_check";
-- Ours, with our checksum.
ALTER TABLE "SecretForm" ADD COLUMN "checksum" BOOLEAN NOT NULL DEFAULT false;
