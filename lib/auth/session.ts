import "server-only";
import NextAuth, { type NextAuthOptions } from "next-auth";
import { decode } from "next-auth/jwt";
import CredentialsProvider from "next-auth/providers/credentials";
import { frontOf } from "@/lib/auth/front";
import { useToken } from "@/lib/auth/tickets";
import { now } from "@/lib/clock";
import { db, writer } from "@/lib/db";
import { derivedKey, env } from "@/lib/env";
import { AppError, notFound, statusOf, toErrorBody } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { describe, log } from "@/lib/log";

/**
 * Sessions of people. next-auth keeps the signed cookie and its CSRF protection; every session is also a row, asked on every
 * request, so that ending it holds at once. One credentials provider, `ticket`, is fed by our own ceremonies.
 */

const SESSION_DAYS = 7;
const SEEN_EVERY_MS = 60_000;

export interface Session {
  id: string;
  user: { id: string; name: string; email: string };
}

const isHttps = () => env().publicUrl.startsWith("https:");
export const sessionCookie = () => (isHttps() ? "__Host-latchkey.session" : "latchkey.session");

// What the console uses of next-auth; its own pages and the rest of its routes are not here.
const ROUTES = new Set(["GET csrf", "POST callback/ticket", "POST signout"]);

/** next-auth's own routes, under /api/auth. */
export async function authHandler(request: Request, context: { params: Promise<{ nextauth: string[] }> }): Promise<Response> {
  const { nextauth } = await context.params;
  const { id } = frontOf(request.headers);
  const refuse = (error: AppError) => Response.json(toErrorBody(error, id, now()), { status: statusOf(error.type) });
  if (!ROUTES.has(`${request.method} ${nextauth.join("/")}`)) return refuse(notFound());
  const type = request.headers.get("content-type") ?? "";
  if (request.method === "POST" && !type.startsWith("application/x-www-form-urlencoded")) {
    return refuse(new AppError("unsupported_media_type", "Send this as a form, as the console does."));
  }
  return NextAuth(request as never, context as never, authOptions()) as Promise<Response>;
}

function authOptions(): NextAuthOptions {
  const secure = isHttps();
  const cookie = (name: string) => ({ name, options: { httpOnly: true, sameSite: "lax" as const, path: "/", secure } });
  return {
    secret: derivedKey("session"),
    session: { strategy: "jwt", maxAge: SESSION_DAYS * 86_400 },
    useSecureCookies: secure,
    cookies: {
      sessionToken: cookie(sessionCookie()),
      csrfToken: cookie(secure ? "__Host-latchkey.csrf" : "latchkey.csrf"),
      callbackUrl: cookie(secure ? "__Secure-latchkey.callback" : "latchkey.callback"),
    },
    pages: { signIn: "/sign-in", error: "/sign-in" },
    providers: [
      CredentialsProvider({
        id: "ticket",
        name: "Ticket",
        credentials: { ticket: {}, ip: {}, userAgent: {} },
        async authorize(given) {
          // Whatever is thrown here next-auth tells the browser; and a form may send anything.
          const ticket: unknown = given?.ticket;
          const userId = typeof ticket === "string" ? await useToken("ticket", ticket).catch(unusable) : null;
          return userId === null ? null : { id: userId };
        },
      }),
    ],
    callbacks: {
      async jwt({ token, user }) {
        return user ? { sub: user.id, sid: await openSession(user.id) } : token;
      },
    },
    events: {
      async signOut({ token }) {
        if (typeof token?.sid === "string") await endSessions({ id: token.sid });
      },
    },
  };
}

function unusable(error: unknown): null {
  log("error", "a ticket could not be used", describe(error));
  return null;
}

async function openSession(userId: string): Promise<string> {
  const at = now();
  const id = newId("ses", at);
  await writer().session.create({
    data: { id, userId, createdAt: new Date(at), lastSeenAt: new Date(at), expiresAt: new Date(at + SESSION_DAYS * 86_400_000) },
  });
  return id;
}

/** Ends the sessions that match, at once and on every node. */
export async function endSessions(which: { id: string } | { userId: string; except?: string }): Promise<number> {
  const where =
    "id" in which ? { id: which.id } : { userId: which.userId, ...(which.except === undefined ? {} : { id: { not: which.except } }) };
  const ended = await writer().session.updateMany({ where: { ...where, endedAt: null }, data: { endedAt: new Date(now()) } });
  return ended.count;
}

/**
 * Who the cookie header belongs to, or null. The same for pages and the public API. A signature that does not hold, a session that
 * ended or a person who was disabled are all null; a database that is away throws.
 */
export async function sessionFrom(
  cookieHeader: string | null,
  from?: { ip: string | null; userAgent: string | null },
): Promise<Session | null> {
  const token = cookieValue(cookieHeader ?? "", sessionCookie());
  if (token === null) return null;
  const claims = await decode({ token, secret: derivedKey("session") }).catch(() => null);
  if (typeof claims?.sid !== "string") return null;
  const at = now();
  const row = await db.session.findUnique({
    where: { id: claims.sid },
    include: { user: { select: { id: true, name: true, email: true, disabledAt: true } } },
  });
  if (row === null || row.endedAt !== null || row.expiresAt.getTime() <= at || row.user.disabledAt !== null) return null;
  if (from !== undefined && (at - row.lastSeenAt.getTime() > SEEN_EVERY_MS || row.ip === null)) {
    await writer().session.updateMany({
      where: { id: row.id },
      data: { lastSeenAt: new Date(at), ip: from.ip, userAgent: from.userAgent },
    });
  }
  return { id: row.id, user: { id: row.user.id, name: row.user.name, email: row.user.email } };
}

function cookieValue(header: string, name: string): string | null {
  for (const part of header.split(";")) {
    const at = part.indexOf("=");
    if (part.slice(0, at).trim() !== name) continue;
    try {
      return decodeURIComponent(part.slice(at + 1).trim());
    } catch {
      return null; // not percent-encoded: not ours
    }
  }
  return null;
}
