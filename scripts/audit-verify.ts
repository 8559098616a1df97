import { type ChainState, emptyChain, follow } from "@/lib/audit/chain";
import { db } from "@/lib/db";
import { openDeployment } from "@/lib/deployment";
import { parseEnv, provideEnv } from "@/lib/env";

/** `npm run audit:verify`: recomputes every chain from its first event and compares it with its head. Exit code 1 when one is broken. */

const PAGE = 2_000;

async function verifyChain(chain: string, head: ChainState): Promise<{ ok: boolean; says: string }> {
  let state = emptyChain;
  for (;;) {
    const rows = await db.auditEvent.findMany({
      where: { chain, sequence: { gt: state.sequence } },
      orderBy: { sequence: "asc" },
      take: PAGE,
    });
    const followed = follow(state, rows);
    if (!followed.ok) return { ok: false, says: `broken at event ${followed.sequence}: ${followed.why}` };
    state = followed.state;
    if (rows.length < PAGE) break;
  }
  // Events written while this ran are past the head that was read; what is short of it is missing.
  if (state.sequence < head.sequence) return { ok: false, says: `events ${state.sequence + 1} to ${head.sequence} are missing at the end` };
  if (state.sequence === head.sequence && state.hash !== head.hash)
    return { ok: false, says: "the last event is not the one the head names" };
  return { ok: true, says: `whole up to event ${state.sequence}, ${state.hash.slice(0, 16)}…` };
}

async function main(): Promise<number> {
  const close = await openDeployment(provideEnv(parseEnv(process.env)), () => {});
  try {
    const heads = await db.auditHead.findMany({ orderBy: { chain: "asc" } });
    const orphans = await db.auditEvent.findMany({
      where: { chain: { notIn: heads.map((head) => head.chain) } },
      distinct: ["chain"],
      select: { chain: true },
    });
    let broken = 0;
    const say = (chain: string, { ok, says }: { ok: boolean; says: string }) => {
      if (!ok) broken += 1;
      process.stdout.write(`${ok ? "ok    " : "BROKEN"}  ${chain}  ${says}\n`);
    };
    for (const { chain, ...head } of heads) say(chain, await verifyChain(chain, head));
    for (const { chain } of orphans) say(chain, { ok: false, says: "its head is missing" });
    const chains = heads.length + orphans.length;
    process.stdout.write(broken === 0 ? `\n${chains} chains, all whole.\n` : `\n${broken} of ${chains} chains are broken.\n`);
    return broken === 0 ? 0 : 1;
  } finally {
    await close();
  }
}

main()
  .then((code) => process.exit(code))
  .catch((error: unknown) => {
    process.stderr.write(`The audit log could not be verified: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
