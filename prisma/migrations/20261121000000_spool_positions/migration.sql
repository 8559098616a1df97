-- How far each process's spool of usage records has been drained.
CREATE TABLE "SpoolPosition" (
    "name" TEXT NOT NULL,
    "segment" INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,

    CONSTRAINT "SpoolPosition_pkey" PRIMARY KEY ("name")
);
