import "server-only";
import { hash, verify } from "@node-rs/argon2";
import { AppError } from "@/lib/errors";
import { once } from "@/lib/runtime";

// OWASP's second choice for argon2id; 64–92 ms here. Four at once bound the memory (80 MB), 64 more may wait.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const AT_ONCE = 4;
const QUEUE = 64;

const gate = () => once("passwords", () => ({ running: 0, waiting: [] as (() => void)[] }));

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const g = gate();
  if (g.running >= AT_ONCE) {
    if (g.waiting.length >= QUEUE)
      throw new AppError("unavailable", "Too many people are signing in at this moment. Try again.", { retryAfterSeconds: 5 });
    await new Promise<void>((go) => g.waiting.push(go)); // the place of the one that finished passes on
  } else g.running += 1;
  try {
    return await work();
  } finally {
    const next = g.waiting.shift();
    if (next) next();
    else g.running -= 1;
  }
}

export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password, PARAMETERS));
}

let nobody: Promise<string> | null = null;

/** Whether the password is right. A person who does not exist costs the same time as one who does. */
export async function passwordMatches(storedHash: string | null, password: string): Promise<boolean> {
  nobody ??= hash("nobody has this password", PARAMETERS);
  const right = await inTurn(async () => verify(storedHash ?? (await nobody) ?? "", password, PARAMETERS));
  return right && storedHash !== null;
}
