import { queryOptions } from "@tanstack/react-query";
import { ApiError, client } from "@/lib/api";
import type { authEndpoints } from "@/lib/auth/endpoints";
import type { AcceptInvite, ResetPassword, SignIn, SignUp, Ticket } from "@/lib/auth/schema";

const call = client<typeof authEndpoints>();

/** Coming in and going out. Each ceremony gives a ticket, which next-auth turns into the session's cookie. */

export const signIn = (body: SignIn) => call("POST /v1/sign-in", { body, signedOut: true }).then(enter);
export const signUp = (body: SignUp) => call("POST /v1/sign-up", { body, signedOut: true }).then(enter);
export const resetPassword = (body: ResetPassword) => call("POST /v1/password/reset", { body, signedOut: true }).then(enter);
export const acceptInvite = (body: AcceptInvite) => call("POST /v1/invites/accept", { body, signedOut: true }).then(enter);
export const forgotPassword = (email: string) => call("POST /v1/password/forgot", { body: { email }, signedOut: true });

/** Gives back where to go: the organization's page, or the list of organizations. */
async function enter(ticket: Ticket): Promise<string> {
  await authPost("/api/auth/callback/ticket", { ticket: ticket.ticket });
  return ticket.organization === null ? "/" : `/orgs/${ticket.organization}`;
}

export async function signOut(): Promise<void> {
  await authPost("/api/auth/signout", {});
  window.location.assign("/sign-in");
}

// next-auth answers 200 with an address that names the fault; a mismatched CSRF cookie (two tabs) deserves one more try.
async function authPost(path: string, fields: Record<string, string>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const csrf = await reach("/api/auth/csrf", { credentials: "same-origin" });
    const { csrfToken } = (await csrf.json().catch(() => ({ csrfToken: "" }))) as { csrfToken: string };
    const response = await reach(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ ...fields, csrfToken, callbackUrl: window.location.origin, json: "true" }),
    });
    const answer = (await response.json().catch(() => null)) as { url?: string } | null;
    const refused = answer?.url === undefined || /[?&](csrf|error)=/.test(answer.url);
    if (response.ok && !refused) return;
    if (attempt === 2)
      throw new ApiError(
        response.status,
        "internal_error",
        "The session could not be opened. Reload the page and try again.",
        {},
        response.headers.get("x-request-id"),
        null,
      );
  }
}

function reach(path: string, init: RequestInit): Promise<Response> {
  return fetch(path, init).catch(() => {
    throw new ApiError(0, "offline", "The console cannot be reached. Check the connection and try again.", {}, null, null);
  });
}

export const sessionsQuery = () => queryOptions({ queryKey: ["sessions"], queryFn: ({ signal }) => call("GET /v1/sessions", { signal }) });

export const endSession = (id: string) => call("DELETE /v1/sessions/{id}", { params: { id } });
