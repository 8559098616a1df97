import { z } from "zod";
import { now } from "@/lib/clock";
import { endpoint } from "@/lib/endpoint";

/** The data routes of a fresh machine. The route table for an operator's own upstream takes its place here. */

const Status = z.object({ status: z.literal("ok"), environment: z.string(), time: z.string() });

export const gatewayEndpoints = [
  endpoint(
    "GET /v1/status",
    { tag: "Data", summary: "Whether the API answers this key", permission: "data.read", scope: "status", returns: Status },
    async (actor) => ({
      status: "ok" as const,
      environment: actor.environment ?? "live",
      time: new Date(now()).toISOString(),
    }),
  ),
];
