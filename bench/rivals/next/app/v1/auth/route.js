// The same answer from a bare route handler.
import { AUTH } from "../../../../answers.mjs";

export const dynamic = "force-dynamic";

export function GET() {
  return Response.json(AUTH);
}
