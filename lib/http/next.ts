import "server-only";
import { handle } from "@/lib/http/app";
import { frontOf } from "@/lib/http/front";

/** The public API as Next's route handlers: the same application, told by the front server where the request came from. */
export function mounted(request: Request): Response | Promise<Response> {
  return handle(request, frontOf(request.headers));
}
