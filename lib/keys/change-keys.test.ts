import { expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { revokeAuthToken } from "@/lib/keys/auth-token";
import { bulkKeys } from "@/lib/keys/bulk";
import { pauseKey, resumeKey, updateKey } from "@/lib/keys/edit";
import { revokeKey } from "@/lib/keys/keys";
import { finishRotation, rotateKey } from "@/lib/keys/rotation";
import { eventually } from "@/lib/testing/eventually";
import { eventsOf, newKey, newMember, newOrg, type TestKey, useDatabase } from "@/lib/testing/factories";

const { owner } = await useDatabase();
const announced: string[] = [];
owner.on("notification", ({ payload }) => announced.push(...(JSON.parse(payload ?? "{}").things ?? [])));
await owner.query("listen latchkey");

const update = (actor: Actor) => authorize(actor, "keys.update");
const revoke = (actor: Actor) => authorize(actor, "keys.revoke");

test.each<[string, (actor: Actor, key: TestKey) => Promise<unknown>]>([
  ["an edit", (actor, { id }) => updateKey(update(actor), id, { allowed_ips: ["10.0.0.1"] })],
  ["a pause", (actor, { id }) => pauseKey(update(actor), id, {})],
  ["a resumption", (actor, { id }) => resumeKey(update(actor), id)],
  ["the end of a rotation", (actor, { id }) => finishRotation(update(actor), id)],
  ["a revocation", (actor, { id }) => revokeKey(revoke(actor), id, {})],
  ["a revocation by the secret", (actor, { secret }) => revokeAuthToken(revoke(actor), { auth_token: secret })],
  ["an act on many", (actor, { id }) => bulkKeys(update(actor), { action: "revoke", ids: [id] })],
])("%s that changes nothing any more has no event, and is told to all nodes before it is answered", async (name, act) => {
  const org = await newOrg();
  const actor = await newMember(org, "admin");
  const key = await newKey(org, name === "a resumption" ? { pausedAt: new Date() } : {});
  if (name === "the end of a rotation") await rotateKey(update(actor), key.id, {});
  const told = (times: number) => eventually(() => (announced.filter((id) => id === key.id).length === times ? true : undefined));
  await act(actor, key);
  const events = (await eventsOf(org)).length;
  await told(events);
  await act(actor, key);
  await told(events + 1);
  expect(await eventsOf(org)).toHaveLength(events);
});
