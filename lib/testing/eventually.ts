import { setTimeout as sleep } from "node:timers/promises";

/** Asks until the answer is not undefined, and gives it back. Throws when that takes longer than `seconds`. */
export async function eventually<T>(ask: () => T | undefined | Promise<T | undefined>, seconds = 30): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(20)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`It did not happen within ${seconds} s`);
  }
}
