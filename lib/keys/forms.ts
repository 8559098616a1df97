import "server-only";
import { meterPool } from "@/lib/db";
import { env } from "@/lib/env";
import { databaseAway } from "@/lib/errors";
import { isFormOfId } from "@/lib/ids";
import { type Form, formsOverlap, hasForm, hashSecret, isPrintable, looksLikeSecret, ownForm, parseSecret } from "@/lib/keys/secret";
import { type Lease, lease } from "@/lib/leases";
import { once } from "@/lib/runtime";

/**
 * Which texts may be secrets at all: our own of today, told by their checksum without asking anybody; our own under earlier prefixes; and
 * imported ones, told by prefix and length. The latter two are few rows, known by heart. They are only ever added, so that a form once
 * known stays right; that there is no other is believed only under a lease under which nothing was announced since they were read.
 */

interface Forms {
  known: readonly Form[];
  /** The lease and the epoch of it in which they were read; null: there may be others. */
  readUnder: { lease: Lease; epoch: number } | null;
  running: Promise<void> | null;
  next: Promise<void> | null;
}

const SHORTEST = 16;
const LONGEST = 512;

const forms = () => once<Forms>("keys.forms", () => ({ known: [], readUnder: null, running: null, next: null }));
const ownPrefixes = () => [env().keyPrefixes.live, env().keyPrefixes.test];

/** The digest under which `text` would be stored; null when it has no form of a secret. A promise only for text of a form not known here. */
export function digestOf(text: string): string | null | Promise<string | null> {
  const { live, test } = env().keyPrefixes;
  const own = parseSecret(text, [live, test]);
  if (own !== null) return own.hash;
  if (text.length < SHORTEST || text.length > LONGEST || !isPrintable(text)) return null;
  if (hasKnownForm(text)) return hashSecret(text);
  if (isMistyped(text) || isUpToDate()) return null;
  return learn().then(() => (hasKnownForm(text) ? hashSecret(text) : null));
}

/** Whether `text` could be a key somebody put where it does not belong, as far as this process knows. */
export function looksLikeKey(text: string): boolean {
  const own = forms().known.flatMap(({ prefix, checksum }) => (checksum ? [prefix] : []));
  return looksLikeSecret(text, [...ownPrefixes(), ...own]) || hasKnownForm(text);
}

const hasKnownForm = (text: string) => forms().known.some((form) => hasForm(text, form));

/** A typo in one of ours: an import may not declare a form that it would have, so nothing else can be meant. */
function isMistyped(text: string): boolean {
  return ownPrefixes().some((prefix) => text.startsWith(prefix) && text.length === ownForm(prefix).length);
}

function isUpToDate(): boolean {
  const under = forms().readUnder;
  return under !== null && under.lease === lease() && under.lease.epoch === under.epoch && under.lease.held();
}

/** Reads them anew. One query at a time however many ask: who comes while one runs waits for the next, since that one began too early. */
function learn(): Promise<void> {
  const all = forms();
  if (all.running === null) return read();
  all.next ??= all.running.then(read, read);
  return all.next;
}

function read(): Promise<void> {
  const all = forms();
  all.next = null;
  const own = lease();
  const epoch = own?.epoch ?? 0;
  all.running = queryForms()
    .then((found) => {
      all.known = found;
      all.readUnder = own === null ? null : { lease: own, epoch }; // that of before the reading: what was announced since is not in it
    })
    .finally(() => {
      all.running = null;
    });
  return all.running;
}

async function queryForms(): Promise<Form[]> {
  if (lease()?.away()) throw databaseAway();
  const { rows } = await meterPool().query<Form>(`select "prefix", "length", "checksum" from "SecretForm"`);
  return rows;
}

/** At the start of a process: writes down today's own forms, so that secrets of them stay valid when the prefixes are changed one day. */
export async function openForms(): Promise<void> {
  const own = ownPrefixes().map(ownForm);
  await meterPool().query(
    `with made as (
       insert into "SecretForm" ("prefix", "length", "checksum") select *, true from unnest($1::text[], $2::int[]) on conflict do nothing returning 1
     ) select announce(array['forms']) where exists (select from made)`,
    [own.map(({ prefix }) => prefix), own.map(({ length }) => length)],
  );
  await learn();
}

/** Our own forms, of today and of earlier prefixes. Throws when the database is away. */
export async function ownForms(): Promise<Form[]> {
  if (!isUpToDate()) await learn();
  const today = ownPrefixes().map(ownForm);
  const isToday = (form: Form) => today.some(({ prefix }) => prefix === form.prefix);
  return [...today, ...forms().known.filter((form) => form.checksum && !isToday(form))];
}

/**
 * The form under which imported secrets are looked up, or why it is refused. One of ours stays ours: secrets of another deployment, which
 * end with our checksum, or they are never looked up. One that only overlaps ours would let texts with a wrong checksum be looked up.
 */
export async function formOfImport(prefix: string, length: number): Promise<{ ok: true; form: Form } | { ok: false; why: string }> {
  const form: Form = { prefix, length, checksum: false };
  if (isFormOfId(prefix, length)) return { ok: false, why: `with length ${length} would also fit this deployment's ids` };
  const clash = (await ownForms()).find((own) => formsOverlap(own, form));
  if (clash === undefined) return { ok: true, form };
  if (clash.prefix === prefix) return { ok: true, form: clash };
  return { ok: false, why: `with length ${length} would also fit this deployment's own keys, which begin with ${clash.prefix}` };
}
