import "server-only";
import { frontOf } from "@/lib/auth/front";
import { handle } from "@/lib/http/app";
import { fromFetch, toFetch } from "@/lib/http/call";

/** The public API as Next's route handlers: the same application, told by the front server where the request came from. */
export async function mounted(request: Request): Promise<Response> {
  return toFetch(await handle(fromFetch(request), frontOf(request.headers)), request.method);
}
