// What the operator is told with the answer to an import: from now on these keys work, on every node, also on one that has just refused
// their very text, and that has never seen a secret of their form.
import { createHash, randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { asOperator, newCustomer } from "./customers";
import { Journal, type TestKey } from "./load";
import { type Node, startRig } from "./nodes";
import { rounds, trial } from "./rounds";

const rig = await startRig(2);
const { nodes } = rig;
const journal = new Journal();
afterAll(() => journal.close());
const { orgId, master } = await newCustomer(journal, nodes[0] as Node);

test("IMP-1: every node knows an imported key, and its form, when the import is answered", async () => {
  const t = trial("IMP-1", journal, rig);
  const group = await journal.send(nodes[0] as Node, "POST", "/v1/api-groups", { key: master, json: { name: "Imported" } });
  const groupId: string = group.body.id;
  let known = 0;
  for (let round = 0; round < rounds(15, 200); round++) {
    // Every third form is new to all.
    const prefix = `r${round - (round % 3)}_`;
    const secrets = Array.from({ length: 5 }, () => (prefix + randomBytes(20).toString("hex")).slice(0, 40));
    const keys: TestKey[] = secrets.map((secret) => ({ id: "", secret }));
    // Unknown keys are limited per address.
    const ask = (node: Node, key: TestKey) => journal.send(node, "GET", "/v1/status", { key, from: `198.51.100.${round}` });
    for (const key of keys) for (const node of nodes) expect((await ask(node, key)).status).toBe(401);
    const answer = await journal.send(t.pick(nodes), "POST", "/api/keys/import", {
      headers: asOperator,
      json: {
        organization_id: orgId,
        group_id: groupId,
        prefix,
        length: 40,
        keys: secrets.map((secret, i) => ({ hash: createHash("sha256").update(secret).digest("hex"), name: `Key ${round}.${i}` })),
      },
    });
    expect(answer.status).toBe(200);
    const statuses = await Promise.all(keys.flatMap((key) => nodes.map(async (node) => (await ask(node, key)).status)));
    expect(statuses).toEqual(statuses.map(() => 200));
    known += statuses.length;
  }
  t.report(`${known} requests with keys that were imported a moment before, all accepted`);
});
