// The whole life of a key on two nodes at once: whatever is done in whatever order, what was answered holds for every request sent after
// the answer, a key never has more than two live secrets, and no call of any of them is lost from its usage.
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { createKey, newCustomer, newKey, revokeKey, use } from "./customers";
import { judge } from "./judge";
import { Journal, type Sent, type TestKey } from "./load";
import { type Node, startRig } from "./nodes";
import { many, rounds, trial } from "./rounds";

const rig = await startRig(2);
const { nodes, database } = rig;
const [a, b] = nodes as [Node, Node];
const journal = new Journal();
afterAll(() => journal.close());
const { master } = await newCustomer(journal, a);

/** A node's clock is the database's as it was told a second ago; what falls into so many milliseconds around an instant may go either way. */
const CLOCK_MS = 60;

const acts = [
  "use",
  "use",
  "use",
  "use",
  "edit",
  "narrow",
  "rotate",
  "rotate at once",
  "finish",
  "pause",
  "resume",
  "create",
  "revoke",
  "expire",
] as const;
type Act = (typeof acts)[number];

interface Done {
  act: Act;
  sent: Sent;
}

interface Use {
  secret: string;
  sent: Sent;
}

/** One key under test, what was done to it and what its secrets were answered. */
class Life {
  readonly id: string;
  readonly secrets: string[];
  readonly done: Done[] = [];
  readonly uses: Use[] = [];
  /** By the wall clock, as it was asked for last. */
  expiresAt: number | null = null;
  readonly #running: Promise<unknown>[] = [];

  constructor(key: TestKey) {
    this.id = key.id;
    this.secrets = [key.secret];
  }

  /** Sends the act without waiting for its answer. */
  start(act: Act, node: Node, which: number): void {
    if (act === "use") return void this.#running.push(this.use(node, this.secrets[which % this.secrets.length] as string));
    this.#running.push(this.#send(act, node).then((sent) => this.done.push({ act, sent })));
  }

  async use(node: Node, secret: string): Promise<Sent> {
    const sent = await use(journal, node, { id: this.id, secret });
    this.uses.push({ secret, sent });
    return sent;
  }

  async settle(): Promise<void> {
    await Promise.all(this.#running.splice(0));
  }

  async #send(act: Act, node: Node): Promise<Sent> {
    const path = `/v1/api-keys/${this.id}`;
    const ask = (method: string, target: string, json: object) => journal.send(node, method, target, { key: master, json });
    switch (act) {
      case "edit":
        return ask("PATCH", path, { name: `Renamed ${this.done.length}` });
      case "narrow":
        return ask("PATCH", path, { scopes: ["status", "search"] });
      case "rotate":
      case "rotate at once": {
        const sent = await ask("POST", `${path}/rotate`, { grace_seconds: act === "rotate" ? 3_600 : 0 });
        if (sent.status === 200) this.secrets.push(sent.body.secret);
        return sent;
      }
      case "finish":
        return ask("POST", `${path}/rotate/finish`, {});
      case "pause":
      case "resume":
        return ask("POST", `${path}/${act}`, {});
      case "create":
        return createKey(journal, node, master);
      case "expire":
        this.expiresAt = Date.now() + 250;
        return ask("PATCH", path, { expires_at: new Date(this.expiresAt).toISOString() });
      default:
        return revokeKey(journal, node, master, { id: this.id, secret: "" });
    }
  }

  answered(...wanted: Act[]): Sent[] {
    return this.done.filter(({ act, sent }) => wanted.includes(act) && sent.status === 200).map(({ sent }) => sent);
  }

  /** Uses that were accepted although the answer to `act` says that they are not, from then on until something may have undone it. */
  acceptedAgainst(act: Act, undoneBy: Act[] = []): Sent[] {
    return this.answered(act).flatMap((answer) => {
      const undone = this.done
        .filter((each) => undoneBy.includes(each.act) && each.sent.endedAt > answer.sentAt)
        .map(({ sent }) => sent.sentAt);
      const until = Math.min(Number.POSITIVE_INFINITY, ...undone);
      return this.uses.flatMap(({ sent }) => (sent.sentAt > answer.endedAt && sent.endedAt < until && sent.status === 200 ? [sent] : []));
    });
  }
}

