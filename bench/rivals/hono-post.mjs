// POST /v1/keys/verify on bare Hono: the same body read and validated, one SHA-256, the same answer.
import { createHash } from "node:crypto";
import { serve } from "@hono/node-server";
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { announce } from "./announce.mjs";
import { VERIFIED } from "./answers.mjs";

// The schema itself, so that the two can never differ.
const { VerifyKey } = await import(process.env.SCHEMA);

const route = createRoute({
  method: "post",
  path: "/v1/keys/verify",
  request: { body: { content: { "application/json": { schema: VerifyKey } }, required: true } },
  responses: { 200: { description: "The verdict", content: { "application/json": { schema: z.object({}) } } } },
});

const app = new OpenAPIHono();
app.openapi(route, (c) => {
  createHash("sha256").update(c.req.valid("json").key).digest();
  return c.json(VERIFIED, 200);
});
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => announce(port));
