import { z } from "zod";
import { Email } from "@/lib/orgs/schema";
import { PlainText } from "@/lib/schema";

const COMMON = new Set([
  "password12",
  "password123",
  "1234567890",
  "qwertyuiop",
  "letmein123",
  "administrator",
  "iloveyou123",
  "welcome123",
  "changeme123",
  "passw0rd123",
]);

/** At least 10 characters, nothing else demanded; what anybody would guess first is refused. */
export const Password = z
  .string()
  .min(10, "needs at least 10 characters")
  .max(256, "may have at most 256 characters")
  .refine((p) => !COMMON.has(p.toLowerCase()) && new Set(p).size > 3, "is among the first that anybody would guess")
  .refine((p) => p.isWellFormed() && !p.includes("\0"), "has a character that cannot be used");

export const SignUp = z.strictObject({ email: Email, password: Password, organization: PlainText(80), name: PlainText(80).optional() });
export type SignUp = z.output<typeof SignUp>;
export const SignIn = z.strictObject({ email: Email, password: z.string().min(1, "is needed").max(1024, "is too long") });
export type SignIn = z.output<typeof SignIn>;
/** What next-auth's `ticket` provider takes, once, within 60 seconds; and where to go then. */
export const Ticket = z.object({ ticket: z.string(), organization: z.string().nullable() });
export type Ticket = z.output<typeof Ticket>;

export const ForgotPassword = z.strictObject({ email: Email });
export type ForgotPassword = z.output<typeof ForgotPassword>;
export const ResetPassword = z.strictObject({ token: z.string().min(1).max(200), password: Password });
export type ResetPassword = z.output<typeof ResetPassword>;
export const AcceptInvite = z.strictObject({
  token: z.string().min(1).max(200),
  name: PlainText(80).optional(),
  password: Password.optional(),
});
export type AcceptInvite = z.output<typeof AcceptInvite>;

export const SessionRow = z.object({
  id: z.string(),
  created_at: z.string(),
  last_seen_at: z.string(),
  ip: z.string().nullable(),
  user_agent: z.string().nullable(),
  is_current: z.boolean(),
});
export type SessionRow = z.output<typeof SessionRow>;
export const SessionList = z.object({ data: z.array(SessionRow), has_more: z.boolean(), next_cursor: z.string().nullable() });