const step = fc.record({
  act: fc.constantFrom(...acts),
  node: fc.constantFrom(a, b),
  life: fc.nat(1),
  which: fc.nat(3),
  pauseMs: fc.constantFrom(0, 0, 1, 3, 8, 25),
});

const liveSecrets = (id: string) =>
  database.rows<{ live: number; lasting: number }>(
    `select count(*)::int as "live", (count(*) filter (where "endsAt" is null))::int as "lasting" from "KeySecret"
     where "keyId" = $1 and ("endsAt" is null or "endsAt" > clock_timestamp())`,
    [id],
  );

test("ROT-1 to ROT-5, REV-4: through a key's whole life on two nodes at once, what was answered holds", async () => {
  const t = trial("LIFE", journal, rig);
  const count: Record<string, number> = {};
  let most = 0;
  const runs = rounds(15, 400);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
      const lives = await Promise.all([a, b].map(async (node) => new Life(await newKey(journal, node, master))));
      for (const { act, node, life, which, pauseMs } of steps) {
        lives[life]?.start(act, node, which);
        if (pauseMs > 0) await sleep(pauseMs);
        if (pauseMs === 25) {
          const [row] = await liveSecrets(lives[life]?.id ?? "");
          most = Math.max(most, row?.live ?? 0);
        }
      }
      for (const life of lives) await life.settle();
      // All that was answered, once more from both sides; the expiry of one that expires has come by then.
      const latest = Math.max(...lives.map(({ expiresAt }) => expiresAt ?? 0));
      await sleep(Math.max(0, latest + CLOCK_MS - Date.now()));
      for (const life of lives) {
        for (const { act, sent } of life.done) {
          const key = `${act} ${sent.status}`;
          count[key] = (count[key] ?? 0) + 1;
          expect([act, sent.status, act === "create" ? 201 : 200, sent.body], JSON.stringify(sent)).toSatisfy(
            ([, status, good]: [Act, number, number]) => status === good || status === 409,
          );
        }
        await expectEnd(life);
        expect(life.acceptedAgainst("revoke")).toEqual([]);
        expect(life.acceptedAgainst("pause", ["resume"])).toEqual([]);
        const [row] = await liveSecrets(life.id);
        expect(row?.live).toBeLessThanOrEqual(2);
        expect(row?.lasting).toBe(1);
      }
    }),
    { seed: t.seed, numRuns: runs, endOnFailure: true },
  );
  expect(most).toBeLessThanOrEqual(2);
  for (const act of ["revoke 200", "pause 200", "resume 200", "rotate 200", "rotate 409", "finish 200", "expire 200", "edit 409"])
    expect([act, count[act] ?? 0]).toSatisfy(([, times]: [string, number]) => times > 0);
  const figures = await judge(journal, nodes, database);
  const told = Object.entries(count).map(([what, times]) => `${what}: ${many(times)}`);
  t.report(`${many(runs)} lives of two keys, at most ${most} live secrets, ${told.sort().join(", ")}; ${figures}`);
});

/** Both nodes tell the same of the key, and every secret it ever had is answered on both as that says. */
async function expectEnd(life: Life): Promise<void> {
  const views = await Promise.all([a, b].map((node) => journal.send(node, "GET", `/v1/api-keys/${life.id}`, { key: master })));
  const [view, same] = views.map(({ body }) => ({
    ...body,
    request_count: 0,
    last_used_at: null,
    last_used_ip: null,
    rotation: { ...body.rotation, old_last_used_at: null },
  }));
  expect(view).toEqual(same);
  if (life.answered("revoke").length > 0) expect(view.status).toBe("revoked");
  else if (life.answered("expire").length > 0) expect(view.status).toBe("expired");
  const live = view.is_active ? [view.key_prefix, views[0]?.body.rotation?.old_key_prefix] : [];
  for (const secret of life.secrets) {
    const good = live.some((prefix) => prefix !== undefined && secret.startsWith(prefix));
    const statuses = await Promise.all([a, b].map(async (node) => (await life.use(node, secret)).status));
    expect([secret.slice(0, 14), ...statuses]).toEqual([secret.slice(0, 14), ...(good ? [200, 200] : [401, 401])]);
  }
}
