// better-auth's API-key plugin in a bare server, as its documentation sets it up: keys hashed, rate limit on, PostgreSQL through a pool of pg.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";
import { announce } from "./announce.mjs";

const KEYS = Number(process.env.KEYS);

const options = {
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL }),
  secret: randomBytes(32).toString("hex"),
  baseURL: "http://127.0.0.1",
  emailAndPassword: { enabled: true },
  // It counts every call, and never gets to refusing one.
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 60_000, maxRequests: 1_000_000_000 } })],
};
const auth = betterAuth(options);
await (await getMigrations(options)).runMigrations();
const { user } = await auth.api.signUpEmail({
  body: { email: "one@bench.example", name: "One", password: randomBytes(16).toString("hex") },
});
const secrets = [];
for (let i = 0; i < KEYS; i++) secrets.push((await auth.api.createApiKey({ body: { userId: user.id, name: `Key ${i}` } })).key);

const server = createServer(async (request, response) => {
  const key = request.headers.authorization?.slice("Bearer ".length) ?? "";
  const { valid, error, key: found } = await auth.api.verifyApiKey({ body: { key } });
  response.writeHead(valid ? 200 : 401, { "Content-Type": "application/json" }).end(JSON.stringify({ valid, error, key_id: found?.id }));
});
server.listen(0, "127.0.0.1", () => announce(server.address().port, { secrets }));
