import { expect, test } from "vitest";
import { backgroundDone, inBackground } from "@/lib/background";
import { parseEnv, provideEnv } from "@/lib/env";
import { databaseAway } from "@/lib/errors";

provideEnv(parseEnv({ LOG_LEVEL: "silent" }));

test("work begins after the answer, and a process that stops waits for all of it", async () => {
  const done: number[] = [];
  inBackground("one", async () => {
    await new Promise((ready) => setTimeout(ready, 30));
    done.push(1);
    inBackground("what it leads to", async () => void done.push(2));
  });
  expect(done).toEqual([]);
  await backgroundDone();
  expect(done).toEqual([1, 2]);
});

test("work that fails is left; the rest goes on", async () => {
  const done: number[] = [];
  inBackground("bad", async () => {
    throw new Error("no");
  });
  inBackground("good", async () => void done.push(1));
  await backgroundDone();
  expect(done).toEqual([1]);
});

test("work that meets a database that is away is tried again", async () => {
  let tried = 0;
  inBackground("late", async () => {
    tried += 1;
    if (tried === 1) throw databaseAway();
  });
  await backgroundDone();
  expect(tried).toBe(2);
});
