import "server-only";
import { frontOf } from "@/lib/auth/front";
import { handle } from "@/lib/http/app";

/** The public API as Next's route handlers: the same application, told by the front server where the request came from. */
export function mounted(request: Request): Response | Promise<Response> {
  return handle(request, frontOf(request.headers));
}
