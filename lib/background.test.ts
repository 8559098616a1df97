import { expect, test } from "vitest";
import { backgroundDone, inBackground } from "@/lib/background";
import { parseEnv, provideEnv } from "@/lib/env";
import { databaseAway } from "@/lib/errors";

provideEnv(parseEnv({ LOG_LEVEL: "silent" }));

test("work begins after the answer, and a process that stops waits for all of it", async () => {
  const done: number[] = [];
  inBackground("acts", "one", async () => {
    await new Promise((ready) => setTimeout(ready, 30));
    done.push(1);
    inBackground("acts", "what it leads to", async () => void done.push(2));
  });
  expect(done).toEqual([]);
  await backgroundDone();
  expect(done).toEqual([1, 2]);
});

test("work that fails is left; the rest goes on", async () => {
  const done: number[] = [];
  inBackground("acts", "bad", async () => {
    throw new Error("no");
  });
  inBackground("acts", "good", async () => void done.push(1));
  await backgroundDone();
  expect(done).toEqual([1]);
});

test("work that meets a database that is away is tried again", async () => {
  let tried = 0;
  inBackground("acts", "late", async () => {
    tried += 1;
    if (tried === 1) throw databaseAway();
  });
  await backgroundDone();
  expect(tried).toBe(2);
});

test("little runs at a time, and all of it in the end", async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  for (let i = 0; i < 20; i++) {
    inBackground("acts", "one of many", async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((ready) => setTimeout(ready, 2));
      running -= 1;
      done.push(i);
      if (i % 5 === 0) throw new Error("no");
    });
  }
  await backgroundDone();
  expect(most).toBe(3);
  expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test("acts do not wait behind words that hang, and a process that stops gives those up", async () => {
  const done: string[] = [];
  for (let i = 0; i < 4; i++) inBackground("words", "a mail", () => new Promise<void>((ready) => setTimeout(ready, 5_000)));
  inBackground("acts", "a revocation", async () => void done.push("revoked"));
  const begun = performance.now();
  await backgroundDone(200);
  expect(done).toEqual(["revoked"]);
  expect(performance.now() - begun).toBeLessThan(4_500);
  await backgroundDone();
});
