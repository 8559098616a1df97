import "server-only";
import { headers } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { cache } from "react";
import type { Actor } from "@/lib/access/permissions";
import { memberActor, personActor } from "@/lib/auth/actor";
import { type Front, frontOf } from "@/lib/auth/front";
import { type Session, sessionCookie, sessionFrom } from "@/lib/auth/session";
import { isAppError } from "@/lib/errors";

/** Where pages meet the domain: the request's session becomes an actor. The only file of lib/auth that knows Next. */

export const pageFront = cache(async (): Promise<Front> => frontOf(await headers()));

/** Who is signed in on this request, or null. Asked once per request, however many components ask. */
export const pageSession = cache(async (): Promise<Session | null> => {
  const { ip, userAgent } = await pageFront();
  return sessionFrom((await headers()).get("cookie"), { ip, userAgent });
});

/** The signed-in person outside any organization; nobody is led to the sign-in page. */
export async function pagePerson(): Promise<{ actor: Actor; session: Session }> {
  const session = await pageSession();
  if (session === null) redirect(await signInPath());
  return { actor: personActor(session.user, await pageFront()), session };
}

/** The sign-in page, with the way back; whoever brings a cookie is told that the session ended. */
async function signInPath(): Promise<string> {
  const back = new URL((await pageFront()).path, "http://here");
  back.searchParams.delete("_rsc");
  const ended = (await headers()).get("cookie")?.includes(sessionCookie()) ? "ended=1&" : "";
  return `/sign-in?${ended}next=${encodeURIComponent(back.pathname + back.search)}`;
}

/** The signed-in person in the organization of this page; a stranger's and a missing one are the same 404. */
export const pageActor = cache(async (org: string): Promise<Actor> => {
  const session = await pageSession();
  if (session === null) redirect(await signInPath());
  try {
    return await memberActor(session.user, org, await pageFront());
  } catch (error) {
    if (isAppError(error) && error.type === "not_found") notFound();
    throw error;
  }
});

/** Runs a read for a page; what is not there becomes Next's 404 page. */
export async function orNotFound<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (isAppError(error) && error.type === "not_found") notFound();
    throw error;
  }
}
