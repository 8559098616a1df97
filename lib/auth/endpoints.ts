import { acceptInvite, endSession, forgotPassword, listSessions, resetPassword, signIn, signUp } from "@/lib/auth/accounts";
import { AcceptInvite, ForgotPassword, ResetPassword, SessionList, SignIn, SignUp, Ticket } from "@/lib/auth/schema";
import { endpoint, Nothing } from "@/lib/endpoint";

const tag = "Signing in";

export const authEndpoints = [
  endpoint(
    "POST /v1/sign-up",
    {
      tag,
      summary: "Create an account and its organization",
      permission: "accounts.create",
      body: SignUp,
      returns: Ticket,
      status: 201,
      perAddress: 20,
      errors: ["conflict"],
    },
    (actor, { body }) => signUp(actor, body),
  ),
  endpoint(
    "POST /v1/sign-in",
    { tag, summary: "Prove a password", permission: "sessions.create", body: SignIn, returns: Ticket, perAddress: 60 },
    (actor, { body }) => signIn(actor, body),
  ),
  endpoint(
    "POST /v1/password/forgot",
    {
      tag,
      summary: "Ask for a link that sets a new password",
      permission: "sessions.create",
      body: ForgotPassword,
      returns: Nothing,
      status: 202,
      perAddress: 10,
    },
    (actor, { body }) => forgotPassword(actor, body),
  ),
  endpoint(
    "POST /v1/password/reset",
    {
      tag,
      summary: "Set a new password by link",
      permission: "sessions.create",
      body: ResetPassword,
      returns: Ticket,
      perAddress: 20,
      errors: ["not_found"],
    },
    (actor, { body }) => resetPassword(actor, body),
  ),
  endpoint(
    "POST /v1/invites/accept",
    {
      tag,
      summary: "Join an organization by link",
      permission: "sessions.create",
      body: AcceptInvite,
      returns: Ticket,
      perAddress: 20,
      errors: ["conflict", "not_found"],
    },
    (actor, { body }) => acceptInvite(actor, body),
  ),
  endpoint("GET /v1/sessions", { tag, summary: "Your sessions", permission: "account.manage", returns: SessionList }, (actor, { caller }) =>
    listSessions(actor, caller.sessionId),
  ),
  endpoint(
    "DELETE /v1/sessions/{id}",
    { tag, summary: "End one of your sessions", permission: "account.manage", returns: Nothing },
    (actor, { params }) => endSession(actor, params.id ?? ""),
  ),
];
