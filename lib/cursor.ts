import { createHmac, timingSafeEqual } from "node:crypto";
import { derivedKey } from "@/lib/env";
import { AppError } from "@/lib/errors";
import type { List } from "@/lib/schema";

/** Opaque page marks. A cursor is signed together with the list it belongs to, so another organization's or filter's is refused. */

function sign(position: string, list: string): Buffer {
  return createHmac("sha256", derivedKey("signing")).update(`${list}\n${position}`).digest().subarray(0, 12);
}

/** `list` names organization and filters; the cursor works with the same ones only. */
export function toCursor(position: string[], list: unknown[]): string {
  const text = JSON.stringify(position);
  return `${Buffer.from(text).toString("base64url")}.${sign(text, JSON.stringify(list)).toString("base64url")}`;
}

/** The position behind a cursor, or null for the first page. Throws invalid_request for a cursor that is not this list's. */
export function fromCursor(cursor: string | undefined, list: unknown[]): string[] | null {
  if (cursor === undefined) return null;
  const [body = "", mark = ""] = cursor.split(".");
  const text = Buffer.from(body, "base64url").toString();
  const given = Buffer.from(mark, "base64url");
  const right = sign(text, JSON.stringify(list));
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new AppError("invalid_request", "This cursor does not belong to this list: organization or filters differ.", {
      details: { cursor: "does not belong to this list" },
    });
  }
  return JSON.parse(text) as string[];
}

/** A page from `limit + 1` rows: the extra row only says that there is more. */
export function page<Row, View>(
  rows: Row[],
  limit: number,
  list: unknown[],
  toView: (row: Row) => View,
  position: (row: Row) => string[],
): List<View> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { data: shown.map(toView), has_more: more, next_cursor: more ? toCursor(position(last), list) : null };
}
