-- Rows that every drain of usage updates: with room on their page an update touches no index, a third to a half of its cost.
ALTER TABLE "Key" SET (fillfactor = 70);
ALTER TABLE "UsageBucket" SET (fillfactor = 50);
