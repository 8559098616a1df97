import "server-only";
import { now } from "@/lib/clock";
import { db, meterPool, type Tx, writer } from "@/lib/db";
import { newId } from "@/lib/ids";

/**
 * The ledger of whole credits: it only grows (grant and refund +, charge -). A trigger keeps each organization's balance beside it and a
 * check keeps that at 0 or above, so a charge locks and reads one row however long the ledger is. No audit events: the ledger is the record.
 */

const MOST = 2 ** 31 - 1; // the column's

/** Whole credits left, 0 for an organization that never had any. Throws when the database is away. */
export async function creditsOf(orgId: string): Promise<number> {
  const balance = await db.creditBalance.findUnique({ where: { orgId }, select: { available: true } });
  return balance?.available ?? 0;
}

/**
 * Adds `amount` whole credits within the caller's change, dated `atMs`; 0 writes nothing. Throws RangeError for what is no amount, and what
 * the database throws: for a balance past 2,147,483,647 too.
 */
export async function grantCredits(tx: Tx, orgId: string, amount: number, reason: string, atMs = now()): Promise<void> {
  if (checked(amount) === 0) return;
  await tx.creditEntry.create({ data: { id: newId("crd", atMs), orgId, kind: "grant", amount, reason, createdAt: new Date(atMs) } });
}

// Who comes second waits for the balance's row and judges it as the first left it. Unlocked, both would see the old one and the trigger's
// check would have to break the second off.
const CHARGE = `
with "held" as (
  select "orgId", "available" from "CreditBalance" where "orgId" = $1 and "available" >= $2::int for no key update
), "entry" as (
  insert into "CreditEntry" ("id", "orgId", "kind", "amount", "reason", "requestId", "createdAt")
  select $3, "orgId", 'charge', -$2::int, $4, $5, $6::timestamptz from "held"
  returning "orgId"
)
select "available" - $2::int as "available" from "held" join "entry" using ("orgId")`;

/**
 * Takes `amount` whole credits if the organization has them, else nothing: one statement, so never below zero and never in part. `available`
 * is what is left. Throws RangeError for what is no amount, and what the database throws: after a lost answer the charge may have been made
 * (the entry names the request); it is never tried again here.
 */
export async function chargeCredits(
  orgId: string,
  amount: number,
  reason: string,
  requestId: string,
): Promise<{ paid: boolean; available: number }> {
  if (checked(amount) === 0) return { paid: true, available: await creditsOf(orgId) };
  const at = now();
  const { rows } = await meterPool().query<{ available: number }>({
    name: "charge_credits",
    text: CHARGE,
    values: [orgId, amount, newId("crd", at), reason, requestId, new Date(at)],
  });
  const charged = rows[0];
  return charged === undefined ? { paid: false, available: await creditsOf(orgId) } : { paid: true, available: charged.available };
}

/** Gives `amount` whole credits of the request's charge back; 0 writes nothing. Call it once: it does not look for an earlier one. Throws like grantCredits. */
export async function refundCredits(orgId: string, amount: number, reason: string, requestId: string): Promise<void> {
  if (checked(amount) === 0) return;
  const at = now();
  const data = { id: newId("crd", at), orgId, kind: "refund", amount, reason, requestId, createdAt: new Date(at) };
  await writer().creditEntry.create({ data });
}

/** A negative or broken amount would turn a charge into a grant. */
function checked(amount: number): number {
  if (!Number.isInteger(amount) || amount < 0 || amount > MOST) throw new RangeError(`${amount} is no amount of credits`);
  return amount;
}
