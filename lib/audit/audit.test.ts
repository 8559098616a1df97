import { describe, expect, test } from "vitest";
import { type Actor, authorize } from "@/lib/access/permissions";
import { listAudit } from "@/lib/audit/audit";
import { change, type Event } from "@/lib/audit/change";
import type { AuditFilter } from "@/lib/audit/schema";
import { AuditEvent } from "@/lib/audit/schema";
import { setClock } from "@/lib/clock";
import { newGroup, newKey, newMember, newOrg, newPerson, refusal, type TestOrg, useDatabase } from "@/lib/testing/factories";

await useDatabase();

const reader = (actor: Actor) => authorize(actor, "audit.read");
const note = (actor: Actor, ...events: [Event, ...Event[]]) =>
  change(authorize(actor, "groups.write"), async () => ({ result: null, events }));
const about = (name: string, type = "api_group", id: string | null = null, action: Event["action"] = "api_group.create"): Event => ({
  action,
  target: { type, id, name },
});
const namesOf = async (actor: Actor, filter: Partial<AuditFilter> = {}) =>
  (await listAudit(reader(actor), { limit: 50, ...filter })).data.map(({ target }) => target.name);

async function scene(): Promise<{ org: TestOrg; actor: Actor & { id: string } }> {
  const org = await newOrg();
  return { org, actor: await newMember(org, "admin") };
}

describe("the audit log", () => {
  test("is newest first, page by page, each event once, as its schema says", async () => {
    const { actor } = await scene();
    for (const name of ["a", "b", "c", "d", "e"]) await note(actor, about(name));
    const seen: (string | null)[] = [];
    let cursor: string | undefined;
    do {
      const page = await listAudit(reader(actor), { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      for (const event of page.data) expect(AuditEvent.strict().parse(event)).toEqual(event);
      seen.push(...page.data.map(({ target }) => target.name));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(["e", "d", "c", "b", "a"]);
  });

  test("filters by type, exact action, key (id or prefix), person (id or e-mail) and dates", async () => {
    const { org, actor } = await scene();
    const person = await newPerson();
    const other = await newMember(org, "owner", person);
    const key = await newKey(org);
    setClock(() => Date.UTC(2026, 10, 18, 12));
    await note(actor, about("old"));
    setClock(() => Date.UTC(2026, 10, 20, 12));
    await note(actor, about("group"), about("key", "api_key", key.id, "api_key.revoke"));
    await note(other, about("theirs"));
    setClock(Date.now);
    expect(await namesOf(actor, { event_type: "delete" })).toEqual(["key"]);
    expect(await namesOf(actor, { event_type: "create" })).toEqual(["theirs", "group", "old"]);
    expect(await namesOf(actor, { event_type: "api_key.revoke" })).toEqual(["key"]);
    expect(await namesOf(actor, { event_type: "read" })).toEqual([]);
    expect(await namesOf(actor, { api_key: key.id })).toEqual(["key"]);
    expect(await namesOf(actor, { api_key: key.prefix })).toEqual(["key"]);
    expect(await namesOf(actor, { api_key: "lk_live_nobody" })).toEqual([]);
    expect(await namesOf(actor, { target: key.id })).toEqual(["key"]);
    expect(await namesOf(actor, { target: actor.id })).toEqual([]);
    expect(await namesOf(actor, { user: person.id })).toEqual(["theirs"]);
    expect(await namesOf(actor, { user: ` ${person.email.toUpperCase()} ` })).toEqual(["theirs"]);
    expect(await namesOf(actor, { user: "nobody@people.example" })).toEqual([]);
    expect(await namesOf(actor, { end_date: "2026-11-19" })).toEqual(["old"]);
    expect(await namesOf(actor, { start: "2026-11-20", end: "2026-11-20" })).toEqual(["theirs", "key", "group"]);
    expect((await refusal(listAudit(reader(actor), { limit: 50, start: "2026-11-20", end: "2026-11-19" }))).type).toBe("invalid_request");
  });

  test("shows nothing of another organization, also not by the id, prefix or e-mail of somebody there", async () => {
    const [{ actor }, other] = [await scene(), await scene()];
    const key = await newKey(other.org);
    await note(other.actor, about("secret", "api_key", key.id));
    for (const filter of [{}, { api_key: key.id }, { api_key: key.prefix }, { user: other.actor.id }, { target: key.id }])
      expect(await namesOf(actor, filter)).toEqual([]);
  });

  test("a cursor holds for its organization and its filters only", async () => {
    const [{ actor }, other] = [await scene(), await scene()];
    for (const name of ["a", "b", "c"]) await note(actor, about(name));
    const cursor = (await listAudit(reader(actor), { limit: 1 })).next_cursor ?? "";
    expect((await refusal(listAudit(reader(other.actor), { limit: 1, cursor }))).type).toBe("invalid_request");
    expect((await refusal(listAudit(reader(actor), { limit: 1, cursor, event_type: "create" }))).type).toBe("invalid_request");
    expect(await namesOf(actor, { cursor })).toEqual(["b", "a"]);
  });

  test("a key of full access reads what concerns its group's keys, a test key the test keys' alone, an admin key all", async () => {
    const { org, actor } = await scene();
    const group = await newGroup(org);
    const [live, sandbox, stranger, admin, testAdmin] = [
      await newKey(org, { group }),
      await newKey(org, { group, insert: { environment: "test" } }),
      await newKey(org),
      await newKey(org, { insert: { access: "admin" } }),
      await newKey(org, { insert: { access: "admin", environment: "test" } }),
    ];
    await note(
      actor,
      about("live", "api_key", live.id),
      about("test", "api_key", sandbox.id),
      about("stranger", "api_key", stranger.id),
      about("group", "api_group", group.id),
      about("org", "organization", org.id),
    );
    expect(await namesOf(live.actor)).toEqual(["group", "test", "live"]);
    expect(await namesOf(sandbox.actor)).toEqual(["group", "test"]);
    expect(await namesOf(admin.actor)).toEqual(["org", "group", "stranger", "test", "live"]);
    expect(await namesOf(testAdmin.actor)).toEqual(["test"]);
  });
});
