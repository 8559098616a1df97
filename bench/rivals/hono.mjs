// The same answer from bare Hono, after the one thing that verifying a key cannot do without: the SHA-256 of its text.
import { createHash } from "node:crypto";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { announce } from "./announce.mjs";
import { AUTH, HEADERS } from "./answers.mjs";

const app = new Hono();
app.get("/v1/auth", (c) => {
  const secret = c.req.header("Authorization")?.slice("Bearer ".length) ?? "";
  createHash("sha256").update(secret).digest();
  return c.json(AUTH, 200, HEADERS);
});
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => announce(port));
